#include "oauth/sealed_file_store.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/random.h"
#include "oauth/secret_json.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::string_view kMagic = "okta-mcp-token ";
constexpr int kVersion = 2;
constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::size_t kKeyBytes = 32;

// "okta-mcp-token 2\n". Outside the seal, so that the version can be told with any key; bound to it as
// context, so that it cannot be changed either.
std::string header(int version) {
  return fmt::format("{}{}\n", kMagic, version);
}

std::string seal_context(int version, std::string_view name) {
  return fmt::format("{}{} {}", kMagic, version, name);
}

// The version a file claims, and 0 when it is no file of ours.
int version_of(std::string_view content) {
  if (!content.starts_with(kMagic)) return 0;
  content.remove_prefix(kMagic.size());
  int version = 0;
  const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), version);
  if (error != std::errc{} || end == content.data() + content.size() || *end != '\n' || version < 1) return 0;
  return version;
}

std::unexpected<core::Error> newer(int version, const std::string& path) {
  return core::fail(ErrorKind::unsupported, "oauth.store.newer",
                    fmt::format("{} was written by a newer version of this program (format {}, this one "
                                "knows {}).",
                                path, version, kVersion),
                    "Update this program, or give it a state directory of its own (OKTA_MCP_STATE_DIR).");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<std::string> from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc{} || end != text.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::optional<core::Secret> parse_key(std::string_view content) {
  if (content.size() == kKeyBytes) return core::Secret(std::string(content));
  const std::string_view text = trimmed(content);
  for (auto bytes : {text.size() == 2 * kKeyBytes ? from_hex(text) : std::nullopt,
                     core::base64url_decode(text), core::base64_decode(text)}) {
    if (bytes && bytes->size() == kKeyBytes) return core::Secret(std::move(*bytes));
  }
  return std::nullopt;
}

core::Result<core::Secret> read_key_file(const std::string& path) {
  const auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::invalid_input, "oauth.store.key_file",
                      fmt::format("The key file {} {}.", path, why),
                      "OKTA_MCP_KEY_FILE names a file with 32 random bytes, raw or as base64 (openssl rand "
                      "-base64 32 makes one).");
  };
  auto read = core::read_file(path, 4096);
  if (!read) return refuse("cannot be read: " + read.error().message);
  std::optional<std::string>& content = *read;
  if (!content) return refuse("does not exist");
  auto key = parse_key(*content);
  core::wipe(*content);
  if (!key) return refuse("does not hold a key");
  return std::move(*key);
}

void rename_quietly(const std::string& from, const std::string& to) {
  std::error_code ignored;
  std::filesystem::rename(from, to, ignored);
}

// Under a lock, so that of two servers that start at once one makes the key and the other reads it.
core::Result<core::Secret> machine_key(const std::string& state_dir) {
  const std::string path = state_dir + "/token.key";
  ASSIGN_OR_RETURN(auto lock, core::FileLock::acquire(path + ".lock"));
  ASSIGN_OR_RETURN(auto content, core::read_file(path, 4096));
  if (content) {
    auto key = parse_key(*content);
    core::wipe(*content);
    if (key) return std::move(*key);
    rename_quietly(path, path + ".unreadable");
    core::log(core::LogLevel::warning, "oauth", "the sealing key was damaged and has been replaced",
              {{"file", path}});
  }
  std::string bytes(kKeyBytes, '\0');
  core::system_random().fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  core::Secret key(std::move(bytes));
  std::string text = core::base64url_encode(key.reveal()) + "\n";
  const auto written = core::write_file_atomically(path, text);
  core::wipe(text);
  if (!written) return std::unexpected(written.error());
  return key;
}

