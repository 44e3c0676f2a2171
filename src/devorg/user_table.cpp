#include "devorg/user_table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

#include "devorg/names.h"

namespace devorg {

namespace {

constexpr std::array<std::string_view, 8> kStatusNames{"STAGED",    "PROVISIONED",      "ACTIVE",
                                                       "RECOVERY",  "PASSWORD_EXPIRED", "LOCKED_OUT",
                                                       "SUSPENDED", "DEPROVISIONED"};

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  // FNV's low bits are weak for short texts; one round of splitmix64's finaliser spreads them.
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  return hash ^ (hash >> 31);
}

std::string_view shortname(std::string_view login) {
  return login.substr(0, login.find('@'));
}

std::string_view text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::string generated_login(const User& user) {
  const auto first = first_names()[user.first].ascii;
  const auto last = last_names()[user.last].ascii;
  if (user.suffix == 0) return fmt::format("{}.{}@{}", first, last, kMailDomain);
  return fmt::format("{}.{}{}@{}", first, last, user.suffix + 1, kMailDomain);
}

std::string employee_number(std::uint32_t index) {
  return fmt::format("E{:07}", 1000 + index);
}

// Days since 1970 to "2024-05-17"; the hire date is the day the account was made.
std::string date_of(Seconds seconds) {
  const std::chrono::sys_days day{std::chrono::days{seconds / 86'400}};
  const std::chrono::year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

bool has_mobile(std::uint32_t index) {
  return index % 4 != 3;
}

std::string mobile(std::uint32_t index) {
  return fmt::format("+1-555-01{:02}-{:04}", index / 10'000 % 100, index % 10'000);
}

// Two skills a head, so that array attributes can be searched.
std::array<std::string_view, 2> skills_of(const User& user, std::uint32_t index) {
  const auto all = skills();
  const std::size_t one = (index * 7 + user.department) % all.size();
  return {all[one], all[(one + 1 + user.level) % all.size()]};
}

}  // namespace

std::string_view to_string(UserStatus status) {
  return kStatusNames[static_cast<std::size_t>(status)];
}

std::optional<UserStatus> parse_user_status(std::string_view text) {
  const auto* found = std::find(kStatusNames.begin(), kStatusNames.end(), text);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<UserStatus>(found - kStatusNames.begin());
}

void IndexTable::reserve(std::size_t entries) {
  std::size_t capacity = 16;
  while (capacity < entries * 2) capacity *= 2;
  if (capacity > slots_.size()) rehash(capacity);
}

void IndexTable::rehash(std::size_t capacity) {
  std::vector<Slot> old_slots(capacity);
  std::vector<std::uint64_t> old_hashes(capacity);
  old_slots.swap(slots_);
  old_hashes.swap(hashes_);
  used_ = 0;
  for (std::size_t i = 0; i < old_slots.size(); ++i)
    if (old_slots[i].index < kErased) place(old_hashes[i], old_slots[i].index);
}

void IndexTable::place(std::uint64_t hash, std::uint32_t index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].index < kErased) at = (at + 1) & mask;
  if (slots_[at].index == kEmpty) ++used_;
  slots_[at] = Slot{.tag = static_cast<std::uint32_t>(hash >> 32), .index = index};
  hashes_[at] = hash;
}

void IndexTable::insert(std::uint64_t hash, std::uint32_t index) {
  if (slots_.empty() || used_ * 10 >= slots_.size() * 7) rehash(std::max<std::size_t>(16, slots_.size() * 2));
  place(hash, index);
}

std::uint32_t IndexTable::find(std::uint64_t hash, const std::function<bool(std::uint32_t)>& accept) const {
  if (slots_.empty()) return kNobody;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].index != kEmpty; at = (at + 1) & mask)
    if (slots_[at].index != kErased && slots_[at].tag == static_cast<std::uint32_t>(hash >> 32) &&
        accept(slots_[at].index))
      return slots_[at].index;
  return kNobody;
}

