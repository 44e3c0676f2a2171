#include "http_service.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "core/clock.h"
#include "mcp/http_client_transport.h"
#include "net/url.h"

namespace e2e {
namespace {

namespace json = core::json;

constexpr std::string_view kRevision = "2026-07-28";
constexpr auto kPatience = std::chrono::seconds{60};  // a broken server fails a test, it does not hang it

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

}  // namespace

HttpService::HttpService(std::vector<std::string> arguments, const Environment& environment) {
  std::vector<std::string> argv{program("okta-mcp-server"), "serve"};
  if (std::ranges::find(arguments, "--http") == arguments.end()) {
    argv.insert(argv.end(), {"--http", "127.0.0.1:0"});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables{"PATH=/usr/bin:/bin", "HOME=/nonexistent"};
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);

  std::array<int, 2> err{};
  if (pipe2(err.data(), O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, err[1], 2);
  auto arguments_in_c = pointers(argv);
  auto variables_in_c = pointers(variables);
  if (posix_spawn(&pid_, arguments_in_c[0], &files, nullptr, arguments_in_c.data(), variables_in_c.data()) !=
      0) {
    pid_ = -1;
  }
  posix_spawn_file_actions_destroy(&files);
  close(err[1]);
  reader_ = std::thread([this, from = err[0]] {
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto count = read(from, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      const std::lock_guard lock(mutex_);
      if (count > 0) stderr_.append(buffer.data(), static_cast<std::size_t>(count));
      ended_ = count <= 0;
      changed_.notify_all();
      if (ended_) break;
    }
    close(from);
  });
  // The address of the administrator's listener is said before that of the endpoint.
  if (says("MCP at ")) {
    url_ = line_after("MCP at ");
    admin_url_ = line_after("/metrics at ");
    if (!admin_url_.empty()) admin_url_ = "http://" + admin_url_;
  }
}

HttpService::~HttpService() {
  if (pid_ > 0) end();
  if (reader_.joinable()) reader_.join();
}

std::string HttpService::line_after(std::string_view mark) const {
  const std::lock_guard lock(mutex_);
  const auto at = stderr_.find(mark);
  if (at == std::string::npos) return {};
  const auto begin = at + mark.size();
  return stderr_.substr(begin, stderr_.find('\n', begin) - begin);
}

std::string HttpService::at(std::string_view path) const {
  const auto url = net::parse_url(url_);
  return (url ? url->origin() : std::string{}) + std::string(path);
}

void HttpService::signal(int number) const {
  kill(pid_, number);
}

int HttpService::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int HttpService::end() {
  signal(SIGTERM);
  return wait();
}

std::string HttpService::stderr_text() const {
  const std::lock_guard lock(mutex_);
  return stderr_;
}

bool HttpService::says(std::string_view text, int times) const {
  const auto enough = [&] {
    // Whole lines only: what follows the text is read, too.
    const auto last = stderr_.rfind('\n');
    const auto whole = std::string_view(stderr_).substr(0, last == std::string::npos ? 0 : last + 1);
    return count_of(whole, text) >= static_cast<std::size_t>(times);
  };
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return ended_ || enough(); });
  return enough();
}

Issuer::Issuer() {
  auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
    const auto origin = net::parse_url(issuer_->name())->origin();
    auto answer =
        issuer_->answer({.method = request.method, .url = origin + request.target, .body = request.body});
    if (!answer) return net::ServerResponse{.status = 404};
    net::ServerResponse response{.status = (*answer)->status, .body = (*answer)->body};
    for (const auto& [name, value] : (*answer)->headers) response.headers.add(name, value);
    return response;
  });
  if (!server) abort();
  // Nobody knows the address yet.
  issuer_ = std::make_unique<oauth::test::TestIssuer>(
      fmt::format("http://127.0.0.1:{}/oauth2/default", (*server)->port()));
  server_ = *std::move(server);
}

std::string Issuer::token(std::string_view subject, std::string_view scopes, std::string_view resource,
                          const oauth::test::Changes& changes) const {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(core::system_clock().now().time_since_epoch()).count();
  oauth::test::Changes all{{"sub", subject},
                           {"scope", scopes},
                           {"aud", resource},
                           {"iat", json::Value(now)},
                           {"exp", json::Value(now + 3600)}};
  all.insert(all.end(), changes.begin(), changes.end());
  return issuer_->token(all);
}

