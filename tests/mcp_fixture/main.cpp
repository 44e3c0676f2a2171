// mcp-fixture-server: room mcp alone, on stdin and stdout.
#include <cstdio>
#include <signal.h>
#include <string_view>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/job.h"
#include "core/job_store.h"
#include "core/log.h"
#include "fixture_tools.h"
#include "mcp/stdio_transport.h"

namespace {

int give_up(const core::Error& error) {
  std::fprintf(stderr, "mcp-fixture-server: %s\n", core::describe(error).c_str());
  return 1;
}

// Readable when the process should end. Blocked before any thread starts, so that all threads inherit it.
int end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]) != "--stdio") {
    std::fprintf(stderr, "usage: mcp-fixture-server --stdio\n");
    return 2;
  }
  if (auto status = core::configure_log({}); !status) return give_up(status.error());
  auto jobs = core::Jobs::create({.store = core::memory_job_store()});
  if (!jobs) return give_up(jobs.error());
  auto server =
      mcp::Server::create({.info = {.name = "mcp-fixture", .title = "MCP fixture", .version = "1.0.0"},
                           .instructions = "Fixtures for protocol tests.",
                           .jobs = jobs->get()});
  if (!server) return give_up(server.error());
  if (auto status = fixture::add_tools(**server); !status) return give_up(status.error());
  if (auto status = fixture::add_task_tools(**server, **jobs); !status) return give_up(status.error());

  auto outcome = mcp::serve_stdio(**server, {.stop_fd = end_signals()});
  if (!outcome) return give_up(outcome.error());
  if (!outcome->settled) _exit(0);
  return 0;
}
