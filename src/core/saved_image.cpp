#include "core/saved_image.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t chunk = 65536;
constexpr std::size_t json_limit = std::size_t{16} << 20;
constexpr std::size_t text_limit = std::size_t{16} << 20;  // of one file that is kept

using ReadArchive = std::unique_ptr<archive, decltype([](archive* a) { archive_read_free(a); })>;

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::invalid, "cannot read image archive '" + printable(path, 300) + "': " + reason);
}

std::string reason_of(archive* reader) {
  const char* reason = archive_error_string(reader);
  return reason != nullptr ? printable(reason, 300) : "unknown reason";
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : text; }

std::string name_of(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  return text_or_empty(name != nullptr ? name : archive_entry_pathname(entry));
}

std::string symlink_of(archive_entry* entry) {
  const char* target = archive_entry_symlink_utf8(entry);
  return text_or_empty(target != nullptr ? target : archive_entry_symlink(entry));
}

std::string hardlink_of(archive_entry* entry) {
  const char* target = archive_entry_hardlink_utf8(entry);
  return text_or_empty(target != nullptr ? target : archive_entry_hardlink(entry));
}

// The next entry of a tar; nullptr at its end.
archive_entry* next_of(archive* reader, const std::string& path) {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(reader, &entry);
  if (result == ARCHIVE_EOF) return nullptr;
  // A name that this locale cannot spell is a warning.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail(path, reason_of(reader));
  return entry;
}

void for_each_piece(archive* reader, const std::string& path,
                    const std::function<void(std::string_view)>& use) {
  std::array<char, chunk> buffer;
  while (true) {
    const la_ssize_t got = archive_read_data(reader, buffer.data(), buffer.size());
    if (got < 0) fail(path, reason_of(reader));
    if (got == 0) return;
    use({buffer.data(), static_cast<std::size_t>(got)});
  }
}

std::string text_of(archive* reader, const std::string& path, std::size_t limit) {
  std::string text;
  for_each_piece(reader, path, [&](std::string_view piece) {
    if (text.size() + piece.size() > limit) fail(path, "a file in it is too large");
    text += piece;
  });
  return text;
}

// What the layers of one image may take in memory, together.
class Budget {
 public:
  explicit Budget(const std::string& path) : path_(path) {}
  // A name is kept, and those of the folders that it lies in, which it mostly has in common with the one
  // before.
  void take_name(const std::string& name, const std::string& target) {
    if (name.size() >= PATH_MAX || target.size() >= PATH_MAX) fail(path_, "a name in it is too long");
    std::string folder = name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
    const bool same = folder == folder_;
    const auto depth = static_cast<std::size_t>(std::count(name.begin(), name.end(), '/'));
    take(names_, (same ? 1 : depth + 1) * (name.size() + entry_size) + target.size(), "too many files");
    folder_ = std::move(folder);
  }
  void take_text(std::size_t size) { take(texts_, size, "too large lists of packages"); }

 private:
  static constexpr std::size_t entry_size = 160;
  void take(std::size_t& left, std::size_t size, const char* reason) const {
    if (size > left) fail(path_, std::string("its layers have ") + reason);
    left -= size;
  }
  const std::string& path_;
  std::string folder_;
  std::size_t names_ = std::size_t{2} << 30;
  std::size_t texts_ = std::size_t{256} << 20;
};

// The archive itself, from its beginning.
class Outer {
 public:
  explicit Outer(std::string path, int (*format)(archive*) = archive_read_support_format_tar)
      : path_(std::move(path)), reader_(archive_read_new()) {
    format(reader_.get());
    if (archive_read_open_filename(reader_.get(), path_.c_str(), chunk) != ARCHIVE_OK)
      fail(path_, reason_of(reader_.get()));
  }
  archive_entry* next() { return next_of(reader_.get(), path_); }
  archive* reader() const { return reader_.get(); }
  // Goes to the file of that name.
  void seek(const std::string& name) {
    while (archive_entry* entry = next()) {
      if (name_of(entry) == name && archive_entry_filetype(entry) == AE_IFREG) return;
    }
    fail(path_, "it has no '" + printable(name, 200) + "'");
  }

 private:
  std::string path_;
  ReadArchive reader_;
};

