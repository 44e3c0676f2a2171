#include "catalogue/scim_filter.h"

#include <gtest/gtest.h>
#include <ostream>

#include "core/json.h"
#include "core/random.h"

namespace catalogue {
namespace {

boost::json::value json(std::string_view text) {
  return core::json::parse(text).value();
}

// ---- Grammar ----

TEST(ScimFilterTest, PrintsWhatItRead) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {R"(status eq "ACTIVE")", R"(status eq "ACTIVE")"},
      {R"(  status   EQ	"ACTIVE"  )", R"(status eq "ACTIVE")"},
      {R"(profile.nickName pr)", R"(profile.nickName pr)"},
      {R"(a eq true and b eq false)", R"(a eq true and b eq false)"},
      {R"(a eq null or b eq 1.5)", R"(a eq null or b eq 1.5)"},
      {R"(a eq -3)", R"(a eq -3)"},
      {R"(a eq 1 or b eq 2 and c eq 3)", R"(a eq 1 or (b eq 2 and c eq 3))"},
      {R"((a eq 1 or b eq 2) and c eq 3)", R"((a eq 1 or b eq 2) and c eq 3)"},
      {R"(a eq 1 AND b eq 2 And c eq 3)", R"(a eq 1 and b eq 2 and c eq 3)"},
      {R"(not (a pr))", R"(not (a pr))"},
      {R"(NOT(a pr) and b pr)", R"(not (a pr) and b pr)"},
      {R"(((a pr)))", R"(a pr)"},
      {R"(a eq "x\"y\\z\u00e9")", R"(a eq "x\"y\\zé")"},
      {R"x(a co "and or not ( )")x", R"x(a co "and or not ( )")x"},
      {R"(urn:okta:core.name sw "x")", R"(urn:okta:core.name sw "x")"},
      // Words that begin like keywords are properties.
      {R"(order eq 1 and android eq 2 or notes eq 3)", R"((order eq 1 and android eq 2) or notes eq 3)"}};
  for (const auto& [text, expected] : rows) {
    const auto filter = parse_filter(text);
    ASSERT_TRUE(filter) << text << ": " << filter.error().message;
    EXPECT_EQ(to_text(*filter), expected);
    // And what was printed reads the same.
    EXPECT_EQ(to_text(*parse_filter(to_text(*filter))), expected);
  }
}

TEST(ScimFilterTest, NamesTheCharacterThatIsWrong) {
  const std::vector<std::pair<std::string, int>> rows{{"", 1},
                                                      {"status", 7},
                                                      {"status is \"A\"", 8},
                                                      {"status eq", 10},
                                                      {"status eq ACTIVE", 11},
                                                      {"status eq 'ACTIVE'", 11},
                                                      {"status eq \"ACTIVE", 11},
                                                      {"status eq \"\\x\"", 11},
                                                      {"status eq \"\\ud800\"", 11},
                                                      {"status eq\"ACTIVE\"", 10},
                                                      {"status eq \"A\" status eq \"B\"", 15},
                                                      {"status eq \"A\" and", 18},
                                                      {"(status eq \"A\"", 15},
                                                      {"status eq \"A\")", 14},
                                                      {"()", 2},
                                                      {"not status pr", 5},
                                                      {"emails[type eq \"work\"]", 7},
                                                      {"a. eq 1", 3},
                                                      {"a..b eq 1", 5},
                                                      {"1 eq 1", 1},
                                                      {"a eq 1e999", 6},
                                                      {"a eq 1.2.3", 6},
                                                      {"a eq True", 6}};
  for (const auto& [text, character] : rows) {
    const auto filter = parse_filter(text);
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().code, "catalogue.filter.syntax") << text;
    EXPECT_TRUE(filter.error().message.ends_with("at character " + std::to_string(character)))
        << text << ": " << filter.error().message;
  }
}

