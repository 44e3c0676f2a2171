#include "mcp/stdio_client.h"

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "mcp/child_process.h"
#include "mcp/form.h"
#include "mcp/json_text.h"
#include "mcp/jsonrpc.h"

namespace mcp {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kStderrKept = 1u << 20;
constexpr std::size_t kStderrShown = 1000;
constexpr std::size_t kMaxLine = 64u << 20;
constexpr int kMaxRounds = 16;  // of one multi-round-trip call

std::unexpected<core::Error> protocol_error(std::string message) {
  return core::fail(core::ErrorKind::protocol, "mcp.client.protocol", std::move(message));
}

Object answer_object(const InputResponse& response) {
  Object object{{"action", to_string(response.action)}};
  if (response.action == Answer::accept) object["content"] = response.content;
  return object;
}

int milliseconds_left(steady_clock::time_point until) {
  auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 1 << 30));
}

}  // namespace

struct StdioClient::Impl {
  Impl(StdioClientOptions settings, Child process)
      : options(std::move(settings)), child(std::move(process)) {}

  core::Status write_line(std::string line);
  void read_all();
  void take_stdout(std::string_view text);
  void take_message(std::string_view line);
  void answer_request(const Request& request);
  void end(std::string why);
  std::string stderr_tail() const;  // under mutex
  std::unexpected<core::Error> closed();
  Object capabilities() const;
  Object modern_meta() const;
  core::Result<Object> request(std::string_view method, Object params, milliseconds timeout);
  core::Status handshake();

  const StdioClientOptions options;
  Child child;
  int wake_fd = ::eventfd(0, EFD_CLOEXEC);
  Object server;

  std::mutex write_mutex;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::int64_t serial = 0;
  std::map<std::int64_t, std::optional<Response>> pending;
  std::optional<std::string> ended;  // why nothing more comes
  std::string stderr_text;

  std::string partial;  // reading thread only
  std::thread reader;
};

core::Status StdioClient::Impl::write_line(std::string line) {
  line += '\n';
  auto until = steady_clock::now() + options.timeout;
  std::lock_guard lock(write_mutex);
  for (std::size_t written = 0; written < line.size();) {
    if (child.in() < 0) return closed();
    ssize_t count = ::write(child.in(), line.data() + written, line.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      pollfd ready{child.in(), POLLOUT, 0};
      if (::poll(&ready, 1, milliseconds_left(until)) == 0) {
        return core::fail(core::ErrorKind::timeout, "mcp.client.timeout",
                          "The server does not read its input.");
      }
    } else if (errno != EINTR) {
      return closed();
    }
  }
  return {};
}

std::string StdioClient::Impl::stderr_tail() const {
  return stderr_text.size() > kStderrShown ? stderr_text.substr(stderr_text.size() - kStderrShown)
                                           : stderr_text;
}

std::unexpected<core::Error> StdioClient::Impl::closed() {
  std::unique_lock lock(mutex);
  // A write may fail before the reading thread has seen why.
  changed.wait_for(lock, std::chrono::seconds{2}, [&] { return ended.has_value(); });
  std::string tail = stderr_tail();
  return core::fail(
      core::ErrorKind::unavailable, "mcp.client.closed",
      fmt::format("The server {} is gone: {}.", options.argv[0], ended.value_or("it closed its input")),
      tail.empty() ? std::string{} : "Its last words: " + tail);
}

void StdioClient::Impl::end(std::string why) {
  std::lock_guard lock(mutex);
  if (!ended) ended = std::move(why);
  changed.notify_all();
}

void StdioClient::Impl::read_all() {
  char buffer[64 << 10];
  pollfd sources[3] = {{child.out(), POLLIN, 0}, {child.err(), POLLIN, 0}, {wake_fd, POLLIN, 0}};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (::poll(sources, 3, -1) < 0) continue;
    if (sources[2].revents != 0) break;
    if (sources[0].revents != 0) {
      ssize_t count = ::read(sources[0].fd, buffer, sizeof buffer);
      if (count > 0) {
        take_stdout({buffer, static_cast<std::size_t>(count)});
      } else if (count == 0 || errno != EINTR) {
        sources[0].fd = -1;
        if (count == 0 && sources[1].fd < 0) break;
      }
    }
    if (sources[1].revents != 0) {
      ssize_t count = ::read(sources[1].fd, buffer, sizeof buffer);
      if (count > 0) {
        std::lock_guard lock(mutex);
        stderr_text.append(buffer, static_cast<std::size_t>(count));
        if (stderr_text.size() > 2 * kStderrKept) stderr_text.erase(0, stderr_text.size() - kStderrKept);
      } else if (count == 0 || errno != EINTR) {
        sources[1].fd = -1;
      }
    }
    // Only after its last words were read, so that the error can show them.
    if (sources[0].fd < 0 && sources[1].fd < 0) end("it closed its output");
  }
  end("it closed its output");
}

