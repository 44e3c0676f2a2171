// Calls with tokens that are bound to a key: a proof with each request, nonces, and what is sent again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <map>
#include <set>

#include "core/encoding.h"
#include "core/seal.h"
#include "oauth/private_key_jwt.h"
#include "oauth/static_token.h"
#include "oauth/test_dpop.h"
#include "okta/test_recordings.h"
#include "okta/test_support.h"

namespace okta {
namespace {

using oauth::DpopServer;
using oauth::test::proof_of;
using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct BoundOrg : TestOrg {
  BoundOrg() {
    tokens.scheme = "DPoP";
    tokens.dpop = oauth::test::new_prover(clock, random);
  }
  std::vector<std::string> nonces() {
    const auto sent = http.requests();
    std::vector<std::string> found;
    found.reserve(sent.size());
    std::set<std::string> ids;
    for (const auto& request : sent) {
      const auto proof = proof_of(request);
      if (!proof) {
        found.emplace_back("-");
        continue;
      }
      EXPECT_TRUE(ids.insert(proof->claim("jti")).second) << "a proof was sent twice";
      EXPECT_EQ(proof->thumbprint, tokens.dpop->thumbprint());
      found.push_back(proof->claims.contains("nonce") ? proof->claim("nonce") : "");
    }
    return found;
  }
};

net::Headers challenge(std::string_view error, std::string nonce = {}) {
  net::Headers headers{{"WWW-Authenticate", fmt::format(R"(DPoP algs="ES256 RS256", error="{}")", error)}};
  if (!nonce.empty()) headers.add("DPoP-Nonce", std::move(nonce));
  return headers;
}

std::string hash_of(std::string_view token) {
  return core::base64url_encode(core::sha256(token));
}

TEST(Dpop, EachRequestGoesWithAProofOfItsOwn) {
  BoundOrg test;
  test.http.reply(200, "[]");
  test.http.reply(200, R"({"id":"00u1"})");
  ASSERT_TRUE(test.get("/api/v1/users", {{"limit", "1"}, {"search", "id eq \"x\""}}));
  ASSERT_TRUE(test.send(net::Method::post, "/api/v1/users/00u1", core::json::Value(core::json::Object{})));
  const auto sent = test.http.requests();
  EXPECT_THAT(test.nonces(), ElementsAre("", ""));
  EXPECT_EQ(sent[0].headers.get("Authorization"), "DPoP token-1");
  const auto read = proof_of(sent[0]);
  EXPECT_EQ(read->claim("htm"), "GET");
  EXPECT_EQ(read->claim("htu"), std::string(kOrigin) + "/api/v1/users");
  EXPECT_EQ(read->claim("ath"), hash_of("token-1"));
  const auto write = proof_of(sent[1]);
  EXPECT_EQ(write->claim("htm"), "POST");
  EXPECT_EQ(write->claim("htu"), std::string(kOrigin) + "/api/v1/users/00u1");
}

TEST(Dpop, OtherTokensGoWithout) {
  for (const std::string scheme : {"Bearer", "SSWS"}) {
    TestOrg test;
    test.tokens.scheme = scheme;
    test.http.reply(200, "[]");
    // Not even when the caller brings one: the header is Org's own.
    Request request{.path = "/api/v1/users"};
    request.headers.add("DPoP", "mine");
    ASSERT_TRUE(test.org->call(test.context, request));
    EXPECT_FALSE(test.http.requests().at(0).headers.has("DPoP"));
    EXPECT_EQ(test.http.requests().at(0).headers.get("Authorization"), scheme + " token-1");
  }
}

TEST(Dpop, TableOfRefusals) {
  const std::string body =
      R"({"error":"use_dpop_nonce","error_description":"Resource server requires nonce"})";
  const std::string envelope = R"({"errorCode":"E0000011","errorSummary":"Invalid token provided"})";
  const auto ok = net::HttpResponse{.status = 200, .body = R"({"id":"00u1"})"};
  const auto refused = [](int status, std::string text, net::Headers headers) {
    if (!text.empty()) headers.add("Content-Type", "application/json");
    return net::HttpResponse{.status = status, .headers = std::move(headers), .body = std::move(text)};
  };
  struct Row {
    std::string_view what;
    std::vector<net::HttpResponse> answers;
    std::vector<std::string> sent;  // nonces
    std::size_t rejected = 0;       // tokens given up
    std::string code;               // "" for success
  };
  const Row rows[] = {
      {"RFC 9449 section 9: 401 and a challenge",
       {refused(401, "", challenge("use_dpop_nonce", "n1")), ok},
       {"", "n1"}},
      {"400 and an OAuth error", {refused(400, body, {{"DPoP-Nonce", "n1"}}), ok}, {"", "n1"}},
      {"401 with Okta's envelope beside the challenge",
       {refused(401, envelope, challenge("use_dpop_nonce", "n1")), ok},
       {"", "n1"}},
      {"it changes once",
       {refused(401, "", challenge("use_dpop_nonce", "n1")),
        refused(401, "", challenge("use_dpop_nonce", "n2")), ok},
       {"", "n1", "n2"}},
      {"it changes for ever: the token is replaced once, then the refusal stands",
       {refused(401, "", challenge("use_dpop_nonce", "n1")),
        refused(401, "", challenge("use_dpop_nonce", "n2")),
        refused(401, "", challenge("use_dpop_nonce", "n3")),
        refused(401, "", challenge("use_dpop_nonce", "n4"))},
       {"", "n1", "n2", "n3"},
       1,
       "okta.use_dpop_nonce"},
      {"none is given", {refused(400, body, {})}, {""}, 0, "okta.use_dpop_nonce"},
      {"the proof is not accepted: it may be the token",
       {refused(401, "", challenge("invalid_dpop_proof")), ok},
       {"", ""},
       1},
      {"a bad token is not about the proof",
       {refused(401, envelope, challenge("invalid_token")), ok},
       {"", ""},
       1},
      {"forbidden is forbidden",
       {refused(403, "", challenge("insufficient_scope", "n1"))},
       {""},
       0,
       "okta.insufficient_scope"},
  };
  // A write is refused before anything is done, so it is no different from a read.
  for (const auto method : {net::Method::get, net::Method::post, net::Method::delete_}) {
    for (const auto& row : rows) {
      SCOPED_TRACE(fmt::format("{} {}", net::to_string(method), row.what));
      BoundOrg test;
      for (const auto& answer : row.answers) test.http.push(answer);
      const auto result = test.send(method, "/api/v1/users/00u1");
      EXPECT_EQ(result ? "" : result.error().code, row.code);
      EXPECT_EQ(test.nonces(), row.sent);
      EXPECT_EQ(test.tokens.rejected.size(), row.rejected);
      EXPECT_EQ(test.http.unused(), 0u);
      EXPECT_EQ(test.clock.waited(), std::chrono::milliseconds{0});
    }
  }
}

TEST(Dpop, TheNonceOfAnyAnswerIsForTheNextRequest) {
  BoundOrg test;
  test.tokens.dpop->learn(DpopServer::authorization, std::string(kOrigin) + "/oauth2/v1/token",
                          {{"DPoP-Nonce", "of-the-other-server"}});
  test.http.reply(200, "[]", {{"DPoP-Nonce", "n1"}});
  test.http.reply(404, R"({"errorCode":"E0000007","errorSummary":"Not found"})", {{"DPoP-Nonce", "n2"}});
  test.http.reply(200, "[]");
  EXPECT_TRUE(test.get("/api/v1/users"));
  EXPECT_FALSE(test.get("/api/v1/users/none"));
  EXPECT_TRUE(test.get("/api/v1/groups"));
  EXPECT_THAT(test.nonces(), ElementsAre("", "n1", "n2"));
}

TEST(Dpop, EveryRepetitionMakesAnotherProof) {
  BoundOrg test;
  test.http.reply(503);
  test.http.fail("net.connect");
  test.http.reply(401);
  test.http.reply(200, "[]");
  ASSERT_TRUE(test.get("/api/v1/users"));
  EXPECT_THAT(test.nonces(), ElementsAre("", "", "", ""));
  const auto sent = test.http.requests();
  EXPECT_EQ(proof_of(sent[2])->claim("ath"), hash_of("token-1"));
  EXPECT_EQ(proof_of(sent[3])->claim("ath"), hash_of("token-2"));
}

TEST(Dpop, AProofFromAWrongClockIsMadeAgainByTheServers) {
  BoundOrg test;
  const auto org_time = test.clock.now() - hours{2};
  auto headers = challenge("invalid_dpop_proof");
  headers.add("Date", core::to_http_date(org_time));
  test.http.reply(401, "", headers);
  test.http.reply(200, "[]");
  ASSERT_TRUE(test.get("/api/v1/users"));
  EXPECT_THAT(test.tokens.rejected, IsEmpty());
  EXPECT_EQ(proof_of(test.http.requests().at(1))->claim("iat"),
            std::to_string(core::to_unix_seconds(org_time)));
}

TEST(Dpop, ARefusedProofNamesTheCure) {
  BoundOrg bound;
  for (int i = 0; i < 2; ++i) bound.http.reply(401, "", challenge("invalid_dpop_proof"));
  const auto refused = bound.get("/api/v1/users");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "okta.invalid_dpop_proof");
  EXPECT_THAT(refused.error().hint, HasSubstr("clock"));

