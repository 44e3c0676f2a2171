#include "core/job.h"

#include <atomic>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <thread>

#include "core/job_store.h"
#include "core/job_test_kit.h"
#include "core/scratch_directory.h"

namespace core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using enum JobState;

// Every test runs over memory and over a file.
class JobsTest : public ::testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<JobStore> store() {
    if (!GetParam()) return memory ? memory : memory = memory_job_store();
    auto opened = sqlite_job_store(directory.path() + "/jobs.db");  // a connection each, as processes have
    EXPECT_TRUE(opened.has_value()) << describe(opened.error());
    return *opened;
  }
  std::unique_ptr<Jobs> make(JobsOptions options = {}) {
    options.store = store();
    options.clock = &clock;
    return *Jobs::create(std::move(options));
  }
  JobSnapshot ended(Jobs& jobs, const std::string& id) {
    Seen seen;
    auto watch = jobs.watch(id, kMe, seen.listener());
    EXPECT_TRUE(watch.has_value());
    for (;;) {
      for (const auto& job : seen.all()) {
        if (has_ended(job.state)) return job;
      }
      std::this_thread::yield();
    }
  }
  // Time goes on, second by second, until this holds: nobody can tell when the time-keeping threads have
  // looked.
  bool passes_until(const std::function<bool()>& reached) {
    auto patience = std::chrono::steady_clock::now() + seconds{20};
    while (!reached()) {
      if (std::chrono::steady_clock::now() > patience) return false;
      if (clock.waiters() > 0) clock.advance(seconds{1});
      std::this_thread::yield();
    }
    return true;
  }

  ScratchDirectory directory;
  std::shared_ptr<JobStore> memory;
  FakeClock clock;
};

INSTANTIATE_TEST_SUITE_P(Stores, JobsTest, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "Sqlite" : "Memory"; });

// Written from the pages Tasks of both revisions ("Task Status Lifecycle", "Task Status"), not from the code.
TEST(JobStates, FollowTheTable) {
  struct Row {
    JobState from;
    JobEvent event;
    std::optional<JobState> to;
  };
  const Row rows[] = {
      {working, JobEvent::ask, input_required},      {working, JobEvent::answered, {}},
      {working, JobEvent::complete, completed},      {working, JobEvent::fail, failed},
      {working, JobEvent::cancel, cancelled},        {working, JobEvent::orphan, failed},
      {input_required, JobEvent::ask, {}},           {input_required, JobEvent::answered, working},
      {input_required, JobEvent::complete, {}},      {input_required, JobEvent::fail, {}},
      {input_required, JobEvent::cancel, cancelled}, {input_required, JobEvent::orphan, failed},
  };
  std::size_t possible = 0;
  for (const auto& row : rows) {
    EXPECT_EQ(next_state(row.from, row.event), row.to) << to_string(row.from) << static_cast<int>(row.event);
    possible += row.to.has_value();
  }
  EXPECT_EQ(job_transitions().size(), possible);
  for (JobState state : {completed, failed, cancelled}) {
    EXPECT_TRUE(has_ended(state));
    for (int event = 0; event <= static_cast<int>(JobEvent::orphan); ++event) {
      EXPECT_EQ(next_state(state, static_cast<JobEvent>(event)), std::nullopt);
    }
  }
  // The drawing is the same table.
  static constexpr std::string_view kEvents[] = {"ask", "answered", "complete", "fail", "cancel", "orphan"};
  std::ifstream file(std::string(PROJECT_SOURCE_DIR) + "/docs/architecture.md");
  const std::string drawn(std::istreambuf_iterator<char>(file), {});
  for (const auto& row : job_transitions()) {
    std::string line = "| ";
    line.append(to_string(row.from)).append(" | ").append(kEvents[static_cast<int>(row.event)]);
    line.append(" | ").append(to_string(row.to)).append(" |\n");
    EXPECT_NE(drawn.find(line), std::string::npos) << line;
  }
  for (JobState state : {working, input_required, completed, failed, cancelled}) {
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  }
  EXPECT_EQ(parse_job_state("done"), std::nullopt);
}

