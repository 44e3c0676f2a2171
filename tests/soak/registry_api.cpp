#include "registry_api.h"

#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "core/clock.h"
#include "core/key_ring.h"
#include "core/seal.h"
#include "oauth/sealing_keys.h"
#include "registry/registry.h"
#include "registry/signing_keys.h"

namespace soak {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostFaults = 50;
constexpr seconds kPatience{120};
constexpr milliseconds kPause{15};

// `after` of the link that says rel="next"; empty: there is none.
std::string next_page(const net::Headers& headers) {
  for (const std::string_view link : headers.all("Link")) {
    if (!link.contains("rel=\"next\"")) continue;
    const std::size_t start = link.find("after=");
    if (start == std::string_view::npos) continue;
    const std::string_view rest = link.substr(start + 6);
    return std::string(rest.substr(0, rest.find_first_of("&>")));
  }
  return {};
}

}  // namespace

void Faults::add(std::string sentence) {
  std::lock_guard lock(mutex_);
  if (all_.size() < kMostFaults) all_.push_back(std::move(sentence));
}

bool Faults::any() const {
  std::lock_guard lock(mutex_);
  return !all_.empty();
}

std::vector<std::string> Faults::all() const {
  std::lock_guard lock(mutex_);
  return all_;
}

core::Result<Credentials> Credentials::read(const Place& place) {
  core::Clock& clock = core::system_clock();
  ASSIGN_OR_RETURN(const auto store, registry::open_store({.url = core::Secret(place.store())}));
  ASSIGN_OR_RETURN(auto key, oauth::read_key_file(place.key_file(), "key"));
  ASSIGN_OR_RETURN(auto guard, core::Sealer::create(std::move(key)));
  core::KeyRing vault(store->state(), clock,
                      {.name = "vault", .guard = std::make_shared<const core::Sealer>(std::move(guard))});
  const registry::Service service{.settings = {.issuer = std::string(Nodes::kIssuer), .node = "soak"},
                                  .names = registry::ResourceNames("00oSoak0000000000000"),
                                  .store = store.get(),
                                  .clock = &clock,
                                  .random = &core::system_random(),
                                  .vault = &vault};
  ASSIGN_OR_RETURN(const auto tokens,
                   registry::TokenService::create(service, registry::token_options(service)));
  Credentials credentials;
  ASSIGN_OR_RETURN(
      credentials.admin_token,
      tokens->mint_admin_token("soak", registry::TokenService::api_scopes(), seconds{24 * 3600}));
  ASSIGN_OR_RETURN(auto keys, registry::read_signing_keys(*store, service, registry::kOrgKeys));
  credentials.id_token_key = keys.front().key;
  return credentials;
}

std::string Reply::told() const {
  return fmt::format("{} {}", status, core::json::write(body));
}

Api::Api(const Nodes& nodes, Credentials credentials, Faults& faults)
    : nodes_(nodes),
      credentials_(std::move(credentials)),
      faults_(faults),
      http_(net::make_http_client({.connections_per_host = 32, .user_agent = "registry-soak/1"})) {}

Reply Api::send(net::HttpRequest request, const std::string& node) {
  ++requests_;
  request.total_timeout = kPatience;
  request.idle_timeout = kPatience;
  const auto response = http_->send({}, request);
  Reply reply{.node = node};
  if (!response) {
    // A node that is killed resets its connections. One that lives and says nothing is stuck.
    if (response.error().kind == core::ErrorKind::timeout)
      faults_.add(fmt::format("{} {}: {}", net::to_string(request.method), request.url,
                              core::describe(response.error())));
    ++unanswered_;
    reply.unanswered = 1;
    return reply;
  }
  if (!response->body.empty())
    reply.body = core::json::parse(response->body).value_or(core::json::Value(response->body));
  if (response->status == 503) {
    ++unanswered_;
    reply.unanswered = 1;
    return reply;
  }
  reply.status = response->status;
  if (reply.status >= 500)
    faults_.add(
        fmt::format("{} {} is answered {}", net::to_string(request.method), request.url, reply.told()));
  reply.next = next_page(response->headers);
  const std::string_view location = response->headers.get("Location");
  if (location.starts_with(Nodes::kIssuer)) reply.operation = location.substr(Nodes::kIssuer.size());
  return reply;
}

Reply Api::ask(const std::string& node, net::Method method, const std::string& path,
               const core::json::Value* body) {
  net::HttpRequest request{.method = method, .url = node + path};
  request.headers.set("Authorization", "Bearer " + credentials_.admin_token);
  if (body != nullptr) {
    request.body = core::json::write(*body);
    request.headers.set("Content-Type", "application/json");
  }
  if (method != net::Method::get) ++changes_;
  return send(std::move(request), node);
}

Reply Api::post_form(const std::string& node, const std::string& path, const net::Query& form) {
  net::HttpRequest request{.method = net::Method::post, .url = node + path, .body = net::encode_form(form)};
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  return send(std::move(request), node);
}

std::string Api::any_node(Choice& choice) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto urls = nodes_.urls();
    if (!urls.empty()) return urls[choice() % urls.size()];
    std::this_thread::sleep_for(kPause);
  }
  faults_.add("no node serves for two minutes");
  return {};
}

Reply Api::insist(Choice& choice, net::Method method, const std::string& path,
                  const core::json::Value* body) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int unanswered = 0;
  while (std::chrono::steady_clock::now() < until) {
    const std::string node = any_node(choice);
    if (node.empty()) return {};
    Reply reply = ask(node, method, path, body);
    reply.unanswered += unanswered;
    if (reply.answered()) return reply;
    unanswered = reply.unanswered;
    std::this_thread::sleep_for(kPause);
  }
  faults_.add(fmt::format("nobody answers {} {} in two minutes", net::to_string(method), path));
  return {};
}

}  // namespace soak