// What is in the archive, by name.
struct Listing {
  std::map<std::string, std::uint64_t> files;
  std::map<std::string, std::string> links;
  std::string manifest;
};

std::string against(const std::string& name, const std::string& target) {
  std::vector<std::string> parts = split(name, '/');
  parts.pop_back();
  for (const std::string& part : split(target, '/')) {
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(part);
    }
  }
  return join(parts, "/");
}

Listing list_of(const std::string& path, const StopSource* stop) {
  Listing listing;
  Outer outer(path);
  while (archive_entry* entry = outer.next()) {
    if (stop != nullptr) stop->check();
    const std::string name = name_of(entry);
    if (const std::string target = hardlink_of(entry); !target.empty()) {
      listing.links[name] = target;
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
      listing.links[name] = against(name, symlink_of(entry));
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      const auto size = static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
      // Of two, one would be looked at and the other used.
      if (!listing.files.emplace(name, size).second)
        fail(path, "it has '" + printable(name, 200) + "' twice");
      if (name == "manifest.json") listing.manifest = text_of(outer.reader(), path, json_limit);
    }
  }
  return listing;
}

// The file that a name leads to.
std::string followed(const Listing& listing, std::string name, const std::string& path) {
  for (int step = 0; step < 8; ++step) {
    if (listing.files.count(name) != 0) return name;
    const auto link = listing.links.find(name);
    if (link == listing.links.end()) break;
    name = link->second;
  }
  fail(path, "it has no '" + printable(name, 200) + "'");
}

Json parse_part(const std::string& text, const std::string& path) {
  try {
    return parse_json(text, "it");
  } catch (const Error& error) {
    fail(path, error.what());
  }
}

bool is_kept(const std::string& path) {
  const auto& databases = package_databases();
  return std::any_of(databases.begin(), databases.end(), [&](const std::string& name) {
    return ends_with(name, "/") ? starts_with(path, name) : path == name;
  });
}

std::string without_dot(std::string name) {
  if (starts_with(name, "./")) name.erase(0, 2);
  while (starts_with(name, "/")) name.erase(0, 1);
  return name;
}

// A layer is a tar within the tar.
class Inner {
 public:
  Inner(archive* outer, const std::string& path, const StopSource* stop)
      : outer_(outer), path_(path), stop_(stop), reader_(archive_read_new()) {
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_format_tar(reader_.get());
    archive_read_support_format_empty(reader_.get());
    if (archive_read_open(reader_.get(), this, nullptr, read, nullptr) != ARCHIVE_OK)
      fail(path_, reason_of(reader_.get()));
    // One of them is that of the file itself. Each more would multiply what a few octets become.
    if (archive_filter_count(reader_.get()) > 2) fail(path_, "a layer is compressed more than once");
  }
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

  LayerChanges changes(Budget& budget) {
    LayerChanges layer;
    try {
      while (archive_entry* entry = next_of(reader_.get(), path_)) {
        const std::string name = without_dot(name_of(entry));
        TreeEntry read = read_entry(entry, name);
        budget.take_name(name, read.target);
        budget.take_text(read.text.size());
        layer.add(name, std::move(read));
      }
    } catch (const Error&) {
      if (stop_ != nullptr) stop_->check();
      throw;
    }
    if (stop_ != nullptr) stop_->check();
    return layer;
  }

 private:
  static la_ssize_t read(archive* reader, void* self, const void** bytes) noexcept {
    auto& inner = *static_cast<Inner*>(self);
    // What a layer becomes may be without an end, and libarchive skips it without asking.
    if (inner.stop_ != nullptr && inner.stop_->requested()) {
      archive_set_error(reader, EINTR, "%s", "stopped");
      return -1;
    }
    const la_ssize_t got = archive_read_data(inner.outer_, inner.buffer_.data(), inner.buffer_.size());
    if (got < 0) archive_set_error(reader, EIO, "%s", "the archive is damaged");
    *bytes = inner.buffer_.data();
    return got;
  }

