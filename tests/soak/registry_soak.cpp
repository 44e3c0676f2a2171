// Nodes of okta-agent-registry on one store, under load, killed with kill -9 at random (README.md).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <sodium.h>
#include <thread>

#include "core/log.h"
#include "event_walk.h"
#include "net/http_server.h"
#include "registry_load.h"
#include "registry_nodes.h"

namespace {

using core::json::Value;
using net::Method;
using soak::Api;
using soak::Nodes;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kSkipped = 77;
constexpr int kWantsAll = 40;  // kills from which on every transition has to have been seen
constexpr seconds kSettle{60};

struct Options {
  int kills = 1000;
  std::size_t nodes = 3;
  std::string store = "postgres";
  std::uint64_t seed = 0;
  int lease_seconds = 3;
  std::string program;
};

class Soak {
 public:
  Soak(const Options& options, const soak::Place& place)
      : options_(options),
        nodes_(place, options.nodes, options.program, options.lease_seconds),
        place_(place),
        choice_(options.seed) {}

  bool run() {
    if (!set_up()) return tell();
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kAdministrators; ++i) {
        threads.emplace_back([&, i, seed = choice_()](const std::stop_token& stop) {
          soak::Administrator(*load_, i, seed).run(stop);
        });
      }
      for (std::size_t i = 0; i < agency_.servers.size(); ++i) {
        threads.emplace_back([&, i, seed = choice_()](const std::stop_token& stop) {
          soak::Agent(*load_, agency_, i, seed).run(stop);
        });
      }
      harm();
      for (auto& thread : threads) thread.request_stop();
      std::jthread joiner([&] {
        for (auto& thread : threads) thread.join();
        loaded_ = false;
      });
      while (loaded_ && look()) std::this_thread::sleep_for(milliseconds(10));
    }
    if (!faults_.any()) compare();
    return tell();
  }

 private:
  static constexpr int kAdministrators = 3;
  static constexpr std::size_t kAgents = 2;

  // Starts everything, while nobody does harm yet.
  bool set_up() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_.start(i);
    while (nodes_.urls().size() < nodes_.size()) {
      if (!look()) return false;
      std::this_thread::sleep_for(milliseconds(5));
    }
    auto credentials = soak::Credentials::read(place_);
    auto world = soak::McpWorld::start();
    if (!credentials || !world) {
      faults_.add(core::describe(credentials ? world.error() : credentials.error()));
      return false;
    }
    world_ = *std::move(world);
    api_ = std::make_unique<Api>(nodes_, *std::move(credentials), faults_);
    load_ = std::unique_ptr<soak::Load>(
        new soak::Load{.api = *api_,
                       .world = *world_,
                       .promises = promises_,
                       .operation_patience = seconds(options_.lease_seconds) * 3 + kSettle});
    auto agency = soak::Agency::found(*load_, choice_, kAgents);
    if (!agency) faults_.add(core::describe(agency.error()));
    if (faults_.any()) return false;
    agency_ = *std::move(agency);
    return true;
  }

  // False when a node has ended by itself, or anything else is wrong. Frozen nodes go on in time.
  bool look() {
    if (frozen_ && (steady_clock::now() > thaws_ || faults_.any())) {
      nodes_.thaw(*frozen_);
      frozen_.reset();
    }
    if (!nodes_.watch()) faults_.add(nodes_.fault());
    return !faults_.any();
  }

  // Until `what` happens once more, a second and a half at most; then a few milliseconds, about as long as a
  // request takes.
  template <class Count>
  void aim(const Count& what) {
    const int before = what();
    const auto until = steady_clock::now() + milliseconds(1500);
    while (what() == before && steady_clock::now() < until && look())
      std::this_thread::sleep_for(microseconds(200));
    std::this_thread::sleep_for(microseconds(choice_() % 9000));
  }

  // For longer than a lease lasts, so that it wakes with work in its hands that others have done.
  void freeze(std::size_t node) {
    nodes_.freeze(node);
    frozen_ = node;
    thaws_ = steady_clock::now() + seconds(options_.lease_seconds) + milliseconds(500 + choice_() % 2000);
    ++freezes_;
  }

  void harm() {
    while (kills_ < options_.kills && look()) {
      const auto pause = steady_clock::now() + milliseconds(choice_() % 900);
      while (steady_clock::now() < pause && look()) std::this_thread::sleep_for(milliseconds(5));
      const auto how = choice_() % 12;
      const std::size_t node = choice_() % nodes_.size();
      // One in twelve dies wherever it is, perhaps as it starts; the others in the middle of something.
      while (how != 0 && nodes_.url(node).empty() && look()) std::this_thread::sleep_for(milliseconds(2));
      if (how >= 1 && how < 5) aim([&] { return load_->redeeming.load(); });
      if (how >= 5 && how < 8) aim([&] { return api_->changes(); });
      if (how >= 8) aim([&] { return world_->asked(); });
      if (how == 11 && nodes_.size() > 1 && !frozen_) {
        freeze(node);
        continue;
      }
      if (!nodes_.kill(node)) break;
      ++kills_;
      if (frozen_ == node) frozen_.reset();
      nodes_.start(node);
      if (kills_ % 50 == 0) {
        fmt::print("{} kills, {} requests, {} ID-JAGs\n", kills_, api_->requests(), promises_.book().issued);
        std::fflush(stdout);
      }
    }
    look();
  }

  // ---- afterwards

  bool read_log(soak::EventWalk& walk, std::string& after) {
    for (int quiet = 0; quiet < 2;) {
      const soak::Reply page =
          api_->insist(choice_, Method::get, fmt::format("/api/v1/logs?limit=1000{}", after));
      if (page.status != 200 || !page.body.is_array()) {
        faults_.add(fmt::format("the log is answered {}", page.status));
        return false;
      }
      for (const Value& event : page.body.get_array()) walk.take(event);
      if (!page.next.empty()) after = "&after=" + page.next;
      quiet = page.body.get_array().empty() ? quiet + 1 : 0;
      if (quiet == 1) std::this_thread::sleep_for(milliseconds(200));  // for transactions that end
    }
    return true;
  }

  struct Operation {
    std::string type, status, subject;
  };

  bool read_operations(std::map<std::string, Operation>& all) {
    std::string after;
    for (;;) {
      const soak::Reply page = api_->insist(
          choice_, Method::get, fmt::format("/resource-servers/api/v1/operations?limit=200{}", after));
      const auto* list = core::json::find(page.body, "data");
      if (page.status != 200 || list == nullptr || !list->is_array()) {
        faults_.add(fmt::format("the list of operations is answered {}", page.told().substr(0, 300)));
        return false;
      }
      for (const Value& each : list->get_array())
        all[std::string(core::json::string_or_empty(each, "id"))] = {
            .type = std::string(core::json::string_or_empty(each, "type")),
            .status = std::string(core::json::string_or_empty(each, "status")),
            .subject = std::string(core::json::string_or_empty(each, "resource.id"))};
      if (page.next.empty()) return true;
      after = "&after=" + page.next;
    }
  }

  // Nothing hangs: a minute after the last kill, and three leases, every operation has ended.
  bool all_ended(std::map<std::string, Operation>& operations) {
    const auto until = steady_clock::now() + load_->operation_patience;
    for (;;) {
      operations.clear();
      if (!look() || !read_operations(operations)) return false;
      const auto hanging = std::ranges::find_if(operations, [](const auto& each) {
        return each.second.status != "COMPLETED" && each.second.status != "FAILED";
      });
      if (hanging == operations.end()) return true;
      if (steady_clock::now() > until) {
        faults_.add(fmt::format("the operation {} ({}) is {} for ever", hanging->first, hanging->second.type,
                                hanging->second.status));
        return false;
      }
      std::this_thread::sleep_for(milliseconds(200));
    }
  }

  void compare_operations(const std::map<std::string, Operation>& operations) {
    const auto book = promises_.book();
    for (const auto& [id, seen] : book.operations) {
      const auto found = operations.find(id);
      if (found == operations.end()) {
        faults_.add(fmt::format("the accepted operation {} is lost", id));
      } else if (!seen.empty() && seen != found->second.status) {
        faults_.add(fmt::format("the operation {} was {} and is {}", id, seen, found->second.status));
      }
    }
    // Each request that was done has its event, and each event its request.
    std::map<std::string, int> deactivated, removed;
    for (const auto& [id, operation] : operations) {
      if (operation.status != "COMPLETED") continue;
      if (operation.type == "mcp-server:Deactivate") ++deactivated[operation.subject];
      if (operation.type == "mcp-server:Delete") ++removed[operation.subject];
      if (operation.type != "mcp-server:Activate") continue;
      const auto story = walk_.servers().find(operation.subject);
      const std::string transaction = fmt::format("validate/{}/{}", operation.subject, id);
      const int times = story == walk_.servers().end() || !story->second.activations.contains(transaction)
                            ? 0
                            : story->second.activations.at(transaction);
      if (times != 1) faults_.add(fmt::format("the activation {} has {} events", id, times));
    }
    for (const auto& [id, story] : walk_.servers()) {
      int activations = 0;
      for (const auto& [transaction, times] : story.activations) {
        const std::string operation = transaction.substr(transaction.rfind('/') + 1);
        const auto found = operations.find(operation);
        if (found == operations.end() || found->second.status != "COMPLETED")
          faults_.add(fmt::format("{} was activated by {}, which did not complete", id, transaction));
        activations += times;
      }
      if (activations != story.activated) faults_.add(fmt::format("activations of {} do not add up", id));
      if (story.deactivated != deactivated[id])
        faults_.add(fmt::format("{} has {} deactivations by its events, {} by its operations", id,
                                story.deactivated, deactivated[id]));
      if ((story.state == "DELETED") != (removed[id] == 1))
        faults_.add(fmt::format("{} is {} by its events, deleted {} times by its operations", id, story.state,
                                removed[id]));
    }
  }

  // What a GET shows is where the events end. Checks by schedule go on, so a difference counts when it stays.
  void compare_servers(std::string& after) {
    const auto book = promises_.book();
    for (const auto& [id, url] : book.servers) {
      const auto until = steady_clock::now() + kSettle;
      for (;;) {
        const soak::Reply seen = api_->insist(choice_, Method::get, fmt::format("{}/{}", soak::kServers, id));
        const std::string state = seen.status == 404 ? "DELETED" : std::string(seen.text("status"));
        const auto story = walk_.servers().find(id);
        const std::string told = story == walk_.servers().end() ? "nowhere" : story->second.state;
        if (state == told) break;
        if (!look() || !read_log(walk_, after)) return;
        if (steady_clock::now() > until) {
          faults_.add(fmt::format("{} ({}) is {}, and by its events {}", id, url, state, told));
          break;
        }
      }
    }
    for (const auto& [id, story] : walk_.servers())
      if (!book.servers.contains(id)) faults_.add(fmt::format("nobody registered {}", id));
  }

  void compare_id_jags() {
    for (const auto& [jti, times] : walk_.redeemed())
      if (times > 1) faults_.add(fmt::format("the log has the ID-JAG {} redeemed {} times", jti, times));
    for (const auto& [jti, granted] : promises_.book().jags)
      if (granted && !walk_.redeemed().contains(jti))
        faults_.add(fmt::format("the redemption of the ID-JAG {} is not in the log", jti));
  }

  // A run in which nothing happened shows nothing.
  void compare_effort() {
    const auto book = promises_.book();
    if (kills_ < options_.kills) faults_.add("fewer kills than were asked for");
    if (kills_ < kWantsAll) return;
    for (const auto& name : soak::EventWalk::all_transitions())
      if (!walk_.transitions().contains(name)) faults_.add(fmt::format("no server went {}", name));
    if (book.issued < kills_ || book.deactivations_probed == 0 || api_->unanswered() == 0)
      faults_.add("too little was asked to mean anything");
  }

  void compare() {
    std::map<std::string, Operation> operations;
    if (!all_ended(operations)) return;
    std::string after;
    if (!read_log(walk_, after)) return;
    compare_servers(after);
    compare_operations(operations);
    compare_id_jags();
    compare_effort();
  }

  bool tell() {
    const auto book = promises_.book();
    fmt::print("{} kills, {} freezes of {} nodes ({}); {} requests, {} without an answer\n", kills_, freezes_,
               nodes_.size(), options_.store, api_ ? api_->requests() : 0, api_ ? api_->unanswered() : 0);
    fmt::print(
        "{} servers registered, {} operations accepted, the longest took {} ms; {} events\n"
        "{} ID-JAGs issued, presented {} times, redeemed {} times; {} answers lost\n"
        "{} refusals looked for after a deactivation, the last ID-JAG {} ms after it\n",
        book.servers.size(), book.operations.size(), book.longest_operation.count(), walk_.events(),
        book.issued, book.presentations, walk_.redeemed().size(), book.answers_lost,
        book.deactivations_probed, book.last_granted.count());
    for (const auto& [name, times] : walk_.transitions()) fmt::print("  {}: {}\n", name, times);
    for (const auto& [what, times] : nodes_.complaints()) fmt::print("logged {} times: {}\n", times, what);
    for (const auto& fault : faults_.all()) fmt::print("FAULT: {}\n", fault);
    for (const auto& fault : walk_.faults()) fmt::print("FAULT: {}\n", fault);
    return !faults_.any() && walk_.faults().empty();
  }

  const Options options_;
  Nodes nodes_;
  const soak::Place& place_;
  soak::Choice choice_;
  soak::Faults faults_;
  soak::Promises promises_;
  std::unique_ptr<soak::McpWorld> world_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<soak::Load> load_;
  soak::Agency agency_;
  soak::EventWalk walk_;
  std::atomic<bool> loaded_{true};
  int kills_ = 0, freezes_ = 0;
  std::optional<std::size_t> frozen_;
  steady_clock::time_point thaws_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options{.seed = std::random_device{}(), .program = OKTA_AGENT_REGISTRY};
  CLI::App app{"Nodes of okta-agent-registry on one store, under load, killed at random."};
  app.add_option("--kills", options.kills)->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--nodes", options.nodes, "1 with sqlite")
      ->check(CLI::Range(std::size_t{1}, Nodes::kMost))
      ->capture_default_str();
  app.add_option("--store", options.store)
      ->check(CLI::IsMember({"postgres", "sqlite"}))
      ->capture_default_str();
  app.add_option("--seed", options.seed);
  app.add_option("--lease", options.lease_seconds, "seconds until others take what a dead node had begun")
      ->check(CLI::Range(2, 600))
      ->capture_default_str();
  app.add_option("--program", options.program, "okta-agent-registry")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (options.store == "sqlite") options.nodes = 1;
  if (sodium_init() < 0) return 1;
  std::signal(SIGPIPE, SIG_IGN);
  net::raise_descriptor_limit();
  (void)core::configure_log({.level = core::LogLevel::warning});
  const auto place = soak::Place::create(options.store == "postgres");
  if (!place) {
    fmt::print("skipped: {}\n", core::test::PostgresServer::kAbsent);
    return kSkipped;
  }
  fmt::print("seed {}, {} kills, {} nodes on {}, leases of {} s\n", options.seed, options.kills,
             options.nodes, options.store, options.lease_seconds);
  std::fflush(stdout);
  const auto begun = steady_clock::now();
  const bool good = Soak(options, *place).run();
  fmt::print("{} in {} s\n", good ? "passed" : "FAILED",
             std::chrono::duration_cast<seconds>(steady_clock::now() - begun).count());
  return good ? 0 : 1;
}
