// Words of commands that drydock shows to be typed.
#pragma once

#include <string>

namespace drydock {

// As a shell reads it back.
std::string shell_word(const std::string& text);

}  // namespace drydock
