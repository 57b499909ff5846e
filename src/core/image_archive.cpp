#include "core/image_archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t chunk = 65536;

using WriteArchive = std::unique_ptr<archive, decltype([](archive* a) { archive_write_free(a); })>;
using ReadArchive = std::unique_ptr<archive, decltype([](archive* a) { archive_read_free(a); })>;
using EntryPtr = std::unique_ptr<archive_entry, decltype([](archive_entry* e) { archive_entry_free(e); })>;

// Where a tar goes: a descriptor, with its digest and size taken on the way.
struct Output {
  explicit Output(int descriptor) : fd(descriptor) {}
  int fd;
  Sha256 digest;
  std::int64_t size = 0;
};

la_ssize_t write_to_output(archive* writer, void* client, const void* buffer, size_t length) {
  auto& output = *static_cast<Output*>(client);
  const auto* bytes = static_cast<const char*>(buffer);
  std::size_t done = 0;
  while (done < length) {
    const ssize_t wrote = ::write(output.fd, bytes + done, length - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      archive_set_error(writer, errno, "%s", with_errno("cannot write", errno).c_str());
      return -1;
    }
    done += static_cast<std::size_t>(wrote);
  }
  output.digest.update({bytes, length});
  output.size += static_cast<std::int64_t>(length);
  return static_cast<la_ssize_t>(length);
}

[[noreturn]] void fail_writing(archive* writer) {
  const char* reason = archive_error_string(writer);
  throw Error(ErrorKind::internal,
              "cannot write image archive: " + std::string(reason != nullptr ? reason : "unknown reason"));
}

// A tar in the making.
class TarWriter {
 public:
  explicit TarWriter(Output& output, bool ascii = true) : writer_(archive_write_new()) {
    if (!writer_) throw Error(ErrorKind::internal, "cannot write image archive: out of memory");
    check(archive_write_set_format_pax_restricted(writer_.get()));
    // Paths are bytes, whatever the locale. It costs a header for each entry, so only where there is need.
    if (!ascii) check(archive_write_set_options(writer_.get(), "hdrcharset=BINARY"));
    check(archive_write_open(writer_.get(), &output, nullptr, write_to_output, nullptr));
  }

  void begin(const std::string& path, mode_t type, unsigned mode, std::int64_t size,
             const std::string& target = {}) {
    const EntryPtr entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), mode);
    archive_entry_set_uid(entry.get(), 0);
    archive_entry_set_gid(entry.get(), 0);
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (type == AE_IFREG) archive_entry_set_size(entry.get(), size);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry.get(), target.c_str());
    check(archive_write_header(writer_.get(), entry.get()));
  }
  void data(std::string_view bytes) {
    while (!bytes.empty()) {
      const la_ssize_t wrote = archive_write_data(writer_.get(), bytes.data(), bytes.size());
      if (wrote <= 0) fail_writing(writer_.get());
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }
  void file(const std::string& path, std::string_view bytes, unsigned mode = 0644) {
    begin(path, AE_IFREG, mode, static_cast<std::int64_t>(bytes.size()));
    data(bytes);
  }
  void finish() { check(archive_write_close(writer_.get())); }

 private:
  void check(int result) {
    if (result != ARCHIVE_OK) fail_writing(writer_.get());
  }
  WriteArchive writer_;
};

UniqueFd open_host_file(const std::string& path, std::int64_t& size) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw Error(ErrorKind::invalid, with_errno("cannot read file '" + path + "'", errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::invalid, "cannot read file '" + path + "': not a regular file");
  }
  size = status.st_size;
  return file;
}

// Reads `fd` to its end, in pieces.
void for_each_piece(int fd, const std::string& name, const std::function<void(std::string_view)>& use) {
  std::array<char, chunk> buffer;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorKind::invalid, with_errno("cannot read file '" + name + "'", errno));
    if (got == 0) return;
    use({buffer.data(), static_cast<std::size_t>(got)});
  }
}

void copy_host_file(TarWriter& tar, const std::string& path, const std::string& host_path, unsigned mode) {
  std::int64_t size = 0;
  const UniqueFd file = open_host_file(host_path, size);
  tar.begin(path, AE_IFREG, mode, size);
  std::int64_t copied = 0;
  for_each_piece(file.get(), host_path, [&](std::string_view bytes) {
    tar.data(bytes);
    copied += static_cast<std::int64_t>(bytes.size());
  });
  if (copied != size)
    throw Error(ErrorKind::conflict, "cannot read file '" + host_path + "': it changed meanwhile");
}

