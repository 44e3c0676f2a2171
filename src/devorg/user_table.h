// All users, in order of creation. An index names a user for as long as the process lives.
// Not thread-safe; the org's lock guards it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/scim_filter.h"
#include "devorg/user.h"

namespace devorg {

// Open addressing over 32-bit indexes: 8 bytes a user, no copies of keys.
class IndexTable {
 public:
  void reserve(std::size_t entries);
  void insert(std::uint64_t hash, std::uint32_t index);
  void erase(std::uint64_t hash, std::uint32_t index);
  // Calls `accept` for each candidate until it returns true; that candidate, or kNobody.
  std::uint32_t find(std::uint64_t hash, const std::function<bool(std::uint32_t)>& accept) const;

 private:
  struct Slot {
    std::uint32_t tag = 0;         // high half of the hash
    std::uint32_t index = kEmpty;  // kEmpty, kErased or a user
  };
  static constexpr std::uint32_t kEmpty = 0xFFFFFFFF;
  static constexpr std::uint32_t kErased = 0xFFFFFFFE;
  void rehash(std::size_t capacity);
  void place(std::uint64_t hash, std::uint32_t index);

  std::vector<Slot> slots_;
  std::vector<std::uint64_t> hashes_;  // by slot, for growing
  std::size_t used_ = 0;
};

class UserTable {
 public:
  void reserve(std::size_t users);
  // The overlay, when there is one, must already hold the login.
  std::uint32_t add(User user);
  std::size_t size() const { return users_.size(); }
  const User& at(std::uint32_t index) const { return users_[index]; }
  // For everything but the login, which set_profile() keeps indexed.
  User& edit(std::uint32_t index) { return users_[index]; }
  void set_profile(std::uint32_t index, boost::json::object profile);
  // Deletes for good: id and login are free again, the slot stays.
  void remove(std::uint32_t index);

  // kNobody when there is none. Logins compare without regard to case.
  std::uint32_t find_id(std::string_view id) const;
  std::uint32_t find_login(std::string_view login) const;
  // An id, a login, or an unambiguous login shortname (the part before '@').
  std::uint32_t resolve(std::string_view key) const;

  std::string login(std::uint32_t index) const;
  std::string display_name(std::uint32_t index) const;  // "First Last"
  boost::json::object profile(std::uint32_t index) const;
  // Values of one profile attribute, as filters see them.
  void collect_profile(std::uint32_t index, std::string_view attribute, catalogue::FilterValues& out) const;
  // Moves the generated attributes into an overlay, so that they can be changed.
  UserOverlay& overlay(std::uint32_t index);

 private:
  void index_names(std::uint32_t index, bool insert);

  std::vector<User> users_;
  IndexTable by_id_;
  IndexTable by_login_;
  IndexTable by_shortname_;
};

// One user as a filter sees it: id, status, the dates, type.id, profile.*.
class UserSubject final : public catalogue::FilterSubject {
 public:
  UserSubject(const UserTable& users, std::uint32_t index, std::string_view type_id)
      : users_(users), index_(index), type_id_(type_id) {}
  void collect(std::string_view path, catalogue::FilterValues& out) const override;

 private:
  const UserTable& users_;
  std::uint32_t index_;
  std::string_view type_id_;
};

}  // namespace devorg
