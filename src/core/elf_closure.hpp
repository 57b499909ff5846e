// The files that a dynamic ELF program needs to run in an image that has nothing else: its interpreter (the
// loader) and its shared libraries, at the paths where that loader looks for them.
#pragma once

#include <string>
#include <vector>

#include "core/image_archive.hpp"

namespace drydock::core {

struct ElfClosure {
  std::string interpreter;             // as the program names it; empty: the program is static
  std::vector<std::string> libraries;  // absolute, sorted, as the loader names them; may be symlinks
};

// Asks the program's own loader, which maps the program and does not run it, and which looks only where it
// would in an image without a loader cache. A shared object names no loader of its own: `loader` is then
// used, and without one the closure is empty. Throws Error(not_found) for a missing file or library,
// Error(invalid) for what is no ELF file of this machine.
ElfClosure elf_closure(const std::string& path, const std::string& loader = {},
                       const StopSource* stop = nullptr);

// The loader that an ELF file of this machine names (PT_INTERP); empty when it is static. Throws as above.
std::string elf_interpreter(const std::string& path);

// Adds the host's program, and what it needs, to the image.
void add_program(ImageContent& content, const std::string& path, const std::string& host_path,
                 const StopSource* stop = nullptr);

// Adds the interpreter and libraries of a closure to the image, each as a real file at its path.
void add_closure(ImageContent& content, const ElfClosure& closure);

}  // namespace drydock::core
