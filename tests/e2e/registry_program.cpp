#include "registry_program.h"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace e2e {
namespace {

std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const std::size_t start = text.find(before);
  if (start == std::string::npos) return {};
  const std::size_t end = text.find(after, start + before.size());
  return end == std::string::npos ? std::string()
                                  : text.substr(start + before.size(), end - start - before.size());
}

}  // namespace

RegistryProgram::RegistryProgram(std::string store, std::vector<std::string> arguments)
    : store_(std::move(store)) {
  std::vector<std::string> argv{program("okta-agent-registry"),
                                "--store",
                                store_,
                                "serve",
                                "--listen",
                                "127.0.0.1:0",
                                "--admin",
                                "127.0.0.1:0",
                                "--allow-http-loopback"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  const std::string log_file = scratch_.path() + "/log";
  posix_spawn_file_actions_addopen(&quiet, 2, log_file.c_str(), O_WRONLY | O_CREAT, 0600);
  if (posix_spawn(&pid_, pointers[0], &quiet, nullptr, pointers.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&quiet);
  for (int tries = 0; tries < 1200 && pid_ > 0; ++tries) {
    const std::string said = log();
    const std::string admin = between(said, "/metrics at ", "\n");
    const std::string url = between(said, "okta-agent-registry: http://", " at ");
    if (!url.empty() && !admin.empty()) {
      url_ = "http://" + url;
      admin_url_ = "http://" + admin;
      return;
    }
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      ADD_FAILURE() << "it ended: " << said;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // waiting for another process, not for time
  }
  ADD_FAILURE() << "it does not serve: " << log();
}

RegistryProgram::~RegistryProgram() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

void RegistryProgram::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

int RegistryProgram::wait() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string RegistryProgram::log() const {
  std::ifstream in(scratch_.path() + "/log");
  return {std::istreambuf_iterator<char>(in), {}};
}

Finished RegistryProgram::command(std::vector<std::string> arguments, const std::string& input) const {
  std::vector<std::string> argv{program("okta-agent-registry"), "--store", store_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv, {}, input);
}

std::string RegistryProgram::admin_token() const {
  const auto done = command({"admin-token"});
  EXPECT_EQ(done.status, 0) << done.err;
  std::string token = done.out;
  while (!token.empty() && token.back() == '\n') token.pop_back();
  return token;
}

Reply Client::send(net::Method method, const std::string& url, const std::string& token,
                   const std::string& body) {
  net::HttpRequest request{.method = method, .url = url, .body = body};
  if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  const auto response = http_->send({}, request);
  if (!response)
    return {.status = 0, .body = core::json::Value(core::describe(response.error())), .headers = {}};
  Reply reply{.status = response->status, .body = {}, .headers = response->headers};
  if (!response->body.empty())
    reply.body = core::json::parse(response->body).value_or(core::json::Value(response->body));
  return reply;
}

}  // namespace e2e
