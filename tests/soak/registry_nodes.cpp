#include "registry_nodes.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/json.h"
#include "core/random.h"

extern char** environ;

namespace soak {
namespace {

constexpr std::int64_t kStartTime = 120'000;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const std::size_t start = text.find(before);
  if (start == std::string::npos) return {};
  const std::size_t end = text.find(after, start + before.size());
  if (end == std::string::npos) return {};
  return text.substr(start + before.size(), end - start - before.size());
}

}  // namespace

std::unique_ptr<Place> Place::create(bool postgres) {
  std::unique_ptr<Place> place(new Place);
  std::ofstream key(place->key_file());
  key << core::to_hex(core::base64url_decode(core::system_random().token(32)).value()) << "\n";
  key.close();
  std::filesystem::permissions(place->key_file(), std::filesystem::perms::owner_read);
  place->store_ = "sqlite:" + place->scratch_.path() + "/registry.db";
  if (!postgres) return place;
  place->postgres_ = core::test::PostgresServer::start();
  if (!place->postgres_) return nullptr;
  place->store_ = place->postgres_->uri();
  return place;
}

std::string Place::log_of(std::size_t node) const {
  return fmt::format("{}/node-{}.log", scratch_.path(), node);
}

Nodes::Nodes(const Place& place, std::size_t count, std::string program, int lease_seconds)
    : place_(place), program_(std::move(program)), lease_seconds_(lease_seconds), nodes_(count) {}

Nodes::~Nodes() {
  for (const Node& node : nodes_) {
    if (node.process <= 0) continue;
    ::kill(node.process, SIGKILL);
    ::waitpid(node.process, nullptr, 0);
  }
}

std::string Nodes::url(std::size_t node) const {
  std::lock_guard lock(mutex_);
  return nodes_[node].url;
}

std::vector<std::string> Nodes::urls() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  found.reserve(nodes_.size());
  for (const Node& node : nodes_)
    if (!node.url.empty()) found.push_back(node.url);
  return found;
}

int Nodes::lives(std::size_t node) const {
  std::lock_guard lock(mutex_);
  return nodes_[node].lives;
}

int Nodes::deaths() const {
  std::lock_guard lock(mutex_);
  int sum = 0;
  for (const Node& node : nodes_) sum += node.lives;
  return sum;
}

std::string Nodes::fault() const {
  std::lock_guard lock(mutex_);
  return fault_;
}

void Nodes::start(std::size_t node) {
  std::vector<std::string> words{program_,
                                 "--store",
                                 place_.store(),
                                 "--key-file",
                                 place_.key_file(),
                                 "--issuer",
                                 std::string(kIssuer),
                                 "--log-level",
                                 "warning",
                                 "serve",
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--allow-http-loopback",
                                 "--check-interval",
                                 "10",
                                 "--calls-per-minute",
                                 "1000000",
                                 "--work-lease",
                                 std::to_string(lease_seconds_)};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log = place_.log_of(node);
  ::unlink(log.c_str());
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::close_range(3, ~0U, 0);
    ::execve(arguments[0], arguments.data(), environ);
    ::_exit(127);
  }
  if (child < 0) {
    fail(node, "could not be started: the system has no process left");
    return;
  }
  std::lock_guard lock(mutex_);
  nodes_[node].process = child;
  nodes_[node].url.clear();
  nodes_[node].started_ms = now_ms();
}

bool Nodes::fail(std::size_t node, std::string_view what) {
  const std::string log = read_file(place_.log_of(node));
  std::lock_guard lock(mutex_);
  if (fault_.empty())
    fault_ = fmt::format("node {} {}; the end of its log:\n{}", node, what,
                         log.substr(log.size() - std::min<std::size_t>(log.size(), 2000)));
  return false;
}

void Nodes::read_log(std::size_t node) {
  std::ifstream in(place_.log_of(node));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("okta-agent-registry: ")) continue;
    // What varies from one time to the next stands in its fields.
    const auto fields = core::json::parse(line);
    std::string what = line.substr(0, 160);
    if (fields && fields->is_object())
      what = fmt::format("{} ({})", core::json::string_or_empty(*fields, "message"),
                         core::json::string_or_empty(*fields, "code"));
    ++complaints_[what];
  }
}

bool Nodes::kill(std::size_t node) {
  pid_t process = -1;
  {
    std::lock_guard lock(mutex_);
    process = nodes_[node].process;
    ++nodes_[node].lives;
    nodes_[node].url.clear();
    nodes_[node].process = -1;
  }
  // -1 would mean every process there is.
  if (process <= 0) return fail(node, "was to be killed and had not been started");
  int status = 0;
  ::kill(process, SIGKILL);
  if (::waitpid(process, &status, 0) != process || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    return fail(node, fmt::format("had ended by itself, status {:#x}", status));
  read_log(node);
  return true;
}

void Nodes::freeze(std::size_t node) {
  if (nodes_[node].process > 0) ::kill(nodes_[node].process, SIGSTOP);
}

void Nodes::thaw(std::size_t node) {
  if (nodes_[node].process > 0) ::kill(nodes_[node].process, SIGCONT);
}

bool Nodes::watch() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].process <= 0) continue;
    int status = 0;
    if (::waitpid(nodes_[i].process, &status, WNOHANG) == nodes_[i].process) {
      {
        std::lock_guard lock(mutex_);
        nodes_[i].process = -1;
        nodes_[i].url.clear();
      }
      return fail(i, fmt::format("ended by itself, status {:#x}", status));
    }
    if (!nodes_[i].url.empty()) continue;
    const std::string address =
        between(read_file(place_.log_of(i)), fmt::format("okta-agent-registry: {} at ", kIssuer), ",");
    if (!address.empty()) {
      std::lock_guard lock(mutex_);
      nodes_[i].url = "http://" + address;
    } else if (now_ms() - nodes_[i].started_ms > kStartTime) {
      return fail(i, "does not serve after two minutes");
    }
  }
  return true;
}

}  // namespace soak
