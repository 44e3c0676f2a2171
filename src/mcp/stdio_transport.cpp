#include "mcp/stdio_transport.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

#include "mcp/stdio_outlet.h"

namespace mcp {
namespace {

constexpr std::size_t kFirstBuffer = 64u << 10;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Cuts what arrives into lines and hands each on without copying it. A line beyond the limit is skipped to
// its end, keeping nothing of it.
class LineReader {
 public:
  LineReader(Session& session, std::size_t max_line)
      : session_(session), max_line_(max_line), buffer_(kFirstBuffer) {}

  // One read(2). False at the end of input, or when the descriptor fails.
  bool read_from(int fd) {
    ssize_t count = ::read(fd, buffer_.data() + end_, buffer_.size() - end_);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    if (count == 0) return false;
    std::size_t fresh = end_;
    end_ += static_cast<std::size_t>(count);
    cut(fresh);
    make_room();
    return true;
  }

  // The last line of a host that closes without a newline.
  void finish() {
    if (!skipping_ && end_ > begin_) session_.receive({buffer_.data() + begin_, end_ - begin_});
  }

 private:
  void cut(std::size_t fresh) {
    while (fresh < end_) {
      const void* newline = std::memchr(buffer_.data() + fresh, '\n', end_ - fresh);
      if (!newline) return;
      std::size_t line_end = static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data());
      if (skipping_) {
        skipping_ = false;
        session_.receive_oversized();
      } else {
        session_.receive({buffer_.data() + begin_, line_end - begin_});
      }
      begin_ = fresh = line_end + 1;
    }
  }

  void make_room() {
    if (skipping_ || end_ - begin_ > max_line_) {
      skipping_ = true;
      begin_ = end_ = 0;
    }
    if (begin_ == end_) {
      begin_ = end_ = 0;
      if (buffer_.size() > kFirstBuffer)
        std::vector<char>(kFirstBuffer).swap(buffer_);  // one huge line is no reason to keep its room
    } else if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  }

  Session& session_;
  const std::size_t max_line_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the line that is not complete yet
  std::size_t end_ = 0;
  bool skipping_ = false;
};

StdioEnd read_until_end(LineReader& lines, int in, int stop_fd, int broken_fd) {
  pollfd sources[3] = {{in, POLLIN, 0}, {broken_fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
  for (;;) {
    if (::poll(sources, stop_fd >= 0 ? 3 : 2, -1) < 0) {
      if (errno == EINTR) continue;
      return StdioEnd::end_of_input;
    }
    if (stop_fd >= 0 && sources[2].revents != 0) return StdioEnd::stopped;
    if (sources[1].revents != 0) return StdioEnd::output_broken;
    if (sources[0].revents != 0 && !lines.read_from(in)) {
      lines.finish();
      return StdioEnd::end_of_input;
    }
  }
}

}  // namespace

core::Result<StdioOutcome> serve_stdio(Server& server, const StdioOptions& options) {
  if (::fcntl(options.in, F_GETFD) < 0) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.stdio.input",
                      fmt::format("Descriptor {} cannot be read: {}.", options.in, std::strerror(errno)));
  }
  std::signal(SIGPIPE, SIG_IGN);
  Descriptor broken(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (broken.get() < 0) {
    return core::fail(core::ErrorKind::internal, "mcp.stdio.eventfd",
                      fmt::format("No eventfd: {}.", std::strerror(errno)));
  }
  ASSIGN_OR_RETURN(auto outlet, StdioOutlet::create(options.out, options.max_backlog_bytes, broken.get()));
  auto session = server.connect(outlet);

  LineReader lines(*session, server.options().max_message_bytes);
  StdioOutcome outcome;
  outcome.why = read_until_end(lines, options.in, options.stop_fd, broken.get());

  auto started = std::chrono::steady_clock::now();
  session->close();
  outcome.settled = server.settle(options.settle);
  auto left = options.settle - std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now() - started);
  outlet->flush(std::max(left, std::chrono::milliseconds{100}));
  outlet->shut();
  return outcome;
}

}  // namespace mcp
