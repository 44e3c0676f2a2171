#include "rest/paging.h"

#include <charconv>

namespace rest {

Answer<Page> read_page(const Call& call, const PageRules& rules) {
  Page page{.limit = rules.default_limit, .after = call.query_value("after")};
  if (!call.has_query("limit")) return page;
  const std::string text = call.query_value("limit");
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // -1 is the documented default of some lists and means "the default".
  if (error == std::errc{} && end == text.data() + text.size() && value == -1) return page;
  if (error == std::errc::result_out_of_range && !text.starts_with('-')) value = 1LL << 40;
  if (end != text.data() + text.size() || text.empty() || value < 1)
    return refuse(validation_failed("limit", {"limit: must be a whole number of at least 1"}));
  if (static_cast<unsigned long long>(value) > rules.maximum) {
    if (!rules.clamp)
      return refuse(validation_failed(
          "limit", {"limit: must be less than or equal to " + std::to_string(rules.maximum)}));
    value = static_cast<long long>(rules.maximum);
  }
  page.limit = static_cast<std::size_t>(value);
  return page;
}

void add_links(Reply& reply, const Call& call, std::string_view base, std::size_t limit,
               std::string_view next_after) {
  net::Query rest;
  bool has_limit = false;
  for (const auto& [name, value] : call.query) {
    if (name == "after") continue;
    has_limit = has_limit || name == "limit";
    rest.emplace_back(name, value);
  }
  if (!has_limit && limit > 0) rest.emplace_back("limit", std::to_string(limit));

  const auto link = [&](std::string_view after, std::string_view relation) {
    net::Query query;
    if (!after.empty()) query.emplace_back("after", std::string(after));
    query.insert(query.end(), rest.begin(), rest.end());
    std::string text = "<" + std::string(base) + call.http.path;
    if (!query.empty()) text += "?" + net::encode_query(query);
    text += ">; rel=\"" + std::string(relation) + "\"";
    reply.headers.add("link", std::move(text));
  };
  link(call.query_value("after"), "self");
  if (!next_after.empty()) link(next_after, "next");
}

}  // namespace rest
