#include "oauth/sealed_file_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lane.h"
#include "core/log.h"
#include "oauth/stored_login.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::string_view kMagic = "okta-mcp-token ";
constexpr int kVersion = 2;
constexpr std::size_t kMaxFileBytes = 1u << 20;
// What is reserved for the answer to a refresh: tokens are a few KiB, profiles of them differ.
constexpr off_t kAnswerRoom = 64 << 10;
// A file on its way that is older than this has no writer any more.
constexpr std::chrono::minutes kAbandoned{1};

// "okta-mcp-token 2 KEY\n". Outside the seal, so that version and key can be told with any key; the version
// is bound to it as context, so that it cannot be changed either.
std::string header(std::string_view key_name) {
  return fmt::format("{}{} {}\n", kMagic, kVersion, key_name);
}

std::string seal_context(int version, std::string_view name) {
  return fmt::format("{}{} {}", kMagic, version, name);
}

struct Header {
  int version = 0;  // 0 when it is no file of ours
  std::string key_name;
  std::size_t size = 0;
};

Header read_header(std::string_view content) {
  if (!content.starts_with(kMagic)) return {};
  const auto line_end = content.substr(0, 256).find('\n');
  if (line_end == std::string_view::npos) return {};
  std::string_view rest = content.substr(kMagic.size(), line_end - kMagic.size());
  int version = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), version);
  if (error != std::errc{} || version < 1) return {};
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (!rest.empty() && !rest.starts_with(' ')) return {};
  return {
      .version = version, .key_name = std::string(rest.substr(rest.empty() ? 0 : 1)), .size = line_end + 1};
}

std::unexpected<core::Error> newer(int version, const std::string& path) {
  return core::fail(ErrorKind::unsupported, "oauth.store.newer",
                    fmt::format("{} was written by a newer version of this program (format {}, this one "
                                "knows {}).",
                                path, version, kVersion),
                    "Update this program, or give it a state directory of its own (OKTA_MCP_STATE_DIR).");
}

// Names of the keys that the logins in a directory are sealed with.
std::vector<std::string> keys_in_use(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".token") continue;
    const auto content = core::read_file(entry->path(), kMaxFileBytes);
    if (!content || !*content) continue;
    if (auto name = read_header(**content).key_name; source_of(name)) names.push_back(std::move(name));
  }
  return names;
}

// Creates the note with its room on disk.
core::Status reserve(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  int trouble = fd < 0 ? errno : ::posix_fallocate(fd, 0, kAnswerRoom);
  if (fd >= 0) ::close(fd);
  // File systems that cannot reserve may still have room.
  if (trouble == 0 || trouble == EOPNOTSUPP || trouble == EINVAL) return {};
  if (fd >= 0) ::unlink(file.c_str());
  return core::fail(ErrorKind::unavailable, "core.file.io",
                    fmt::format("The login is not renewed, because its answer could not be stored: {}: {}.",
                                file, std::strerror(trouble)),
                    "Make room on that disk, or let this user write there; the stored login is kept.");
}

}  // namespace

struct SealedFileStore::Content {
  std::string bytes;  // empty when there is no file
  Header header;
};

class SealedFileStore::Lock final : public StoreLock {
 public:
  Lock(core::FileLock lock, std::string note)
      : lock_(std::move(lock)), note_(std::move(note)), interrupted_(::access(note_.c_str(), F_OK) == 0) {}

  core::Status begin_refresh() override { return reserve(note_); }
  void refresh_settled() override { ::unlink(note_.c_str()); }
  bool interrupted() const override { return interrupted_; }

 private:
  core::FileLock lock_;
  const std::string note_;
  const bool interrupted_;
};

core::Result<std::unique_ptr<SealedFileStore>> SealedFileStore::create(
    const SealedFileStoreOptions& options) {
  const std::string directory = options.state_dir + "/tokens";
  RETURN_IF_ERROR(core::make_private_directory(options.state_dir));
  RETURN_IF_ERROR(core::make_private_directory(directory));
  ASSIGN_OR_RETURN(auto keys, SealingKeys::create({.state_dir = options.state_dir,
                                                   .key_file = options.key_file,
                                                   .key_file_setting = options.key_file_setting,
                                                   .keyring = options.keyring,
                                                   .must_use_keyring = options.must_use_keyring,
                                                   .in_use = keys_in_use(directory)}));
  return std::unique_ptr<SealedFileStore>(new SealedFileStore(options.state_dir, std::move(keys)));
}

std::string SealedFileStore::path(std::string_view name, std::string_view extension) const {
  return fmt::format("{}/{}.{}", directory_, name, extension);
}

