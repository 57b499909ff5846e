#include "core/decision_board.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/host_verdict.hpp"
#include "core/live_filter.hpp"
#include "policy/judge.hpp"

namespace drydock::core {
namespace {

using Verdict = BoardRow::Verdict;
using What = BoardKey::What;

constexpr std::string_view canary_names = ".drydock.invalid";
constexpr const char* keys = "allow for  s: this session  p: this project  e: everywhere     q: leave";
constexpr int default_rows = 24;
constexpr int default_columns = 80;

std::uint64_t number(const Json& json, const char* key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(json, key, 0)));
}

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::asking:
      return "ASKS";
    case Verdict::denied:
      return "denied";
    case Verdict::failed:
      return "failed";
    case Verdict::allowed:
      return "allowed";
  }
  return "";
}

int rank(const BoardRow& row) {
  if (row.verdict == Verdict::asking) return 0;
  return row.verdict == Verdict::denied && !row.admits.empty() ? 1 : 2;
}

std::string size_text(std::uint64_t octets) {
  constexpr std::array units{"B", "K", "M", "G", "T"};
  std::size_t unit = 0;
  while (octets >= 10240 && unit + 1 < units.size()) {
    octets /= 1024;
    ++unit;
  }
  return std::to_string(octets) + units[unit];
}

// One line of printable text in `width` columns; longer text ends in dots.
std::string fit(const std::string& text, std::size_t width) {
  constexpr std::size_t dots = 3;
  const std::string line = one_line(text, 8192);
  return line.size() <= width ? line : one_line(text, width - dots);
}

std::string pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string left_pad(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

void admit(BoardRow& row, const std::string& rule, const std::string& source) {
  row.by = rule + (source.empty() ? "" : " (" + source + ")");
  row.lasting = source != live_source && !starts_with(source, "--");
  if (!row.lasting) row.admits = allow_host(row.host, policy::not_listed);
}

void end_admission(BoardRow& row) {
  row.verdict = Verdict::denied;
  row.why = policy::no_longer_allowed;
  row.by.clear();
  row.lasting = false;
  row.admits = allow_host(row.host, row.why);
}

}  // namespace

bool DecisionBoard::add(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return false;
  try {
    return take(json);
  } catch (const Error&) {
    return false;  // no line of a guard's
  }
}

bool DecisionBoard::take(const Json& json) {
  opened_ = std::max(opened_, number(json, "opened"));
  const std::uint64_t refused = number(json, "refused");
  refused_ = find_member(json, "withdraws") != nullptr ? refused : std::max(refused_, refused);
  const std::string event = string_or(json, "event");
  const std::string host = string_or(json, "host");
  const Octets octets = traffic_.take(json);
  const bool known = event == "open" || event == "progress" || event == "close" || event == "denied" ||
                     event == "ask" || event == "answer";
  if (event == "expired" || (event == "reload" && string_or(json, "verdict") == "allowed")) return true;
  if (!known || host.empty() || ends_with(host, canary_names)) return false;
  if (rows_.count(host) == 0 && rows_.size() >= limit) {
    ++beyond_;
    return false;
  }
  BoardRow& row = rows_[host];
  row.host = host;
  row.sent += octets.sent;
  row.received += octets.received;
  const std::string reason = string_or(json, "reason");
  const std::string rule = string_or(json, "rule");
  // No verdict, and no reason for a row to move; but its open may be missing.
  if (event == "progress" && row.last != 0) return false;
  row.last = ++count_;
  if (event == "open" || event == "progress") {
    if (event == "open") ++row.opened;
    row.verdict = Verdict::allowed;
    row.why = "by " + rule;
    admit(row, rule, string_or(json, "source"));
  } else if (event == "close" && reason == policy::no_longer_allowed) {
    end_admission(row);
  } else if (event == "close") {
    // One that carried nothing was never open.
    if (find_member(json, "sent") == nullptr) {
      row.verdict = Verdict::failed;
      if (!rule.empty()) admit(row, rule, string_or(json, "source"));
    }
    if (!reason.empty()) row.why = reason;
  } else {
    if (event == "denied") ++row.denied;
    const bool yes = event == "answer" && string_or(json, "verdict") == "allowed";
    row.denied -= std::min(row.denied, number(json, "withdraws"));
    row.verdict = event == "ask" ? Verdict::asking : yes ? Verdict::allowed : Verdict::denied;
    row.why = reason;
    const std::string admits = allow_host(host, reason);
    if (!admits.empty() || event == "denied") row.admits = admits;
    if (event == "ask") row.admits = host;
    if (yes && !rule.empty()) admit(row, rule, string_or(json, "source"));
  }
  return false;
}

void DecisionBoard::hold_to(const policy::Entries& rules) {
  for (auto& [host, row] : rows_) {
    const bool admitted = row.verdict == Verdict::allowed || row.verdict == Verdict::failed;
    if (!admitted || row.by.empty()) continue;
    if (const policy::Entry* entry = rules.match(host)) {
      admit(row, entry->pattern, entry->source);
    } else {
      end_admission(row);
      row.last = ++count_;
    }
  }
}

