#include "oauth/sealing_keys.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/log.h"
#include "core/random.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kIdDigits = 16;

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

core::Secret new_key() {
  std::string bytes(kKeyBytes, '\0');
  core::system_random().fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  return core::Secret(std::move(bytes));
}

// nullopt when there is none and none is to be made. Under a lock, so that of two servers that start at once
// one makes the key and the other reads it.
core::Result<std::optional<core::Secret>> key_beside(const std::string& state_dir, bool make) {
  const std::string path = state_dir + "/token.key";
  std::error_code ignored;
  if (!make && !std::filesystem::exists(path, ignored)) return std::nullopt;
  ASSIGN_OR_RETURN(auto lock, core::FileLock::acquire(path + ".lock"));
  ASSIGN_OR_RETURN(auto content, core::read_file(path, 4096));
  if (content) {
    auto key = parse_key(*content);
    core::wipe(*content);
    if (key || !make) return key;
    std::filesystem::rename(path, path + ".unreadable", ignored);
    core::log(core::LogLevel::warning, "oauth", "the sealing key was damaged and has been replaced",
              {{"file", path}});
  }
  if (!make) return std::nullopt;
  core::Secret key = new_key();
  std::string text = core::base64url_encode(key.reveal()) + "\n";
  const auto written = core::write_file_atomically(path, text);
  core::wipe(text);
  if (!written) return std::unexpected(written.error());
  return std::optional(std::move(key));
}

std::string_view prefix_of(KeySource source) {
  switch (source) {
    case KeySource::named:
      return "named-";
    case KeySource::keyring:
      return "keyring-";
    case KeySource::beside:
      break;
  }
  return "beside-";
}

core::Result<std::shared_ptr<const SealingKey>> make(KeySource source, core::Secret key) {
  std::string digested = "okta-mcp sealing key\n" + key.reveal();
  std::string name(prefix_of(source));
  name += core::sha256_hex(digested).substr(0, kIdDigits);
  core::wipe(digested);
  ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(key)));
  return std::make_shared<const SealingKey>(
      SealingKey{.source = source, .name = std::move(name), .sealer = std::move(sealer)});
}

bool any_from(const std::vector<std::string>& names, KeySource source) {
  return std::ranges::any_of(names, [&](const auto& name) { return source_of(name) == source; });
}

}  // namespace

core::Result<core::Secret> read_key_file(const std::string& path, std::string_view setting) {
  const auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::invalid_input, "oauth.store.key_file",
                      fmt::format("The key file {} {}.", path, why),
                      fmt::format("{} names a file with 32 random bytes, raw or as base64 (openssl rand "
                                  "-base64 32 makes one).",
                                  setting));
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

std::optional<KeySource> source_of(std::string_view key_name) {
  for (const auto source : {KeySource::named, KeySource::keyring, KeySource::beside}) {
    const std::string_view prefix = prefix_of(source);
    if (key_name.size() == prefix.size() + kIdDigits && key_name.starts_with(prefix)) return source;
  }
  return std::nullopt;
}

core::Result<SealingKeys> SealingKeys::create(const SealingKeyOptions& options) {
  SealingKeys keys;
  keys.key_file_setting_ = options.key_file_setting;
  keys.chosen_ = !options.key_file.empty() || options.must_use_keyring;
  const auto add = [&](KeySource source, core::Secret bytes) -> core::Status {
    ASSIGN_OR_RETURN(auto key, make(source, std::move(bytes)));
    keys.keys_.push_back(std::move(key));
    return {};
  };
  if (!options.key_file.empty()) {
    ASSIGN_OR_RETURN(auto named, read_key_file(options.key_file, options.key_file_setting));
    RETURN_IF_ERROR(add(KeySource::named, std::move(named)));
  }
  // Beside a named key it is asked only for what was sealed with one of its keys before.
  const bool was_keyring = any_from(options.in_use, KeySource::keyring);
  if (options.keyring != nullptr && (keys.keys_.empty() || was_keyring)) {
    auto found = options.keyring->keys({.add_if_none = keys.keys_.empty() ? new_key() : core::Secret{},
                                        .may_start = was_keyring || options.must_use_keyring});
    if (!found && options.must_use_keyring) return std::unexpected(std::move(found).error());
    if (found) {
      for (auto& bytes : *found) RETURN_IF_ERROR(add(KeySource::keyring, std::move(bytes)));
      // Of several, all processes take the same one.
      std::ranges::sort(keys.keys_, [](const auto& a, const auto& b) {
        return std::pair(a->source, std::string_view(a->name)) <
               std::pair(b->source, std::string_view(b->name));
      });
    } else {
      keys.keyring_problem_ = std::move(found).error();
    }
  }
  ASSIGN_OR_RETURN(auto beside, key_beside(options.state_dir, keys.keys_.empty()));
  if (beside) RETURN_IF_ERROR(add(KeySource::beside, std::move(*beside)));
  return keys;
}

const SealingKey& SealingKeys::for_saving(std::string_view present) const {
  const SealingKey* held = find(present);
  return held != nullptr && !chosen_ ? *held : *keys_.front();
}

const SealingKey* SealingKeys::find(std::string_view name) const {
  const auto found = std::ranges::find_if(keys_, [&](const auto& each) { return each->name == name; });
  return found == keys_.end() ? nullptr : found->get();
}

SealingKeys SealingKeys::with_key_beside(const std::string& state_dir) const {
  SealingKeys more = *this;
  auto bytes = key_beside(state_dir, false);
  if (!bytes || !*bytes) return more;
  auto key = make(KeySource::beside, std::move(**bytes));
  if (key && find((*key)->name) == nullptr) more.keys_.push_back(std::move(*key));
  return more;
}

std::string SealingKeys::protection(const SealingKey& key) const {
  switch (key.source) {
    case KeySource::named:
      return fmt::format("sealed with a key of your own ({})", key_file_setting_);
    case KeySource::keyring:
      return "sealed with a key in the desktop's keyring";
    case KeySource::beside:
      break;
  }
  return "protected by file permissions only";
}

}  // namespace oauth
