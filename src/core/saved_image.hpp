// An image as an engine gives it away: a tar with a manifest.json, a config and the layers. Docker up to 24
// and Podman write it flat, with symlinks for layers that are there twice; Docker from 25 on as an OCI layout
// with the same manifest.json beside it. Layers may be compressed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "core/image_tree.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

struct SavedLayer {
  std::string name;  // of its entry in the archive
  std::uint64_t size = 0;
  friend bool operator==(const SavedLayer&, const SavedLayer&) = default;
};

struct SavedImage {
  std::string path;  // of the archive, which must stay as it is
  Json config;
  std::vector<SavedLayer> layers;  // the lowest first
  ImageTree tree;                  // has the text of what package_databases() names
};

// What tells which packages are in an image, and which system it is: paths, or folders when they end in '/'.
const std::vector<std::string>& package_databases();

// Reads an archive, whatever the order of its entries. Throws Error(invalid) when it is none, holds more than
// one image, or lacks a layer.
SavedImage read_saved_image(const std::string& path, const StopSource* stop = nullptr);

// What is in a root file system that is a tar, plain or compressed, with the text of the same. Throws
// Error(invalid) when it is none.
ImageTree read_rootfs(const std::string& path, const StopSource* stop = nullptr);

// Hands on a layer's bytes as they are in the archive. Throws the same.
void read_saved_layer(const SavedImage& image, const SavedLayer& layer,
                      const std::function<void(std::string_view)>& use);

}  // namespace drydock::core
