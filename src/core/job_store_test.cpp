#include "core/job_store.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/job_test_kit.h"
#include "core/scratch_directory.h"
#include "core/sqlite.h"

namespace core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using enum JobState;

class Killed {
 public:
  // Forks a process that does this and then waits to be killed.
  explicit Killed(const std::function<void()>& child) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      child();
      static_cast<void>(!write(ready[1], "x", 1));
      for (;;) pause();
    }
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  }

 private:
  pid_t pid_ = 0;
};

TEST(JobCrash, IsReportedWhenTheLeaseIsOver) {
  ScratchDirectory directory;
  const std::string path = directory.path() + "/jobs.db";
  Killed child([&] {
    static FakeClock clock;
    static auto jobs = *Jobs::create({.store = *sqlite_job_store(path), .clock = &clock});
    auto done = jobs->start({.title = "done"}, returns("result"));
    while (!has_ended(jobs->get(done->id, kMe)->state)) std::this_thread::yield();
    auto work = [](JobContext& job) -> Result<JobStep> {
      RETURN_IF_ERROR(job.save("half way"));
      job.progress(5, 10, "half way");
      for (;;) pause();
    };
    auto running = jobs->start({.title = "running"}, work);
    while (jobs->get(running->id, kMe)->progress.done != 5) std::this_thread::yield();
    auto asking =
        jobs->start({.title = "asking"}, [](JobContext&) -> Result<JobStep> { return asks({"a"}); });
    while (jobs->get(asking->id, kMe)->state != input_required) std::this_thread::yield();
  });
  FakeClock clock;
  auto jobs = *Jobs::create({.store = *sqlite_job_store(path), .clock = &clock, .lease = seconds{30}});
  auto by_title = [&](std::string_view title) {
    auto page = jobs->list(kMe, {}, 10);
    for (auto& job : page->jobs) {
      if (job.title == title) return job;
    }
    return JobSnapshot{};
  };
  EXPECT_EQ(by_title("running").state, working);
  EXPECT_EQ(by_title("running").progress.message, "half way");
  Seen seen;
  auto watch = jobs->watch(by_title("running").id, kMe, seen.listener());
  child.kill();
  EXPECT_EQ(by_title("running").state, working) << "it may only be slow";
  // Who begins to wait after the time has gone on waits for more of it.
  while (clock.waiters() == 0) std::this_thread::yield();
  clock.advance(seconds{31});
  JobSnapshot dead = seen.wait(failed);
  EXPECT_EQ(dead.error->code, kJobOwnerEnded);
  EXPECT_EQ(by_title("asking").error->code, kJobOwnerEnded);
  EXPECT_EQ(by_title("done").result, "result");
  EXPECT_EQ(jobs->checkpoint(dead.id, kMe), json::Value("half way"));
}

TEST(JobCrash, OrphansNobodyAsksForAreForgotten) {
  FakeClock clock;
  ScratchDirectory directory;
  for (const auto& store : {memory_job_store(), *sqlite_job_store(directory.path() + "/jobs.db")}) {
    JobRecord orphan;
    orphan.job.id = "orphan";
    orphan.job.principal = "local";
    orphan.job.revision = 1;
    orphan.lease = clock.now();
    JobLimits limits{
        .live = 9, .live_per_principal = 1, .ended = 9, .ended_per_principal = 9, .orphans = hours{1}};
    ASSERT_TRUE(store->insert(orphan, {}, limits, clock.now()).has_value());
    JobRecord next = orphan;
    next.job.id = "next";
    ASSERT_TRUE(store->insert(next, {}, limits, clock.now()).has_value()) << "the dead do not count";
    EXPECT_TRUE((*store->find("orphan")).has_value());
    next.job.id = "last";
    ASSERT_TRUE(store->insert(next, {}, limits, clock.now() + hours{1}).has_value());
    EXPECT_FALSE((*store->find("orphan")).has_value());
  }
}

