#include "policy/line_chain.hpp"

#include <charconv>

#include "policy/sha256.hpp"

namespace drydock::policy {
namespace {

constexpr std::string_view seq_key = ",\"seq\":";
constexpr std::string_view chain_key = ",\"chain\":\"";
constexpr std::string_view line_end = "\"}";
constexpr std::size_t hash_digits = 64;

bool is_hash(std::string_view text) {
  return text.size() == hash_digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

const std::string chain_start(hash_digits, '0');

std::optional<ChainedLine> read_chained(std::string_view line) {
  constexpr std::size_t tail = chain_key.size() + hash_digits + line_end.size();
  if (line.size() <= tail || line.front() != '{' || !line.ends_with(line_end)) return std::nullopt;
  ChainedLine parts;
  parts.body = line.substr(0, line.size() - tail);
  const std::string_view rest = line.substr(parts.body.size());
  parts.chain = rest.substr(chain_key.size(), hash_digits);
  const auto at = parts.body.rfind(seq_key);
  if (!rest.starts_with(chain_key) || !is_hash(parts.chain) || at == std::string_view::npos)
    return std::nullopt;
  const char* end = parts.body.data() + parts.body.size();
  const auto [stop, error] = std::from_chars(parts.body.data() + at + seq_key.size(), end, parts.seq);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return parts;
}

std::string chain_hash(std::string_view before, std::string_view body) {
  return sha256_hex(std::string(before) + std::string(body));
}

std::string LineChain::seal(std::string object) {
  object.pop_back();
  object += std::string(seq_key) + std::to_string(seq_++);
  hash_ = chain_hash(hash_, object);
  return object + std::string(chain_key) + hash_ + std::string(line_end);
}

}  // namespace drydock::policy
