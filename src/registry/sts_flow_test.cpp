// Whole ways over HTTP: an agent asks, a person consents in a browser, an external authorization server of
// each shape answers, tokens are refreshed, also by two nodes at once.
#include <atomic>
#include <chrono>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "net/http_client.h"
#include "net/http_server.h"
#include "registry/sts.h"
#include "registry/test_external_as.h"
#include "registry/test_sts.h"

namespace registry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::ExternalAs;
using test::kUser;
using test::Shape;
using testing::HasSubstr;
using testing::StartsWith;

net::HttpClient& network() {
  static const auto client = net::make_http_client({.user_agent = "registry-test/1"});
  return *client;
}

// Cookies by origin, redirects, and a form with its hidden fields: what the way needs.
class Browser {
 public:
  net::HttpResponse get(const std::string& url) { return go({.method = net::Method::get, .url = url}); }

  // The page's form, by the button with this value.
  net::HttpResponse press(const net::HttpResponse& page, std::string_view decision) {
    const auto url = net::resolve_url(*net::parse_url(at_), between(page.body, "action=\"", "\""));
    EXPECT_TRUE(url);
    const std::string csrf = between(page.body, "name=\"csrf_token\" value=\"", "\"");
    return go({.method = net::Method::post,
               .url = url->str(),
               .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Origin", url->origin()}},
               .body = net::encode_form({{"csrf_token", csrf}, {"decision", std::string(decision)}})});
  }
  const std::string& at() const { return at_; }

 private:
  net::HttpResponse go(net::HttpRequest request) {
    for (int hops = 0; hops < 10; ++hops) {
      at_ = request.url;
      const std::string origin = net::parse_url(at_)->origin();
      if (cookies_.contains(origin)) request.headers.set("Cookie", cookies_[origin]);
      auto response = network().send(core::Context{}, request);
      EXPECT_TRUE(response) << core::describe(response.error());
      if (!response) return {};
      if (response->headers.has("Set-Cookie")) cookies_[origin] = response->headers.get("Set-Cookie");
      if (response->status / 100 != 3) return *response;
      const auto next = net::resolve_url(*net::parse_url(at_), response->headers.get("Location"));
      EXPECT_TRUE(next);
      request = {.method = net::Method::get, .url = next->str()};
    }
    ADD_FAILURE() << "too many redirects";
    return {};
  }

  static std::string between(std::string_view text, std::string_view start, std::string_view end) {
    const std::size_t from = text.find(start);
    EXPECT_NE(from, std::string_view::npos) << start;
    if (from == std::string_view::npos) return {};
    text.remove_prefix(from + start.size());
    return std::string(text.substr(0, text.find(end)));
  }

  std::string at_;
  std::map<std::string, std::string> cookies_;
};

// The org in front of the pages, with a sign-in that asks nothing.
class FlowTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    service_.outside = &network();
    auto server =
        net::HttpServer::start({}, [this](const net::ServerRequest& request) { return serve(request); });
    ASSERT_TRUE(server);
    server_ = std::move(*server);
    service_.settings.issuer = "http://127.0.0.1:" + std::to_string(server_->port());
    world_.at(external_.issuer());
    if (GetParam() == Shape::github) {
      world_.settings.auth_method = "client_secret_post";
      world_.auth_server.grant_types = {"authorization_code"};
    }
    world_.auth_server.iss_in_response = GetParam() == Shape::standard;
    world_.store(service_);
  }
  void TearDown() override { server_->stop(); }

  net::ServerResponse serve(const net::ServerRequest& request) const {
    if (request.path == "/login") {
      net::ServerResponse response{.status = 303};
      response.headers = {{"Set-Cookie", "person=ada"},
                          {"Location", net::query_value(*net::parse_query(request.query), "return").value()}};
      return response;
    }
    const StsPages pages{.signed_in = [](const net::ServerRequest& asked) -> std::optional<SignedIn> {
      if (asked.headers.get("Cookie") != "person=ada") return std::nullopt;
      return SignedIn{.user_id = std::string(kUser), .login = "ada@example.com"};
    }};
    return handle_sts_page(service_, pages, request).value_or(net::ServerResponse{.status = 404});
  }

  std::string interaction() {
    const auto refused = redeem_sts(service_, world_.request());
    EXPECT_FALSE(refused);
    if (refused) return {};
    EXPECT_EQ(refused.error().code, "authserver.oauth_sts_interaction_required");
    return refused.error().location;
  }
  void consent() {
    const auto question = browser_.get(interaction());
    ASSERT_EQ(question.status, 200);
    const auto done = browser_.press(question, "continue");
    ASSERT_EQ(done.status, 200) << done.body;
    ASSERT_THAT(done.body, HasSubstr("Go back to your agent"));
  }
  std::string token() {
    const auto granted = redeem_sts(service_, world_.request());
    if (!granted) return granted.error().code;
    return std::string(granted->at("access_token").as_string());
  }
  core::FakeClock& clock() { return parts_.place.clock; }

  ExternalAs external_{GetParam()};
  test::ServiceParts parts_;
  Service& service_ = parts_.service;
  test::StsWorld world_;
  Browser browser_;
  std::unique_ptr<net::HttpServer> server_;
};

