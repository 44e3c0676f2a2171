#include "registry/server_search.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <variant>

#include "catalogue/scim_filter.h"
#include "registry/mcp_server.h"
#include "registry/service.h"

namespace registry {
namespace {

using catalogue::FilterNode;
using catalogue::Operator;

struct Property {
  std::string_view path;
  catalogue::OperatorSet operators;
  std::optional<Query::Text::Field> field;  // none: the status
};

constexpr auto kTextOperators =
    static_cast<catalogue::OperatorSet>(bit(Operator::sw) | bit(Operator::co) | bit(Operator::eq));
constexpr std::array kSearch{
    Property{"status", bit(Operator::eq), std::nullopt},
    Property{"metadata.displayName", kTextOperators, Query::Text::Field::name},
    Property{"detectedMetadata.resourceName", kTextOperators, Query::Text::Field::detected_name},
};
constexpr std::array kFilter{Property{"status", bit(Operator::eq), std::nullopt}};

constexpr std::string_view kSearchAllowed =
    "Allowed: status eq; metadata.displayName and detectedMetadata.resourceName with sw, co, eq; joined by "
    "and.";
constexpr std::string_view kFilterAllowed = "Allowed: status eq.";

struct Language {
  std::string_view allowed;
  const Property* begin;
  const Property* end;
};

std::unexpected<core::Error> wrong(const Language& language, std::string_view what) {
  return refuse(core::ErrorKind::invalid_input, "INVALID_FILTER",
                fmt::format("{} {}", what, language.allowed));
}

Query::Text::Match match_of(Operator op) {
  if (op == Operator::sw) return Query::Text::Match::starts_with;
  return op == Operator::co ? Query::Text::Match::contains : Query::Text::Match::equals;
}

struct Search {
  Query query;
  bool impossible = false;  // two different states at once
};

core::Status add_comparison(const Language& language, const FilterNode& node, Search& search) {
  const auto* property = std::find_if(language.begin, language.end, [&](const Property& each) {
    return each.path == node.path && (each.operators & bit(node.op)) != 0;
  });
  if (property == language.end)
    return wrong(language, fmt::format("{} {} cannot be searched for.", node.path, to_string(node.op)));
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || text->empty())
    return wrong(language, fmt::format("The value of {} must be a string in quotes, not empty.", node.path));
  if (property->field) {
    search.query.texts.push_back({.match = match_of(node.op), .field = *property->field, .text = *text});
    return {};
  }
  if (!parse_status(*text)) return wrong(language, "A status is one of PENDING, INACTIVE, ACTIVE, INVALID.");
  auto& statuses = search.query.statuses;
  if (statuses.empty())
    statuses.push_back(*text);
  else
    search.impossible = search.impossible || statuses.front() != *text;
  return {};
}

core::Status add(const Language& language, const FilterNode& node, Search& search) {
  switch (node.kind) {
    case FilterNode::Kind::comparison:
      return add_comparison(language, node, search);
    case FilterNode::Kind::all_of:
      for (const FilterNode& child : node.children) RETURN_IF_ERROR(add(language, child, search));
      return {};
    case FilterNode::Kind::any_of:
    case FilterNode::Kind::negation:
      break;
  }
  return wrong(language, "or and not cannot be used here.");
}

core::Result<std::optional<Query>> read(const Language& language, Kind kind, std::string_view text) {
  Search search{.query = {.kind = kind}};
  const auto parsed =
      catalogue::parse_filter(text, {.max_bytes = 4096, .max_depth = 16, .max_comparisons = 16});
  if (!parsed) return wrong(language, parsed.error().message + ".");
  RETURN_IF_ERROR(add(language, *parsed, search));
  if (search.impossible) return std::optional<Query>{};
  return std::optional(std::move(search.query));
}

}  // namespace

core::Result<std::optional<Query>> search_servers(std::string_view search) {
  return read({kSearchAllowed, kSearch.data(), kSearch.data() + kSearch.size()}, Kind::mcp_server, search);
}

core::Result<std::optional<Query>> filter_auth_servers(std::string_view filter) {
  return read({kFilterAllowed, kFilter.data(), kFilter.data() + kFilter.size()}, Kind::mcp_auth_server,
              filter);
}

}  // namespace registry