  TestOrg bearer;
  for (int i = 0; i < 2; ++i) bearer.http.reply(401, "", challenge("invalid_dpop_proof", "n1"));
  const auto unbound = bearer.get("/api/v1/users");
  ASSERT_FALSE(unbound);
  EXPECT_THAT(unbound.error().hint, HasSubstr("this one is not bound"));
}

// What Okta's own SDK was answered, answered to us: 87 exchanges with DPoP in nine files, and in a tenth the
// demand for a proof.
class DpopRecordings : public testing::Test {
 protected:
  using Records = std::vector<boost::json::object>;

  void SetUp() override {
    auto lines = test::recordings("okta-sdk-python-3.4.4-cassettes.jsonl.gz");
    if (!lines) GTEST_SKIP() << "the recordings are not on this machine";
    for (const auto& line : *lines) {
      const auto& record = line.as_object();
      const auto source = test::text_or_empty(record, "src");
      if (source.contains("/test_dpop_it/"))
        cassettes_[source.substr(source.rfind('/') + 1)].push_back(record);
    }
  }

  static net::HttpResponse answer_of(const boost::json::object& record) {
    net::HttpResponse answer{.status = static_cast<int>(record.at("status").as_int64()),
                             .body = test::text_or_empty(record, "body")};
    for (const auto& field : record.at("headers").as_object()) {
      std::string value(field.value().as_string());
      // Times and links are the recording's own.
      if (field.key() == "date" || field.key() == "x-rate-limit-reset") continue;
      if (field.key() == "link") {
        constexpr std::string_view kRecorded = "https://test.okta.com";
        for (std::size_t at = 0; (at = value.find(kRecorded, at)) != std::string::npos;) {
          value.replace(at, kRecorded.size(), kOrigin);
        }
      }
      answer.headers.add(field.key(), value);
    }
    return answer;
  }

