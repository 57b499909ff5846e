// Archives as the engines write them, made by hand with tar.
#include "core/saved_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

class SavedImages : public testing::Test {
 protected:
  SavedImages() {
    make_layer("one", {{"usr/bin/git", "x"}, {"etc/os-release", "ID=alpine\n"}, {"old", "x"}}, "--create");
    make_layer("two", {{".wh.old", ""}, {"lib/apk/db/installed", "P:git\nV:2.45.0-r0\nA:x86_64\n"}},
               "--create");
    fs::create_directories(root());
  }
  std::string root() const { return directory.path() + "/root"; }
  std::string layer(const std::string& name) const { return directory.path() + "/" + name + ".tar"; }
  void make_layer(const std::string& name, const std::map<std::string, std::string>& files,
                  const std::string& how) const {
    const std::string folder = directory.path() + "/layer-" + name;
    fs::create_directories(folder);
    for (const auto& [path, text] : files) {
      fs::create_directories(fs::path(folder + "/" + path).parent_path());
      std::ofstream(folder + "/" + path) << text;
    }
    run_checked({"tar", "-C", folder, how, "-f", layer(name), "."});
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root() + "/" + path).parent_path());
    std::ofstream(root() + "/" + path) << text;
  }
  void put_layer(const std::string& path, const std::string& name) const {
    fs::create_directories(fs::path(root() + "/" + path).parent_path());
    fs::copy_file(layer(name), root() + "/" + path, fs::copy_options::overwrite_existing);
  }
  std::string config(std::size_t layers) const {
    Json ids = Json::array();
    for (std::size_t i = 0; i < layers; ++i) ids.push_back("sha256:0");
    return Json{{"architecture", "amd64"}, {"rootfs", {{"type", "layers"}, {"diff_ids", ids}}}}.dump();
  }
  std::string manifest(const std::string& config, const std::vector<std::string>& layers) const {
    return Json::array({{{"Config", config}, {"RepoTags", nullptr}, {"Layers", layers}}}).dump();
  }
  // In this order.
  std::string archive(const std::vector<std::string>& names) const {
    std::vector<std::string> argv{"tar", "-C", root(), "-cf", directory.path() + "/image.tar"};
    argv.insert(argv.end(), names.begin(), names.end());
    run_checked(argv);
    return directory.path() + "/image.tar";
  }
  std::string failure(const std::string& path) const {
    try {
      read_saved_image(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  static void expect_both_layers(const SavedImage& image) {
    ASSERT_THAT(image.layers, SizeIs(2));
    EXPECT_NE(image.tree.find("/usr/bin/git"), nullptr);
    EXPECT_EQ(image.tree.find("/old"), nullptr) << "the upper layer takes it away";
    ASSERT_NE(image.tree.find("/lib/apk/db/installed"), nullptr);
    EXPECT_THAT(image.tree.find("/lib/apk/db/installed")->text, HasSubstr("P:git"));
    EXPECT_EQ(image.tree.find("/etc/os-release")->text, "ID=alpine\n");
    EXPECT_EQ(image.tree.find("/usr/bin/git")->text, "") << "nothing else is kept";
  }

  TempDir directory;
};

// Docker up to 24: the manifest comes last.
TEST_F(SavedImages, AreReadWhenTheManifestComesLast) {
  put_layer("aaa/layer.tar", "one");
  put_layer("bbb/layer.tar", "two");
  write("ccc.json", config(2));
  write("manifest.json", manifest("ccc.json", {"aaa/layer.tar", "bbb/layer.tar"}));
  expect_both_layers(read_saved_image(archive({"bbb", "aaa", "ccc.json", "manifest.json"})));
}

// Podman: layers at the top, symlinks to them beside.
TEST_F(SavedImages, AreReadThroughSymlinks) {
  put_layer("1.tar", "one");
  put_layer("2.tar", "two");
  fs::create_directories(root() + "/aaa");
  fs::create_symlink("../1.tar", root() + "/aaa/layer.tar");
  write("ccc.json", config(2));
  write("manifest.json", manifest("ccc.json", {"aaa/layer.tar", "2.tar"}));
  const SavedImage image = read_saved_image(archive({"aaa", "1.tar", "2.tar", "ccc.json", "manifest.json"}));
  expect_both_layers(image);
  EXPECT_EQ(image.layers[0].name, "1.tar");
}

// Docker from 25 on; from 29 on its store keeps layers compressed.
TEST_F(SavedImages, AreReadFromAnOciLayoutWithCompressedLayers) {
  run_checked({"gzip", "-k", layer("two")});
  put_layer("blobs/sha256/1", "one");
  fs::copy_file(layer("two") + ".gz", root() + "/blobs/sha256/2");
  write("blobs/sha256/3", config(2));
  write("index.json", "{}");
  write("oci-layout", "{}");
  write("manifest.json", manifest("blobs/sha256/3", {"blobs/sha256/1", "blobs/sha256/2"}));
  const SavedImage image = read_saved_image(archive({"blobs", "index.json", "manifest.json", "oci-layout"}));
  expect_both_layers(image);
  std::string bytes;
  read_saved_layer(image, image.layers[1], [&](std::string_view piece) { bytes += piece; });
  EXPECT_EQ(bytes.size(), image.layers[1].size);
  EXPECT_EQ(bytes.substr(0, 2), "\x1f\x8b") << "as it is in the archive";
}

TEST_F(SavedImages, ALayerMayBeThereTwice) {
  put_layer("1.tar", "one");
  write("c.json", config(2));
  write("manifest.json", manifest("c.json", {"1.tar", "1.tar"}));
  EXPECT_THAT(read_saved_image(archive({"1.tar", "c.json", "manifest.json"})).layers, SizeIs(2));
}

TEST_F(SavedImages, WhatIsNoImageIsTold) {
  put_layer("1.tar", "one");
  write("c.json", config(1));
  EXPECT_THAT(failure(archive({"1.tar", "c.json"})), HasSubstr("it has no manifest.json"));
  write("manifest.json", manifest("c.json", {"2.tar"}));
  EXPECT_THAT(failure(archive({"1.tar", "c.json", "manifest.json"})), HasSubstr("it has no '2.tar'"));
  write("manifest.json", manifest("d.json", {"1.tar"}));
  EXPECT_THAT(failure(archive({"1.tar", "c.json", "manifest.json"})), HasSubstr("it has no 'd.json'"));
  write("manifest.json", manifest("c.json", {"1.tar", "1.tar"}));
  EXPECT_THAT(failure(archive({"1.tar", "c.json", "manifest.json"})), HasSubstr("name different layers"));
  write("manifest.json", "[]");
  EXPECT_THAT(failure(archive({"1.tar", "c.json", "manifest.json"})), HasSubstr("does not hold one image"));
  write("manifest.json", "{");
  EXPECT_THAT(failure(archive({"1.tar", "c.json", "manifest.json"})), HasSubstr("cannot read image archive"));
  std::ofstream(directory.path() + "/none") << "no tar";
  EXPECT_THAT(failure(directory.path() + "/none"), HasSubstr("cannot read image archive"));
}

TEST_F(SavedImages, ADamagedOneIsTold) {
  put_layer("1.tar", "one");
  write("c.json", config(1));
  write("manifest.json", manifest("c.json", {"1.tar"}));
  const std::string path = archive({"manifest.json", "c.json", "1.tar"});
  ASSERT_EQ(failure(path), "none") << "the control";
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_THAT(failure(path), HasSubstr("cannot read image archive"));
  std::ofstream(root() + "/1.tar") << std::string(4096, 'x');
  EXPECT_THAT(failure(archive({"manifest.json", "c.json", "1.tar"})), HasSubstr("cannot read image archive"));
}

// What an image brings is anybody's: it takes no more memory or time than one that is meant well.
TEST_F(SavedImages, OneThatIsMadeToTakeTooMuchIsTold) {
  write("c.json", config(1));
  write("manifest.json", manifest("c.json", {"1.tar"}));
  const std::vector<std::string> all{"manifest.json", "c.json", "1.tar"};
  put_layer("1.tar", "one");
  ASSERT_EQ(failure(archive(all)), "none") << "the control";
  const std::string twice = archive(all);
  run_checked({"tar", "-C", root(), "-rf", twice, "1.tar"});
  EXPECT_THAT(failure(twice), HasSubstr("'1.tar' twice"));

  run_checked({"gzip", "-k", layer("one")});
  fs::copy_file(layer("one") + ".gz", root() + "/1.tar", fs::copy_options::overwrite_existing);
  EXPECT_EQ(failure(archive(all)), "none") << "compressed once";
  fs::rename(layer("one") + ".gz", layer("again"));
  run_checked({"gzip", "-k", layer("again")});
  fs::copy_file(layer("again") + ".gz", root() + "/1.tar", fs::copy_options::overwrite_existing);
  EXPECT_THAT(failure(archive(all)), HasSubstr("compressed more than once"));

  run_checked({"tar", "-C", directory.path() + "/layer-one", "-cf", root() + "/1.tar",
               "--transform=s,^,a/" + std::string(5000, 'b') + "/,", "old"});
  EXPECT_THAT(failure(archive(all)), HasSubstr("a name in it is too long"));

  make_layer("text", {{"etc/os-release", std::string(std::size_t{17} << 20, 'x')}}, "--create");
  put_layer("1.tar", "text");
  EXPECT_THAT(failure(archive(all)), HasSubstr("a file in it is too large"));
}

TEST_F(SavedImages, AHardLinkHasTheTextOfItsFile) {
  const std::string folder = directory.path() + "/layer-one/";
  fs::create_directories(folder + "usr/lib");
  fs::create_hard_link(folder + "etc/os-release", folder + "usr/lib/os-release");
  fs::create_directories(folder + "lib/apk/db");
  fs::create_hard_link(folder + "old", folder + "lib/apk/db/installed");
  write("c.json", config(1));
  write("manifest.json", manifest("c.json", {"1.tar"}));
  run_checked({"tar", "-C", folder, "-cf", root() + "/1.tar", "etc/os-release", "usr/lib/os-release"});
  const SavedImage image = read_saved_image(archive({"manifest.json", "c.json", "1.tar"}));
  ASSERT_NE(image.tree.find("/usr/lib/os-release"), nullptr);
  EXPECT_EQ(image.tree.find("/usr/lib/os-release")->text, "ID=alpine\n");
  // One that cannot be read any more is not taken for an empty list.
  run_checked({"tar", "-C", folder, "-cf", root() + "/1.tar", "old", "lib/apk/db/installed"});
  EXPECT_THAT(failure(archive({"manifest.json", "c.json", "1.tar"})),
              HasSubstr("its 'lib/apk/db/installed' is a hard link to 'old'"));
}

TEST_F(SavedImages, LinksInACircleLeadNowhere) {
  write("c.json", config(1));
  write("manifest.json", manifest("c.json", {"a"}));
  fs::create_symlink("b", root() + "/a");
  fs::create_symlink("a", root() + "/b");
  EXPECT_THAT(failure(archive({"manifest.json", "c.json", "a", "b"})), HasSubstr("it has no"));
}

TEST_F(SavedImages, ReadingEndsWhenStopIsRequested) {
  put_layer("1.tar", "one");
  write("c.json", config(1));
  write("manifest.json", manifest("c.json", {"1.tar"}));
  const std::string path = archive({"manifest.json", "c.json", "1.tar"});
  StopSource stop;
  read_saved_image(path, &stop);
  stop.request(SIGINT);
  EXPECT_THROW(read_saved_image(path, &stop), Interrupted);
}

}  // namespace
}  // namespace drydock::core
