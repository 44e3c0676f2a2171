// An Org for tests: answers from a function, and remembers what was asked of it.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "okta/org.h"

namespace admin {

class FakeTokens final : public oauth::TokenSource {
 public:
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context&) override {
    return std::make_shared<const oauth::AccessToken>();
  }
  void reject(const oauth::AccessToken&) override {}
  std::optional<std::vector<std::string>> granted_scopes() const override { return granted; }
  std::vector<std::string> requested_scopes() const override { return requested; }
  std::string_view method() const override { return "fake"; }

  std::vector<std::string> requested;
  std::optional<std::vector<std::string>> granted;
};

class FakeOrg final : public okta::Org {
 public:
  // "GET /api/v1/users/00u1?limit=2" and the request itself.
  using Answer = std::function<core::Result<okta::Response>(const std::string& line, const okta::Request&)>;

  explicit FakeOrg(Answer answer) : answer_(std::move(answer)) {}

  core::Result<okta::Response> call(const core::Context&, const okta::Request& request) override {
    std::string line = std::string(net::to_string(request.method)) + " " + request.path;
    if (!request.query.empty()) line += "?" + net::encode_query(request.query);
    {
      std::lock_guard lock(mutex_);
      lines_.push_back(line);
      requests_.push_back(request);
    }
    return answer_(line, request);
  }
  const std::string& url() const override { return url_; }
  core::json::Object rate_limits() const override { return {}; }
  oauth::TokenSource& tokens() override { return tokens_; }

  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  // Those that are not GETs: what changed something.
  std::vector<std::string> writes() const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& line : lines_) {
      if (!line.starts_with("GET ")) out.push_back(line);
    }
    return out;
  }
  okta::Request last_request() const {
    std::lock_guard lock(mutex_);
    return requests_.back();
  }
  std::vector<okta::Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }

  FakeTokens tokens_;

 private:
  Answer answer_;
  std::string url_ = "https://example.okta.com";
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  std::vector<okta::Request> requests_;
};

inline core::Result<okta::Response> answer_json(std::string_view text, int status = 200) {
  okta::Response response{.status = status};
  if (!text.empty()) {
    ASSIGN_OR_RETURN(response.body, core::json::parse(text));
  }
  return response;
}

inline core::Result<okta::Response> answer_not_found() {
  core::Error error{core::ErrorKind::not_found, "okta.E0000007", "Not found.", "", std::nullopt};
  error.upstream = core::UpstreamProblem{.status = 404, .code = "E0000007"};
  return std::unexpected(error);
}

}  // namespace admin
