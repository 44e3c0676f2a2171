#include "mcp/stdio_client.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "mcp/child_process.h"
#include "mcp/client_answer.h"
#include "mcp/jsonrpc.h"

namespace mcp {

using core::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kStderrKept = 1u << 20;
constexpr std::size_t kStderrShown = 1000;
constexpr milliseconds kWritePatience = std::chrono::seconds{30};

int milliseconds_left(steady_clock::time_point until) {
  if (until == steady_clock::time_point::max()) return -1;
  auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 1 << 30));
}

}  // namespace

// One line is one message (page stdio). A thread reads; whoever calls, writes and waits.
class StdioTransport final : public ClientTransport {
 public:
  StdioTransport(std::string program, Child child, const ClientLimits& limits)
      : program_(std::move(program)), limits_(limits), child_(std::move(child)) {}
  ~StdioTransport() override {
    end(std::chrono::seconds{10});
    ::close(wake_fd_);
  }

  void start(Receiver receiver) override {
    receiver_ = std::move(receiver);
    reader_ = std::thread([this] { read_all(); });
  }
  core::Result<Received> exchange(const core::Context& context, const Outgoing& request) override;
  core::Status notify(const core::Context& context, const Outgoing& notification) override {
    std::string params;
    if (!notification.params.empty()) core::json::append(params, notification.params);
    return write_line(context, encode_notification(notification.method, params));
  }
  core::Status answer(const core::Context& context, std::string message) override {
    return write_line(context, std::move(message));
  }
  void agree(Revision) override {}
  bool may_stay_silent() const override { return true; }
  bool hanging_up_cancels() const override { return false; }
  void close() override { end(std::chrono::seconds{10}); }

  int end(milliseconds patience);
  int pid() const { return child_.pid(); }
  std::string stderr_text() const {
    std::lock_guard lock(mutex_);
    return stderr_.size() > kStderrKept ? stderr_.substr(stderr_.size() - kStderrKept) : stderr_;
  }

 private:
  core::Status write_line(const core::Context& context, std::string line);
  void read_all();
  void take_stdout(std::string_view text);
  void take_stderr(std::string_view text);
  void take_message(std::string_view line);
  void finish(std::string why);
  std::unexpected<core::Error> closed();

  const std::string program_;
  const ClientLimits limits_;
  Child child_;
  const int wake_fd_ = ::eventfd(0, EFD_CLOEXEC);
  Receiver receiver_;

  std::mutex write_mutex_;
  std::mutex end_mutex_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable_any changed_;
  std::map<std::string, std::optional<Received>> pending_;  // by id as JSON
  std::optional<std::string> finished_;                     // why nothing more comes
  std::string stderr_;

  std::string partial_;  // reading thread only
  std::thread reader_;
};

core::Status StdioTransport::write_line(const core::Context& context, std::string line) {
  line += '\n';
  const auto until = std::min(context.deadline, steady_clock::now() + kWritePatience);
  std::lock_guard lock(write_mutex_);
  for (std::size_t written = 0; written < line.size();) {
    if (child_.in() < 0) return closed();
    const ssize_t count = ::write(child_.in(), line.data() + written, line.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      pollfd ready{child_.in(), POLLOUT, 0};
      if (::poll(&ready, 1, milliseconds_left(until)) == 0) {
        // A part of the line may be in the pipe: nothing that follows would be understood.
        if (written > 0) child_.close_in();
        return core::fail(ErrorKind::timeout, "mcp.client.timeout", "The server does not read its input.");
      }
    } else if (errno != EINTR) {
      return closed();
    }
  }
  return {};
}

std::unexpected<core::Error> StdioTransport::closed() {
  std::unique_lock lock(mutex_);
  // A write may fail before the reading thread has seen why.
  changed_.wait_for(lock, std::chrono::seconds{2}, [&] { return finished_.has_value(); });
  const std::string tail =
      outside_text(std::string_view(stderr_).substr(stderr_.size() - std::min(stderr_.size(), kStderrShown)),
                   kStderrShown);
  return core::fail(
      ErrorKind::unavailable, "mcp.client.closed",
      fmt::format("The server {} is gone: {}.", program_, finished_.value_or("it closed its input")),
      tail.empty() ? std::string{} : "Its last words: " + tail);
}

void StdioTransport::finish(std::string why) {
  std::lock_guard lock(mutex_);
  if (!finished_) finished_ = std::move(why);
  changed_.notify_all();
}

