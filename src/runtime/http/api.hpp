// JSON calls on an engine's API: the client, a version prefix, and refusals turned into Errors that carry the
// engine's own words.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "runtime/http/client.hpp"

namespace drydock::runtime::http {

// "1.41" as {1, 41}. Anything else is {0, 0}.
struct ApiVersion {
  int major = 0;
  int minor = 0;
  static ApiVersion parse(std::string_view text);
  std::string to_string() const;
  // clang-tidy 14 takes the comparison with 0 that is made here for a null pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const ApiVersion&, const ApiVersion&) = default;
};

// What was wrong, from an error body: {"cause","message"} or {"message"}, plain text, or the status itself.
// One line, fit for a terminal.
std::string error_words(int status, std::string_view body, std::string_view content_type);

class Api {
 public:
  // What a call is for, as in "create network 'x'"; errors begin "cannot " + it.
  struct Call {
    std::string purpose{};
    std::string method = "GET";
    std::string path{};   // below the version prefix
    Json body = nullptr;  // null: none
    bool patient = false;
    std::chrono::milliseconds patience{0};  // as Request has it
    bool awaited = false;                   // likewise
    ApiVersion minimum{};                   // of this endpoint; lower: Error(unsupported) that names both
  };

  Api(std::string engine, std::string socket, const StopSource* stop);

  // Another of the same engine, for another thread. It does not revive what does not listen.
  std::unique_ptr<Api> another() const;

  void set_version(ApiVersion version, std::string prefix);
  ApiVersion version() const { return version_; }
  const std::string& prefix() const { return prefix_; }
  const std::string& engine() const { return engine_; }
  const StopSource* stop() const { return stop_; }
  Client& client() { return client_; }

  // The answer's JSON (null when there is none). Non-2xx is an Error: 404 not_found, 409 conflict, 403 and
  // 401 permission, else engine. 304 (already so) is success.
  Json call(const Call& call);
  // Writes the answer's bytes to the file `path`, which is created or replaced (0600). Throws the same, and
  // Error(invalid) when there are more than `limit`, Error(permission) when it cannot be written.
  void call_to_file(const Call& call, const std::string& path, std::uint64_t limit);
  // Throws the Error for a refused call. Always throws.
  [[noreturn]] void fail(const std::string& purpose, int status, std::string_view body,
                         std::string_view content_type = {}) const;

 private:
  std::string engine_;
  const StopSource* stop_;
  Client client_;
  ApiVersion version_;
  std::string prefix_;
};

}  // namespace drydock::runtime::http