TEST(ScimFilterTest, LimitsSizeDepthAndComparisons) {
  EXPECT_EQ(parse_filter("a eq \"" + std::string(9000, 'x') + "\"").error().code,
            "catalogue.filter.too_large");
  EXPECT_EQ(parse_filter(std::string(33, '(') + "a pr" + std::string(33, ')')).error().code,
            "catalogue.filter.too_large");
  EXPECT_TRUE(parse_filter(std::string(32, '(') + "a pr" + std::string(32, ')')));
  EXPECT_EQ(parse_filter(std::string(8000, '(')).error().code, "catalogue.filter.too_large");
  std::string many = "a pr";
  for (int i = 0; i < 256; ++i) many += " or a pr";
  EXPECT_EQ(parse_filter(many).error().code, "catalogue.filter.too_large");
  // Not nested: siblings do not add up.
  std::string flat = "(a pr)";
  for (int i = 0; i < 100; ++i) flat += " and (a pr)";
  EXPECT_TRUE(parse_filter(flat));
}

// Anything is either read, and then prints to something that reads the same, or refused.
TEST(ScimFilterTest, SurvivesAnything) {
  core::SeededRandom random(20'261'122);
  const std::vector<std::string> pieces{"status", "eq", "\"A\"", " ",   "(",  ")",   "and", "or",
                                        "not",    "pr", "co",    "\"",  "\\", "1",   ".",   "[",
                                        "\t",     "gt", "null",  "tru", "é",  "\x01"};
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const auto length = random.number() % 14;
    for (std::uint64_t i = 0; i < length; ++i) {
      text += pieces[random.number() % pieces.size()];
      if (random.number() % 2 == 0) text += ' ';
    }
    const auto filter = parse_filter(text);
    if (!filter) continue;
    ++read;
    const auto again = parse_filter(to_text(*filter));
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(to_text(*again), to_text(*filter)) << text;
  }
  EXPECT_GT(read, 10);
}

FilterNode random_tree(core::SeededRandom& random, int depth) {
  FilterNode node;
  const auto pick = random.number() % (depth > 0 ? 4 : 1);
  if (pick == 0) {
    node.path = random.number() % 2 == 0 ? "profile.login" : "status";
    node.op = static_cast<Operator>(random.number() % 10);
    switch (random.number() % 4) {
      case 0:
        node.value = std::string("a \"b\" \\ \n é 日 ) and") + std::to_string(random.number());
        break;
      case 1:
        node.value = random.number() % 2 == 0;
        break;
      case 2:
        node.value = static_cast<double>(static_cast<std::int32_t>(random.number())) / 64;
        break;
      default:
        break;
    }
    return node;
  }
  node.kind = pick == 1   ? FilterNode::Kind::negation
              : pick == 2 ? FilterNode::Kind::all_of
                          : FilterNode::Kind::any_of;
  const std::uint64_t children = node.kind == FilterNode::Kind::negation ? 1 : 2 + random.number() % 3;
  for (std::uint64_t i = 0; i < children; ++i) node.children.push_back(random_tree(random, depth - 1));
  return node;
}

TEST(ScimFilterTest, EveryTreeReadsBackAsItself) {
  core::SeededRandom random(4711);
  for (int round = 0; round < 2000; ++round) {
    const FilterNode tree = random_tree(random, 4);
    const std::string text = to_text(tree);
    const auto read = parse_filter(text, {.max_bytes = 1 << 20, .max_depth = 64, .max_comparisons = 4096});
    ASSERT_TRUE(read) << text << ": " << read.error().message;
    EXPECT_EQ(to_text(*read), text);
  }
}

// ---- What each list allows: an independent copy of Okta's parameter descriptions ----

struct Allowed {
  const FilterCapabilities* list;
  std::string expression;
  std::string code;  // empty: allowed

  friend void PrintTo(const Allowed& a, std::ostream* out) { *out << a.expression; }
};

class CapabilityTest : public ::testing::TestWithParam<Allowed> {};

TEST_P(CapabilityTest, AsOktaLimitsIt) {
  const auto bound = compile_filter(GetParam().expression, *GetParam().list);
  EXPECT_EQ(bound ? "" : bound.error().code, GetParam().code)
      << GetParam().list->name << ": " << GetParam().expression;
}

constexpr const char* kProperty = "catalogue.filter.property";
constexpr const char* kOperator = "catalogue.filter.operator";
constexpr const char* kValue = "catalogue.filter.value";
constexpr const char* kDate = "catalogue.filter.date";

