#include "mcp/server.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "core/random.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"

namespace mcp {
namespace {

constexpr std::size_t kMaxInstructions = 2048;

std::vector<Codec> all_codecs(const ServerOptions& options) {
  std::vector<Codec> codecs;
  codecs.reserve(kRevisions);
  for (std::size_t i = 0; i < kRevisions; ++i) codecs.emplace_back(static_cast<Revision>(i), options);
  return codecs;
}

}  // namespace

void Work::begin() {
  std::lock_guard lock(mutex_);
  ++running_;
}

void Work::end() {
  {
    std::lock_guard lock(mutex_);
    if (--running_ != 0) return;
  }
  idle_.notify_all();
}

bool Work::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, at_most, [this] { return running_ == 0; });
}

ServerShared::ServerShared(ServerOptions settings)
    : options(std::move(settings)),
      tools(options.tools_page_size),
      resources(options.page_size),
      prompts(options.page_size),
      codecs(all_codecs(options)),
      questions(options.max_open_questions),
      watches(options.max_watches),
      states(*options.clock, options.question_timeout,
             options.shared_states ? std::optional(*options.shared_states) : std::nullopt),
      alarms(*options.clock),
      trace_prefix(core::system_random().token(9)),
      local(options.local),
      upstream(options.upstream) {}

Budget::Reservation ServerShared::reserve_question() {
  auto reservation = questions.reserve();
  if (reservation) return reservation;
  states.drop_expired();
  return questions.reserve();
}

std::string ServerShared::next_trace_id() {
  // Once for every call: not worth a parsed format.
  const fmt::format_int number(++traces);
  std::string id;
  id.reserve(trace_prefix.size() + 1 + number.size());
  id += trace_prefix;
  id += '-';
  id.append(number.data(), number.size());
  return id;
}

void ServerShared::enlist(const std::shared_ptr<Session>& session) {
  std::lock_guard lock(sessions_mutex);
  // Gone ones are dropped now and then, so that many short sessions cost little each.
  if (sessions.size() >= sessions_swept * 2) {
    std::erase_if(sessions, [](const std::weak_ptr<Session>& weak) { return weak.expired(); });
    sessions_swept = std::max<std::size_t>(sessions.size(), 64);
  }
  if (!session->impl_->enlisted.exchange(true)) sessions.push_back(session);
}

std::vector<std::shared_ptr<Session>> ServerShared::live_sessions() {
  std::lock_guard lock(sessions_mutex);
  std::vector<std::shared_ptr<Session>> live;
  std::erase_if(sessions, [&](const std::weak_ptr<Session>& weak) {
    auto session = weak.lock();
    if (session) live.push_back(std::move(session));
    return weak.expired();
  });
  return live;
}

void ServerShared::note_modern_call() {
  if (modern_called.load(std::memory_order_relaxed) || modern_called.exchange(true)) return;
  if (first_modern_call) first_modern_call();
}

Offer ServerShared::offer() const {
  return {.tools = !tools.empty(),
          .resources = !resources.empty(),
          .prompts = !prompts.empty(),
          .completions = resources.can_complete() || prompts.can_complete(),
          .tasks = options.jobs != nullptr,
          .ui = resources.has_ui()};
}

void ServerShared::tell_list_changed(std::string_view method, bool ListenFilter::* kind) {
  for (const auto& session : live_sessions()) session->impl_->list_changed(method, kind);
}

std::string_view to_string(CallReport::Outcome outcome) {
  switch (outcome) {
    case CallReport::Outcome::answered:
      return "answered";
    case CallReport::Outcome::failed:
      return "failed";
    case CallReport::Outcome::asked:
      return "asked";
    case CallReport::Outcome::cancelled:
      return "cancelled";
  }
  return "answered";
}

core::Result<std::unique_ptr<Server>> Server::create(ServerOptions options) {
  if (options.info.name.empty() || options.info.version.empty()) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.server.info",
                      "A server has a name and a version.");
  }
  if (options.instructions.size() > kMaxInstructions) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.server.instructions",
                      fmt::format("The instructions have {} bytes; hosts cut them at {}.",
                                  options.instructions.size(), kMaxInstructions));
  }
  if (options.page_size == 0 || options.tools_page_size == 0) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.server.page_size",
                      "A page of a list has room for at least one entry.");
  }
  RETURN_IF_ERROR(check_icons(options.info.icons, "the server"));
  return std::unique_ptr<Server>(new Server(std::make_unique<ServerShared>(std::move(options))));
}

Server::Server(std::unique_ptr<ServerShared> shared) : shared_(std::move(shared)) {}
Server::~Server() = default;

core::Status Server::add_tool(Tool tool) {
  if (tool.tasks != TaskSupport::never && !shared_->options.jobs) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.tool.tasks",
                      fmt::format("Tool {} starts jobs; the server has nothing that runs them.", tool.name));
  }
  return shared_->tools.add(std::move(tool));
}

void Server::set_visible(std::function<bool(const Tool&)> visible) {
  shared_->tools.set_visible(std::move(visible));
}

