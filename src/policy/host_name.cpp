#include "policy/host_name.hpp"

#include <algorithm>

namespace drydock::policy {
namespace {

constexpr std::size_t max_label = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_name_char(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; }

bool is_number(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X")) {
    label.remove_prefix(2);
    return std::all_of(label.begin(), label.end(), is_hex_digit);
  }
  return std::all_of(label.begin(), label.end(), is_digit);
}

}  // namespace

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > max_host_name) return false;
  while (true) {
    const auto dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > max_label) return false;
    if (!std::all_of(label.begin(), label.end(), is_name_char)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    text.remove_prefix(dot + 1);
  }
}

bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && is_number(last);
}

bool is_address(std::string_view text) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    text = text.substr(0, text.find(']'));
  }
  text = text.substr(0, text.find('%'));
  if (std::count(text.begin(), text.end(), ':') >= 2) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; });
  }
  return ends_in_number(text.substr(0, text.find(':')));
}

bool can_be_listed(std::string_view name) {
  if (!is_host_name(name) || name.find('.') == std::string_view::npos) return false;
  return name.front() != '-' && name.back() != '-' && name.find("-.") == std::string_view::npos &&
         name.find(".-") == std::string_view::npos;
}

}  // namespace drydock::policy