std::string shape_name(const testing::TestParamInfo<Shape>& info) {
  switch (info.param) {
    case Shape::standard:
      return "standard";
    case Shape::github:
      return "github";
    case Shape::gitlab:
      break;
  }
  return "gitlab";
}

INSTANTIATE_TEST_SUITE_P(Shapes, FlowTest, testing::Values(Shape::standard, Shape::github, Shape::gitlab),
                         shape_name);

TEST_P(FlowTest, ConsentThenTokens) {
  consent();
  const std::string access = token();
  EXPECT_TRUE(external_.is_good(access)) << access;
  EXPECT_EQ(external_.exchanges, 1);
  EXPECT_EQ(net::query_value(external_.last_authorization(), "resource"), test::kStsResource);
  const auto granted = redeem_sts(service_, world_.request());
  EXPECT_EQ(granted->at("scope"), "repo read:user");
  EXPECT_EQ(granted->at("expires_in"), GetParam() == Shape::gitlab ? 7200 : 3600);
  EXPECT_EQ(token(), access);
}

TEST_P(FlowTest, APersonWhoSaysNoThereOrHere) {
  external_.deny = true;
  auto question = browser_.get(interaction());
  EXPECT_THAT(browser_.press(question, "continue").body, HasSubstr("gets no access"));
  question = browser_.get(interaction());
  EXPECT_THAT(browser_.press(question, "deny").body, HasSubstr("gets no access"));
  EXPECT_EQ(external_.authorizations, 1);
  EXPECT_EQ(external_.exchanges, 0);
}

TEST_P(FlowTest, ARegistrationWithAWrongSecretIsToldToThePerson) {
  const auto sealed = service_.vault->seal("wrong", secret_context(world_.settings.id));
  test::change_row<ClientAuthSettings>(
      service_, Kind::client_auth_settings, world_.settings.id, read_client_auth_settings,
      [&](ClientAuthSettings& settings) { settings.sealed_secret = *sealed; });
  const auto question = browser_.get(interaction());
  const auto failed = browser_.press(question, "continue");
  EXPECT_EQ(failed.status, 502);
  EXPECT_THAT(failed.body,
              HasSubstr(GetParam() == Shape::github ? "incorrect_client_credentials" : "invalid_client"));
}

TEST_P(FlowTest, AnAnswerThatIsLostOnceIsAskedForAgain) {
  const auto question = browser_.get(interaction());
  external_.lose_next = 1;
  // The code was used up by the answer that was lost.
  const auto failed = browser_.press(question, "continue");
  EXPECT_EQ(failed.status, 502);
  EXPECT_EQ(external_.exchanges, 2);
  consent();
  EXPECT_TRUE(external_.is_good(token()));
}

TEST_P(FlowTest, RevokedAndAskedAgain) {
  consent();
  const std::string access = token();
  ASSERT_TRUE(revoke_sts(service_, world_.agent, access));
  if (GetParam() == Shape::github) {
    consent();
    EXPECT_EQ(external_.exchanges, 2);
  }
  EXPECT_NE(token(), access);
  EXPECT_TRUE(external_.is_good(token()));
}

class RefreshTest : public FlowTest {
 protected:
  void SetUp() override {
    FlowTest::SetUp();
    consent();
    first_ = token();
    clock().advance(seconds{7190});
  }
  std::string first_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, RefreshTest, testing::Values(Shape::standard, Shape::gitlab), shape_name);

