#include "core/links.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Links : public testing::Test {
 protected:
  Links() {
    environment.set("XDG_CONFIG_HOME", folder.path() + "/config");
    for (const char* name : {"project", "library/.git/hooks", "other"})
      fs::create_directories(folder.path() + "/" + name);
    project.path = at("project");
    project.key = "project-12345678";
  }
  std::string at(const std::string& path) const { return fs::canonical(folder.path()).string() + "/" + path; }
  void write_file(const std::string& text) const {
    fs::create_directories(fs::path(links_file(project)).parent_path());
    std::ofstream(links_file(project), std::ios::trunc) << text;
  }
  std::string fault(const std::function<void()>& action) const {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty()) << error.what();
      return error.what();
    }
    return "";
  }
  View view() const {
    ViewRequest request;
    request.links = read_links(project);
    return resolve_view(request, project, [](const std::string&) { return false; });
  }

  TempDir folder;
  test::Environment environment;
  Project project;
};

TEST_F(Links, AreAddedChangedAndTakenBack) {
  EXPECT_THAT(read_links(project), IsEmpty());
  EXPECT_TRUE(add_link(project, at("project/../library"), true).changed);
  EXPECT_FALSE(add_link(project, at("library"), true).changed);
  EXPECT_TRUE(add_link(project, at("other"), false).changed);
  ASSERT_THAT(read_links(project), SizeIs(2));
  EXPECT_EQ(read_links(project)[0].path, at("library"));
  EXPECT_TRUE(read_links(project)[0].read_only);
  const View seen = view();
  ASSERT_THAT(seen.mounts, SizeIs(2));
  EXPECT_EQ(seen.mounts[0].path, at("library"));
  EXPECT_EQ(seen.mounts[0].target, at("library"));
  EXPECT_TRUE(seen.mounts[0].read_only);
  EXPECT_FALSE(seen.mounts[1].read_only);
  EXPECT_TRUE(add_link(project, at("library"), false).changed) << "read-write from now on";
  EXPECT_FALSE(read_links(project)[0].read_only);
  EXPECT_THAT(view().mounts, SizeIs(4)) << "its hooks are guarded, and the way to them";
  EXPECT_TRUE(remove_link(project, at("library")).changed);
  fs::remove_all(at("other"));
  EXPECT_THAT(link_fault(project, read_links(project)[0]), HasSubstr("No such file"));
  EXPECT_THAT(fault([&] { view(); }), HasSubstr("No such file")) << "a run is refused";
  fs::create_directory_symlink(at("library"), at("other"));
  EXPECT_THAT(fault([&] { view(); }), HasSubstr("by now, which was not linked"));
  EXPECT_TRUE(remove_link(project, at("other")).changed) << "also when it is gone";
  EXPECT_THAT(fault([&] { remove_link(project, at("other")); }), HasSubstr("it is not linked"));
  EXPECT_THAT(read_links(project), IsEmpty());
}

TEST_F(Links, ARefusalWritesNothing) {
  for (const std::string& path : {at("project"), at("project/.."), std::string("/"), std::string("/etc/ssh"),
                                  folder.path() + "/config/drydock", at("none")}) {
    fs::create_directories(folder.path() + "/config/drydock");
    EXPECT_THAT(fault([&] { add_link(project, path, false); }), testing::StartsWith("cannot link '")) << path;
    EXPECT_FALSE(fs::exists(links_file(project))) << path;
  }
  EXPECT_TRUE(add_link(project, at("library"), false).changed) << "the control";
  fs::create_directory(at("library/inner"));
  EXPECT_THAT(fault([&] { add_link(project, at("library/inner"), true); }), HasSubstr("it overlaps"));
  EXPECT_THAT(read_links(project), SizeIs(1));
}

TEST_F(Links, AWrongLineIsTold) {
  write_file("# one\n\nro " + at("library") + "\nrx /x\n");
  EXPECT_THAT(fault([&] { read_links(project); }), HasSubstr("/links:4': it is neither"));
  write_file("ro relative\n");
  EXPECT_THAT(fault([&] { read_links(project); }), HasSubstr("/links:1': "));
  write_file("ro /a\nrw /a\n");
  EXPECT_THAT(fault([&] { read_links(project); }), HasSubstr("/links:2': the path is there twice"));
  fs::remove(links_file(project));
  fs::create_directory(links_file(project));
  EXPECT_THAT(fault([&] { read_links(project); }), HasSubstr("it is a directory"));
}

}  // namespace
}  // namespace drydock::core
