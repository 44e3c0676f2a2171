// Files of ours: private, replaced atomically, locked between processes (rules 9 and 16).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace core {

// Creates the directory (and its parents) with mode 0700. Refuses one that others may write to.
Status make_private_directory(const std::string& path);

// nullopt when the file does not exist. Refuses more than `max_bytes`.
Result<std::optional<std::string>> read_file(const std::string& path, std::size_t max_bytes = 16u << 20);

// Writes beside it, fsyncs, renames over it: readers see the old or the new content, never half. Mode 0600.
Status write_file_atomically(const std::string& path, std::string_view content);

// The same for a file that is not ours: a symbolic link stays and its target is replaced; mode and owner stay
// (the owner as far as the system lets us). A file that is not there yet gets `mode_if_new` and its missing
// parent directories. Error core.file.dangling for a link that leads nowhere.
Status replace_file(const std::string& path, std::string_view content, unsigned mode_if_new = 0600);

// Writes a file that must not be there yet (O_EXCL; a symbolic link counts as there), and syncs it. Error
// core.file.exists, and nothing was touched.
Status create_file(const std::string& path, std::string_view content, unsigned mode = 0600);

Status remove_file(const std::string& path);  // a missing file is fine

// An advisory lock between processes (flock on `path`, created if missing), held until destroyed.
class FileLock {
 public:
  // Waits for at most `timeout_ms`; error core.file.locked after that.
  static Result<FileLock> acquire(const std::string& path, int timeout_ms = 10'000);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Lines that are on disk before append() returns (write + fdatasync). Thread-safe, and safe between
// processes.
class DurableLines {
 public:
  // `make_line(previous_line)` is called under the lock with the file's last line (empty at the start),
  // so that a chain of hashes can be continued. It returns the line without its newline, and must not append
  // to the same file. A tail that a crash left without a newline is dropped first: it never counted as
  // written. Waits for the lock for at most 10 s; error core.file.locked after that.
  static Status append(const std::string& path,
                       const std::function<Result<std::string>(std::string_view previous_line)>& make_line);
};

}  // namespace core