void Server::tools_changed() {
  if (shared_->tools.refresh()) shared_->tell_list_changed(method::kToolsListChanged, &ListenFilter::tools);
}

core::Status Server::add_resource(Resource resource) {
  return shared_->resources.add(std::move(resource));
}

core::Status Server::add_resource_template(ResourceTemplate resource_template) {
  return shared_->resources.add(std::move(resource_template));
}

core::Status Server::add_prompt(Prompt prompt) {
  return shared_->prompts.add(std::move(prompt));
}

void Server::set_resources_visible(std::function<bool(const Resource&)> resource,
                                   std::function<bool(const ResourceTemplate&)> resource_template) {
  shared_->resources.set_visible(std::move(resource), std::move(resource_template));
}

void Server::set_prompts_visible(std::function<bool(const Prompt&)> visible) {
  shared_->prompts.set_visible(std::move(visible));
}

void Server::resources_changed() {
  if (!shared_->resources.refresh()) return;
  shared_->tell_list_changed(method::kResourcesListChanged, &ListenFilter::resources);
}

void Server::prompts_changed() {
  if (!shared_->prompts.refresh()) return;
  shared_->tell_list_changed(method::kPromptsListChanged, &ListenFilter::prompts);
}

void Server::resource_updated(std::string_view uri) {
  if (shared_->watches.used() == 0) return;
  for (const auto& session : shared_->live_sessions()) session->impl_->resource_updated(uri);
}

void Server::resources_updated(const UpdatedResources& updated) {
  if (shared_->watches.used() == 0) return;
  std::set<std::string> watched;
  for (const auto& session : shared_->live_sessions()) session->impl_->add_watched(watched);
  for (const std::string& uri : watched) {
    if (auto found = shared_->resources.find(uri); found && updated(found.name(), found.variables)) {
      resource_updated(uri);
    }
  }
}

void Server::log(core::LogLevel level, std::string_view logger, const core::json::Value& data) {
  for (const auto& session : shared_->live_sessions())
    session->impl_->log(level, logger, data, session->impl_->outlet());
}

void Server::on_legacy_ready(std::function<void(std::shared_ptr<Session>)> callback) {
  shared_->legacy_ready = std::move(callback);
}

void Server::on_first_modern_call(std::function<void()> callback) {
  shared_->first_modern_call = std::move(callback);
}

std::shared_ptr<Session> Server::connect(std::shared_ptr<Outlet> outlet) {
  return std::shared_ptr<Session>(new Session(*shared_, std::move(outlet)));
}

std::shared_ptr<Session> Server::resume(std::shared_ptr<Outlet> outlet, const Handshake& handshake) {
  auto session = connect(std::move(outlet));
  session->impl_->resume(handshake);
  return session;
}

const Tool* Server::find_tool(std::string_view name) const {
  return shared_->tools.find(name);
}

std::span<const HeaderParameter> Server::header_parameters(const Tool& tool) const {
  return shared_->tools.header_parameters(tool);
}

bool Server::serves_modern(std::string_view method) const {
  return SessionImpl::serves_modern(*shared_, method);
}

const std::vector<std::string>* Server::unmet_scopes(const Request& request,
                                                     const PermitsScopes& permits) const {
  using core::json::string_or_empty;
  const core::json::Object& params = request.params;
  const std::vector<std::string>* unmet = nullptr;
  auto need = [&](const std::vector<std::string>& scopes) {
    if (!unmet && !scopes.empty() && !permits(scopes)) unmet = &scopes;
  };
  auto of_prompt = [&](std::string_view name) {
    if (const Prompt* prompt = shared_->prompts.find(name)) need(prompt->scopes);
  };
  auto of_resource = [&](std::string_view uri) {
    if (auto found = shared_->resources.find(uri)) need(found.scopes());
  };
  if (request.method == method::kToolsCall) {
    if (const Tool* tool = shared_->tools.find(string_or_empty(params, "name"))) need(tool->scopes);
  } else if (request.method == method::kPromptsGet) {
    of_prompt(string_or_empty(params, "name"));
  } else if (request.method == method::kResourcesRead || request.method == method::kSubscribe) {
    of_resource(string_or_empty(params, "uri"));
  } else if (request.method == method::kListen) {
    const auto* uris = core::json::find(params, "notifications.resourceSubscriptions");
    const auto* list = uris ? uris->if_array() : nullptr;
    // Those beyond the limit are not listened to.
    const std::size_t count = list ? std::min(list->size(), shared_->options.max_subscriptions) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      if ((*list)[i].is_string()) of_resource((*list)[i].get_string());
    }
  } else if (request.method == method::kComplete) {
    // What is suggested is as much as what is read (page Completion, "Security").
    of_prompt(string_or_empty(params, "ref.name"));
    if (auto found = shared_->resources.find_template(string_or_empty(params, "ref.uri"))) {
      need(found.resource_template->scopes);
    }
  }
  return unmet;
}

bool Server::settle(std::chrono::milliseconds at_most) {
  return shared_->work.wait(at_most);
}

const ServerOptions& Server::options() const {
  return shared_->options;
}

}  // namespace mcp
