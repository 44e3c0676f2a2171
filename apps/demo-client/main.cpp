// The MCP client of ./demo: asks what people ask first, shows each call, its answer and its time, and writes
// what it changed to a file, so that ./demo can look it up in the org by other means.
//
//   okta-demo-client key|device SERVER RESULTS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "core/json.h"
#include "mcp/stdio_client.h"

namespace {

namespace json = core::json;

constexpr std::size_t kShownLines = 12;

constexpr std::string_view kReportTemplate =
    "# Access audit\n\nFrom {{since}} to {{until}}: {{total}} changes.\n\n## Group "
    "memberships\n{{membership_changes}}\n\n"
    "## Users\n{{user_changes}}\n\n## Who made them\n{{by_actor}}\n";

// What the person at the client answers to the next question.
struct Person {
  bool says_yes = false;
  std::string was_asked;
};

class Story {
 public:
  Story(mcp::StdioClient& client, Person& person) : client_(client), person_(person) {}

  // One step: the request in a person's words, the tool call an agent makes of it, the answer, the time it
  // took.
  std::string step(std::string_view title, std::string_view request, std::string_view tool,
                   json::Object arguments) {
    std::printf("\n\033[1m%.*s\033[0m\n", static_cast<int>(title.size()), title.data());
    std::printf("  asked  \"%.*s\"\n", static_cast<int>(request.size()), request.data());
    std::printf("  call   %.*s %s\n", static_cast<int>(tool.size()), tool.data(),
                json::write(arguments).c_str());
    person_.was_asked.clear();
    auto begin = std::chrono::steady_clock::now();
    auto result = client_.call_tool(tool, std::move(arguments), {.timeout = std::chrono::minutes(2)});
    double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    if (!result) {
      std::printf("  FAILED %s\n", core::describe(result.error()).c_str());
      failed_ = true;
      return {};
    }
    if (!person_.was_asked.empty()) {
      std::printf("  person is asked:\n");
      print_indented(person_.was_asked, "    | ");
      std::printf("  person says %s\n", person_.says_yes ? "yes" : "no");
    }
    std::string text = mcp::result_text(*result);
    std::printf("  answer in %.1f ms\n", ms);
    print_indented(text, "    ");
    last_was_error_ =
        result->contains("isError") && result->at("isError").is_bool() && result->at("isError").get_bool();
    return text;
  }

  void expect(bool condition, std::string_view what) {
    std::printf("  %s %.*s\n", condition ? "ok    " : "WRONG ", static_cast<int>(what.size()), what.data());
    if (!condition) failed_ = true;
  }

  bool last_was_error() const { return last_was_error_; }
  bool failed() const { return failed_; }

 private:
  static void print_indented(std::string_view text, std::string_view indent) {
    std::size_t shown = 0, hidden = 0;
    while (!text.empty()) {
      auto line = text.substr(0, text.find('\n'));
      if (shown < kShownLines) {
        std::printf("%.*s%.*s\n", static_cast<int>(indent.size()), indent.data(),
                    static_cast<int>(std::min<std::size_t>(line.size(), 160)), line.data());
        ++shown;
      } else {
        ++hidden;
      }
      text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    if (hidden > 0) {
      std::printf("%.*s... and %zu more lines\n", static_cast<int>(indent.size()), indent.data(), hidden);
    }
  }

  mcp::StdioClient& client_;
  Person& person_;
  bool last_was_error_ = false;
  bool failed_ = false;
};

// The member of {"login":...,"id":...} text that an answer shows; ids are what ./demo looks up afterwards.
std::string id_in(std::string_view text, std::string_view prefix) {
  for (auto at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
    std::string_view candidate = text.substr(at, 20);
    bool whole =
        candidate.size() == 20 &&
        candidate.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
            std::string_view::npos;
    if (whole && (at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1]))))
      return std::string(candidate);
  }
  return {};
}

core::Result<std::unique_ptr<mcp::StdioClient>> start(const char* server, Person& person) {
  return mcp::StdioClient::start(
      {.argv = {server},
       .client = {.name = "okta-demo-client", .on_elicitation = [&person](const json::Object& params) {
                    person.was_asked = json::string_or_empty(params, "message");
                    mcp::InputResponse response{.action = person.says_yes ? mcp::Answer::accept
                                                                          : mcp::Answer::decline};
                    if (person.says_yes) response.content["confirm"] = true;
                    return response;
                  }}});
}

