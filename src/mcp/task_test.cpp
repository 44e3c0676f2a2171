// Jobs as clients see them, in both forms. The requirement names are those of docs/protocol.md.
#include "mcp/task.h"

#include <gtest/gtest.h>

#include "core/job_store.h"
#include "mcp/request_state.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using core::JobContext;
using core::json::find;
using core::json::string_or_empty;
using testing::error_code;
using testing::json;
using testing::Object;
using testing::Peer;
using testing::text_of;
using testing::Value;

FormQuestion ask_for(std::string message) {
  return {std::move(message), {{"type", "object"}, {"properties", {{"name", {{"type", "string"}}}}}}};
}

class Tasks : public ::testing::Test {
 protected:
  void SetUp() override {
    add("asks", TaskSupport::optional,
        [](const core::Context&, JobContext&, const Round& round) -> core::Result<TaskStep> {
          if (round.responses.empty()) return NeedInput{{{"who", ask_for("Who?")}}, "kept"};
          if (round.state == "kept") {  // the same key again: another on the wire
            return NeedInput{{{"who", ask_for("Really?")}}, round.responses.at("who").content};
          }
          return Complete{text_result(core::json::write(round.state) + " " +
                                      core::json::write(round.responses.at("who").content))};
        });
    add("waits", TaskSupport::optional,
        [this](const core::Context& context, JobContext& job, const Round&) -> core::Result<TaskStep> {
          EXPECT_EQ(context.principal, job.principal());
          context.progress(1, 4, "a quarter");
          if (!clock.wait_until(clock.steady() + std::chrono::hours{1}, context.stop)) {
            return core::fail(core::ErrorKind::cancelled, "x", "Stopped.");
          }
          return Complete{text_result("waited")};
        });
    add("refuses", TaskSupport::optional,
        [](const core::Context&, JobContext&, const Round&) -> core::Result<TaskStep> {
          return core::fail(core::ErrorKind::forbidden, "x", "Not allowed.", "Ask.");
        });
    add("errs", TaskSupport::optional,
        [](const core::Context&, JobContext&, const Round&) -> core::Result<TaskStep> {
          return Complete{error_result("Did not work.")};
        });
    add("throws", TaskSupport::optional,
        [](const core::Context&, JobContext&, const Round&) -> core::Result<TaskStep> {
          throw std::runtime_error("on purpose");
        });
    add("only_task", TaskSupport::required,
        [](const core::Context&, JobContext&, const Round&) -> core::Result<TaskStep> {
          return Complete{text_result("done")};
        });
    Tool quick = testing::simple_tool("quick", testing::says("at once"));
    quick.tasks = TaskSupport::optional;
    peer.add(std::move(quick));
    peer.add(testing::simple_tool("plain", testing::says("plain")));
  }

  void add(std::string name, TaskSupport support, TaskWork work) {
    Tool tool = testing::simple_tool(
        name,
        [this, work](const core::Context& context, const ToolCall& call) {
          return start_task(*jobs, context, call.round, {.kind = "k", .title = "t"}, work);
        },
        RunsOn::local);
    tool.tasks = support;
    peer.add(std::move(tool));
  }

  static Object modern(Object params = {}, bool form = true) {
    Object capabilities{{"extensions", {{"io.modelcontextprotocol/tasks", Object{}}}}};
    if (form) capabilities["elicitation"] = Object{};
    return Peer::modern(std::move(params), std::move(capabilities));
  }
  static Object about(const Value& id) { return {{"taskId", id}}; }

  // The id of a task made by this call.
  Value begin(std::string_view tool, bool form = true) {
    Value answer = peer.ask(++serial, "tools/call", modern(Peer::call(tool), form));
    EXPECT_EQ(string_or_empty(answer, "result.resultType"), "task") << core::json::write(answer);
    return *find(answer, "result.taskId");
  }
  Value get(const Value& id) { return peer.ask(++serial, "tasks/get", modern(about(id))); }
  // The task once it is in this state.
  Value in_state(const Value& id, std::string_view state) {
    for (;;) {
      Value task = get(id);
      if (string_or_empty(task, "result.status") == state || find(task, "error")) return task;
      std::this_thread::yield();
    }
  }