core::json::Array to_json(const std::vector<std::string>& texts) {
  core::json::Array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

core::WallTime from_ms(std::int64_t ms) {
  return core::WallTime{std::chrono::milliseconds{ms}};
}

std::string encode(const TokenKey& key, const StoredToken& token) {
  core::json::Value value{
      {"org", key.org},
      {"client_id", key.client_id},
      {"grant", key.grant},
      {"scheme", token.scheme},
      {"access_token", token.access_token.reveal()},
      {"refresh_token", token.refresh_token.reveal()},
      {"dpop_key", token.dpop_key.reveal()},
      {"scopes", to_json(token.scopes)},
      {"granted_scopes", to_json(token.granted_scopes)},
      {"obtained_at_ms", token.obtained_at.time_since_epoch().count()},
      {"expires_at_ms", token.expires_at.time_since_epoch().count()},
  };
  WipeAtExit wipe_value(value);
  return core::json::write(value);
}

core::Result<StoredToken> decode(std::string_view text, const TokenKey& key) {
  ASSIGN_OR_RETURN(auto value, core::json::parse(text));
  WipeAtExit wipe_value(value);
  core::json::Reader in(value);
  ASSIGN_OR_RETURN(const auto org, in.at("org").string());
  ASSIGN_OR_RETURN(const auto client_id, in.at("client_id").string());
  ASSIGN_OR_RETURN(const auto grant, in.at("grant").string());
  if (org != key.org || client_id != key.client_id || grant != key.grant) {
    return core::fail(ErrorKind::protocol, "oauth.store.other", "it belongs to another login");
  }
  StoredToken token;
  ASSIGN_OR_RETURN(token.scheme, in.at("scheme").string());
  ASSIGN_OR_RETURN(token.scopes, in.at("scopes").strings());
  ASSIGN_OR_RETURN(token.granted_scopes, in.at("granted_scopes").strings());
  ASSIGN_OR_RETURN(const auto obtained_at, in.at("obtained_at_ms").integer());
  ASSIGN_OR_RETURN(const auto expires_at, in.at("expires_at_ms").integer());
  token.obtained_at = from_ms(obtained_at);
  token.expires_at = from_ms(expires_at);
  ASSIGN_OR_RETURN(token.access_token, take_secret(value.as_object(), "access_token"));
  ASSIGN_OR_RETURN(token.refresh_token, take_secret(value.as_object(), "refresh_token"));
  ASSIGN_OR_RETURN(token.dpop_key, take_secret(value.as_object(), "dpop_key"));
  return token;
}

class HeldFileLock final : public StoreLock {
 public:
  explicit HeldFileLock(core::FileLock lock) : lock_(std::move(lock)) {}

 private:
  core::FileLock lock_;
};

}  // namespace

core::Result<std::unique_ptr<SealedFileStore>> SealedFileStore::create(
    const SealedFileStoreOptions& options) {
  const std::string directory = options.state_dir + "/tokens";
  RETURN_IF_ERROR(core::make_private_directory(options.state_dir));
  RETURN_IF_ERROR(core::make_private_directory(directory));
  ASSIGN_OR_RETURN(
      auto key, options.key_file.empty() ? machine_key(options.state_dir) : read_key_file(options.key_file));
  ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(key)));
  return std::unique_ptr<SealedFileStore>(new SealedFileStore(directory, std::move(sealer)));
}

std::string SealedFileStore::path(std::string_view name, std::string_view extension) const {
  return fmt::format("{}/{}.{}", directory_, name, extension);
}

void SealedFileStore::move_aside(std::string_view name, std::string_view why) {
  rename_quietly(path(name, "token"), path(name, "unreadable"));
  std::lock_guard guard(mutex_);
  // Once for each: on a directory that cannot be written to, the file stays and is met again at every load.
  if (!reported_.emplace(name).second) return;
  core::log(core::LogLevel::warning, "oauth",
            "a stored login cannot be read and has been set aside; signing in again replaces it",
            {{"file", path(name, "unreadable")}, {"reason", why}});
}

core::Result<std::optional<StoredToken>> SealedFileStore::load(const TokenKey& key) {
  const std::string name = key.name();
  const std::string file = path(name, "token");
  auto read = core::read_file(file, kMaxFileBytes);
  if (!read && read.error().code == "core.file.too_large") {
    move_aside(name, "the file is too large");
    return std::optional<StoredToken>{};
  }
  if (!read) return std::unexpected(std::move(read).error());
  const std::optional<std::string>& content = *read;
  if (!content) return std::optional<StoredToken>{};
  const int version = version_of(*content);
  if (version > kVersion) return newer(version, file);
  if (version == 0) {
    move_aside(name, "the file is damaged");
    return std::optional<StoredToken>{};
  }
  auto plaintext =
      sealer_.open(std::string_view(*content).substr(header(version).size()), seal_context(version, name));
  if (!plaintext) {
    move_aside(name, "it was sealed with another key, or is damaged");
    return std::optional<StoredToken>{};
  }
  auto token = decode(*plaintext, key);
  core::wipe(*plaintext);
  if (!token) {
    move_aside(name, token.error().message);
    return std::optional<StoredToken>{};
  }
  return std::optional<StoredToken>(std::move(*token));
}

core::Status SealedFileStore::save(const TokenKey& key, const StoredToken& token) {
  const std::string name = key.name();
  const std::string file = path(name, "token");
  if (const auto present = core::read_file(file, kMaxFileBytes)) {
    const int version = version_of(present->value_or(""));
    if (version > kVersion) return newer(version, file);
  }
  std::string plaintext = encode(key, token);
  const std::string content = header(kVersion) + sealer_.seal(plaintext, seal_context(kVersion, name));
  core::wipe(plaintext);
  return core::write_file_atomically(file, content);
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
  if (held) return std::make_unique<HeldFileLock>(std::move(*held));
  if (held.error().code != "core.file.locked") return std::unexpected(std::move(held).error());
  return core::fail(ErrorKind::timeout, "oauth.store.locked",
                    "Another process has been refreshing this login for too long.",
                    fmt::format("Stop the other okta-mcp-server process that holds {}, or try again.", file));
}

}  // namespace oauth
