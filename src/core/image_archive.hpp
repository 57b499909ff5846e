// Container images without a registry and without an engine: a docker-archive tar (manifest.json, the config,
// layers), as Docker's POST /images/load and Podman's POST /libpod/images/load take it. The same input
// makes the same bytes: entries are sorted, owned by 0:0, and dated 1970.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/saved_image.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::string user;
  std::string workdir;
  std::map<std::string, std::string> labels;
  std::string architecture;  // as images name it (amd64, arm64); empty: this machine's
};

struct ImageEntry {
  struct Bytes {
    std::string bytes;
  };
  struct HostFile {
    std::string path;
  };
  struct Directory {};
  struct Symlink {
    std::string target;
  };
  std::variant<Bytes, HostFile, Directory, Symlink> what;
  unsigned mode = 0;
};

// What a layer holds. Paths are absolute; parents that are not named become directories of mode
// 0755. A path that is added again is replaced.
class ImageContent {
 public:
  void add_file(const std::string& path, std::string bytes, unsigned mode = 0644);
  // Copies a regular file of the host, through symlinks, when the archive is written.
  void add_host_file(const std::string& path, const std::string& host_path, unsigned mode = 0644);
  void add_directory(const std::string& path, unsigned mode = 0755);
  void add_symlink(const std::string& path, const std::string& target);

  // SHA-256 over every path, kind, mode and byte. Throws Error if a host file cannot be read.
  std::string digest() const;

  // By path without the leading slash; parents sort before what is in them.
  const std::map<std::string, ImageEntry>& entries() const { return entries_; }

 private:
  void add(const std::string& path, ImageEntry entry);
  std::map<std::string, ImageEntry> entries_;
};

struct WrittenImage {
  std::string id;       // sha256:… of the config: the image id in both engines
  std::string diff_id;  // sha256:… of the last layer
};

// This machine's architecture, as images name it.
std::string image_architecture();

// Writes the archive to `path`, which is created or overwritten. Throws Error, or Interrupted when `stop`
// says so.
WrittenImage write_image_archive(const std::string& path, const std::string& tag, const ImageConfig& config,
                                 const ImageContent& content, const StopSource* stop = nullptr);

// The same with an existing root-file-system tar (plain or compressed) as the layer, byte for byte; it is
// streamed, never held in memory. Throws Error(invalid) when the file is no tar.
WrittenImage write_image_archive_from_tar(const std::string& path, const std::string& tag,
                                          const ImageConfig& config, const std::string& rootfs_tar,
                                          const StopSource* stop = nullptr);

// The same, and `content` as a second layer on top. What it needs meanwhile lies beside `path`.
WrittenImage write_image_archive_on_tar(const std::string& path, const std::string& tag,
                                        const ImageConfig& config, const std::string& rootfs_tar,
                                        const ImageContent& content, const StopSource* stop = nullptr);

// The same on top of an image as an engine has saved it, whose layers stay as they are. `config` stands in
// the place of its own; the architecture is the base's.
WrittenImage write_image_archive_on_image(const std::string& path, const std::string& tag,
                                          const ImageConfig& config, const SavedImage& base,
                                          const ImageContent& content, const StopSource* stop = nullptr);

// True for a regular file that holds a tar, plain or compressed.
bool is_tar_file(const std::string& path);

}  // namespace drydock::core