INSTANTIATE_TEST_SUITE_P(
    UsersSearch, CapabilityTest,
    ::testing::Values(
        // "any user profile attribute, including custom-defined attributes"; id, status, created, activated,
        // statusChanged, lastUpdated; type.id
        Allowed{&users_search(), R"(profile.department eq "x")", ""},
        Allowed{&users_search(), R"(profile.anythingCustom sw "x")", ""},
        Allowed{&users_search(), R"(profile.level ge 3)", ""},
        Allowed{&users_search(), R"(profile.flag eq true)", ""},
        Allowed{&users_search(), R"(id eq "00u1")", ""},
        Allowed{&users_search(), R"(status eq "STAGED")", ""},
        Allowed{&users_search(), R"((status lt "STAGED" or status gt "STAGED"))", ""},
        Allowed{&users_search(), R"(type.id eq "oty1")", ""},
        Allowed{&users_search(), R"(created lt "2014-01-01T00:00:00.000Z")", ""},
        Allowed{&users_search(), R"(activated ge "2014-01-01T00:00:00.000Z")", ""},
        Allowed{&users_search(), R"(statusChanged pr)", ""},
        Allowed{&users_search(), R"(lastUpdated gt "2014-01-01T00:00:00.000Z")", ""},
        // not indexed
        Allowed{&users_search(), R"(lastLogin gt "2014-01-01T00:00:00.000Z")", kProperty},
        Allowed{&users_search(), R"(passwordChanged gt "2014-01-01T00:00:00.000Z")", kProperty},
        Allowed{&users_search(), R"(credentials.provider.type eq "OKTA")", kProperty},
        Allowed{&users_search(), R"(firstName eq "x")", kProperty},
        Allowed{&users_search(), R"(profile eq "x")", kProperty},
        // property names are case sensitive
        Allowed{&users_search(), R"(Status eq "STAGED")", kProperty},
        // ne, ew, not; co on four attributes only
        Allowed{&users_search(), R"(status ne "STAGED")", kOperator},
        Allowed{&users_search(), R"(profile.login ew "x")", kOperator},
        Allowed{&users_search(), R"(not (status eq "STAGED"))", kOperator},
        Allowed{&users_search(), R"(profile.firstName co "x")", ""},
        Allowed{&users_search(), R"(profile.lastName co "x")", ""},
        Allowed{&users_search(), R"(profile.email co "x")", ""},
        Allowed{&users_search(), R"(profile.login co "x")", ""},
        Allowed{&users_search(), R"(profile.department co "x")", kOperator},
        Allowed{&users_search(), R"(status co "x")", kOperator},
        // values
        Allowed{&users_search(), R"(created lt "yesterday")", kDate},
        Allowed{&users_search(), R"(created lt 5)", kValue},
        Allowed{&users_search(), R"(status eq 5)", kValue},
        Allowed{&users_search(), R"(profile.x sw 5)", kValue},
        Allowed{&users_search(), R"(profile.x gt true)", kValue}));

INSTANTIATE_TEST_SUITE_P(
    UsersFilter, CapabilityTest,
    ::testing::Values(
        Allowed{&users_filter(), R"(status eq "LOCKED_OUT")", ""},
        Allowed{&users_filter(), R"(id eq "x")", ""}, Allowed{&users_filter(), R"(profile.login eq "x")", ""},
        Allowed{&users_filter(), R"(profile.email eq "x")", ""},
        Allowed{&users_filter(), R"(profile.firstName eq "x")", ""},
        Allowed{&users_filter(), R"(profile.lastName eq "x")", ""},
        Allowed{&users_filter(),
                R"(lastUpdated gt "2013-06-01T00:00:00.000Z" and lastUpdated le "2014-01-01T00:00:00.000Z")",
                ""},
        Allowed{&users_filter(),
                R"(lastUpdated lt "2013-06-01T00:00:00.000Z" or (status eq "A" and id eq "b"))", ""},
        Allowed{&users_filter(), R"(profile.department eq "x")", kProperty},
        Allowed{&users_filter(), R"(created gt "2013-06-01T00:00:00.000Z")", kProperty},
        Allowed{&users_filter(), R"(status sw "A")", kOperator},
        Allowed{&users_filter(), R"(status gt "A")", kOperator},
        Allowed{&users_filter(), R"(status pr)", kOperator},
        Allowed{&users_filter(), R"(status ne "A")", kOperator},
        Allowed{&users_filter(), R"(profile.login co "x")", kOperator},
        Allowed{&users_filter(), R"(not (status eq "A"))", kOperator},
        Allowed{&users_filter(), R"(lastUpdated gt "x")", kDate}));

