#include "config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/log.h"
#include "core/secret.h"
#include "setting_text.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace {

using core::ErrorKind;
using core::fail;

constexpr std::size_t kMaxBytes = 1u << 20;
constexpr std::size_t kMaxName = 40;

enum class Kind { text, path, words, flag, number, secret };
enum class Place { program, org };

// A key of the file and the variable it stands for.
struct Key {
  std::string_view name;
  std::string_view variable;
  Place place = Place::program;
  Kind kind = Kind::text;
};
constexpr Key kKeys[] = {
    {"org_url", "OKTA_ORG_URL", Place::org},
    {"client_id", "OKTA_CLIENT_ID", Place::org},
    {"scopes", "OKTA_SCOPES", Place::org, Kind::words},
    {"private_key_file", "OKTA_PRIVATE_KEY", Place::org, Kind::path},
    {"private_key", "OKTA_PRIVATE_KEY", Place::org, Kind::secret},
    {"key_id", "OKTA_KEY_ID", Place::org},
    {"api_token", "OKTA_API_TOKEN", Place::org, Kind::secret},
    {"read_only", "OKTA_MCP_READ_ONLY", Place::org, Kind::flag},
    {"state_dir", "OKTA_MCP_STATE_DIR", Place::program, Kind::path},
    {"state_store", "OKTA_MCP_STATE_STORE", Place::program, Kind::secret},
    {"key_file", "OKTA_MCP_KEY_FILE", Place::program, Kind::path},
    {"store", "OKTA_MCP_STORE", Place::program},
    {"toolset", "OKTA_MCP_TOOLSET", Place::program, Kind::words},
    {"read_only", "OKTA_MCP_READ_ONLY", Place::program, Kind::flag},
    {"redirect_port", "OKTA_MCP_REDIRECT_PORT", Place::program, Kind::number},
    {"log_level", "OKTA_LOG_LEVEL"},
    {"log_file", "OKTA_LOG_FILE", Place::program, Kind::path},
};
constexpr std::string_view kDefaultOrg = "default_org", kOrgs = "orgs";

const Key* find_key(std::string_view name, Place place) {
  auto found = std::ranges::find_if(kKeys, [&](const Key& k) { return k.name == name && k.place == place; });
  return found == std::end(kKeys) ? nullptr : &*found;
}

// Letters only, in lower case, without a prefix that belongs to the variables.
std::string bare(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != '_' && c != '-' && c != ' ') out += c;
  }
  for (std::string_view prefix : {"oktamcp", "okta"}) {
    if (out.starts_with(prefix) && out.size() > prefix.size()) return out.substr(prefix.size());
  }
  return out;
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string wanted = bare(name.substr(0, 64));
  std::string_view best;
  // How far, and, between names equally far, how many letters differ.
  auto least = std::pair(std::max<std::size_t>(2, wanted.size() / 3) + 1, std::size_t{0});
  for (std::string_view candidate : known) {
    const std::string other = bare(candidate);
    const std::size_t letters = distance(wanted, other);
    // "url" for org_url, "token" for api_token.
    const bool part = wanted.size() >= 3 && other.contains(wanted);
    const auto far = std::pair(part ? std::min<std::size_t>(1, letters) : letters, letters);
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return best;
}

std::vector<std::string_view> names_of(Place place) {
  std::vector<std::string_view> names;
  names.reserve(std::size(kKeys));
  for (const Key& key : kKeys) {
    if (key.place == place) names.push_back(key.name);
  }
  return names;
}

// A secret's text that is in fact the path of a file beside this one, or anywhere.
bool names_a_file(const std::string& text, const std::string& directory) {
  if (text.empty() || text.size() > 1024 || text.contains('\n') || text.contains('{')) return false;
  if (text.starts_with("~/") || text.starts_with("file://")) return true;
  std::error_code ignored;
  return std::filesystem::is_regular_file(std::filesystem::path(directory) / text, ignored);
}

