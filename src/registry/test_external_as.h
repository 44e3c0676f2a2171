// External authorization servers for tests, on loopback: one by the standards, one shaped like GitHub's, one
// shaped like GitLab's. They check what a real one checks, and do on request what real ones do at bad times.
#pragma once

#include <atomic>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"
#include "net/http_server.h"
#include "net/url.h"

namespace registry::test {

enum class Shape {
  standard,  // RFC 6749, 7636, 8707, 9207; rotates refresh tokens
  github,    // no metadata, form answers, errors with status 200, no refresh token, scopes with commas
  gitlab,    // rotates refresh tokens, created_at, two hours
};

class ExternalAs {
 public:
  static constexpr std::string_view kClient = "client-1";
  static constexpr std::string_view kSecret = "s3cret/with+signs";

  explicit ExternalAs(Shape shape) : shape_(shape) {
    auto server =
        net::HttpServer::start({}, [this](const net::ServerRequest& request) { return answer(request); });
    EXPECT_TRUE(server);
    if (server) server_ = std::move(*server);
  }
  std::string issuer() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  std::string url(std::string_view path) const { return issuer() + std::string(path); }

  // What it is to do.
  std::atomic<bool> deny{false};             // the person refuses
  std::atomic<bool> wrong_issuer{false};     // iss of another server
  std::atomic<bool> down{false};             // 503 at the token endpoint
  std::atomic<bool> lose_answers{false};     // the token endpoint does its work, and its answer is lost
  std::atomic<int> lose_next{0};             // as above, so many times
  std::atomic<bool> forgives{false};         // a rotated refresh token is good once more (a grace)
  std::atomic<bool> json_answers{true};      // GitHub: heed Accept
  std::atomic<int> lifetime{0};              // of access tokens, in seconds; 0: the shape's
  std::function<void()> while_refreshing{};  // set before it is asked

  // What was asked of it.
  std::atomic<int> authorizations{0};
  std::atomic<int> exchanges{0};
  std::atomic<int> refreshes{0};
  std::atomic<int> registrations{0};
  std::atomic<int> deletions{0};

  // The person withdraws what they allowed.
  void withdraw() {
    const std::lock_guard lock(mutex_);
    refresh_tokens_.clear();
    retired_.clear();
  }
  bool is_good(const std::string& access_token) const {
    const std::lock_guard lock(mutex_);
    return access_tokens_.contains(access_token);
  }
  net::Query last_authorization() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::string last_registration() const {
    const std::lock_guard lock(mutex_);
    return registration_;
  }

 private:
  struct Code {
    std::string challenge, redirect_uri, resource, scope;
  };

  net::ServerResponse answer(const net::ServerRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.path == "/authorize") return authorize(request);
    if (request.path == "/token") return token(request);
    if (request.path.starts_with("/register")) return registration(request);
    return {.status = 404};
  }

  net::ServerResponse authorize(const net::ServerRequest& request) {
    ++authorizations;
    const auto query = net::parse_query(request.query);
    if (!query) return {.status = 400};
    last_ = *query;
    const auto field = [&](std::string_view name) { return net::query_value(*query, name).value_or(""); };
    if (field("response_type") != "code" || field("client_id") != kClient ||
        field("code_challenge_method") != "S256" || field("redirect_uri").empty())
      return {.status = 400};
    net::Query back;
    if (deny) {
      back = {{"error", "access_denied"}, {"error_description", "The person said no."}};
    } else {
      const std::string code = fmt::format("code-{}", ++count_);
      codes_[code] = {field("code_challenge"), field("redirect_uri"), field("resource"), field("scope")};
      back = {{"code", code}};
    }
    back.emplace_back("state", field("state"));
    if (shape_ == Shape::standard) back.emplace_back("iss", wrong_issuer ? "https://evil.example" : issuer());
    net::ServerResponse response{.status = 302};
    response.headers.add("Location", field("redirect_uri") + "?" + net::encode_query(back));
    return response;
  }

  bool client_is_right(const net::ServerRequest& request, const net::Query& form) const {
    const std::string basic =
        "Basic " + core::base64_encode(core::percent_encode(kClient) + ":" + core::percent_encode(kSecret));
    if (request.headers.get("Authorization") == basic) return true;
    return net::query_value(form, "client_id") == kClient &&
           net::query_value(form, "client_secret") == kSecret;
  }