INSTANTIATE_TEST_SUITE_P(
    Groups, CapabilityTest,
    ::testing::Values(Allowed{&groups_search(), R"(type eq "OKTA_GROUP")", ""},
                      Allowed{&groups_search(), R"(profile.name sw "x")", ""},
                      Allowed{&groups_search(), R"(profile.name co "x")", ""},
                      Allowed{&groups_search(), R"(profile.description co "x")", ""},
                      Allowed{&groups_search(), R"(profile.samAccountName eq "x")", ""},
                      Allowed{&groups_search(), R"(profile.samAccountName co "x")", kOperator},
                      Allowed{&groups_search(), R"(lastMembershipUpdated gt "2013-06-01T00:00:00.000Z")", ""},
                      Allowed{&groups_search(), R"(source.id eq "0oa1")", ""},
                      Allowed{&groups_search(), R"(objectClass eq "x")", kProperty},
                      Allowed{&groups_search(), R"(name eq "x")", kProperty},
                      Allowed{&groups_search(), R"(type ne "OKTA_GROUP")", kOperator},
                      Allowed{&groups_filter(), R"(type eq "OKTA_GROUP")", ""},
                      Allowed{&groups_filter(), R"(id eq "x")", ""},
                      Allowed{&groups_filter(), R"(lastUpdated gt "2013-06-01T00:00:00.000Z")", ""},
                      Allowed{&groups_filter(), R"(lastMembershipUpdated lt "2013-06-01T00:00:00.000Z")", ""},
                      Allowed{&groups_filter(), R"(profile.name eq "x")", kProperty},
                      Allowed{&groups_filter(), R"(created gt "2013-06-01T00:00:00.000Z")", kProperty},
                      Allowed{&groups_filter(), R"(type sw "OKTA")", kOperator}));

INSTANTIATE_TEST_SUITE_P(
    AppsAndLogs, CapabilityTest,
    ::testing::Values(Allowed{&apps_filter(), R"(status eq "ACTIVE")", ""},
                      Allowed{&apps_filter(), R"(id eq "x")", ""},
                      Allowed{&apps_filter(), R"(name eq "bookmark")", ""},
                      Allowed{&apps_filter(), R"(credentials.signing.kid eq "x")", ""},
                      Allowed{&apps_filter(), R"(settings.slo.enabled eq true)", ""},
                      Allowed{&apps_filter(), R"(settings.slo.enabled eq "true")", kValue},
                      Allowed{&apps_filter(), R"(user.id eq "00u1")", ""},
                      Allowed{&apps_filter(), R"(label eq "x")", kProperty},
                      Allowed{&apps_filter(), R"(status ne "ACTIVE")", kOperator},
                      Allowed{&apps_filter(), R"(name sw "x")", kOperator},
                      // "All operators except [ ] are supported"
                      Allowed{&logs_filter(), R"(eventType eq "user.session.start")", ""},
                      Allowed{&logs_filter(), R"(eventType ne "x" and eventType ew "y" and eventType sw "z")",
                              ""},
                      Allowed{&logs_filter(), R"(not (actor.id eq "x") or target.displayName co "y")", ""},
                      Allowed{&logs_filter(), R"(outcome.result eq "FAILURE")", ""},
                      Allowed{&logs_filter(), R"(debugContext.debugData.url co "y")", ""},
                      Allowed{&logs_filter(), R"(client.geographicalContext.geolocation.lat gt 50.5)", ""},
                      Allowed{&logs_filter(), R"(published ge "2013-06-01T00:00:00.000Z")", ""},
                      Allowed{&logs_filter(), R"(nonsense eq "x")", kProperty}));

// ---- Evaluation ----

const auto& subject() {
  static const auto document = json(R"({
    "id": "00u1", "status": "ACTIVE", "created": "2024-05-01T10:00:00.000Z", "activated": null,
    "profile": {"firstName": "Isaac", "lastName": "Ångström", "login": "Isaac.Brock@Example.com", "level": 7,
                "flag": true, "empty": "", "none": null, "tags": ["red", "Green"], "nothing": [],
                "email": "isaac.brock@example.com"},
    "target": [{"id": "a", "type": "User"}, {"id": "b", "type": "AppInstance"}]})");
  return document;
}

