// One validation of an MCP server, in three steps: what is stored is read, the outside is asked without any
// transaction, and what follows is done in one. Inside room registry only; validation_work.cpp is the whole.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/readiness.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

// The answer to an operation's "why not".
inline constexpr std::string_view kValidationFailed = "VALIDATION_FAILED";

// Schedules the recurring look at all servers ("schedule"); at each start of a node. What is scheduled
// already is replaced.
core::Status schedule_discovery_work(const Service& service);

// Versions of what the result depends on; equal: nothing was configured meanwhile.
using Versions = std::map<std::string, std::int64_t>;
core::Result<Versions> versions_of(Reader& reader, std::string_view server);

struct Validation {
  Subject subject;
  ObservationPlan plan;
  Versions versions;
  core::json::Object before{};  // the latest report; empty: there is none
  // Found in metadata earlier, and listed there no more.
  std::vector<McpAuthServer> vanished{};
};

// ---- validation_subject.cpp ----

// nullopt: there is no such server (any more). `probe`: try the clients' credentials, too.
core::Result<std::optional<Validation>> begin_validation(Reader& reader, const Service& service,
                                                         std::string_view server, bool probe);
// What was observed goes into the subject: new authorization servers join it, those known take over their
// metadata, and those not listed any more leave it.
core::Status take_over(Reader& reader, const Service& service, const Observation& seen,
                       Validation& validation);

// ---- validation_report.cpp ----

// Summary of what is known now: what could not be asked stays as it was.
core::json::Object known_metadata(const Observation& seen, const core::json::Object& before);
// Writes the report of a server as it is in the transaction; gives what has drifted, empty for nothing.
core::Result<core::json::Object> write_report(Transaction& tx, const Service& service,
                                              const McpServer& server, const Validation& validation,
                                              const Observation& seen, const Report& report);
// The tools that were seen replace those that are stored, if any were seen.
core::Status write_tools(Transaction& tx, const Service& service, const McpServer& server,
                         const ToolsSeen& tools, const Actor& actor, const std::string& transaction);

// ---- validation_apply.cpp ----

struct Verdict {
  bool good = false;   // an operation ends COMPLETED
  std::string code{};  // else why not
  std::string message{};
  std::optional<core::WallTime> again{};  // neither yet: look again then
};

// Everything that follows from a report, the end of the work apart. `server` is held in `tx`.
core::Result<Verdict> apply_report(Transaction& tx, const Service& service, const Work& work,
                                   const Validation& validation, const Observation& seen,
                                   const Report& report, McpServer& server);

}  // namespace registry
