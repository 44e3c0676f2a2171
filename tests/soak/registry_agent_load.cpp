#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <latch>
#include <thread>

#include "core/clock.h"
#include "core/random.h"
#include "oauth/jwt.h"
#include "registry_load.h"

namespace soak {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;
using net::Method;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::string_view kAgents = "/workload-principals/api/v1/ai-agents";
constexpr std::string_view kIdJag = "urn:ietf:params:oauth:token-type:id-jag";
constexpr std::string_view kIdToken = "urn:ietf:params:oauth:token-type:id_token";
constexpr std::string_view kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kTokenPath = "/oauth2/v1/token";
constexpr std::string_view kUsedBefore = "already used";
constexpr seconds kDeadline{2};  // of a deactivation, on every node
constexpr seconds kRestart{120};
constexpr std::size_t kRemembered = 20;
constexpr int kCopies = 2;  // of one ID-JAG for each node at once

std::int64_t now_seconds() {
  return core::to_unix_seconds(core::system_clock().now());
}

std::string jti_of(const std::string& token) {
  const auto parts = oauth::peek(token);
  return parts ? std::string(core::json::string_or_empty(parts->claims, "jti")) : std::string();
}

core::Result<Reply> must(Load& load, Choice& choice, Method method, const std::string& path,
                         const Value& body) {
  Reply reply = load.api.insist(choice, method, path, body.is_null() ? nullptr : &body);
  if (reply.status >= 200 && reply.status < 300) return reply;
  return core::fail(core::ErrorKind::internal, "soak.setup",
                    fmt::format("{} {} is answered {}", net::to_string(method), path, reply.told()));
}

// What is accepted now and done later; gives the id of what it is about.
core::Result<std::string> must_end(Load& load, Choice& choice, const std::string& path, const Value& body) {
  ASSIGN_OR_RETURN(const Reply reply, must(load, choice, Method::post, path, body));
  if (path.starts_with(kServers)) load.promises.accepted(reply.operation);
  const std::string status = await_operation(load, choice, reply.operation);
  const Reply ended = load.api.insist(choice, Method::get, reply.operation);
  if (status == "COMPLETED") return std::string(ended.text("resource.id"));
  return core::fail(core::ErrorKind::internal, "soak.setup", fmt::format("{}: {}", path, ended.told()));
}

}  // namespace

core::Result<Agency> Agency::found(Load& load, Choice& choice, std::size_t servers) {
  Agency agency;
  const auto post = [&](const std::string& path, const Value& body) {
    return must(load, choice, Method::post, path, body);
  };
  ASSIGN_OR_RETURN(const Reply as,
                   post("/api/v1/authorizationServers",
                        Object{{"name", "Soak"},
                               {"description", "Of the servers under load"},
                               {"audiences", Array{"api://soak"}},
                               {"credentials", Object{{"signing", Object{{"alg", "ES256"}}}}}}));
  agency.custom_as = as.text("id");
  RETURN_IF_ERROR(post(fmt::format("/api/v1/authorizationServers/{}/scopes", agency.custom_as),
                       Object{{"name", "tools:read"}}));
  load.world.trust(fmt::format("{}/oauth2/{}", Nodes::kIssuer, agency.custom_as));
  ASSIGN_OR_RETURN(const Reply person,
                   post("/api/v1/users", Object{{"profile", Object{{"login", "ada@soak.example"}}}}));
  agency.user = person.text("id");

  ASSIGN_OR_RETURN(agency.agent, must_end(load, choice, std::string(kAgents),
                                          Object{{"profile", Object{{"name", "Soak"}}}}));
  const std::string agent = fmt::format("{}/{}", kAgents, agency.agent);
  ASSIGN_OR_RETURN(auto key, oauth::Key::generate(oauth::Algorithm::es256));
  agency.key = key.with_kid("soak-1");
  RETURN_IF_ERROR(post(agent + "/credentials/jwks", agency.key->public_key().public_jwk()));
  ASSIGN_OR_RETURN(const Reply seen, must(load, choice, Method::get, agent, {}));
  const std::string orn(seen.text("orn"));
  // "orn:okta:directory:ORG:..." of everything is of the same org.
  std::vector<std::string> words;
  for (std::size_t at = 0; words.size() < 4 && at != std::string::npos;) {
    const std::size_t end = orn.find(':', at);
    words.push_back(orn.substr(at, end - at));
    at = end == std::string::npos ? end : end + 1;
  }
  const std::string& org = words.back();
  RETURN_IF_ERROR(must(
      load, choice, Method::put, "/governance/api/v1/resource-owners",
      Object{
          {"resourceOrns", Array{Value(orn)}},
          {"principalOrns", Array{Value(fmt::format("orn:okta:directory:{}:users:{}", org, agency.user))}}}));

  for (std::size_t i = 0; i < servers; ++i) {
    const std::string name = fmt::format("agent-{}", i);
    load.world.set(name, McpWorld::Health::good);
    ASSIGN_OR_RETURN(const std::string id,
                     must_end(load, choice, std::string(kServers),
                              Object{{"resourceUrl", load.world.url(name)}, {"displayName", name}}));
    const std::string server = fmt::format("{}/{}", kServers, id);
    RETURN_IF_ERROR(must_end(load, choice, server + "/lifecycle/activate", {}));
    ASSIGN_OR_RETURN(const Reply shown, must(load, choice, Method::get, server, {}));
    RETURN_IF_ERROR(post(
        agent + "/connections",
        Object{{"connectionType", "IDENTITY_ASSERTION_MCP_SERVER"},
               {"resource", Object{{"orn", shown.text("orn")}}},
               {"authorizationServer", Object{{"orn", fmt::format("orn:okta:idp:{}:authorization_servers:{}",
                                                                  org, agency.custom_as)}}},
               {"scopeCondition", "INCLUDE_ONLY"},
               {"scopes", Array{"tools:read"}}}));
    agency.servers.push_back(id);
    load.promises.registered(id, load.world.url(name));
  }
  RETURN_IF_ERROR(must_end(load, choice, agent + "/lifecycle/activate", {}));
  return agency;
}

