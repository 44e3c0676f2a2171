#include "admin/change.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "admin/answer.h"
#include "admin/operation.h"
#include "admin/read.h"
#include "admin/resolve.h"
#include "catalogue/operations.h"
#include "core/grace_stop.h"
#include "core/log.h"
#include "core/text.h"

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

constexpr std::string_view kQuestion = "confirm";

// Less than the five seconds a stopping server waits for its calls, so that the outcome is still written
// down.
constexpr std::chrono::milliseconds kSettleTime{4000};

// Members that Okta computes; sending them back in a PUT is noise at best.
constexpr std::string_view kComputed[] = {
    "id", "_links", "_embedded", "created", "lastUpdated", "lastMembershipUpdated", "orn", "objectClass"};

// The name a person knows the subject by.
std::string subject_name(const json::Value& body) {
  for (std::string_view path :
       {"profile.login", "profile.name", "metadata.displayName", "resourceUrl", "label", "name"}) {
    if (auto text = json::string_or_empty(body, path); !text.empty()) return std::string(text);
  }
  return {};
}

void add_subject_facts(const json::Value& body, Plan& plan) {
  auto add = [&](std::string_view label, std::string_view path) {
    if (auto text = json::string_or_empty(body, path); !text.empty()) {
      plan.facts.push_back(fmt::format("{}: {}", label, text));
    }
  };
  std::string first(json::string_or_empty(body, "profile.firstName"));
  std::string last(json::string_or_empty(body, "profile.lastName"));
  if (!first.empty() || !last.empty()) plan.facts.push_back(fmt::format("person: {} {}", first, last));
  add("type", "type");
  add("sign-on mode", "signOnMode");
  add("status", "status");
  add("description", "profile.description");
}

json::Value without_nulls(const json::Value& value) {
  if (value.is_array()) {
    json::Array out;
    for (const auto& element : value.get_array()) out.push_back(without_nulls(element));
    return out;
  }
  if (!value.is_object()) return value;
  json::Object out;
  for (const auto& member : value.get_object()) {
    if (!member.value().is_null()) out[member.key()] = without_nulls(member.value());
  }
  return out;
}

// Read-only members out, so that the PUT holds what a caller may set. Nulls too: where a PUT replaces, absent
// means the same, and Okta answers nulls that its own request schemas do not allow
// (accessibility.errorRedirectUrl).
json::Value settable(const json::Value& body) {
  json::Value held = without_nulls(body);
  json::Object out = held.is_object() ? held.get_object() : json::Object{};
  for (auto name : kComputed) out.erase(name);
  return out;
}

const Param* body_param(const ToolRow& row) {
  auto found = std::find_if(row.params.begin(), row.params.end(),
                            [](const Param& param) { return param.place == Place::body; });
  return found == row.params.end() ? nullptr : &*found;
}

// Body::members.
json::Object members_of(const ToolRow& row, const Arguments& arguments) {
  json::Object body;
  for (const Param& param : row.params) {
    const json::Value* given =
        param.place == Place::body ? arguments.given().if_contains(param.name) : nullptr;
    if (given) body[param.wire.empty() ? param.name : param.wire] = *given;
  }
  return body;
}

core::Status add_body(const ToolRow& row, const Arguments& arguments, Plan& plan, okta::Request& request) {
  const Param* param = body_param(row);
  if (row.body == Body::none || param == nullptr) return {};
  const json::Object* given = row.body == Body::members ? nullptr : arguments.object(param->name);
  json::Value value = given ? json::Value(*given) : json::Value(json::Object{});
  switch (row.body) {
    case Body::none:
      break;
    case Body::profile:
      request.body = json::Object{{"profile", std::move(value)}};
      break;
    case Body::whole:
      request.body = std::move(value);
      break;
    case Body::members:
      request.body = members_of(row, arguments);
      break;
    case Body::merge_profile:
    case Body::merge_whole: {
      json::Value before = settable(plan.subject->body);
      json::Value patch =
          row.body == Body::merge_profile ? json::Value(json::Object{{"profile", std::move(value)}}) : value;
      json::Value after = merge_patch(before, patch);
      plan.changes = differences(before, after);
      if (plan.changes.empty())
        plan.nothing_to_do = "The org already holds exactly these values; nothing was sent.";
      if (row.body == Body::merge_profile) after = json::Object{{"profile", after.at("profile")}};
      request.body = std::move(after);
      break;
    }
  }
  return {};
}

