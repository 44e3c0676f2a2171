#include "insight/membership_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "insight/paged_org.h"

namespace insight {
namespace {

namespace json = core::json;
using testing::HasSubstr;
using testing::Not;

const core::WallTime kSince = core::parse_rfc3339("2026-10-22T00:00:00.000Z").value();
const core::WallTime kUntil = core::parse_rfc3339("2026-11-21T00:00:00.000Z").value();

json::Object target(std::string type, std::string alternate, std::string display) {
  return {{"id", "id-" + display}, {"type", type}, {"alternateId", alternate}, {"displayName", display}};
}

json::Object event(std::string type, json::Array targets = {}, std::string actor = "admin@example.com",
                   std::string outcome = "SUCCESS") {
  return {
      {"published", "2026-11-01T10:00:00.000Z"},
      {"eventType", type},
      {"actor", {{"id", "00uadmin"}, {"type", "User"}, {"alternateId", actor}, {"displayName", "The Admin"}}},
      {"outcome", {{"result", outcome}}},
      {"target", std::move(targets)}};
}

core::Result<MembershipReport> read(json::Array events,
                                    MembershipReportOptions options = {.since = kSince, .until = kUntil}) {
  PagedOrg org(1, [&](std::size_t, const okta::Request&) { return events; });
  return read_membership_report({}, org, options);
}

TEST(MembershipReport, SortsEventsByWhatTheyChange) {
  enum class Goes { membership, user, other, nowhere };
  const struct {
    std::string type;
    Goes goes;
  } cases[] = {
      {"group.user_membership.add", Goes::membership},
      {"group.user_membership.remove", Goes::membership},
      {"group.user_membership.rule.add_exclusion", Goes::membership},
      {"group.user_membership.rule.evaluation", Goes::nowhere},
      {"user.lifecycle.create", Goes::user},
      {"user.lifecycle.deactivate", Goes::user},
      {"user.lifecycle.delete.completed", Goes::user},
      {"user.lifecycle.jit.error.read_only", Goes::nowhere},
      {"user.account.privilege.grant", Goes::user},
      {"user.account.privilege.revoke", Goes::user},
      {"application.user_membership.add", Goes::user},
      {"application.user_membership.show_password", Goes::nowhere},
      {"group.privilege.grant", Goes::other},
      {"group.lifecycle.delete", Goes::other},
      {"policy.lifecycle.update", Goes::other},
      {"policy.rule.add", Goes::other},
      {"policy.evaluate_sign_on", Goes::nowhere},
      {"user.session.start", Goes::nowhere},
      {"xgroup.user_membership.add", Goes::nowhere},
  };
  for (const auto& c : cases) {
    auto report = read({event(c.type)});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->membership_total, c.goes == Goes::membership) << c.type;
    EXPECT_EQ(report->user_total, c.goes == Goes::user) << c.type;
    EXPECT_EQ(report->other_total, c.goes == Goes::other) << c.type;
    EXPECT_EQ(report->total, c.goes != Goes::nowhere) << c.type;
  }
}

TEST(MembershipReport, NamesActorUserAndGroup) {
  auto report =
      read({event("group.user_membership.add", {target("User", "anna@example.com", "Anna"),
                                                target("UserGroup", "unknown", "Engineering")}),
            event("application.user_membership.add", {target("AppUser", "anna.k", "Anna K"),
                                                      target("AppInstance", "GitHub", "GitHub Enterprise"),
                                                      target("User", "anna@example.com", "Anna")}),
            event("user.lifecycle.create", {target("User", "unknown", "Bea")}, "unknown")});
  ASSERT_TRUE(report);
  const Change& added = report->membership_changes.at(0);
  EXPECT_EQ(added.time, "2026-11-01T10:00:00.000Z");
  EXPECT_EQ(added.actor, "admin@example.com");
  EXPECT_EQ(added.user, "anna@example.com");
  EXPECT_EQ(added.object, "Engineering");
  EXPECT_EQ(report->user_changes.at(0).user, "anna@example.com") << "the User, not the AppUser";
  EXPECT_EQ(report->user_changes.at(0).object, "GitHub Enterprise");
  EXPECT_EQ(report->user_changes.at(1).user, "Bea");
  EXPECT_EQ(report->user_changes.at(1).actor, "The Admin");
}

TEST(MembershipReport, CountsByTypeAndActorMostFrequentFirst) {
  auto report = read({event("user.lifecycle.create"), event("group.user_membership.add", {}, "b"),
                      event("group.user_membership.add", {}, "a"),
                      event("group.user_membership.add", {}, "a", "FAILURE")});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total, 4);
  EXPECT_EQ(report->failed, 1);
  ASSERT_EQ(report->by_type.size(), 2u);
  EXPECT_EQ(report->by_type[0].name, "group.user_membership.add");
  EXPECT_EQ(report->by_type[0].count, 3);
  ASSERT_EQ(report->by_actor.size(), 3u);
  EXPECT_EQ(report->by_actor[0].name, "a");
  EXPECT_EQ(report->by_actor[1].name, "admin@example.com") << "ties in the order of names";
}

TEST(MembershipReport, AlwaysSendsBothEndsOfTheWindow) {
  PagedOrg org(3,
               [](std::size_t, const okta::Request&) { return json::Array{event("user.lifecycle.create")}; });
  KeptProgress progress;
  core::Context context;
  context.notifier = &progress;
  auto report = read_membership_report(context, org, {.since = kSince, .until = kUntil});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total, 3);
  ASSERT_EQ(org.requests.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(org.requests[i].path, "/api/v1/logs");
    EXPECT_EQ(org.asked(i, "since"), "2026-10-22T00:00:00.000Z");
    EXPECT_EQ(org.asked(i, "until"), "2026-11-21T00:00:00.000Z");
    EXPECT_EQ(org.asked(i, "sortOrder"), "ASCENDING");
    EXPECT_EQ(org.asked(i, "limit"), "1000");
    EXPECT_THAT(org.asked(i, "filter"),
                HasSubstr("eventType sw \"group.user_membership.\" or eventType sw \"user.lifecycle.\""));
  }
  EXPECT_EQ(progress.messages.size(), 3u);
}

