#include "core/bootstrap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "base/version.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

// An image store that believes the archives it gets.
class FakeEngine : public runtime::Engine, public runtime::Images {
 public:
  runtime::System& system() override { throw std::logic_error("no system"); }
  runtime::Networks& networks() override { throw std::logic_error("no networks"); }
  runtime::Containers& containers() override { throw std::logic_error("no containers"); }
  runtime::Execs& execs() override { throw std::logic_error("no execs"); }
  runtime::Images& images() override { return *this; }

  runtime::ImageReport inspect(const std::string& reference) override {
    const auto found = store.find(reference);
    if (found == store.end())
      throw Error(ErrorKind::not_found, "cannot find image '" + reference + "': none");
    return found->second;
  }
  void load(const std::string& path) override {
    ++loads;
    const Json manifest =
        parse_json(run_checked({"tar", "-xOf", path, "manifest.json"}).output, "manifest").at(0);
    const std::string name = require_string(manifest, "Config");
    const std::string text = run_checked({"tar", "-xOf", path, name}).output;
    runtime::ImageReport report;
    report.id = "sha256:" + sha256_hex(text);
    report.labels = parse_json(text, "config").at("config").at("Labels").get<runtime::Labels>();
    report.command = strings_or_empty(parse_json(text, "config").at("config"), "Cmd");
    store[strings_or_empty(manifest, "RepoTags").at(0)] = report;
  }
  std::vector<runtime::ImageSummary> list(const std::string&) override { return {}; }
  void pull(const std::string& reference, const std::function<void(const std::string&)>&) override {
    throw Error(ErrorKind::internal, "cannot pull image '" + reference + "': nobody asked for it");
  }
  void save(const std::string& reference, const std::string&, std::uint64_t) override {
    throw Error(ErrorKind::internal, "cannot save image '" + reference + "': nobody asked for it");
  }
  void remove(const std::string& reference) override { removed.push_back(reference); }

  std::map<std::string, runtime::ImageReport> store;
  std::vector<std::string> removed;
  int loads = 0;
};

class BaseImage : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* value = std::getenv("XDG_CACHE_HOME")) earlier_ = value;
    ::setenv("XDG_CACHE_HOME", directory.path().c_str(), 1);
    make_tar("one");
  }
  void TearDown() override {
    earlier_ ? ::setenv("XDG_CACHE_HOME", earlier_->c_str(), 1) : ::unsetenv("XDG_CACHE_HOME");
  }
  void make_tar(const std::string& text) {
    std::filesystem::create_directories(directory.path() + "/root/etc");
    std::ofstream(directory.path() + "/root/etc/os-release") << text;
    run_checked({"tar", "-C", directory.path() + "/root", "-cf", tar(), "."});
  }
  std::string tar() const { return directory.path() + "/rootfs.tar"; }
  OwnImage ensure(const std::string& base, bool no_cache = false) {
    BaseRequest request;
    request.base = base;
    request.no_cache = no_cache;
    return ensure_base_image(engine, request);
  }
  FakeEngine engine;
  TempDir directory;

 private:
  std::optional<std::string> earlier_;
};

TEST_F(BaseImage, ReferenceHasTheVersion) {
  EXPECT_EQ(base_image_reference(), std::string("localhost/drydock-base:") + version);
}

TEST_F(BaseImage, IsMadeFromATarOnce) {
  const OwnImage image = ensure(tar());
  EXPECT_EQ(image.reference, base_image_reference());
  EXPECT_EQ(image.content, sha256_of_file(tar()));
  const runtime::ImageReport report = engine.inspect(image.reference);
  EXPECT_EQ(report.labels.at(image_kind_label), "base");
  EXPECT_EQ(report.labels.at(image_content_label), image.content);
  EXPECT_THAT(report.command, testing::ElementsAre("/bin/bash"));
  ensure(tar());
  EXPECT_EQ(engine.loads, 1);
  ensure(tar(), true);
  EXPECT_EQ(engine.loads, 2);
  EXPECT_TRUE(engine.removed.empty()) << "the same image again replaces nothing";
}

TEST_F(BaseImage, ReplacesTheOneBefore) {
  ensure(tar());
  const std::string before = engine.inspect(base_image_reference()).id;
  make_tar("two");
  ensure(tar());
  EXPECT_THAT(engine.removed, testing::ElementsAre(before));
}

TEST_F(BaseImage, LeavesNoArchiveBehind) {
  ensure(tar());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path() + "/drydock"));
}

