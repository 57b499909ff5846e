#include "core/image_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drydock::core {
namespace {

using Kind = TreeEntry::Kind;
using testing::ElementsAre;
using testing::Pair;

TreeEntry file(unsigned mode = 0644) { return {Kind::file, mode, {}, {}}; }
TreeEntry folder(unsigned mode = 0755) { return {Kind::directory, mode, {}, {}}; }
TreeEntry link(const std::string& target) { return {Kind::symlink, 0777, target, {}}; }

ImageTree tree_of(const std::vector<std::vector<std::pair<std::string, TreeEntry>>>& layers) {
  ImageTree tree;
  for (const auto& entries : layers) {
    LayerChanges layer;
    for (const auto& [path, entry] : entries) layer.add(path, entry);
    tree.put(layer);
  }
  return tree;
}

TEST(ImageTree, IsWhatItsLayersMakeTogether) {
  const ImageTree tree = tree_of({{{"./usr/", folder()}, {"usr/bin/git", file(0755)}, {"etc/a", file()}},
                                  {{"etc/a", file(0600)}, {"/etc/b", file()}}});
  ASSERT_NE(tree.find("/usr/bin/git"), nullptr);
  EXPECT_EQ(tree.find("/etc/a")->mode, 0600U) << "the upper one holds";
  EXPECT_NE(tree.find("etc/b"), nullptr);
  EXPECT_EQ(tree.find("/etc/c"), nullptr);
  EXPECT_EQ(tree.find("/etc/a/x"), nullptr) << "nothing is below a file";
}

TEST(ImageTree, AWhiteoutTakesAwayWhatIsBelowIt) {
  const ImageTree tree =
      tree_of({{{"usr/bin/git", file(0755)}, {"usr/bin/sh", file(0755)}, {"opt/a/b", file()}},
               {{"usr/bin/.wh.git", file()}, {"opt/.wh.a", file()}}});
  EXPECT_EQ(tree.find("usr/bin/git"), nullptr);
  EXPECT_EQ(tree.find("opt/a/b"), nullptr);
  EXPECT_EQ(tree.find("opt/a"), nullptr);
  EXPECT_NE(tree.find("usr/bin/sh"), nullptr);
}

TEST(ImageTree, AWhiteoutSparesItsOwnLayer) {
  const ImageTree tree = tree_of(
      {{{"etc/old", file()}, {"etc/a", file()}},
       {{"etc/new", file()}, {"etc/.wh..wh..opq", file()}, {"etc/.wh.a", file()}, {"etc/a", file(0600)}}});
  EXPECT_EQ(tree.find("etc/old"), nullptr);
  EXPECT_NE(tree.find("etc/new"), nullptr);
  ASSERT_NE(tree.find("etc/a"), nullptr);
  EXPECT_EQ(tree.find("etc/a")->mode, 0600U);
}

TEST(ImageTree, AFileTakesTheFoldersPlaceAndAFolderTheLinks) {
  const ImageTree tree = tree_of({{{"a/b", file()}, {"usr/lib/x", file()}, {"lib", link("usr/lib")}},
                                  {{"a", file()}, {"lib/y", file()}}});
  EXPECT_EQ(tree.find("a")->kind, Kind::file);
  EXPECT_EQ(tree.find("a/b"), nullptr);
  EXPECT_NE(tree.find("lib/y"), nullptr);
  EXPECT_EQ(tree.find("lib/x"), nullptr);
}

TEST(ImageTree, FollowsSymlinks) {
  const ImageTree tree = tree_of({{{"usr/bin/busybox", file(0755)},
                                   {"bin", link("usr/bin")},
                                   {"usr/bin/sh", link("/bin/busybox")},
                                   {"usr/bin/node", link("../../etc/alternatives/node")},
                                   {"etc/alternatives/node", link("/usr/bin/nodejs")},
                                   {"usr/bin/nodejs", file(0755)},
                                   {"loop", link("loop2")},
                                   {"loop2", link("loop")},
                                   {"up", link("../../../usr")}}});
  EXPECT_EQ(tree.real_path("/bin/sh"), "usr/bin/busybox");
  EXPECT_EQ(tree.real_path("/usr/bin/node"), "usr/bin/nodejs");
  EXPECT_EQ(tree.real_path("/up/bin/sh"), "usr/bin/busybox") << "nothing is above the root";
  EXPECT_EQ(tree.real_path("/loop"), std::nullopt);
  EXPECT_EQ(tree.real_path("/"), "");
  EXPECT_EQ(tree.find_program("sh", "/sbin:/bin"), "usr/bin/busybox");
  EXPECT_EQ(tree.find_program("sh", "bin:"), std::nullopt) << "only absolute folders";
}

TEST(ImageTree, AProgramIsAFileThatMayBeExecuted) {
  const ImageTree tree = tree_of(
      {{{"bin/a", file(0644)}, {"bin/b", folder()}, {"usr/bin/a", file(0755)}, {"bin/c", link("nowhere")}}});
  EXPECT_EQ(tree.find_program("a", "/bin:/usr/bin"), "usr/bin/a");
  EXPECT_EQ(tree.find_program("b", "/bin"), std::nullopt);
  EXPECT_EQ(tree.find_program("c", "/bin"), std::nullopt);
}

TEST(ImageTree, KnowsWhereANewFileComesToLie) {
  const ImageTree tree = tree_of({{{"var/opt", folder()},
                                   {"opt", link("var/opt")},
                                   {"usr/local", file()},
                                   {"gone", link("nowhere")},
                                   {"a", folder()}}});
  EXPECT_EQ(tree.place_of("opt/drydock/npm/x"), "/var/opt/drydock/npm/x");
  EXPECT_EQ(tree.place_of("/etc/new/x"), "/etc/new/x");
  EXPECT_EQ(tree.place_of("a/x"), "/a/x");
  EXPECT_EQ(tree.place_of("gone/x"), "/nowhere/x");
  EXPECT_EQ(tree.place_of("usr/local/bin/x"), std::nullopt) << "a file is in the way";
  EXPECT_EQ(tree.place_of("../x"), std::nullopt);
}

TEST(ImageTree, PathsThatLeaveTheRootAreIgnored) {
  EXPECT_EQ(tree_of({{{"../etc/passwd", file()}, {"a/../../b", file()}, {"/", folder()}}}).size(), 0U);
}

TEST(ImageTree, TellsWhatIsBelowAFolder) {
  TreeEntry first = file();
  first.text = "1";
  const ImageTree tree = tree_of({{{"d/s.d/x", first}, {"d/s.d0", file()}, {"d/s", file()}}});
  const auto found = tree.below("d/s.d");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.at("d/s.d/x")->text, "1");
}

}  // namespace
}  // namespace drydock::core