TEST(MembershipReport, KeepsAFewRowsAndExactCounts) {
  json::Array events;
  for (int i = 0; i < 30; ++i)
    events.push_back(event("group.user_membership.add", {}, "actor" + std::to_string(i)));
  auto report = read(events, {.since = kSince, .until = kUntil, .max_rows = 10, .max_actors = 20});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->membership_changes.size(), 10u);
  EXPECT_EQ(report->membership_total, 30);
  EXPECT_EQ(report->by_actor.size(), 20u);
  EXPECT_EQ(report->other_actors, 10);
  auto text = render_membership_report(*report, "{{membership_changes}}\n{{by_actor}}");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("20 more changes are not listed"));
  EXPECT_THAT(*text, HasSubstr("| (all others) | 10 |"));
}

TEST(MembershipReport, RefusesAnEmptyWindow) {
  auto report = read({}, {.since = kUntil, .until = kUntil});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "insight.window");
}

TEST(MembershipReport, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  core::Context context;
  context.stop = source.get_token();
  PagedOrg org(1, [](std::size_t, const okta::Request&) { return json::Array{}; });
  auto report = read_membership_report(context, org, {.since = kSince, .until = kUntil});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "core.cancelled");
}

TEST(MembershipReport, SurvivesEventsOfAnyShape) {
  auto report =
      read({json::Value(nullptr), json::Value(5), json::Object{},
            json::Object{{"eventType", "user.lifecycle.create"}, {"target", 5}, {"actor", "x"}},
            json::Object{{"eventType", "user.lifecycle.create"}, {"target", json::Array{1, nullptr}}}});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->user_total, 2);
  EXPECT_TRUE(render_membership_report(*report, default_membership_template()));
}

TEST(MembershipTemplate, FillsTheDefault) {
  auto report =
      read({event("group.user_membership.add",
                  {target("User", "anna@example.com", "Anna"), target("UserGroup", "unknown", "Engineering")},
                  "admin@example.com", "FAILURE")});
  ASSERT_TRUE(report);
  auto text = render_membership_report(*report, default_membership_template());
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "# Audit of users and group memberships\n\n"
            "From 2026-10-22T00:00:00.000Z to 2026-11-21T00:00:00.000Z: 1 changes, 1 of them failed.\n\n"
            "## Group membership changes\n\n"
            "| time | actor | action | user | group |\n|---|---|---|---|---|\n"
            "| 2026-11-01T10:00:00.000Z | admin@example.com | group.user_membership.add **FAILURE** | "
            "anna@example.com | "
            "Engineering |\n\n"
            "## User changes\n\nNone.\n\n"
            "## Changes of groups, roles and policies\n\nNone.\n\n"
            "## By event type\n\n"
            "| event type | events |\n|---|---:|\n| group.user_membership.add | 1 |\n\n"
            "## By actor\n\n"
            "| actor | events |\n|---|---:|\n| admin@example.com | 1 |\n");
}

TEST(MembershipTemplate, TakesAnyTextAndBlanksInPlaceholders) {
  auto report = read({});
  ASSERT_TRUE(report);
  auto render = [&](std::string_view text) { return render_membership_report(*report, text).value(); };
  EXPECT_EQ(render("{{ total }} and {{failed}}, { {} }} literal"), "0 and 0, { {} }} literal");
  EXPECT_EQ(render("no placeholder"), "no placeholder");
  EXPECT_EQ(render(""), "");
  EXPECT_EQ(render("{{by_type}}{{membership_changes}}"), "None.None.");
}

TEST(MembershipTemplate, NamesWhatItDoesNotKnow) {
  auto report = read({});
  ASSERT_TRUE(report);
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"{{since}} {{untill}}", "The template names \"{{untill}}\", which is unknown."},
      {"{{}}", "The template names \"{{}}\", which is unknown."},
      {"{{since", "The placeholder \"{{since\" does not end."},
      {std::string((64u << 10) + 1, 'x'), "The template has 65537 bytes; the limit is 65536."},
  };
  for (const auto& c : cases) {
    auto text = render_membership_report(*report, c.text);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, "insight.template");
    EXPECT_EQ(text.error().message, c.message);
    EXPECT_THAT(text.error().hint, HasSubstr("{{membership_changes}}"));
  }
}

TEST(MembershipTemplate, OutsideTextStaysInItsCell) {
  auto report = read(
      {event("group.user_membership.add",
             {target("User", "a|b\n# Heading\n{{total}}", "x"),
              target("UserGroup", "unknown", "![](http://e.example/?\u202e) <img> " + std::string(300, 'x'))},
             "`code` [link](http://e.example)")});
  ASSERT_TRUE(report);
  auto text = render_membership_report(*report, "{{membership_changes}}");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("a\\|b⏎# Heading⏎{{total}}"));
  EXPECT_THAT(*text, HasSubstr("!\\[\\](http://e.example/?) \\<img\\> xxx"));
  EXPECT_THAT(*text, HasSubstr("\\`code\\` \\[link\\]"));
  EXPECT_THAT(*text, HasSubstr("…"));
  EXPECT_THAT(*text, Not(HasSubstr("\u202e")));
  EXPECT_EQ(std::count(text->begin(), text->end(), '\n'), 2) << "one event, one line";
}

}  // namespace
}  // namespace insight