void IndexTable::erase(std::uint64_t hash, std::uint32_t index) {
  if (slots_.empty()) return;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].index != kEmpty; at = (at + 1) & mask)
    if (slots_[at].index == index) {
      slots_[at].index = kErased;
      return;
    }
}

void UserTable::reserve(std::size_t users) {
  users_.reserve(users);
  by_id_.reserve(users);
  by_login_.reserve(users);
  by_shortname_.reserve(users);
}

void UserTable::index_names(std::uint32_t index, bool insert) {
  const std::string folded = catalogue::fold_case(login(index));
  const auto change = [&](IndexTable& table, std::string_view key) {
    if (insert) {
      table.insert(hash_text(key), index);
    } else {
      table.erase(hash_text(key), index);
    }
  };
  change(by_login_, folded);
  change(by_shortname_, shortname(folded));
}

std::uint32_t UserTable::add(User user) {
  const auto index = static_cast<std::uint32_t>(users_.size());
  users_.push_back(std::move(user));
  by_id_.insert(hash_text({users_[index].id_tail.data(), users_[index].id_tail.size()}), index);
  index_names(index, true);
  return index;
}

void UserTable::set_profile(std::uint32_t index, boost::json::object profile) {
  index_names(index, false);
  overlay(index).profile = std::move(profile);
  index_names(index, true);
}

void UserTable::remove(std::uint32_t index) {
  index_names(index, false);
  by_id_.erase(hash_text({users_[index].id_tail.data(), users_[index].id_tail.size()}), index);
  users_[index].removed = true;
}

std::uint32_t UserTable::find_id(std::string_view id) const {
  if (id.size() != 20 || !id.starts_with("00u")) return kNobody;
  const std::string_view tail = id.substr(3);
  return by_id_.find(hash_text(tail), [&](std::uint32_t index) {
    return std::equal(tail.begin(), tail.end(), users_[index].id_tail.begin());
  });
}

std::uint32_t UserTable::find_login(std::string_view login_text) const {
  const std::string folded = catalogue::fold_case(login_text);
  return by_login_.find(hash_text(folded),
                        [&](std::uint32_t index) { return catalogue::fold_case(login(index)) == folded; });
}

std::uint32_t UserTable::resolve(std::string_view key) const {
  if (const auto index = find_id(key); index != kNobody) return index;
  if (const auto index = find_login(key); index != kNobody) return index;
  if (key.find('@') != std::string_view::npos) return kNobody;
  const std::string folded = catalogue::fold_case(key);
  std::uint32_t first = kNobody;
  const auto same = [&](std::uint32_t index) {
    if (shortname(catalogue::fold_case(login(index))) != folded) return false;
    if (first == kNobody) {
      first = index;
      return false;  // go on: a second one makes the shortname ambiguous
    }
    return first != index;
  };
  return by_shortname_.find(hash_text(folded), same) == kNobody ? first : kNobody;
}

std::string UserTable::login(std::uint32_t index) const {
  const User& user = users_[index];
  if (user.overlay) return std::string(text_of(user.overlay->profile, "login"));
  return generated_login(user);
}

std::string UserTable::display_name(std::uint32_t index) const {
  const User& user = users_[index];
  if (user.overlay)
    return fmt::format("{} {}", text_of(user.overlay->profile, "firstName"),
                       text_of(user.overlay->profile, "lastName"));
  return fmt::format("{} {}", first_names()[user.first].shown, last_names()[user.last].shown);
}

