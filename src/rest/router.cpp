#include "rest/router.h"

#include <cassert>

#include "core/encoding.h"
#include "core/json.h"

namespace rest {

namespace {

// Deeper paths than any template has are refused before they are walked.
constexpr std::size_t kMaxSegments = 32;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  std::size_t start = path.find_first_not_of('/');
  while (start < path.size() && segments.size() <= kMaxSegments) {
    std::size_t end = std::min(path.find('/', start), path.size());
    segments.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return segments;
}

}  // namespace

std::string Call::query_value(std::string_view name) const {
  return net::query_value(query, name).value_or(std::string{});
}

bool Call::has_query(std::string_view name) const {
  return net::query_value(query, name).has_value();
}

Reply json_reply(const boost::json::value& body, int status) {
  return Reply{.status = status, .body = core::json::write(body), .headers = {}};
}

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<net::Method, const Route*> routes;
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(Route route) {
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  const Route& added = *routes_.back();
  Node* node = root_.get();
  for (auto segment : split(added.path)) {
    std::unique_ptr<Node>* next = nullptr;
    if (segment.starts_with('{')) {
      next = &node->parameter;
    } else {
      next = &node->literals[std::string(segment)];
    }
    if (!*next) *next = std::make_unique<Node>();
    node = next->get();
  }
  [[maybe_unused]] const bool inserted = node->routes.emplace(added.method, &added).second;
  assert(inserted && "two routes with one method and path");
}

const Route* Router::find(const Node& node, const std::vector<std::string_view>& segments, std::size_t depth,
                          net::Method method, std::vector<std::string_view>& params, bool& path_known) const {
  if (depth == segments.size()) {
    if (!node.routes.empty()) path_known = true;
    const auto found = node.routes.find(method);
    return found == node.routes.end() ? nullptr : found->second;
  }
  if (const auto literal = node.literals.find(segments[depth]); literal != node.literals.end()) {
    if (const Route* route = find(*literal->second, segments, depth + 1, method, params, path_known))
      return route;
  }
  if (!node.parameter) return nullptr;
  params.push_back(segments[depth]);
  if (const Route* route = find(*node.parameter, segments, depth + 1, method, params, path_known))
    return route;
  params.pop_back();
  return nullptr;
}

Answer<Router::Match> Router::match(net::Method method, std::string_view path) const {
  const auto segments = split(path);
  if (segments.size() > kMaxSegments) return refuse(path_not_found());
  std::vector<std::string_view> raw;
  bool path_known = false;
  const Route* route = find(*root_, segments, 0, method, raw, path_known);
  if (path.size() > 1 && path.ends_with('/'))
    return refuse(path_known ? method_not_supported() : path_not_found());
  if (!route) return refuse(path_known ? method_not_supported() : path_not_found());
  Match match{.route = route, .params = {}};
  for (auto segment : raw) {
    auto decoded = core::percent_decode(segment);
    if (!decoded) return refuse(validation_failed("path", {"The path has a broken percent escape."}));
    match.params.push_back(std::move(*decoded));
  }
  return match;
}

}  // namespace rest
