// Rows as text: columns two spaces apart, as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace drydock::cli {

// Every row has as many cells as the first; there is one.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace drydock::cli