TEST_P(JobsTest, KeepsTheResult) {
  auto jobs = make();
  auto started =
      jobs->start({.kind = "sum", .title = "A sum", .keep = seconds{60}}, returns({{"answer", 42}}));
  ASSERT_TRUE(started.has_value());
  EXPECT_EQ(started->state, working);
  JobSnapshot job = ended(*jobs, started->id);
  EXPECT_EQ(job.state, completed);
  EXPECT_EQ(job.result, json::Value({{"answer", 42}}));
  EXPECT_EQ(job.kind, "sum");
  EXPECT_EQ(job.title, "A sum");
  EXPECT_EQ(job.expires, job.updated + seconds{60});
  clock.advance(seconds{59});
  EXPECT_TRUE(jobs->get(started->id, kMe).has_value());
  clock.advance(seconds{1});
  EXPECT_EQ(jobs->get(started->id, kMe).error().code, "core.job.unknown");
  EXPECT_TRUE(jobs->list(kMe, {}, 10)->jobs.empty());
}

TEST_P(JobsTest, KeepIsBounded) {
  auto jobs = make({.max_keep = seconds{10}});
  auto job = ended(*jobs, jobs->start({.keep = hours{1000}}, returns(1))->id);
  EXPECT_EQ(job.expires, job.updated + seconds{10});
}

TEST_P(JobsTest, FailsWithTheErrorOfItsWork) {
  auto jobs = make();
  auto failing = jobs->start({}, [](JobContext&) -> Result<JobStep> {
    Error error{ErrorKind::forbidden, "x.y", "No.", "Ask.", UpstreamProblem{.status = 403}};
    return fail(error);
  });
  JobSnapshot job = ended(*jobs, failing->id);
  EXPECT_EQ(job.state, failed);
  ASSERT_TRUE(job.error.has_value());
  EXPECT_EQ(job.error->kind, ErrorKind::forbidden);
  EXPECT_EQ(job.error->code, "x.y");
  EXPECT_EQ(describe(*job.error), describe(Error{ErrorKind::forbidden, "x.y", "No.", "Ask.", {}}));

  auto throwing = jobs->start({}, [](JobContext&) -> Result<JobStep> { throw std::runtime_error("secret"); });
  job = ended(*jobs, throwing->id);
  EXPECT_EQ(job.error->code, kJobThrew);
  EXPECT_EQ(describe(*job.error).find("secret"), std::string::npos);

  const std::string long_text(200, 'x');
  auto huge = make({.max_result_bytes = 100});
  job = ended(*huge, huge->start({}, returns(json::Value(std::string_view(long_text))))->id);
  EXPECT_EQ(job.error->code, "core.job.too_large");
  EXPECT_EQ(huge->start({.checkpoint = json::Value(std::string_view(long_text))}, returns(1)).error().code,
            "core.job.too_large");
}

TEST_P(JobsTest, IsUnknownToOthers) {
  auto jobs = make();
  auto id = jobs->start({.principal = "ada"},
                        [](JobContext& job) -> Result<JobStep> {
                          wait_for_stop(job);
                          return 1;
                        })
                ->id;
  for (std::string_view other : {"", "bob", "local", "Ada"}) {
    EXPECT_EQ(jobs->get(id, other).error().code, "core.job.unknown");
    EXPECT_EQ(jobs->checkpoint(id, other).error().code, "core.job.unknown");
    EXPECT_EQ(jobs->cancel(id, other).error().code, "core.job.unknown");
    EXPECT_EQ(jobs->answer(id, other, {}).error().code, "core.job.unknown");
    EXPECT_EQ(jobs->watch(id, other, [](const auto&) {}).error().code, "core.job.unknown");
    EXPECT_TRUE(jobs->list(other, {}, 10)->jobs.empty());
  }
  EXPECT_EQ(jobs->get(id, "ada")->state, working);
  EXPECT_EQ(jobs->list("ada", {}, 10)->jobs.size(), 1u);
  EXPECT_EQ(jobs->get("", "ada").error().code, "core.job.unknown");
  EXPECT_EQ(id.size(), 22u) << "128 bits, base64url";
}

