#include "mcp/schema_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/encoding.h"
#include "mcp/contains.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxSchemas = 2000;
constexpr std::size_t kMaxBytes = 256u << 10;

// Where JSON Schema 2020-12 has schemas; everywhere else is data, and a "$ref" there is not one.
constexpr std::array<std::string_view, 12> kSchemas = {"items",
                                                       "additionalProperties",
                                                       "contains",
                                                       "not",
                                                       "if",
                                                       "then",
                                                       "else",
                                                       "propertyNames",
                                                       "unevaluatedItems",
                                                       "unevaluatedProperties",
                                                       "contentSchema",
                                                       "additionalItems"};
constexpr std::array<std::string_view, 4> kLists = {"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::array<std::string_view, 5> kMaps = {"properties", "patternProperties", "$defs", "definitions",
                                                   "dependentSchemas"};

class Checker {
 public:
  Checker(const Object& root, std::string_view what) : root_(root), what_(what) {}

  core::Status check() {
    const Value* type = root_.if_contains("type");
    if (!type || !type->is_string() || type->get_string() != "object")
      return bad("has no root type \"object\"");
    std::string text;
    core::json::append(text, root_);
    if (text.size() > kMaxBytes) return bad(fmt::format("has over {} bytes", kMaxBytes));
    RETURN_IF_ERROR(walk(root_, 1));
    for (const std::string& reference : references_) {
      if (!resolves(reference)) return bad(fmt::format("refers to \"{}\", which is not in it", reference));
    }
    return {};
  }

 private:
  std::unexpected<core::Error> bad(std::string_view why) const {
    return core::fail(core::ErrorKind::invalid_input, "mcp.tool.schema",
                      fmt::format("The {} {}.", what_, why));
  }

  core::Status walk(const Object& schema, std::size_t depth) {
    if (depth > kMaxDepth) return bad(fmt::format("is nested deeper than {} levels", kMaxDepth));
    if (++schemas_ > kMaxSchemas) return bad(fmt::format("has more than {} schemas", kMaxSchemas));
    RETURN_IF_ERROR(identifiers(schema, depth));
    for (const auto& [key, value] : schema) {
      if (contains(kSchemas, std::string_view(key))) {
        RETURN_IF_ERROR(child(value, key, depth));
      } else if (contains(kLists, std::string_view(key))) {
        const auto* list = value.if_array();
        if (!list) return bad(fmt::format("has a \"{}\" that is no array", std::string_view(key)));
        for (const Value& element : *list) RETURN_IF_ERROR(child(element, key, depth));
      } else if (contains(kMaps, std::string_view(key))) {
        const auto* map = value.if_object();
        if (!map) return bad(fmt::format("has a \"{}\" that is no object", std::string_view(key)));
        for (const auto& [name, element] : *map) RETURN_IF_ERROR(child(element, key, depth));
      }
    }
    return {};
  }

  core::Status child(const Value& value, std::string_view key, std::size_t depth) {
    if (value.is_bool()) return {};
    const Object* schema = value.if_object();
    if (!schema) return bad(fmt::format("has in \"{}\" what is no schema", key));
    return walk(*schema, depth + 1);
  }

  core::Status identifiers(const Object& schema, std::size_t depth) {
    for (std::string_view key : {"$schema", "$id", "$ref", "$dynamicRef", "$anchor", "$dynamicAnchor"}) {
      const Value* given = schema.if_contains(key);
      if (!given) continue;
      if (!given->is_string()) return bad(fmt::format("has a \"{}\" that is no string", key));
      std::string_view text = given->get_string();
      if (key == "$schema") {
        if (text.ends_with('#')) text.remove_suffix(1);
        if (text != "https://json-schema.org/draft/2020-12/schema") {
          return bad(fmt::format("is of dialect \"{}\"; this server has 2020-12 only", text));
        }
      } else if (key == "$id") {
        if (depth > 1) return bad("has an \"$id\" below its root");
      } else if (key.ends_with("nchor")) {
        anchors_.emplace(text);
      } else if (!text.starts_with('#')) {
        return bad(fmt::format("refers to \"{}\" outside of itself", text));
      } else {
        references_.emplace_back(text);
      }
    }
    return {};
  }

  bool resolves(std::string_view reference) const {
    if (reference == "#") return true;
    auto fragment = core::percent_decode(reference.substr(1));
    if (!fragment) return false;
    if (!fragment->starts_with('/')) return anchors_.contains(*fragment);
    const Value* found = find(*fragment);
    return found && (found->is_object() || found->is_bool());
  }

  // RFC 6901.
  const Value* find(std::string_view pointer) const {
    const Object* object = &root_;
    const Value* found = nullptr;
    while (!pointer.empty()) {
      pointer.remove_prefix(1);
      std::size_t slash = pointer.find('/');
      std::string token(pointer.substr(0, slash));
      pointer = slash == std::string_view::npos ? std::string_view{} : pointer.substr(slash);
      for (std::size_t tilde = token.find('~'); tilde != std::string::npos;
           tilde = token.find('~', tilde + 1)) {
        if (tilde + 1 == token.size() || (token[tilde + 1] != '0' && token[tilde + 1] != '1')) return nullptr;
        token.replace(tilde, 2, token[tilde + 1] == '0' ? "~" : "/");
      }
      if (const auto* list = found ? found->if_array() : nullptr) {
        std::size_t index = 0;
        auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
        if (error != std::errc{} || end != token.data() + token.size() || index >= list->size())
          return nullptr;
        found = &(*list)[index];
      } else {
        found = object ? object->if_contains(token) : nullptr;
      }
      if (!found) return nullptr;
      object = found->if_object();
    }
    return found;
  }

  const Object& root_;
  std::string_view what_;
  std::size_t schemas_ = 0;
  std::vector<std::string> references_;
  std::unordered_set<std::string> anchors_;
};

}  // namespace

core::Status check_schema(const Object& schema, std::string_view what) {
  return Checker(schema, what).check();
}

}  // namespace mcp
