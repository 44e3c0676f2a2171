// The methods of tasks, and who is told when one changes. What a revision has is in task_use() and the tables
// of dispatch.cpp; what it looks like is in task_codec.cpp.
#include <algorithm>
#include <fmt/format.h>

#include "mcp/form.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"
#include "mcp/task.h"
#include "mcp/task_codec.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

Refusal refusal_of(const core::Error& error) {
  if (error.code == "core.job.unknown") {
    return {code::kInvalidParams,
            "There is no such task: it was forgotten some time after its end, or is another's.",
            {}};
  }
  bool clients_fault =
      error.kind == core::ErrorKind::not_found || error.kind == core::ErrorKind::invalid_input;
  return {clients_fault ? code::kInvalidParams : code::kInternalError, core::describe(error), {}};
}

Refusal missing_extension() {
  return {code::kMissingRequiredClientCapability, "This needs a client that declares the tasks extension.",
          missing_tasks_data()};
}

}  // namespace

std::expected<TaskUse, Refusal> task_use(const Tool& tool, const Envelope& envelope, const Object& params) {
  const WireRules& rules = envelope.codec->rules();
  if (envelope.modern()) {  // a `task` of older habits is ignored
    if (tool.tasks == TaskSupport::required && !envelope.abilities.tasks) {
      return std::unexpected(missing_extension());
    }
    return TaskUse{.handle = envelope.abilities.tasks && tool.tasks != TaskSupport::never};
  }
  // Page Tasks (2025-11-25), "Tool-Level Negotiation". Older revisions have no tasks at all.
  const Value* task = rules.tasks ? params.if_contains("task") : nullptr;
  if (!task) {
    if (tool.tasks != TaskSupport::required) return TaskUse{};
    return std::unexpected(Refusal{
        code::kMethodNotFound,
        fmt::format("The tool {} runs as a task only, which needs a client of revision 2025-11-25 or later.",
                    tool.name),
        {}});
  }
  if (tool.tasks == TaskSupport::never) {
    return std::unexpected(
        Refusal{code::kMethodNotFound, fmt::format("The tool {} does not run as a task.", tool.name), {}});
  }
  const Object* about = task->if_object();
  const Value* ttl = about ? about->if_contains("ttl") : nullptr;
  constexpr double kLongest = 1e12;  // what is beyond any keeping, and still a number of milliseconds
  bool fine = about && (!ttl || (ttl->is_number() && ttl->to_number<double>() >= 0));
  if (!fine) {
    return std::unexpected(Refusal{
        code::kInvalidParams, "params.task must be an object whose ttl, if any, is a number from 0 on.", {}});
  }
  TaskUse use{.handle = true, .always = true, .keep = std::nullopt};
  if (ttl) {
    use.keep =
        std::chrono::milliseconds{static_cast<std::int64_t>(std::min(ttl->to_number<double>(), kLongest))};
  }
  return use;
}

core::Result<CallOutcome> call_as_task(core::Jobs& jobs, const Tool& tool, const core::Context& context,
                                       const Object& arguments, Round round) {
  Round about{.can = round.can, .responses = {}, .state = {}, .keep = round.keep};
  auto outcome = tool.handler(context, {arguments, std::move(round)});
  if (outcome && std::holds_alternative<NeedInput>(*outcome)) return std::get<NeedInput>(*std::move(outcome));
  if (outcome && std::holds_alternative<Started>(*outcome)) return std::get<Started>(*std::move(outcome));
  Complete done = outcome ? std::get<Complete>(*std::move(outcome))
                          : Complete{error_result(core::describe(outcome.error()))};
  auto work = [done = std::move(done)](const core::Context&, core::JobContext&,
                                       const Round&) -> core::Result<TaskStep> { return done; };
  ASSIGN_OR_RETURN(auto started,
                   start_task(jobs, context, about, {.kind = tool.name, .title = tool.title}, work));
  return std::get<Started>(std::move(started));
}

std::optional<core::JobSnapshot> SessionImpl::find_task(const Served& served, Reply& reply) {
  auto refuse = [&](const Refusal& refusal) {
    reply.error(refusal.code, refusal.message, refusal.data);
    return std::nullopt;
  };
  if (served.envelope.modern() && !served.envelope.abilities.tasks) return refuse(missing_extension());
  const Value* id = served.request.params.if_contains("taskId");
  if (!id || !id->is_string()) return refuse({code::kInvalidParams, "params.taskId must be a string.", {}});
  auto found = shared_.options.jobs->get(id->get_string(), served.origin.caller.principal);
  if (!found) return refuse(refusal_of(found.error()));
  return *std::move(found);
}