std::string relative_path(const std::string& path) {
  if (!starts_with(path, "/")) {
    throw Error(ErrorKind::internal, "cannot add image entry '" + path + "': not an absolute path");
  }
  std::vector<std::string> parts;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..")
      throw Error(ErrorKind::internal, "cannot add image entry '" + path + "': it contains '..'");
    parts.push_back(part);
  }
  if (parts.empty()) throw Error(ErrorKind::internal, "cannot add image entry '" + path + "': empty path");
  return join(parts, "/");
}

// One layer of an image in the making.
struct Layer {
  std::string digest;
  std::int64_t size = 0;
  std::function<void(TarWriter&)> copy;  // writes it in pieces
  std::string folder = digest;
  std::string name() const { return folder + "/layer.tar"; }
};

constexpr const char* epoch = "1970-01-01T00:00:00Z";

Json config_section(const ImageConfig& image) {
  Json config = Json::object();
  if (!image.entrypoint.empty()) config["Entrypoint"] = image.entrypoint;
  if (!image.command.empty()) config["Cmd"] = image.command;
  Json environment = Json::array();
  for (const auto& [name, value] : image.environment) environment.push_back(name + "=" + value);
  if (!environment.empty()) config["Env"] = environment;
  if (!image.user.empty()) config["User"] = image.user;
  if (!image.workdir.empty()) config["WorkingDir"] = image.workdir;
  if (!image.labels.empty()) config["Labels"] = image.labels;
  return config;
}

std::string config_json(const ImageConfig& image, const std::vector<Layer>& layers) {
  Json digests = Json::array();
  Json history = Json::array();
  for (const Layer& layer : layers) {
    digests.push_back("sha256:" + layer.digest);
    history.push_back({{"created", epoch}, {"created_by", "drydock"}});
  }
  const Json document = {
      {"architecture", image.architecture.empty() ? image_architecture() : image.architecture},
      {"os", "linux"},
      {"created", epoch},
      {"config", config_section(image)},
      {"rootfs", {{"type", "layers"}, {"diff_ids", digests}}},
      {"history", history},
  };
  return document.dump();
}

// What is below it stays: the system, its layers and how they came to be.
std::string config_json_on(const Json& base, const ImageConfig& image, const Layer& layer) {
  Json document = Json::object();
  for (const char* kept : {"architecture", "variant", "os", "rootfs", "history"}) {
    if (const Json* value = find_member(base, kept)) document[kept] = *value;
  }
  document["created"] = epoch;
  document["config"] = config_section(image);
  document["rootfs"]["diff_ids"].push_back("sha256:" + layer.digest);
  document["history"].push_back({{"created", epoch}, {"created_by", "drydock"}});
  return document.dump();
}

// The outer tar, around its layers, of which one may be there twice.
WrittenImage write_archive(const std::string& path, const std::string& tag, const std::string& document,
                           const std::vector<Layer>& layers) {
  const std::string config_digest = sha256_hex(document);
  Json names = Json::array();
  for (const Layer& layer : layers) names.push_back(layer.name());
  const Json manifest = Json::array(
      {{{"Config", config_digest + ".json"}, {"RepoTags", Json::array({tag})}, {"Layers", names}}});

  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) throw Error(ErrorKind::invalid, with_errno("cannot create file '" + path + "'", errno));
  Output output(file.get());
  TarWriter tar(output);
  tar.file("manifest.json", manifest.dump());
  tar.file(config_digest + ".json", document);
  std::set<std::string> written;
  for (const Layer& layer : layers) {
    if (!written.insert(layer.folder).second) continue;
    tar.begin(layer.folder, AE_IFDIR, 0755, 0);
    tar.begin(layer.name(), AE_IFREG, 0644, layer.size);
    layer.copy(tar);
  }
  tar.finish();
  return {"sha256:" + config_digest, "sha256:" + layers.back().digest};
}

// The bytes of a tar, out of whatever compression it is in.
class PlainTar {
 public:
  explicit PlainTar(const std::string& path) : path_(path), reader_(archive_read_new()) {
    archive_read_support_filter_all(reader_.get());
    archive_read_support_format_raw(reader_.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_filename(reader_.get(), path.c_str(), chunk) != ARCHIVE_OK ||
        archive_read_next_header(reader_.get(), &entry) != ARCHIVE_OK) {
      fail();
    }
  }
  void for_each(const std::function<void(std::string_view)>& use) {
    std::array<char, chunk> buffer;
    while (true) {
      const la_ssize_t got = archive_read_data(reader_.get(), buffer.data(), buffer.size());
      if (got < 0) fail();
      if (got == 0) return;
      use({buffer.data(), static_cast<std::size_t>(got)});
    }
  }

