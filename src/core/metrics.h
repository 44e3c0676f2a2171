// Counters, gauges and histograms of this process, and their text for a scrape (Prometheus text exposition
// format 0.0.4).
//
//   auto& calls = metrics.counter("mcp_calls_total", "Calls by tool and outcome.", {{"tool", name}});
//   calls.add();
//
// Our own and not prometheus-cpp: its library brings a second libstdc++ into a release that carries one,
// which costs every start half a millisecond and a mebibyte, also where nobody scrapes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace core {

// Label names are [a-zA-Z_][a-zA-Z0-9_]*; values may be any UTF-8 text. Values must come from a bounded set:
// each combination is kept for the life of the process.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Cumulative buckets, as the format has them.
class Histogram {
 public:
  // `bounds` ascend; +Inf is added.
  explicit Histogram(std::span<const double> bounds);
  void observe(double value);

 private:
  friend class Metrics;
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // one more than bounds_, not cumulative
  std::atomic<double> sum_ = 0;
};

// Bounds for durations in seconds, from a memory lookup to a long report.
std::span<const double> duration_bounds();

// Thread-safe. What it hands out lives as long as it does; asking again for the same name and labels gives
// the same. A name belongs to one kind: asking for it as another is a defect of the caller and answered with
// a series nobody sees.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {},
                       std::span<const double> bounds = duration_bounds());
  // Asked at each scrape, on its thread; must be quick and must not call back.
  void gauge(std::string_view name, std::string_view help, std::function<double()> read,
             const Labels& labels = {});

  // Families by name, series by labels, so that two scrapes differ only in their numbers.
  std::string text() const;

 private:
  struct Family;
  Family& family(std::string_view name, std::string_view help, std::string_view type);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
  std::unique_ptr<Family> unseen_;
};

}  // namespace core
