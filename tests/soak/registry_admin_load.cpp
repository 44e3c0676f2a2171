#include <array>
#include <fmt/format.h>
#include <thread>

#include "registry_load.h"

namespace soak {
namespace {

using core::json::Object;
using core::json::Value;
using net::Method;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string id_of(const std::string& operation) {
  return operation.substr(operation.rfind('/') + 1);
}

// What an administrator may think of, by the state that is seen. "ill" and "well" change the server in the
// world and have it validated; the rest are requests. What does not fit the state is to be refused.
struct Idea {
  std::string_view state;
  unsigned weight;
  std::string_view verb;
};
constexpr std::array kIdeas{
    Idea{"PENDING", 45, "well"},      Idea{"PENDING", 25, "delete"},    Idea{"PENDING", 15, "ill"},
    Idea{"PENDING", 8, "activate"},   Idea{"PENDING", 7, "deactivate"}, Idea{"INACTIVE", 60, "activate"},
    Idea{"INACTIVE", 15, "ill"},      Idea{"INACTIVE", 15, "delete"},   Idea{"INACTIVE", 10, "deactivate"},
    Idea{"ACTIVE", 50, "deactivate"}, Idea{"ACTIVE", 30, "ill"},        Idea{"ACTIVE", 10, "delete"},
    Idea{"ACTIVE", 10, "activate"},   Idea{"INVALID", 60, "well"},      Idea{"INVALID", 25, "delete"},
    Idea{"INVALID", 8, "activate"},   Idea{"INVALID", 7, "deactivate"},
};

std::string_view choose(Choice& choice, std::string_view state) {
  unsigned all = 0;
  for (const Idea& idea : kIdeas) all += idea.state == state ? idea.weight : 0;
  if (all == 0) return {};
  unsigned drawn = static_cast<unsigned>(choice() % all);
  for (const Idea& idea : kIdeas) {
    if (idea.state != state) continue;
    if (drawn < idea.weight) return idea.verb;
    drawn -= idea.weight;
  }
  return {};
}

}  // namespace

void Promises::registered(const std::string& id, const std::string& url) {
  std::lock_guard lock(mutex_);
  book_.servers[id] = url;
}
void Promises::accepted(const std::string& operation) {
  std::lock_guard lock(mutex_);
  book_.operations.try_emplace(id_of(operation));
}
void Promises::ended(const std::string& operation, std::string status, milliseconds waited) {
  std::lock_guard lock(mutex_);
  // Others' are waited for, too.
  const auto found = book_.operations.find(id_of(operation));
  if (found != book_.operations.end()) found->second = std::move(status);
  book_.longest_operation = std::max(book_.longest_operation, waited);
}
void Promises::issued() {
  std::lock_guard lock(mutex_);
  ++book_.issued;
}
void Promises::presented(const std::string& jag, int times, bool granted) {
  std::lock_guard lock(mutex_);
  book_.jags[jag] |= granted;
  book_.presentations += times;
}
void Promises::answer_lost() {
  std::lock_guard lock(mutex_);
  ++book_.answers_lost;
}
void Promises::refused_everywhere(milliseconds last_granted) {
  std::lock_guard lock(mutex_);
  ++book_.deactivations_probed;
  book_.last_granted = std::max(book_.last_granted, last_granted);
}
Promises::Book Promises::book() const {
  std::lock_guard lock(mutex_);
  return book_;
}

std::string await_operation(Load& load, Choice& choice, const std::string& operation) {
  const auto begun = steady_clock::now();
  while (steady_clock::now() - begun < load.operation_patience) {
    const Reply reply = load.api.insist(choice, Method::get, operation);
    if (reply.status != 200) {
      if (reply.answered()) load.api.faults().add(fmt::format("{} is {}", operation, reply.told()));
      return {};
    }
    const std::string status(reply.text("status"));
    if (status == "COMPLETED" || status == "FAILED") {
      load.promises.ended(operation, status,
                          std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun));
      return status;
    }
    std::this_thread::sleep_for(milliseconds(20 + choice() % 30));  // for the workers
  }
  load.api.faults().add(
      fmt::format("{} has not ended after {} s", operation, load.operation_patience.count()));
  return {};
}

