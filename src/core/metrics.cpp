#include "core/metrics.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace core {
namespace {

// Exposition format: backslash, quote and line feed are escaped in label values, the first and last in help.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string label_text(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += fmt::format("{}=\"{}\"", name, escaped(value, true));
  }
  return out;
}

std::string braced(std::string_view labels, std::string_view more = {}) {
  if (labels.empty() && more.empty()) return {};
  return fmt::format("{{{}{}{}}}", labels, labels.empty() || more.empty() ? "" : ",", more);
}

}  // namespace

std::span<const double> duration_bounds() {
  static constexpr std::array kBounds = {0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0};
  return kBounds;
}

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::observe(double value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

// By the text of their labels.
struct Metrics::Family {
  std::string help;
  std::string type;
  std::map<std::string, std::unique_ptr<Counter>> counters;
  std::map<std::string, std::unique_ptr<Histogram>> histograms;
  std::map<std::string, std::function<double()>> gauges;
};

Metrics::Metrics() : unseen_(std::make_unique<Family>()) {}
Metrics::~Metrics() = default;

Metrics::Family& Metrics::family(std::string_view name, std::string_view help, std::string_view type) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto made = std::make_unique<Family>();
    made->help = help;
    made->type = type;
    found = families_.emplace(name, std::move(made)).first;
  }
  return found->second->type == type ? *found->second : *unseen_;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto& series = family(name, help, "counter").counters[label_text(labels)];
  if (!series) series = std::make_unique<Counter>();
  return *series;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels,
                              std::span<const double> bounds) {
  std::lock_guard lock(mutex_);
  auto& series = family(name, help, "histogram").histograms[label_text(labels)];
  if (!series) series = std::make_unique<Histogram>(bounds);
  return *series;
}

void Metrics::gauge(std::string_view name, std::string_view help, std::function<double()> read,
                    const Labels& labels) {
  std::lock_guard lock(mutex_);
  family(name, help, "gauge").gauges[label_text(labels)] = std::move(read);
}

std::string Metrics::text() const {
  std::string out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    out +=
        fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(family->help, false), name, family->type);
    for (const auto& [labels, counter] : family->counters) {
      out += fmt::format("{}{} {}\n", name, braced(labels), counter->value());
    }
    for (const auto& [labels, read] : family->gauges) {
      out += fmt::format("{}{} {}\n", name, braced(labels), read());
    }
    for (const auto& [labels, histogram] : family->histograms) {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i <= histogram->bounds_.size(); ++i) {
        sum += histogram->counts_[i].load(std::memory_order_relaxed);
        const std::string bound =
            i < histogram->bounds_.size() ? fmt::format("le=\"{}\"", histogram->bounds_[i]) : "le=\"+Inf\"";
        out += fmt::format("{}_bucket{} {}\n", name, braced(labels, bound), sum);
      }
      out += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, braced(labels),
                         histogram->sum_.load(std::memory_order_relaxed), name, braced(labels), sum);
    }
  }
  return out;
}

}  // namespace core
