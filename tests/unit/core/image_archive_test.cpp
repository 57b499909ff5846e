#include "core/image_archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct TarEntry {
  std::string path;
  mode_t type = 0;
  unsigned mode = 0;
  std::int64_t uid = -1;
  std::int64_t gid = -1;
  std::int64_t mtime = -1;
  std::string target;
  std::string bytes;
};

std::vector<TarEntry> read_tar(const std::string& tar) {
  const auto reader = std::unique_ptr<archive, int (*)(archive*)>(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), tar.data(), tar.size()), ARCHIVE_OK);
  std::vector<TarEntry> entries;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    TarEntry read;
    read.path = archive_entry_pathname(entry);
    read.type = archive_entry_filetype(entry);
    read.mode = archive_entry_perm(entry);
    read.uid = archive_entry_uid(entry);
    read.gid = archive_entry_gid(entry);
    read.mtime = archive_entry_mtime(entry);
    if (const char* target = archive_entry_symlink(entry)) read.target = target;
    char buffer[4096];
    for (la_ssize_t got = 0; (got = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0;) {
      read.bytes.append(buffer, static_cast<std::size_t>(got));
    }
    entries.push_back(read);
  }
  EXPECT_EQ(archive_errno(reader.get()), 0) << archive_error_string(reader.get());
  return entries;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> paths(const std::vector<TarEntry>& entries) {
  std::vector<std::string> names;
  for (const TarEntry& entry : entries) names.push_back(entry.path);
  return names;
}

const TarEntry& find(const std::vector<TarEntry>& entries, const std::string& path) {
  for (const TarEntry& entry : entries) {
    if (entry.path == path) return entry;
  }
  throw std::runtime_error("no entry " + path);
}

// An archive read back: its three parts, with what refers to what checked.
struct ReadBack {
  Json manifest;
  Json config;
  std::string config_digest;
  std::string layer;
};

ReadBack read_back(const std::string& path) {
  const std::vector<TarEntry> outer = read_tar(read_file(path));
  ReadBack back;
  back.manifest = parse_json(find(outer, "manifest.json").bytes, "manifest");
  const std::string config_name = require_string(back.manifest.at(0), "Config");
  const std::string& config = find(outer, config_name).bytes;
  back.config = parse_json(config, "config");
  back.config_digest = sha256_hex(config);
  EXPECT_EQ(config_name, back.config_digest + ".json");
  const std::vector<std::string> layers = strings_or_empty(back.manifest.at(0), "Layers");
  EXPECT_EQ(layers.size(), 1U);
  back.layer = find(outer, layers.at(0)).bytes;
  const Json* diff_ids = find_path(back.config, {"rootfs", "diff_ids"});
  EXPECT_EQ(diff_ids->dump(), "[\"sha256:" + sha256_hex(back.layer) + "\"]");
  return back;
}

ImageContent sample_content() {
  ImageContent content;
  content.add_symlink("/bin/sh", "/bin/busybox");
  content.add_file("/bin/busybox", "program", 0755);
  content.add_file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  content.add_directory("/tmp", 01777);
  content.add_file("/bin-like", "sorts between a directory and its files");
  return content;
}

ImageConfig sample_config() {
  ImageConfig config;
  config.entrypoint = {"/bin/sh", "-c"};
  config.command = {"echo"};
  config.environment = {{"PATH", "/bin"}, {"A", "b=c"}};
  config.user = "65534:65534";
  config.workdir = "/tmp";
  config.labels = {{"io.drydock.image", "unit"}};
  config.architecture = "arm64";
  return config;
}

TEST(ImageArchive, LayerHasTheEntriesInOrder) {
  const TempFile file;
  write_image_archive(file.path(), "localhost/unit:1", sample_config(), sample_content());
  const std::vector<TarEntry> layer = read_tar(read_back(file.path()).layer);
  EXPECT_THAT(paths(layer),
              ElementsAre("bin/", "bin-like", "bin/busybox", "bin/sh", "etc/", "etc/passwd", "tmp/"));
  for (const TarEntry& entry : layer) {
    EXPECT_EQ(entry.uid, 0) << entry.path;
    EXPECT_EQ(entry.gid, 0) << entry.path;
    EXPECT_EQ(entry.mtime, 0) << entry.path;
  }
  EXPECT_EQ(find(layer, "bin/busybox").mode, 0755U);
  EXPECT_EQ(find(layer, "bin/busybox").bytes, "program");
  EXPECT_EQ(find(layer, "bin/sh").type, static_cast<mode_t>(AE_IFLNK));
  EXPECT_EQ(find(layer, "bin/sh").target, "/bin/busybox");
  EXPECT_EQ(find(layer, "etc/").mode, 0755U);
  EXPECT_EQ(find(layer, "etc/passwd").mode, 0644U);
  EXPECT_EQ(find(layer, "tmp/").type, static_cast<mode_t>(AE_IFDIR));
  EXPECT_EQ(find(layer, "tmp/").mode, 01777U);
}

