#include "registry/worker.h"

#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <semaphore>
#include <thread>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Says when a lease was renewed.
class Renewals final : public Store {
 public:
  explicit Renewals(Store& store) : store_(store) {}
  std::counting_semaphore<> renewed{0};

  core::Result<bool> renew(const Work& work, milliseconds lease) override {
    auto kept = store_.renew(work, lease);
    renewed.release();
    return kept;
  }
  core::Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    return store_.get(kind, id);
  }
  core::Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    return store_.stamp(kind, id);
  }
  core::Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    return store_.find_unique(kind, unique);
  }
  core::Result<std::vector<Row>> list(const Query& query) override { return store_.list(query); }
  core::Status transaction(const std::function<core::Status(Transaction& tx)>& work) override {
    return store_.transaction(work);
  }
  core::Result<std::vector<Event>> events(const EventQuery& query) override { return store_.events(query); }
  core::Result<std::optional<Work>> claim(std::string_view node, milliseconds lease) override {
    return store_.claim(node, lease);
  }
  core::Result<std::size_t> prune(Kind kind, core::WallTime before,
                                  const std::vector<std::string>& statuses) override {
    return store_.prune(kind, before, statuses);
  }
  core::Result<std::size_t> forget_expired() override { return store_.forget_expired(); }
  core::StateStore& state() override { return store_.state(); }
  core::Status backup(const std::string& path) override { return store_.backup(path); }
  std::string where() const override { return store_.where(); }

 private:
  Store& store_;
};