net::HttpRequest as_request(Ask ask) {
  net::HttpRequest request{.method = net::Method::post,
                           .url = std::move(ask.url),
                           .headers = {{"Content-Type", "application/json"},
                                       {"Accept", "application/json, text/event-stream"},
                                       {"MCP-Protocol-Version", std::string(kRevision)},
                                       {"Mcp-Method", ask.method}},
                           .total_timeout = kPatience};
  if (!ask.name.empty()) request.headers.add("Mcp-Name", ask.name);
  if (!ask.token.empty()) request.headers.add("Authorization", "Bearer " + ask.token);
  if (!ask.name.empty() && !ask.params.contains("uri")) ask.params["name"] = ask.name;
  ask.params["_meta"] = json::Object{{"io.modelcontextprotocol/protocolVersion", kRevision},
                                     {"io.modelcontextprotocol/clientCapabilities", ask.abilities}};
  request.body = json::write(
      json::Object{{"jsonrpc", "2.0"}, {"id", 1}, {"method", ask.method}, {"params", ask.params}});
  return request;
}

Ask call(const std::string& url, const std::string& token, std::string tool, json::Object arguments) {
  return {
      .url = url, .token = token, .name = std::move(tool), .params = {{"arguments", std::move(arguments)}}};
}

net::HttpResponse Caller::send(const net::HttpRequest& request) {
  auto response = http_->send({}, request);
  EXPECT_TRUE(response) << (response ? std::string{} : core::describe(response.error()));
  return response ? *std::move(response) : net::HttpResponse{};
}

net::HttpResponse Caller::get(std::string url) {
  return send(net::HttpRequest{.url = std::move(url), .total_timeout = kPatience});
}

std::string Caller::text(Ask ask) {
  const auto response = send(std::move(ask));
  const auto body = body_of(response);
  const auto* result = json::find(body, "result");
  if (!result || !result->is_object() || !result->get_object().contains("content")) return all_of(response);
  return mcp::result_text(result->get_object());
}

std::unique_ptr<mcp::Client> Caller::connect(const std::string& url, const std::string& token,
                                             mcp::ClientOptions options) {
  mcp::HttpTransportOptions way{.url = url, .http = *http_};
  if (!token.empty()) way.headers.add("Authorization", "Bearer " + token);
  auto transport = mcp::make_http_transport(std::move(way));
  EXPECT_TRUE(transport) << (transport ? std::string{} : core::describe(transport.error()));
  if (!transport) return nullptr;
  auto client = mcp::Client::connect(*std::move(transport), std::move(options));
  EXPECT_TRUE(client) << (client ? std::string{} : core::describe(client.error()));
  return client ? *std::move(client) : nullptr;
}

json::Value body_of(const net::HttpResponse& response) {
  auto body = json::parse(response.body);
  return body ? *std::move(body) : json::Value(json::Object{});
}

std::string all_of(const net::HttpResponse& response) {
  std::string text = std::to_string(response.status) + "\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\n";
  return text + response.body;
}

OpenRequest::OpenRequest(Caller& caller, net::HttpRequest request) {
  request.on_head = [this](const net::HttpResponse& head) -> core::Status {
    const std::lock_guard lock(mutex_);
    status_ = head.status;
    return {};
  };
  request.on_body = [this](std::string_view piece) -> core::Status {
    const std::lock_guard lock(mutex_);
    body_ += piece;
    changed_.notify_all();
    return {};
  };
  thread_ = std::thread([this, &caller, request = std::move(request)] {
    const auto response = caller.http().send({}, request);
    const std::lock_guard lock(mutex_);
    ok_ = response.has_value();
    if (response) body_ += response->body;  // of an answer other than 2xx
    ended_ = true;
    changed_.notify_all();
  });
}

OpenRequest::~OpenRequest() {
  if (thread_.joinable()) thread_.join();
}

bool OpenRequest::sees(std::string_view text) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || body_.find(text) != std::string::npos; });
  return body_.find(text) != std::string::npos;
}

std::string OpenRequest::finish() {
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return body_;
}

int OpenRequest::status() {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool OpenRequest::ok() {
  const std::lock_guard lock(mutex_);
  return ok_;
}

bool eventually(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the other process sends no signal
  }
  return true;
}

}  // namespace e2e
