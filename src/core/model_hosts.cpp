#include "core/model_hosts.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/commented_json.hpp"
#include "core/file_tree.hpp"
#include "core/groups.hpp"
#include "core/toml_texts.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20;

std::optional<Json> read_settings(int home, const std::string& file) {
  const auto text = read_below(home, file, largest_file);
  if (!text) return std::nullopt;
  auto settings = ends_with(file, ".toml") ? read_toml_texts(*text) : parse_commented_json(*text);
  if (!settings)
    log::info("'{}' of the agent is not understood; whether its model is allowed is not told", file);
  return settings;
}

const Json* value_at(const Json& settings, const std::vector<std::string>& place, const std::string& name) {
  const Json* at = &settings;
  for (const std::string& key : place) {
    at = at == nullptr ? nullptr : find_member(*at, key == "*" ? name : key);
  }
  return at;
}

std::string text_at(const Json& settings, const std::vector<std::string>& place,
                    const std::string& name = {}) {
  const Json* value = value_at(settings, place, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

// Of a place with a "*" all names that can stand there; without a place, those of the file.
std::vector<std::string> names_at(const Json& settings, const std::vector<std::string>& place) {
  const auto star = std::find(place.begin(), place.end(), "*");
  std::vector<std::string> names;
  const Json* table = value_at(settings, {place.begin(), star}, {});
  if (table == nullptr || !table->is_object() || (star == place.end() && !place.empty())) return names;
  for (const auto& member : table->items()) names.push_back(member.key());
  return names;
}

struct Named {
  std::string file;
  std::string provider;
};

class Finder {
 public:
  Finder(const std::vector<ModelSetting>& settings, const std::string& home) : settings_(settings) {
    const UniqueFd folder = open_folder(home);
    for (const ModelSetting& setting : settings) files_.push_back(read_settings(folder.get(), setting.file));
  }

  std::vector<ModelHost> find() {
    each([&](const ModelSetting& setting, const Json& file) { look_for_addresses(setting, file); });
    each([&](const ModelSetting& setting, const Json& file) { look_for_choice(setting, file); });
    // An address of no provider's is that of the one which is used when none is chosen.
    if (!chosen_ || addresses_.count(chosen_->provider) == 0) {
      for (const auto& [file, url] : plain_) add_address({file, {}}, url);
    }
    if (chosen_) {
      add(*chosen_);
    } else {
      each([&](const ModelSetting& setting, const Json& file) {
        if (!setting.chosen.empty()) return;
        for (const std::string& name : names_at(file, setting.url)) add({setting.file, name});
      });
    }
    return std::move(found_);
  }

 private:
  template <typename Use>
  void each(const Use& use) const {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (files_[i]) use(settings_[i], *files_[i]);
    }
  }

  void look_for_addresses(const ModelSetting& setting, const Json& file) {
    if (setting.url.empty()) return;
    for (const std::string& name : names_at(file, setting.url)) {
      const std::string url = text_at(file, setting.url, name);
      if (!url.empty()) addresses_.emplace(name, std::pair(setting.file, url));
    }
    const bool of_one = std::find(setting.url.begin(), setting.url.end(), "*") == setting.url.end();
    const std::string url = of_one ? text_at(file, setting.url) : std::string{};
    if (!url.empty()) plain_.emplace_back(setting.file, url);
  }

  // "provider/model" or the provider alone.
  void look_for_choice(const ModelSetting& setting, const Json& file) {
    if (setting.chosen.empty() || chosen_) return;
    const std::string text = text_at(file, setting.chosen);
    if (!text.empty()) chosen_ = Named{setting.file, text.substr(0, text.find('/'))};
  }

  void add(const Named& named) {
    if (const auto address = addresses_.find(named.provider); address != addresses_.end())
      return add_address({address->second.first, named.provider}, address->second.second);
    for (const ModelSetting& setting : settings_) {
      const auto host = setting.hosts.find(named.provider);
      if (host != setting.hosts.end()) return add_host({named.file, named.provider, host->second, {}, false});
    }
  }

  void add_address(const Named& named, const std::string& url) {
    const auto host = host_of_registry(url);
    add_host({named.file, named.provider, host ? *host : "", host ? "" : host.error(), true});
  }

  void add_host(ModelHost host) {
    const bool known = std::any_of(found_.begin(), found_.end(), [&](const ModelHost& other) {
      return other.provider == host.provider && other.host == host.host && other.fault == host.fault;
    });
    if (!known) found_.push_back(std::move(host));
  }

  const std::vector<ModelSetting>& settings_;
  std::vector<std::optional<Json>> files_;
  std::map<std::string, std::pair<std::string, std::string>> addresses_;  // provider -> file, address
  std::vector<std::pair<std::string, std::string>> plain_;                // file, address
  std::optional<Named> chosen_;
  std::vector<ModelHost> found_;
};

}  // namespace

std::vector<ModelHost> model_hosts(const std::vector<ModelSetting>& settings, const std::string& home) {
  if (settings.empty()) return {};
  try {
    return Finder(settings, home).find();
  } catch (const Error& error) {
    log::info("where the agent's model is, by its settings, is not known: {}", error.what());
    return {};
  }
}

}  // namespace drydock::core