void SessionImpl::tasks_get(const Served& served, Reply reply) {
  auto task = find_task(served, reply);
  if (task) reply.result(task_result(*served.envelope.codec, *task, shared_.options.task_poll_interval));
}

void SessionImpl::tasks_update(const Served& served, Reply reply) {
  auto task = find_task(served, reply);
  if (!task) return;
  const Value* given = served.request.params.if_contains("inputResponses");
  if (!given || !given->is_object()) {
    return reply.error(code::kInvalidParams, "params.inputResponses must be an object.");
  }
  Object answers;
  for (const auto& response : given->get_object()) {
    const Value* asked = task->questions.if_contains(response.key());
    auto question = asked ? read_question(*asked) : std::nullopt;
    if (!question) continue;  // stale or never asked: to be ignored
    auto answer = read_answer(response.value(), *question);
    if (!answer) {
      return reply.error(code::kInvalidParams,
                         fmt::format("params.inputResponses.{}: {}", std::string_view(response.key()),
                                     core::describe(answer.error())));
    }
    answers[response.key()] = write_response(*answer);
  }
  if (!answers.empty()) {
    auto answered = shared_.options.jobs->answer(task->id, task->principal, std::move(answers));
    if (!answered) {
      Refusal refusal = refusal_of(answered.error());
      return reply.error(refusal.code, refusal.message);
    }
  }
  reply.result(served.envelope.codec->empty_result());
}

void SessionImpl::tasks_cancel(const Served& served, Reply reply) {
  auto task = find_task(served, reply);
  if (!task) return;
  bool modern = served.envelope.modern();
  bool ended = core::has_ended(task->state);
  if (!ended) {
    auto cancelled = shared_.options.jobs->cancel(task->id, task->principal);
    if (!cancelled) {
      Refusal refusal = refusal_of(cancelled.error());
      return reply.error(refusal.code, refusal.message);
    }
    task = *std::move(cancelled);
    ended = task->state != core::JobState::cancelled;  // it was faster
  }
  if (modern) return reply.result(served.envelope.codec->empty_result());
  if (ended) {
    return reply.error(
        code::kInvalidParams,
        fmt::format("Cannot cancel the task: it has ended, its state is {}.", core::to_string(task->state)));
  }
  reply.result(task_result(*served.envelope.codec, *task, shared_.options.task_poll_interval));
}

void SessionImpl::tasks_result(const Served& served, Reply reply) {
  auto task = find_task(served, reply);
  if (!task) return;
  CallStart start{
      .session = owner_.shared_from_this(),
      .impl = *this,
      .origin = served.origin,
      .envelope = served.envelope,
      .method = method::kTasksResult,
      .name = task->id,
      .params = {},
      .progress_token = {},
      .trace_id = served.envelope.trace_id.empty() ? shared_.next_trace_id() : served.envelope.trace_id};
  std::make_shared<Call>(std::move(start), std::move(reply))->begin_following(task->id);
}

void SessionImpl::tasks_list(const Served& served, Reply reply) {
  const Value* cursor = served.request.params.if_contains("cursor");
  if (cursor && !cursor->is_string()) {
    return reply.error(code::kInvalidParams, "params.cursor must be a string.");
  }
  std::string_view from = cursor ? std::string_view(cursor->get_string()) : std::string_view{};
  auto page = shared_.options.jobs->list(served.origin.caller.principal, from, shared_.options.page_size);
  if (!page) {
    Refusal refusal = refusal_of(page.error());
    return reply.error(refusal.code, refusal.message);
  }
  reply.result(task_page_result(*served.envelope.codec, *page, shared_.options.task_poll_interval));
}

// ---- subscriptions/listen (2026-07-28)

std::expected<std::vector<std::string>, Refusal> SessionImpl::read_task_filter(const Served& served) const {
  std::vector<std::string> tasks;
  const Value* given = core::json::find(served.request.params, "notifications.taskIds");
  if (!given || !shared_.options.jobs) return tasks;
  if (!served.envelope.abilities.tasks) return std::unexpected(missing_extension());
  auto text = [](const Value& id) { return id.is_string(); };
  if (!given->is_array() || !std::ranges::all_of(given->get_array(), text)) {
    return std::unexpected(
        Refusal{code::kInvalidParams, "params.notifications.taskIds must be an array of strings.", {}});
  }
  // What is unknown, and what is beyond the limit, is left out of the acknowledgement.
  for (const Value& id : given->get_array()) {
    if (tasks.size() >= shared_.options.max_watched_tasks) break;
    std::string_view name = id.get_string();
    if (std::ranges::find(tasks, name) != tasks.end()) continue;
    if (shared_.options.jobs->get(name, served.origin.caller.principal)) tasks.emplace_back(name);
  }
  return tasks;
}

