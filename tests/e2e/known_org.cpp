#include "known_org.h"

#include <algorithm>
#include <cstdlib>

#include "core/json.h"
#include "core/random.h"
#include "net/url.h"

namespace e2e {
namespace {

namespace json = core::json;

net::ServerResponse answer_json(int status, const json::Value& value) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = json::write(value)};
}

net::ServerResponse refusal(int status, std::string_view error, std::string_view description) {
  return answer_json(status, json::Object{{"error", error}, {"error_description", description}});
}

}  // namespace

KnownOrg::KnownOrg() {
  auto server = net::HttpServer::start({}, [this](const auto& request) { return answer(request); });
  if (!server) std::abort();
  server_ = *std::move(server);
}

std::string KnownOrg::url() const {
  return "http://127.0.0.1:" + std::to_string(server_->port());
}

std::vector<std::string> KnownOrg::secrets() const {
  const std::lock_guard lock(mutex_);
  return secrets_;
}

int KnownOrg::requests(std::string_view grant) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(
      std::ranges::count_if(grants_, [&](const auto& each) { return each.ends_with(grant); }));
}

void KnownOrg::refuse(std::string error, std::string description) {
  const std::lock_guard lock(mutex_);
  refusal_ = {std::move(error), std::move(description)};
}

void KnownOrg::end_sign_in_with(std::string error, std::string description) {
  const std::lock_guard lock(mutex_);
  sign_in_ = {std::move(error), std::move(description)};
}

void KnownOrg::expire_access_tokens() {
  const std::lock_guard lock(mutex_);
  good_.clear();
}

std::string KnownOrg::make_secret(const std::string& kind) {
  secrets_.push_back(kind + core::system_random().alphanumeric(40));
  return secrets_.back();
}

net::ServerResponse KnownOrg::answer(const net::ServerRequest& request) {
  const std::lock_guard lock(mutex_);
  if (request.path == "/oauth2/v1/device/authorize") {
    return answer_json(200, json::Object{{"device_code", make_secret("device")},
                                         {"user_code", "WXYZ-KLMN"},
                                         {"verification_uri", url() + "/activate"},
                                         {"expires_in", 600},
                                         {"interval", 1}});
  }
  if (request.path == "/oauth2/v1/token") return token(request);
  // The Management API: repeats in its refusal what it was sent, as some middle boxes do.
  const std::string authorization(request.headers.get("Authorization"));
  const auto good = [&](const std::string& each) { return authorization.ends_with(" " + each); };
  if (authorization.starts_with("SSWS ") || std::ranges::any_of(good_, good)) {
    return answer_json(200, json::Array{});
  }
  return answer_json(401, json::Object{{"errorCode", "E0000011"},
                                       {"errorSummary", "Invalid token provided: " + authorization},
                                       {"errorId", "oae1"}});
}

net::ServerResponse KnownOrg::token(const net::ServerRequest& request) {
  const auto form = net::parse_query(request.body);
  if (!form) return refusal(400, "invalid_request", "no form");
  const auto field = [&](std::string_view name) { return net::query_value(*form, name).value_or(""); };
  const std::string grant = field("grant_type");
  grants_.push_back(grant);
  const bool person = grant.ends_with("device_code");
  std::string sent = field(grant == "refresh_token" ? "refresh_token" : "client_assertion");
  if (!sent.empty() && std::ranges::find(secrets_, sent) == secrets_.end()) secrets_.push_back(sent);
  Refusal refused = person ? sign_in_ : refusal_;
  if (!refused.error.empty()) {
    if (const auto at = refused.description.find("{sent}"); at != std::string::npos) {
      refused.description.replace(at, 6, sent);
    }
    return refusal(refused.error == "invalid_client" ? 401 : 400, refused.error, refused.description);
  }
  good_.push_back(make_secret("access"));
  json::Object answer{{"token_type", "Bearer"},
                      {"expires_in", 3600},
                      {"access_token", good_.back()},
                      {"scope", "okta.users.read okta.groups.read"}};
  if (grant != "client_credentials") answer["refresh_token"] = make_secret("refresh");
  return answer_json(200, answer);
}

}  // namespace e2e