  net::ServerResponse token(const net::ServerRequest& request) {
    if (down) return {.status = 503};
    const auto form = net::parse_query(request.body);
    if (!form) return refused(request, 400, "invalid_request");
    if (!client_is_right(request, *form))
      return refused(request, 401,
                     shape_ == Shape::github ? "incorrect_client_credentials" : "invalid_client");
    const auto type = net::query_value(*form, "grant_type").value_or("");
    net::ServerResponse response;
    if (type == "refresh_token") {
      ++refreshes;
      if (while_refreshing) while_refreshing();
      response = refresh(request, *form);
    } else {
      ++exchanges;
      response = exchange(request, *form);
    }
    if (lose_answers || (lose_next > 0 && lose_next-- > 0)) response.fault = net::Fault::reset_without_answer;
    return response;
  }

  net::ServerResponse exchange(const net::ServerRequest& request, const net::Query& form) {
    const auto field = [&](std::string_view name) { return net::query_value(form, name).value_or(""); };
    auto code = codes_.extract(field("code"));
    if (code.empty() || code.mapped().redirect_uri != field("redirect_uri") ||
        code.mapped().challenge != core::base64url_encode(core::sha256(field("code_verifier"))) ||
        code.mapped().resource != field("resource"))
      return refused(request, 400, shape_ == Shape::github ? "bad_verification_code" : "invalid_grant");
    return granted(request, code.mapped().scope);
  }

  net::ServerResponse refresh(const net::ServerRequest& request, const net::Query& form) {
    const std::string given = net::query_value(form, "refresh_token").value_or("");
    auto found = refresh_tokens_.extract(given);
    if (found.empty() && forgives) found = retired_.extract(given);
    if (found.empty()) return refused(request, 400, "invalid_grant");
    retired_[given] = found.mapped();
    return granted(request, found.mapped());
  }

  net::ServerResponse granted(const net::ServerRequest& request, const std::string& scope) {
    const int number = ++count_;
    const std::string access = fmt::format("{}-access-{}", shape_ == Shape::github ? "gho" : "at", number);
    access_tokens_[access] = scope;
    core::json::Object body{{"access_token", access},
                            {"token_type", shape_ == Shape::github ? "bearer" : "Bearer"}};
    std::string scopes = scope;
    if (shape_ == Shape::github) {
      for (char& c : scopes) c = c == ' ' ? ',' : c;
    } else {
      const std::string refresh_token = fmt::format("rt-{}", number);
      refresh_tokens_[refresh_token] = scope;
      body["refresh_token"] = refresh_token;
      body["expires_in"] = lifetime > 0 ? lifetime.load() : (shape_ == Shape::gitlab ? 7200 : 3600);
    }
    if (shape_ == Shape::gitlab) body["created_at"] = 1'607'635'748;
    body["scope"] = scopes;
    return written(request, 200, body);
  }

  net::ServerResponse refused(const net::ServerRequest& request, int status, std::string_view error) const {
    return written(request, shape_ == Shape::github ? 200 : status,
                   {{"error", error}, {"error_description", "The server's own words."}});
  }

  net::ServerResponse written(const net::ServerRequest& request, int status,
                              const core::json::Object& body) const {
    net::ServerResponse response{.status = status};
    if (shape_ == Shape::github && !(json_answers && request.headers.get("Accept") == "application/json")) {
      net::Query form;
      for (const auto& entry : body) form.emplace_back(entry.key(), std::string(entry.value().as_string()));
      response.body = net::encode_form(form);
      response.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
      return response;
    }
    core::json::append(response.body, body);
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    return response;
  }

  net::ServerResponse registration(const net::ServerRequest& request) {
    if (request.method == net::Method::delete_) {
      ++deletions;
      return {.status = request.headers.get("Authorization") == "Bearer management-token" ? 204 : 401};
    }
    ++registrations;
    registration_ = request.body;
    net::ServerResponse response{.status = 201};
    response.headers.add("Content-Type", "application/json");
    core::json::append(response.body,
                       core::json::Object{{"client_id", kClient},
                                          {"client_secret", kSecret},
                                          {"client_secret_expires_at", 0},
                                          {"registration_client_uri", url("/register/client-1")},
                                          {"registration_access_token", "management-token"}});
    return response;
  }

  const Shape shape_;
  mutable std::mutex mutex_;
  int count_ = 0;
  net::Query last_;
  std::string registration_;
  std::map<std::string, Code> codes_;
  std::map<std::string, std::string> access_tokens_, refresh_tokens_, retired_;  // to the scopes
  std::unique_ptr<net::HttpServer> server_;  // last: its threads end first
};

}  // namespace registry::test