  core::FakeClock clock;
  std::unique_ptr<core::Jobs> jobs =
      *core::Jobs::create({.store = core::memory_job_store(), .clock = &clock});
  Peer peer{{.jobs = jobs.get()}};
  int serial = 100;
};

TEST_F(Tasks, ModernLifeOfAJobThatAsks) {
  peer.connect();
  Value id = begin("asks");
  Value asked = in_state(id, "input_required");
  EXPECT_EQ(string_or_empty(asked, "result.resultType"), "complete");
  const Object& requests = find(asked, "result.inputRequests")->get_object();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(string_or_empty(requests.at("who-1"), "method"), "elicitation/create");
  EXPECT_EQ(string_or_empty(requests.at("who-1"), "params.message"), "Who?");

  auto update = [&](Object responses) {
    Object params = about(id);
    params["inputResponses"] = std::move(responses);
    return peer.ask(++serial, "tasks/update", modern(std::move(params)));
  };
  EXPECT_EQ(error_code(update({{"who-1", {{"action", "accept"}, {"content", {{"name", 7}}}}}})),
            code::kInvalidParams);
  EXPECT_NE(find(update({{"other", {{"ignored", true}}}}), "result"), nullptr);
  EXPECT_EQ(string_or_empty(get(id), "result.status"), "input_required");
  Value acknowledged = update({{"who-1", {{"action", "accept"}, {"content", {{"name", "Ada"}}}}}});
  Object members = find(acknowledged, "result")->get_object();
  EXPECT_EQ(members.size(), 2u) << "resultType and _meta";
  for (;;) {
    Value task = get(id);
    const Value* again = find(task, "result.inputRequests");
    if (again && again->get_object().contains("who-2")) break;
    std::this_thread::yield();
  }
  EXPECT_NE(find(update({{"who-1", {{"action", "accept"}, {"content", {{"name", "stale"}}}}}}), "result"),
            nullptr);
  EXPECT_NE(find(update({{"who-2", {{"action", "accept"}, {"content", {{"name", "Bob"}}}}}}), "result"),
            nullptr);
  Value done = in_state(id, "completed");
  EXPECT_EQ(string_or_empty(find(done, "result.result.content")->at(0), "text"),
            R"({"name":"Ada"} {"name":"Bob"})");
  EXPECT_EQ(find(done, "result.inputRequests"), nullptr);
  EXPECT_EQ(find(done, "result.error"), nullptr);
  EXPECT_EQ(*find(done, "result.ttlMs"), 3'600'000);
}

