// The route table of an Okta-shaped service: method and path template to a plain function.
//
//   router.add({.method = Method::get, .path = "/api/v1/users/{id}", .operation = "getUser", .handler =
//   get_user});
// Literal segments win over parameters, as in catalogue::match_operation. Not changed after start, so reading
// is thread-safe.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"
#include "net/url.h"
#include "rest/problem.h"

namespace rest {

// Who calls, as the service's authentication found out.
struct Caller {
  enum class Kind { nobody, api_token, client, user } kind = Kind::nobody;
  std::string id;                   // of the user or the client application
  std::string name;                 // for people to read
  std::vector<std::string> scopes;  // of an OAuth token
};

// One request on its way to a handler: path parameters percent-decoded, query split.
struct Call {
  const net::ServerRequest& http;
  std::vector<std::string> params;  // in the order of the template
  net::Query query;
  Caller caller;

  const std::string& param(std::size_t index) const { return params.at(index); }
  // The first value; empty when absent.
  std::string query_value(std::string_view name) const;
  bool has_query(std::string_view name) const;
};

struct Reply {
  int status = 200;
  std::string body;  // JSON; empty for none
  net::Headers headers;
};

Reply json_reply(const boost::json::value& body, int status = 200);
inline Reply no_content() {
  return Reply{.status = 204, .body = {}, .headers = {}};
}

using Handler = std::function<Answer<Reply>(const Call&)>;

struct Route {
  net::Method method = net::Method::get;
  std::string path;       // "/api/v1/users/{id}"
  std::string operation;  // OpenAPI operationId
  Handler handler;
  bool changes = false;  // whether the service must hold its state exclusively
  // For services that describe and guard themselves by this table.
  std::string scope{};  // what an access token needs; empty: anybody
  std::string about{};  // one line for people, OpenAPI's summary
  std::string tag{};    // of OpenAPI
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // A second route for the same method and path replaces nothing: it is a programmer error (assert).
  void add(Route route);

  struct Match {
    const Route* route = nullptr;
    std::vector<std::string> params;
  };
  // E0000008 when no template has this path, E0000022 when one has but not with this method (or when the path
  // ends in a slash), E0000001 for a broken percent escape. Empty leading segments are ignored ("//api/v1").
  Answer<Match> match(net::Method method, std::string_view path) const;

  // In the order they were added.
  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  struct Node;
  const Route* find(const Node& node, const std::vector<std::string_view>& segments, std::size_t depth,
                    net::Method method, std::vector<std::string_view>& params, bool& path_known) const;

  std::vector<std::unique_ptr<Route>> routes_;
  std::unique_ptr<Node> root_;
};

}  // namespace rest