TEST_P(JobsTest, AsksAndGoesOn) {
  auto jobs = make();
  std::vector<json::Object> answers;
  auto work = [&](JobContext& job) -> Result<JobStep> {
    EXPECT_EQ(job.round(), static_cast<int>(answers.size()));
    answers.push_back(job.answers());
    if (job.round() == 0) return asks({"a", "b"});
    if (job.round() == 1) return asks({"c"});
    return job.answers().at("c");
  };
  auto id = jobs->start({}, work)->id;
  Seen seen;
  auto watch = jobs->watch(id, kMe, seen.listener());
  EXPECT_EQ(seen.wait(input_required).questions.size(), 2u);

  auto partial = jobs->answer(id, kMe, {{"a", 1}, {"never asked", 2}});
  EXPECT_EQ(partial->state, input_required);
  EXPECT_FALSE(partial->questions.contains("a"));
  EXPECT_EQ(partial->questions.size(), 1u);
  EXPECT_EQ(jobs->answer(id, kMe, {{"a", 7}})->revision, partial->revision) << "stale: nothing changes";
  EXPECT_EQ(jobs->answer(id, kMe, {{"b", 3}})->state, working);
  while (!jobs->get(id, kMe)->questions.contains("c")) std::this_thread::yield();
  EXPECT_EQ(jobs->answer(id, kMe, {{"c", "last"}, {"a", 9}})->state, working);
  EXPECT_EQ(seen.wait(completed).result, "last");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[1], (json::Object{{"a", 1}, {"b", 3}}));
  EXPECT_EQ(answers[2], (json::Object{{"c", "last"}}));
}

TEST_P(JobsTest, NeverUsesAKeyTwice) {
  auto jobs = make();
  auto again = [](JobContext&) -> Result<JobStep> { return asks({"a"}); };
  auto id = jobs->start({}, again)->id;
  while (jobs->get(id, kMe)->state != input_required) std::this_thread::yield();
  static_cast<void>(jobs->answer(id, kMe, {{"a", 1}}));
  EXPECT_EQ(ended(*jobs, id).error->code, kJobThrew);
  EXPECT_EQ(ended(*jobs, jobs->start({}, [](JobContext&) -> Result<JobStep> { return asks({}); })->id).state,
            failed);
}

TEST_P(JobsTest, GivesUpQuestions) {
  auto jobs = make({.poll = seconds{1}});
  auto work = [](JobContext& job) -> Result<JobStep> {
    if (job.round() == 0) return asks({"a", "b"}, seconds{30});
    return job.answers().at("b").is_null() ? job.answers().at("a") : json::Value("not null");
  };
  auto id = jobs->start({}, work)->id;
  while (jobs->get(id, kMe)->state != input_required) std::this_thread::yield();
  static_cast<void>(jobs->answer(id, kMe, {{"a", "in time"}}));
  ASSERT_TRUE(passes_until([&] { return has_ended(jobs->get(id, kMe)->state); }));
  JobSnapshot job = *jobs->get(id, kMe);
  EXPECT_EQ(job.result, "in time");
  EXPECT_GE(job.updated, job.created + seconds{30});
}

TEST_P(JobsTest, ProgressIsThrottledAndTheLastIsKept) {
  auto jobs = make({.progress_interval = seconds{1}});
  Signal go;
  auto work = [&](JobContext& job) -> Result<JobStep> {
    go.wait();
    for (int i = 1; i <= 100; ++i) job.progress(i, 100, "step");
    return 1;
  };
  auto id = jobs->start({}, work)->id;
  Seen seen;
  auto watch = jobs->watch(id, kMe, seen.listener());
  go.set();
  JobSnapshot job = seen.wait(completed);
  EXPECT_EQ(job.progress.done, 100);
  EXPECT_EQ(job.progress.total, 100);
  EXPECT_EQ(job.progress.message, "step");
  EXPECT_EQ(job.revision, 3u) << "started, one progress, ended: time stood still";
  auto all = seen.all();
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1].revision, all[i].revision);
}

TEST_P(JobsTest, CancelIsForGood) {
  auto jobs = make();
  Signal running, stopped;
  auto id = jobs->start({},
                        [&](JobContext& job) -> Result<JobStep> {
                          running.set();
                          wait_for_stop(job);
                          EXPECT_TRUE(job.save("where it stopped").has_value());
                          stopped.set();
                          return "too late";
                        })
                ->id;
  ASSERT_TRUE(running.wait());
  EXPECT_EQ(jobs->cancel(id, kMe)->state, cancelled);
  ASSERT_TRUE(stopped.wait());
  ASSERT_TRUE(jobs->settle(seconds{20}));
  EXPECT_EQ(jobs->get(id, kMe)->state, cancelled);
  EXPECT_TRUE(jobs->get(id, kMe)->result.is_null());
  EXPECT_EQ(jobs->checkpoint(id, kMe), json::Value("where it stopped"));
  EXPECT_EQ(jobs->cancel(id, kMe)->state, cancelled) << "again is harmless";

  auto done = ended(*jobs, jobs->start({}, returns(1))->id);
  EXPECT_EQ(jobs->cancel(done.id, kMe)->state, completed);
  auto asking = jobs->start({}, [](JobContext&) -> Result<JobStep> { return asks({"a"}); })->id;
  while (jobs->get(asking, kMe)->state != input_required) std::this_thread::yield();
  JobSnapshot given_up = *jobs->cancel(asking, kMe);
  EXPECT_EQ(given_up.state, cancelled);
  EXPECT_TRUE(given_up.questions.empty());
  EXPECT_EQ(jobs->answer(asking, kMe, {{"a", 1}})->state, cancelled);
}