void StdioClient::Impl::take_stdout(std::string_view text) {
  while (!text.empty()) {
    auto newline = text.find('\n');
    partial.append(text.substr(0, newline));
    if (partial.size() > kMaxLine) {
      end(fmt::format("it wrote a line longer than {} bytes", kMaxLine));
      partial.clear();
    }
    if (newline == std::string_view::npos) return;
    take_message(std::exchange(partial, {}));
    text.remove_prefix(newline + 1);
  }
}

void StdioClient::Impl::take_message(std::string_view line) {
  Incoming incoming = decode(line, {.max_bytes = kMaxLine, .max_depth = 256});
  auto* message = std::get_if<Message>(&incoming);
  if (!message) return;
  if (auto* response = std::get_if<Response>(message)) {
    std::lock_guard lock(mutex);
    for (auto& [id, slot] : pending) {
      if (RequestId::of(id) == response->id) slot = std::move(*response);
    }
    changed.notify_all();
  } else if (auto* request = std::get_if<Request>(message)) {
    answer_request(*request);
  } else if (auto* notification = std::get_if<Notification>(message)) {
    if (options.on_notification) options.on_notification(notification->method, notification->params);
  } else if (auto* rejected = std::get_if<Rejected>(message)) {
    end("it wrote something that is no message: " + rejected->message);
  }
}

void StdioClient::Impl::answer_request(const Request& request) {
  std::string answer;
  if (request.method == method::kElicit && options.on_elicitation) {
    std::string result;
    core::json::append(result, answer_object(options.on_elicitation(request.params)));
    answer = encode_result(request.id, result);
  } else if (request.method == method::kPing) {
    answer = encode_result(request.id, "{}");
  } else {
    answer = encode_error(request.id, code::kMethodNotFound, "Method not found");
  }
  if (auto status = write_line(std::move(answer)); !status) end(status.error().message);
}

Object StdioClient::Impl::capabilities() const {
  Object declared;
  if (!options.on_elicitation || options.revision < Revision::v2025_06_18) return declared;
  Object modes;
  if (options.revision >= Revision::v2025_11_25) {
    modes["form"] = Object{};
    if (options.url_elicitation) modes["url"] = Object{};
  }
  declared["elicitation"] = std::move(modes);
  return declared;
}

Object StdioClient::Impl::modern_meta() const {
  return {{meta::kProtocolVersion, to_string(options.revision)},
          {meta::kClientInfo, {{"name", options.name}, {"version", options.version}}},
          {meta::kClientCapabilities, capabilities()}};
}

core::Result<Object> StdioClient::Impl::request(std::string_view method, Object params,
                                                milliseconds timeout) {
  if (timeout == milliseconds{}) timeout = options.timeout;
  if (is_modern(options.revision)) {
    Object about = modern_meta();
    if (const Value* given = params.if_contains("_meta"); given && given->is_object()) {
      for (const auto& member : given->get_object()) about.insert_or_assign(member.key(), member.value());
    }
    params["_meta"] = std::move(about);
  }
  std::int64_t id = 0;
  {
    std::lock_guard lock(mutex);
    id = ++serial;
    pending.emplace(id, std::nullopt);
  }
  std::string text;
  core::json::append(text, params);
  auto written = write_line(encode_request(RequestId::of(id), method, text));

  std::unique_lock lock(mutex);
  auto& slot = pending[id];
  if (written) changed.wait_for(lock, timeout, [&] { return slot.has_value() || ended.has_value(); });
  auto response = std::move(slot);
  pending.erase(id);
  bool gone = ended.has_value();
  lock.unlock();

  if (!written) return std::unexpected(written.error());
  if (!response && gone) return closed();
  if (!response) {
    std::string about =
        std::move(ObjectText().raw("requestId", std::to_string(id)).string("reason", "timeout")).close();
    if (method != method::kInitialize) (void)write_line(encode_notification(method::kCancelled, about));
    return core::fail(core::ErrorKind::timeout, "mcp.client.timeout",
                      fmt::format("No answer to {} within {} ms.", method, timeout.count()));
  }
  if (auto* problem = std::get_if<RpcError>(&response->outcome)) {
    return core::fail(core::ErrorKind::protocol, "mcp.client.rpc",
                      fmt::format("{}: {}", problem->code, problem->message));
  }
  Value& result = std::get<Value>(response->outcome);
  if (!result.is_object()) return protocol_error(fmt::format("The result of {} is not an object.", method));
  return std::move(result.get_object());
}

core::Status StdioClient::Impl::handshake() {
  if (is_modern(options.revision)) {
    ASSIGN_OR_RETURN(server, request(method::kDiscover, {}, {}));
    for (const Value& version :
         server["supportedVersions"].is_array() ? server["supportedVersions"].get_array() : Array{}) {
      if (version == Value(to_string(options.revision))) return {};
    }
    return protocol_error(fmt::format("The server does not speak {}.", to_string(options.revision)));
  }
  ASSIGN_OR_RETURN(server, request(method::kInitialize,
                                   {{"protocolVersion", to_string(options.revision)},
                                    {"capabilities", capabilities()},
                                    {"clientInfo", {{"name", options.name}, {"version", options.version}}}},
                                   {}));
  if (server["protocolVersion"] != Value(to_string(options.revision))) {
    return protocol_error(fmt::format("The server answered with protocol version {} instead of {}.",
                                      core::json::write(server["protocolVersion"]),
                                      to_string(options.revision)));
  }
  return write_line(encode_notification(method::kInitialized, {}));
}