void Administrator::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !load_.api.faults().any()) {
    Slot& slot = slots_[choice_() % slots_.size()];
    if (slot.id.empty())
      enroll(slot);
    else
      act(slot);
    std::this_thread::sleep_for(milliseconds(choice_() % 40));  // the rate of the load
  }
}

void Administrator::enroll(Slot& slot) {
  slot.name = fmt::format("server-{}-{}", self_, ++made_);
  constexpr std::array kHealths{McpWorld::Health::good, McpWorld::Health::good,    McpWorld::Health::slow,
                                McpWorld::Health::slow, McpWorld::Health::foreign, McpWorld::Health::open};
  load_.world.set(slot.name, kHealths.at(choice_() % kHealths.size()));
  const std::string url = load_.world.url(slot.name);
  const Value body = Object{{"resourceUrl", url}, {"displayName", slot.name}};
  const Reply accepted = load_.api.insist(choice_, Method::post, std::string(kServers), &body);
  if (!accepted.answered()) return;
  // Of an attempt without an answer a second one meets the result: the same operation, or 409 when the
  // validation is over.
  const bool known = accepted.status == 409 && accepted.unanswered > 0;
  if (accepted.status != 202 && !known)
    return load_.api.faults().add(fmt::format("the registration of {} is answered {}", url, accepted.told()));
  if (!accepted.operation.empty()) load_.promises.accepted(accepted.operation);
  const std::string search = net::encode_query(
      {{"search", fmt::format("metadata.displayName eq \"{}\"", slot.name)}, {"limit", "10"}});
  const Reply found = load_.api.insist(choice_, Method::get, fmt::format("{}?{}", kServers, search));
  if (!found.answered()) return;
  const auto* list = core::json::find(found.body, "data");
  if (list == nullptr || !list->is_array() || list->get_array().size() != 1 ||
      core::json::string_or_empty(list->get_array().front(), "resourceUrl") != url)
    return load_.api.faults().add(fmt::format("{} was accepted ({}), and the list has {}", url,
                                              accepted.operation, core::json::write(found.body)));
  slot.id = core::json::string_or_empty(list->get_array().front(), "id");
  load_.promises.registered(slot.id, url);
  if (chance(30)) return request(slot, "delete");
  if (!accepted.operation.empty() && chance(80)) await_operation(load_, choice_, accepted.operation);
}

void Administrator::act(Slot& slot) {
  const Reply seen = load_.api.insist(choice_, Method::get, fmt::format("{}/{}", kServers, slot.id));
  if (!seen.answered()) return;
  if (seen.status != 200)
    return load_.api.faults().add(fmt::format("the server {} is {}", slot.id, seen.told()));
  std::string_view verb = choose(choice_, seen.text("status"));
  if (verb == "ill" || verb == "well") {
    using Health = McpWorld::Health;
    const Health good = chance(30) ? Health::slow : Health::good;
    load_.world.set(slot.name, verb == "ill" ? Health::foreign : good);
    verb = "validate";
  }
  request(slot, verb);
}

void Administrator::request(Slot& slot, std::string_view verb) {
  const bool remove = verb == "delete";
  const std::string path = remove ? fmt::format("{}/{}", kServers, slot.id)
                                  : fmt::format("{}/{}/lifecycle/{}", kServers, slot.id, verb);
  const Reply reply = load_.api.insist(choice_, remove ? Method::delete_ : Method::post, path);
  if (!reply.answered()) return;
  // A deletion whose answer was lost is found done.
  const bool gone = remove && reply.status == 404 && reply.unanswered > 0;
  if (reply.status != 202 && reply.status != 409 && !gone)
    return load_.api.faults().add(fmt::format("{} of {} is answered {}", verb, slot.id, reply.told()));
  if (reply.status == 202) load_.promises.accepted(reply.operation);
  if (reply.status == 202 && chance(75)) await_operation(load_, choice_, reply.operation);
  if (remove && reply.status != 409) slot = {};
}

}  // namespace soak