TEST(ImageArchive, ConfigSaysWhatWasAskedFor) {
  const TempFile file;
  const WrittenImage written =
      write_image_archive(file.path(), "localhost/unit:1", sample_config(), sample_content());
  const ReadBack back = read_back(file.path());
  EXPECT_EQ(written.id, "sha256:" + back.config_digest);
  EXPECT_EQ(written.diff_id, "sha256:" + sha256_hex(back.layer));
  EXPECT_THAT(strings_or_empty(back.manifest.at(0), "RepoTags"), ElementsAre("localhost/unit:1"));
  EXPECT_EQ(require_string(back.config, "architecture"), "arm64");
  EXPECT_EQ(require_string(back.config, "os"), "linux");
  const Json* config = find_member(back.config, "config");
  ASSERT_NE(config, nullptr);
  EXPECT_THAT(strings_or_empty(*config, "Entrypoint"), ElementsAre("/bin/sh", "-c"));
  EXPECT_THAT(strings_or_empty(*config, "Cmd"), ElementsAre("echo"));
  EXPECT_THAT(strings_or_empty(*config, "Env"), ElementsAre("A=b=c", "PATH=/bin"));
  EXPECT_EQ(require_string(*config, "User"), "65534:65534");
  EXPECT_EQ(require_string(*config, "WorkingDir"), "/tmp");
  EXPECT_EQ(find_path(*config, {"Labels", "io.drydock.image"})->get<std::string>(), "unit");
}

TEST(ImageArchive, ArchitectureIsThisMachinesUnlessSaid) {
  const TempFile file;
  write_image_archive(file.path(), "localhost/unit:1", {}, sample_content());
  EXPECT_EQ(require_string(read_back(file.path()).config, "architecture"), image_architecture());
}

TEST(ImageArchive, SameInputSameBytes) {
  const TempFile first;
  const TempFile second;
  write_image_archive(first.path(), "localhost/unit:1", sample_config(), sample_content());
  ImageContent reversed;
  reversed.add_file("/bin-like", "sorts between a directory and its files");
  reversed.add_directory("/tmp", 01777);
  reversed.add_file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  reversed.add_file("/bin/busybox", "program", 0755);
  reversed.add_symlink("/bin/sh", "/bin/busybox");
  write_image_archive(second.path(), "localhost/unit:1", sample_config(), reversed);
  EXPECT_EQ(sha256_of_file(first.path()), sha256_of_file(second.path()));
}

TEST(ImageArchive, HostFilesAreCopiedThroughSymlinks) {
  const TempDir directory;
  const std::string content(200000, 'x');
  std::ofstream(directory.path() + "/real") << content;
  std::filesystem::create_symlink("real", directory.path() + "/link");
  ImageContent image;
  image.add_host_file("/opt/file", directory.path() + "/link", 0755);
  const TempFile file;
  write_image_archive(file.path(), "localhost/unit:1", {}, image);
  const std::vector<TarEntry> layer = read_tar(read_back(file.path()).layer);
  EXPECT_EQ(find(layer, "opt/file").type, static_cast<mode_t>(AE_IFREG));
  EXPECT_EQ(find(layer, "opt/file").mode, 0755U);
  EXPECT_EQ(find(layer, "opt/file").bytes, content);
}

TEST(ImageArchive, KeepsLongAndForeignPaths) {
  const std::string long_path =
      "/" + std::string(90, 'd') + "/" + std::string(120, 'e') + "/" + std::string(110, 'f');
  ImageContent image;
  image.add_file(long_path, "long");
  image.add_file("/gr\xc3\xbc\xc3\x9f", "utf-8");
  const TempFile file;
  write_image_archive(file.path(), "localhost/unit:1", {}, image);
  const TempFile layer;
  std::ofstream(layer.path(), std::ios::binary) << read_back(file.path()).layer;
  const TempDir into;
  run_checked({"tar", "-C", into.path(), "--warning=no-unknown-keyword", "-xf", layer.path()});
  EXPECT_EQ(read_file(into.path() + long_path), "long");
  EXPECT_EQ(read_file(into.path() + "/gr\xc3\xbc\xc3\x9f"), "utf-8");
}

TEST(ImageArchive, RefusesWhatIsNoRegularFile) {
  for (const char* host_path : {"/dev/null", "/tmp", "/nonexistent"}) {
    ImageContent image;
    image.add_host_file("/file", host_path);
    const TempFile file;
    EXPECT_THROW(write_image_archive(file.path(), "localhost/unit:1", {}, image), Error) << host_path;
  }
}