core::Result<std::unique_ptr<StdioClient>> StdioClient::start(StdioClientOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  ASSIGN_OR_RETURN(
      Child child,
      Child::start({.argv = options.argv, .env = options.env, .inherit_env = options.inherit_env}));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(child));
  Impl& inner = *impl;
  std::unique_ptr<StdioClient> client(new StdioClient(std::move(impl)));
  inner.reader = std::thread([&inner] { inner.read_all(); });
  RETURN_IF_ERROR(inner.handshake());
  return client;
}

StdioClient::StdioClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StdioClient::~StdioClient() {
  close();
  ::close(impl_->wake_fd);
}

const Object& StdioClient::server() const {
  return impl_->server;
}

core::Result<Array> StdioClient::list_tools() {
  Array tools;
  Object params;
  for (;;) {
    ASSIGN_OR_RETURN(Object page, impl_->request(method::kToolsList, params, {}));
    const Value* listed = page.if_contains("tools");
    if (!listed || !listed->is_array()) return protocol_error("The result of tools/list has no tools.");
    for (const Value& tool : listed->get_array()) tools.push_back(tool);
    const Value* next = page.if_contains("nextCursor");
    if (!next || !next->is_string()) return tools;
    if (params["cursor"] == *next) return protocol_error("tools/list repeats a cursor.");
    params["cursor"] = *next;
  }
}

core::Result<Object> StdioClient::call_tool(std::string_view name, Object arguments, milliseconds timeout) {
  Object params{{"name", name}, {"arguments", std::move(arguments)}};
  for (int round = 0; round < kMaxRounds; ++round) {
    ASSIGN_OR_RETURN(Object result, impl_->request(method::kToolsCall, params, timeout));
    const Value* type = result.if_contains("resultType");
    if (!type || *type != Value("input_required")) return result;

    Object responses;
    if (const Value* asked = result.if_contains("inputRequests"); asked && asked->is_object()) {
      for (const auto& member : asked->get_object()) {
        const Value* question = core::json::find(member.value(), "params");
        if (!impl_->options.on_elicitation ||
            core::json::string_or_empty(member.value(), "method") != method::kElicit || !question ||
            !question->is_object()) {
          return protocol_error("The server asks for something this client did not offer.");
        }
        responses[member.key()] = answer_object(impl_->options.on_elicitation(question->get_object()));
      }
    }
    params["inputResponses"] = std::move(responses);
    if (const Value* state = result.if_contains("requestState")) params["requestState"] = *state;
  }
  return protocol_error(fmt::format("{} still asks after {} rounds.", name, kMaxRounds));
}

core::Result<Object> StdioClient::request(std::string_view method, Object params, milliseconds timeout) {
  return impl_->request(method, std::move(params), timeout);
}

core::Status StdioClient::notify(std::string_view method, const Object& params) {
  std::string text;
  core::json::append(text, params);
  return impl_->write_line(encode_notification(method, text));
}

std::string StdioClient::stderr_text() const {
  std::lock_guard lock(impl_->mutex);
  const std::string& all = impl_->stderr_text;
  return all.size() > kStderrKept ? all.substr(all.size() - kStderrKept) : all;
}

int StdioClient::pid() const {
  return impl_->child.pid();
}

int StdioClient::close(milliseconds patience) {
  {
    std::lock_guard lock(impl_->write_mutex);
    impl_->child.close_in();
  }
  auto status = impl_->child.wait(patience);
  if (!status) {
    impl_->child.signal(SIGTERM);
    status = impl_->child.wait(patience);
  }
  if (!status) {
    impl_->child.signal(SIGKILL);
    status = impl_->child.wait(std::chrono::minutes{1});
  }
  // What it wrote last is still in the pipes; a grandchild may hold them open, so the reading ends after a
  // while.
  if (impl_->reader.joinable()) {
    {
      std::unique_lock lock(impl_->mutex);
      impl_->changed.wait_for(lock, std::chrono::seconds{1}, [this] { return impl_->ended.has_value(); });
    }
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(impl_->wake_fd, &one, sizeof one);
    impl_->reader.join();
  }
  return status.value_or(-1);
}

std::string result_text(const Object& result) {
  std::string text;
  const Value* content = result.if_contains("content");
  if (!content || !content->is_array()) return text;
  for (const Value& block : content->get_array()) {
    if (core::json::string_or_empty(block, "type") != "text") continue;
    if (!text.empty()) text += '\n';
    text += core::json::string_or_empty(block, "text");
  }
  return text;
}

}  // namespace mcp