 private:
  [[noreturn]] void fail() const {
    const char* reason = archive_error_string(reader_.get());
    throw Error(ErrorKind::invalid, "cannot read root file system '" + path_ +
                                        "': " + (reason != nullptr ? printable(reason) : "unknown reason"));
  }
  std::string path_;
  ReadArchive reader_;
};

void check_stop(const StopSource* stop) {
  if (stop != nullptr) stop->check();
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool has_ascii_paths(const ImageContent& content) {
  return std::all_of(content.entries().begin(), content.entries().end(), [](const auto& named) {
    const auto* link = std::get_if<ImageEntry::Symlink>(&named.second.what);
    return is_ascii(named.first) && (link == nullptr || is_ascii(link->target));
  });
}

void write_entry(TarWriter& tar, const std::string& path, const ImageEntry& entry) {
  if (const auto* bytes = std::get_if<ImageEntry::Bytes>(&entry.what)) {
    tar.file(path, bytes->bytes, entry.mode);
  } else if (const auto* host = std::get_if<ImageEntry::HostFile>(&entry.what)) {
    copy_host_file(tar, path, host->path, entry.mode);
  } else if (const auto* link = std::get_if<ImageEntry::Symlink>(&entry.what)) {
    tar.begin(path, AE_IFLNK, entry.mode, 0, link->target);
  } else {
    tar.begin(path, AE_IFDIR, entry.mode, 0);
  }
}

// `file`, which must be empty, gets the layer's tar and must outlive it.
Layer content_layer(const ImageContent& content, const TempFile& file, const StopSource* stop) {
  Output output(file.fd());
  TarWriter tar(output, has_ascii_paths(content));
  for (const auto& [name, entry] : content.entries()) {
    check_stop(stop);
    write_entry(tar, name, entry);
  }
  tar.finish();
  return {output.digest.finish(), output.size, [&file, stop](TarWriter& archive) {
            if (::lseek(file.fd(), 0, SEEK_SET) != 0)
              throw Error(ErrorKind::internal, with_errno("cannot read file '" + file.path() + "'", errno));
            for_each_piece(file.fd(), file.path(), [&](std::string_view bytes) {
              check_stop(stop);
              archive.data(bytes);
            });
          }};
}

Layer rootfs_layer(const std::string& rootfs_tar, const StopSource* stop) {
  if (!is_tar_file(rootfs_tar)) {
    throw Error(ErrorKind::invalid,
                "cannot read root file system '" + rootfs_tar + "': it is no tar archive");
  }
  Sha256 digest;
  std::int64_t size = 0;
  PlainTar(rootfs_tar).for_each([&](std::string_view bytes) {
    check_stop(stop);
    digest.update(bytes);
    size += static_cast<std::int64_t>(bytes.size());
  });
  return {digest.finish(), size, [rootfs_tar, size, stop](TarWriter& archive) {
            std::int64_t copied = 0;
            PlainTar(rootfs_tar).for_each([&](std::string_view bytes) {
              check_stop(stop);
              archive.data(bytes);
              copied += static_cast<std::int64_t>(bytes.size());
            });
            if (copied != size) {
              throw Error(ErrorKind::conflict,
                          "cannot read root file system '" + rootfs_tar + "': it changed meanwhile");
            }
          }};
}

}  // namespace

void ImageContent::add_file(const std::string& path, std::string bytes, unsigned mode) {
  add(path, {ImageEntry::Bytes{std::move(bytes)}, mode});
}

void ImageContent::add_host_file(const std::string& path, const std::string& host_path, unsigned mode) {
  add(path, {ImageEntry::HostFile{host_path}, mode});
}

void ImageContent::add_directory(const std::string& path, unsigned mode) {
  add(path, {ImageEntry::Directory{}, mode});
}

void ImageContent::add_symlink(const std::string& path, const std::string& target) {
  add(path, {ImageEntry::Symlink{target}, 0777});
}