TEST_F(BaseImage, OfTheEnginesOwnIsTakenAsItIs) {
  engine.store["docker.io/library/debian:12"].id = "sha256:abc";
  const OwnImage image = ensure("docker.io/library/debian:12");
  EXPECT_EQ(image.reference, "docker.io/library/debian:12");
  EXPECT_EQ(image.content, "sha256:abc");
  EXPECT_EQ(engine.loads, 0);
}

TEST_F(BaseImage, AFileInTheFolderIsNoImage) {
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  std::filesystem::copy_file("rootfs.tar", "debian");
  EXPECT_THROW(ensure("debian"), Error);
  EXPECT_NO_THROW(ensure("./debian"));
  std::filesystem::current_path(here);
}

TEST_F(BaseImage, SaysWhatIsWrongWithIt) {
  const auto failure = [&](const std::string& base) {
    try {
      ensure(base);
    } catch (const Error& error) {
      return std::string(to_string(error.kind())) + ": " + error.what();
    }
    return std::string("no error");
  };
  EXPECT_EQ(failure("./nosuch.tar"), "not_found: cannot use base './nosuch.tar': no such file");
  EXPECT_EQ(failure("/etc/passwd"), "invalid: cannot use base '/etc/passwd': it is no tar archive");
  EXPECT_THAT(failure("nosuch:1"), HasSubstr("not_found: cannot find image 'nosuch:1'"));
}

// A mmdebstrap of ours, which notes what it was called with and makes a tar.
class Bootstrap : public BaseImage {
 protected:
  void SetUp() override {
    BaseImage::SetUp();
    std::filesystem::create_directory(directory.path() + "/bin");
    path_ = std::getenv("PATH");
    ::setenv("PATH", (directory.path() + "/bin:" + path_).c_str(), 1);
    set_mmdebstrap("for last; do :; done\ncp \"$last\" " + directory.path() + "/sources\n" +
                   "printf '%s\\n' \"$@\" >" + directory.path() + "/arguments\n" +
                   "while [ $# -gt 2 ]; do shift; done\ncat " + tar() + " >\"$1\"\n" +
                   "echo 'I: working hard...' >&2\necho 'I: done' >&2\n");
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    BaseImage::TearDown();
  }
  void set_mmdebstrap(const std::string& script) {
    const std::string program = directory.path() + "/bin/mmdebstrap";
    std::ofstream(program) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }
  bool supported() {
    try {
      ensure(bootstrap_keyword);
      return true;
    } catch (const Error& error) {
      const bool here = error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::not_found;
      if (here) ADD_FAILURE() << error.what();
      return false;
    }
  }

 private:
  std::string path_;
};

TEST_F(Bootstrap, IsCachedAndMadeAnewWhenAsked) {
  if (!supported()) GTEST_SKIP() << "this machine's apt has no Debian or Ubuntu source";
  EXPECT_EQ(engine.loads, 1);
  std::filesystem::remove(directory.path() + "/arguments");
  engine.store.clear();
  ensure(bootstrap_keyword);
  EXPECT_EQ(engine.loads, 2);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/arguments")) << "the cache was not used";
  ensure(bootstrap_keyword, true);
  EXPECT_EQ(engine.loads, 3);
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/arguments"));
}

TEST_F(Bootstrap, TellsItsSteps) {
  BaseRequest request;
  std::vector<std::string> steps;
  request.progress = [&](const std::string& text) { steps.push_back(text); };
  if (!supported()) GTEST_SKIP() << "this machine's apt has no Debian or Ubuntu source";
  request.no_cache = true;
  ensure_base_image(engine, request);
  EXPECT_THAT(steps, testing::Contains("working hard..."));
  EXPECT_THAT(steps, testing::Not(testing::Contains("done")));
}

TEST_F(Bootstrap, TellsTheFirstComplaintAndCachesNothing) {
  if (!supported()) GTEST_SKIP() << "this machine's apt has no Debian or Ubuntu source";
  set_mmdebstrap(
      "echo 'I: running' >&2\necho 'E: Failed to fetch it' >&2\necho 'E: mmdebstrap failed to run' >&2\nexit "
      "25\n");
  try {
    ensure(bootstrap_keyword, true);
    FAIL() << "it failed";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot build image 'localhost/drydock-base': Failed to fetch it");
  }
  int files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(directory.path() + "/drydock"))
    ++files;
  EXPECT_EQ(files, 1) << "the root file system of the build before, and nothing else";
}

}  // namespace
}  // namespace drydock::core