  std::map<std::string, Records> cassettes_;
};

TEST_F(DpopRecordings, SignInAndCallsGoAsRecorded) {
  const auto& demand = cassettes_["TestDPoPBackwardCompatibility.test_private_key_auth_without_dpop.yaml"];
  ASSERT_EQ(demand.size(), 1u);
  const auto key = oauth::Key::generate(oauth::Algorithm::rs256);
  ASSERT_TRUE(key);
  int exchanges = 0, runs = 0, files = 0;
  for (const auto& [name, records] : cassettes_) {
    if (!name.starts_with("TestDPoPIntegration.") && !name.starts_with("TestDPoPTokenExpiry.")) continue;
    SCOPED_TRACE(name);
    ++files;
    for (std::size_t at = 0; at < records.size();) {
      // A run begins where the SDK had no nonce yet.
      ASSERT_EQ(answer_of(records[at]).status, 400);
      ++runs;
      LeapingClock clock;
      core::SeededRandom random{7};
      std::size_t next = at;
      bool demanded = false;
      net::FakeHttpClient http([&](const core::Context&,
                                   const net::HttpRequest& request) -> net::FakeHttpClient::Answer {
        if (!request.headers.has("DPoP")) {
          demanded = true;
          return answer_of(demand.front());
        }
        const auto proof = oauth::test::read_proof(request.headers.get("DPoP"));
        const auto& record = records.at(next++);
        ++exchanges;
        EXPECT_EQ(net::to_string(request.method), test::text_or_empty(record, "method"));
        EXPECT_EQ(request.url, std::string(kOrigin) + test::text_or_empty(record, "url"));
        EXPECT_EQ(proof.claim("htm"), test::text_or_empty(record, "method"));
        EXPECT_EQ(proof.claim("htu"), request.url.substr(0, request.url.find('?')));
        EXPECT_EQ(proof.claim("iat"), std::to_string(core::to_unix_seconds(clock.now())));
        const bool token_request = request.method == net::Method::post;
        EXPECT_EQ(proof.claims.contains("ath"), !token_request);
        // The org's API gave no nonce, so it gets none.
        EXPECT_EQ(proof.claim("nonce"), !token_request || next == at + 1 ? "(none)" : "sanitized_dpop_nonce");
        return answer_of(record);
      });
      auto tokens = oauth::PrivateKeyJwt::create({.org_url = std::string(kOrigin),
                                                  .client_id = "0oa1",
                                                  .scopes = {"okta.users.read"},
                                                  .key = key->with_kid("kid-1"),
                                                  .http = http,
                                                  .clock = clock,
                                                  .random = random});
      ASSERT_TRUE(tokens);
      const auto org = Org::create({.url = std::string(kOrigin)}, http, **tokens, clock, random);
      ASSERT_TRUE(org);
      ASSERT_TRUE((*tokens)->token({}));
      EXPECT_TRUE(demanded);
      ASSERT_EQ(next, at + 2);
      while (next < records.size() && answer_of(records[next]).status == 200) {
        // The SDK let its token expire before it asked for another.
        if (test::text_or_empty(records[next], "method") == "POST") clock.advance(hours{2});
        const auto from = next;
        const auto users = (*org)->get({}, "/api/v1/users", {{"limit", "1"}});
        ASSERT_TRUE(users) << users.error().message;
        EXPECT_EQ(users->body, boost::json::parse(answer_of(records[next - 1]).body));
        ASSERT_GT(next, from);
      }
      for (const auto& request : http.requests()) {
        if (request.method == net::Method::get) {
          EXPECT_TRUE(request.headers.get("Authorization").starts_with("DPoP ey"));
        }
      }
      at = next;
    }
  }
  // Counted apart, over the same file.
  EXPECT_EQ(files, 9);
  EXPECT_EQ(runs, 19);
  EXPECT_EQ(exchanges, 87);
}

TEST_F(DpopRecordings, AnApiTokenGoesWithoutProof) {
  const auto& records = cassettes_["TestDPoPBackwardCompatibility.test_ssws_auth_unchanged.yaml"];
  ASSERT_EQ(records.size(), 1u);
  LeapingClock clock;
  net::FakeHttpClient http;
  http.push(answer_of(records.front()));
  auto tokens = oauth::StaticToken::create(core::Secret("myAPIToken"));
  ASSERT_TRUE(tokens);
  const auto org = Org::create({.url = std::string(kOrigin)}, http, **tokens, clock);
  ASSERT_TRUE(org);
  ASSERT_TRUE((*org)->get({}, "/api/v1/users", {{"limit", "1"}}));
  const auto sent = http.requests().at(0);
  EXPECT_FALSE(sent.headers.has("DPoP"));
  EXPECT_EQ(sent.headers.get("Authorization"),
            test::text_or_empty(records.front().at("req_headers").as_object(), "authorization"));
}

}  // namespace
}  // namespace okta