TEST_P(RefreshTest, SilentAgainAndAgain) {
  std::string before = first_;
  for (int i = 1; i <= 3; ++i) {
    const std::string next = token();
    EXPECT_NE(next, before);
    EXPECT_TRUE(external_.is_good(next)) << next;
    EXPECT_EQ(external_.refreshes, i);
    before = next;
    clock().advance(seconds{7190});
  }
}

TEST_P(RefreshTest, AWithdrawnGrantAsksThePersonAgain) {
  external_.withdraw();
  clock().advance(seconds{60});
  EXPECT_EQ(token(), "authserver.oauth_sts_interaction_required");
  EXPECT_EQ(external_.refreshes, 1);
  consent();
  EXPECT_TRUE(external_.is_good(token()));
}

TEST_P(RefreshTest, AServerThatIsDownKeepsTheGrant) {
  clock().advance(seconds{60});
  external_.down = true;
  EXPECT_EQ(token(), "authserver.oauth_sts_temporarily_unavailable");
  external_.down = false;
  EXPECT_EQ(token(), "authserver.oauth_sts_temporarily_unavailable");  // remembered
  EXPECT_EQ(external_.refreshes, 0);
  clock().advance(seconds{5});
  EXPECT_TRUE(external_.is_good(token()));
}

TEST_P(RefreshTest, ALostAnswerIsFetchedWithinTheGrace) {
  clock().advance(seconds{60});
  external_.forgives = true;
  external_.lose_next = 1;
  EXPECT_TRUE(external_.is_good(token()));
  EXPECT_EQ(external_.refreshes, 2);
}

TEST_P(RefreshTest, ALostAnswerWithoutGraceAsksThePerson) {
  clock().advance(seconds{60});
  external_.lose_next = 1;
  EXPECT_EQ(token(), "authserver.oauth_sts_interaction_required");
  EXPECT_EQ(external_.refreshes, 2);
}

TEST_P(RefreshTest, AnswersThatStayLostKeepTheGrant) {
  clock().advance(seconds{60});
  external_.forgives = true;
  external_.lose_answers = true;
  EXPECT_EQ(token(), "authserver.oauth_sts_temporarily_unavailable");
}

// Two nodes on one database, each with a vault of its own view.
class TwoNodesTest : public test::AnyStore {
 protected:
  struct Node {
    std::unique_ptr<core::KeyRing> vault;
    Service service{.settings = {}, .names = ResourceNames("00oTestOrg0000000000")};
  };

  void SetUp() override {
    AnyStore::SetUp();
    if (IsSkipped()) return;
    a_ = node(*store_, "node-a");
    b_ = node(*other_, "node-b");
    world_.at(external_.issuer());
    world_.store(a_.service);
  }

  Node node(Store& store, std::string name) {
    Node node;
    node.vault = std::make_unique<core::KeyRing>(
        store.state(), place_.clock, core::KeyRingOptions{.name = "vault", .guard = guard_}, random_);
    node.service.settings = {.issuer = "https://org.example", .node = std::move(name)};
    node.service.store = &store;
    node.service.clock = &place_.clock;
    node.service.random = &random_;
    node.service.vault = node.vault.get();
    node.service.outside = &network();
    return node;
  }

  // Consent by hand: what the external server gave is in the vault.
  void link(int lifetime) {
    const auto asked = redeem_sts(a_.service, world_.request());
    ASSERT_FALSE(asked);
    const StsPages pages{.signed_in = [](const net::ServerRequest&) {
      return SignedIn{.user_id = std::string(kUser), .login = "ada@example.com"};
    }};
    net::ServerRequest request{.path = test::path_of(a_.service, asked.error().location)};
    const std::string body = handle_sts_page(a_.service, pages, request)->body;
    const std::string mark = "name=\"csrf_token\" value=\"";
    const std::size_t at = body.find(mark) + mark.size();
    request.method = net::Method::post;
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = net::encode_form(
        {{"csrf_token", body.substr(at, body.find('"', at) - at)}, {"decision", "continue"}});
    // The callback may reach the other node.
    const auto sent = handle_sts_page(a_.service, pages, request);
    external_.lifetime = lifetime;
    const auto back = network().send(core::Context{}, {.url = std::string(sent->headers.get("Location"))});
    ASSERT_TRUE(back);
    const std::string location(back->headers.get("Location"));
    net::ServerRequest callback{.path = std::string(kStsCallback)};
    callback.query = location.substr(location.find('?') + 1);
    ASSERT_EQ(handle_sts_page(b_.service, pages, callback)->status, 200);
  }