void ImageContent::add(const std::string& path, ImageEntry entry) {
  const std::string name = relative_path(path);
  for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const auto parent =
        entries_.try_emplace(name.substr(0, slash), ImageEntry{ImageEntry::Directory{}, 0755}).first;
    if (!std::holds_alternative<ImageEntry::Directory>(parent->second.what)) {
      throw Error(ErrorKind::internal, "cannot add image entry '" + path + "': '/" + parent->first +
                                           "' is no directory of the image");
    }
  }
  if (!std::holds_alternative<ImageEntry::Directory>(entry.what)) {
    const auto child = entries_.lower_bound(name + "/");
    if (child != entries_.end() && starts_with(child->first, name + "/")) {
      throw Error(ErrorKind::internal,
                  "cannot add image entry '" + path + "': it is a directory of the image");
    }
  }
  entries_.insert_or_assign(name, std::move(entry));
}

std::string ImageContent::digest() const {
  Sha256 digest;
  for (const auto& [path, entry] : entries_) {
    std::string kind = "directory";
    std::string detail;
    if (const auto* bytes = std::get_if<ImageEntry::Bytes>(&entry.what)) {
      kind = "file";
      detail = sha256_hex(bytes->bytes);
    } else if (const auto* host = std::get_if<ImageEntry::HostFile>(&entry.what)) {
      kind = "file";
      detail = sha256_of_file(host->path);
    } else if (const auto* link = std::get_if<ImageEntry::Symlink>(&entry.what)) {
      kind = "symlink";
      detail = link->target;
    }
    // NUL cannot be in a path, so no two contents spell the same.
    for (const std::string& part : {path, kind, std::to_string(entry.mode), detail}) {
      digest.update(part).update({"\0", 1});
    }
  }
  return digest.finish();
}

std::string image_architecture() {
  struct utsname name {};
  ::uname(&name);
  const std::string machine = name.machine;
  const std::map<std::string, std::string> known{{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
                                                 {"armv8l", "arm"},   {"i686", "386"},      {"i386", "386"}};
  const auto found = known.find(machine);
  return found == known.end() ? machine : found->second;
}

WrittenImage write_image_archive(const std::string& path, const std::string& tag, const ImageConfig& config,
                                 const ImageContent& content, const StopSource* stop) {
  const TempFile file("drydock-layer");
  const std::vector<Layer> layers{content_layer(content, file, stop)};
  return write_archive(path, tag, config_json(config, layers), layers);
}

WrittenImage write_image_archive_from_tar(const std::string& path, const std::string& tag,
                                          const ImageConfig& config, const std::string& rootfs_tar,
                                          const StopSource* stop) {
  const std::vector<Layer> layers{rootfs_layer(rootfs_tar, stop)};
  return write_archive(path, tag, config_json(config, layers), layers);
}

WrittenImage write_image_archive_on_tar(const std::string& path, const std::string& tag,
                                        const ImageConfig& config, const std::string& rootfs_tar,
                                        const ImageContent& content, const StopSource* stop) {
  const TempFile file("drydock-layer", std::filesystem::path(path).parent_path().string());
  const std::vector<Layer> layers{rootfs_layer(rootfs_tar, stop), content_layer(content, file, stop)};
  return write_archive(path, tag, config_json(config, layers), layers);
}

WrittenImage write_image_archive_on_image(const std::string& path, const std::string& tag,
                                          const ImageConfig& config, const SavedImage& base,
                                          const ImageContent& content, const StopSource* stop) {
  const TempFile file("drydock-layer", std::filesystem::path(path).parent_path().string());
  std::vector<Layer> layers;
  std::map<std::string, std::string> folders;
  for (const SavedLayer& layer : base.layers) {
    const auto folder = folders.try_emplace(layer.name, "base-" + std::to_string(folders.size())).first;
    layers.push_back({{},
                      static_cast<std::int64_t>(layer.size),
                      [&base, layer, stop](TarWriter& archive) {
                        read_saved_layer(base, layer, [&](std::string_view bytes) {
                          check_stop(stop);
                          archive.data(bytes);
                        });
                      },
                      folder->second});
  }
  layers.push_back(content_layer(content, file, stop));
  return write_archive(path, tag, config_json_on(base.config, config, layers.back()), layers);
}

bool is_tar_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const ReadArchive reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_entry* entry = nullptr;
  return archive_read_open_filename(reader.get(), path.c_str(), chunk) == ARCHIVE_OK &&
         archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK;
}

}  // namespace drydock::core