// TSK-07, and its opposite in 2025-11-25 (pages Tasks, "Task Execution Errors").
TEST_F(Tasks, FailureMeansSomethingElseInEachForm) {
  struct Row {
    std::string_view tool, modern, legacy, text;
    int code;
  };
  const Row rows[] = {{"errs", "completed", "failed", "Did not work.", 0},
                      {"refuses", "completed", "failed", "Not allowed. (Ask.)", 0},
                      {"throws", "failed", "failed", "", code::kInternalError}};
  peer.initialize("2025-11-25");
  for (const auto& row : rows) {
    Value task = in_state(begin(row.tool), row.modern);
    EXPECT_EQ(string_or_empty(task, "result.status"), row.modern) << row.tool;
    if (row.code == 0) {
      EXPECT_EQ(*find(task, "result.result.isError"), true);
      EXPECT_EQ(string_or_empty(find(task, "result.result.content")->at(0), "text"), row.text);
      EXPECT_EQ(find(task, "result.error"), nullptr);
    } else {
      EXPECT_EQ(*find(task, "result.error.code"), row.code);
      EXPECT_FALSE(string_or_empty(task, "result.error.message").empty());
      EXPECT_EQ(find(task, "result.result"), nullptr);
    }
    Object params = Peer::call(row.tool);
    params["task"] = Object{};
    Value id = *find(peer.ask(++serial, "tools/call", std::move(params)), "result.task.taskId");
    Value result = peer.ask(++serial, "tasks/result", about(id));
    EXPECT_EQ(error_code(result), row.code);
    if (row.code == 0) {
      EXPECT_EQ(text_of(result), row.text);
      EXPECT_EQ(*core::json::find(result.at("result").at("_meta").at("io.modelcontextprotocol/related-task"),
                                  "taskId"),
                id);
    }
    EXPECT_EQ(string_or_empty(peer.ask(++serial, "tasks/get", about(id)), "result.status"), row.legacy);
    // And who knows no tasks gets what the job left.
    Value plain = peer.ask(++serial, "tools/call", Peer::modern(Peer::call(row.tool)));
    EXPECT_EQ(error_code(plain), row.code);
    if (row.code == 0) EXPECT_EQ(text_of(plain), row.text);
  }
}

TEST_F(Tasks, NobodyButItsPrincipalKnowsIt) {
  peer.initialize("2025-11-25");
  auto foreign = jobs->start({.principal = "somebody else"}, [](JobContext&) -> core::Result<core::JobStep> {
    return core::JobQuestions{{{"a", write_question(ask_for("?"))}}};
  });
  Value id(foreign->id);
  Object update = about(id);
  update["inputResponses"] = Object{};
  EXPECT_EQ(error_code(get(id)), code::kInvalidParams);
  EXPECT_EQ(error_code(peer.ask(1, "tasks/update", modern(update))), code::kInvalidParams);
  EXPECT_EQ(error_code(peer.ask(2, "tasks/cancel", modern(about(id)))), code::kInvalidParams);
  for (std::string_view method : {"tasks/get", "tasks/result", "tasks/cancel"}) {
    EXPECT_EQ(error_code(peer.ask(3, method, about(id))), code::kInvalidParams) << method;
  }
  EXPECT_TRUE(find(peer.ask(4, "tasks/list"), "result.tasks")->get_array().empty());
  EXPECT_EQ(string_or_empty(get(Value("nobody")), "error.message"),
            string_or_empty(get(id), "error.message"));
  EXPECT_EQ(jobs->get(foreign->id, "somebody else")->state == core::JobState::cancelled, false);
}

TEST_F(Tasks, WhoDoesNotDeclareThemHasNone) {
  peer.connect();
  Value id = begin("waits");
  Object update = about(id);
  update["inputResponses"] = Object{};
  for (auto& [method, params] :
       std::map<std::string, Object>{{"tasks/get", about(id)},
                                     {"tasks/cancel", about(id)},
                                     {"tasks/update", update},
                                     {"tools/call", Peer::call("only_task")},
                                     {"subscriptions/listen", {{"notifications", {{"taskIds", {id}}}}}}}) {
    Value refused = peer.ask(++serial, method, Peer::modern(params));
    EXPECT_EQ(error_code(refused), code::kMissingRequiredClientCapability) << method;
    EXPECT_EQ(*find(refused, "error.data"),
              json(R"({"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}})"));
  }
  EXPECT_EQ(text_of(peer.ask(++serial, "tools/call", modern(Peer::call("plain")))), "plain");
  EXPECT_NE(find(peer.ask(++serial, "tasks/cancel", modern(about(id))), "result"), nullptr);
  EXPECT_EQ(string_or_empty(get(id), "result.status"), "cancelled");
}

