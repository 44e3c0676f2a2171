#include "registry/measured_store.h"

#include <chrono>
#include <utility>

namespace registry {

namespace {

// The series of one call, looked up once.
class Timed {
 public:
  Timed(core::Metrics& metrics, const core::Clock& clock, const char* call)
      : clock_(clock),
        seconds_(
            metrics.histogram("okta_registry_store_seconds", "How long the store took.", {{"call", call}})),
        errors_(metrics.counter("okta_registry_store_errors_total",
                                "Calls that the store could not serve, by call.", {{"call", call}})) {}

  template <class Function>
  auto operator()(Function&& function) {
    const auto begun = clock_.steady();
    auto result = std::forward<Function>(function)();
    seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
    // A rule's refusal inside a transaction is no failure of the store's.
    if (!result && result.error().code.starts_with("registry.store.unavailable")) errors_.add();
    return result;
  }

 private:
  const core::Clock& clock_;
  core::Histogram& seconds_;
  core::Counter& errors_;
};

class MeasuredStore final : public Store {
 public:
  MeasuredStore(std::unique_ptr<Store> store, core::Metrics& metrics, const core::Clock& clock)
      : store_(std::move(store)),
        get_(metrics, clock, "get"),
        list_(metrics, clock, "list"),
        transaction_(metrics, clock, "transaction"),
        events_(metrics, clock, "events"),
        claim_(metrics, clock, "claim") {}

  core::Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    return get_([&] { return store_->get(kind, id); });
  }
  core::Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    return get_([&] { return store_->stamp(kind, id); });
  }
  core::Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    return get_([&] { return store_->find_unique(kind, unique); });
  }
  core::Result<std::vector<Row>> list(const Query& query) override {
    return list_([&] { return store_->list(query); });
  }
  core::Status transaction(const std::function<core::Status(Transaction& tx)>& work) override {
    return transaction_([&] { return store_->transaction(work); });
  }
  core::Result<std::vector<Event>> events(const EventQuery& query) override {
    return events_([&] { return store_->events(query); });
  }
  core::Result<std::optional<Work>> claim(std::string_view node, std::chrono::milliseconds lease) override {
    return claim_([&] { return store_->claim(node, lease); });
  }
  core::Result<bool> renew(const Work& work, std::chrono::milliseconds lease) override {
    return claim_([&] { return store_->renew(work, lease); });
  }
  core::Result<std::size_t> prune(Kind kind, core::WallTime changed_before,
                                  const std::vector<std::string>& statuses) override {
    return store_->prune(kind, changed_before, statuses);
  }
  core::Result<std::size_t> forget_expired() override { return store_->forget_expired(); }
  core::StateStore& state() override { return store_->state(); }
  core::Status backup(const std::string& path) override { return store_->backup(path); }
  std::string where() const override { return store_->where(); }

 private:
  const std::unique_ptr<Store> store_;
  Timed get_, list_, transaction_, events_, claim_;
};

}  // namespace

std::unique_ptr<Store> measure_store(std::unique_ptr<Store> store, core::Metrics& metrics,
                                     core::Clock& clock) {
  return std::make_unique<MeasuredStore>(std::move(store), metrics, clock);
}

}  // namespace registry
