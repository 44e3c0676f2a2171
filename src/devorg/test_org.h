// A whole org for tests: a fixed clock and seed, requests as they would come over HTTP, answers as JSON.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "core/encoding.h"
#include "core/json.h"
#include "devorg/generate.h"
#include "devorg/server.h"

namespace devorg {

inline constexpr std::string_view kTestToken = "test-token";

struct Answer {
  net::ServerResponse raw;
  boost::json::value body;

  int status() const { return raw.status; }
  std::string code() const { return std::string(core::json::string_or_empty(body, "errorCode")); }
  // "E0000001 Api validation failed: login | cause | cause", or "200".
  std::string problem() const {
    if (code().empty()) return std::to_string(raw.status);
    std::string text = code() + " " + std::string(core::json::string_or_empty(body, "errorSummary"));
    for (const auto& cause : body.at("errorCauses").as_array())
      text += " | " + std::string(cause.at("errorSummary").as_string());
    return text;
  }
  std::string text(std::string_view path) const {
    return std::string(core::json::string_or_empty(body, path));
  }
  std::string next() const {
    for (const auto link : raw.headers.all("link")) {
      std::match_results<std::string_view::const_iterator> found;
      static const std::regex pattern("<http://org\\.test([^>]*)>; rel=\"next\"");
      if (std::regex_match(link.begin(), link.end(), found, pattern)) return found[1].str();
    }
    return {};
  }
};

class TestOrg {
 public:
  explicit TestOrg(std::uint32_t users = 120, ServerOptions options = {},
                   std::unique_ptr<Journal> journal = nullptr) {
    auto org = generate({.users = users, .seed = 42, .now = clock.now()});
    EXPECT_TRUE(org);
    start(*std::move(org), std::move(options), std::move(journal));
  }
  TestOrg(std::unique_ptr<Org> org, std::unique_ptr<Journal> journal) {
    start(std::move(org), {}, std::move(journal));
  }

  Answer call(net::Method method, std::string target, std::string body = {}, net::Headers headers = {}) {
    net::ServerRequest request{
        .method = method, .target = target, .body = std::move(body), .peer = "127.0.0.1:40000"};
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.headers = std::move(headers);
    if (!request.headers.has("authorization"))
      request.headers.set("authorization", "SSWS " + std::string(kTestToken));
    if (!request.body.empty() && !request.headers.has("content-type"))
      request.headers.set("content-type", "application/json");
    Answer answer{.raw = server->handle(request)};
    if (!answer.raw.body.empty() && answer.raw.headers.get("content-type").starts_with("application/json")) {
      auto json = core::json::parse(answer.raw.body);
      EXPECT_TRUE(json) << answer.raw.body.substr(0, 300);
      if (json) answer.body = *std::move(json);
    }
    return answer;
  }
  Answer get(std::string target) { return call(net::Method::get, std::move(target)); }
  Answer post(std::string target, std::string body = {}) {
    return call(net::Method::post, std::move(target), std::move(body));
  }
  Answer put(std::string target, std::string body = {}) {
    return call(net::Method::put, std::move(target), std::move(body));
  }
  Answer del(std::string target) { return call(net::Method::delete_, std::move(target)); }

  // Every element of a list, page by page; ids only.
  std::vector<std::string> walk(std::string target, std::string_view member = "id") {
    std::vector<std::string> ids;
    for (int pages = 0; !target.empty() && pages < 10'000; ++pages) {
      const Answer page = get(target);
      EXPECT_EQ(page.status(), 200) << target << ": " << page.problem();
      if (page.status() != 200) break;
      for (const auto& element : page.body.as_array())
        ids.emplace_back(core::json::string_or_empty(element, member));
      target = page.next();
    }
    return ids;
  }

  // "?search=" and the like, encoded.
  static std::string query(std::string_view name, std::string_view value) {
    return net::encode_query({{std::string(name), std::string(value)}});
  }

  // A user of the generated org in this status.
  std::string user_in(UserStatus status) {
    const UserTable& users = org().users;
    for (std::uint32_t i = 1; i < users.size(); ++i)
      if (!users.at(i).removed && users.at(i).status == status) return users.at(i).id();
    return {};
  }
  std::string group(std::string_view name) { return org().groups[org().find_group_name(name)].id; }
  Org& org() { return server->service().org(); }

  // The event types written since the clock's `since`, in order.
  std::vector<std::string> events_after(std::size_t position) {
    std::vector<std::string> types;
    for (; position < org().log.size(); ++position) types.emplace_back(org().log.type(position));
    return types;
  }

  core::FakeClock clock;
  core::SeededRandom random{7};
  std::unique_ptr<Server> server;

 private:
  void start(std::unique_ptr<Org> org, ServerOptions options, std::unique_ptr<Journal> journal) {
    if (!journal) journal = std::make_unique<NullJournal>();
    options.api_token = core::Secret(std::string(kTestToken));
    server = std::make_unique<Server>(
        std::make_unique<Service>(std::move(org), std::move(journal), clock, random, ServiceOptions{}),
        std::move(options), clock);
    server->set_base_url("http://org.test");
  }
};

inline std::string new_user(std::string_view login, std::string_view more = "") {
  return R"({"profile":{"firstName":"New","lastName":"Person","login":")" + std::string(login) +
         R"(","email":")" + std::string(login) + "\"" + std::string(more) + "}}";
}

}  // namespace devorg