boost::json::object UserTable::profile(std::uint32_t index) const {
  const User& user = users_[index];
  if (user.overlay) return user.overlay->profile;
  const Department& department = departments()[user.department];
  const City& city = cities()[user.city];
  const auto chosen = skills_of(user, index);
  const std::string login_text = generated_login(user);
  boost::json::object profile{
      {"firstName", first_names()[user.first].shown},
      {"lastName", last_names()[user.last].shown},
      {"mobilePhone", nullptr},
      {"displayName", display_name(index)},
      {"title", department.titles[user.level]},
      {"department", department.name},
      {"division", department.division},
      {"organization", kCompany},
      {"costCenter", department.cost_centre},
      {"employeeNumber", employee_number(index)},
      {"userType", user.contractor ? "Contractor" : "Employee"},
      {"city", city.name},
      {"countryCode", city.country_code},
      {"locale", city.locale},
      {"timezone", city.timezone},
      {"hireDate", date_of(user.created)},
      {"skills", boost::json::array{chosen[0], chosen[1]}},
  };
  if (has_mobile(index)) profile["mobilePhone"] = mobile(index);
  if (!city.state.empty()) profile["state"] = city.state;
  if (user.manager != kNobody) {
    profile["manager"] = display_name(user.manager);
    profile["managerId"] = users_[user.manager].id();
  }
  profile["secondEmail"] = nullptr;
  profile["login"] = login_text;
  profile["email"] = login_text;
  return profile;
}

void UserTable::collect_profile(std::uint32_t index, std::string_view attribute,
                                catalogue::FilterValues& out) const {
  const User& user = users_[index];
  if (user.overlay) {
    const auto* value = user.overlay->profile.if_contains(attribute);
    if (value) catalogue::JsonSubject(*value).collect("", out);
    return;
  }
  // The common ones without building the profile: this runs once a user and comparison.
  const Department& department = departments()[user.department];
  const City& city = cities()[user.city];
  if (attribute == "firstName") return out.add_text(first_names()[user.first].shown);
  if (attribute == "lastName") return out.add_text(last_names()[user.last].shown);
  if (attribute == "login" || attribute == "email") return out.add_owned_text(generated_login(user));
  if (attribute == "department") return out.add_text(department.name);
  if (attribute == "division") return out.add_text(department.division);
  if (attribute == "title") return out.add_text(department.titles[user.level]);
  if (attribute == "city") return out.add_text(city.name);
  if (attribute == "countryCode") return out.add_text(city.country_code);
  if (attribute == "userType") return out.add_text(user.contractor ? "Contractor" : "Employee");
  if (attribute == "employeeNumber") return out.add_owned_text(employee_number(index));
  if (attribute == "managerId" && user.manager != kNobody)
    return out.add_owned_text(users_[user.manager].id());
  const boost::json::object all = profile(index);
  const auto* value = all.if_contains(attribute);
  if (!value) return;
  if (const auto* text = value->if_string()) return out.add_owned_text({text->data(), text->size()});
  if (const auto* list = value->if_array())
    for (const auto& element : *list) out.add_owned_text(std::string(element.get_string()));
}

UserOverlay& UserTable::overlay(std::uint32_t index) {
  User& user = users_[index];
  if (!user.overlay) {
    auto made = std::make_unique<UserOverlay>();
    made->profile = profile(index);
    user.overlay = std::move(made);
  }
  return *user.overlay;
}

void UserSubject::collect(std::string_view path, catalogue::FilterValues& out) const {
  const User& user = users_.at(index_);
  const auto time = [&](Seconds seconds) {
    if (seconds != 0) out.add_time(static_cast<std::int64_t>(seconds) * 1000);
  };
  if (path.starts_with("profile.")) return users_.collect_profile(index_, path.substr(8), out);
  if (path == "id") return out.add_owned_text(user.id());
  if (path == "status") return out.add_text(to_string(user.status));
  if (path == "created") return time(user.created);
  if (path == "activated") return time(user.activated);
  if (path == "statusChanged") return time(user.status_changed);
  if (path == "lastUpdated") return time(user.last_updated);
  if (path == "lastLogin") return time(user.last_login);
  if (path == "passwordChanged") return time(user.password_changed);
  if (path == "type.id") return out.add_text(type_id_);
}

}  // namespace devorg
