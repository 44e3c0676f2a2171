// `serve`: MCP over stdin and stdout, until the host closes stdin or the process is told to end.
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <thread>
#include <unistd.h>

#include "admin/offer.h"
#include "commands.h"
#include "core/log.h"
#include "mcp/server.h"
#include "mcp/stdio_transport.h"
#include "oauth/browser.h"
#include "runtimes.h"
#include "serve_common.h"

namespace {

constexpr auto kJobGrace = std::chrono::seconds{5};

// Tells the person how to sign in, by every way that reaches them.
class SignInGuide {
 public:
  explicit SignInGuide(mcp::Server& server) : server_(server) {}

  void connected(std::shared_ptr<mcp::Session> session) {
    std::lock_guard lock(mutex_);
    session_ = std::move(session);
  }

  // `org` is empty where there is only one.
  void prompt(const std::string& org, const oauth::DevicePrompt& prompt) {
    const std::string where = org.empty() ? "Okta" : fmt::format("Okta (org {})", org);
    std::fprintf(stderr, "To sign in to %s, open %s and confirm the code %s\n", where.c_str(),
                 prompt.link().c_str(), prompt.user_code.c_str());
    for (const auto& notice : prompt.notices) std::fprintf(stderr, "%s\n", notice.c_str());
    server_.log(core::LogLevel::notice, "sign-in",
                core::json::Object{{"message", fmt::format("To sign in to {}, open the link and confirm the "
                                                           "code.",
                                                           where)},
                                   {"link", prompt.link()},
                                   {"code", prompt.user_code}});
    std::shared_ptr<mcp::Session> session;
    std::string elicitation = core::system_random().uuid();
    {
      std::lock_guard lock(mutex_);
      session = session_;
      elicitations_[org] = elicitation;
    }
    if (session && session->can_elicit_url()) {
      mcp::UrlQuestion question{
          .message =
              fmt::format("Sign in to {}: open the link and confirm the code {}.", where, prompt.user_code),
          .url = prompt.link(),
          .elicitation_id = std::move(elicitation)};
      if (auto asked = session->elicit_url(question, [](mcp::Answer) {}); !asked) {
        core::log(core::LogLevel::info, "sign-in", "the client could not be asked",
                  {{"reason", asked.error().message}});
      }
    }
    oauth::open_browser(prompt.link());
  }

  void signed_in(const std::string& org) {
    core::log(core::LogLevel::info, "sign-in", "signed in", {{"org", org}});
    std::shared_ptr<mcp::Session> session;
    std::string elicitation;
    {
      std::lock_guard lock(mutex_);
      session = session_;
      elicitation = std::exchange(elicitations_[org], {});
    }
    if (session && !elicitation.empty() && session->can_elicit_url())
      session->elicitation_complete(elicitation);
    admin::offer_again(server_);
  }

  void failed(const std::string& org, const core::Error& error) {
    core::log(core::LogLevel::error, "sign-in", core::describe(error), {{"code", error.code}, {"org", org}});
    server_.log(core::LogLevel::error, "sign-in",
                core::json::Object{
                    {"message", "Signing in failed."}, {"org", org}, {"reason", core::describe(error)}});
  }

 private:
  mcp::Server& server_;
  std::mutex mutex_;
  std::shared_ptr<mcp::Session> session_;
  std::map<std::string, std::string> elicitations_;  // the last of each org
};

}  // namespace

int cmd_serve(const Configuration& configuration) {
  const int stop_fd = signal_descriptor({SIGTERM, SIGINT, SIGHUP});
  auto jobs = make_jobs("");
  if (!jobs) return complain(jobs.error());
  auto server = make_server(configuration, {.jobs = jobs->get()});
  if (!server) return complain(server.error());

  SignInGuide guide(**server);
  Runtimes runtimes(configuration, [&guide](const Settings& org) {
    const std::string name = org.org_name;
    return SignInListener{
        .on_prompt = [&guide, name](const oauth::DevicePrompt& prompt) { guide.prompt(name, prompt); },
        .on_signed_in = [&guide, name] { guide.signed_in(name); },
        .on_failed = [&guide, name](const core::Error& error) { guide.failed(name, error); }};
  });
  admin::OwnLogin entrance(runtimes.orgs());
  admin::Completions completions(entrance, core::system_clock());
  if (auto added = admin::offer_all(**server, entrance, completions); !added) return complain(added.error());

  // Signing in touches disk and network: never on the reading thread.
  std::once_flag once;
  std::jthread signing_in;
  auto sign_in = [&] {
    std::call_once(once, [&] {
      signing_in = std::jthread([&](const std::stop_token& stop) { runtimes.begin_sign_in(stop); });
    });
  };
  (*server)->on_legacy_ready([&](std::shared_ptr<mcp::Session> session) {
    guide.connected(std::move(session));
    sign_in();
  });
  (*server)->on_first_modern_call(sign_in);

  auto outcome = mcp::serve_stdio(**server, {.stop_fd = stop_fd});
  if (!outcome) return complain(outcome.error());
  // A handler that ignores its stop must not keep a closed server alive.
  (*jobs)->stop();
  if (!outcome->settled || !(*jobs)->settle(kJobGrace)) _exit(0);
  return 0;
}
