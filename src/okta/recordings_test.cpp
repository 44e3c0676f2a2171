// Every recorded exchange of real Okta orgs goes through Org: nothing may be lost, changed or misjudged.
// What is expected is worked out here from the recording itself, without the room's own readers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <map>
#include <regex>

#include "catalogue/operations.h"
#include "core/encoding.h"
#include "okta/test_recordings.h"
#include "okta/test_support.h"

namespace okta {
namespace {

namespace json = boost::json;
using test::recordings;
using test::text_or_empty;

// The links of a recording name the host it was made on.
std::string with_our_host(std::string link) {
  static const std::regex kHost("<https://[^/>]+");
  return std::regex_replace(link, kHost, "<" + std::string(kOrigin));
}

std::optional<std::string> recorded_cursor(const std::string& link) {
  static const std::regex kNext("<[^>]*[?&]after=([^&>]*)[^>]*>; rel=\"next\"");
  std::smatch match;
  if (!std::regex_search(link, match, kNext)) return std::nullopt;
  return core::percent_decode(match[1].str(), true);
}

std::string flat(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

struct Totals {
  int exchanges = 0, successes = 0, empty_bodies = 0, errors = 0, with_next = 0, with_request_id = 0,
      with_etag = 0, with_rate_limit = 0, repeated = 0, matched = 0;
};

void replay(const json::object& record, Totals& totals) {
  const auto method = net::parse_method(text_or_empty(record, "method"));
  const std::string url = text_or_empty(record, "url");
  const int status = static_cast<int>(record.at("status").as_int64());
  const std::string body = text_or_empty(record, "body");
  ASSERT_TRUE(method);

  net::HttpResponse answer{.status = status, .body = body};
  std::map<std::string, std::string> headers;
  for (const auto& field : record.at("headers").as_object()) {
    std::string value(field.value().as_string());
    if (field.key() == "link") value = with_our_host(value);
    headers[field.key()] = value;
    answer.headers.add(field.key(), value);
  }

  TestOrg test;
  test.http.answer_with([&](const core::Context&, const net::HttpRequest&) { return answer; });
  const auto question_mark = url.find('?');
  Request request{.method = *method, .path = url.substr(0, question_mark)};
  if (question_mark != std::string::npos)
    request.query = net::parse_query(url.substr(question_mark + 1)).value();
  if (auto sent = core::json::parse(text_or_empty(record, "req_body"))) request.body = *std::move(sent);
  auto result = test.org->call(test.context, request);

  ++totals.exchanges;
  const auto sent = test.http.requests();
  ASSERT_FALSE(sent.empty()) << result.error().message;
  totals.repeated += sent.size() > 1;
  // Only what Okta refused for now is sent again, three times or until the waits add up to the ceiling.
  if (status == 429) {
    EXPECT_THAT(sent.size(), testing::AllOf(testing::Ge(3u), testing::Le(4u)));
  } else {
    EXPECT_EQ(sent.size(), 1u);
  }
  if (request.body) {
    EXPECT_EQ(json::parse(sent[0].body), *request.body);
  }

  // The operation that the recording was matched to is the one that the catalogue finds. (A few were recorded
  // with doubled or trailing slashes, and the OAuth endpoints are no operations of the Management API.)
  const auto* path = record.if_contains("path");
  if (path && path->is_string() && !request.path.ends_with('/') && !request.path.starts_with("//") &&
      !request.path.starts_with("/oauth2/v1/token")) {
    const auto* operation = catalogue::match_operation(net::to_string(*method), request.path);
    ASSERT_NE(operation, nullptr);
    EXPECT_EQ(operation->path, path->get_string());
    ++totals.matched;
  }

  ASSERT_EQ(result.has_value(), status / 100 == 2) << (result ? "" : result.error().message);
  if (result) {
    ++totals.successes;
    EXPECT_EQ(result->status, status);
    if (body.empty()) {
      ++totals.empty_bodies;
      EXPECT_TRUE(result->body.is_null());
    } else {
      auto expected = json::parse(body);
      EXPECT_EQ(result->body, expected);
      EXPECT_EQ(json::serialize(result->body), json::serialize(expected));  // the order of members, too
    }
    EXPECT_EQ(result->next, recorded_cursor(headers["link"]));
    totals.with_next += result->next.has_value();
    EXPECT_EQ(result->etag, headers["etag"]);
    totals.with_etag += !result->etag.empty();
    EXPECT_EQ(result->request_id, headers["x-okta-request-id"]);
    totals.with_request_id += !result->request_id.empty();
    EXPECT_EQ(result->rate_limit.has_value(), headers.contains("x-rate-limit-reset"));
    if (result->rate_limit) {
      ++totals.with_rate_limit;
      EXPECT_EQ(std::to_string(result->rate_limit->limit), headers["x-rate-limit-limit"]);
      EXPECT_EQ(std::to_string(result->rate_limit->remaining), headers["x-rate-limit-remaining"]);
    }
    return;
  }

  ++totals.errors;
  const core::Error& error = result.error();
  ASSERT_TRUE(error.upstream);
  const auto envelope = json::parse(body).as_object();
  std::string code = text_or_empty(envelope, "errorCode");
  std::string summary = text_or_empty(envelope, "errorSummary");
  if (code.empty()) {
    code = text_or_empty(envelope, "error");
    summary = text_or_empty(envelope, "error_description");
  }
  if (summary.empty()) summary = text_or_empty(envelope, "message");
  std::vector<std::string> causes;
  if (const auto* list = envelope.if_contains("errorCauses")) {
    for (const auto& cause : list->as_array())
      causes.push_back(flat(text_or_empty(cause.as_object(), "errorSummary")));
  }
  EXPECT_EQ(error.code, "okta." + (code.empty() ? fmt::format("http_{}", status) : code));
  EXPECT_EQ(error.upstream->status, status);
  EXPECT_EQ(error.upstream->code, code);
  EXPECT_EQ(error.upstream->summary, flat(summary));
  EXPECT_EQ(error.upstream->causes, causes);
  EXPECT_EQ(error.upstream->error_id, text_or_empty(envelope, "errorId"));
  EXPECT_EQ(error.upstream->request_id, headers["x-okta-request-id"]);
  totals.with_request_id += !error.upstream->request_id.empty();
  EXPECT_FALSE(error.hint.empty());
  EXPECT_THAT(error.message, testing::HasSubstr(flat(summary)));
}

Totals replay_all(const std::vector<json::value>& lines) {
  Totals totals;
  for (const auto& line : lines) {
    const auto& record = line.as_object();
    SCOPED_TRACE(fmt::format("{} #{}: {} {}", text_or_empty(record, "src"), record.at("i").as_int64(),
                             text_or_empty(record, "method"), text_or_empty(record, "url")));
    replay(record, totals);
  }
  return totals;
}

TEST(Recordings, PythonSdkCassettes) {
  auto lines = recordings("okta-sdk-python-3.4.4-cassettes.jsonl.gz");
  if (!lines) GTEST_SKIP() << "the recordings are not on this machine";
  auto totals = replay_all(*lines);
  // Counted apart, with another program, over the same file.
  EXPECT_EQ(totals.exchanges, 2'304);
  EXPECT_EQ(totals.successes, 1'919);
  EXPECT_EQ(totals.errors, 385);
  EXPECT_EQ(totals.empty_bodies, 488);
  EXPECT_EQ(totals.with_next, 45);
  EXPECT_EQ(totals.with_request_id, 2'256);
  EXPECT_EQ(totals.with_etag, 5);
  EXPECT_EQ(totals.with_rate_limit, 1'908);
  EXPECT_EQ(totals.matched, 2'215);
  EXPECT_EQ(totals.repeated, 3);  // the 429s
}

TEST(Recordings, TestServerOf2017) {
  auto lines = recordings("okta-sdk-test-server-2017.jsonl.gz");
  if (!lines) GTEST_SKIP() << "the recordings are not on this machine";
  auto totals = replay_all(*lines);
  EXPECT_EQ(totals.exchanges, 86);
  EXPECT_EQ(totals.successes, 84);
  EXPECT_EQ(totals.errors, 2);
  EXPECT_EQ(totals.empty_bodies, 12);
}

}  // namespace
}  // namespace okta
