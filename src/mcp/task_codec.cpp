#include "mcp/task_codec.h"

#include "core/text.h"
#include "mcp/json_text.h"
#include "mcp/request_state.h"
#include "mcp/task.h"

namespace mcp {
namespace {

using core::JobSnapshot;
using core::JobState;
using std::chrono::milliseconds;

bool modern(const Codec& codec) {
  return codec.rules().result_envelope;
}

bool is_tool_error(const core::json::Value& written) {
  const auto* found = core::json::find(written, "isError");
  return found && *found == true;
}

// That the job died is a failure of the protocol; what its work says of itself is a result.
bool died(const core::Error& error) {
  return error.kind == core::ErrorKind::internal || error.code == core::kJobOwnerEnded;
}

JobState shown_state(const Codec& codec, const JobSnapshot& job) {
  if (modern(codec)) {
    return job.state == JobState::failed && job.error && !died(*job.error) ? JobState::completed : job.state;
  }
  return job.state == JobState::completed && is_tool_error(job.result) ? JobState::failed : job.state;
}

// What a result with isError says first, in short.
std::string error_text(const core::json::Value& written) {
  constexpr std::size_t kMax = 300;
  if (!is_tool_error(written)) return {};
  ToolResult result = read_tool_result(written);
  if (result.content.empty()) return {};
  std::string text(text_of(result.content.front()));
  if (text.size() > kMax) text.resize(kMax);
  core::make_valid_utf8(text);  // the cut may have split a character
  return text;
}

std::string status_message(const JobSnapshot& job) {
  switch (job.state) {
    case JobState::working:
    case JobState::input_required:
      return job.progress.message;
    case JobState::completed:
      return error_text(job.result);
    case JobState::failed:
      return job.error ? core::describe(*job.error) : std::string{};
    case JobState::cancelled:
      return "The task was cancelled.";
  }
  return {};
}

void add_task(ObjectText& out, const Codec& codec, const JobSnapshot& job, milliseconds poll) {
  // Kept as long as it runs, and for some time after: unlimited until its end is known.
  std::string ttl = job.expires ? std::to_string((*job.expires - job.created).count()) : "null";
  out.string("taskId", job.id)
      .string("status", to_string(shown_state(codec, job)))
      .optional_string("statusMessage", status_message(job))
      .string("createdAt", core::to_rfc3339(job.created))
      .string("lastUpdatedAt", core::to_rfc3339(job.updated))
      .raw(modern(codec) ? "ttlMs" : "ttl", ttl)
      .raw(modern(codec) ? "pollIntervalMs" : "pollInterval", std::to_string(poll.count()));
}

// 2026-07-28: DetailedTask.
void add_details(ObjectText& out, const Codec& codec, const JobSnapshot& job) {
  if (job.state == JobState::input_required) {
    ObjectText requests;
    for (const auto& member : job.questions) {
      auto question = read_question(member.value());
      if (!question) continue;
      requests.raw(member.key(), std::move(ObjectText()
                                               .string("method", question_method(*question))
                                               .raw("params", codec.question_params(*question)))
                                     .close());
    }
    out.raw("inputRequests", std::move(requests).close());
  } else if (job.state == JobState::completed || job.state == JobState::failed) {
    TaskEnd end = task_end(job);
    if (auto* result = std::get_if<ToolResult>(&end)) {
      out.raw("result", codec.call_result(*result));
    } else {
      const auto& error = std::get<RpcError>(end);
      out.raw("error",
              std::move(ObjectText().raw("code", std::to_string(error.code)).string("message", error.message))
                  .close());
    }
  }
}

}  // namespace

TaskEnd task_end(const JobSnapshot& job) {
  if (job.state == JobState::completed) return read_tool_result(job.result);
  if (job.state == JobState::cancelled) return error_result("The task was cancelled.");
  if (!job.error) return RpcError{code::kInternalError, "The task failed.", std::nullopt};
  if (died(*job.error)) return RpcError{code::kInternalError, core::describe(*job.error), std::nullopt};
  return error_result(core::describe(*job.error));
}

std::string create_task_result(const Codec& codec, const JobSnapshot& job, milliseconds poll) {
  ObjectText task;
  if (modern(codec)) task.string("resultType", "task");
  // The seed state: a task begins as working (2025-11-25), and one that has ended already is shown so by
  // tasks/get, which has its result too.
  JobSnapshot seed;
  seed.id = job.id;
  seed.created = seed.updated = job.created;
  add_task(task, codec, seed, poll);
  if (!modern(codec)) return std::move(ObjectText().raw("task", std::move(task).close())).close();
  task.raw("_meta", std::move(ObjectText().raw(meta::kServerInfo, codec.server_info())).close());
  return std::move(task).close();
}

std::string task_result(const Codec& codec, const JobSnapshot& job, milliseconds poll) {
  ObjectText out;
  add_task(out, codec, job, poll);
  if (modern(codec)) add_details(out, codec, job);
  out.members(codec.result_members());
  return std::move(out).close();
}

std::string task_changed_params(const Codec& codec, const JobSnapshot& job, milliseconds poll,
                                const RequestId* subscription) {
  ObjectText out;
  add_task(out, codec, job, poll);
  if (modern(codec)) add_details(out, codec, job);
  if (subscription) {
    out.raw("_meta", std::move(ObjectText().raw(meta::kSubscriptionId, subscription->json)).close());
  }
  return std::move(out).close();
}

std::string task_page_result(const Codec& codec, const core::Jobs::Page& page, milliseconds poll) {
  std::string tasks = "[";
  for (const JobSnapshot& job : page.jobs) {
    ObjectText task;
    add_task(task, codec, job, poll);
    if (tasks.size() > 1) tasks += ',';
    tasks += std::move(task).close();
  }
  tasks += ']';
  ObjectText out;
  out.raw("tasks", tasks).optional_string("nextCursor", page.next);
  return std::move(out).close();
}

std::string with_related_task(std::string object, std::string_view task) {
  ObjectText about;
  about.raw(meta::kRelatedTask, std::move(ObjectText().string("taskId", task)).close());
  object.pop_back();
  if (object.size() > 1) object += ',';
  object += R"("_meta":)";
  object += std::move(about).close();
  object += '}';
  return object;
}

std::string missing_tasks_data() {
  ObjectText extensions;
  extensions.raw(extension::kTasks, "{}");
  ObjectText required;
  required.raw("extensions", std::move(extensions).close());
  return std::move(ObjectText().raw("requiredCapabilities", std::move(required).close())).close();
}

}  // namespace mcp