TEST(ScimFilterTest, MatchesAsItShould) {
  const std::vector<std::pair<std::string, bool>> search{
      {R"(status eq "active")", true},
      {R"(status eq "STAGED")", false},
      {R"(profile.login eq "ISAAC.BROCK@EXAMPLE.COM")", true},
      {R"(profile.lastName eq "ångström")", true},
      {R"(profile.lastName eq "angstrom")", false},  // diacritical marks are significant
      {R"(profile.firstName sw "isa")", true},
      {R"(profile.firstName sw "saa")", false},
      {R"(profile.firstName co "SAA")", true},
      {R"(profile.firstName gt "Isaab" and profile.firstName lt "isaad")", true},
      {R"(profile.level eq 7)", true},
      {R"(profile.level gt 7)", false},
      {R"(profile.level ge 7.0)", true},
      {R"(profile.level eq "7")", false},
      {R"(profile.flag eq true)", true},
      {R"(profile.flag eq false)", false},
      {R"(profile.tags eq "RED")", true},  // any element
      {R"(profile.tags eq "red" and profile.tags eq "green")", true},
      {R"(profile.tags eq "blue")", false},
      {R"(profile.tags pr)", true},
      {R"(profile.nothing pr)", false},
      {R"(profile.empty pr)", false},
      {R"(profile.none pr)", false},
      {R"(profile.missing pr)", false},
      {R"(profile.none eq null)", true},
      {R"(profile.level eq null)", false},
      {R"(activated pr)", false},
      {R"(created eq "2024-05-01T12:00:00+02:00")", true},
      {R"(created gt "2024-05-01T09:59:59.999Z")", true},
      {R"(created le "2024-05-01")", false},
      {R"(status lt "STAGED" or status gt "STAGED")", true},
      {R"(id eq "x" or status eq "ACTIVE" and profile.level eq 8)", false},
      {R"((id eq "x" or status eq "ACTIVE") and profile.level eq 7)", true}};
  for (const auto& [text, expected] : search) {
    const auto filter = compile_filter(text, users_search());
    ASSERT_TRUE(filter) << text << ": " << filter.error().message;
    EXPECT_EQ(filter->matches(JsonSubject(subject())), expected) << text;
  }
  const std::vector<std::pair<std::string, bool>> logs{{R"(target.id eq "b")", true},
                                                       {R"(target.id eq "c")", false},
                                                       {R"(target.id ne "c")", true},
                                                       {R"(target.id ne "b")", false},
                                                       {R"(not (target.id eq "b"))", false},
                                                       {R"(target.type ew "instance")", true},
                                                       {R"(actor.id ne "x")", true},  // absent is not equal
                                                       {R"(actor.id pr)", false},
                                                       {R"(not (actor.id pr) and target.id sw "a")", true}};
  for (const auto& [text, expected] : logs) {
    const auto filter = compile_filter(text, logs_filter());
    ASSERT_TRUE(filter) << text << ": " << filter.error().message;
    EXPECT_EQ(filter->matches(JsonSubject(subject())), expected) << text;
  }
  // `filter` on users regards case.
  EXPECT_FALSE(compile_filter(R"(status eq "active")", users_filter())->matches(JsonSubject(subject())));
  EXPECT_TRUE(compile_filter(R"(status eq "ACTIVE")", users_filter())->matches(JsonSubject(subject())));
}

TEST(ScimFilterTest, FoldsCaseButKeepsMarks) {
  EXPECT_EQ(fold_case("AZaz09-É"), "azaz09-é");
  EXPECT_EQ(fold_case("ÀÞ×ÿ"), "àþ×ÿ");
  EXPECT_EQ(fold_case("ĀŽŁŃŐ"), "āžłńő");
  EXPECT_EQ(fold_case("ΑΩ АЯЁ"), "αω аяё");
  EXPECT_EQ(fold_case("日本"), "日本");
  EXPECT_EQ(fold_case("\xC3"), "\xC3");  // a broken end stays as it is
}

}  // namespace
}  // namespace catalogue