// Whoever is first decides, and everybody sees the same end.
TEST_P(JobsTest, CancelRacesTheEnd) {
  auto jobs = make({.max_ended_per_principal = 1000});
  std::set<JobState> ends;
  for (int i = 0; i < 60; ++i) {
    Signal running;
    std::atomic<bool> go = false;
    auto id = jobs->start({},
                          [&](JobContext&) -> Result<JobStep> {
                            running.set();
                            while (!go) std::this_thread::yield();
                            return i;
                          })
                  ->id;
    ASSERT_TRUE(running.wait());
    Seen seen;
    auto watch = jobs->watch(id, kMe, seen.listener());
    std::jthread other([&] { static_cast<void>(jobs->cancel(id, kMe)); });
    go = true;
    auto answered = jobs->cancel(id, kMe);
    other.join();
    ASSERT_TRUE(jobs->settle(seconds{20}));
    JobSnapshot job = *jobs->get(id, kMe);
    EXPECT_TRUE(job.state == cancelled || job.state == completed);
    EXPECT_EQ(answered->state, job.state);
    EXPECT_EQ(seen.all().back().state, job.state);
    EXPECT_EQ(std::ranges::count_if(seen.all(), [](const auto& each) { return has_ended(each.state); }), 1);
    ends.insert(job.state);
  }
  EXPECT_FALSE(ends.empty());
}

TEST_P(JobsTest, IsBounded) {
  auto jobs = make({.lane = {.name = "jobs", .workers = 2, .queue = 100},
                    .max_live = 4,
                    .max_live_per_principal = 3,
                    .max_ended = 5,
                    .max_ended_per_principal = 4});
  auto waits = [](JobContext&) -> Result<JobStep> { return asks({"a"}); };
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(jobs->start({.principal = "ada"}, waits)->id);
  auto refused = jobs->start({.principal = "ada"}, waits);
  EXPECT_EQ(refused.error().code, "core.job.too_many");
  EXPECT_EQ(refused.error().kind, ErrorKind::rate_limited);
  EXPECT_NE(refused.error().message.find("3"), std::string::npos);
  ids.push_back(jobs->start({.principal = "bob"}, waits)->id);
  refused = jobs->start({.principal = "eve"}, waits);
  EXPECT_NE(refused.error().message.find("4"), std::string::npos);
  static_cast<void>(jobs->cancel(ids[0], "ada"));
  EXPECT_TRUE(jobs->start({.principal = "eve"}, waits).has_value());

  auto many = make({.max_ended = 5, .max_ended_per_principal = 4});
  ids.clear();
  for (int i = 0; i < 12; ++i) {
    clock.advance(milliseconds{1});
    std::string principal = i % 2 ? "ann" : "bea";
    ids.push_back(many->start({.principal = principal}, returns(i))->id);
    while (!has_ended(many->get(ids.back(), principal)->state)) std::this_thread::yield();
  }
  auto kept = many->list("ann", {}, 100)->jobs.size() + many->list("bea", {}, 100)->jobs.size();
  EXPECT_LE(kept, 6u) << "what had ended when the last one began, and that one";
  EXPECT_TRUE(many->get(ids.back(), "ann").has_value());
  EXPECT_EQ(many->get(ids.front(), "bea").error().code, "core.job.unknown") << "the oldest go first";
}