std::string resolved(const std::string& path, const std::string& directory) {
  if (path.empty() || path.starts_with('/') || path.starts_with("~/") || path.starts_with("file://")) {
    return path;
  }
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

class Reader {
 public:
  Reader(std::string path, std::string directory, bool exposed)
      : directory_(std::move(directory)), exposed_(exposed) {
    file_.path = std::move(path);
  }

  core::Result<ConfigFile> read(const toml::table& document) {
    const toml::node* orgs = document.get(kOrgs);
    read_program(document, orgs != nullptr);
    if (orgs) read_orgs(*orgs);
    check_default_org(document);
    if (problems_.empty()) return std::move(file_);
    auto first = std::ranges::min_element(problems_, {}, &Problem::line);
    core::Error error = std::move(first->error);
    if (problems_.size() > 1) {
      error.hint += fmt::format("{}There {} {} more.", error.hint.empty() ? "" : " ",
                                problems_.size() == 2 ? "is" : "are", problems_.size() - 1);
    }
    return std::unexpected(std::move(error));
  }

 private:
  struct Problem {
    std::uint32_t line = 0;
    core::Error error;
  };

  void problem(const toml::source_region& at, std::string_view reason, std::string_view message,
               std::string hint = {}) {
    problems_.push_back({at.begin.line,
                         {reason == "permissions" ? ErrorKind::forbidden : ErrorKind::invalid_input,
                          fmt::format("app.config.{}", reason),
                          fmt::format("{}, line {}: {}", file_.path, at.begin.line, message), std::move(hint),
                          std::nullopt}});
  }

  void read_program(const toml::table& document, bool has_orgs) {
    ConfigFile::Org only;
    for (auto&& [name, node] : document) {
      std::string_view key = name.str();
      if (key == kOrgs || key == kDefaultOrg) continue;
      if (const Key* known = find_key(key, Place::program)) {
        read_value(*known, name, node, "", file_.program);
      } else if (const Key* org_key = find_key(key, Place::org)) {
        if (has_orgs) {
          problem(name.source(), "key", fmt::format("\"{}\" belongs to one org.", key),
                  "Put it under [orgs.NAME].");
        } else {
          read_value(*org_key, name, node, "", only.values);
        }
      } else {
        auto names = names_of(Place::program);
        names.insert(names.end(), {kDefaultOrg, kOrgs});
        if (!has_orgs) std::ranges::copy(names_of(Place::org), std::back_inserter(names));
        unknown(name, "", names);
      }
    }
    if (!only.values.empty()) file_.orgs.push_back(std::move(only));
  }

  void read_orgs(const toml::node& orgs) {
    const toml::table* table = orgs.as_table();
    if (!table) {
      problem(orgs.source(), "type", "\"orgs\" must be tables.", "Write [orgs.prod], then the org's keys.");
      return;
    }
    std::vector<std::pair<std::uint32_t, ConfigFile::Org>> found;
    for (auto&& [name, node] : *table) {
      std::string_view org_name = name.str();
      const toml::table* org = node.as_table();
      if (!org) {
        problem(name.source(), "type", fmt::format("\"orgs.{}\" must be a table.", org_name),
                "Write [orgs.prod], then the org's keys.");
        continue;
      }
      bool plain =
          !org_name.empty() && org_name.size() <= kMaxName && std::ranges::all_of(org_name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-';
          });
      if (!plain) {
        problem(name.source(), "value",
                fmt::format("an org's name has letters, digits, _ and -, at most {}.", kMaxName));
        continue;
      }
      ConfigFile::Org read{.name = std::string(org_name)};
      read_org(*org, read);
      found.emplace_back(name.source().begin.line, std::move(read));
    }
    if (table->empty()) problem(orgs.source(), "value", "\"orgs\" names no org.");
    std::ranges::stable_sort(found, {}, [](const auto& entry) { return entry.first; });
    for (auto& [line, org] : found) file_.orgs.push_back(std::move(org));
  }

  void read_org(const toml::table& table, ConfigFile::Org& org) {
    const std::string section = fmt::format("orgs.{}", org.name);
    for (auto&& [name, node] : table) {
      if (const Key* key = find_key(name.str(), Place::org)) {
        read_value(*key, name, node, section, org.values);
      } else if (find_key(name.str(), Place::program) || name.str() == kDefaultOrg) {
        problem(name.source(), "key",
                fmt::format("\"{}\" in [{}] is for the whole program.", name.str(), section),
                "Put it at the top of the file, before the first table.");
      } else {
        unknown(name, section, names_of(Place::org));
      }
    }
  }

  void unknown(const toml::key& name, std::string_view section, const std::vector<std::string_view>& known) {
    auto near = nearest(name.str(), known);
    problem(name.source(), "key",
            fmt::format("there is no key {}{}{}.", shown(name.str()), section.empty() ? "" : " in ",
                        section.empty() ? "" : fmt::format("[{}]", section)),
            near.empty() ? fmt::format("The keys are: {}.", fmt::join(known, ", "))
                         : fmt::format("Did you mean \"{}\"?", near));
  }

  // A key is no secret, but a secret may have slipped into its place.
  static std::string shown(std::string_view name) {
    bool plain =
        name.size() <= kMaxName && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
    return plain && core::redact(name) == name ? fmt::format("\"{}\"", name) : "of that name";
  }

  void read_value(const Key& key, const toml::key& name, const toml::node& node, std::string_view section,
                  ConfigFile::Values& into) {
    auto text = text_of(key, node);
    if (!text) {
      problem(node.source(), "type",
              fmt::format("\"{}\" must be {}.", key.name,
                          key.kind == Kind::words    ? "a list of strings, or one string"
                          : key.kind == Kind::flag   ? "true or false, without quotes"
                          : key.kind == Kind::number ? "a number, without quotes"
                                                     : "a string in quotes"));
      return;
    }
    *text = key.kind == Kind::words ? *text : tidied(*text);
    if (text->empty()) return;  // as a blank variable: unset
    if (into.contains(std::string(key.variable))) {
      problem(name.source(), "value", "\"private_key\" and \"private_key_file\" exclude each other.",
              "Keep one of them.");
      return;
    }
    Kind kind = key.kind;
    if (key.name == "private_key" && names_a_file(*text, directory_)) kind = Kind::path;
    if (kind == Kind::path) *text = resolved(*text, directory_);
    if (kind == Kind::secret && exposed_) {
      problem(name.source(), "permissions",
              fmt::format("\"{}\" is a secret, and other users of this machine may read the file.", key.name),
              fmt::format("Run: chmod 600 {}", file_.path));
      return;
    }
    std::string where = fmt::format("{}{}{} of {} (line {})", key.name, section.empty() ? "" : " in ",
                                    section.empty() ? "" : fmt::format("[{}]", section), file_.path,
                                    name.source().begin.line);
    into[std::string(key.variable)] = {std::move(*text), std::move(where)};
  }

  static std::optional<std::string> text_of(const Key& key, const toml::node& node) {
    if (key.kind == Kind::flag) {
      auto flag = node.value_exact<bool>();
      if (!flag) return std::nullopt;
      return *flag ? "true" : "false";
    }
    if (key.kind == Kind::number) {
      auto number = node.value_exact<std::int64_t>();
      if (!number) return std::nullopt;
      return std::to_string(*number);
    }
    if (const toml::array* list = node.as_array(); list && key.kind == Kind::words) {
      std::string words;
      for (const toml::node& element : *list) {
        auto word = element.value_exact<std::string>();
        if (!word) return std::nullopt;
        words += (words.empty() ? "" : " ") + *word;
      }
      return words;
    }
    return node.value_exact<std::string>();
  }

  void check_default_org(const toml::table& document) {
    std::vector<std::string_view> names;
    for (const auto& org : file_.orgs) {
      if (!org.name.empty()) names.push_back(org.name);
    }
    const toml::node* node = document.get(kDefaultOrg);
    if (!node) {
      if (names.size() > 1) {
        problem(document.get(kOrgs)->source(), "value", "several orgs, but no \"default_org\".",
                fmt::format("At the top of the file, before the first table, write: default_org = \"{}\"",
                            names.front()));
      }
      if (names.size() == 1) file_.default_org = names.front();
      return;
    }
    auto name = node->value_exact<std::string>();
    if (!name) {
      problem(node->source(), "type", "\"default_org\" must be a string in quotes.");
    } else if (std::ranges::find(names, *name) == names.end()) {
      problem(node->source(), "value", fmt::format("\"default_org\" names no org of this file."),
              names.empty() ? std::string("The file has no [orgs.NAME].")
                            : fmt::format("The orgs are: {}.", fmt::join(names, ", ")));
    } else {
      file_.default_org = *std::move(name);
    }
  }

  std::string directory_;
  bool exposed_;
  ConfigFile file_;
  std::vector<Problem> problems_;
};

