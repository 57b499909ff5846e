// What the layers of an image make together: a tree of files, by path. Source: OCI Image Layer Filesystem
// Changeset, whose whiteouts (".wh.NAME", ".wh..wh..opq") take away what lower layers have.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace drydock::core {

struct TreeEntry {
  enum class Kind { file, directory, symlink, other };
  Kind kind = Kind::file;
  unsigned mode = 0;
  std::string target{};  // of a symlink
  std::string text{};    // of a file that its reader keeps
};

// One layer, as it stands in its tar. Paths have no slash at their ends; those that leave the root are
// ignored.
class LayerChanges {
 public:
  void add(std::string_view path, TreeEntry entry);

 private:
  friend class ImageTree;
  std::map<std::string, TreeEntry> entries_;
  std::set<std::string> removed_;  // with all below them
  std::set<std::string> emptied_;  // what is below them
};

class ImageTree {
 public:
  // Puts a layer on top of those that are there.
  void put(const LayerChanges& layer);

  std::size_t size() const { return entries_.size(); }
  // What is at the path, through symlinks; nullptr when there is nothing.
  const TreeEntry* find(std::string_view path) const;
  // The path that it is in truth, without a leading slash; nothing where there is none, or symlinks go in
  // circles. "" is the root.
  std::optional<std::string> real_path(std::string_view path) const;
  // Where a new file of that path comes to lie, with the symlinks of its folders followed; folders that are
  // not there may follow. Absolute. Nothing when something that is no folder is in the way.
  std::optional<std::string> place_of(std::string_view path) const;
  // The real path of the program, by a list of folders as in PATH.
  std::optional<std::string> find_program(std::string_view name, std::string_view path) const;
  // Those directly or deeper below a folder, by real path.
  std::map<std::string, const TreeEntry*> below(std::string_view folder) const;

 private:
  void erase_below(const std::string& path);
  void put_entry(const std::string& path, const TreeEntry& entry);
  std::map<std::string, TreeEntry> entries_;
};

}  // namespace drydock::core