TEST_P(JobsTest, RefusesOptionsAndAFullLane) {
  EXPECT_EQ(Jobs::create({}).error().code, "core.job.options");
  auto jobs = make({.lane = {.name = "jobs", .workers = 1, .queue = 1}});
  Signal go, running;
  auto waits = [&](JobContext&) -> Result<JobStep> {
    running.set();
    go.wait();
    return 1;
  };
  ASSERT_TRUE(jobs->start({}, waits).has_value());
  ASSERT_TRUE(running.wait());
  ASSERT_TRUE(jobs->start({}, waits).has_value());
  EXPECT_EQ(jobs->start({}, waits).error().code, "core.lane.full");
  go.set();
  ASSERT_TRUE(jobs->settle(seconds{20}));
  std::set<JobState> states;
  auto page = jobs->list(kMe, {}, 10);
  for (const auto& job : page->jobs) states.insert(job.state);
  EXPECT_EQ(states, (std::set<JobState>{completed, failed})) << "what was refused is recorded as failed";
  jobs->stop();
  EXPECT_EQ(jobs->start({}, returns(1)).error().code, "core.job.stopped");
}

TEST_P(JobsTest, ListsInPages) {
  auto jobs = make();
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    if (i % 2) clock.advance(milliseconds{1});  // some begin at the same time
    ids.push_back(jobs->start({}, returns(i))->id);
    ended(*jobs, ids.back());
  }
  std::vector<std::string> listed;
  std::string cursor;
  int pages = 0;
  do {
    auto page = jobs->list(kMe, cursor, 3);
    ASSERT_TRUE(page.has_value());
    for (const auto& job : page->jobs) listed.push_back(job.id);
    cursor = page->next;
  } while (!cursor.empty() && ++pages < 10);
  EXPECT_EQ(listed.size(), 7u);
  EXPECT_EQ(std::set(listed.begin(), listed.end()), std::set(ids.begin(), ids.end()));
  EXPECT_EQ(listed.front() == ids[6] || listed.front() == ids[5], true) << "newest first";
  EXPECT_TRUE(jobs->list(kMe, {}, 7)->next.empty());
  for (std::string_view bad : {"x", "12", ".", "12x.abc"}) {
    EXPECT_EQ(jobs->list(kMe, bad, 3).error().code, "core.job.cursor") << bad;
  }
}

TEST_P(JobsTest, GoesOnFromACheckpoint) {
  auto jobs = make();
  auto first = jobs->start({}, [](JobContext& job) -> Result<JobStep> {
    EXPECT_TRUE(job.checkpoint().is_null());
    RETURN_IF_ERROR(job.save({{"done", 3}}));
    if (job.round() == 0) return asks({"a"});
    EXPECT_EQ(job.checkpoint(), json::Value({{"done", 3}})) << "of the round before";
    return fail(ErrorKind::unavailable, "x", "Broken off.");
  });
  while (jobs->get(first->id, kMe)->state != input_required) std::this_thread::yield();
  EXPECT_EQ(jobs->checkpoint(first->id, kMe), json::Value({{"done", 3}}));
  static_cast<void>(jobs->cancel(first->id, kMe));
  auto resumed = jobs->start({.checkpoint = *jobs->checkpoint(first->id, kMe)},
                             [](JobContext& job) -> Result<JobStep> { return job.checkpoint().at("done"); });
  EXPECT_EQ(ended(*jobs, resumed->id).result, 3);
}

TEST_P(JobsTest, EndsWithItsJobs) {
  std::string asking, obeying, done;
  {
    auto jobs = make();
    Signal running;
    asking = jobs->start({}, [](JobContext&) -> Result<JobStep> { return asks({"a"}); })->id;
    obeying = jobs->start({},
                          [&](JobContext& job) -> Result<JobStep> {
                            running.set();
                            wait_for_stop(job);
                            return fail(ErrorKind::cancelled, "x", "Stopped.");
                          })
                  ->id;
    done = jobs->start({}, returns("kept"))->id;
    ended(*jobs, done);
    while (jobs->get(asking, kMe)->state != input_required) std::this_thread::yield();
    ASSERT_TRUE(running.wait());
  }
  auto after = make();
  EXPECT_EQ(after->get(asking, kMe)->error->code, kJobOwnerEnded);
  EXPECT_EQ(after->get(obeying, kMe)->error->code, kJobOwnerEnded);
  EXPECT_EQ(after->get(done, kMe)->result, "kept");
}

