# One interface target carries the warning flags; every target of ours links it, no header of another project sees it.
add_library(drydock_warnings INTERFACE)
target_compile_options(drydock_warnings INTERFACE
  -Wall -Wextra -Wpedantic
  -Wshadow              # a name that hides another is a bug waiting
  -Wconversion          # silent narrowing
  -Wsign-conversion
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  -Wnull-dereference
  -Wformat=2)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these in inlined library code it cannot see through.
  target_compile_options(drydock_warnings INTERFACE -Wno-null-dereference -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(DRYDOCK_WERROR)
  target_compile_options(drydock_warnings INTERFACE -Werror)
endif()
