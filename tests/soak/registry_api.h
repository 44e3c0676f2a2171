// Requests to nodes that may be dead by the time they would answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/jwk.h"
#include "registry_nodes.h"

namespace soak {

// What was found wrong. Thread-safe.
class Faults {
 public:
  void add(std::string sentence);
  bool any() const;
  std::vector<std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

// What an operator holds who may read the store and its key file: an administrator's token, and the key that
// ID tokens are signed with.
struct Credentials {
  std::string admin_token;
  std::optional<oauth::Key> id_token_key;

  static core::Result<Credentials> read(const Place& place);
};

struct Reply {
  int status = 0;  // 0: no answer; what was asked may have been done
  core::json::Value body{};
  std::string operation{};  // its path, of 202
  std::string next{};       // cursor of the next page
  int unanswered = 0;       // attempts before this one, or this one
  std::string node{};       // who answered

  bool answered() const { return status != 0; }
  std::string_view text(std::string_view path) const { return core::json::string_or_empty(body, path); }
  std::string told() const;  // for people
};

using Choice = std::mt19937_64;

// Thread-safe; a Choice belongs to one thread.
class Api {
 public:
  Api(const Nodes& nodes, Credentials credentials, Faults& faults);

  // Once, at that node. 503 counts as no answer: so does a node that cannot tell what became of a
  // transaction. Other 5xx are faults.
  Reply ask(const std::string& node, net::Method method, const std::string& path,
            const core::json::Value* body = nullptr);
  // At any node, again until one answers. Nobody in two minutes is a fault.
  Reply insist(Choice& choice, net::Method method, const std::string& path,
               const core::json::Value* body = nullptr);
  // A form, for the token endpoints; once.
  Reply post_form(const std::string& node, const std::string& path, const net::Query& form);
  // Some node that serves; waits for one. Empty, and a fault, when there is none for two minutes.
  std::string any_node(Choice& choice);

  const Nodes& nodes() const { return nodes_; }
  const oauth::Key& id_token_key() const { return *credentials_.id_token_key; }
  Faults& faults() { return faults_; }
  int requests() const { return requests_; }
  int unanswered() const { return unanswered_; }
  int changes() const { return changes_; }  // requests other than GET that were begun

 private:
  Reply send(net::HttpRequest request, const std::string& node);

  const Nodes& nodes_;
  const Credentials credentials_;
  Faults& faults_;
  std::unique_ptr<net::HttpClient> http_;
  std::atomic<int> requests_{0}, unanswered_{0}, changes_{0};
};

}  // namespace soak