  static std::string token(const Service& service, const StsRequest& request) {
    const auto granted = redeem_sts(service, request);
    return granted ? std::string(granted->at("access_token").as_string()) : granted.error().code;
  }

  core::SeededRandom random_{7};
  std::shared_ptr<const core::Sealer> guard_ =
      std::make_shared<const core::Sealer>(core::Sealer::ephemeral());
  ExternalAs external_{Shape::gitlab};
  test::StsWorld world_;
  Node a_, b_;
};

INSTANTIATE_TEST_SUITE_P(Stores, TwoNodesTest, test::kBackends, test::name_of);

TEST_P(TwoNodesTest, RefreshAtOnceIsOneRefresh) {
  std::latch asked(1), go(1);
  external_.while_refreshing = [&] {
    asked.count_down();
    go.wait();
  };
  link(600);
  place_.clock.advance(seconds{600});
  const StsRequest request = world_.request();
  std::string from_a, from_b;
  std::atomic<bool> b_done{false};
  std::jthread first([&] { from_a = token(a_.service, request); });
  asked.wait();
  std::jthread second([&] {
    from_b = token(b_.service, request);
    b_done = true;
  });
  // The second node has seen the lease, and waits.
  while (place_.clock.waiters() == 0) std::this_thread::yield();
  go.count_down();
  first.join();
  while (!b_done) {
    if (place_.clock.waiters() > 0) place_.clock.advance(milliseconds{100});
    std::this_thread::yield();
  }
  second.join();
  EXPECT_EQ(external_.refreshes, 1);
  EXPECT_TRUE(external_.is_good(from_a)) << from_a;
  EXPECT_EQ(from_b, from_a);
}

TEST_P(TwoNodesTest, TheOtherNodeTakesTheTokenThatIsStillGood) {
  std::latch asked(1), go(1);
  external_.while_refreshing = [&] {
    asked.count_down();
    go.wait();
  };
  link(600);
  const std::string before = token(b_.service, world_.request());
  place_.clock.advance(seconds{560});
  std::string from_a;
  std::jthread first([&] { from_a = token(a_.service, world_.request()); });
  asked.wait();
  EXPECT_EQ(token(b_.service, world_.request()), before);
  go.count_down();
  first.join();
  EXPECT_EQ(external_.refreshes, 1);
  EXPECT_NE(from_a, before);
  EXPECT_EQ(token(b_.service, world_.request()), from_a);
}

TEST_P(TwoNodesTest, AConsentDuringARefreshWins) {
  std::latch asked(1), go(1);
  external_.while_refreshing = [&] {
    asked.count_down();
    go.wait();
  };
  link(600);
  place_.clock.advance(seconds{560});
  std::jthread first([&] { token(a_.service, world_.request()); });
  asked.wait();
  // Another agent's consent for the same registration.
  const std::string id = grant_id(world_.settings.id, kUser);
  test::change_row<StsGrant>(b_.service, Kind::grant, id, read_sts_grant,
                             [](StsGrant& grant) { ++grant.generation; });
  const auto before = store_->get(Kind::grant, id);
  go.count_down();
  first.join();
  const auto after = store_->get(Kind::grant, id);
  EXPECT_EQ((*after)->body.at("sealed"), (*before)->body.at("sealed"));
}

TEST_P(TwoNodesTest, APileOfRequestsIsOneRefreshToo) {
  link(600);
  place_.clock.advance(seconds{600});
  std::atomic<int> good{0}, left{12};
  {
    std::vector<std::jthread> threads;
    threads.reserve(12);
    for (int i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        const std::string got = token(i % 2 == 0 ? a_.service : b_.service, world_.request());
        if (external_.is_good(got)) ++good;
        --left;
      });
    }
    while (left > 0) {
      // Time goes on once the first has its token: until then all wait for it.
      if (good > 0 && place_.clock.waiters() > 0) place_.clock.advance(milliseconds{100});
      // Slower than those who wait, or the new token ends before they have looked for it.
      std::this_thread::sleep_for(milliseconds{5});
    }
  }
  EXPECT_EQ(good, 12);
  EXPECT_EQ(external_.refreshes, 1);
}

}  // namespace
}  // namespace registry
