// Reads the project's own sources and holds them to the house rules. Each rule is also shown to catch a
// violation.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

#include "rules.h"

namespace architecture {
namespace {

namespace fs = std::filesystem;

std::vector<Source> read_sources(std::initializer_list<std::string_view> folders,
                                 std::initializer_list<std::string_view> extensions) {
  const fs::path root = PROJECT_SOURCE_DIR;
  std::vector<Source> sources;
  for (std::string_view folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (auto entry = fs::recursive_directory_iterator(root / folder); entry != fs::end(entry); ++entry) {
      std::string name = entry->path().filename();
      if (entry->is_directory() && (name == "node_modules" || name == ".cache"))
        entry.disable_recursion_pending();
      std::string extension = entry->path().extension();
      bool wanted = extensions.size() == 0 ||
                    std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
      if (!entry->is_regular_file() || !wanted) continue;
      std::ifstream in(entry->path(), std::ios::binary);
      sources.push_back({.path = fs::relative(entry->path(), root).generic_string(),
                         .text = {std::istreambuf_iterator<char>(in), {}}});
    }
  }
  return sources;
}

std::vector<Source> code() {
  return read_sources({"src", "apps"}, {".h", ".cpp"});
}

std::vector<Source> everything() {
  auto sources = read_sources(
      {"src", "apps", "tests", "bench", "fuzz", "docs", "scripts", "cmake", "tools", "packaging", ".ci"}, {});
  for (const auto& entry : fs::directory_iterator(PROJECT_SOURCE_DIR)) {
    // In a work tree made by `git worktree`, .git is a file that names the machine's path.
    if (!entry.is_regular_file() || entry.path().filename() == ".git") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    sources.push_back({.path = entry.path().filename(), .text = {std::istreambuf_iterator<char>(in), {}}});
  }
  return sources;
}

void expect_none(const std::vector<Source>& sources, Violations (*check)(const Source&)) {
  ASSERT_GT(sources.size(), 20u) << "the sources were not found under " PROJECT_SOURCE_DIR;
  Violations all;
  for (const auto& source : sources) {
    auto found = check(source);
    all.insert(all.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(all.empty()) << fmt::format("{}", fmt::join(all, "\n"));
}

TEST(Architecture, RoomsUseOnlyTheRoomsBelowThem) {
  expect_none(code(), check_arrows);
}
TEST(Architecture, HeavyLibrariesStayOutOfHeaders) {
  EXPECT_THAT(check_heavy_headers(code()), testing::IsEmpty());
}
TEST(Architecture, FilesStayShort) {
  expect_none(read_sources({"src", "apps", "tests", "bench", "fuzz"}, {".h", ".cpp", ".mjs"}), check_length);
}
TEST(Architecture, NoCoroutines) {
  expect_none(read_sources({"src", "apps", "bench", "fuzz"}, {".h", ".cpp"}), check_no_coroutines);
}
// Each file of bench/ and fuzz/ is a program of its own.
TEST(Architecture, OneDefinitionInARoom) {
  EXPECT_THAT(check_one_definition(read_sources({"src", "apps", "tests"}, {".h", ".cpp"})),
              testing::IsEmpty());
}
TEST(Architecture, NoUnfinishedWork) {
  expect_none(
      read_sources({"src", "apps", "tests", "bench", "fuzz", "scripts", "cmake", "tools", "packaging", ".ci"},
                   {".h", ".cpp", ".mjs", ".sh", ".py", ".cmake", ".txt", ""}),
      check_no_markers);
}
TEST(Architecture, NoMachinePaths) {
  expect_none(everything(), check_no_machine_paths);
}

TEST(Architecture, RoomsAreFlatButForTheToolTables) {
  std::vector<std::string> deep;
  for (const auto& source : code()) {
    if (!source.path.starts_with("src/") || source.path.starts_with("src/admin/tools/")) continue;
    if (std::count(source.path.begin(), source.path.end(), '/') != 2) deep.push_back(source.path);
  }
  EXPECT_TRUE(deep.empty()) << fmt::format("{}", fmt::join(deep, "\n"));
}

// The rules themselves: a violation of each is seen, and what only looks like one is not.
struct Case {
  std::string_view what;
  Violations (*check)(const Source&);
  Source source;
  std::size_t violations;
};

TEST(ArchitectureRules, EachRuleBites) {
  const std::string marker = std::string("// TO") + "DO later\n";
  const std::string path = std::string("see /wo") + "rk/x\n";
  const std::vector<Case> cases = {
      {"core uses nothing", check_arrows, {"src/core/a.cpp", "#include \"net/url.h\"\n"}, 1},
      {"own room", check_arrows, {"src/core/a.cpp", "#include \"core/b.h\"\n#include <string>\n"}, 0},
      {"mcp knows no Okta", check_arrows, {"src/mcp/a.h", "  # include  \"okta/org.h\"\n"}, 1},
      {"admin uses okta", check_arrows, {"src/admin/tools/a.cpp", "#include \"okta/org.h\"\n"}, 0},
      {"insight has no net", check_arrows, {"src/insight/a.cpp", "#include \"net/url.h\"\n"}, 1},
      {"angle brackets are no way round", check_arrows, {"src/core/a.cpp", "#include <okta/org.h>\n"}, 1},
      {"a bare name hides its room", check_arrows, {"src/core/a.cpp", "#include \"b.h\"\n"}, 1},
      {"an unknown room", check_arrows, {"src/attic/a.cpp", ""}, 1},
      {"a program uses rooms and itself",
       check_arrows,
       {"apps/p/main.cpp", "#include \"admin/x.h\"\n#include \"cmd.h\"\n"},
       0},
      {"a program uses no other program", check_arrows, {"apps/p/main.cpp", "#include \"../q/cmd.h\"\n"}, 1},
      {"600 lines", check_length, {"src/net/a.cpp", std::string(kMaxLines, '\n')}, 0},
      {"601 lines", check_length, {"src/net/a.cpp", std::string(kMaxLines + 1, '\n')}, 1},
      {"a coroutine", check_no_coroutines, {"src/net/a.cpp", "  co_await x;\n"}, 1},
      {"a word about coroutines", check_no_coroutines, {"src/net/a.cpp", "f();  // no co_await here\n"}, 0},
      {"a marker", check_no_markers, {"src/net/a.cpp", marker}, 1},
      {"a mkstemp template", check_no_markers, {"src/net/a.cpp", "char t[] = \"/x/aXXXXXX\";\n"}, 0},
      {"a machine path", check_no_machine_paths, {"docs/a.md", path}, 1},
      {"a part of a longer path",
       check_no_machine_paths,
       {"docs/a.md", "https://host/homework/ and a" + path.substr(4)},
       0},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(test.check(test.source).size(), test.violations) << test.what;
  }
}

TEST(ArchitectureRules, AHeavyHeaderStaysInItsRoomsSources) {
  const Source heavy{"src/net/wrap.h", "#include <curl/curl.h>\n"};
  auto violations = [&heavy](std::string path) {
    return check_heavy_headers({heavy, {std::move(path), "#include \"net/wrap.h\"\n"}}).size();
  };
  EXPECT_EQ(violations("src/net/a.cpp"), 0u);
  EXPECT_EQ(violations("src/net/a_impl.h"), 0u);
  EXPECT_EQ(violations("src/net/a.h"), 1u);
  EXPECT_EQ(violations("src/okta/a_impl.h"), 1u);
  EXPECT_EQ(violations("src/okta/a.cpp"), 1u);
  EXPECT_EQ(violations("apps/p/main.cpp"), 1u);
}

TEST(ArchitectureRules, AFolderMayHoldTwoPrograms) {
  const std::string text = "int main(int count, char** words) { return count; }\n";
  EXPECT_THAT(check_one_definition({{"tests/soak/a.cpp", text}, {"tests/soak/b.cpp", text}}),
              testing::IsEmpty());
}

TEST(ArchitectureRules, TwoDefinitionsOfOneNameAreSeen) {
  // In two files of a room, each inside of `namespace room {`.
  struct Pair {
    std::string_view what, here, there;
    bool seen;
  };
  const Pair pairs[] = {
      {"two types", "struct Case { int a; };", "class Case final : Base<int> { };", true},
      {"two enums", "enum class State : int { on };", "enum State { off };", true},
      {"a type and another", "struct Case { int a; };", "struct Other { int a; };", false},
      {"a type that is only named", "struct Case;", "struct Case { int a; };", false},
      {"an unnamed namespace", "struct Case { int a; };", "namespace { struct Case { }; }", false},
      {"another namespace", "struct Case { int a; };", "namespace test { struct Case { }; }", false},
      {"two templates", "template <class T> struct Box { };", "template <class U> struct Box { };", true},
      {"a specialisation", "template <> struct Box<int> { };", "template <> struct Box<char> { };", false},
      {"inside of types", "struct A { struct Case { }; };", "struct B { struct Case { }; };", false},
      {"two inline constants", "inline constexpr int kMost = 1;", "inline constexpr int kMost = 2;", true},
      {"two inline tables", "inline constexpr Row kRows[] = {{1}};", "inline const Map kRows{{1, 2}};", true},
      {"two constants of their files", "constexpr int kMost = 1;", "constexpr int kMost{2};", false},
      {"two functions", "int f(int a, Row row = {}) { return a; }", "int f(int b, Row) { return b; }", true},
      {"two constexpr functions", "constexpr bool is(char c) { return c; }",
       "constexpr bool is(char d) { return d; }", true},
      {"overloads", "int f(int a) { return a; }", "int f(const Row& a) { return 0; }", false},
      {"operators", "bool operator==(const A& a, const A& b) { return x; }",
       "bool operator==(const A& left, const A& right) { return y; }", true},
      {"a declaration", "int f(int a);", "int f(int a) { return a; }", false},
      {"an inline declaration", "inline int f(int a);", "inline int f(int a);", false},
      {"a function of one file", "static int f(int a) { return a; }", "int f(int a) { return a; }", false},
      {"members", "int A::f(int a) { return a; }", "int B::f(int a) { return a; }", false},
      {"constructors", "A::A(int a) : a_{a}, b_{} { go(); }", "B::B(int a) : a_{a} { go(); }", false},
      {"two tests", "TEST(Suite, Name) { f(); }", "TEST_F(Suite, Name) { g(); }", true},
      {"tests of one suite", "TEST(Suite, Name) { f(); }", "TEST(Suite, Other) { f(); }", false},
      {"a text that looks like one", "auto a = R\"(struct Case { };)\";", "struct Case { };", false},
      {"a remark that looks like one", "// struct Case { };\n/* struct Case { }; */", "struct Case { };",
       false},
      {"behind all of it", "int g() { if (a) { b('}'); } return 1'000; }\nstruct Case { };",
       "#define X {\nstruct Case { };", true},
  };
  const auto wrapped = [](std::string_view text) {
    return fmt::format("#include <a>\nnamespace room {{\n{}\n}}  // namespace room\n", text);
  };
  for (const Pair& pair : pairs) {
    const Source here{"src/room/a.h", wrapped(pair.here)};
    EXPECT_EQ(check_one_definition({here, {"src/room/b_test.cpp", wrapped(pair.there)}}).size(),
              pair.seen ? 1u : 0u)
        << pair.what;
    EXPECT_THAT(check_one_definition({here, {"src/other/b.cpp", wrapped(pair.there)}}), testing::IsEmpty())
        << pair.what;
  }
}

}  // namespace
}  // namespace architecture