TEST(ImageArchive, StopsWhenAsked) {
  StopSource stop;
  stop.request(15);
  const TempFile file;
  EXPECT_THROW(write_image_archive(file.path(), "localhost/unit:1", {}, sample_content(), &stop),
               Interrupted);
}

TEST(ImageContent, RefusesPathsThatLeaveOrContradict) {
  ImageContent content;
  EXPECT_THROW(content.add_file("relative", ""), Error);
  EXPECT_THROW(content.add_file("/a/../../b", ""), Error);
  EXPECT_THROW(content.add_file("/", ""), Error);
  content.add_symlink("/lib", "usr/lib");
  EXPECT_THROW(content.add_file("/lib/x", ""), Error);
  content.add_file("/etc/passwd", "");
  EXPECT_THROW(content.add_symlink("/etc", "elsewhere"), Error);
}

TEST(ImageContent, DigestSeesEveryChange) {
  const std::string digest = sample_content().digest();
  EXPECT_EQ(sample_content().digest(), digest);
  std::vector<std::string> others;
  ImageContent bytes = sample_content();
  bytes.add_file("/bin/busybox", "other", 0755);
  others.push_back(bytes.digest());
  ImageContent mode = sample_content();
  mode.add_file("/bin/busybox", "program", 0700);
  others.push_back(mode.digest());
  ImageContent target = sample_content();
  target.add_symlink("/bin/sh", "busybox");
  others.push_back(target.digest());
  ImageContent more = sample_content();
  more.add_directory("/run");
  others.push_back(more.digest());
  for (const std::string& other : others) EXPECT_NE(other, digest);
  std::sort(others.begin(), others.end());
  EXPECT_EQ(std::unique(others.begin(), others.end()), others.end());
}

TEST(ImageContent, DigestIsTheSameFromHostAndMemory) {
  const TempFile file;
  std::ofstream(file.path()) << "program";
  ImageContent host = sample_content();
  host.add_host_file("/bin/busybox", file.path(), 0755);
  EXPECT_EQ(host.digest(), sample_content().digest());
}

// A tar that other programs made, with what a layer of ours never has.
class RootfsTar : public testing::Test {
 protected:
  RootfsTar() {
    std::filesystem::create_directories(directory.path() + "/root/etc");
    std::ofstream(directory.path() + "/root/etc/hostname") << std::string(300000, 'h');
    run_checked({"tar", "-C", directory.path() + "/root", "--owner=7", "--group=8", "-cf", tar(), "."});
  }
  std::string tar() const { return directory.path() + "/rootfs.tar"; }
  TempDir directory;
};

TEST_F(RootfsTar, IsTheLayerByteForByte) {
  const TempFile file;
  const WrittenImage written =
      write_image_archive_from_tar(file.path(), "localhost/unit:2", sample_config(), tar());
  const ReadBack back = read_back(file.path());
  EXPECT_EQ(back.layer, read_file(tar()));
  EXPECT_EQ(written.diff_id, "sha256:" + sha256_of_file(tar()));
  EXPECT_EQ(find(read_tar(back.layer), "./etc/hostname").uid, 7);
}

TEST_F(RootfsTar, IsUnpackedFirst) {
  const TempFile plain;
  const WrittenImage expected = write_image_archive_from_tar(plain.path(), "localhost/unit:2", {}, tar());
  run_checked({"gzip", "-k", tar()});
  const TempFile file;
  const WrittenImage written =
      write_image_archive_from_tar(file.path(), "localhost/unit:2", {}, tar() + ".gz");
  EXPECT_EQ(written.id, expected.id);
  EXPECT_EQ(sha256_of_file(file.path()), sha256_of_file(plain.path()));
}

TEST_F(RootfsTar, IsRecognised) {
  run_checked({"gzip", "-k", tar()});
  EXPECT_TRUE(is_tar_file(tar()));
  EXPECT_TRUE(is_tar_file(tar() + ".gz"));
  EXPECT_FALSE(is_tar_file(directory.path()));
  EXPECT_FALSE(is_tar_file("/nonexistent"));
  EXPECT_FALSE(is_tar_file("/etc/passwd"));
  const TempFile empty;
  EXPECT_FALSE(is_tar_file(empty.path()));
}

TEST(ImageArchive, RefusesARootfsThatIsNoTar) {
  const TempFile file;
  try {
    write_image_archive_from_tar(file.path(), "localhost/unit:2", {}, "/etc/passwd");
    FAIL() << "took /etc/passwd for a tar";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("'/etc/passwd': it is no tar archive"));
  }
}

}  // namespace
}  // namespace drydock::core