std::vector<BoardRow> DecisionBoard::rows() const {
  std::vector<BoardRow> all;
  for (const auto& [host, row] : rows_) all.push_back(row);
  std::sort(all.begin(), all.end(), [](const BoardRow& a, const BoardRow& b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.last > b.last;
  });
  return all;
}

std::string DecisionBoard::chosen() const {
  if (rows_.count(chosen_) != 0) return chosen_;
  const auto all = rows();
  return all.empty() ? std::string{} : all.front().host;
}

void DecisionBoard::move(int by) {
  const auto all = rows();
  const std::string now = chosen();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const BoardRow& row) { return row.host == now; });
  if (found == all.end()) return;
  const auto at =
      std::clamp<std::ptrdiff_t>(found - all.begin() + by, 0, static_cast<std::ptrdiff_t>(all.size()) - 1);
  chosen_ = all[static_cast<std::size_t>(at)].host;
}

BoardKey DecisionBoard::allow(What what) {
  const auto found = rows_.find(chosen());
  if (found == rows_.end()) return {What::redraw, {}};
  const BoardRow& row = found->second;
  const std::string name = one_line(row.host);
  const bool failed = row.verdict == Verdict::failed;
  const bool admitted = row.verdict == Verdict::allowed || (failed && !row.by.empty());
  if (admitted && (row.lasting || what == What::allow_session)) {
    const std::string by = row.by.empty() ? "" : ", by " + one_line(row.by);
    set_message(failed ? name + " is allowed" + by + "; it failed: " + one_line(row.why)
                       : name + " is allowed already" + by);
    return {What::redraw, {}};
  }
  if (row.admits.empty()) {
    set_message(
        (failed ? name + " failed, and no allowlist mends that: " : "no allowlist can allow " + name + ": ") +
        one_line(row.why));
    return {What::redraw, {}};
  }
  return {what, row.admits};
}

std::vector<BoardKey> DecisionBoard::type(std::string_view bytes) {
  std::vector<BoardKey> typed;
  for (const char byte : bytes) {
    typed_ += byte;
    if (typed_ == "\x1b" || typed_ == "\x1b[" || typed_ == "\x1bO") continue;
    const std::string key = std::exchange(typed_, {});
    message_.clear();
    if (key == "q" || key == "\x03" || key == "\x04") {
      typed.push_back({What::quit, {}});
    } else if (key == "s") {
      typed.push_back(allow(What::allow_session));
    } else if (key == "p") {
      typed.push_back(allow(What::allow_project));
    } else if (key == "e") {
      typed.push_back(allow(What::allow_everywhere));
    } else {
      if (key == "j" || key == "\x1b[B" || key == "\x1bOB") move(1);
      if (key == "k" || key == "\x1b[A" || key == "\x1bOA") move(-1);
      typed.push_back({What::redraw, {}});
    }
  }
  return typed;
}

std::string DecisionBoard::draw(runtime::TerminalSize size) const {
  const std::size_t height = size.rows > 0 ? size.rows : default_rows;
  const std::size_t width = size.columns > 0 ? size.columns : default_columns;
  constexpr std::size_t numbers = 8 + 6 + 7 + 8 + 9;
  const std::size_t host_width =
      std::clamp<std::size_t>(width > numbers + 24 ? (width - numbers) / 2 : 24, 16, 60);
  std::vector<std::string> lines;
  lines.push_back(fit("session " + session_ + "  " + project_ + "  " + std::to_string(opened_) +
                          " tunnels, " + std::to_string(refused_) + " refused" +
                          (beyond_ > 0 ? ", and more hosts than are told apart" : ""),
                      width));
  lines.push_back(fit(pad("", 8) + pad("HOST", host_width) + left_pad("OPEN", 6) + left_pad("DENIED", 7) +
                          left_pad("SENT", 8) + left_pad("RECEIVED", 9) + "  WHY",
                      width));
  const auto all = rows();
  const std::string now = chosen();
  const std::size_t room = height > 4 ? height - 4 : 1;
  const auto at = static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(), [&](const BoardRow& row) { return row.host == now; }) -
      all.begin());
  const std::size_t first = at < room ? 0 : at - room + 1;
  for (std::size_t i = first; i < std::min(all.size(), first + room); ++i) {
    const BoardRow& row = all[i];
    const std::string text =
        fit(pad(word_of(row.verdict), 8) + pad(fit(row.host, host_width - 1), host_width) +
                left_pad(std::to_string(row.opened), 6) + left_pad(std::to_string(row.denied), 7) +
                left_pad(size_text(row.sent), 8) + left_pad(size_text(row.received), 9) + "  " + row.why,
            width);
    // Reverse video marks the chosen one; where there is none, the mark is the only loss.
    lines.push_back(row.host == now ? "\x1b[7m" + text + "\x1b[0m" : text);
  }
  if (all.empty()) lines.emplace_back("nothing was asked for yet");
  while (lines.size() + 1 < height) lines.emplace_back();
  lines.push_back(fit(message_.empty() ? keys : message_, width));
  std::string screen = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) screen += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  return screen + "\x1b[J";
}

}  // namespace drydock::core
