// What the registry's store costs, by the number of servers and of threads that write.
//
//   bench_registry_store [URL] [SERVERS]     default: a SQLite file in the temporary directory, 100,000
//   servers
//
// Pages and searches are medians over many rounds, at 1,000 servers and at SERVERS; the last column is their
// ratio. The same number of rows is found at both sizes, except where the page says otherwise. A transaction
// is one consume and one emit, durable when it returns.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <thread>
#include <vector>

#include "core/scratch_directory.h"
#include "registry/store.h"

namespace {

using registry::Kind;
using registry::Query;
using registry::Row;
using registry::Store;
using SteadyClock = std::chrono::steady_clock;
using Match = Query::Text::Match;

constexpr std::size_t kFew = 1000;
constexpr int kRounds = 101;

[[noreturn]] void give_up(const core::Error& error) {
  fmt::print(stderr, "bench_registry_store: {}\n", core::describe(error));
  std::exit(1);
}

void fill(Store& store, std::size_t from, std::size_t to) {
  constexpr std::array<std::string_view, 8> kWords{"Weather",  "Payroll", "Tickets", "Search",
                                                   "Calendar", "Wiki",    "Metrics", "Orders"};
  constexpr std::size_t kAtOnce = 500;
  for (std::size_t start = from; start < to; start += kAtOnce) {
    auto done = store.transaction([&](registry::Transaction& tx) -> core::Status {
      for (std::size_t i = start; i < std::min(start + kAtOnce, to); ++i) {
        // One in fifty is INVALID; the texts of a row are about as long as a real one's.
        Row row{.kind = Kind::mcp_server,
                .id = fmt::format("ems{:017}", i),
                .unique = fmt::format("https://mcp-{}.example.com/mcp", i),
                .status = i % 50 == 7  ? "INVALID"
                          : i % 2 == 0 ? "ACTIVE"
                                       : "INACTIVE",
                .name = fmt::format("{} server {:06}", kWords[i % kWords.size()], i),
                .detected_name = fmt::format("{} MCP by team {}", kWords[i * 7 % kWords.size()], i % 50),
                .body = {{"description", std::string(600, 'd')},
                         {"url", fmt::format("https://mcp-{}.example.com", i)}}};
        RETURN_IF_ERROR(tx.insert(row));
      }
      return {};
    });
    if (!done) give_up(done.error());
  }
}

struct Case {
  std::string name;
  Query query;
};

std::vector<Case> cases() {
  const auto text = [](Match match, std::string text, Query::Text::Field field = Query::Text::Field::name) {
    return Query{.kind = Kind::mcp_server,
                 .texts = {{.match = match, .field = field, .text = std::move(text)}},
                 .limit = 20};
  };
  const auto with_status = [](Query query, std::string status) {
    query.statuses = {std::move(status)};
    return query;
  };
  const Query page{.kind = Kind::mcp_server, .limit = 20};
  Query middle = page;
  middle.after = fmt::format("ems{:017}", 700);
  Query few = with_status(text(Match::contains, "search"), "INVALID");
  few.limit = 5;
  Query two = page;
  two.statuses = {"ACTIVE", "INVALID"};
  return {
      {"page", page},
      {"page, later", middle},
      {"page, status INVALID", with_status(page, "INVALID")},
      {"page, two statuses", two},
      {"eq, one", text(Match::equals, "weather server 000800")},
      {"eq, none", text(Match::equals, "weather server 9999999")},
      {"sw, an eighth", text(Match::starts_with, "payroll")},
      {"sw, ten", text(Match::starts_with, "payroll server 0008")},
      {"sw, one letter", text(Match::starts_with, "w")},
      {"sw, none", text(Match::starts_with, "xyz")},
      {"co, all", text(Match::contains, "server")},
      {"co, three characters", text(Match::contains, "003")},
      {"co, one", text(Match::contains, "r 000499")},
      {"co, none", text(Match::contains, "r 9999")},
      {"co, detected name", text(Match::contains, "by team 49", Query::Text::Field::detected_name)},
      {"co, status INVALID, five", few},
      {"co, status INVALID, never both", with_status(text(Match::contains, "tickets"), "INVALID")},
      {"sw, status ACTIVE", with_status(text(Match::starts_with, "wiki server 000"), "ACTIVE")},
  };
}

struct Measured {
  double median = 0;  // microseconds
  std::size_t rows = 0;
};

std::vector<Measured> measure(Store& store) {
  std::vector<Measured> measured;
  for (const Case& one : cases()) {
    std::vector<double> times;
    std::size_t found = 0;
    times.reserve(kRounds);
    for (int i = 0; i < kRounds; ++i) {
      const auto start = SteadyClock::now();
      const auto rows = store.list(one.query);
      times.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
      if (!rows) give_up(rows.error());
      found = rows->size();
    }
    std::ranges::nth_element(times, times.begin() + kRounds / 2);
    measured.push_back({times[kRounds / 2], found});
  }
  return measured;
}

void search(Store& store, std::size_t many) {
  fill(store, 0, kFew);
  const auto few = measure(store);
  const auto start = SteadyClock::now();
  fill(store, kFew, many);
  const std::chrono::duration<double> took = SteadyClock::now() - start;
  fmt::print("{} servers registered in {:.1f} s\n\n", many - kFew, took.count());
  const auto more = measure(store);
  fmt::print("| page of 20 | rows | {} servers, µs | rows | {} servers, µs | ratio |\n", kFew, many);
  fmt::print("|---|---:|---:|---:|---:|---:|\n");
  const auto all = cases();
  for (std::size_t i = 0; i < all.size(); ++i)
    fmt::print("| {} | {} | {:.0f} | {} | {:.0f} | {:.2f} |\n", all[i].name, few[i].rows, few[i].median,
               more[i].rows, more[i].median, more[i].median / few[i].median);
}

double grants_per_second(Store& store, int threads, std::string_view run) {
  constexpr std::chrono::seconds kTime{3};
  std::vector<std::size_t> done(static_cast<std::size_t>(threads));
  const auto end = SteadyClock::now() + kTime;
  {
    std::vector<std::jthread> all;
    all.reserve(done.size());
    for (std::size_t i = 0; i < done.size(); ++i) {
      all.emplace_back([&, i] {
        for (std::size_t n = 0; SteadyClock::now() < end; ++n) {
          const std::string id = fmt::format("{}/{}/{}", run, i, n);
          const auto committed = store.transaction([&](registry::Transaction& tx) -> core::Status {
            ASSIGN_OR_RETURN(const bool fresh, tx.consume(id, std::chrono::minutes{5}));
            if (!fresh)
              return core::fail(core::ErrorKind::internal, "bench.twice", "An id was there already.");
            return tx.emit(
                {.type = "app.oauth2.as.token.grant.access_token",
                 .actor = {.id = fmt::format("wlp{:017}", i), .type = "WorkloadPrincipal", .name = "Agent"},
                 .targets = {{.id = fmt::format("ems{:017}", n % 100), .type = "McpServer"}},
                 .debug = {{"grantType", "urn:ietf:params:oauth:grant-type:jwt-bearer"}}});
          });
          if (!committed) give_up(committed.error());
          ++done[i];
        }
      });
    }
  }
  std::size_t sum = 0;
  for (const std::size_t count : done) sum += count;
  return static_cast<double>(sum) / static_cast<double>(kTime.count());
}

}  // namespace

int main(int argc, char** argv) {
  const core::ScratchDirectory scratch;
  const std::string url = argc > 1 ? argv[1] : fmt::format("sqlite:{}/registry.db", scratch.path());
  const std::size_t many = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100'000;
  auto opened = registry::open_store({.url = core::Secret(url), .connections = 32});
  if (!opened) give_up(opened.error());
  Store& store = **opened;
  const auto there = store.list({.kind = Kind::mcp_server, .limit = 1});
  if (!there) give_up(there.error());
  if (!there->empty()) {
    fmt::print(stderr, "bench_registry_store: {} is not empty\n", store.where());
    return 1;
  }

  search(store, std::max(many, kFew + 1));
  fmt::print("\n| threads | transactions/s |\n|---:|---:|\n");
  for (const int threads : {1, 8, 32}) {
    fmt::print("| {} | {:.0f} |\n", threads,
               grants_per_second(store, threads, fmt::format("run{}", threads)));
  }
  return 0;
}
