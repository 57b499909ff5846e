#include "core/sidecar_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// An engine with an image store and nothing else. What load() puts into it is up to the test.
class FakeEngine : public runtime::Engine, public runtime::Images {
 public:
  runtime::System& system() override { throw std::logic_error("no system"); }
  runtime::Networks& networks() override { throw std::logic_error("no networks"); }
  runtime::Containers& containers() override { throw std::logic_error("no containers"); }
  runtime::Execs& execs() override { throw std::logic_error("no execs"); }
  runtime::Images& images() override { return *this; }

  runtime::ImageReport inspect(const std::string& reference) override {
    inspected = reference;
    if (!stored) throw Error(ErrorKind::not_found, "no such image");
    runtime::ImageReport report;
    report.labels = *stored;
    return report;
  }
  void load(const std::string& path) override {
    ++loads;
    archive = path;
    on_load(path);
  }
  std::vector<runtime::ImageSummary> list(const std::string&) override { return {}; }
  void pull(const std::string& reference, const std::function<void(const std::string&)>&) override {
    throw Error(ErrorKind::internal, "cannot pull image '" + reference + "': nobody asked for it");
  }
  void save(const std::string& reference, const std::string&, std::uint64_t) override {
    throw Error(ErrorKind::internal, "cannot save image '" + reference + "': nobody asked for it");
  }
  void remove(const std::string&) override {}

  std::optional<runtime::Labels> stored;
  std::function<void(const std::string&)> on_load = [](const std::string&) {};
  int loads = 0;
  std::string archive;
  std::string inspected;
};

// A PATH in which `tinyproxy` is a script of ours, or is nowhere.
class SidecarImageTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::filesystem::exists("/usr/sbin/tinyproxy"))
      GTEST_SKIP() << "find_program() would find it in /usr/sbin";
    earlier_ = std::getenv("PATH");
    ::setenv("PATH", directory.path().c_str(), 1);
  }
  void TearDown() override {
    if (!earlier_.empty()) ::setenv("PATH", earlier_.c_str(), 1);
  }
  void install_script(const std::string& text) {
    std::ofstream(program()) << "#!/bin/sh\n" << text;
    std::filesystem::permissions(program(), std::filesystem::perms::owner_all);
  }
  std::string program() const { return directory.path() + "/tinyproxy"; }

  TempDir directory;
  FakeEngine engine;

 private:
  std::string earlier_;
};

TEST_F(SidecarImageTest, SaysWhatToInstall) {
  try {
    ensure_sidecar_image(engine);
    FAIL() << "built it out of nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_STREQ(error.what(), "cannot build image 'localhost/drydock-egress': tinyproxy is not installed");
    EXPECT_EQ(error.hint(), "apt install tinyproxy-bin");
  }
}

TEST_F(SidecarImageTest, ReferenceHasBothVersions) {
  install_script("echo tinyproxy 1.11.1-rc1\n");
  EXPECT_EQ(sidecar_image_reference(), std::string("localhost/drydock-egress:") + version + "-1.11.1-rc1");
}

TEST_F(SidecarImageTest, RefusesAVersionThatIsNoTag) {
  for (const char* answer : {"echo", "echo tinyproxy", "echo 'tinyproxy 1/../2'", "echo something 1.0"}) {
    install_script(std::string(answer) + "\n");
    EXPECT_THROW(sidecar_image_reference(), Error) << answer;
  }
}

TEST_F(SidecarImageTest, FailsWhenTheProgramIsNoElfFile) {
  install_script("echo tinyproxy 1.0\n");
  EXPECT_THROW(ensure_sidecar_image(engine), Error);
  EXPECT_EQ(engine.loads, 0);
}

// With the tinyproxy of this machine.
class RealSidecarImage : public testing::Test {
 protected:
  void SetUp() override {
    try {
      find_program("tinyproxy");
    } catch (const Error&) {
      GTEST_SKIP() << "tinyproxy is not installed";
    }
    // The engine takes the labels out of the archive, as a real one does.
    engine.on_load = [this](const std::string& path) {
      const std::string config = run_checked({"tar", "--wildcards", "-xOf", path, "*.json"}).output;
      const std::string key = std::string("\"") + image_content_label + "\":\"";
      const auto begin = config.find(key);
      ASSERT_NE(begin, std::string::npos);
      engine.stored = {{image_content_label, config.substr(begin + key.size(), 64)}};
    };
  }
  FakeEngine engine;
};

TEST_F(RealSidecarImage, IsBuiltOnceAndFoundAfterwards) {
  const SidecarImage first = ensure_sidecar_image(engine);
  EXPECT_EQ(engine.loads, 1);
  EXPECT_EQ(engine.inspected, first.reference);
  EXPECT_THAT(first.reference, StartsWith(std::string("localhost/drydock-egress:") + version + "-"));
  EXPECT_EQ(first.content.size(), 64U);
  EXPECT_FALSE(std::filesystem::exists(engine.archive)) << "the archive stays behind";

  const SidecarImage second = ensure_sidecar_image(engine);
  EXPECT_EQ(engine.loads, 1);
  EXPECT_EQ(second.content, first.content);

  ensure_sidecar_image(engine, true);
  EXPECT_EQ(engine.loads, 2);
}

TEST_F(RealSidecarImage, IsBuiltAgainWhenTheEngineHasAnother) {
  engine.stored = {{image_content_label, std::string(64, '0')}};
  ensure_sidecar_image(engine);
  EXPECT_EQ(engine.loads, 1);
}

TEST_F(RealSidecarImage, TrustsNoLoadThatChangedNothing) {
  engine.on_load = [](const std::string&) {};
  try {
    ensure_sidecar_image(engine);
    FAIL() << "the engine does not have it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::engine);
    EXPECT_THAT(error.what(), HasSubstr("cannot load image 'localhost/drydock-egress:"));
  }
}

TEST_F(RealSidecarImage, HasTheProgramsAndNoShell) {
  std::string names;
  const auto store = engine.on_load;
  engine.on_load = [&](const std::string& path) {
    store(path);
    const TempDir into;
    run_checked(
        {"tar", "--wildcards", "-C", into.path(), "--strip-components=1", "-xf", path, "*/layer.tar"});
    names = "\n" + run_checked({"tar", "-tf", into.path() + "/layer.tar"}).output;
  };
  ensure_sidecar_image(engine);
  for (const char* name : {"usr/bin/tinyproxy", "usr/bin/drydock-guard", "etc/passwd", "etc/group",
                           "etc/nsswitch.conf", "etc/drydock/", "run/", "tmp/"}) {
    EXPECT_THAT(names, HasSubstr("\n" + std::string(name) + "\n"));
  }
  EXPECT_THAT(names, HasSubstr("/libc.so.6\n"));
  EXPECT_THAT(names, testing::Not(HasSubstr("bin/sh\n")));
}

}  // namespace
}  // namespace drydock::core
