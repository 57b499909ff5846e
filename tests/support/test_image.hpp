// The image that tests run: a small userland out of the packages installed on this machine, made by the same
// code as drydock's own images.
//
// It has busybox (static, with its applets in /bin), curl, git, openssl, python3 with its standard library, the
// CA bundle, and /usr/bin/notexec, a regular file that nobody may execute.
#pragma once

#include <string>

#include "core/image_archive.hpp"

namespace drydock::test {

struct TestImageOptions {
  std::string tag = "localhost/drydock-test:latest";
  std::string ca_file;  // PEM, appended to the image's CA bundle; may be empty
};

core::ImageContent test_image_content(const TestImageOptions& options);

// Writes the archive to `path`. Throws Error when a package is missing.
core::WrittenImage write_test_image(const std::string& path, const TestImageOptions& options);

}  // namespace drydock::test
