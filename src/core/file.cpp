#include "core/file.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "core/random.h"

namespace core {
namespace {

std::unexpected<Error> io_error(std::string_view what, const std::string& path) {
  int error = errno;
  auto kind = error == EACCES || error == EPERM ? ErrorKind::forbidden : ErrorKind::unavailable;
  return fail(kind, "core.file.io", fmt::format("Cannot {} {}: {}.", what, path, std::strerror(error)));
}

// Closes on every way out.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return io_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// A rename is durable only once its directory is.
void sync_directory(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path();
  Descriptor directory{::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd >= 0) ::fsync(directory.fd);
}

constexpr int kLockTimeoutMs = 10'000;

// flock() has no timed form; holders keep the lock for milliseconds, so a short nap is enough.
Status lock_within(int fd, int timeout_ms, const std::string& path) {
  auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return io_error("lock", path);
    if (std::chrono::steady_clock::now() >= give_up) {
      return fail(ErrorKind::timeout, "core.file.locked",
                  fmt::format("Another process has held {} for more than {} ms.", path, timeout_ms),
                  "Stop the other process, or try again.");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {};
}

struct LastLine {
  std::string text;  // without its newline; empty when there is none
  off_t end = 0;     // just behind its newline
};

// The last line that ends in a newline. What follows it was torn off by a crash.
Result<LastLine> last_line(int fd, const std::string& path) {
  off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) return io_error("read", path);
  std::string tail;
  for (off_t block = 4096; size > 0; block *= 4) {
    off_t begin = std::max<off_t>(0, size - block);
    tail.resize(static_cast<std::size_t>(size - begin));
    if (::pread(fd, tail.data(), tail.size(), begin) != static_cast<ssize_t>(tail.size())) {
      return io_error("read", path);
    }
    auto end = tail.rfind('\n');
    auto before = end == std::string::npos || end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
    if (begin > 0 && before == std::string::npos) continue;  // the line began earlier
    if (end == std::string::npos) return LastLine{};
    auto first = before == std::string::npos ? 0 : before + 1;
    return LastLine{tail.substr(first, end - first), begin + static_cast<off_t>(end) + 1};
  }
  return LastLine{};
}

// Writes beside `path`, lets `prepare` see the new file, and renames it over `path`.
Status replace(const std::string& path, std::string_view content,
               const std::function<Status(int fd, const std::string& temporary)>& prepare) {
  std::string temporary = path + "." + system_random().alphanumeric(12) + ".tmp";
  Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (file.fd < 0) return io_error("write", path);
  auto written = write_all(file.fd, content, path);
  if (written) written = prepare(file.fd, temporary);
  if (written && ::fsync(file.fd) != 0) written = io_error("write", path);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = io_error("replace", path);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  sync_directory(path);
  return {};
}

}  // namespace

Status make_private_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::path current;
  for (const auto& part : std::filesystem::path(path)) {
    current /= part;
    if (::mkdir(current.c_str(), 0700) != 0 && errno != EEXIST) {
      return io_error("create directory", current);
    }
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return io_error("look at", path);
  if (!S_ISDIR(info.st_mode)) {
    return fail(ErrorKind::invalid_input, "core.file.not_directory",
                fmt::format("{} is not a directory.", path));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorKind::forbidden, "core.file.shared_directory",
                fmt::format("Other users may write to {}.", path),
                fmt::format("Run chmod 700 {}, or choose another directory.", path));
  }
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& path, std::size_t max_bytes) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>{};
    return io_error("read", path);
  }
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t count = ::read(file.fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("read", path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > max_bytes) {
      return fail(ErrorKind::too_large, "core.file.too_large",
                  fmt::format("{} is larger than {} bytes.", path, max_bytes));
    }
  }
}

Status write_file_atomically(const std::string& path, std::string_view content) {
  return replace(path, content, [](int, const std::string&) { return Status{}; });
}

Status replace_file(const std::string& path, std::string_view content, unsigned mode_if_new) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  if (error) {
    errno = error.value();
    return io_error("find", path);
  }
  if (std::filesystem::is_symlink(target, error)) {
    return fail(ErrorKind::invalid_input, "core.file.dangling",
                fmt::format("{} is a symbolic link that leads nowhere.", path), "Mend or remove the link.");
  }
  struct stat info{};
  const bool present = ::stat(target.c_str(), &info) == 0;
  if (!present && target.has_parent_path()) {
    std::filesystem::create_directories(target.parent_path(), error);
    if (error) {
      errno = error.value();
      return io_error("create directory", target.parent_path());
    }
  }
  const auto mode = present ? info.st_mode & 07777 : static_cast<mode_t>(mode_if_new);
  return replace(target, content, [&](int fd, const std::string& temporary) -> Status {
    // Changing the owner clears set-id bits and may be refused, so the mode comes after it.
    if (present && (info.st_uid != ::geteuid() || info.st_gid != ::getegid()) &&
        ::fchown(fd, info.st_uid, info.st_gid) != 0 && errno != EPERM) {
      return io_error("keep the owner of", temporary);
    }
    if (::fchmod(fd, mode) != 0) return io_error("keep the mode of", temporary);
    return {};
  });
}

Status create_file(const std::string& path, std::string_view content, unsigned mode) {
  Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)};
  if (file.fd < 0 && errno == EEXIST) {
    return fail(ErrorKind::conflict, "core.file.exists", fmt::format("{} is already there.", path),
                "Choose another name, or move it away first.");
  }
  if (file.fd < 0) return io_error("write", path);
  auto written = Status{};
  // The umask may take rights away; it must not add any, so the mode is set as asked.
  if (::fchmod(file.fd, mode) != 0) written = io_error("set the mode of", path);
  if (written) written = write_all(file.fd, content, path);
  if (written && ::fsync(file.fd) != 0) written = io_error("write", path);
  if (!written) {
    ::unlink(path.c_str());
    return written;
  }
  sync_directory(path);
  return {};
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error("remove", path);
  return {};
}

Result<FileLock> FileLock::acquire(const std::string& path, int timeout_ms) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error("lock", path);
  FileLock lock(fd);
  RETURN_IF_ERROR(lock_within(fd, timeout_ms, path));
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);  // closing releases the lock
}

Status DurableLines::append(
    const std::string& path,
    const std::function<Result<std::string>(std::string_view previous_line)>& make_line) {
  Descriptor file{::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (file.fd < 0) return io_error("append to", path);
  RETURN_IF_ERROR(lock_within(file.fd, kLockTimeoutMs, path));
  ASSIGN_OR_RETURN(LastLine previous, last_line(file.fd, path));
  ASSIGN_OR_RETURN(std::string line, make_line(previous.text));
  if (line.find('\n') != std::string::npos) {
    return fail(ErrorKind::internal, "core.file.line",
                fmt::format("A line for {} contains a newline.", path));
  }
  line += '\n';
  // A tail without a newline never was reported as written; appending to it would spoil the new line as well.
  auto written = Status{};
  if (::ftruncate(file.fd, previous.end) != 0) written = io_error("repair", path);
  if (written) written = write_all(file.fd, line, path);
  if (written && ::fdatasync(file.fd) != 0) written = io_error("write", path);
  if (!written) {
    // Half a line (a full disk) would break the next reader: take it back.
    if (::ftruncate(file.fd, previous.end) != 0) return io_error("repair", path);
    return written;
  }
  if (previous.end == 0) sync_directory(path);
  return {};
}

}  // namespace core