// Two Jobs on one store are what two processes are.
TEST_P(JobsTest, IsSeenAndSteeredByOthers) {
  auto owner = make({.lease = hours{100}, .poll = seconds{1}});
  auto other = make({.lease = hours{100}, .poll = seconds{1}});
  Signal running, stopped;
  auto id = owner
                ->start({},
                        [&](JobContext& job) -> Result<JobStep> {
                          if (job.round() == 0) return asks({"a"});
                          running.set();
                          wait_for_stop(job);
                          stopped.set();
                          return 1;
                        })
                ->id;
  while (other->get(id, kMe)->state != input_required) std::this_thread::yield();
  Seen seen;
  auto watch = other->watch(id, kMe, seen.listener());
  EXPECT_EQ(other->answer(id, kMe, {{"a", 1}})->state, working);
  ASSERT_TRUE(passes_until([&] { return running.is_set(); })) << "the owner goes on with the answer";
  EXPECT_EQ(other->cancel(id, kMe)->state, cancelled);
  ASSERT_TRUE(passes_until([&] { return stopped.is_set(); })) << "the owner's work is told";
  seen.wait(cancelled);

  auto watched = owner->start({}, returns("r"))->id;
  Seen late;
  auto foreign = other->watch(watched, kMe, late.listener());
  ASSERT_TRUE(passes_until([&] { return late.all().back().state == completed; }));
  EXPECT_EQ(late.all().back().result, "r");
}

// Passes all on, tells when the time-keeping thread has looked at a job, and fails when told to.
class WatchedStore final : public JobStore {
 public:
  explicit WatchedStore(std::shared_ptr<JobStore> inner) : inner_(std::move(inner)) {}
  Status insert(const JobRecord& record, const json::Value& checkpoint, const JobLimits& limits,
                WallTime now) override {
    return inner_->insert(record, checkpoint, limits, now);
  }
  Result<std::optional<JobRecord>> find(std::string_view id) override {
    auto found = inner_->find(id);
    ++finds;
    return found;
  }
  Result<bool> replace(const JobRecord& record) override {
    if (failures-- > 0) return fail(ErrorKind::unavailable, "core.sqlite", "The disk is full.");
    return inner_->replace(record);
  }
  Status renew(std::string_view owner, WallTime lease) override { return inner_->renew(owner, lease); }
  Status save_checkpoint(std::string_view id, const json::Value& checkpoint) override {
    return inner_->save_checkpoint(id, checkpoint);
  }
  Result<json::Value> checkpoint(std::string_view id) override { return inner_->checkpoint(id); }
  Result<std::vector<JobRecord>> list(std::string_view principal,
                                      std::optional<std::pair<WallTime, std::string>> before,
                                      std::size_t limit, WallTime now) override {
    return inner_->list(principal, std::move(before), limit, now);
  }

  std::atomic<int> finds = 0;
  std::atomic<int> failures = 0;  // of replace()

 private:
  const std::shared_ptr<JobStore> inner_;
};

TEST_P(JobsTest, LeaseIsRenewedWhileItRuns) {
  auto rows = std::make_shared<WatchedStore>(store());
  auto owner = *Jobs::create({.store = rows, .clock = &clock, .lease = seconds{30}, .poll = seconds{1}});
  auto other = make({.lease = seconds{30}});
  auto id = owner->start({}, [](JobContext&) -> Result<JobStep> { return asks({"a"}, hours{2}); })->id;
  while (owner->get(id, kMe)->state != input_required) std::this_thread::yield();
  for (int second = 0; second < 100; ++second) {
    while (clock.waiters() == 0) std::this_thread::yield();
    int before = rows->finds;
    clock.advance(seconds{1});
    while (rows->finds == before) std::this_thread::yield();
    ASSERT_EQ(other->get(id, kMe)->state, input_required) << second;
  }
}

TEST_P(JobsTest, WhatCameOfItIsStoredLater) {
  auto failing = std::make_shared<WatchedStore>(store());
  failing->failures = 2;
  auto jobs = *Jobs::create({.store = failing, .clock = &clock, .lease = hours{100}, .poll = seconds{1}});
  auto id = jobs->start({}, returns("kept"))->id;
  ASSERT_TRUE(jobs->settle(seconds{20}));
  EXPECT_EQ(jobs->get(id, kMe)->state, working);
  ASSERT_TRUE(passes_until([&] { return jobs->get(id, kMe)->state == completed; }));
  EXPECT_EQ(jobs->get(id, kMe)->result, "kept");
}

}  // namespace
}  // namespace core
