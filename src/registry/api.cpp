#include "registry/api.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/text.h"
#include "net/http.h"
#include "net/url.h"
#include "oauth/secret_json.h"
#include "registry/members.h"
#include "rest/body.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;

constexpr std::size_t kLongestUrl = 2048;
constexpr std::size_t kShownId = 100;  // characters
constexpr std::string_view kMergePatch = "application/merge-patch+json";

// `after` of a list is what a row's id may be; anything else was not given by us.
bool is_cursor(std::string_view text, std::string_view prefix) {
  return text.size() <= 128 && text.starts_with(prefix) && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                  c == '_' || c == '/';
         });
}

rest::Problem wrong_media_type() {
  return rest::other(400, "E0000021",
                     "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
                     {rest::Cause("Send the change as application/merge-patch+json (RFC 7396).")});
}

rest::Answer<Object> read_body(ApiRoute::Takes takes, const rest::Call& call) {
  using Takes = ApiRoute::Takes;
  if (takes == Takes::optional_object) return rest::read_optional_object(call);
  if (takes != Takes::object && takes != Takes::merge_patch) return Object{};
  if (takes == Takes::merge_patch && net::media_type(call.http.headers.get("content-type")) != kMergePatch)
    return rest::refuse(wrong_media_type());
  return rest::read_object(call);
}

rest::Answer<rest::Reply> serve(const Service& service, const ApiRoute& route, const rest::Call& call) {
  // Its form only; the tag is compared with the row that is held.
  if (const auto form = rest::check_if_match(call, etag_of(0)); !form && form.error().status == 400)
    return rest::refuse(form.error());
  ASSIGN_OR_RETURN(auto object, read_body(route.takes, call));
  core::json::Value body(std::move(object));
  const oauth::WipeAtExit wiped(body);
  ApiRequest request{.service = service,
                     .call = call,
                     .body = body.get_object(),
                     .actor = actor_of(call.caller),
                     .transaction = service.new_id("trs")};
  if (route.takes == ApiRoute::Takes::page) {
    ASSIGN_OR_RETURN(request.page, rest::read_page(call, route.pages));
  }
  auto reply = route.handle(request);
  if (!reply) return rest::refuse(problem_of(reply.error()));
  return *std::move(reply);
}

}  // namespace

void add_routes(rest::Router& router, const Service& service, const ApiArea& area,
                std::span<const ApiRoute> routes) {
  for (const ApiRoute& route : routes) {
    const bool reads = route.method == net::Method::get;
    router.add({.method = route.method,
                .path = fmt::format("{}{}", area.base, route.path),
                .operation = std::string(route.operation),
                .handler = [&service, route](const rest::Call& call) { return serve(service, route, call); },
                .changes = !reads,
                .scope = std::string(reads ? area.read : area.manage),
                .about = std::string(route.about),
                .tag = std::string(area.tag)});
  }
}

std::unexpected<core::Error> no_such(std::string_view id, std::string_view kind) {
  return refuse(ErrorKind::not_found, "NOT_FOUND",
                fmt::format("Resource not found: {} ({})", core::shorten(id, kShownId), kind));
}

core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, std::string_view name, const catalogue::FilterCapabilities& capabilities) {
  const std::string text = call.query_value(name);
  if (text.empty()) return std::nullopt;
  auto filter = catalogue::compile_filter(text, capabilities);
  if (filter) return *std::move(filter);
  return refuse(ErrorKind::invalid_input, "INVALID_FILTER", filter.error().message, std::string(name));
}

core::Result<bool> wants_revocation(const ApiRequest& request) {
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"revoke"}));
  ASSIGN_OR_RETURN(const auto flag, in.optional_flag("revoke"));
  if (flag) return *flag;
  const std::string text = request.call.query_value("revoke");
  if (text == "true") return true;
  if (text.empty() || text == "false") return false;
  return bad("revoke", "must be true or false");
}

