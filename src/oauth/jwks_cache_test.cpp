#include "oauth/jwks_cache.h"

#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <thread>

#include "oauth/test_issuer.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Bench {
  test::TestIssuer issuer;
  net::FakeHttpClient http{test::network({&issuer})};
  core::FakeClock clock;
  JwksCache cache{{.issuer = issuer.name(), .http = http, .clock = clock}};

  // How many times the keys were asked for.
  std::size_t asked() const { return test::asked(http, "/keys"); }
  JwksCache::Keys keys() {
    auto keys = cache.keys({});
    EXPECT_TRUE(keys) << keys.error().message;
    return keys ? *keys : nullptr;
  }
};

TEST(JwksCache, ByDiscoveryOnceForTenMinutes) {
  Bench bench;
  EXPECT_FALSE(bench.cache.try_keys());
  const auto keys = bench.keys();
  EXPECT_EQ(keys->keys().size(), 1u);
  EXPECT_FALSE(keys->keys().front().is_private());
  EXPECT_EQ(bench.http.count(), 2u);  // metadata, keys
  bench.clock.advance(minutes{10} - seconds{1});
  EXPECT_EQ(bench.keys(), keys);
  ASSERT_TRUE(bench.cache.try_keys());
  EXPECT_EQ(**bench.cache.try_keys(), keys);
  EXPECT_EQ(bench.http.count(), 2u);
  bench.clock.advance(seconds{1});
  EXPECT_FALSE(bench.cache.try_keys());
  EXPECT_NE(bench.keys(), keys);
  EXPECT_EQ(bench.asked(), 2u);
}

TEST(JwksCache, GoodForAsLongAsTheIssuerSaysWithinBounds) {
  struct Row {
    net::Headers headers;
    seconds lifetime;
  };
  const Row rows[] = {
      {{}, minutes{10}},
      {{{"Cache-Control", "max-age=1200"}}, minutes{20}},
      {{{"Cache-Control", "public, Max-Age=1200, must-revalidate"}}, minutes{20}},
      {{{"Cache-Control", "public"}, {"Cache-Control", "max-age=1200"}}, minutes{20}},
      {{{"Cache-Control", "max-age=1200"}, {"Age", "600"}}, minutes{10}},
      {{{"Cache-Control", "max-age=1200"}, {"Age", "9999"}}, minutes{1}},
      {{{"Cache-Control", "max-age=0"}}, minutes{1}},
      {{{"Cache-Control", "no-store"}}, minutes{1}},
      {{{"Cache-Control", "no-cache, max-age=1200"}}, minutes{1}},
      {{{"Cache-Control", "max-age=4838400, must-revalidate"}}, hours{1}},  // Okta's
      {{{"Cache-Control", "max-age=99999999999999999999999"}}, hours{1}},
      {{{"Cache-Control", "max-age=-5"}}, minutes{10}},
      {{{"Cache-Control", "max-age=soon"}}, minutes{10}},
  };
  for (const Row& row : rows) {
    Bench bench;
    bench.issuer.keys_headers = row.headers;
    bench.keys();
    bench.clock.advance(row.lifetime - seconds{1});
    EXPECT_TRUE(bench.cache.try_keys()) << row.headers.get("Cache-Control");
    bench.clock.advance(seconds{1});
    EXPECT_FALSE(bench.cache.try_keys()) << row.headers.get("Cache-Control");
  }
}

TEST(JwksCache, AnUnknownKidAsksOnceInThirtySeconds) {
  Bench bench;
  const auto first = bench.keys();
  bench.issuer.keys.push_back(Key::generate(Algorithm::es256)->with_kid("k2"));
  EXPECT_FALSE(bench.cache.try_newer(first));
  const auto second = bench.cache.newer({}, first);
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->keys().size(), 2u);
  EXPECT_EQ(bench.asked(), 2u);
  // Whoever still has the old ones gets the new ones without asking.
  ASSERT_TRUE(bench.cache.try_newer(first));
  EXPECT_EQ(**bench.cache.try_newer(first), *second);
  // And an invented kid does not make this machine hammer the issuer.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*bench.cache.newer({}, *second), *second);
  EXPECT_EQ(bench.asked(), 2u);
  bench.clock.advance(seconds{30});
  EXPECT_FALSE(bench.cache.try_newer(*second));
  EXPECT_TRUE(bench.cache.newer({}, *second));
  EXPECT_EQ(bench.asked(), 3u);
}

TEST(JwksCache, OldKeysGoOnForADayWhileTheIssuerIsAway) {
  Bench bench;
  const auto keys = bench.keys();
  test::LogCapture log;
  bench.issuer.down = true;
  bench.clock.advance(minutes{10});
  EXPECT_EQ(bench.keys(), keys);
  const auto asked = bench.http.count();
  EXPECT_NE(log.text().find("the keys of an issuer cannot be fetched"), std::string::npos);
  // Not asked again for half a minute, nor does anybody wait.
  bench.clock.advance(seconds{29});
  ASSERT_TRUE(bench.cache.try_keys());
  EXPECT_EQ(bench.keys(), keys);
  EXPECT_EQ(bench.http.count(), asked);
  bench.clock.advance(seconds{1});
  EXPECT_FALSE(bench.cache.try_keys());
  EXPECT_EQ(bench.keys(), keys);
  EXPECT_GT(bench.http.count(), asked);
  bench.clock.advance(hours{24} - seconds{31});
  EXPECT_EQ(bench.keys(), keys);
  bench.clock.advance(seconds{31});
  EXPECT_FALSE(bench.cache.keys({}));
  bench.issuer.down = false;
  bench.clock.advance(seconds{30});
  EXPECT_NE(bench.keys(), keys);
}

