#include "core/image_tree.hpp"

#include <deque>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view whiteout = ".wh.";
constexpr std::string_view opaque = ".wh..wh..opq";
constexpr int most_symlinks = 40;  // as the kernel has it, path_resolution(7)

// Without a leading slash and without "."; nothing for one that leaves the root.
std::optional<std::string> normal(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    parts.push_back(part);
  }
  return join(parts, "/");
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string below_path(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

// What a walk along a path comes to: the real path, and what was left when it ended at nothing.
struct Walk {
  std::string real;
  std::deque<std::string> left;
  bool whole = false;
};

Walk walk(const std::map<std::string, TreeEntry>& entries, std::string_view path) {
  Walk walked;
  for (std::string& part : split(path, '/')) walked.left.push_back(std::move(part));
  int symlinks = 0;
  while (!walked.left.empty()) {
    const std::string part = walked.left.front();
    if (part.empty() || part == ".") {
      walked.left.pop_front();
      continue;
    }
    if (part == "..") {
      walked.left.pop_front();
      walked.real = parent_of(walked.real);
      continue;
    }
    const auto found = entries.find(below_path(walked.real, part));
    if (found == entries.end()) return walked;
    if (found->second.kind != TreeEntry::Kind::symlink) {
      // Nothing is below a file.
      if (found->second.kind != TreeEntry::Kind::directory && walked.left.size() > 1) return walked;
      walked.left.pop_front();
      walked.real = found->first;
      continue;
    }
    if (++symlinks > most_symlinks) return walked;
    walked.left.pop_front();
    const std::string& target = found->second.target;
    if (starts_with(target, "/")) walked.real.clear();
    const std::vector<std::string> parts = split(target, '/');
    walked.left.insert(walked.left.begin(), parts.begin(), parts.end());
  }
  walked.whole = true;
  return walked;
}

}  // namespace

void LayerChanges::add(std::string_view path, TreeEntry entry) {
  const auto name = normal(path);
  if (!name || name->empty()) return;
  const std::string parent = parent_of(*name);
  const std::string base = parent.empty() ? *name : name->substr(parent.size() + 1);
  if (base == opaque) {
    emptied_.insert(parent);
  } else if (starts_with(base, std::string(whiteout) + std::string(whiteout))) {
    return;  // what AUFS keeps for itself
  } else if (starts_with(base, whiteout)) {
    removed_.insert(below_path(parent, base.substr(whiteout.size())));
  } else {
    entries_.insert_or_assign(*name, std::move(entry));
  }
}

void ImageTree::erase_below(const std::string& path) {
  if (path.empty()) {
    entries_.clear();
    return;
  }
  // '0' follows '/'.
  entries_.erase(entries_.lower_bound(path + "/"), entries_.lower_bound(path + "0"));
}

void ImageTree::put_entry(const std::string& path, const TreeEntry& entry) {
  // Of a folder that is there, those above it are too.
  for (std::string parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
    const auto found = entries_.find(parent);
    if (found != entries_.end() && found->second.kind == TreeEntry::Kind::directory) break;
    entries_.insert_or_assign(parent, TreeEntry{TreeEntry::Kind::directory, 0755, {}, {}});
  }
  if (entry.kind != TreeEntry::Kind::directory) erase_below(path);
  entries_.insert_or_assign(path, entry);
}

void ImageTree::put(const LayerChanges& layer) {
  for (const std::string& path : layer.emptied_) erase_below(path);
  for (const std::string& path : layer.removed_) {
    erase_below(path);
    entries_.erase(path);
  }
  for (const auto& [path, entry] : layer.entries_) put_entry(path, entry);
}

std::optional<std::string> ImageTree::real_path(std::string_view path) const {
  Walk walked = walk(entries_, path);
  if (!walked.whole) return std::nullopt;
  return std::move(walked.real);
}

const TreeEntry* ImageTree::find(std::string_view path) const {
  const auto real = real_path(path);
  if (!real) return nullptr;
  const auto found = entries_.find(*real);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<std::string> ImageTree::place_of(std::string_view path) const {
  const auto name = normal(path);
  if (!name || name->empty()) return std::nullopt;
  const std::string parent = parent_of(*name);
  const Walk walked = walk(entries_, parent);
  std::string place = walked.real;
  if (!walked.left.empty()) {
    // The next part must be free, or a file or a circle is in the way.
    if (entries_.count(below_path(place, walked.left.front())) != 0) return std::nullopt;
    for (const std::string& part : walked.left) {
      if (part == "..") return std::nullopt;
      if (!part.empty() && part != ".") place = below_path(place, part);
    }
  }
  const auto found = entries_.find(place);
  if (found != entries_.end() && found->second.kind != TreeEntry::Kind::directory) return std::nullopt;
  return "/" + below_path(place, parent.empty() ? *name : name->substr(parent.size() + 1));
}

std::optional<std::string> ImageTree::find_program(std::string_view name, std::string_view path) const {
  for (const std::string& folder : split(path, ':')) {
    if (!starts_with(folder, "/")) continue;
    auto real = real_path(folder + "/" + std::string(name));
    if (!real) continue;
    const auto found = entries_.find(*real);
    if (found == entries_.end() || found->second.kind != TreeEntry::Kind::file) continue;
    if ((found->second.mode & 0111U) != 0) return real;
  }
  return std::nullopt;
}

std::map<std::string, const TreeEntry*> ImageTree::below(std::string_view folder) const {
  std::map<std::string, const TreeEntry*> found;
  const auto real = real_path(folder);
  if (!real || real->empty()) return found;
  const auto end = entries_.lower_bound(*real + "0");
  for (auto entry = entries_.lower_bound(*real + "/"); entry != end; ++entry)
    found[entry->first] = &entry->second;
  return found;
}

}  // namespace drydock::core
