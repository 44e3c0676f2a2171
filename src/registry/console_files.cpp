#include <array>
#include <span>
#include <string_view>

#include "registry/console.h"

// Every file of console/, in the order of their names; console_test compares with the directory. The second
// column is the symbol's.
#define CONSOLE_FILES(FILE, HTML, CSS, JS, SVG) \
  FILE("agent.js", AgentJs, JS)                 \
  FILE("agent_new.js", AgentNewJs, JS)          \
  FILE("agents.js", AgentsJs, JS)               \
  FILE("api.js", ApiJs, JS)                     \
  FILE("auth_servers.js", AuthServersJs, JS)    \
  FILE("connect.js", ConnectJs, JS)             \
  FILE("console.css", ConsoleCss, CSS)          \
  FILE("dom.js", DomJs, JS)                     \
  FILE("events.js", EventsJs, JS)               \
  FILE("favicon.svg", FaviconSvg, SVG)          \
  FILE("graph.js", GraphJs, JS)                 \
  FILE("graph_layout.js", GraphLayoutJs, JS)    \
  FILE("index.html", IndexHtml, HTML)           \
  FILE("keys.js", KeysJs, JS)                   \
  FILE("main.js", MainJs, JS)                   \
  FILE("mend.js", MendJs, JS)                   \
  FILE("operations.js", OperationsJs, JS)       \
  FILE("owners.js", OwnersJs, JS)               \
  FILE("page.css", PageCss, CSS)                \
  FILE("readiness.js", ReadinessJs, JS)         \
  FILE("register.js", RegisterJs, JS)           \
  FILE("server.js", ServerJs, JS)               \
  FILE("servers.js", ServersJs, JS)             \
  FILE("session.js", SessionJs, JS)             \
  FILE("widgets.js", WidgetsJs, JS)

// The assembler copies the files (CONSOLE_DIR comes from CMake, which also rebuilds this file when they
// change), as in catalogue/embedded.cpp.
#define EMBED(name, symbol, type)              \
  asm(".pushsection .rodata\n"                 \
      ".globl kConsole" #symbol                \
      "Begin\n"                                \
      "kConsole" #symbol                       \
      "Begin:\n"                               \
      ".incbin \"" CONSOLE_DIR "/" name        \
      "\"\n"                                   \
      ".globl kConsole" #symbol                \
      "End\n"                                  \
      "kConsole" #symbol                       \
      "End:\n"                                 \
      ".popsection\n");                        \
  extern "C" {                                 \
  extern const char kConsole##symbol##Begin[]; \
  extern const char kConsole##symbol##End[];   \
  }

CONSOLE_FILES(EMBED, , , , )

namespace registry {

std::span<const ConsoleFile> console_files() {
  static const auto files = std::to_array<ConsoleFile>({
#define ROW(name, symbol, type) {name, type, {kConsole##symbol##Begin, kConsole##symbol##End}},
      CONSOLE_FILES(ROW, "text/html; charset=utf-8", "text/css; charset=utf-8",
                    "text/javascript; charset=utf-8", "image/svg+xml")
#undef ROW
  });
  return files;
}

}  // namespace registry