  TreeEntry read_entry(archive_entry* entry, const std::string& name) {
    TreeEntry read{TreeEntry::Kind::file, static_cast<unsigned>(archive_entry_perm(entry)), {}, {}};
    if (const std::string target = hardlink_of(entry); !target.empty()) {
      if (is_kept(name)) read.text = text_before(name, without_dot(target));
      return read;
    }
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        if (is_kept(name)) read.text = texts_[name] = text_of(reader_.get(), path_, text_limit);
        break;
      case AE_IFDIR:
        read.kind = TreeEntry::Kind::directory;
        break;
      case AE_IFLNK:
        read.kind = TreeEntry::Kind::symlink;
        read.target = symlink_of(entry);
        break;
      default:
        read.kind = TreeEntry::Kind::other;
    }
    return read;
  }

  // Of another name of the same file. Where that is of no interest by itself, its text has gone by.
  std::string text_before(const std::string& name, const std::string& target) const {
    const auto found = texts_.find(target);
    if (found == texts_.end())
      fail(path_, "its '" + printable(name, 200) + "' is a hard link to '" + printable(target, 200) + "'");
    return found->second;
  }

  archive* outer_;
  const std::string& path_;
  const StopSource* stop_;
  ReadArchive reader_;
  std::array<char, chunk> buffer_{};
  std::map<std::string, std::string> texts_;
};

// The layers in the order in which they lie in the archive, by name.
std::map<std::string, LayerChanges> read_layers(const SavedImage& image, const StopSource* stop) {
  std::map<std::string, LayerChanges> read;
  Budget budget(image.path);
  Outer outer(image.path);
  while (archive_entry* entry = outer.next()) {
    const std::string name = name_of(entry);
    const bool wanted = std::any_of(image.layers.begin(), image.layers.end(),
                                    [&](const SavedLayer& layer) { return layer.name == name; });
    if (!wanted || archive_entry_filetype(entry) != AE_IFREG) continue;
    read[name] = Inner(outer.reader(), image.path, stop).changes(budget);
  }
  return read;
}

}  // namespace

const std::vector<std::string>& package_databases() {
  static const std::vector<std::string> paths{"var/lib/dpkg/status",  "var/lib/dpkg/status.d/",
                                              "lib/apk/db/installed", "usr/lib/apk/db/installed",
                                              "etc/os-release",       "usr/lib/os-release"};
  return paths;
}

SavedImage read_saved_image(const std::string& path, const StopSource* stop) {
  SavedImage image;
  image.path = path;
  const Listing listing = list_of(path, stop);
  if (listing.manifest.empty()) fail(path, "it has no manifest.json");
  const Json manifest = parse_part(listing.manifest, path);
  if (!manifest.is_array() || manifest.size() != 1) fail(path, "it does not hold one image");
  const std::string config = string_or(manifest.front(), "Config");
  {
    Outer outer(path);
    outer.seek(followed(listing, config, path));
    image.config = parse_part(text_of(outer.reader(), path, json_limit), path);
  }
  for (const std::string& name : strings_or_empty(manifest.front(), "Layers")) {
    const std::string file = followed(listing, name, path);
    image.layers.push_back({file, listing.files.at(file)});
  }
  const Json* rootfs = find_member(image.config, "rootfs");
  if (rootfs == nullptr || strings_or_empty(*rootfs, "diff_ids").size() != image.layers.size())
    fail(path, "its config and its manifest name different layers");
  const std::map<std::string, LayerChanges> layers = read_layers(image, stop);
  for (const SavedLayer& layer : image.layers) {
    const auto found = layers.find(layer.name);
    if (found == layers.end()) fail(path, "it has no '" + printable(layer.name, 200) + "'");
    image.tree.put(found->second);
  }
  return image;
}

ImageTree read_rootfs(const std::string& path, const StopSource* stop) {
  // As it is, the file is what a layer is within an archive.
  Outer outer(path, archive_read_support_format_raw);
  if (outer.next() == nullptr) fail(path, "it is empty");
  Budget budget(path);
  ImageTree tree;
  tree.put(Inner(outer.reader(), path, stop).changes(budget));
  return tree;
}

void read_saved_layer(const SavedImage& image, const SavedLayer& layer,
                      const std::function<void(std::string_view)>& use) {
  Outer outer(image.path);
  outer.seek(layer.name);
  for_each_piece(outer.reader(), image.path, use);
}

}  // namespace drydock::core
