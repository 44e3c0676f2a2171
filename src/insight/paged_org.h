// An Org for this room's tests: serves pages from a function and remembers what was asked.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "okta/org.h"

namespace insight {

class NoTokens final : public oauth::TokenSource {
 public:
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context&) override {
    return std::make_shared<const oauth::AccessToken>();
  }
  void reject(const oauth::AccessToken&) override {}
  std::optional<std::vector<std::string>> granted_scopes() const override { return std::nullopt; }
  std::string_view method() const override { return "fake"; }
};

// Page n is asked for with the cursor "n"; the first one without.
class PagedOrg final : public okta::Org {
 public:
  using Serve = std::function<core::Result<core::json::Array>(std::size_t page, const okta::Request&)>;

  PagedOrg(std::size_t pages, Serve serve) : pages_(pages), serve_(std::move(serve)) {}

  core::Result<okta::Response> call(const core::Context&, const okta::Request& request) override {
    requests.push_back(request);
    auto after = net::query_value(request.query, "after");
    const std::size_t page = after ? std::stoul(*after) : 0;
    ASSIGN_OR_RETURN(auto items, serve_(page, request));
    okta::Response response{.status = 200, .body = std::move(items)};
    if (page + 1 < pages_) response.next = std::to_string(page + 1);
    return response;
  }
  const std::string& url() const override { return url_; }
  core::json::Object rate_limits() const override { return {}; }
  oauth::TokenSource& tokens() override { return tokens_; }

  std::string asked(std::size_t request, std::string_view name) const {
    return net::query_value(requests.at(request).query, name).value_or("");
  }

  std::vector<okta::Request> requests;

 private:
  std::size_t pages_;
  Serve serve_;
  NoTokens tokens_;
  std::string url_ = "https://example.okta.com";
};

class KeptProgress final : public core::Notifier {
 public:
  void progress(double done, std::optional<double>, std::string_view message) override {
    values.push_back(done);
    messages.emplace_back(message);
  }
  void log(core::LogLevel, std::string_view, const boost::json::value&) override {}

  std::vector<double> values;
  std::vector<std::string> messages;
};

}  // namespace insight
