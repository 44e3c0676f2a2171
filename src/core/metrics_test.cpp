#include "core/metrics.h"

#include <array>
#include <gtest/gtest.h>
#include <thread>

namespace core {
namespace {

TEST(Metrics, TextIsOrderedAndEscaped) {
  Metrics metrics;
  metrics.counter("b_total", "Second.\nLine \\.", {{"tool", "say \"hi\"\n\\"}}).add(3);
  metrics.counter("b_total", "Second.\nLine \\.", {{"tool", "a"}}).add();
  metrics.gauge("a_open", "First.", [] { return 2.5; });
  EXPECT_EQ(metrics.text(),
            "# HELP a_open First.\n"
            "# TYPE a_open gauge\n"
            "a_open 2.5\n"
            "# HELP b_total Second.\\nLine \\\\.\n"
            "# TYPE b_total counter\n"
            "b_total{tool=\"a\"} 1\n"
            "b_total{tool=\"say \\\"hi\\\"\\n\\\\\"} 3\n");
}

TEST(Metrics, HistogramsAreCumulative) {
  Metrics metrics;
  constexpr std::array kBounds = {0.1, 1.0};
  auto& seconds = metrics.histogram("s", "Seconds.", {{"m", "x"}}, kBounds);
  for (double value : {0.05, 0.1, 0.5, 7.0}) seconds.observe(value);
  EXPECT_EQ(metrics.text(),
            "# HELP s Seconds.\n"
            "# TYPE s histogram\n"
            "s_bucket{m=\"x\",le=\"0.1\"} 2\n"
            "s_bucket{m=\"x\",le=\"1\"} 3\n"
            "s_bucket{m=\"x\",le=\"+Inf\"} 4\n"
            "s_sum{m=\"x\"} 7.65\n"
            "s_count{m=\"x\"} 4\n");
}

TEST(Metrics, SameNameAndLabelsAreTheSameSeries) {
  Metrics metrics;
  Counter& first = metrics.counter("c", "C.", {{"l", "1"}});
  EXPECT_EQ(&first, &metrics.counter("c", "C.", {{"l", "1"}}));
  EXPECT_NE(&first, &metrics.counter("c", "C.", {{"l", "2"}}));
}

TEST(Metrics, ANameOfAnotherKindIsNotShown) {
  Metrics metrics;
  metrics.counter("c", "C.").add(7);
  metrics.histogram("c", "C.").observe(1);
  EXPECT_EQ(metrics.text(), "# HELP c C.\n# TYPE c counter\nc 7\n");
}

TEST(Metrics, CountFromManyThreads) {
  Metrics metrics;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&metrics] {
        for (int n = 0; n < 1000; ++n) metrics.counter("c", "C.").add();
      });
    }
  }
  EXPECT_EQ(metrics.counter("c", "C.").value(), 4000u);
}

}  // namespace
}  // namespace core
