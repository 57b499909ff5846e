// What `drydock egress watch` shows: the hosts of a decision log, put together line by line, drawn as text,
// and what a key means. Pure: no terminal, no clock, no engine.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "core/tunnel_traffic.hpp"
#include "policy/entries.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct BoardRow {
  enum class Verdict { asking, denied, failed, allowed };

  std::string host;                   // as it was asked for: foreign text
  Verdict verdict = Verdict::denied;  // the last
  std::uint64_t opened = 0;
  std::uint64_t denied = 0;
  std::uint64_t sent = 0;  // octets
  std::uint64_t received = 0;
  std::string why;         // the last reason, or the entry that admitted it
  std::string admits;      // the entry that a key would add; empty: no key can
  std::string by;          // the entry that admitted it last, and its source
  bool lasting = false;    // that one is not of this session alone
  std::uint64_t last = 0;  // grows with every line
};

struct BoardKey {
  enum class What { none, quit, redraw, allow_session, allow_project, allow_everywhere };

  What what = What::none;
  std::string host;  // to be allowed: an entry
};

class DecisionBoard {
 public:
  static constexpr std::size_t limit = 1000;  // hosts; what comes beyond is counted only

  DecisionBoard(std::string session, std::string project)
      : session_(std::move(session)), project_(std::move(project)) {}

  // A line of the log; what is none, and the canary's, is passed over. Returns whether it tells of other
  // rules: then hold_to() is due.
  bool add(std::string_view line);
  // By what the session allows now: a host that was allowed and is not any more says so, and a key can allow
  // it again.
  void hold_to(const policy::Entries& rules);
  // Who asks first, then who was denied and could be allowed, then the rest; the most recent first.
  std::vector<BoardRow> rows() const;

  // What was typed. An arrow, j or k chooses another row; s, p and e allow the chosen one's host. Bytes of
  // an unknown key are dropped.
  std::vector<BoardKey> type(std::string_view bytes);
  // The chosen row's host.
  std::string chosen() const;

  // Shown at the bottom until the next key; empty: the keys.
  void set_message(std::string message) { message_ = std::move(message); }
  // One screen full, each line as wide as the screen at most and cleared to its end.
  std::string draw(runtime::TerminalSize size) const;

 private:
  bool take(const Json& json);
  void move(int by);
  BoardKey allow(BoardKey::What what);

  std::string session_;
  std::string project_;
  std::map<std::string, BoardRow> rows_;
  TunnelTraffic traffic_;
  std::string chosen_;  // empty: the first
  std::string typed_;   // the beginning of an arrow key
  std::string message_;
  std::uint64_t count_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t beyond_ = 0;
};

}  // namespace drydock::core
