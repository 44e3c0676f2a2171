// For the tests of jobs: work functions, and what one thread tells another.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/job.h"

namespace core {

inline constexpr std::string_view kMe = "local";

inline JobWork returns(json::Value result) {
  return [result = std::move(result)](JobContext&) -> Result<JobStep> { return result; };
}

inline JobQuestions asks(std::initializer_list<std::string_view> keys,
                         std::chrono::milliseconds timeout = std::chrono::hours{1}) {
  JobQuestions asked{.questions = {}, .timeout = timeout};
  for (auto key : keys) asked.questions[key] = "?";
  return asked;
}

// Something one thread says and another waits for.
class Signal {
 public:
  void set() {
    std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  bool is_set() {
    std::lock_guard lock(mutex_);
    return set_;
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// Keeps what a watch says.
class Seen {
 public:
  std::function<void(const JobSnapshot&)> listener() {
    return [this](const JobSnapshot& job) {
      std::lock_guard lock(mutex_);
      jobs_.push_back(job);
      changed_.notify_all();
    };
  }
  // The first one in that state; a state that never comes fails the test.
  JobSnapshot wait(JobState state) {
    std::unique_lock lock(mutex_);
    auto found = jobs_.end();
    bool there = changed_.wait_for(lock, std::chrono::seconds{20}, [&] {
      found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job.state == state; });
      return found != jobs_.end();
    });
    EXPECT_TRUE(there) << to_string(state);
    return there ? *found : JobSnapshot{};
  }
  std::vector<JobSnapshot> all() {
    std::lock_guard lock(mutex_);
    return jobs_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<JobSnapshot> jobs_;
};

// Until it is told to stop.
inline void wait_for_stop(const JobContext& job) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any changed;
  changed.wait(lock, job.stop(), [] { return false; });
}

}  // namespace core