net::Query Agent::exchange_form() const {
  const std::int64_t now = now_seconds();
  const auto id_token =
      oauth::sign_jwt(load_.api.id_token_key(), {{"iss", Nodes::kIssuer},
                                                 {"sub", agency_.user},
                                                 {"aud", agency_.agent},
                                                 {"iat", now},
                                                 {"exp", now + 3600},
                                                 {"auth_time", now},
                                                 {"jti", "ID." + core::system_random().token(16)}});
  return {{"grant_type", std::string(kExchange)},
          {"requested_token_type", std::string(kIdJag)},
          {"subject_token", id_token.value_or("")},
          {"subject_token_type", std::string(kIdToken)},
          {"audience", fmt::format("{}/oauth2/{}", Nodes::kIssuer, agency_.custom_as)},
          {"resource", load_.world.url(fmt::format("agent-{}", server_))},
          {"scope", "tools:read"}};
}

net::Query Agent::redeem_form(const std::string& jag) const {
  return {{"grant_type", std::string(kJwtBearer)},
          {"assertion", jag},
          {"resource", load_.world.url(fmt::format("agent-{}", server_))}};
}

void Agent::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !load_.api.faults().any()) {
    const auto drawn = choice_() % 100;
    if (drawn < 70)
      redeem_at_once();
    else if (drawn < 85)
      present_again();
    else
      deactivate();
    std::this_thread::sleep_for(milliseconds(choice_() % 60));  // the rate of the load
  }
}

Reply Agent::ask(const std::string& node, const std::string& path, net::Query form) {
  const std::int64_t now = now_seconds();
  const auto assertion = oauth::sign_jwt(*agency_.key, {{"iss", agency_.agent},
                                                        {"sub", agency_.agent},
                                                        {"aud", std::string(Nodes::kIssuer) + path},
                                                        {"iat", now},
                                                        {"exp", now + 120},
                                                        {"jti", core::system_random().uuid()}});
  form.emplace_back("client_assertion_type", kAssertion);
  form.emplace_back("client_assertion", assertion.value_or(""));
  return load_.api.post_form(node, path, form);
}

std::string Agent::redemption_path() const {
  return fmt::format("/oauth2/{}/v1/token", agency_.custom_as);
}

Agent::Verdict Agent::redeem(const std::string& node, const std::string& jag, std::string& told) {
  const Reply reply = ask(node, redemption_path(), redeem_form(jag));
  if (!reply.answered()) return Verdict::unknown;
  if (reply.status == 200 && !reply.text("access_token").empty()) return Verdict::granted;
  told = reply.told();
  return reply.text("error_description").contains(kUsedBefore) ? Verdict::replay : Verdict::refused;
}

// Only while the server is ACTIVE.
std::optional<std::string> Agent::exchange() {
  const std::string node = load_.api.any_node(choice_);
  const Reply reply = ask(node, std::string(kTokenPath), exchange_form());
  if (!reply.answered()) return std::nullopt;
  if (reply.status == 200) {
    load_.promises.issued();
    return std::string(reply.text("access_token"));
  }
  const Reply seen = load_.api.insist(choice_, Method::get, server_path());
  load_.api.faults().add(fmt::format("no ID-JAG for {}, which is {}: {}", agency_.servers[server_],
                                     seen.text("status"), reply.told()));
  return std::nullopt;
}

