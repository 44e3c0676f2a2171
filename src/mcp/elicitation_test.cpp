// Questions to the person, in both eras: how they travel, and how they go wrong.
#include <gtest/gtest.h>

#include "mcp/form.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using core::json::find;
using core::json::string_or_empty;
using testing::ask_name;
using testing::error_code;
using testing::json;
using testing::Object;
using testing::Peer;
using testing::simple_tool;
using testing::text_of;
using testing::Value;

// ---- Legacy: elicitation/create

class LegacyQuestion : public ::testing::Test {
 protected:
  void start(std::string_view version = "2025-11-25", Object capabilities = {{"elicitation", Object{}}},
             ServerOptions options = {}) {
    peer.emplace(std::move(options));
    peer->add(simple_tool("asks", ask_name, RunsOn::local));
    peer->initialize(version, std::move(capabilities));
  }
  // Calls the tool and returns the question.
  Value question(const Value& id) {
    peer->request(id, "tools/call", Peer::call("asks"));
    return peer->outlet->take_method("elicitation/create");
  }
  void answer(const Value& question, std::string_view result) {
    peer->send(Object{{"jsonrpc", "2.0"}, {"id", question.at("id")}, {"result", json(result)}});
  }

  std::optional<Peer> peer;
};

TEST_F(LegacyQuestion, IsAskedAndAnswered) {
  for (std::string_view version : {"2025-06-18", "2025-11-25"}) {
    start(version);
    Value asked = question(1);
    EXPECT_EQ(string_or_empty(asked, "params.message"), "Who is it?");
    EXPECT_EQ(find(asked, "params.mode") != nullptr, version == "2025-11-25")
        << "modes have names since 2025-11-25";
    answer(asked, R"({"action":"accept","content":{"name":"Ada"}})");
    EXPECT_EQ(text_of(peer->outlet->take_answer(1)), R"(accept {"name":"Ada"} "kept")");
  }
}

TEST_F(LegacyQuestion, TakesNoForAnAnswer) {
  struct Row {
    std::string_view result, seen;
  };
  for (const auto& row : {Row{R"({"action":"decline"})", R"(decline {} "kept")"},
                          Row{R"({"action":"cancel"})", R"(cancel {} "kept")"},
                          Row{R"({"action":"accept","content":{"name":7}})", R"(cancel {} "kept")"},
                          Row{R"({"action":"accept"})", R"(cancel {} "kept")"},
                          Row{R"({"action":"sure"})", R"(cancel {} "kept")"},
                          Row{"{}", R"(cancel {} "kept")"}, Row{"7", R"(cancel {} "kept")"}}) {
    start();
    answer(question(1), row.result);
    EXPECT_EQ(text_of(peer->outlet->take_answer(1)), row.seen) << row.result;
  }
}

TEST_F(LegacyQuestion, CountsAClientErrorAsCancelled) {
  start();
  Value asked = question(1);
  peer->send(Object{{"jsonrpc", "2.0"},
                    {"id", asked.at("id")},
                    {"error", {{"code", -32601}, {"message", "no forms here"}}}});
  EXPECT_EQ(text_of(peer->outlet->take_answer(1)), R"(cancel {} "kept")");
}

TEST_F(LegacyQuestion, IsNotAskedOfClientsThatCannot) {
  struct Row {
    std::string_view version, capabilities;
  };
  for (const auto& row :
       {Row{"2024-11-05", R"({"elicitation":{}})"}, Row{"2025-03-26", R"({"elicitation":{}})"},
        Row{"2025-06-18", "{}"}, Row{"2025-11-25", R"({"elicitation":{"url":{}}})"}}) {
    start(row.version, json(row.capabilities).get_object());
    EXPECT_EQ(text_of(peer->ask(1, "tools/call", Peer::call("asks"))), "cannot ask") << row.version;
  }
}

TEST_F(LegacyQuestion, OfAHandlerThatDoesNotLookIsRefused) {
  start("2025-06-18", {});
  peer->add(simple_tool("careless", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return NeedInput{{{"q", FormQuestion{"?", {}}}}, nullptr};
  }));
  Value refused = peer->ask(1, "tools/call", Peer::call("careless"));
  EXPECT_EQ(*find(refused, "result.isError"), Value(true));
  EXPECT_EQ(error_code(peer->ask(2, "tools/call", Peer::modern(Peer::call("careless")))),
            code::kMissingRequiredClientCapability);
}

