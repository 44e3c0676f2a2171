// okta-mcp-server over a pipe beside a floor (a line echo), alternating in one run; medians.
//
//   bench_stdio SERVER [--starts 100] [--calls 20000] [--long 1000000]
//
// Wants a quiet machine. The environment decides what the server can do; nothing here needs an org.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},)"
    R"("clientInfo":{"name":"bench","version":"1"}}})"
    "\n";
constexpr std::string_view kList = R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})"
                                   "\n";
constexpr std::string_view kInitialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
                                          "\n";
constexpr std::string_view kCall =
    R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_scope_status","arguments":{}}})"
    "\n";

double us(Clock::duration span) {
  return std::chrono::duration<double, std::micro>(span).count();
}

double percentile(std::vector<double> values, double share) {
  auto at = values.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(values.size() - 1) * share);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// A child process spoken to line by line.
class Peer {
 public:
  explicit Peer(std::vector<std::string> argv) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments;
    for (auto& argument : argv) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    if (posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) {
      std::fprintf(stderr, "cannot start %s\n", argv[0].c_str());
      std::exit(1);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Peer() {
    close(in_);
    close(out_);
    waitpid(pid_, nullptr, 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(std::string_view line) {
    while (!line.empty()) {
      ssize_t written = write(in_, line.data(), line.size());
      if (written <= 0) std::abort();
      line.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  // Reads up to a newline; notifications (no "id") are passed over.
  std::size_t receive() {
    for (;;) {
      auto newline = buffer_.find('\n');
      while (newline == std::string::npos) {
        char chunk[65536];
        ssize_t count = read(out_, chunk, sizeof chunk);
        if (count <= 0) std::abort();
        buffer_.append(chunk, static_cast<std::size_t>(count));
        newline = buffer_.find('\n');
      }
      bool notification = buffer_.find("\"method\":\"notifications/") < newline;
      buffer_.erase(0, newline + 1);
      if (!notification) return newline;
    }
  }
  double rss_mib() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024.0;
    }
    return 0;
  }

 private:
  pid_t pid_ = 0;
  int in_ = -1, out_ = -1;
  std::string buffer_;
};

double start_to_list(const std::string& server) {
  auto begin = Clock::now();
  Peer peer({server});
  peer.send(std::string(kInitialize) + std::string(kList));
  peer.receive();
  // tools/list before `initialized` is allowed: hosts pipeline it.
  peer.receive();
  return us(Clock::now() - begin);
}

double start_to_echo() {
  auto begin = Clock::now();
  Peer peer({"cat"});
  peer.send(std::string(kInitialize) + std::string(kList));
  peer.receive();
  peer.receive();
  return us(Clock::now() - begin);
}

double round_trip(Peer& peer) {
  auto begin = Clock::now();
  peer.send(kCall);
  peer.receive();
  return us(Clock::now() - begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: bench_stdio SERVER [--starts N] [--calls N] [--long N]\n", stderr);
    return 2;
  }
  std::string server = argv[1];
  int starts = 100, calls = 20'000, many = 1'000'000;
  for (int i = 2; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--starts")) starts = value;
    if (!std::strcmp(argv[i], "--calls")) calls = value;
    if (!std::strcmp(argv[i], "--long")) many = value;
  }

  std::vector<double> ours, floor;
  for (int i = 0; i < starts; ++i) {
    ours.push_back(start_to_list(server));
    floor.push_back(start_to_echo());
  }
  std::printf("spawn -> tools/list   p50 %.2f ms   (spawn + line echo: %.2f ms)\n",
              percentile(ours, 0.5) / 1000, percentile(floor, 0.5) / 1000);

  Peer peer({server});
  peer.send(kInitialize);
  peer.receive();
  peer.send(kInitialized);
  peer.send(kList);
  std::size_t list_bytes = peer.receive();
  std::printf("tools/list            %zu bytes\n", list_bytes);
  std::printf("idle RSS              %.1f MiB\n", peer.rss_mib());

  Peer echo({"cat"});
  ours.clear();
  floor.clear();
  for (int i = 0; i < calls; ++i) {
    ours.push_back(round_trip(peer));
    floor.push_back(round_trip(echo));
  }
  std::printf(
      "get_scope_status      p50 %.1f us, p99 %.1f us   (line echo: p50 %.1f us)   difference %.1f us\n",
      percentile(ours, 0.5), percentile(ours, 0.99), percentile(floor, 0.5),
      percentile(ours, 0.5) - percentile(floor, 0.5));

  double early = 0;
  auto begin = Clock::now();
  for (int i = 0; i < many; ++i) {
    round_trip(peer);
    if (i == 10'000) early = peer.rss_mib();
  }
  double seconds = us(Clock::now() - begin) / 1e6;
  std::printf("RSS after 10,000      %.2f MiB; after %d: %.2f MiB   (%.0f calls/s, one at a time)\n", early,
              many, peer.rss_mib(), many / seconds);
  return 0;
}