int tell_key_story(mcp::StdioClient& client, Person& person, const char* results_file) {
  Story story(client, person);
  json::Object results;

  story.step("1. Listing Users", "List ten people of the Engineering department.", "list_users",
             {{"search", "profile.department eq \"Engineering\""}, {"limit", 10}});

  std::string login = "ada.lovelace@example.com";
  std::string created =
      story.step("2. Creating Users", "Create a user for our new employee Ada Lovelace.", "create_user",
                 {{"profile", json::Object{{"firstName", "Ada"},
                                           {"lastName", "Lovelace"},
                                           {"email", login},
                                           {"login", login},
                                           {"department", "Engineering"},
                                           {"title", "Analyst"}}}});
  results["created_user"] = id_in(created, "00u");
  story.expect(!id_in(created, "00u").empty(), "the answer carries the new user's id");

  story.step("3. Group Assignment", "Add this new employee to the engineering group.", "add_user_to_group",
             {{"group_id", "Engineering"}, {"user_id", login}});

  story.step(
      "4. Creating an Audit Report",
      "Generate a security audit report for the last 30 days and highlight all changes to user and group "
      "memberships according to my report template.",
      "run_report", {{"name", "membership_changes"}, {"days", 30}, {"template", kReportTemplate}});

  std::string inactive =
      story.step("5. Inactive users", "Generate a report of inactive users in the last 90 days.",
                 "run_report", {{"name", "inactive_users"}, {"days", 90}});
  results["inactive_report"] = inactive;

  std::string attempts =
      story.step("6. Who tried to log in",
                 "Deactivate all users who tried to log in within the last 30 minutes.", "get_logs",
                 {{"since", "30m"},
                  {"filter", "eventType eq \"user.session.start\""},
                  {"limit", 20},
                  {"fields", json::Array{"published", "actor.id", "actor.alternateId", "outcome.result"}}});
  std::string target = id_in(attempts, "00u");
  if (target.empty()) target = id_in(created, "00u");
  results["deactivated_user"] = target;

  person.says_yes = false;
  story.step("7. A change refused", "(the agent goes on with the first of them)", "deactivate_user",
             {{"user_id", target}});
  story.expect(!person.was_asked.empty(), "a person was asked before anything changed");
  std::string unchanged = story.step("", "Is that user still active?", "get_user",
                                     {{"user_id", target}, {"fields", json::Array{"id", "status"}}});
  story.expect(unchanged.find("DEPROVISIONED") == std::string::npos, "refused: nothing changed");

  person.says_yes = true;
  story.step("8. The same change allowed", "Yes, deactivate that one.", "deactivate_user",
             {{"user_id", target}});
  story.expect(!story.last_was_error(), "allowed: done");

  std::ofstream(results_file) << json::write(results) << "\n";
  return story.failed() ? 1 : 0;
}

// The person confirms elsewhere (./demo does it with curl); the agent just asks again.
int tell_device_story(mcp::StdioClient& client, Person& person, const char* results_file) {
  Story story(client, person);
  std::string first = story.step("9. Signing in with a code", "How many people are active?", "list_users",
                                 {{"search", "status eq \"ACTIVE\""}, {"count_only", true}});
  story.expect(story.last_was_error() && first.find("http") != std::string::npos,
               "not signed in yet: the answer carries the link and the code");
  json::Object results{{"sign_in", first}};
  std::ofstream(results_file) << json::write(results) << "\n";
  std::printf("  the person opens the link and confirms ...\n");
  std::fflush(stdout);
  for (int tries = 0; tries < 120; ++tries) {
    auto status = client.call_tool("get_scope_status");
    if (status && mcp::result_text(*status).find("\"granted_scopes\":[") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  story.step("", "How many people are active?", "list_users",
             {{"search", "status eq \"ACTIVE\""}, {"count_only", true}});
  story.expect(!story.last_was_error(), "signed in: the same call works");
  return story.failed() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: okta-demo-client key|device SERVER RESULTS\n", stderr);
    return 2;
  }
  Person person;
  auto client = start(argv[2], person);
  if (!client) {
    std::fprintf(stderr, "okta-demo-client: %s\n", core::describe(client.error()).c_str());
    return 1;
  }
  bool device = std::string_view(argv[1]) == "device";
  int status =
      device ? tell_device_story(**client, person, argv[3]) : tell_key_story(**client, person, argv[3]);
  (*client)->close();
  return status;
}
