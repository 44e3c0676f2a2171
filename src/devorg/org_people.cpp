#include "devorg/org_people.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "registry/event_view.h"
#include "registry/person.h"
#include "rest/body.h"

namespace devorg {

namespace {

using core::Result;
using core::Status;
using registry::Kind;
using registry::Query;
using registry::Row;
using registry::Stamp;

// Under the org's lock.
registry::Row person_row(const Org& org, std::uint32_t index) {
  const User& user = org.users.at(index);
  const auto profile = org.users.profile(index);
  const auto text = [&](std::string_view name) { return std::string(rest::string_at(profile, name)); };
  const std::uint32_t administrators = org.find_group_name(kAdministrators);
  registry::Person person{.id = user.id(),
                          .login = text("login"),
                          .status = user.status == UserStatus::active ? registry::PersonStatus::active
                                                                      : registry::PersonStatus::deprovisioned,
                          .email = text("email"),
                          .first_name = text("firstName"),
                          .last_name = text("lastName"),
                          .display_name = text("displayName"),
                          .owner = administrators != kNone && org.is_member(administrators, index)};
  person.created = core::WallTime{std::chrono::seconds{user.created}};
  person.updated = core::WallTime{std::chrono::seconds{user.last_updated}};
  person.version = 1;
  return registry::to_row(person);
}

std::optional<Row> look(Service& service, std::uint32_t (UserTable::*find)(std::string_view) const,
                        std::string_view name) {
  std::shared_lock lock(service.mutex());
  const Org& org = service.org();
  const std::uint32_t index = (org.users.*find)(name);
  if (index == kNobody || org.users.at(index).removed) return std::nullopt;
  return person_row(org, index);
}

std::optional<Row> by_id(Service& service, std::string_view id) {
  return look(service, &UserTable::find_id, id);
}

// The org keeps no versions of people: what was made of one holds for that time only.
std::optional<Stamp> person_stamp(Service& service, std::string_view id) {
  static std::atomic<std::int64_t> last{0};
  if (!by_id(service, id)) return std::nullopt;
  return Stamp{.version = ++last};
}

// Unique texts of people are their logins.
std::optional<Row> by_login(Service& service, std::string_view login) {
  return look(service, &UserTable::find_login, login);
}

class PeopleTransaction final : public registry::Transaction {
 public:
  PeopleTransaction(Service& service, registry::Transaction& tx, std::vector<registry::Event>& events)
      : service_(service), tx_(tx), events_(events) {}

  Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    if (kind == Kind::user) return by_id(service_, id);
    return tx_.get(kind, id);
  }
  Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    if (kind == Kind::user) return person_stamp(service_, id);
    return tx_.stamp(kind, id);
  }
  Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    if (kind == Kind::user) return by_login(service_, unique);
    return tx_.find_unique(kind, unique);
  }
  Result<std::vector<Row>> list(const Query& query) override { return tx_.list(query); }
  Result<std::optional<Row>> hold(Kind kind, std::string_view id) override {
    if (kind == Kind::user) return by_id(service_, id);
    return tx_.hold(kind, id);
  }
  Status insert(Row& row) override { return tx_.insert(row); }
  Status update(Row& row) override { return tx_.update(row); }
  Status remove(Kind kind, std::string_view id) override { return tx_.remove(kind, id); }
  Status emit(registry::Event event) override {
    events_.push_back(event);
    return tx_.emit(std::move(event));
  }
  Status schedule(registry::Work work) override { return tx_.schedule(std::move(work)); }
  Status finish(const registry::Work& work) override { return tx_.finish(work); }
  Status retry(const registry::Work& work, core::WallTime due) override { return tx_.retry(work, due); }
  Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) override {
    return tx_.consume(id, keep);
  }

 private:
  Service& service_;
  registry::Transaction& tx_;
  std::vector<registry::Event>& events_;
};

class PeopleStore final : public registry::Store {
 public:
  PeopleStore(Service& service, std::unique_ptr<registry::Store> store)
      : service_(service), store_(std::move(store)) {}

  Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    if (kind == Kind::user) return by_id(service_, id);
    return store_->get(kind, id);
  }
  Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    if (kind == Kind::user) return person_stamp(service_, id);
    return store_->stamp(kind, id);
  }
  Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    if (kind == Kind::user) return by_login(service_, unique);
    return store_->find_unique(kind, unique);
  }
  Result<std::vector<Row>> list(const Query& query) override { return store_->list(query); }

  Status transaction(const std::function<Status(registry::Transaction& tx)>& work) override {
    std::vector<registry::Event> events;
    RETURN_IF_ERROR(store_->transaction([&](registry::Transaction& tx) {
      events.clear();  // of an attempt that came to nothing
      PeopleTransaction with(service_, tx, events);
      return work(with);
    }));
    if (!events.empty()) tell(events);
    return {};
  }

  Result<std::vector<registry::Event>> events(const registry::EventQuery& query) override {
    return store_->events(query);
  }
  Result<std::optional<registry::Work>> claim(std::string_view node,
                                              std::chrono::milliseconds lease) override {
    return store_->claim(node, lease);
  }
  Result<bool> renew(const registry::Work& work, std::chrono::milliseconds lease) override {
    return store_->renew(work, lease);
  }
  Result<std::size_t> prune(Kind kind, core::WallTime changed_before,
                            const std::vector<std::string>& statuses) override {
    return store_->prune(kind, changed_before, statuses);
  }
  Result<std::size_t> forget_expired() override { return store_->forget_expired(); }
  core::StateStore& state() override { return store_->state(); }
  Status backup(const std::string& path) override { return store_->backup(path); }
  std::string where() const override { return store_->where(); }

 private:
  void tell(std::vector<registry::Event>& events) {
    const std::unique_lock lock(service_.mutex());
    for (registry::Event& event : events) {
      // The log is in order of time, and what was committed first may come second.
      event.published = service_.now();
      event.id = service_.random().uuid();
      const core::json::Value shown = registry::event_view(event);
      service_.org().log.append(event.published.time_since_epoch().count(), shown);
    }
  }

  Service& service_;
  const std::unique_ptr<registry::Store> store_;
};

}  // namespace

std::unique_ptr<registry::Store> with_people_of(Service& service, std::unique_ptr<registry::Store> store) {
  return std::make_unique<PeopleStore>(service, std::move(store));
}

}  // namespace devorg
