// A user as the org keeps it: a packed record, so that a million of them fit in memory. What the generator
// made is derived from a few numbers; a user that was created or changed through the API carries an overlay
// with its profile as JSON.
#pragma once

#include <array>
#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace devorg {

// Okta operation getUser, schema UserStatus. In the order of a user's life.
enum class UserStatus : std::uint8_t {
  staged,
  provisioned,
  active,
  recovery,
  password_expired,
  locked_out,
  suspended,
  deprovisioned,
};
std::string_view to_string(UserStatus status);
std::optional<UserStatus> parse_user_status(std::string_view text);

// Unix seconds; Okta's users have whole seconds. 0 stands for null.
using Seconds = std::uint32_t;

struct UserOverlay {
  boost::json::object profile;
  std::string recovery_question;
  std::string provider_type = "OKTA";
  std::string provider_name = "OKTA";
};

inline constexpr std::uint32_t kNobody = 0xFFFFFFFF;

struct User {
  std::array<char, 17> id_tail{};  // after "00u"
  UserStatus status = UserStatus::staged;
  std::uint8_t department = 0;
  std::uint8_t level = 0;  // index into the department's titles
  std::uint8_t city = 0;
  bool has_password = false;
  bool contractor = false;
  bool removed = false;  // deleted for good: the slot stays, so that indexes never move
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::uint16_t suffix = 0;  // > 0 when the same first and last name came before
  std::uint32_t manager = kNobody;
  Seconds created = 0;
  Seconds activated = 0;
  Seconds status_changed = 0;
  Seconds last_login = 0;
  Seconds last_updated = 0;
  Seconds password_changed = 0;
  std::unique_ptr<UserOverlay> overlay;

  std::string id() const { return "00u" + std::string(id_tail.data(), id_tail.size()); }
};

}  // namespace devorg