TEST_F(LegacyQuestion, IsWithdrawnWhenTheCallIsCancelled) {
  start();
  Value asked = question(1);
  peer->notify("notifications/cancelled", {{"requestId", 1}});
  Value withdrawn = peer->outlet->take_method("notifications/cancelled");
  EXPECT_EQ(*find(withdrawn, "params.requestId"), asked.at("id"));
  answer(asked, R"({"action":"accept","content":{"name":"Ada"}})");
  EXPECT_TRUE(peer->outlet->take_all().empty()) << "an answer that comes too late changes nothing";
}

TEST_F(LegacyQuestion, EndsWhenNobodyAnswers) {
  start("2025-11-25", {{"elicitation", Object{}}}, {.question_timeout = std::chrono::minutes{10}});
  Value asked = question(1);
  peer->clock.advance(std::chrono::minutes{9});
  EXPECT_TRUE(peer->outlet->take_all().empty());
  peer->clock.advance(std::chrono::minutes{1});
  EXPECT_EQ(text_of(peer->outlet->take_answer(1)), R"(cancel {} "kept")");
  EXPECT_EQ(*find(peer->outlet->take_method("notifications/cancelled"), "params.requestId"), asked.at("id"));
}

TEST_F(LegacyQuestion, EndsWithTheSession) {
  start();
  Value asked = question(1);
  peer->session->close();
  EXPECT_EQ(*find(peer->outlet->take_method("notifications/cancelled"), "params.requestId"), asked.at("id"));
  EXPECT_NE(text_of(peer->outlet->take_answer(1)).find("shutting down"), std::string::npos);
}

TEST_F(LegacyQuestion, HasALimitAcrossCalls) {
  start("2025-11-25", {{"elicitation", Object{}}}, {.max_open_questions = 2});
  Value first = question(1);
  question(2);
  Value refused = peer->ask(3, "tools/call", Peer::call("asks"));
  EXPECT_EQ(*find(refused, "result.isError"), Value(true));
  EXPECT_NE(text_of(refused).find("2 questions"), std::string::npos);
  Value refused_modern = peer->ask(4, "tools/call", Peer::modern_form(Peer::call("asks")));
  EXPECT_NE(text_of(refused_modern).find("2 questions"), std::string::npos) << "one limit for both eras";
  answer(first, R"({"action":"decline"})");
  peer->outlet->take_answer(1);
  question(5);
}

TEST_F(LegacyQuestion, MayBeSeveralAtOnce) {
  start();
  peer->add(simple_tool("asks_two", [](const core::Context&, const ToolCall& call) -> core::Result<Outcome> {
    if (call.round.responses.size() == 2) {
      return Complete{text_result(std::string(to_string(call.round.responses.at("a").action)) + " " +
                                  std::string(to_string(call.round.responses.at("b").action)))};
    }
    return NeedInput{{{"a", FormQuestion{"A?", {}}}, {"b", FormQuestion{"B?", {}}}}, nullptr};
  }));
  peer->request(1, "tools/call", Peer::call("asks_two"));
  Value a = peer->outlet->take_method("elicitation/create"),
        b = peer->outlet->take_method("elicitation/create");
  EXPECT_EQ(string_or_empty(a, "params.message"), "A?");
  answer(b, R"({"action":"decline"})");
  EXPECT_TRUE(peer->outlet->take_all().empty());
  answer(a, R"({"action":"accept","content":{}})");
  EXPECT_EQ(text_of(peer->outlet->take_answer(1)), "accept decline");
}

// ---- Legacy: URL mode

TEST(UrlQuestion, GoesToClientsThatDeclaredIt) {
  struct Row {
    std::string_view version, capabilities;
    bool can;
  };
  for (const auto& row :
       {Row{"2025-11-25", R"({"elicitation":{"url":{}}})", true},
        Row{"2025-11-25", R"({"elicitation":{}})", false},
        Row{"2025-06-18", R"({"elicitation":{"url":{}}})", false}, Row{"2025-11-25", "{}", false}}) {
    Peer peer;
    peer.initialize(row.version, json(row.capabilities).get_object());
    EXPECT_EQ(peer.session->can_elicit_url(), row.can) << row.version << row.capabilities;
    auto status = peer.session->elicit_url({"m", "https://x", "e"}, [](Answer) {});
    EXPECT_EQ(status ? "" : status.error().code, row.can ? "" : "mcp.session.no_url");
  }
}

