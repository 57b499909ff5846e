// drydock-test-image OUT.tar TAG [--ca FILE]: writes the tests' image as a docker-archive and prints its id.
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "test_image.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  drydock::test::TestImageOptions options;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--ca" && i + 1 < arguments.size()) {
      options.ca_file = arguments[++i];
    } else {
      names.push_back(arguments[i]);
    }
  }
  if (names.size() != 2) {
    std::fputs("usage: drydock-test-image OUT.tar TAG [--ca FILE]\n", stderr);
    return 2;
  }
  try {
    options.tag = names[1];
    std::printf("%s\n", drydock::test::write_test_image(names[0], options).id.c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drydock-test-image: %s\n", error.what());
    return 1;
  }
}