// The update of a user is a partial one at Okta (POST), but a person should still see old and new values.
void add_partial_changes(const ToolRow& row, Plan& plan) {
  if (row.body != Body::profile || !plan.subject || !plan.steps[0].request.body) return;
  const json::Value* sent = json::find(*plan.steps[0].request.body, "profile");
  const json::Value* held = json::find(plan.subject->body, "profile");
  if (!sent || !held || !sent->is_object()) return;
  for (const auto& member : sent->get_object()) {
    const json::Value* old = json::find(*held, member.key());
    json::Value before = old ? *old : json::Value(nullptr);
    if (before != member.value()) {
      plan.changes.push_back({"profile." + std::string(member.key()), std::move(before), member.value()});
    }
  }
  if (plan.changes.empty())
    plan.nothing_to_do = "The org already holds exactly these values; nothing was sent.";
}

// Empty for the program's own user.
std::string caller_of(const core::Context& context) {
  return context.principal == core::Context{}.principal ? std::string{} : context.principal;
}

AuditEntry entry_for(Services& services, const ToolRow& row, const core::Context& context,
                     const Arguments& arguments, const Plan& plan, AuditEntry::Phase phase) {
  return AuditEntry{.phase = phase,
                    .principal = services.options().principal,
                    .caller = caller_of(context),
                    .org = plan.org_url,
                    .tool = std::string(row.name),
                    .plan = plan.id(),
                    .trace_id = context.trace_id,
                    .arguments = arguments.given()};
}

// Under every name that whoever watches it may know it by.
Touched touched_by(const Services& services, const ToolRow& row, const Arguments& arguments,
                   const Plan& plan) {
  Touched touched{.org_name = services.options().org_name, .objects = {}};
  const std::string subject =
      plan.subject ? std::string(json::string_or_empty(plan.subject->body, "id")) : "";
  for (const Param& param : row.params) {
    const std::string given(arguments.text(param.name));  // empty for a list
    for (const Resolved& object : arguments.resolved(param.name)) {
      std::vector<std::string> names{object.id, object.name, given};
      if (object.id == subject) names.push_back(subject_name(plan.subject->body));
      touched.objects.push_back(
          {param.type == Type::group_list ? Type::group : param.type, std::move(names)});
    }
  }
  return touched;
}

// Between the reading and the writing somebody else may have changed the object: look once more.
core::Status recheck(okta::Org& org, const core::Context& context, const Plan& plan) {
  if (!plan.subject) return {};
  ASSIGN_OR_RETURN(auto now, org.get(context, plan.subject->path));
  if (fingerprint(now.body) == plan.subject->fingerprint) return {};
  return fail(ErrorKind::conflict, "admin.change.stale",
              "Somebody else changed it after it was read; nothing was sent.",
              "Read it again and decide anew.");
}

core::Result<okta::Response> send_step(Services& services, okta::Org& org, const ToolRow& row,
                                       const core::Context& context, const Arguments& arguments,
                                       const Plan& plan, const Step& step) {
  AuditEntry entry = entry_for(services, row, context, arguments, plan, AuditEntry::Phase::intent);
  entry.request = step.line();
  RETURN_IF_ERROR(services.audit().append(entry));
  // From here on a stop does not tear the request: it gets a little time to settle, then it is `unknown`.
  core::GraceStop grace(context.stop, kSettleTime);
  core::Context settling = context;
  settling.stop = grace.token();
  auto response = org.call(settling, step.request);
  entry.phase = AuditEntry::Phase::outcome;
  entry.arguments.clear();
  if (response) {
    entry.result = "ok";
    entry.status = response->status;
    entry.request_id = response->request_id;
  } else {
    const core::Error& error = response.error();
    entry.result = error.code == "okta.unknown_outcome" ? "unknown" : "failed";
    entry.detail = error.message;
    if (error.upstream) {
      entry.status = error.upstream->status;
      entry.request_id = error.upstream->request_id;
    }
  }
  if (auto written = services.audit().append(entry); !written) {
    core::log(core::LogLevel::error, "admin", "the audit line after a change could not be written",
              {{"tool", row.name}, {"reason", written.error().message}});
  }
  if (entry.result != "failed") services.changed(touched_by(services, row, arguments, plan));
  return response;
}