void Agent::redeem_at_once() {
  const auto jag = exchange();
  if (!jag) return;
  std::vector<std::string> targets;
  for (const std::string& url : load_.api.nodes().urls()) targets.insert(targets.end(), kCopies, url);
  if (targets.empty()) return;
  std::shuffle(targets.begin(), targets.end(), choice_);
  std::vector<Verdict> verdicts(targets.size(), Verdict::unknown);
  std::vector<std::string> told(targets.size());
  {
    std::latch together(static_cast<std::ptrdiff_t>(targets.size()));
    std::vector<std::jthread> all;
    all.reserve(targets.size());
    ++load_.redeeming;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      all.emplace_back([&, i] {
        together.arrive_and_wait();
        verdicts[i] = redeem(targets[i], *jag, told[i]);
      });
    }
  }
  const auto count = [&](Verdict verdict) { return std::count(verdicts.begin(), verdicts.end(), verdict); };
  const std::string jti = jti_of(*jag);
  if (count(Verdict::granted) > 1)
    load_.api.faults().add(
        fmt::format("the ID-JAG {} was redeemed {} times at once", jti, count(Verdict::granted)));
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (verdicts[i] == Verdict::refused)
      load_.api.faults().add(fmt::format("the ID-JAG {} is refused for another reason: {}", jti, told[i]));
  bool granted = count(Verdict::granted) > 0;
  int times = static_cast<int>(targets.size());
  if (!granted && count(Verdict::unknown) == 0)
    load_.api.faults().add(fmt::format("the ID-JAG {} was redeemed by nobody", jti));
  // Whoever might have redeemed it is dead; now it is used up, or good for one of us.
  for (bool decided = granted; !decided && !load_.api.faults().any(); ++times) {
    const std::string node = load_.api.any_node(choice_);
    if (node.empty()) return;
    std::string why;
    switch (redeem(node, *jag, why)) {
      case Verdict::granted:
        granted = decided = true;
        break;
      case Verdict::replay:
        load_.promises.answer_lost();
        decided = true;
        break;
      case Verdict::refused:
        load_.api.faults().add(fmt::format("the ID-JAG {} is refused for another reason: {}", jti, why));
        break;
      case Verdict::unknown:
        std::this_thread::sleep_for(milliseconds(10));  // for a node to come up
        break;
    }
  }
  load_.promises.presented(jti, times, granted);
  used_.push_back(*jag);
  if (used_.size() > kRemembered) used_.erase(used_.begin());
}

void Agent::present_again() {
  if (used_.empty()) return;
  const std::string& jag = used_[choice_() % used_.size()];
  const std::string node = load_.api.any_node(choice_);
  std::string told;
  const Verdict verdict = redeem(node, jag, told);
  load_.promises.presented(jti_of(jag), 1, false);
  if (verdict == Verdict::granted)
    load_.api.faults().add(fmt::format("the ID-JAG {} was redeemed a second time, later", jti_of(jag)));
}

void Agent::look_at_refusal(std::size_t node, steady_clock::time_point answered) {
  milliseconds last_granted{0};
  const auto until = steady_clock::now() + kRestart;
  while (steady_clock::now() < until && !load_.api.faults().any()) {
    const std::string url = load_.api.nodes().url(node);
    const auto asked = steady_clock::now();
    const Reply reply = url.empty() ? Reply{} : ask(url, std::string(kTokenPath), exchange_form());
    if (reply.answered() && reply.status != 200) return load_.promises.refused_everywhere(last_granted);
    if (reply.status == 200) {
      last_granted = std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(asked - answered));
      if (asked - answered > kDeadline)
        return load_.api.faults().add(fmt::format("{} gives ID-JAGs for {} {} ms after it was deactivated",
                                                  url, agency_.servers[server_], last_granted.count()));
    }
    std::this_thread::sleep_for(milliseconds(10));  // for the node to come up
  }
}

void Agent::deactivate() {
  const auto before = exchange();
  const Reply reply = load_.api.insist(choice_, Method::post, server_path() + "/lifecycle/deactivate");
  if (!reply.answered()) return;
  const auto answered = steady_clock::now();
  if (reply.status != 202 && (reply.status != 409 || reply.unanswered == 0))
    return load_.api.faults().add(
        fmt::format("the deactivation of {} is answered {}", agency_.servers[server_], reply.told()));
  if (reply.status == 202) load_.promises.accepted(reply.operation);
  {
    std::vector<std::jthread> all;
    all.reserve(load_.api.nodes().size());
    for (std::size_t i = 0; i < load_.api.nodes().size(); ++i)
      all.emplace_back([this, i, answered] { look_at_refusal(i, answered); });
  }
  if (before) {
    std::string told;
    const std::string node = load_.api.any_node(choice_);
    if (redeem(node, *before, told) == Verdict::granted)
      load_.api.faults().add(
          fmt::format("an ID-JAG for {} was redeemed after its deactivation", agency_.servers[server_]));
    load_.promises.presented(jti_of(*before), 1, false);
  }
  activate();
}

void Agent::activate() {
  for (int tries = 0; tries < 10; ++tries) {
    if (load_.api.faults().any()) return;
    const Reply reply = load_.api.insist(choice_, Method::post, server_path() + "/lifecycle/activate");
    if (!reply.answered()) return;
    if (reply.status == 202) {
      load_.promises.accepted(reply.operation);
      if (await_operation(load_, choice_, reply.operation) == "COMPLETED") return;
    }
    const Reply seen = load_.api.insist(choice_, Method::get, server_path());
    if (seen.text("status") == "ACTIVE") return;
  }
  load_.api.faults().add(fmt::format("{} does not become ACTIVE again", agency_.servers[server_]));
}

}  // namespace soak