TEST_F(Tasks, ListenersHearOfTheirsOnly) {
  peer.connect();
  Value mine = begin("waits"), other = begin("waits");
  peer.request("l", "subscriptions/listen",
               modern({{"notifications", {{"taskIds", {mine, "nobody", mine}}}}}));
  Value acknowledged = peer.outlet->take_method("notifications/subscriptions/acknowledged");
  EXPECT_EQ(*find(acknowledged, "params.notifications"), Value(Object{{"taskIds", {mine}}}));
  Value now = peer.outlet->take_method("notifications/tasks");
  EXPECT_EQ(*find(now, "params.taskId"), mine);
  EXPECT_EQ(now.at("params").at("_meta").at("io.modelcontextprotocol/subscriptionId"), "l");
  peer.ask(++serial, "tasks/cancel", modern(about(other)));
  peer.ask(++serial, "tasks/cancel", modern(about(mine)));
  Value told;
  do told = peer.outlet->take_method("notifications/tasks");
  while (string_or_empty(told, "params.status") == "working");
  EXPECT_EQ(*find(told, "params.taskId"), mine);
  EXPECT_EQ(string_or_empty(told, "params.status"), "cancelled");
  EXPECT_EQ(find(told, "params.resultType"), nullptr);
  for (const auto& left : peer.outlet->take_all())
    EXPECT_EQ(left.find("notifications/tasks"), std::string::npos) << left;
}

TEST_F(Tasks, CancellingTheCallCancelsItsJob) {
  peer.connect();
  peer.request("c", "tools/call", Peer::modern(Peer::call("waits")));
  while (jobs->list("local", {}, 10)->jobs.empty()) std::this_thread::yield();
  std::string id = jobs->list("local", {}, 10)->jobs.front().id;
  peer.notify("notifications/cancelled", {{"requestId", "c"}});
  while (jobs->get(id, "local")->state != core::JobState::cancelled) std::this_thread::yield();
  EXPECT_TRUE(jobs->settle(std::chrono::seconds{20}));
  EXPECT_TRUE(peer.outlet->take_all().empty()) << "a cancelled call is not answered";
}

TEST_F(Tasks, WaitingCallsHearProgressAndEndWithTheSession) {
  peer.initialize("2025-06-18");
  Object params = Peer::call("waits");
  params["_meta"] = Object{{"progressToken", "p"}};
  peer.request("c", "tools/call", params);
  Value progress = peer.outlet->take_method("notifications/progress");
  EXPECT_EQ(*find(progress, "params.progress"), 1);
  EXPECT_EQ(*find(progress, "params.total"), 4);
  EXPECT_TRUE(peer.server->settle(std::chrono::seconds{20})) << "no worker of the server is held";
  peer.session->close();
  EXPECT_EQ(*find(peer.outlet->take_answer("c"), "result.isError"), true);
}

// A client that cannot be asked has declined, whichever way it gets its result.
TEST_F(Tasks, UnaskableClientsCountAsCancelled) {
  peer.initialize("2025-11-25");
  EXPECT_EQ(text_of(peer.ask(1, "tools/call", Peer::call("asks"))), "{} {}");
  EXPECT_EQ(text_of(peer.ask(2, "tools/call", Peer::modern(Peer::call("asks")))), "{} {}");
  Value done = in_state(begin("asks", false), "completed");
  EXPECT_EQ(string_or_empty(find(done, "result.result.content")->at(0), "text"), "{} {}");
}