// Says what was done, in the words of the row, with what Okta returned.
std::string done_text(Services& services, const Plan& plan, const json::Value& body) {
  std::string text = "Done: " + core::clean(plan.title) + ".";
  for (const auto& change : plan.changes) {
    text += fmt::format("\n{}: {} -> {}", core::clean(change.path), core::clean(json::write(change.before)),
                        core::clean(json::write(change.after)));
  }
  if (plan.subject && !plan.changes.empty() && plan.subject->etag.empty() &&
      plan.steps[0].request.method == net::Method::put) {
    text +=
        "\nNote: Okta replaces the whole object here and offers no If-Match; a change by somebody else "
        "within the "
        "last moment before the write would have been overwritten.";
  }
  if (body.is_object() && !body.get_object().empty()) {
    AnswerOptions options;
    options.budget_tokens = services.options().answer_budget_tokens;
    text += "\n" + item_answer("result", body, options);
  }
  return text;
}

core::Result<mcp::Outcome> apply(Services& services, const ToolRow& row, const core::Context& context,
                                 const Arguments& arguments, const Plan& plan) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  bool replaces = row.body == Body::merge_profile || row.body == Body::merge_whole;
  if (replaces) RETURN_IF_ERROR(recheck(*org, context, plan));
  json::Value body;
  for (const Step& step : plan.steps) {
    ASSIGN_OR_RETURN(auto response, send_step(services, *org, row, context, arguments, plan, step));
    body = std::move(response.body);
    if (response.status == 202 && !response.location.empty()) {
      ASSIGN_OR_RETURN(body, follow_operation(services, *org, context, response.location));
    }
  }
  return mcp::Complete{mcp::text_result(done_text(services, plan, body))};
}

mcp::Outcome refused(std::string text) {
  return mcp::Complete{mcp::error_result(std::move(text))};
}

core::Result<mcp::Outcome> ask_in_client(const Plan& plan, std::string_view before) {
  mcp::NeedInput question;
  json::Object confirm{{"type", "boolean"}, {"title", "Do it"}, {"description", "Yes, make this change"}};
  question.questions[std::string(kQuestion)] = mcp::FormQuestion{
      std::string(before) + plan.text(),
      json::Object{{"type", "object"},
                   {"properties", json::Object{{std::string(kQuestion), std::move(confirm)}}},
                   {"required", json::Array{std::string(kQuestion)}}}};
  question.state = json::Object{{"digest", plan.digest()}};
  return question;
}

core::Result<mcp::Outcome> ask_in_terminal(Services& services, const Plan& plan) {
  RETURN_IF_ERROR(services.approvals().save(plan));
  return refused(
      fmt::format("Nothing was changed. A person has to release this first, because this client cannot show "
                  "a question:\n{}\n\n"
                  "Ask them to run `okta-mcp-server approve {}` in a terminal (within 60 minutes), then call "
                  "this tool again with "
                  "the same arguments. No argument of yours can confirm it.",
                  plan.text(), plan.id()));
}

// Empty when the plan may go ahead; else what to answer.
core::Result<std::optional<mcp::Outcome>> approval(Services& services, const ToolRow& row,
                                                   const core::Context& context, const Arguments& arguments,
                                                   const Plan& plan, const mcp::ToolCall& call) {
  using Verdict = std::optional<mcp::Outcome>;
  if (!plan.needs_approval) return Verdict{};
  auto answer = call.round.responses.find(std::string(kQuestion));
  if (answer == call.round.responses.end()) {
    ASSIGN_OR_RETURN(bool released, services.approvals().take_release(plan));
    if (released) return Verdict{};
    ASSIGN_OR_RETURN(auto outcome,
                     call.round.can.form ? ask_in_client(plan, "") : ask_in_terminal(services, plan));
    return Verdict{std::move(outcome)};
  }
  const json::Value* confirmed = answer->second.content.if_contains(kQuestion);
  bool yes = answer->second.action == mcp::Answer::accept && confirmed && confirmed->is_bool() &&
             confirmed->get_bool();
  if (!yes) {
    AuditEntry entry = entry_for(services, row, context, arguments, plan, AuditEntry::Phase::refused);
    entry.result = answer->second.action == mcp::Answer::cancel ? "cancelled" : "declined";
    RETURN_IF_ERROR(services.audit().append(entry));
    return Verdict{
        refused(fmt::format("Nothing was changed: the person {} \"{}\". Do not ask again unless they do.",
                            entry.result, core::clean(plan.title)))};
  }
  if (json::string_or_empty(call.round.state, "digest") != plan.digest()) {
    ASSIGN_OR_RETURN(auto outcome,
                     ask_in_client(plan, "It has changed since you were asked, so once more:\n"));
    return Verdict{std::move(outcome)};
  }
  return Verdict{};
}

