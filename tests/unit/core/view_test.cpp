#include "core/view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ViewTest : public testing::Test {
 protected:
  ViewTest() {
    for (const char* folder :
         {"project/src", "project/keys", "project/.git/hooks", "data/inner", "home/.ssh"}) {
      fs::create_directories(at(folder));
    }
    for (const char* file : {"project/.env", "project/src/key", "project/.git/HEAD", "one"}) write(file);
    project_.path = at("project");
  }
  std::string at(const std::string& path) const { return root_ + "/" + path; }
  void write(const std::string& path) const { std::ofstream(at(path)) << "text\n"; }

  View mount(const std::vector<std::string>& mounts) const { return resolve({mounts, {}}); }
  View mask(const std::vector<std::string>& masks) const { return resolve({{}, masks}); }
  View resolve(const ViewRequest& request) const {
    return resolve_view(request, project_, [this](const std::string& path) { return path == contested_; });
  }
  std::string refusal(const ViewRequest& request) const {
    try {
      resolve(request);
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty()) << error.what();
      return error.what();
    }
    return "";
  }
  // "target <- path", "(ro)" behind it; below the test's folder.
  std::vector<std::string> mounts_of(const View& view) const {
    std::vector<std::string> texts;
    for (const GuardedPath& mount : view.mounts) {
      texts.push_back(shorten(mount.target) + " <- " + shorten(mount.path) +
                      (mount.read_only ? " (ro)" : ""));
    }
    return texts;
  }
  std::string shorten(const std::string& path) const {
    return path.compare(0, root_.size(), root_) == 0 ? path.substr(root_.size() + 1) : path;
  }

  TempDir directory_;
  std::string root_ = fs::canonical(directory_.path()).string();
  Project project_;
  std::string contested_;
};

TEST_F(ViewTest, AMountIsReadOnlyUnlessItSaysOtherwise) {
  EXPECT_THAT(mounts_of(mount({at("data") + ":/mnt/b", at("one") + ":/mnt/a:rw"})),
              ElementsAre("/mnt/a <- one", "/mnt/b <- data (ro)"));
  EXPECT_THAT(mounts_of(mount({at("data") + ":/mnt/b:ro"})), ElementsAre("/mnt/b <- data (ro)"));
}

TEST_F(ViewTest, AMountIsOfWhatALinkLeadsTo) {
  fs::create_symlink(at("data"), at("link"));
  EXPECT_THAT(mounts_of(mount({at("link") + ":/mnt/x"})), ElementsAre("/mnt/x <- data (ro)"));
  fs::create_symlink(at("project/src"), at("inwards"));
  EXPECT_THAT(refusal({{at("inwards") + ":/mnt/x"}, {}}), HasSubstr("it is a part of the project"));
}

TEST_F(ViewTest, HooksInAWritableMountAreGuarded) {
  fs::create_directories(at("data/.git/hooks"));
  EXPECT_THAT(
      mounts_of(mount({at("data") + ":/mnt/x:rw"})),
      ElementsAre("/mnt/x <- data", "/mnt/x/.git <- data/.git", "/mnt/x/.git/hooks <- data/.git/hooks (ro)"));
  EXPECT_THAT(mounts_of(mount({at("data") + ":/mnt/x"})), ElementsAre("/mnt/x <- data (ro)"));
}

TEST_F(ViewTest, AMaskIsOfTheProjectAndItsWayCannotBeRenamed) {
  const View view = mask({"src/key", at("project/.env"), "keys/", "keys"});
  std::vector<std::string> masks;
  for (const Mask& one : view.masks) masks.push_back(shorten(one.path) + (one.folder ? "/" : ""));
  EXPECT_THAT(masks, ElementsAre("project/.env", "project/keys/", "project/src/key"));
  EXPECT_THAT(mounts_of(view), ElementsAre("project/src <- project/src"));
  EXPECT_THAT(view.notices, IsEmpty());
  EXPECT_EQ(mask({"src", "src/key"}).masks.size(), 1U) << "one lies in the other";
}

TEST_F(ViewTest, AnotherNameOfAMaskedFileIsTold) {
  fs::create_hard_link(at("project/.env"), at("project/env"));
  EXPECT_THAT(mask({".env"}).notices, ElementsAre(HasSubstr("has another name")));
}

