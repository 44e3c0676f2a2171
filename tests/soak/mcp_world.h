// MCP servers by the dozen, each as well or as ill as it is told: what a registry under load has to look at.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_server.h"

namespace soak {

class McpWorld {
 public:
  // `foreign`: its metadata is about another resource, which is a matter of security (R07): INVALID at once.
  // `open`: it names no authorization server; PENDING. `slow`: healthy, with answers that take a while.
  enum class Health { good, slow, open, foreign };

  static core::Result<std::unique_ptr<McpWorld>> start();

  // The issuer that every server names.
  void trust(std::string issuer);
  void set(const std::string& name, Health health);
  std::string url(std::string_view name) const;
  int asked() const;  // requests so far

 private:
  McpWorld() = default;
  net::ServerResponse answer(const net::ServerRequest& request);

  mutable std::mutex mutex_;
  std::string issuer_;
  std::map<std::string, Health, std::less<>> health_;
  int asked_ = 0;
  std::unique_ptr<net::HttpServer> http_;  // last: its handlers use the rest
};

}  // namespace soak
