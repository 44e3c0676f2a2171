// Thirty-five days of System Log for the generated org, and what happened in the last half hour.
#include <algorithm>

#include "devorg/generate.h"

namespace devorg {

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kHistory = 35 * kDayMs;

EventTarget user(std::uint32_t index) {
  return {.kind = EventTarget::Kind::user, .index = index};
}
EventTarget group(std::uint32_t index) {
  return {.kind = EventTarget::Kind::group, .index = index};
}
EventTarget app(std::uint32_t index) {
  return {.kind = EventTarget::Kind::app, .index = index};
}

class History {
 public:
  History(Org& org, const GenerateOptions& options, Dice& dice)
      : org_(org), dice_(dice), now_(options.now.time_since_epoch().count()), left_(options.max_events) {}

  bool full() const { return left_ == 0; }

  void add(std::int64_t when, EventType type, std::uint32_t actor, EventTarget one, EventTarget two = {},
           bool success = true) {
    if (when > now_ || when < now_ - kHistory || left_ == 0) return;
    --left_;
    const auto roll = static_cast<std::uint32_t>(dice_.next());
    // The second of a user's dates is the event's; its milliseconds are nobody's.
    org_.log.add({.published = std::min(when - when % 1000 + roll % 1000, now_),
                  .type = type,
                  .success = success,
                  .reason = static_cast<std::uint8_t>(roll % 4),
                  .actor = actor,
                  .salt = roll,
                  .targets = {one, two}});
  }

  // A sign-in, sometimes after a mistyped password, and what the session was used for.
  void sign_in(std::uint32_t index, std::int64_t when) {
    if (dice_.one_in(9)) add(when - 20'000, EventType::user_session_start, index, user(index), {}, false);
    add(when, EventType::user_session_start, index, user(index));
    const auto apps = static_cast<std::uint32_t>(org_.apps.size());
    if (dice_.one_in(2))
      add(when + 30'000, EventType::user_authentication_sso, index, app(2 + dice_.below(apps - 2)));
    if (dice_.one_in(4))
      add(when + std::int64_t{480} * kMinute, EventType::user_session_end, index, user(index));
  }

  void lifecycle(std::uint32_t index) {
    const User& person = org_.users.at(index);
    const auto ms = [](Seconds seconds) { return static_cast<std::int64_t>(seconds) * 1000; };
    add(ms(person.created), EventType::user_create, org_.admin, user(index));
    if (person.activated != 0) {
      add(ms(person.activated), EventType::user_activate, org_.admin, user(index));
      for (const std::uint32_t at : org_.groups_of(index))
        if (!org_.groups[at].everyone)
          add(ms(person.activated) + 1000, EventType::group_member_add, org_.admin, user(index), group(at));
    }
    switch (person.status) {
      case UserStatus::deprovisioned:
        add(ms(person.status_changed), EventType::user_deactivate, org_.admin, user(index));
        break;
      case UserStatus::suspended:
        add(ms(person.status_changed), EventType::user_suspend, org_.admin, user(index));
        break;
      case UserStatus::locked_out:
        for (int attempt = 10; attempt > 0; --attempt)
          add(ms(person.status_changed) - std::int64_t{attempt} * 5000, EventType::user_session_start, index,
              user(index), {}, false);
        add(ms(person.status_changed), EventType::user_lock, index, user(index));
        break;
      case UserStatus::recovery:
        add(ms(person.status_changed), EventType::user_reset_password, org_.admin, user(index));
        break;
      case UserStatus::password_expired:
        add(ms(person.status_changed), EventType::user_expire_password, org_.admin, user(index));
        break;
      default:
        if (person.last_updated > person.activated)
          add(ms(person.last_updated), EventType::user_update_profile, org_.admin, user(index));
    }
  }

  // Who tried to sign in during the last half hour: some made it, some did not.
  void last_half_hour() {
    const auto count = static_cast<std::uint32_t>(org_.users.size());
    for (std::uint32_t i = 0; i < 12; ++i) {
      const std::uint32_t index = dice_.below(count);
      User& person = org_.users.edit(index);
      if (person.status != UserStatus::active || index == org_.admin) continue;
      const std::int64_t when = now_ - kMinute - dice_.below(27) * kMinute;
      const bool success = i % 3 == 2;
      if (!success) {
        for (std::uint32_t attempt = 0; attempt <= i % 3; ++attempt)
          add(when + std::int64_t{attempt} * 9000, EventType::user_session_start, index, user(index), {},
              false);
        continue;
      }
      add(when, EventType::user_session_start, index, user(index));
      person.last_login = std::max(person.last_login, static_cast<Seconds>(when / 1000));
    }
  }

  // Admins move people between groups and apps; each pair of add and remove leaves the memberships as they
  // are.
  void administration() {
    const auto people = static_cast<std::uint32_t>(org_.users.size());
    const std::uint32_t moves = std::min<std::uint32_t>(40 + people / 20, 5000);
    for (std::uint32_t i = 0; i < moves; ++i) {
      const std::uint32_t index = dice_.below(people);
      const std::uint32_t at = 2 + dice_.below(static_cast<std::uint32_t>(org_.groups.size()) - 2);
      const std::int64_t when =
          now_ - kHistory + static_cast<std::int64_t>(dice_.next() % (kHistory - kDayMs));
      const bool member = org_.is_member(at, index);
      add(when, member ? EventType::group_member_remove : EventType::group_member_add, org_.admin,
          user(index), group(at));
      add(when + kMinute * (5 + dice_.below(600)),
          member ? EventType::group_member_add : EventType::group_member_remove, org_.admin, user(index),
          group(at));
      if (i % 4 == 0) {
        const std::uint32_t which = 2 + dice_.below(static_cast<std::uint32_t>(org_.apps.size()) - 2);
        add(when + 1000, EventType::app_user_add, org_.admin, user(index), app(which));
        add(when + kMinute * 90, EventType::app_user_remove, org_.admin, user(index), app(which));
      }
    }
  }

 private:
  Org& org_;
  Dice& dice_;
  std::int64_t now_;
  std::size_t left_;
};

}  // namespace

void generate_events(Org& org, const GenerateOptions& options, Dice& dice) {
  History history(org, options, dice);
  history.last_half_hour();
  history.administration();
  const std::int64_t now = options.now.time_since_epoch().count();
  const auto people = static_cast<std::uint32_t>(org.users.size());
  for (std::uint32_t i = 0; i < people && !history.full(); ++i) history.lifecycle(i);
  // Each round gives everyone who signed in lately one more sign-in, the last one first, until the log is
  // full.
  for (int round = 0; round < 5 && !history.full(); ++round) {
    for (std::uint32_t i = 0; i < people && !history.full(); ++i) {
      const User& person = org.users.at(i);
      const std::int64_t last = static_cast<std::int64_t>(person.last_login) * 1000;
      if (person.last_login == 0 || last < now - kHistory) continue;
      if (round == 0) {
        history.sign_in(i, last);
      } else if (!dice.one_in(3)) {
        const std::int64_t earliest =
            std::max(now - kHistory, static_cast<std::int64_t>(person.activated) * 1000);
        if (last > earliest)
          history.sign_in(i, earliest + static_cast<std::int64_t>(
                                            dice.next() % static_cast<std::uint64_t>(last - earliest)));
      }
    }
  }
  org.log.sort();
}

}  // namespace devorg