core::Status check_url(const Service& service, std::string_view url, std::string_view member,
                       bool with_query) {
  if (url.size() > kLongestUrl)
    return bad(std::string(member), fmt::format("must have at most {} bytes", kLongestUrl));
  const auto parsed = net::parse_url(url);
  const auto invalid = [&](std::string_view why) {
    return bad(std::string(member),
               fmt::format("must be an absolute https URL without user information and fragment: {}", why));
  };
  if (!parsed) return invalid("it is no absolute URL");
  if (parsed->has_userinfo) return invalid("it has user information");
  if (parsed->has_fragment) return invalid("it has a fragment");
  if (!with_query && !parsed->query.empty()) return invalid("it has a query");
  if (parsed->scheme != "https" &&
      !(service.settings.allow_http_loopback && net::is_loopback_host(parsed->host)))
    return invalid(fmt::format("its scheme is {}", parsed->scheme));
  return {};
}

std::string etag_of(std::int64_t version) {
  return fmt::format("W/\"{}\"", version);
}

rest::Reply entity_reply(const Object& body, std::int64_t version, int status) {
  rest::Reply reply = rest::json_reply(body, status);
  reply.headers.add("ETag", etag_of(version));
  return reply;
}

core::Status check_version(const rest::Call& call, std::int64_t version) {
  if (rest::check_if_match(call, etag_of(version))) return {};
  return core::fail(ErrorKind::conflict, "registry.store.changed", "it was changed since it was read");
}

rest::Reply page_reply(const ApiRequest& request, core::json::Array data, std::string_view next_after) {
  rest::Reply reply;
  rest::add_links(reply, request.call, request.service.settings.issuer, request.page.limit, next_after);
  Object links;
  for (const std::string_view link : reply.headers.all("link")) {  // <URL>; rel="next"
    const std::size_t end = link.find('>');
    Object target;
    target["href"] = link.substr(1, end - 1);
    links[link.ends_with("\"next\"") ? "next" : "self"] = std::move(target);
  }
  Object body;
  body["data"] = std::move(data);
  body["_links"] = std::move(links);
  rest::Reply out = rest::json_reply(body);
  for (const auto& [name, value] : reply.headers) out.headers.add(name, value);
  return out;
}

rest::Reply array_reply(const ApiRequest& request, const core::json::Array& data,
                        std::string_view next_after) {
  rest::Reply reply = rest::json_reply(data);
  rest::add_links(reply, request.call, request.service.settings.issuer, request.page.limit, next_after);
  return reply;
}

core::Result<std::vector<Row>> rows_of_page(Reader& reader, const rest::Page& page, Query query,
                                            const std::function<core::Result<bool>(const Row&)>& fits) {
  std::vector<Row> out;
  query.after = page.after;
  query.limit = fits ? Store::kMaxPage : page.limit + 1;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<Row> rows, reader.list(query));
    const bool last = rows.size() < query.limit;
    if (!rows.empty()) query.after = rows.back().id;
    for (Row& row : rows) {
      if (fits) {
        ASSIGN_OR_RETURN(const bool fit, fits(row));
        if (!fit) continue;
      }
      out.push_back(std::move(row));
      if (out.size() > page.limit) return out;
    }
    if (last) return out;
  }
}

std::string cut_to_page(std::vector<Row>& rows, const rest::Page& page) {
  if (rows.size() <= page.limit) return {};
  rows.resize(page.limit);
  return rows.back().id;
}

core::Result<rest::Reply> show_page(const ApiRequest& request, std::vector<Row> rows, const ShowRow& show) {
  const std::string next = cut_to_page(rows, request.page);
  core::json::Array data;
  data.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(Object shown, show(row));
    data.emplace_back(std::move(shown));
  }
  return page_reply(request, std::move(data), next);
}

core::Result<rest::Reply> list_reply(const ApiRequest& request, std::optional<Query> query,
                                     std::string_view prefix, const ShowRow& show) {
  const std::string& after = request.page.after;
  if (!after.empty() && !is_cursor(after, prefix))
    return refuse(ErrorKind::invalid_input, "INVALID_CURSOR", "Invalid cursor.", "after");
  std::vector<Row> rows;
  if (query) {
    ASSIGN_OR_RETURN(rows, rows_of_page(*request.service.store, request.page, *std::move(query)));
  }
  return show_page(request, std::move(rows), show);
}

}  // namespace registry