TEST_F(Tasks, LegacyTaskResultBlocksAndAsks) {
  peer.initialize("2025-11-25", {{"elicitation", Object{}}});
  Object params = Peer::call("asks");
  params["task"] = Object{{"ttl", 5000}};
  Value created = peer.ask(1, "tools/call", params);
  EXPECT_EQ(find(created, "result.taskId"), nullptr) << "nested, unlike 2026-07-28";
  Value id = *find(created, "result.task.taskId");
  peer.request(2, "tasks/result", about(id));
  peer.request(3, "tasks/result", about(id));
  for (const char* name : {"Ada", "Bob"}) {
    Value question = peer.outlet->take_method("elicitation/create");
    EXPECT_EQ(*find(question.at("params").at("_meta").at("io.modelcontextprotocol/related-task"), "taskId"),
              id);
    peer.send(Object{{"jsonrpc", "2.0"},
                     {"id", question.at("id")},
                     {"result", {{"action", "accept"}, {"content", {{"name", name}}}}}});
  }
  for (int waiting : {2, 3}) {
    EXPECT_EQ(text_of(peer.outlet->take_answer(waiting)), R"({"name":"Ada"} {"name":"Bob"})");
  }
  Value task = peer.ask(4, "tasks/get", about(id));
  EXPECT_EQ(*find(task, "result.ttl"), 5000);
  EXPECT_EQ(string_or_empty(task, "result.status"), "completed");
  for (const auto& left : peer.outlet->take_all()) {
    EXPECT_EQ(left.find("elicitation/create"), std::string::npos) << "asked twice: " << left;
  }
  clock.advance(std::chrono::seconds{6});
  EXPECT_EQ(error_code(peer.ask(5, "tasks/get", about(id))), code::kInvalidParams);
}

TEST_F(Tasks, LegacyRulesOfTheToolList) {
  peer.initialize("2025-11-25");
  Value tools = peer.ask(1, "tools/list");
  std::map<std::string, std::string> support;
  for (const Value& tool : find(tools, "result.tools")->get_array()) {
    support[std::string(string_or_empty(tool, "name"))] = string_or_empty(tool, "execution.taskSupport");
  }
  EXPECT_EQ(support["only_task"], "required");
  EXPECT_EQ(support["asks"], "optional");
  EXPECT_EQ(support["plain"], "");
  Object with_task = Peer::call("plain");
  with_task["task"] = Object{};
  EXPECT_EQ(error_code(peer.ask(2, "tools/call", with_task)), code::kMethodNotFound);
  EXPECT_EQ(error_code(peer.ask(3, "tools/call", Peer::call("only_task"))), code::kMethodNotFound);
  for (std::string_view bad : {R"([])", R"({"ttl":-1})", R"({"ttl":"x"})", R"(null)"}) {
    Object params = Peer::call("quick");
    params["task"] = json(bad);
    EXPECT_EQ(error_code(peer.ask(4, "tools/call", params)), code::kInvalidParams) << bad;
  }
  // What is done at once is a task all the same when the client asked for one.
  Object quick = Peer::call("quick");
  quick["task"] = Object{};
  Value id = *find(peer.ask(5, "tools/call", quick), "result.task.taskId");
  EXPECT_EQ(text_of(peer.ask(6, "tasks/result", about(id))), "at once");
  EXPECT_EQ(error_code(peer.ask(7, "tasks/update", about(id))), code::kMethodNotFound);
  EXPECT_EQ(error_code(peer.ask(8, "tasks/cancel", about(id))), code::kInvalidParams);
}

TEST_F(Tasks, AreUnknownBefore) {
  peer.initialize("2025-06-18");
  for (std::string_view method : {"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"}) {
    EXPECT_EQ(error_code(peer.ask(1, method, {{"taskId", "x"}})), code::kMethodNotFound) << method;
  }
  Object params = Peer::call("quick");
  params["task"] = Object{};
  EXPECT_EQ(text_of(peer.ask(2, "tools/call", params)), "at once") << "ignored";
}

TEST(TasksWithoutJobs, DoNotExist) {
  Peer peer;
  Tool tool = testing::simple_tool("t", testing::says("x"));
  tool.tasks = TaskSupport::optional;
  EXPECT_EQ(peer.server->add_tool(tool).error().code, "mcp.tool.tasks");
  peer.connect();
  EXPECT_EQ(error_code(peer.ask(1, "tasks/get", Peer::modern({{"taskId", "x"}}))), code::kMethodNotFound);
  EXPECT_EQ(find(peer.ask(2, "server/discover", Peer::modern()), "result.capabilities.extensions"), nullptr);
}

}  // namespace
}  // namespace mcp