TEST(UrlQuestion, TellsItsAnswerOnce) {
  Peer peer;
  peer.initialize("2025-11-25", {{"elicitation", {{"url", Object{}}}}});
  std::vector<Answer> answers;
  auto note = [&](Answer answer) { answers.push_back(answer); };
  ASSERT_TRUE(peer.session->elicit_url({"Sign in", "https://x/activate", "e-1"}, note).has_value());
  Value asked = peer.outlet->take_method("elicitation/create");
  EXPECT_EQ(*find(asked, "params"),
            json(R"({"mode":"url","message":"Sign in","url":"https://x/activate","elicitationId":"e-1"})"));
  Object accepted{{"jsonrpc", "2.0"}, {"id", asked.at("id")}, {"result", {{"action", "accept"}}}};
  peer.send(accepted);
  peer.send(accepted);
  EXPECT_EQ(answers, std::vector<Answer>{Answer::accept});
  peer.session->elicitation_complete("e-1");
  EXPECT_EQ(*find(peer.outlet->take_method("notifications/elicitation/complete"), "params.elicitationId"),
            Value("e-1"));

  ASSERT_TRUE(peer.session->elicit_url({"m", "https://x", "e-2"}, note).has_value());
  peer.session->close();
  EXPECT_EQ(answers, (std::vector<Answer>{Answer::accept, Answer::cancel}));
  EXPECT_EQ(peer.session->elicit_url({"m", "https://x", "e-3"}, note).error().code, "mcp.session.no_url");
  EXPECT_EQ(answers.size(), 2u);
}

// ---- 2026-07-28: multi round-trip requests

class ModernQuestion : public ::testing::Test {
 protected:
  void SetUp() override {
    peer.add(simple_tool("asks", ask_name, RunsOn::local));
    peer.connect();
  }
  // A first call; returns its requestState.
  std::string round(const Value& id, Object arguments = {}) {
    Value answer = peer.ask(id, "tools/call", Peer::modern_form(Peer::call("asks", std::move(arguments))));
    EXPECT_EQ(string_or_empty(answer, "result.resultType"), "input_required") << core::json::write(answer);
    return std::string(string_or_empty(answer, "result.requestState"));
  }
  Value retry(const Value& id, std::string_view state, std::string_view responses, Object arguments = {}) {
    Object params = Peer::call("asks", std::move(arguments));
    if (!state.empty()) params["requestState"] = state;
    if (!responses.empty()) params["inputResponses"] = json(responses);
    return peer.ask(id, "tools/call", Peer::modern_form(std::move(params)));
  }

  Peer peer;
};

constexpr std::string_view kAda = R"({"name":{"action":"accept","content":{"name":"Ada"}}})";

TEST_F(ModernQuestion, IsAResult) {
  Value answer = peer.ask(1, "tools/call", Peer::modern_form(Peer::call("asks")));
  const Value& result = *find(answer, "result");
  EXPECT_EQ(*find(result, "inputRequests.name.method"), Value("elicitation/create"));
  EXPECT_EQ(*find(result, "inputRequests.name.params.mode"), Value("form"));
  EXPECT_EQ(find(result, "ttlMs"), nullptr);
  EXPECT_EQ(find(result, "content"), nullptr);
  EXPECT_TRUE(peer.outlet->take_all().empty()) << "no request goes to a modern client";
  EXPECT_EQ(text_of(retry(2, string_or_empty(result, "requestState"), kAda)),
            R"(accept {"name":"Ada"} "kept")");
}

TEST_F(ModernQuestion, TakesNoForAnAnswer) {
  EXPECT_EQ(text_of(retry(2, round(1), R"({"name":{"action":"decline"}})")), R"(decline {} "kept")");
  EXPECT_EQ(text_of(retry(4, round(3), R"({"name":{"action":"cancel"}})")), R"(cancel {} "kept")");
}

TEST_F(ModernQuestion, NeedsTheCapabilityInTheRequest) {
  EXPECT_EQ(text_of(peer.ask(1, "tools/call", Peer::modern(Peer::call("asks")))), "cannot ask");
}

TEST_F(ModernQuestion, IsAskedAgainWhileAnswersAreMissing) {
  for (std::string_view missing : {"", "{}", R"({"other":{"action":"accept"}})"}) {
    Value again = retry(2, round(1), missing);
    EXPECT_EQ(string_or_empty(again, "result.resultType"), "input_required") << missing;
    std::string state(string_or_empty(again, "result.requestState"));
    EXPECT_EQ(text_of(retry(3, state, kAda)), R"(accept {"name":"Ada"} "kept")") << missing;
  }
}

TEST_F(ModernQuestion, KeepsThePartialAnswers) {
  peer.add(simple_tool("asks_two", [](const core::Context&, const ToolCall& call) -> core::Result<Outcome> {
    if (call.round.responses.size() == 2) return Complete{text_result("both")};
    return NeedInput{{{"a", FormQuestion{"A?", {}}}, {"b", FormQuestion{"B?", {}}}}, nullptr};
  }));
  Value first = peer.ask(1, "tools/call", Peer::modern_form(Peer::call("asks_two")));
  Object params = Peer::call("asks_two");
  params["requestState"] = *find(first, "result.requestState");
  params["inputResponses"] = json(R"({"b":{"action":"decline"}})");
  Value second = peer.ask(2, "tools/call", Peer::modern_form(params));
  ASSERT_EQ(find(second, "result.inputRequests")->get_object().size(), 1u) << "only what is missing";
  params["requestState"] = *find(second, "result.requestState");
  params["inputResponses"] = json(R"({"a":{"action":"decline"}})");
  EXPECT_EQ(text_of(peer.ask(3, "tools/call", Peer::modern_form(params))), "both");
}

TEST_F(ModernQuestion, RefusesMalformedResponses) {
  for (std::string_view bad :
       {"[]", "7", R"({"name":true})", R"({"name":{}})", R"({"name":{"action":"yes"}})",
        R"({"name":{"action":"accept"}})", R"({"name":{"action":"accept","content":{"name":7}}})",
        R"({"name":{"action":"accept","content":{"name":"Ada","more":1}}})"}) {
    std::string state = round(1);
    EXPECT_EQ(error_code(retry(2, state, bad)), code::kInvalidParams) << bad;
    EXPECT_EQ(text_of(retry(3, state, kAda)), R"(accept {"name":"Ada"} "kept")")
        << "a refused retry can be mended";
  }
  EXPECT_EQ(error_code(retry(4, "", "[]")), code::kInvalidParams);
}

TEST_F(ModernQuestion, RefusesStatesThatAreNotItsOwn) {
  std::string state = round(1, {{"a", 1}});
  std::string altered = state;
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(error_code(retry(2, altered, kAda, {{"a", 1}})), code::kInvalidParams) << "altered";
  EXPECT_EQ(error_code(retry(3, state, kAda, {{"a", 2}})), code::kInvalidParams) << "other arguments";
  EXPECT_EQ(error_code(retry(4, "made up", kAda)), code::kInvalidParams);
  Object params = Peer::call("asks", {{"a", 1}});
  params["requestState"] = 7;
  EXPECT_EQ(error_code(peer.ask(5, "tools/call", Peer::modern_form(params))), code::kInvalidParams);
  EXPECT_EQ(text_of(retry(6, state, kAda, {{"a", 1}})), R"(accept {"name":"Ada"} "kept")");
  EXPECT_EQ(error_code(retry(7, state, kAda, {{"a", 1}})), code::kInvalidParams) << "replayed";
}

TEST_F(ModernQuestion, Expires) {
  std::string state = round(1);
  peer.clock.advance(std::chrono::minutes{10});
  EXPECT_EQ(error_code(retry(2, state, kAda)), code::kInvalidParams);
}

TEST_F(ModernQuestion, AnswersWithoutAStateBelongToNothing) {
  EXPECT_EQ(string_or_empty(retry(1, "", kAda), "result.resultType"), "input_required");
}

TEST_F(ModernQuestion, IsNoBusinessOfLegacyCalls) {
  std::string state = round(1);
  peer.initialize("2025-11-25");
  Object params = Peer::call("asks");
  params["requestState"] = state;
  params["inputResponses"] = json(kAda);
  EXPECT_EQ(text_of(peer.ask(2, "tools/call", params)), "cannot ask") << "legacy params have no such members";
}

}  // namespace
}  // namespace mcp