void SessionImpl::watch_tasks(const RequestId& subscription, const std::vector<std::string>& tasks,
                              const std::string& principal) {
  for (const std::string& task : tasks) {
    auto changed = [session = owner_.weak_from_this(), subscription](const core::JobSnapshot& job) {
      if (auto alive = session.lock()) alive->impl_->task_changed(subscription, job);
    };
    auto watch = shared_.options.jobs->watch(task, principal, std::move(changed));
    if (!watch) continue;  // forgotten just now
    std::lock_guard lock(mutex_);
    auto listener = std::ranges::find(listeners_, subscription, &Listener::id);
    if (listener != listeners_.end()) listener->task_watches.push_back(*std::move(watch));
  }
}

void SessionImpl::task_changed(const RequestId& subscription, const core::JobSnapshot& job) {
  const Codec& codec = shared_.codec(Revision::v2026_07_28);
  std::string params = task_changed_params(codec, job, shared_.options.task_poll_interval, &subscription);
  std::lock_guard lock(mutex_);  // held while sending: after a cancel, a listener hears nothing more
  auto listener = std::ranges::find(listeners_, subscription, &Listener::id);
  if (listener == listeners_.end()) return;
  send_text(*listener->outlet, encode_notification(method::kTaskChanged, params), Delivery::required);
}

// ---- Status notifications of 2025-11-25

// What the client of a task was told last.
struct SessionImpl::FollowedTask {
  const Codec* codec;
  std::string progress_token;
  core::JobState state = core::JobState::working;  // as its handle says
  std::optional<double> done;
};

void SessionImpl::follow_task(const std::string& job, const Origin& origin, std::string progress_token) {
  auto seen = std::make_shared<FollowedTask>();
  {
    std::lock_guard lock(mutex_);
    if (closed_ || !legacy_) return;
    seen->codec = legacy_;
    seen->progress_token = std::move(progress_token);
  }
  auto changed = [session = owner_.weak_from_this(), seen](const core::JobSnapshot& snapshot) {
    if (auto alive = session.lock()) alive->impl_->followed_task_changed(*seen, snapshot);
  };
  auto watch = shared_.options.jobs->watch(job, origin.caller.principal, std::move(changed));
  if (!watch) return;
  std::lock_guard lock(mutex_);
  if (!closed_ && !core::has_ended(seen->state)) followed_.insert_or_assign(job, *std::move(watch));
}

void SessionImpl::followed_task_changed(FollowedTask& seen, const core::JobSnapshot& job) {
  std::unique_ptr<core::JobWatch> over;  // goes after the lock
  std::lock_guard lock(mutex_);
  if (closed_) return;
  if (!seen.progress_token.empty() && (job.progress.done > seen.done.value_or(0))) {
    seen.done = job.progress.done;
    std::string params = seen.codec->progress_params(seen.progress_token, job.progress.done,
                                                     job.progress.total, job.progress.message);
    send_text(*outlet_, encode_notification(method::kProgress, with_related_task(std::move(params), job.id)),
              Delivery::droppable);
  }
  if (job.state != seen.state) {
    seen.state = job.state;
    std::string params = task_changed_params(*seen.codec, job, shared_.options.task_poll_interval, nullptr);
    send_text(*outlet_, encode_notification(method::kTaskStatus, params), Delivery::droppable);
  }
  if (!core::has_ended(job.state)) return;
  if (auto found = followed_.find(job.id); found != followed_.end()) {
    over = std::move(found->second);
    followed_.erase(found);
  }
}

// ---- Questions of a job, asked by calls that wait for it

bool SessionImpl::claim_question(const std::string& job, const std::string& key) {
  std::lock_guard lock(mutex_);
  return claimed_.insert(job + "/" + key).second;
}

void SessionImpl::release_question(const std::string& job, const std::string& key) {
  std::lock_guard lock(mutex_);
  claimed_.erase(job + "/" + key);
}

}  // namespace mcp