void StdioTransport::read_all() {
  char buffer[64 << 10];
  pollfd sources[3] = {{child_.out(), POLLIN, 0}, {child_.err(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (::poll(sources, 3, -1) < 0) continue;
    if (sources[2].revents != 0) break;
    for (int i = 0; i < 2; ++i) {
      if (sources[i].revents == 0) continue;
      const ssize_t count = ::read(sources[i].fd, buffer, sizeof buffer);
      if (count > 0) {
        const std::string_view text(buffer, static_cast<std::size_t>(count));
        i == 0 ? take_stdout(text) : take_stderr(text);
      } else if (count == 0 || errno != EINTR) {
        sources[i].fd = -1;
      }
    }
  }
  // Only after its last words were read, so that the error can show them.
  finish("it closed its output");
}

void StdioTransport::take_stderr(std::string_view text) {
  std::lock_guard lock(mutex_);
  stderr_ += text;
  if (stderr_.size() > 2 * kStderrKept) stderr_.erase(0, stderr_.size() - kStderrKept);
}

void StdioTransport::take_stdout(std::string_view text) {
  while (!text.empty()) {
    const auto newline = text.find('\n');
    const auto part = text.substr(0, newline);
    if (partial_.size() + part.size() > limits_.message_bytes) {
      finish(fmt::format("it wrote a line longer than {} bytes", limits_.message_bytes));
      partial_.clear();
    } else {
      partial_ += part;
    }
    if (newline == std::string_view::npos) return;
    const std::string line = std::exchange(partial_, {});
    take_message(line);
    text.remove_prefix(newline + 1);
  }
}

void StdioTransport::take_message(std::string_view line) {
  {
    // After a breach there is nothing to trust, but the pipe is read on so that the server can end.
    std::lock_guard lock(mutex_);
    if (finished_) return;
  }
  Incoming incoming = decode(line, {.max_bytes = limits_.message_bytes, .max_depth = limits_.message_depth});
  auto* message = std::get_if<Message>(&incoming);
  if (!message) return;  // batches are answers to batches, and none are sent
  if (auto* response = std::get_if<Response>(message)) {
    std::lock_guard lock(mutex_);
    const auto slot = pending_.find(response->id.json);
    if (slot == pending_.end() || slot->second) return;
    slot->second = Received{std::move(*response), line.size()};
    changed_.notify_all();
  } else if (auto* rejected = std::get_if<Rejected>(message)) {
    finish("it wrote something that is no message: " + outside_text(rejected->message));
  } else if (!std::holds_alternative<Ignored>(*message)) {
    receiver_(std::move(*message));
  }
}

core::Result<Received> StdioTransport::exchange(const core::Context& context, const Outgoing& request) {
  const std::string& id = request.id->json;
  {
    std::lock_guard lock(mutex_);
    pending_.emplace(id, std::nullopt);
  }
  std::string params;
  core::json::append(params, request.params);
  auto written = write_line(context, encode_request(*request.id, request.method, params));

  std::unique_lock lock(mutex_);
  const auto slot = pending_.find(id);
  if (written) {
    const auto over = [&] { return slot->second.has_value() || finished_.has_value(); };
    if (context.deadline == steady_clock::time_point::max()) {
      changed_.wait(lock, context.stop, over);
    } else {
      changed_.wait_until(lock, context.stop, context.deadline, over);
    }
  }
  auto reply = std::move(slot->second);
  pending_.erase(slot);
  const bool gone = finished_.has_value();
  lock.unlock();

  if (!written) return std::unexpected(std::move(written).error());
  if (reply) return std::move(*reply);
  if (gone) return closed();
  if (context.cancelled()) {
    return core::fail(ErrorKind::cancelled, "mcp.client.cancelled", "The request was cancelled.");
  }
  return core::fail(ErrorKind::timeout, "mcp.client.timeout", "The server did not answer in time.");
}

int StdioTransport::end(milliseconds patience) {
  std::lock_guard once(end_mutex_);
  {
    std::lock_guard lock(write_mutex_);
    child_.close_in();
  }
  auto status = child_.wait(patience);
  if (!status) {
    child_.signal(SIGTERM);
    status = child_.wait(patience);
  }
  if (!status) {
    child_.signal(SIGKILL);
    status = child_.wait(std::chrono::minutes{1});
  }
  // What it wrote last is still in the pipes; a grandchild may hold them open, so the reading ends after a
  // while.
  if (reader_.joinable()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::seconds{1}, [this] { return finished_.has_value(); });
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] auto woken = ::write(wake_fd_, &one, sizeof one);
    reader_.join();
  }
  return status.value_or(-1);
}

core::Result<std::unique_ptr<StdioClient>> StdioClient::start(StdioClientOptions options) {
  // A server that ends while it is written to must not end this process.
  std::signal(SIGPIPE, SIG_IGN);
  ASSIGN_OR_RETURN(
      Child child,
      Child::start({.argv = options.argv, .env = options.env, .inherit_env = options.inherit_env}));
  auto transport = std::make_unique<StdioTransport>(options.argv[0], std::move(child), options.client.limits);
  StdioTransport& way = *transport;
  std::unique_ptr<StdioClient> client(new StdioClient(way, std::move(transport), std::move(options.client)));
  RETURN_IF_ERROR(client->shake_hands());
  return client;
}

StdioClient::StdioClient(StdioTransport& transport, std::unique_ptr<ClientTransport> owner,
                         ClientOptions options)
    : Client(std::move(owner), std::move(options)), transport_(transport) {}

std::string StdioClient::stderr_text() const {
  return transport_.stderr_text();
}

int StdioClient::pid() const {
  return transport_.pid();
}

int StdioClient::close(milliseconds patience) {
  const int status = transport_.end(patience);
  Client::close();
  return status;
}

}  // namespace mcp
