#include "mcp_world.h"

#include <fmt/format.h>

#include "core/json.h"

namespace soak {
namespace {

constexpr std::string_view kDocument = "/.well-known/oauth-protected-resource/mcp/";
constexpr std::string_view kEndpoint = "/mcp/";
constexpr std::chrono::milliseconds kSlow{300};

}  // namespace

core::Result<std::unique_ptr<McpWorld>> McpWorld::start() {
  std::unique_ptr<McpWorld> world(new McpWorld);
  ASSIGN_OR_RETURN(world->http_,
                   net::HttpServer::start({}, [to = world.get()](const net::ServerRequest& request) {
                     return to->answer(request);
                   }));
  return world;
}

void McpWorld::trust(std::string issuer) {
  std::lock_guard lock(mutex_);
  issuer_ = std::move(issuer);
}

void McpWorld::set(const std::string& name, Health health) {
  std::lock_guard lock(mutex_);
  health_[name] = health;
}

std::string McpWorld::url(std::string_view name) const {
  return fmt::format("http://127.0.0.1:{}{}{}", http_->port(), kEndpoint, name);
}

int McpWorld::asked() const {
  std::lock_guard lock(mutex_);
  return asked_;
}

net::ServerResponse McpWorld::answer(const net::ServerRequest& request) {
  const std::string_view path = request.path;
  const bool document = path.starts_with(kDocument);
  if (!document && !path.starts_with(kEndpoint)) return {.status = 404};
  const std::string_view name = path.substr(document ? kDocument.size() : kEndpoint.size());
  std::lock_guard lock(mutex_);
  ++asked_;
  const auto found = health_.find(name);
  if (found == health_.end()) return {.status = 404};
  if (!document)
    return {
        .status = 401,
        .headers = {{"WWW-Authenticate", fmt::format(R"(Bearer resource_metadata="http://127.0.0.1:{}{}{}")",
                                                     http_->port(), kDocument, name)}}};
  core::json::Object metadata{
      {"resource", url(found->second == Health::foreign ? std::string_view("another") : name)},
      {"scopes_supported", core::json::Array{"tools:read"}}};
  if (found->second != Health::open)
    metadata["authorization_servers"] = core::json::Array{core::json::Value(issuer_)};
  net::ServerResponse response{
      .status = 200, .headers = {{"Content-Type", "application/json"}}, .body = core::json::write(metadata)};
  if (found->second == Health::slow) response.delay = kSlow;
  return response;
}

}  // namespace soak
