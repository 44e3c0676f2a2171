// kill -9 at any time: what transaction() said is there, and nothing is there in part.
#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mutex>
#include <set>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;

// A process of its own, which tells through a pipe what was committed. No store is open in this one when it
// starts: SQLite's locks do not survive a fork.
class Writer {
 public:
  template <class Body>
  explicit Writer(const Body& body) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[0]);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    told_ = ends[0];
  }
  ~Writer() {
    if (child_ > 0) kill();
    if (told_ >= 0) ::close(told_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // The next number, or nullopt at the end.
  std::optional<std::uint32_t> next() const {
    std::uint32_t number = 0;
    if (::read(told_, &number, sizeof(number)) != sizeof(number)) return std::nullopt;
    return number;
  }
  void kill() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

 private:
  pid_t child_ = -1;
  int told_ = -1;
};

void tell(int pipe, std::uint32_t number) {
  static_cast<void>(::write(pipe, &number, sizeof(number)) == 0);
}

class Crash : public testing::TestWithParam<test::Backend> {
 protected:
  void SetUp() override {
    if (!place_.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
    ASSERT_TRUE(place_.open());  // the schema
  }
  std::unique_ptr<Store> open() {
    auto store = place_.open();
    EXPECT_TRUE(store) << core::describe(store.error());
    return store ? *std::move(store) : nullptr;
  }
  test::StorePlace place_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Stores, Crash, test::kBackends, test::name_of);

core::Status commit(Store& store, std::uint32_t number) {
  return store.transaction([&](Transaction& tx) -> core::Status {
    Row row{.kind = Kind::mcp_server, .id = fmt::format("ems{:08}", number), .name = "Server"};
    RETURN_IF_ERROR(tx.insert(row));
    ASSIGN_OR_RETURN(const bool fresh, tx.consume(row.id, hours{1}));
    if (!fresh) return core::fail(core::ErrorKind::internal, "test.twice", "Twice.");
    RETURN_IF_ERROR(tx.schedule({.id = row.id, .kind = "k"}));
    return tx.emit({.type = "made", .actor = {}, .targets = {{.id = row.id, .type = "McpServer"}}});
  });
}

TEST_P(Crash, LosesNothingThatWasCommitted) {
  std::set<std::uint32_t> committed;
  std::uint32_t from = 0;
  for (int round = 0; round < 4; ++round) {
    Writer writer([&](int pipe) {
      auto store = place_.open();
      if (!store) return;
      std::atomic<std::uint32_t> next = from;  // outlives the threads
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          for (;;) {
            const std::uint32_t number = next++;
            if (commit(**store, number)) tell(pipe, number);
          }
        });
      }
    });
    for (int told = 0; told < 20 + 13 * round; ++told) {
      const auto number = writer.next();
      ASSERT_TRUE(number);
      committed.insert(*number);
    }
    writer.kill();
    // What was told before the end is in the pipe.
    while (const auto number = writer.next()) committed.insert(*number);
    from = *committed.rbegin() + 100;
  }

  ASSERT_TRUE(place_.wait_for_the_dead());
  const auto store = open();
  ASSERT_NE(store, nullptr);
  std::set<std::string> rows;
  for (Query query{.kind = Kind::mcp_server, .limit = 1000};;) {
    const auto page = *store->list(query);
    for (const auto& row : page) rows.insert(row.id);
    if (page.size() < query.limit) break;
    query.after = page.back().id;
  }
  for (const std::uint32_t number : committed)
    EXPECT_TRUE(rows.contains(fmt::format("ems{:08}", number))) << number;
  for (const auto& id : rows) {
    EXPECT_EQ(store->events({.about = id})->size(), 1u) << id << " is there in part";
    EXPECT_TRUE(store->transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const bool fresh, tx.consume(id, hours{1}));
      EXPECT_FALSE(fresh) << id;
      return {};
    }));
  }
  const auto events = *store->events({.limit = 1000});
  EXPECT_EQ(events.size(), std::min<std::size_t>(rows.size(), 1000));
  std::size_t work = 0;
  while (*store->claim("n", hours{1})) ++work;
  EXPECT_EQ(work, rows.size());
}

TEST_P(Crash, InATransactionLeavesNothingOfIt) {
  Writer writer([&](int pipe) {
    auto store = place_.open();
    if (!store) return;
    static_cast<void>((*store)->transaction([&](Transaction& tx) -> core::Status {
      Row row{.kind = Kind::mcp_server, .id = "ems1", .unique = "u"};
      RETURN_IF_ERROR(tx.insert(row));
      RETURN_IF_ERROR(tx.emit({.type = "made", .actor = {}}));
      tell(pipe, 1);
      for (;;) ::pause();
    }));
  });
  ASSERT_TRUE(writer.next());
  const auto before = open();
  ASSERT_NE(before, nullptr);
  EXPECT_FALSE(*before->get(Kind::mcp_server, "ems1"));
  writer.kill();
  EXPECT_FALSE(*before->get(Kind::mcp_server, "ems1"));
  EXPECT_TRUE(before->events({})->empty());
  // And nobody waits for the dead.
  const auto done = before->transaction([&](Transaction& tx) {
    Row row{.kind = Kind::mcp_server, .id = "ems1", .unique = "u"};
    return tx.insert(row);
  });
  EXPECT_TRUE(done) << core::describe(done.error());
}

}  // namespace
}  // namespace registry
