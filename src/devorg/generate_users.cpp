// The people of the generated org.
#include <algorithm>

#include "devorg/generate.h"
#include "devorg/names.h"

namespace devorg {

namespace {

constexpr Seconds kDay = 86'400;
constexpr std::uint8_t kItDepartment = 9;  // of the administrator

struct StatusShare {
  UserStatus status;
  std::uint32_t per_mille;
};
constexpr StatusShare kShares[] = {
    {UserStatus::active, 865},          {UserStatus::deprovisioned, 60}, {UserStatus::provisioned, 20},
    {UserStatus::staged, 15},           {UserStatus::suspended, 12},     {UserStatus::locked_out, 10},
    {UserStatus::password_expired, 10}, {UserStatus::recovery, 8},
};

UserStatus pick_status(Dice& dice) {
  std::uint32_t roll = dice.below(1000);
  for (const auto& share : kShares) {
    if (roll < share.per_mille) return share.status;
    roll -= share.per_mille;
  }
  return UserStatus::active;
}

std::uint8_t pick_department(Dice& dice) {
  int total = 0;
  for (const auto& department : departments()) total += department.weight;
  int roll = static_cast<int>(dice.below(static_cast<std::uint32_t>(total)));
  std::uint8_t index = 0;
  for (const auto& department : departments()) {
    if (roll < department.weight) return index;
    roll -= department.weight;
    ++index;
  }
  return 0;
}

// A moment between two others; the earlier one when they are the wrong way round.
Seconds between(Dice& dice, Seconds from, Seconds to) {
  return to <= from ? from : from + dice.below(to - from);
}

// Last sign-ins: most people within two weeks, some long ago, some never. Never before the account was
// active.
Seconds pick_last_login(Dice& dice, const User& user, Seconds now) {
  const std::uint32_t roll = dice.below(100);
  if (roll < 5) return 0;
  Seconds newest = now - 60;
  Seconds oldest = now - 14 * kDay;
  if (roll >= 74) {
    newest = now - 14 * kDay;
    oldest = now - 89 * kDay;
  }
  if (roll >= 87) {
    newest = now - 91 * kDay;
    oldest = now - 400 * kDay;
  }
  if (user.activated >= newest) return between(dice, user.activated, now);
  return between(dice, std::max(oldest, user.activated), newest);
}

// Whom the documentation, the demo and the sign-in page name.
std::unique_ptr<UserOverlay> administrator() {
  auto overlay = std::make_unique<UserOverlay>();
  overlay->profile = {{"firstName", "Alex"},
                      {"lastName", "Admin"},
                      {"mobilePhone", nullptr},
                      {"displayName", "Alex Admin"},
                      {"title", "Chief Information Officer"},
                      {"department", "IT"},
                      {"organization", kCompany},
                      {"userType", "Employee"},
                      {"secondEmail", nullptr},
                      {"login", "admin@example.com"},
                      {"email", "admin@example.com"}};
  return overlay;
}

void fill_life(User& user, Dice& dice, Seconds now) {
  const Seconds founded = now - 6 * 365 * kDay;
  // People who are still on their way in came lately.
  const bool fresh = user.status == UserStatus::staged || user.status == UserStatus::provisioned;
  user.created = fresh ? between(dice, now - 45 * kDay, now - 3600) : between(dice, founded, now - kDay);
  user.last_updated = between(dice, user.created, now);
  if (user.status == UserStatus::staged) {
    user.last_updated = user.created;
    return;
  }
  user.activated = between(dice, user.created, std::min(user.created + 3 * kDay, now));
  user.status_changed = user.activated;
  if (user.status == UserStatus::provisioned) {
    user.last_updated = user.activated;
    return;
  }
  user.has_password = true;
  user.password_changed = between(dice, user.activated, now);
  user.last_login = pick_last_login(dice, user, now);
  if (user.status != UserStatus::active) {
    user.status_changed = between(dice, std::max(user.activated, user.last_login), now);
    user.last_updated = std::max(user.last_updated, user.status_changed);
  }
}

}  // namespace

void generate_users(Org& org, const GenerateOptions& options, Dice& dice) {
  const auto now = static_cast<Seconds>(core::to_unix_seconds(options.now));
  const auto firsts = static_cast<std::uint32_t>(first_names().size());
  const auto lasts = static_cast<std::uint32_t>(last_names().size());
  const std::uint32_t pairs = firsts * lasts;
  // Walks all pairs of names in a scattered order before one comes again with a number: 48,271 is prime and
  // divides no number of pairs.
  const std::uint64_t offset = dice.below(pairs);
  const auto departments_count = departments().size();
  std::vector<std::uint32_t> heads(departments_count, kNobody);
  std::vector<std::uint32_t> last_lead(departments_count, kNobody);

  org.users.reserve(options.users);
  for (std::uint32_t i = 0; i < options.users; ++i) {
    User user;
    const std::string id = dice.id("00u");
    std::copy(id.begin() + 3, id.end(), user.id_tail.begin());
    const auto pair = static_cast<std::uint32_t>((offset + static_cast<std::uint64_t>(i) * 48'271) % pairs);
    user.first = static_cast<std::uint16_t>(pair % firsts);
    user.last = static_cast<std::uint16_t>(pair / firsts);
    user.suffix = static_cast<std::uint16_t>(i / pairs);
    user.department = i == 0 ? kItDepartment : pick_department(dice);
    user.city = static_cast<std::uint8_t>(dice.below(static_cast<std::uint32_t>(cities().size())));
    user.contractor = dice.one_in(9);
    user.status = pick_status(dice);
    const std::uint32_t rank = dice.below(100);
    user.level = static_cast<std::uint8_t>(rank < 55 ? 0 : rank < 88 ? 1 : 2);
    // The first one of a department leads it; user 0 is the administrator of the org and always active.
    if (heads[user.department] == kNobody || i == 0) {
      user.level = 3;
      user.status = UserStatus::active;
      user.contractor = false;
    }
    fill_life(user, dice, now);
    if (i == 0) {
      user.last_login = now - 3600;
      user.overlay = administrator();
    }
    const bool leads = user.level >= 2 && user.status == UserStatus::active;
    user.manager = user.level == 3                                            ? (i == 0 ? kNobody : 0)
                   : user.level == 2 || last_lead[user.department] == kNobody ? heads[user.department]
                                                                              : last_lead[user.department];
    const std::uint8_t department = user.department;
    const bool is_head = user.level == 3;
    const std::uint32_t index = org.add_user(std::move(user));
    if (is_head && heads[department] == kNobody) heads[department] = index;
    if (leads && !is_head) last_lead[department] = index;
  }
  org.admin = 0;
}

}  // namespace devorg