TEST(JwksCache, WithoutAnyKeysTheFailureIsRememberedForAMoment) {
  Bench bench;
  bench.issuer.down = true;
  EXPECT_EQ(bench.cache.keys({}).error().code, "net.connect");
  EXPECT_EQ(bench.http.count(), 1u);
  const auto known = bench.cache.try_keys();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->error().code, "net.connect");
  EXPECT_EQ(bench.cache.keys({}).error().code, "net.connect");
  EXPECT_EQ(bench.http.count(), 1u);
  bench.issuer.down = false;
  bench.clock.advance(seconds{5});
  EXPECT_TRUE(bench.keys());
}

TEST(JwksCache, WhatIsNoSetOfKeysIsAFailure) {
  Bench bench;
  bench.issuer.keys_body = R"({"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA"}]})";
  bench.keys();  // skipped: nothing from outside brings a shared secret
  EXPECT_TRUE(bench.keys()->keys().empty());
  const char* const bodies[] = {"<html>", "{}", R"({"keys":1})"};
  for (const char* body : bodies) {
    Bench other;
    other.issuer.keys_body = body;
    EXPECT_FALSE(other.cache.keys({})) << body;
  }
  Bench unnamed;
  unnamed.issuer.metadata.erase("jwks_uri");
  EXPECT_EQ(unnamed.cache.keys({}).error().code, "oauth.jwks.missing");
  Bench elsewhere;
  JwksCache moved({.issuer = elsewhere.issuer.name(),
                   .jwks_uri = elsewhere.issuer.name() + "/gone",
                   .http = elsewhere.http,
                   .clock = elsewhere.clock});
  EXPECT_EQ(moved.keys({}).error().code, "oauth.jwks.refused");
}

TEST(JwksCache, AGivenAddressNeedsNoMetadata) {
  Bench bench;
  JwksCache cache({.issuer = bench.issuer.name(),
                   .jwks_uri = bench.issuer.name() + "/keys",
                   .http = bench.http,
                   .clock = bench.clock});
  EXPECT_TRUE(cache.keys({}));
  ASSERT_EQ(bench.http.count(), 1u);
  EXPECT_LE(bench.http.requests().at(0).max_response_bytes, 256u << 10);
}

// An issuer that answers when the test lets it.
class Slow {
 public:
  explicit Slow(Bench& bench) : bench_(bench) {
    bench.http.answer_with([this, inner = test::network({&bench.issuer})](const core::Context& context,
                                                                          const net::HttpRequest& request) {
      released_.wait();
      if (context.cancelled()) {
        return net::FakeHttpClient::Answer(
            core::fail(core::ErrorKind::cancelled, "net.cancelled", "The test gave it up."));
      }
      return inner(context, request);
    });
  }
  void wait_until_asked() {
    EXPECT_TRUE(test::eventually([&] { return bench_.http.count() > 0; }));
  }
  void release() { released_.count_down(); }

 private:
  Bench& bench_;
  std::latch released_{1};
};

TEST(JwksCache, OneAsksForAll) {
  Bench bench;
  Slow slow(bench);
  std::vector<std::future<core::Result<JwksCache::Keys>>> callers;
  callers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return bench.cache.keys({}); }));
  }
  slow.wait_until_asked();
  // Nobody waits longer than it may.
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(bench.cache.keys({.stop = stopped.get_token()}).error().code, "oauth.cancelled");
  EXPECT_EQ(bench.cache.keys({.deadline = std::chrono::steady_clock::now()}).error().code, "oauth.timeout");
  slow.release();
  for (auto& caller : callers) EXPECT_TRUE(caller.get());
  EXPECT_EQ(bench.asked(), 1u);
}

TEST(JwksCache, OldKeysServeWhileOneAsks) {
  Bench bench;
  const auto keys = bench.keys();
  bench.clock.advance(minutes{10});
  bench.http.clear_requests();
  Slow slow(bench);
  auto asking = std::async(std::launch::async, [&] { return bench.cache.keys({}); });
  slow.wait_until_asked();
  ASSERT_TRUE(bench.cache.try_keys());
  EXPECT_EQ(**bench.cache.try_keys(), keys);
  EXPECT_EQ(*bench.cache.keys({}), keys);
  slow.release();
  EXPECT_NE(*asking.get(), keys);
}

TEST(JwksCache, WhenTheOneWhoAskedGivesUpAnotherAsks) {
  Bench bench;
  Slow slow(bench);
  std::stop_source stop;
  auto first = std::async(std::launch::async, [&] { return bench.cache.keys({.stop = stop.get_token()}); });
  slow.wait_until_asked();
  auto second = std::async(std::launch::async, [&] { return bench.cache.keys({}); });
  stop.request_stop();
  slow.release();
  EXPECT_EQ(first.get().error().kind, core::ErrorKind::cancelled);
  EXPECT_TRUE(second.get());
}

}  // namespace
}  // namespace oauth
