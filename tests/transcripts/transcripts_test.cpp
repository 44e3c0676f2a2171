#include <cctype>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "core/json.h"
#include "dialogue.h"
#include "mcp/child_process.h"

namespace transcripts {
namespace {

using core::json::Value;

constexpr int kPatience = 20'000;  // ms for one line, on a machine under load

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TRANSCRIPTS_DIR)) {
    if (entry.path().extension() == ".jsonl") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class FixtureServer {
 public:
  FixtureServer() {
    auto started = mcp::Child::start({.argv = {FIXTURE_SERVER, "--stdio"}});
    EXPECT_TRUE(started.has_value()) << core::describe(started.error());
    if (started) child_.emplace(*std::move(started));
  }

  void send(std::string line) {
    line += '\n';
    for (std::string_view rest = line; !rest.empty();) {
      pollfd ready{child_->in(), POLLOUT, 0};
      ASSERT_EQ(poll(&ready, 1, kPatience), 1) << "the server does not read";
      ssize_t count = write(child_->in(), rest.data(), rest.size());
      ASSERT_GT(count, 0);
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  std::optional<std::string> line() {
    for (;;) {
      if (auto newline = read_.find('\n'); newline != std::string::npos) {
        std::string found = read_.substr(0, newline);
        read_.erase(0, newline + 1);
        return found;
      }
      pollfd ready{child_->out(), POLLIN, 0};
      if (poll(&ready, 1, kPatience) != 1) return std::nullopt;
      char buffer[65536];
      ssize_t count = read(child_->out(), buffer, sizeof buffer);
      if (count <= 0) return std::nullopt;
      read_.append(buffer, static_cast<std::size_t>(count));
    }
  }

  void close_input() { child_->close_in(); }
  std::optional<int> wait() { return child_->wait(std::chrono::milliseconds{kPatience}); }

 private:
  std::optional<mcp::Child> child_;
  std::string read_;
};

// Takes as many lines as there are patterns and pairs them off.
std::string match_any_order(FixtureServer& server, std::vector<Value> patterns, Variables& variables) {
  while (!patterns.empty()) {
    auto line = server.line();
    if (!line) return fmt::format("the server says nothing; {} messages are still expected", patterns.size());
    auto got = core::json::parse(*line);
    auto fits = [&](const Value& pattern) { return got && mismatch(pattern, *got, variables).empty(); };
    auto found = std::ranges::find_if(patterns, fits);
    if (found == patterns.end()) return "nobody expects " + *line;
    patterns.erase(found);
  }
  return {};
}

// Empty, or what is wrong.
std::string play(FixtureServer& server, const Value& step, Variables& variables) {
  const auto& members = step.as_object();
  if (const Value* message = members.if_contains("send")) {
    server.send(core::json::write(filled(*message, variables)));
  } else if (const Value* text = members.if_contains("send_text")) {
    server.send(std::string(text->as_string()));
  } else if (const Value* pattern = members.if_contains("expect")) {
    auto line = server.line();
    if (!line) return "the server says nothing";
    auto got = core::json::parse(*line);
    if (!got) return "the server wrote no JSON: " + *line;
    auto problem = mismatch(*pattern, *got, variables);
    return problem.empty() ? problem : problem + "\n  of " + *line;
  } else if (const Value* patterns = members.if_contains("expect_any_order")) {
    const auto& list = patterns->as_array();
    return match_any_order(server, {list.begin(), list.end()}, variables);
  } else if (members.contains("close")) {
    server.close_input();
  } else if (!members.contains("note")) {
    return "the transcript has a line that means nothing";
  }
  return {};
}

class Transcript : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsWhatTheServerSays) {
  std::ifstream file(std::string(TRANSCRIPTS_DIR) + "/" + GetParam() + ".jsonl");
  ASSERT_TRUE(file.is_open());
  FixtureServer server;
  Variables variables;
  int number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    if (text.empty()) continue;
    auto step = core::json::parse(text);
    ASSERT_TRUE(step && step->is_object()) << GetParam() << ".jsonl:" << number << ": not a JSON object";
    std::string problem = play(server, *step, variables);
    ASSERT_TRUE(problem.empty()) << GetParam() << ".jsonl:" << number << ": " << problem;
  }
  server.close_input();
  EXPECT_EQ(server.line(), std::nullopt) << "the server says more than the transcript";
  EXPECT_EQ(server.wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(Stdio, Transcript, ::testing::ValuesIn(files()), [](const auto& row) {
  std::string name = row.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

TEST(Pattern, Matches) {
  struct Row {
    std::string_view pattern, got;
    bool fits;
  };
  for (const auto& row : {
           Row{R"({"a":1})", R"({"a":1})", true},
           Row{R"({"a":1})", R"({"a":"1"})", false},
           Row{R"({"a":1})", R"({"a":1,"b":2})", false},
           Row{R"({"a":1,"...":true})", R"({"a":1,"b":2})", true},
           Row{R"({"a":1,"b":2})", R"({"a":1})", false},
           Row{R"([1,2])", R"([1,2])", true},
           Row{R"([1])", R"([1,2])", false},
           Row{R"([1,"..."])", R"([1,2])", true},
           Row{R"([2,"..."])", R"([1,2])", false},
           Row{R"("<any>")", R"({"x":1})", true},
           Row{R"("<string>")", "7", false},
           Row{R"("<number>")", "7", true},
           Row{R"(["${x}","${x}"])", R"([5,5])", true},
           Row{R"(["${x}","${x}"])", R"([5,6])", false},
       }) {
    Variables variables;
    EXPECT_EQ(mismatch(*core::json::parse(row.pattern), *core::json::parse(row.got), variables).empty(),
              row.fits)
        << row.pattern << " " << row.got;
  }
}

}  // namespace
}  // namespace transcripts
