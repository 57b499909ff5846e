#include "core/elf_closure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(ElfClosure, OfADynamicProgramHasLoaderAndLibc) {
  const ElfClosure closure = elf_closure("/bin/ls");
  EXPECT_THAT(closure.interpreter, StartsWith("/lib"));
  EXPECT_THAT(closure.libraries, Contains(EndsWith("/libc.so.6")));
  EXPECT_THAT(closure.libraries, testing::Not(Contains(HasSubstr("vdso"))));
  EXPECT_THAT(closure.libraries, testing::Not(Contains(closure.interpreter)));
  for (const std::string& library : closure.libraries) {
    EXPECT_THAT(library, StartsWith("/"));
    EXPECT_TRUE(std::filesystem::is_regular_file(library)) << library;
  }
}

TEST(ElfClosure, IsTheSameWhateverTheEnvironment) {
  const ElfClosure plain = elf_closure("/bin/ls");
  ::setenv("LD_LIBRARY_PATH", "/nonexistent", 1);
  ::setenv("LD_DEBUG", "statistics", 1);
  const ElfClosure other = elf_closure("/bin/ls");
  ::unsetenv("LD_LIBRARY_PATH");
  ::unsetenv("LD_DEBUG");
  EXPECT_EQ(other.libraries, plain.libraries);
}

// Programs that the compiler makes here.
class Compiled : public testing::Test {
 protected:
  void compile(const std::vector<std::string>& arguments) {
    std::ofstream(directory.path() + "/main.c") << "int helper(void); int main(void) { return 0; }\n";
    std::ofstream(directory.path() + "/helper.c")
        << "int getpid(void); int helper(void) { return getpid(); }\n";
    std::vector<std::string> argv{"cc"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    run_checked(argv);
  }
  std::string at(const std::string& name) const { return directory.path() + "/" + name; }
  TempDir directory;
};

TEST_F(Compiled, StaticProgramNeedsNothing) {
  ASSERT_NO_THROW(find_program("cc"));
  compile({"-c", "-o", at("helper.o"), at("helper.c")});
  compile({"-static", "-o", at("static"), at("main.c"), at("helper.o")});
  const ElfClosure closure = elf_closure(at("static"));
  EXPECT_EQ(closure.interpreter, "");
  EXPECT_THAT(closure.libraries, IsEmpty());

  ImageContent content;
  add_program(content, "/bin/static", at("static"));
  EXPECT_EQ(content.entries().size(), 2U);
}

TEST_F(Compiled, SharedObjectNeedsALoaderToBeAsked) {
  compile({"-shared", "-fPIC", "-o", at("libhelper.so"), at("helper.c")});
  EXPECT_THAT(elf_closure(at("libhelper.so")).libraries, IsEmpty());
  const std::string loader = elf_closure("/bin/ls").interpreter;
  const ElfClosure closure = elf_closure(at("libhelper.so"), loader);
  EXPECT_EQ(closure.interpreter, "");
  EXPECT_THAT(closure.libraries, Contains(EndsWith("/libc.so.6")));
}

TEST_F(Compiled, FollowsTheProgramsOwnSearchPath) {
  std::filesystem::create_directories(at("lib"));
  compile({"-shared", "-fPIC", "-o", at("lib/libhelper.so"), at("helper.c")});
  compile({"-o", at("program"), at("main.c"), "-Wl,--no-as-needed", "-L" + at("lib"), "-lhelper",
           "-Wl,-rpath,$ORIGIN/bin/../lib"});
  std::filesystem::create_directories(at("bin"));
  EXPECT_THAT(elf_closure(at("program")).libraries, Contains(at("lib/libhelper.so")));
}

TEST_F(Compiled, NamesALibraryThatIsMissing) {
  compile({"-shared", "-fPIC", "-o", at("libhelper.so"), at("helper.c")});
  compile({"-o", at("program"), at("main.c"), "-Wl,--no-as-needed", "-L" + directory.path(), "-lhelper"});
  try {
    elf_closure(at("program"));
    FAIL() << "found libhelper.so in no search path";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_EQ(std::string(error.what()),
              "cannot resolve libraries of '" + at("program") + "': library 'libhelper.so' is not installed");
  }
}

TEST_F(Compiled, NamesALoaderThatIsMissing) {
  compile({"-c", "-o", at("helper.o"), at("helper.c")});
  compile({"-o", at("program"), at("main.c"), at("helper.o"), "-Wl,--dynamic-linker=/nonexistent/ld.so"});
  try {
    elf_closure(at("program"));
    FAIL() << "asked a loader that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.what(), HasSubstr("its loader '/nonexistent/ld.so' is not installed"));
  }
}

TEST(ElfClosure, RefusesWhatIsNoElfFile) {
  const TempFile script;
  std::ofstream(script.path())
      << "#!/bin/sh\necho a script long enough to hold an ELF header, which it does not\n";
  const TempFile cut;
  std::ofstream(cut.path(), std::ios::binary) << "\x7f"
                                              << "ELF\x02\x01\x01" << std::string(20, '\0');
  const TempFile empty;
  for (const TempFile* file : {&script, &cut, &empty}) {
    try {
      elf_closure(file->path());
      ADD_FAILURE() << "read libraries out of no ELF file";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.what();
    }
  }
  try {
    elf_closure("/nonexistent");
    FAIL() << "read a file that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
}

TEST(ElfClosure, ImageHasEveryFileAtItsPath) {
  ImageContent content;
  add_program(content, "/usr/bin/list", "/bin/ls");
  const ElfClosure closure = elf_closure("/bin/ls");
  EXPECT_TRUE(content.entries().contains("usr/bin/list"));
  EXPECT_TRUE(content.entries().contains(closure.interpreter.substr(1)));
  for (const std::string& library : closure.libraries) {
    const auto found = content.entries().find(library.substr(1));
    ASSERT_NE(found, content.entries().end()) << library;
    EXPECT_TRUE(std::holds_alternative<ImageEntry::HostFile>(found->second.what)) << library;
  }
}

}  // namespace
}  // namespace drydock::core