bool SealedFileStore::report_once(std::string_view name) {
  std::lock_guard guard(mutex_);
  return reported_.emplace(name).second;
}

void SealedFileStore::move_aside(std::string_view name, std::string_view why) {
  std::error_code ignored;
  std::filesystem::rename(path(name, "token"), path(name, "unreadable"), ignored);
  // Once for each: on a directory that cannot be written to, the file stays and is met again at every load.
  if (!report_once(name)) return;
  core::log(core::LogLevel::warning, "oauth",
            "a stored login cannot be read and has been set aside; signing in again replaces it",
            {{"file", path(name, "unreadable")}, {"reason", why}});
}

std::shared_ptr<const SealingKeys> SealedFileStore::keys() const {
  std::lock_guard guard(mutex_);
  return keys_;
}

bool SealedFileStore::have_key(std::string_view key_name) {
  const auto source = source_of(key_name);
  if (!source || keys()->find(key_name) != nullptr) return true;
  // A process that does not see the keyring may have made one, and stored a login with it.
  if (source != KeySource::beside) return false;
  auto more = std::make_shared<const SealingKeys>(keys()->with_key_beside(state_dir_));
  std::lock_guard guard(mutex_);
  keys_ = std::move(more);
  return keys_->find(key_name) != nullptr;
}

core::Error SealedFileStore::other_key(std::string_view key_name) const {
  core::Error error{.kind = ErrorKind::unauthenticated, .code = "oauth.store.other_key"};
  switch (source_of(key_name).value_or(KeySource::beside)) {
    case KeySource::named:
      error.message = "The stored login is sealed with a key file other than the present one.";
      error.hint =
          "Set OKTA_MCP_KEY_FILE (or the systemd credential okta-mcp-key) to the key it was sealed with, or "
          "sign "
          "in again, which replaces it.";
      return error;
    case KeySource::keyring:
      error.message = "The stored login is sealed with a key in the desktop's keyring, ";
      error.message += keys()->keyring_problem()
                           ? "which cannot be used now: " + keys()->keyring_problem()->message
                           : std::string("and that key is not there.");
      error.hint =
          "Start this from the desktop session, with its keyring unlocked, or sign in again, which replaces "
          "the stored login.";
      return error;
    case KeySource::beside:
      break;
  }
  error.message = "The stored login is sealed with a key that is gone: the token.key beside it is another.";
  error.hint = "Put the old token.key back, or sign in again, which replaces the stored login.";
  return error;
}

core::Result<SealedFileStore::Content> SealedFileStore::read(const std::string& file) const {
  ASSIGN_OR_RETURN(auto bytes, core::read_file(file, kMaxFileBytes));
  Content content{.bytes = std::move(bytes).value_or("")};
  content.header = read_header(content.bytes);
  return content;
}

core::Result<StoredToken> SealedFileStore::open(const Content& content, const TokenKey& key) const {
  const std::string_view sealed = std::string_view(content.bytes).substr(content.header.size);
  const auto keys_now = keys();
  for (const auto& each : keys_now->all()) {
    if (!content.header.key_name.empty() && content.header.key_name != each->name) continue;
    auto plaintext = each->sealer.open(sealed, seal_context(content.header.version, key.name()));
    if (!plaintext) continue;
    auto token = decode_login(*plaintext, key);
    core::wipe(*plaintext);
    return token;
  }
  return core::fail(
      ErrorKind::protocol, "core.seal.broken",
      content.header.key_name.empty() ? "it was sealed with another key, or is damaged" : "it is damaged");
}

core::Result<std::optional<StoredToken>> SealedFileStore::load(const TokenKey& key) {
  const std::string name = key.name();
  const std::string file = path(name, "token");
  auto content = read(file);
  if (!content && content.error().code == "core.file.too_large") {
    move_aside(name, "the file is too large");
    return std::optional<StoredToken>{};
  }
  if (!content) return std::unexpected(std::move(content).error());
  const Header& header = content->header;
  if (header.version > kVersion) return newer(header.version, file);
  if (header.version == 0) {
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) move_aside(name, "the file is damaged");
    return std::optional<StoredToken>{};
  }
  if (!have_key(header.key_name)) {
    if (report_once(name)) {
      const core::Error why = other_key(header.key_name);
      core::log(core::LogLevel::warning, "oauth", why.message, {{"file", file}, {"cure", why.hint}});
    }
    return std::optional<StoredToken>{};
  }
  auto token = open(*content, key);
  if (!token) {
    move_aside(name, token.error().message);
    return std::optional<StoredToken>{};
  }
  return std::optional<StoredToken>(std::move(*token));
}

