#include "net/server_loop.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <mutex>
#include <utility>

#include "core/clock.h"
#include "net/http_session.h"
#include "net/server_loop_impl.h"

namespace net {
namespace {

constexpr auto kSweep = std::chrono::milliseconds{200};

}  // namespace

core::Result<std::shared_ptr<ServerLoop>> ServerLoop::create() {
  try {
    return std::shared_ptr<ServerLoop>(new ServerLoop(std::make_unique<Io>()));
  } catch (const std::exception& error) {
    return core::fail(core::ErrorKind::unavailable, "net.listen",
                      fmt::format("Cannot make an event loop: {}.", error.what()),
                      "The process may be out of file descriptors; raise its limit (ulimit -n).");
  }
}

ServerLoop::ServerLoop(std::unique_ptr<Io> io) : io_(std::move(io)) {}

ServerLoop::~ServerLoop() = default;

void ServerLoop::post(Task task) {
  if (on_thread()) return asio::post(io_->context, std::move(task));
  std::shared_lock lock(mutex_);
  if (!finished_) asio::post(io_->context, std::move(task));
}

bool ServerLoop::on_thread() const {
  return io_->context.get_executor().running_in_this_thread();
}

void ServerLoop::run() {
  io_->context.run();
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
  }
  io_->context.restart();
  io_->context.poll();  // what came in between
}

void ServerLoop::stop() {
  post([this] {
    io_->sweep.cancel();
    io_->work.reset();
  });
}

void ServerLoop::add(std::shared_ptr<Session> session) {
  auto* key = session.get();
  sessions_.emplace(key, std::move(session));
  if (!sweeping_) sweep();
}

// One timer for all sessions, and none while there are none.
void ServerLoop::sweep() {
  sweeping_ = !sessions_.empty();
  if (!sweeping_) return;
  io_->sweep.expires_after(kSweep);
  io_->sweep.async_wait([this](error_code error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    for_each_session([now](Session& session) { session.check(now); });
    sweep();
  });
}

const std::string& ServerLoop::http_date() {
  const auto now = core::system_clock().now();
  if (const auto second = core::to_unix_seconds(now); second != date_second_) {
    date_second_ = second;
    date_ = core::to_http_date(now);
  }
  return date_;
}

}  // namespace net
