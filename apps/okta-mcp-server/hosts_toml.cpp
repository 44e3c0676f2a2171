// Codex's config.toml. The text is edited by lines; toml++ reads it before and after, and an edit that
// changed anything but the entry is thrown away.
#define TOML_EXCEPTIONS 0
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "core/log.h"
#include "core/text.h"
#include "hosts.h"

namespace {

using core::ErrorKind;
using core::fail;

std::unexpected<core::Error> unreadable(const Host& host, std::string_view why) {
  return fail(ErrorKind::invalid_input, "app.host_file",
              fmt::format("{}'s file cannot be read: {}.", host.name, why),
              "Nothing was changed. Mend the file there, or choose another with --file.");
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Server names of letters, digits, '-' and '_' need no quotes.
std::string key(std::string_view name) {
  const bool bare = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return bare ? std::string(name) : quoted(name);
}

core::Result<toml::table> parse(const Host& host, const std::string& text) {
  auto parsed = toml::parse(text);
  if (parsed) return std::move(parsed).table();
  const auto& error = parsed.error();
  return unreadable(host, fmt::format("{} at line {}, column {}", error.description(),
                                      error.source().begin.line, error.source().begin.column));
}

class CodexEdit {
 public:
  CodexEdit(const Host& host, const HostEntry& entry, std::string text)
      : host_(host), entry_(entry), text_(std::move(text)) {
    const auto newline = text_.find('\n');
    if (newline != std::string::npos && newline > 0 && text_[newline - 1] == '\r') line_end_ = "\r\n";
  }

  core::Result<HostEdit> run() {
    if (!core::valid_utf8(text_)) return unreadable(host_, "it is not UTF-8");
    ASSIGN_OR_RETURN(wanted_, parse(host_, text_));
    const auto servers = wanted_[host_.servers];
    if (servers && !servers.is_table()) return something_else("the servers", *servers.node());
    const auto present = servers[entry_.name];
    if (present && !present.is_table()) return something_else("the entry", *present.node());
    if (!present) {
      append_entry();
    } else {
      RETURN_IF_ERROR(mend(*present.as_table()));
    }
    return checked();
  }

 private:
  std::unexpected<core::Error> something_else(std::string_view what, const toml::node& node) const {
    return fail(ErrorKind::conflict, "app.host_entry",
                fmt::format("{} in {}'s file (line {}) are written in a way that init does not change.", what,
                            host_.name, node.source().begin.line),
                fmt::format("Nothing was changed. Write them as [{}.{}] tables, or use --name.",
                            host_.servers, key(entry_.name)));
  }
  std::string header() const { return fmt::format("[{}.{}]", host_.servers, key(entry_.name)); }

  toml::table& wanted_entry() { return *wanted_[host_.servers][entry_.name].as_table(); }

  void append_entry() {
    if (!wanted_[host_.servers]) wanted_.insert(host_.servers, toml::table{});
    auto* servers = wanted_[host_.servers].as_table();
    toml::table table{{"command", entry_.command}};
    std::string out;
    if (!text_.empty()) {
      if (!text_.ends_with('\n')) out += line_end_;
      out += line_end_;
    }
    out += header() + line_end_ + "command = " + quoted(entry_.command) + line_end_;
    toml::array forwarded;
    std::vector<std::string> names;
    toml::table env;
    std::string env_lines;
    for (const auto& variable : entry_.variables) {
      if (variable.value) {
        env.insert(variable.name, *variable.value);
        env_lines += fmt::format("{} = {}{}", variable.name, quoted(*variable.value), line_end_);
      } else {
        forwarded.push_back(variable.name);
        names.push_back(quoted(variable.name));
      }
    }
    if (!names.empty()) {
      table.insert("env_vars", forwarded);
      out += fmt::format("env_vars = [{}]{}", fmt::join(names, ", "), line_end_);
    }
    if (!env_lines.empty()) {
      table.insert("env", env);
      out += fmt::format("{0}[{1}.{2}.env]{0}{3}", line_end_, host_.servers, key(entry_.name), env_lines);
    }
    servers->insert(entry_.name, table);
    text_ += out;
  }

  core::Status mend(const toml::table& present) {
    if (present.contains("url")) {
      return fail(ErrorKind::conflict, "app.host_entry",
                  fmt::format("\"{}\" in {}'s file is a server on the network.", entry_.name, host_.name),
                  "Nothing was changed. Take it out, or give the new entry another name with --name.");
    }
    const std::string command = present["command"].value_or(std::string{});
    const bool foreign = !is_our_program(command) && present.contains("args");
    std::vector<std::pair<std::string, std::string>> set;
    std::vector<std::string> forward;
    bool otherwise = false;
    if (const auto* env = present["env"].as_table()) {
      for (const auto& [name, value] : *env) {
        otherwise = otherwise || signs_in_otherwise(name.str());
        if (is_plain_secret(name.str(), value.value_or(std::string_view{}))) {
          notices_.push_back(fmt::format(
              "{} holds the secret itself: better the path of a file that only you can read.", name.str()));
        }
      }
    }
    for (const auto& variable : entry_.variables) {
      const auto* there = present["env"][variable.name].node();
      if (variable.value) {
        if (!there || there->value<std::string>() != variable.value) {
          set.emplace_back(variable.name, *variable.value);
        }
      } else if (!there && !otherwise && !forwards(present, variable.name)) {
        forward.push_back(variable.name);
      }
    }
    // From here on each step reads the text anew: the places of what follows have moved.
    if (foreign) {
      RETURN_IF_ERROR(replace_value({"args"}, "[]", toml::array{}));
      notices_.push_back(fmt::format("The entry started another program ({}); its arguments are taken out.",
                                     core::redact(command)));
    }
    if (command != entry_.command) {
      RETURN_IF_ERROR(present.contains("command")
                          ? replace_value({"command"}, quoted(entry_.command), entry_.command)
                          : insert_line("command = " + quoted(entry_.command)));
      wanted_entry().insert_or_assign("command", entry_.command);
    }
    // Each goes to the top of its list, so the last comes first.
    std::ranges::reverse(forward);
    std::ranges::reverse(set);
    for (const auto& name : forward) RETURN_IF_ERROR(forward_variable(name));
    for (const auto& [name, value] : set) RETURN_IF_ERROR(set_variable(name, value));
    return {};
  }

  static bool forwards(const toml::table& entry, const std::string& name) {
    const auto* list = entry["env_vars"].as_array();
    if (!list) return false;
    return std::ranges::any_of(*list, [&](const toml::node& each) {
      if (each.value<std::string>() == name) return true;
      const auto* table = each.as_table();
      return table && (*table)["name"].value<std::string>() == name;
    });
  }

  core::Status forward_variable(const std::string& name) {
    ASSIGN_OR_RETURN(const auto now, parse(host_, text_));
    const auto list = now[host_.servers][entry_.name]["env_vars"];
    if (const auto* array = list.as_array()) {
      ASSIGN_OR_RETURN(const auto open, offset_of(array->source().begin, '['));
      text_.insert(open + 1, quoted(name) + (array->empty() ? "" : ", "));
      auto* wanted = wanted_entry()["env_vars"].as_array();
      wanted->insert(wanted->cbegin(), name);
      return {};
    }
    wanted_entry().insert("env_vars", toml::array{name});
    return insert_line(fmt::format("env_vars = [{}]", quoted(name)));
  }

  core::Status set_variable(const std::string& name, const std::string& value) {
    ASSIGN_OR_RETURN(const auto now, parse(host_, text_));
    const auto env = now[host_.servers][entry_.name]["env"];
    const auto* table = env.as_table();
    if (table && table->contains(name)) return replace_value({"env", name}, quoted(value), value);
    const std::string pair = fmt::format("{} = {}", name, quoted(value));
    if (!table) {
      wanted_entry().insert_or_assign("env", toml::table{{name, value}});
      return insert_line(fmt::format("env = {{ {} }}", pair));
    }
    wanted_entry()["env"].as_table()->insert(name, value);
    ASSIGN_OR_RETURN(const auto open, offset_of(table->source().begin, table->is_inline() ? '{' : '['));
    if (table->is_inline()) {
      text_.insert(open + 1, " " + pair + (table->empty() ? " " : ","));
    } else {
      insert_below(open, pair);
    }
    return {};
  }

  template <class T>
  core::Status replace_value(const std::vector<std::string>& path, const std::string& with, T value) {
    ASSIGN_OR_RETURN(const auto now, parse(host_, text_));
    const toml::node* node = now[host_.servers][entry_.name].node();
    toml::table* parent = &wanted_entry();
    for (std::size_t step = 0; step < path.size(); ++step) {
      node = node->as_table()->get(path[step]);
      if (step + 1 < path.size()) parent = (*parent)[path[step]].as_table();
    }
    const std::size_t begin = offset(node->source().begin);
    const std::size_t end = offset(node->source().end);
    if (begin >= end || end > text_.size()) return unplaced();
    text_.replace(begin, end - begin, with);
    parent->insert_or_assign(path.back(), std::move(value));
    return {};
  }

  // A line right below the entry's own header, where keys of the entry may stand.
  core::Status insert_line(const std::string& line) {
    ASSIGN_OR_RETURN(const auto now, parse(host_, text_));
    const auto* table = now[host_.servers][entry_.name].as_table();
    ASSIGN_OR_RETURN(const auto open, offset_of(table->source().begin, '['));
    insert_below(open, line);
    return {};
  }

  void insert_below(std::size_t at, const std::string& line) {
    const auto newline = text_.find('\n', at);
    if (newline == std::string::npos) {
      text_ += line_end_ + line;
    } else {
      text_.insert(newline + 1, line + line_end_);
    }
  }

  std::unexpected<core::Error> unplaced() const {
    return fail(ErrorKind::unsupported, "app.host_entry",
                fmt::format("\"{}\" in {}'s file is written in a way that init does not change.", entry_.name,
                            host_.name),
                fmt::format("Nothing was changed. Write it as a {} table, or use --name.", header()));
  }

  core::Result<std::size_t> offset_of(const toml::source_position& position, char expected) const {
    const std::size_t at = offset(position);
    if (at >= text_.size() || text_[at] != expected) return unplaced();
    return at;
  }

  // toml++ counts lines and characters from 1; a byte order mark does not count.
  std::size_t offset(const toml::source_position& position) const {
    std::size_t at = text_.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    for (toml::source_index line = 1; line < position.line; ++line) {
      at = text_.find('\n', at);
      if (at == std::string::npos) return text_.size();
      ++at;
    }
    for (toml::source_index column = 1; column < position.column && at < text_.size(); ++column) {
      ++at;
      while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xC0) == 0x80) ++at;
    }
    return at;
  }

  core::Result<HostEdit> checked() {
    const auto now = toml::parse(text_);
    if (!now || now.table() != wanted_) return unplaced();
    return HostEdit{.text = std::move(text_), .notices = std::move(notices_)};
  }

  const Host& host_;
  const HostEntry& entry_;
  std::string text_;
  std::string line_end_ = "\n";
  toml::table wanted_;  // what the file is to say
  std::vector<std::string> notices_;
};

}  // namespace

core::Result<HostEdit> edit_codex_file(const Host& host, const std::string& text, const HostEntry& entry) {
  return CodexEdit(host, entry, text).run();
}
