// What the routes of this room have in common: how they are bound, entity tags, pages.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "rest/paging.h"
#include "rest/router.h"

namespace registry {

// A request whose outer form is checked: body, page, and the form of If-Match.
struct ApiRequest {
  const Service& service;
  const rest::Call& call;
  const core::json::Object& body;  // empty where there is none; wiped after the answer, for secrets in it
  rest::Page page{};               // of lists
  Actor actor;
  std::string transaction;  // of its events

  const std::string& param(std::size_t index) const { return call.param(index); }
};

// What the routes of an area share.
struct ApiArea {
  std::string_view base;    // what their paths start with
  std::string_view tag;     // of OpenAPI
  std::string_view read;    // the scope that GET needs
  std::string_view manage;  // the one that the other methods need
};

// One row a route.
struct ApiRoute {
  // Bodies are JSON objects (E0000003), a merge patch by its media type (E0000021).
  enum class Takes { nothing, object, optional_object, merge_patch, page };

  net::Method method;
  std::string_view path;  // below ApiArea::base
  std::string_view operation;
  std::string_view about;
  core::Result<rest::Reply> (*handle)(const ApiRequest& request);
  Takes takes = Takes::nothing;
  rest::PageRules pages{.default_limit = 20, .maximum = 200, .clamp = false};
};

// The one adapter to room rest.
void add_routes(rest::Router& router, const Service& service, const ApiArea& area,
                std::span<const ApiRoute> routes);

// "Not found: Resource not found: wlp1 (AIAgent)".
std::unexpected<core::Error> no_such(std::string_view id, std::string_view kind);

// The parameter `name`, such as "filter"; nullopt when it is not there. Errors: registry.INVALID_FILTER.
core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, std::string_view name, const catalogue::FilterCapabilities& capabilities);

// ?revoke=true, or {"revoke":true}: whether tokens issued so far are taken back, too.
core::Result<bool> wants_revocation(const ApiRequest& request);

// https (http on loopback where the settings allow it), absolute, no userinfo, no fragment, at most 2,048
// bytes; `with_query`: may have one. The text itself stays as it is. Error registry.INVALID_FORMAT.
core::Status check_url(const Service& service, std::string_view url, std::string_view member,
                       bool with_query = true);

// The weak tag of a version, and what If-Match says to it (412).
std::string etag_of(std::int64_t version);
rest::Reply entity_reply(const core::json::Object& body, std::int64_t version, int status = 200);
core::Status check_version(const rest::Call& call, std::int64_t version);

using ShowRow = std::function<core::Result<core::json::Object>(const Row&)>;

// {"data":[...],"_links":{"self","next"}} and the same as Link headers. `next_after` is empty on the last
// page.
rest::Reply page_reply(const ApiRequest& request, core::json::Array data, std::string_view next_after);
// [...] with Link headers, as Okta's management API lists.
rest::Reply array_reply(const ApiRequest& request, const core::json::Array& data,
                        std::string_view next_after);

// The rows of `query` that `fits` (empty: all) lets through, one more than the page holds, from the page's
// cursor on.
core::Result<std::vector<Row>> rows_of_page(Reader& reader, const rest::Page& page, Query query,
                                            const std::function<core::Result<bool>(const Row&)>& fits = {});
// Cuts the one too many, and says what the next page comes after; empty on the last one.
std::string cut_to_page(std::vector<Row>& rows, const rest::Page& page);
// Shows the rows of a page, as page_reply().
core::Result<rest::Reply> show_page(const ApiRequest& request, std::vector<Row> rows, const ShowRow& show);
// A page of all rows that the query finds (nullopt: none). An `after` that does not start with `prefix` was
// not given by us: E0000029.
core::Result<rest::Reply> list_reply(const ApiRequest& request, std::optional<Query> query,
                                     std::string_view prefix, const ShowRow& show);

}  // namespace registry