core::Status SealedFileStore::save(const TokenKey& key, const StoredToken& token) {
  const std::string name = key.name();
  const std::string file = path(name, "token");
  std::string present;
  if (const auto content = read(file)) {
    if (content->header.version > kVersion) return newer(content->header.version, file);
    present = content->header.key_name;
  }
  const auto keys_now = keys();
  const SealingKey& with = keys_now->for_saving(present);
  std::string plaintext = encode_login(key, token);
  const std::string content = header(with.name) + with.sealer.seal(plaintext, seal_context(kVersion, name));
  core::wipe(plaintext);
  auto written = core::write_file_atomically(file, content);
  // The disk is full: this is what the note kept room for.
  if (!written && ::unlink(path(name, "refreshing").c_str()) == 0) {
    written = core::write_file_atomically(file, content);
  }
  return written;
}

core::Status SealedFileStore::erase(const TokenKey& key) {
  return core::remove_file(path(key.name(), "token"));
}

core::Status SealedFileStore::erase_family(const TokenKey& key) {
  const std::string family = key.family() + "-";
  std::error_code error;
  core::Status outcome;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file = entry->path().filename();
    // Lock files stay: whoever waits for one holds it open, and a new one would be another lock.
    if (!file.starts_with(family) || file.ends_with(".lock")) continue;
    if (auto removed = core::remove_file(entry->path()); !removed) outcome = removed;
  }
  if (error) {
    return core::fail(ErrorKind::unavailable, "core.file.io",
                      fmt::format("Cannot list {}: {}.", directory_, error.message()));
  }
  return outcome;
}

StoreReport SealedFileStore::report(const TokenKey& key) {
  StoreReport report{.where = "files in " + directory_, .keyring = keys()->keyring_problem()};
  std::string present;
  if (const auto content = read(path(key.name(), "token"))) present = content->header.key_name;
  if (!have_key(present)) report.trouble = other_key(present);
  const auto keys_now = keys();
  report.protection = keys_now->protection(keys_now->for_saving(present));
  return report;
}

// Under the lock, so that whoever wrote these files under it is dead. Puts the newest login that is whole in
// its place and removes what is left over: an older one must not come back after the present one was erased.
void SealedFileStore::recover(const TokenKey& key) {
  const std::string file = path(key.name(), "token");
  const std::string prefix = key.name() + ".token.";
  std::vector<std::filesystem::path> left_over;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.starts_with(prefix) && name.ends_with(".tmp")) left_over.push_back(entry->path());
  }
  for (const auto& each : left_over) {
    std::error_code ignored;
    const auto content = read(each);
    auto token = content && content->header.version == kVersion
                     ? open(*content, key)
                     : core::fail(ErrorKind::protocol, "oauth.store.torn", "it is not whole");
    if (!token) {
      // Perhaps another's who writes without the lock just now.
      const auto written = std::filesystem::last_write_time(each, ignored);
      const auto age = std::filesystem::file_time_type::clock::now() - written;
      if (!ignored && age > kAbandoned) std::filesystem::remove(each, ignored);
      continue;
    }
    const auto present = read(file);
    const auto login = present ? open(*present, key) : core::fail(present.error());
    if (present && present->header.version <= kVersion &&
        (!login || login->obtained_at < token->obtained_at)) {
      std::filesystem::rename(each, file, ignored);
      core::log(core::LogLevel::notice, "oauth",
                "a process ended while it stored a renewed login; the login has been recovered",
                {{"file", file}});
    } else {
      std::filesystem::remove(each, ignored);
    }
  }
}

core::Result<std::unique_ptr<StoreLock>> SealedFileStore::lock(const core::Context& context,
                                                               const TokenKey& key) {
  const std::string file = path(key.name(), "lock");
  const auto give_up = std::min(context.deadline, std::chrono::steady_clock::now() + kLockWait);
  auto held = core::FileLock::acquire(file, 0);
  if (!held && held.error().code == "core.file.locked") {
    core::Parked parked;
    // In slices, because flock() does not watch a stop token.
    do {
      if (context.cancelled()) {
        return core::fail(ErrorKind::cancelled, "oauth.cancelled", "The call was cancelled.");
      }
      held = core::FileLock::acquire(file, 50);
    } while (!held && held.error().code == "core.file.locked" && std::chrono::steady_clock::now() < give_up);
  }
  if (held) {
    recover(key);
    return std::make_unique<Lock>(std::move(*held), path(key.name(), "refreshing"));
  }
  if (held.error().code != "core.file.locked") return std::unexpected(std::move(held).error());
  return core::fail(ErrorKind::timeout, "oauth.store.locked",
                    "Another process has been refreshing this login for too long.",
                    fmt::format("Stop the other okta-mcp-server process that holds {}, or try again.", file));
}

}  // namespace oauth
