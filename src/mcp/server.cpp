#include "mcp/server.h"

#include <algorithm>
#include <fmt/format.h>

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
      codecs(all_codecs(options)),
      questions(options.max_open_questions),
      states(*options.clock, options.question_timeout),
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
  return fmt::format("{}-{}", trace_prefix, ++traces);
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
  return std::unique_ptr<Server>(new Server(std::make_unique<ServerShared>(std::move(options))));
}

Server::Server(std::unique_ptr<ServerShared> shared) : shared_(std::move(shared)) {}
Server::~Server() = default;

core::Status Server::add_tool(Tool tool) {
  return shared_->tools.add(std::move(tool));
}

void Server::set_visible(std::function<bool(const Tool&)> visible) {
  shared_->tools.set_visible(std::move(visible));
}

void Server::tools_changed() {
  if (!shared_->tools.refresh()) return;
  for (const auto& session : shared_->live_sessions()) session->impl_->tools_changed();
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

bool Server::settle(std::chrono::milliseconds at_most) {
  return shared_->work.wait(at_most);
}

const ServerOptions& Server::options() const {
  return shared_->options;
}

}  // namespace mcp
