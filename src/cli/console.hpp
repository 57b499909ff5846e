// The terminal as commands see it: data on stdout, talk on stderr.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "core/talk.hpp"

namespace drydock::cli {

class Console : public core::Talk {
 public:
  void configure(bool quiet, int verbose, bool json);
  bool json() const { return json_; }
  int verbose() const { return verbose_; }

  // Writes to stdout, whole. A closed stdout (EPIPE) ends the process as SIGPIPE would: nobody reads.
  void print(const std::string& text);
  // The same for a container's bytes, to stderr when they were written there.
  void pass_on(bool to_stderr, std::string_view bytes);

  void say(const std::string& text) override;
  void warn(const std::string& text) override;
  void progress(const std::string& text) override;

  // The error as users see it: "drydock: error: …" and a hint, or with --json one object.
  void report(const Error& error, int exit_status);

 private:
  bool quiet_ = false;
  bool json_ = false;
  int verbose_ = 0;
};

}  // namespace drydock::cli