core::Error unreadable(const std::string& path, std::string_view why) {
  return {ErrorKind::invalid_input, "app.config.unreadable",
          fmt::format("The configuration file {} cannot be read: {}.", path, why), "", std::nullopt};
}

struct Content {
  std::string text;
  mode_t mode = 0;
};

// Mode and content of one and the same file.
core::Result<std::optional<Content>> open_and_read(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return fail(unreadable(path, std::strerror(errno)));
  }
  Content content;
  std::string why;
  struct stat facts{};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    why = "it is no regular file";
  } else {
    content.mode = facts.st_mode & 07777;
    content.text.resize(kMaxBytes + 1);
    std::size_t length = 0;
    while (length < content.text.size()) {
      auto count = ::read(fd, content.text.data() + length, content.text.size() - length);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) why = std::strerror(errno);
      if (count <= 0) break;
      length += static_cast<std::size_t>(count);
    }
    content.text.resize(length);
    if (length > kMaxBytes) why = fmt::format("it is longer than {} bytes", kMaxBytes);
  }
  ::close(fd);
  if (!why.empty()) return fail(unreadable(path, why));
  return content;
}

}  // namespace

core::Result<ConfigFile> parse_config(std::string_view text, const std::string& path,
                                      const std::string& directory, bool exposed) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(
        ErrorKind::invalid_input, "app.config.syntax",
        fmt::format("{}, line {}: {}.", path, error.source().begin.line, core::redact(error.description())),
        "TOML strings stand in quotes, those of several lines in three (\"\"\").");
  }
  return Reader(path, directory, exposed).read(parsed.table());
}

core::Result<std::optional<ConfigFile>> read_config_file(const std::string& path) {
  ASSIGN_OR_RETURN(auto content, open_and_read(path));
  if (!content) return std::nullopt;
  // Whoever may change the file decides where this program signs in.
  if ((content->mode & 022) != 0) {
    core::wipe(content->text);
    return fail(ErrorKind::forbidden, "app.config.permissions",
                fmt::format("Other users of this machine may change {}.", path),
                fmt::format("Run: chmod go-w {}", path));
  }
  std::error_code ignored;
  auto absolute = std::filesystem::absolute(path, ignored);
  auto file = parse_config(content->text, path, absolute.parent_path().string(), (content->mode & 044) != 0);
  core::wipe(content->text);
  if (!file) return std::unexpected(std::move(file).error());
  return *std::move(file);
}