class WorkerTest : public test::AnyService {
 protected:
  void schedule(const std::string& id, const std::string& kind = "good") {
    ASSERT_TRUE(store().transaction([&](Transaction& tx) {
      return tx.schedule({.id = id, .kind = kind, .subject = "ems1", .due = clock().now()});
    }));
  }
  std::unique_ptr<Worker> worker(WorkHandlers handlers, const WorkerOptions& options = {}) {
    auto made = Worker::create(service_, std::move(handlers), options);
    EXPECT_TRUE(made) << core::describe(made.error());
    return made ? *std::move(made) : nullptr;
  }
  static core::Status finish(const Service& service, const Work& work) {
    return service.store->transaction([&](Transaction& tx) { return tx.finish(work); });
  }
  // Once `count` threads wait for time to pass, which they do when there is nothing left to do.
  void settle(int count) {
    while (clock().waiters() < count) std::this_thread::yield();
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, WorkerTest, test::kBackends, test::name_of);

TEST_P(WorkerTest, HandsWorkToItsHandler) {
  int calls = 0;
  const auto runs =
      worker({{"good", [&](const core::Context& context, const Service& service, const Work& work) {
                 ++calls;
                 EXPECT_EQ(work.id, "w1");
                 EXPECT_EQ(work.subject, "ems1");
                 EXPECT_EQ(context.trace_id, "w1");
                 EXPECT_FALSE(context.cancelled());
                 EXPECT_EQ(service.settings.node, "node-1");
                 return finish(service, work);
               }}});
  EXPECT_FALSE(runs->run_once());
  schedule("w1");
  EXPECT_TRUE(runs->run_once());
  EXPECT_FALSE(runs->run_once());
  EXPECT_EQ(calls, 1);
}

TEST_P(WorkerTest, LeavesWhatFailedToItsLease) {
  int calls = 0;
  const auto runs =
      worker({{"bad", [&](const core::Context&, const Service&, const Work& work) -> core::Status {
                 EXPECT_EQ(work.attempts, ++calls);
                 return core::fail(core::ErrorKind::unavailable, "test.no", "No.");
               }}});
  schedule("w1", "bad");
  schedule("w2", "of nobody here");
  EXPECT_TRUE(runs->run_once());
  EXPECT_TRUE(runs->run_once());
  EXPECT_FALSE(runs->run_once());
  clock().advance(seconds{60});
  EXPECT_TRUE(runs->run_once());
  EXPECT_TRUE(runs->run_once());
  EXPECT_FALSE(runs->run_once());
  EXPECT_EQ(calls, 2);
}

TEST_P(WorkerTest, LooksAgainSoon) {
  std::counting_semaphore<> done(0);
  const auto runs = worker({{"good",
                             [&](const core::Context&, const Service& service, const Work& work) {
                               auto ended = finish(service, work);
                               done.release();
                               return ended;
                             }}},
                           {.threads = 2, .poll = milliseconds{500}});
  runs->start();
  runs->start();  // once is enough
  settle(4);      // two that look, one that renews, one that tidies
  schedule("w1");
  schedule("w2");
  clock().advance(milliseconds{500});
  done.acquire();
  done.acquire();
  settle(4);
  schedule("w3");
  clock().advance(milliseconds{500});
  done.acquire();
  runs->stop();
  runs->stop();
  schedule("w4");
  EXPECT_TRUE(*store().claim("n", seconds{1})) << "nobody looks any more";
}

TEST_P(WorkerTest, KeepsTheLeaseWhileAHandlerRuns) {
  Renewals counted(store());
  service_.store = &counted;
  std::binary_semaphore begun(0), may_end(0);
  const auto runs = worker({{"good",
                             [&](const core::Context& context, const Service& service, const Work& work) {
                               begun.release();
                               may_end.acquire();
                               EXPECT_FALSE(context.cancelled());
                               return finish(service, work);
                             }}},
                           {.threads = 1, .lease = seconds{30}});
  schedule("w1");
  runs->start();
  begun.acquire();
  for (int i = 0; i < 12; ++i) {
    settle(2);
    clock().advance(seconds{10});
    counted.renewed.acquire();
  }
  EXPECT_FALSE(*store().claim("other", seconds{1})) << "two minutes into a lease of thirty seconds";
  may_end.release();
  settle(3);
  runs->stop();
  clock().advance(hours{1});
  EXPECT_FALSE(*store().claim("other", seconds{1})) << "it was ended";
}

TEST_P(WorkerTest, TellsAHandlerThatItsWorkIsAnothers) {
  std::binary_semaphore begun(0), stopped(0);
  const auto runs = worker({{"good",
                             [&](const core::Context& context, const Service& service, const Work& work) {
                               begun.release();
                               const std::stop_callback told(context.stop, [&] { stopped.release(); });
                               stopped.acquire();
                               const auto ended = finish(service, work);
                               EXPECT_EQ(ended.error().code, "registry.store.lease_lost");
                               return ended;
                             }}},
                           {.threads = 1, .lease = seconds{30}});
  schedule("w1");
  runs->start();
  begun.acquire();
  schedule("w1", "another");  // takes it from who is at it
  settle(2);
  clock().advance(seconds{10});
  settle(3);
  runs->stop();
}

TEST_P(WorkerTest, StoppingReachesTheHandlers) {
  std::binary_semaphore begun(0), stopped(0);
  const auto runs = worker({{"good",
                             [&](const core::Context& context, const Service&, const Work&) -> core::Status {
                               begun.release();
                               const std::stop_callback told(context.stop, [&] { stopped.release(); });
                               stopped.acquire();
                               return core::fail(core::ErrorKind::cancelled, "test.stopped", "Stopped.");
                             }}},
                           {.threads = 1});
  schedule("w1");
  runs->start();
  begun.acquire();
  runs->stop();
  clock().advance(seconds{60});
  EXPECT_EQ((*store().claim("other", seconds{1}))->attempts, 2);
}

TEST_P(WorkerTest, ForgetsWhatIsOver) {
  const auto put = [&](Kind kind, const std::string& id, const std::string& status = {}) {
    ASSERT_TRUE(store().transaction([&](Transaction& tx) {
      Row row{.kind = kind, .id = id, .status = status};
      return tx.insert(row);
    }));
  };
  const auto runs = worker({});
  put(Kind::operation, "op-1", "COMPLETED");
  put(Kind::operation, "op-2", "FAILED");
  put(Kind::operation, "op-3", "IN_PROGRESS");
  put(Kind::interaction, "i1");
  put(Kind::mcp_server, "ems1");
  ASSERT_TRUE(store().state().put("a", "b", hours{1}));
  const auto left = [&] {
    std::string ids;
    for (const Kind kind : {Kind::operation, Kind::interaction, Kind::mcp_server}) {
      const auto rows = *store().list({.kind = kind});
      for (const auto& row : rows) ids += row.id + " ";
    }
    return ids;
  };
  clock().advance(hours{24});
  ASSERT_TRUE(runs->prune());
  EXPECT_EQ(left(), "op-1 op-2 op-3 i1 ems1 ") << "kept for a whole day";
  put(Kind::operation, "op-4", "COMPLETED");
  clock().advance(milliseconds{1});
  ASSERT_TRUE(runs->prune());
  EXPECT_EQ(left(), "op-3 op-4 ems1 ");
  EXPECT_EQ(*store().forget_expired(), 0u);
}

TEST(WorkerOptions, AreBounded) {
  const test::ServiceParts parts;
  const auto code = [](const core::Result<std::unique_ptr<Worker>>& made) {
    return made ? "ok" : made.error().code;
  };
  EXPECT_EQ(code(Worker::create(parts.service, {}, {})), "ok");
  for (const WorkerOptions& bad :
       {WorkerOptions{.threads = 0}, WorkerOptions{.threads = 65}, WorkerOptions{.lease = milliseconds{999}},
        WorkerOptions{.poll = milliseconds{501}}, WorkerOptions{.poll = milliseconds{9}},
        WorkerOptions{.prune = milliseconds{999}}}) {
    EXPECT_EQ(code(Worker::create(parts.service, {}, bad)), "registry.worker.setting");
  }
  Service none = parts.service;
  none.store = nullptr;
  EXPECT_EQ(code(Worker::create(none, {}, {})), "registry.worker.setting");
}

}  // namespace
}  // namespace registry
