#include "registry/registry.h"

#include <array>
#include <chrono>

#include "core/log.h"
#include "registry/console.h"
#include "registry/person.h"
#include "registry/session.h"
#include "registry/sign_in.h"
#include "registry/sts.h"
#include "registry/validation.h"

namespace registry {

namespace {

core::Result<std::optional<authserver::User>> active_user(core::Result<std::optional<Person>> found) {
  ASSIGN_OR_RETURN(const auto person, std::move(found));
  if (!person || !person->active()) return std::nullopt;
  return user_of(*person);
}

// How long each kind of work takes, how it ends, and how long it waited: a queue that grows shows here first.
WorkHandlers measured(WorkHandlers handlers, const Service& service) {
  core::Metrics* metrics = service.metrics;
  if (!metrics) return handlers;
  for (auto& entry : handlers) {
    const std::string& kind = entry.first;
    WorkHandler& handler = entry.second;
    struct Series {
      core::Histogram& took;
      core::Histogram& waited;
      core::Counter& done;
      core::Counter& failed;
    };
    const core::Labels labels{{"kind", kind}};
    const auto ended = [&](std::string_view outcome) -> core::Counter& {
      return metrics->counter("okta_registry_work_total", "Work that ended, by kind and outcome.",
                              {{"kind", kind}, {"outcome", std::string(outcome)}});
    };
    const Series series{
        .took = metrics->histogram("okta_registry_work_seconds", "How long work took.", labels),
        .waited = metrics->histogram("okta_registry_work_wait_seconds", "How long due work waited.", labels),
        .done = ended("done"),
        .failed = ended("failed")};
    handler = [inner = std::move(handler), series](const core::Context& context, const Service& with,
                                                   const Work& work) -> core::Status {
      series.waited.observe(std::chrono::duration<double>(with.now() - work.due).count());
      const auto begun = with.clock->steady();
      auto status = inner(context, with, work);
      series.took.observe(std::chrono::duration<double>(with.clock->steady() - begun).count());
      (status ? series.done : series.failed).add();
      return status;
    };
  }
  return handlers;
}

StsPages consent_pages(const Service& service) {
  return {.signed_in = [&service](const net::ServerRequest& request) -> std::optional<SignedIn> {
            const auto session = session_of(service, request);
            if (!session) {
              core::log(core::LogLevel::error, "sign-in", core::describe(session.error()));
              return std::nullopt;
            }
            if (!*session) return std::nullopt;
            return SignedIn{.user_id = (*session)->person.id, .login = (*session)->person.login};
          },
          .sign_in = "/login"};
}

}  // namespace

TokenOptions token_options(const Service& service) {
  return {
      .user_by_id = [](Reader& reader, std::string_view id) { return active_user(find_person(reader, id)); },
      .user_by_login =
          [](Reader& reader, std::string_view login) {
            return active_user(find_person_by_login(reader, login));
          },
      .is_administrator = [](Reader& reader, std::string_view user) -> core::Result<bool> {
        ASSIGN_OR_RETURN(const auto person, find_person(reader, user));
        return person && person->active() && person->owner;
      },
      .find_client = [&service](Reader&,
                                std::string_view id) -> core::Result<std::optional<authserver::Client>> {
        if (id != kConsoleClientId) return std::nullopt;
        return console_client(service.settings.issuer);
      },
      .authorize = [&service](
                       const authserver::Server& org,
                       const net::ServerRequest& request) { return authorize(service, org, request); }};
}

core::Result<std::unique_ptr<Registry>> Registry::create(const Service& service, RegistryOptions options) {
  std::unique_ptr<Registry> made(new Registry(service));
  const Service& own = made->service_;
  ASSIGN_OR_RETURN(made->tokens_, TokenService::create(own, token_options(own)));
  const TokenService* tokens = made->tokens_.get();
  std::vector<Pages> pages;
  pages.emplace_back([&own](const net::ServerRequest& request) { return handle_sign_in(own, request); });
  pages.emplace_back([&own, consent = consent_pages(own)](const net::ServerRequest& request) {
    return handle_sts_page(own, consent, request);
  });
  pages.emplace_back([tokens](const net::ServerRequest& request) { return tokens->handle(request); });
  pages.emplace_back([](const net::ServerRequest& request) { return serve_console(request); });
  ASSIGN_OR_RETURN(made->server_, Server::create({.service = own,
                                                  .authenticate =
                                                      [tokens](const net::ServerRequest& request) {
                                                        return tokens->authenticate(request);
                                                      },
                                                  .pages = std::move(pages),
                                                  .limits = std::move(options.limits)}));
  WorkHandlers handlers;
  add_discovery_work(handlers);
  add_mcp_server_work(handlers);
  add_sts_work(handlers);
  ASSIGN_OR_RETURN(made->worker_,
                   Worker::create(own, measured(std::move(handlers), own),
                                  {.threads = options.worker_threads, .lease = options.work_lease}));
  return made;
}

Registry::~Registry() {
  stop();
}

core::Status Registry::start() {
  RETURN_IF_ERROR(schedule_discovery_work(service_));
  RETURN_IF_ERROR(schedule_sts_work(service_));
  worker_->start();
  return {};
}

void Registry::stop() {
  if (worker_) worker_->stop();
}

}  // namespace registry