TEST(JobFile, RoundTripsARecord) {
  ScratchDirectory directory;
  auto store = *sqlite_job_store(directory.path() + "/jobs.db");
  JobLimits limits{
      .live = 9, .live_per_principal = 9, .ended = 9, .ended_per_principal = 9, .orphans = hours{1}};
  JobRecord record;
  record.job = {.id = "i'd",
                .kind = "k",
                .principal = "https://issuer#sub",
                .title = "título",
                .state = input_required,
                .progress = {.done = 1.5, .total = 3, .message = "m"},
                .questions = {{"q", {{"deep", {1, nullptr, "x"}}}}},
                .created = WallTime{milliseconds{1'800'000'000'123}},
                .updated = WallTime{milliseconds{1'800'000'000'456}},
                .revision = 1};
  record.owner = "o";
  record.lease = WallTime{milliseconds{1'900'000'000'000}};
  record.answers = {{"a", "b"}};
  record.asked = {"a", "q"};
  record.round = 2;
  record.keep = milliseconds{77};
  record.answer_by = WallTime{milliseconds{1'800'000'009'999}};
  ASSERT_TRUE(store->insert(record, {{"c", 1}}, limits, record.job.created).has_value());
  auto same = [&](const JobRecord& wanted) {
    auto found = store->find("i'd");
    ASSERT_TRUE(found && *found);
    const JobRecord& got = **found;
    EXPECT_EQ(got.job.kind, wanted.job.kind);
    EXPECT_EQ(got.job.principal, wanted.job.principal);
    EXPECT_EQ(got.job.title, wanted.job.title);
    EXPECT_EQ(got.job.state, wanted.job.state);
    EXPECT_EQ(got.job.progress.done, wanted.job.progress.done);
    EXPECT_EQ(got.job.progress.total, wanted.job.progress.total);
    EXPECT_EQ(got.job.progress.message, wanted.job.progress.message);
    EXPECT_EQ(got.job.questions, wanted.job.questions);
    EXPECT_EQ(got.job.result, wanted.job.result);
    EXPECT_EQ(got.job.created, wanted.job.created);
    EXPECT_EQ(got.job.updated, wanted.job.updated);
    EXPECT_EQ(got.job.expires, wanted.job.expires);
    EXPECT_EQ(got.job.revision, wanted.job.revision);
    EXPECT_EQ(got.owner, wanted.owner);
    EXPECT_EQ(got.lease, wanted.lease);
    EXPECT_EQ(got.answers, wanted.answers);
    EXPECT_EQ(got.asked, wanted.asked);
    EXPECT_EQ(got.round, wanted.round);
    EXPECT_EQ(got.keep, wanted.keep);
    EXPECT_EQ(got.answer_by, wanted.answer_by);
  };
  same(record);
  EXPECT_EQ(store->checkpoint("i'd"), json::Value({{"c", 1}}));
  JobRecord next = record;
  next.job.state = completed;
  next.job.result = json::Array{1, 2};
  next.job.questions.clear();
  next.answer_by.reset();
  next.job.revision = 2;
  next.job.expires = WallTime{milliseconds{1'800'000'001'000}};
  EXPECT_EQ(store->replace(next), true);
  same(next);
  EXPECT_EQ(store->replace(next), false) << "someone was faster";
  next.job.revision = 4;
  EXPECT_EQ(store->replace(next), false);
}

TEST(JobFile, RefusesANewerOne) {
  ScratchDirectory directory;
  const std::string path = directory.path() + "/jobs.db";
  ASSERT_TRUE(sqlite_job_store(path).has_value());
  ASSERT_TRUE(sqlite_job_store(path).has_value()) << "again";
  ASSERT_TRUE((*Database::open(path))->execute("PRAGMA user_version = 2").has_value());
  EXPECT_EQ(sqlite_job_store(path).error().code, "core.job.newer");
}

}  // namespace
}  // namespace core
