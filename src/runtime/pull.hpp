// What the two engines' ways to fetch an image from its registry have in common: a stream of JSON lines, and
// a failure in words that only a person was meant to read.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "runtime/http/api.hpp"

namespace drydock::runtime {

using PullProgress = std::function<void(const std::string& text)>;

// Whether a reference says which image of its repository is meant: NAME:TAG or NAME@DIGEST.
bool has_tag_or_digest(std::string_view reference);

// The Error for what an engine says of a pull that failed: permission, not_found, unavailable, or engine,
// with a hint.
Error pull_error(const std::string& engine, const std::string& reference, std::string_view words);

// Reads the stream of a pull. Progress is told once for each step, and not more often than once for each
// tenth of what is to be fetched.
class PullStream {
 public:
  explicit PullStream(PullProgress progress) : progress_(std::move(progress)) {}
  void add_line(std::string_view line);
  // What the engine says went wrong; empty: nothing.
  const std::string& failure() const { return failure_; }

 private:
  struct Blob {
    std::int64_t done = 0;
    std::int64_t whole = 0;
  };
  void say(const std::string& text);
  void add_blob(const std::string& name, std::int64_t done, std::int64_t whole);

  PullProgress progress_;
  std::string failure_;
  std::string last_;
  std::map<std::string, Blob> blobs_;
  std::int64_t told_ = -1;
};

// POSTs `target` (below the version prefix), reads the stream and throws pull_error() for a refusal.
void pull(http::Api& api, const std::string& reference, const std::string& target,
          const PullProgress& progress);

}  // namespace drydock::runtime