// Reads what is about to change. Without that there is no change: a replacing update would lose what it was
// not given, and a person could not be shown what is meant.
core::Result<okta::Response> read_subject(Services& services, okta::Org& org, const ToolRow& row,
                                          const core::Context& context, const std::string& path) {
  auto response = org.get(context, path);
  if (response || response.error().kind != ErrorKind::forbidden) return response;
  const auto* operation = catalogue::match_operation("GET", path);
  const auto held = services.known_scopes();
  if (!operation || !held) return response;
  std::vector<std::string_view> missing;
  for (auto scope : operation->scopes) {
    if (std::ranges::find(*held, scope) == held->end()) missing.push_back(scope);
  }
  if (missing.empty()) return response;
  core::Error error = std::move(response).error();
  const bool replaces = row.body == Body::merge_profile || row.body == Body::merge_whole;
  error.code = "admin.change.may_not_read";
  error.message = fmt::format(
      "{} has to read the object before it changes it{}, and that was refused: the scope {} is missing. "
      "Nothing "
      "was changed.",
      row.name, replaces ? " (Okta replaces the whole of it)" : "", fmt::join(missing, " and "));
  error.hint = fmt::format(
      "An admin grants {0} to the app in Okta (Applications, the app, Okta API Scopes) and adds it to "
      "OKTA_SCOPES; then the server has to be restarted.",
      fmt::join(missing, " and "));
  return std::unexpected(std::move(error));
}

}  // namespace

core::Result<Plan> make_plan(Services& services, const ToolRow& row, const core::Context& context,
                             Arguments& arguments) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  RETURN_IF_ERROR(resolve_identifiers(services, row, context, arguments));
  Plan plan;
  plan.tool = row.name;
  plan.org_url = org->url();
  plan.caller = caller_of(context);
  plan.needs_approval = row.effect == Effect::destructive;
  plan.title = std::string(row.verb);
  if (!row.subject.empty()) {
    Subject subject{.path = expand_path(row.subject, arguments)};
    ASSIGN_OR_RETURN(auto response, read_subject(services, *org, row, context, subject.path));
    subject.fingerprint = fingerprint(response.body);
    subject.etag = response.etag;
    subject.body = std::move(response.body);
    std::string name = subject_name(subject.body);
    std::string id(json::string_or_empty(subject.body, "id"));
    plan.title += name.empty() ? " " + id : fmt::format(" \"{}\" ({})", name, id);
    if (plan.needs_approval) add_subject_facts(subject.body, plan);
    plan.subject = std::move(subject);
  }
  if (!row.impact.empty()) plan.facts.emplace_back(row.impact);
  okta::Request request{.method = row.call.method, .path = expand_path(row.call.path, arguments)};
  request.query = query_of(row, arguments);
  RETURN_IF_ERROR(add_body(row, arguments, plan, request));
  if (plan.subject && !plan.subject->etag.empty() && request.method == net::Method::put) {
    request.headers.set("If-Match", plan.subject->etag);
  }
  plan.steps.push_back({std::move(request)});
  add_partial_changes(row, plan);
  if (row.adjust) RETURN_IF_ERROR(row.adjust(services, context, arguments, plan));
  return plan;
}

core::Result<mcp::Outcome> run_change(Services& services, const ToolRow& row, const core::Context& context,
                                      Arguments& arguments, const mcp::ToolCall& call) {
  if (services.options().read_only) {
    return fail(ErrorKind::forbidden, "admin.read_only",
                "This server is set to read only; nothing was changed.",
                "A person can lift it by unsetting OKTA_MCP_READ_ONLY and restarting the server.");
  }
  if (services.options().may_change) RETURN_IF_ERROR(services.options().may_change());
  ASSIGN_OR_RETURN(Plan plan, make_plan(services, row, context, arguments));
  if (!plan.nothing_to_do.empty()) {
    return mcp::Complete{mcp::text_result(core::clean(plan.title) + ": " + plan.nothing_to_do)};
  }
  ASSIGN_OR_RETURN(auto verdict, approval(services, row, context, arguments, plan, call));
  if (verdict) return *std::move(verdict);
  return apply(services, row, context, arguments, plan);
}

}  // namespace admin
