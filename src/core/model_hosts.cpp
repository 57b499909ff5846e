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
#include "core/host_pattern.hpp"
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

// With the name of the file that each is from; the last one counts.
using Variables = std::map<std::string, std::pair<std::string, std::string>>;

void add_variables(const ModelSetting& setting, const Json& file, Variables& variables) {
  const Json* table = setting.environment.empty() ? nullptr : value_at(file, setting.environment, {});
  if (table == nullptr || !table->is_object()) return;
  for (const auto& [name, value] : table->items()) {
    if (value.is_string())
      variables[name] = {value.get<std::string>(), setting.file};
    else if (value.is_primitive())
      variables[name] = {value.dump(), setting.file};
  }
}

bool is_on(const std::string& value) {
  const std::string word = to_lower_ascii(trim(value));
  return word == "1" || word == "true" || word == "yes" || word == "on";
}

SwitchedModel model_by(const ModelSwitch& found, const Variables& variables) {
  const auto value = [&](const std::string& name) {
    const auto variable = variables.find(name);
    return variable == variables.end() ? std::string{} : variable->second.first;
  };
  SwitchedModel model{found.variable, variables.at(found.variable).second};
  if (const std::string url = value(found.address); !url.empty()) {
    const auto host = host_of_registry(url);
    (host ? model.host : model.fault) = host ? *host : host.error();
    return model;
  }
  std::string place = found.default_place;
  for (auto name = found.place.rbegin(); name != found.place.rend(); ++name) {
    if (!value(*name).empty()) place = value(*name);
  }
  if (place.empty() && !found.place.empty()) return model;
  const std::string host = host_at(found, place);
  if (const auto pattern = parse_host_pattern(host); pattern && pattern->kind == HostPattern::Kind::exact)
    model.host = pattern->host;
  return model;
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

std::string host_at(const ModelSwitch& found, const std::string& place) {
  if (const auto other = found.hosts.find(place); other != found.hosts.end()) return other->second;
  std::string host = found.host;
  if (const auto at = host.find(place_word); at != std::string::npos)
    host.replace(at, std::string_view(place_word).size(), place);
  return host;
}

std::optional<SwitchedModel> switched_model(const AgentProfile& agent,
                                            const std::map<std::string, std::string>& environment,
                                            const std::string& home) {
  if (agent.switches.empty()) return std::nullopt;
  Variables variables;
  for (const auto& [name, value] : environment) variables[name] = {value, {}};
  try {
    const UniqueFd folder = home.empty() ? UniqueFd() : open_folder(home);
    for (const ModelSetting& setting : agent.models) {
      if (home.empty() || setting.environment.empty()) continue;
      if (const auto file = read_settings(folder.get(), setting.file))
        add_variables(setting, *file, variables);
    }
  } catch (const Error& error) {
    log::info("what the agent's own settings set is not known: {}", error.what());
  }
  for (const ModelSwitch& found : agent.switches) {
    const auto variable = variables.find(found.variable);
    if (variable != variables.end() && is_on(variable->second.first)) return model_by(found, variables);
  }
  return std::nullopt;
}

}  // namespace drydock::core
