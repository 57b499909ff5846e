#include "core/toml_texts.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"

namespace drydock::core {
namespace {

using Keys = std::vector<std::string>;

constexpr std::string_view bare_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
constexpr int deepest = 16;  // tables in one line
constexpr std::size_t most_keys = 16;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Json> read() {
    Json root = Json::object();
    Json left_out;
    Json* table = &root;
    for (skip_lines(); at_ < text_.size(); skip_lines()) {
      const bool fine = peek() == '[' ? read_header(root, left_out, table) : read_pair(*table, 0);
      if (!fine || !ends_line()) return std::nullopt;
    }
    return root;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() {
    if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
  }
  // And what is said in them.
  void skip_lines() {
    while (at_ < text_.size()) {
      skip_blanks();
      skip_comment();
      if (peek() != '\n' && peek() != '\r') return;
      ++at_;
    }
  }
  bool ends_line() {
    skip_blanks();
    skip_comment();
    return at_ == text_.size() || peek() == '\n' || peek() == '\r';
  }

  bool read_header(Json& root, Json& left_out, Json*& table) {
    const bool list = take("[[");
    if (!list) take("[");
    const auto keys = read_keys();
    if (!keys || !take(list ? "]]" : "]")) return false;
    left_out = Json::object();
    Json* found = list ? nullptr : table_at(root, *keys);
    table = found == nullptr ? &left_out : found;
    return true;
  }

  static Json* table_at(Json& table, const Keys& keys) {
    Json* at = &table;
    for (const std::string& key : keys) {
      at = &(*at)[key];
      if (at->is_null()) *at = Json::object();
      if (!at->is_object()) return nullptr;
    }
    return at;
  }

  bool read_pair(Json& table, int depth) {
    auto keys = read_keys();
    if (!keys || !take("=")) return false;
    skip_blanks();
    Json value;
    if (!read_value(value, depth)) return false;
    if (value.is_null()) return true;
    const std::string last = keys->back();
    keys->pop_back();
    if (Json* place = table_at(table, *keys)) place->emplace(last, std::move(value));
    return true;
  }

  std::optional<Keys> read_keys() {
    Keys keys;
    do {
      skip_blanks();
      std::string key;
      if (peek() == '"' || peek() == '\'') {
        if (!read_string(key)) return std::nullopt;
      } else {
        const std::size_t end = std::min(text_.find_first_not_of(bare_characters, at_), text_.size());
        key = text_.substr(at_, end - at_);
        at_ = end;
        if (key.empty()) return std::nullopt;
      }
      keys.push_back(std::move(key));
      skip_blanks();
    } while (keys.size() < most_keys && take("."));
    return keys;
  }

  bool read_value(Json& value, int depth) {
    if (depth > deepest) return false;
    if (peek() == '"' || peek() == '\'') {
      std::string text;
      if (!read_string(text)) return false;
      value = std::move(text);
      return true;
    }
    if (take("{")) return read_inline_table(value, depth);
    if (take("[")) return skip_list(depth);
    const std::size_t end = std::min(text_.find_first_of(",]}#\r\n", at_), text_.size());
    const bool some = end > at_;
    at_ = end;
    return some;
  }

  bool read_inline_table(Json& value, int depth) {
    value = Json::object();
    skip_lines();
    while (!take("}")) {
      if (!read_pair(value, depth + 1)) return false;
      skip_lines();
      if (!take(",") && peek() != '}') return false;
      skip_lines();
    }
    return true;
  }

  bool skip_list(int depth) {
    skip_lines();
    while (!take("]")) {
      Json ignored;
      if (!read_value(ignored, depth + 1)) return false;
      skip_lines();
      if (!take(",") && peek() != ']') return false;
      skip_lines();
    }
    return true;
  }

  bool read_string(std::string& text) {
    const char quote = peek();
    const std::string three(3, quote);
    const bool lines = take(three);
    if (!lines) ++at_;
    if (lines) take("\r");
    if (lines) take("\n");
    while (at_ < text_.size()) {
      if (lines ? text_.substr(at_, 3) == three : peek() == quote) {
        at_ += lines ? 3 : 1;
        // A quote or two may stand before the last three.
        while (lines && peek() == quote) text += text_[at_++];
        return is_utf8(text);
      }
      const char c = text_[at_++];
      if (!lines && (c == '\n' || c == '\r')) return false;
      if (c == '\\' && quote == '"') {
        if (!read_escape(text)) return false;
      } else {
        text += c;
      }
    }
    return false;
  }

  // What no address and no name needs is taken for a '?'.
  bool read_escape(std::string& text) {
    const char c = peek();
    if (at_ == text_.size()) return false;
    ++at_;
    if (c == '"' || c == '\\' || c == '/') {
      text += c;
    } else if (c == '\n' || c == '\r' || c == ' ' || c == '\t') {
      while (peek() == '\n' || peek() == '\r' || peek() == ' ' || peek() == '\t') ++at_;
    } else {
      text += '?';
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Json> read_toml_texts(std::string_view text) { return Reader(text).read(); }

}  // namespace drydock::core