TEST_F(ViewTest, WhatAnotherSessionCouldReplaceIsRefused) {
  contested_ = at("data");
  EXPECT_THAT(refusal({{at("data") + ":/mnt/x"}, {}}), HasSubstr("another session could replace it"));
  contested_ = at("project/.env");
  EXPECT_THAT(refusal({{}, {".env"}}), HasSubstr("another session"));
  contested_ = "";
  EXPECT_EQ(refusal({{at("data") + ":/mnt/x"}, {".env"}}), "") << "the control";
}

TEST_F(ViewTest, BadMountsAreRefused) {
  test::Environment environment;
  environment.set("HOME", at("home"));
  const std::string data = at("data");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, at("socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  fs::create_directories(at("bare/objects"));
  fs::create_directories(at("bare/refs"));
  write("bare/HEAD");
  const std::vector<std::pair<std::string, std::string>> cases{
      {data, "it is not SRC:DST"},
      {":/mnt", "it is not SRC:DST"},
      {data + ":", "it is not SRC:DST"},
      {data + ":/mnt/x:rx", "neither ro nor rw"},
      {data + ":/mnt/x:ro:z", "it is not SRC:DST"},
      {at("nothing") + ":/mnt/x", "No such file"},
      {at("socket") + ":/mnt/x", "neither a folder nor a file"},
      {at("home/.ssh") + ":/mnt/x", "holds credentials"},
      {at("home") + ":/mnt/x", "it is your home folder"},
      {root_ + ":/mnt/x", "it contains the project"},
      {"/:/mnt/x", "it is the whole file system"},
      {"/etc:/mnt/x", "folder of the system"},
      {"/proc/sys:/mnt/x", "'/proc' belongs to the system"},
      {"/usr/share:/mnt/x:rw", "'/usr' belongs to the system"},
      {"/tmp:/mnt/x", "the"},
      {at("project") + ":/mnt/x", "it is a part of the project"},
      {at("project/src") + ":/mnt/x", "it is a part of the project"},
      {at("bare") + ":/mnt/x:rw", "git on the host runs"},
      {data + ":mnt/x", "not a plain absolute path"},
      {data + ":/mnt/../etc", "not a plain absolute path"},
      {data + ":/mnt/", "not a plain absolute path"},
      {data + ":/etc/hosts", "that place in the container is taken"},
      {data + ":/proc/x", "that place in the container is taken"},
      {data + ":" + project_.path, "it would hide the project"},
      {data + ":" + root_, "it would hide the project"},
      {data + ":" + at("project/new"), "the project has no folder there"},
      {data + ":" + at("project/.env"), "the project has no folder there"},
      {data + ":" + at("project/.git/hooks"), "it would hide git's own files"},
  };
  for (const auto& [text, reason] : cases) EXPECT_THAT(refusal({{text}, {}}), HasSubstr(reason)) << text;
  EXPECT_THAT(refusal({{data + ":/mnt/x", at("one") + ":/mnt/x"}, {}}), HasSubstr("at the same place"));
  EXPECT_THAT(refusal({{data + ":/mnt/x", data + "/inner:/mnt/y:rw"}, {}}), HasSubstr("it overlaps"));
  EXPECT_EQ(refusal({{data + ":/mnt/x", data + "/inner:/mnt/y"}, {}}), "") << "both are read-only";
  EXPECT_EQ(refusal({{"/usr/share:/mnt/x"}, {}}), "");
  EXPECT_EQ(refusal({{data + ":" + at("project/src")}, {}}), "") << "over a folder that is there";
}

TEST_F(ViewTest, BadMasksAreRefused) {
  fs::create_symlink(at("one"), at("project/out"));
  ASSERT_EQ(::mkfifo(at("project/fifo").c_str(), 0600), 0);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "it names nothing"},
      {"nothing", "No such file"},
      {"..", "it is not in the project"},
      {".", "it is not in the project"},
      {"out", "it is not in the project"},
      {at("one"), "it is not in the project"},
      {"fifo", "neither a folder nor a file"},
  };
  for (const auto& [text, reason] : cases) EXPECT_THAT(refusal({{}, {text}}), HasSubstr(reason)) << text;
  EXPECT_THAT(refusal({{at("data") + ":" + at("project/src")}, {"src/key"}}),
              HasSubstr("is to be mounted there"));
}

}  // namespace
}  // namespace drydock::core
