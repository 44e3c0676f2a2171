// Reads recorded bodies and prints what our encoder makes of them, with our estimate of its tokens.
//
// In:  one JSON string a line: the body as Okta sent it, or any other text.
// Out: {"form", "text", "estimate"} a line, several for each body. The forms: the text as it is; where it is
//      JSON, a list or an object as a tool answers it (default columns, chosen fields, whole objects, JSON
//      lines).
#include <cstdio>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "admin/answer.h"
#include "core/tokens.h"

namespace {

namespace json = core::json;

constexpr std::size_t kNoBudget = 1'000'000;

void print(std::string_view form, const std::string& text) {
  json::Object line{{"form", form}, {"text", text}, {"estimate", core::estimate_tokens(text)}};
  std::cout << json::write(line) << '\n';
}

// Dotted paths of what is neither an object nor a list, in order of appearance, without links.
void collect_paths(const json::Value& value, const std::string& path, std::vector<std::string>& paths) {
  if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      if (std::string_view(member.key()).starts_with('_')) continue;
      collect_paths(member.value(),
                    path.empty() ? std::string(member.key()) : path + "." + std::string(member.key()), paths);
    }
  } else if (!path.empty() && paths.size() < 12) {
    paths.push_back(path);
  }
}

constexpr std::string_view kNouns[][2] = {
    {"user", "users"},      {"group", "groups"}, {"application", "applications"},
    {"policy", "policies"}, {"rule", "rules"},   {"event", "events"}};

void print_answers(const json::Value& body, std::size_t number) {
  const json::Array items = body.is_array() ? body.get_array() : json::Array{body};
  std::vector<std::string> paths;
  if (!items.empty()) collect_paths(items.front(), "", paths);
  std::vector<admin::Column> columns;
  for (const auto& path : paths) columns.push_back({.name = path, .path = path});
  const auto& noun = kNouns[number % std::size(kNouns)];
  const admin::ListShape shape{.noun = noun[0], .nouns = noun[1], .columns = columns};
  admin::ListInfo more;
  more.next = admin::Cursor{.after = "100u65xtp32NovHoPx1d7", .skip = number % 3 == 0 ? number : 0};
  if (number % 4 == 0) {
    const core::WallTime until = core::parse_rfc3339("2026-11-21T08:15:30.000Z").value();
    more.window = admin::TimeWindow{until - std::chrono::days{30}, until};
  }

  print("default columns", admin::list_answer(shape, items, {.budget_tokens = kNoBudget}, more));
  print("JSON lines",
        admin::list_answer(shape, items, {.format = admin::Format::json, .budget_tokens = kNoBudget}));
  print("whole objects", admin::list_answer(shape, items, {.fields = {"*"}, .budget_tokens = kNoBudget}));
  print("over the budget", admin::list_answer(shape, items, {.budget_tokens = admin::kSmallestBudgetTokens}));
  if (paths.size() > 3) {
    std::vector<std::string> fields{paths[0], paths[2], paths[3]};
    print("chosen fields",
          admin::list_answer(shape, items, {.fields = fields, .budget_tokens = kNoBudget}, more));
  }
  if (body.is_object()) print("one object", admin::item_answer(noun[0], body, {.budget_tokens = kNoBudget}));
}

}  // namespace

int main() {
  std::string line;
  std::size_t number = 0;
  while (std::getline(std::cin, line)) {
    auto text = json::parse(line);
    if (!text || !text->is_string()) {
      std::fputs("answers_of_json: a line is not a JSON string\n", stderr);
      return 1;
    }
    const std::string body(text->get_string());
    print("as it is", body);
    if (auto value = json::parse(body)) print_answers(*value, ++number);
  }
  return 0;
}
