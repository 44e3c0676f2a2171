// `okta-agent-registry serve` as a process of its own, and requests to its API.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "core/json.h"
#include "core/scratch_directory.h"
#include "net/http_client.h"
#include "process.h"

namespace e2e {

class RegistryProgram {
 public:
  // On `store` ("sqlite:PATH"); returns once it is ready, or has ended. Port 0 unless the arguments say
  // otherwise.
  explicit RegistryProgram(std::string store, std::vector<std::string> arguments = {});
  ~RegistryProgram();  // SIGTERM
  RegistryProgram(const RegistryProgram&) = delete;
  RegistryProgram& operator=(const RegistryProgram&) = delete;

  bool up() const { return !url_.empty(); }
  const std::string& url() const { return url_; }
  const std::string& admin_url() const { return admin_url_; }
  void signal(int number) const;
  int wait();  // exit status as a shell shows it
  std::string log() const;

  // Another command of the program, on the same store.
  Finished command(std::vector<std::string> arguments, const std::string& input = {}) const;
  // An administrator's access token.
  std::string admin_token() const;

 private:
  std::string store_;
  core::ScratchDirectory scratch_;
  std::string url_, admin_url_;
  pid_t pid_ = -1;
};

struct Reply {
  int status = 0;
  core::json::Value body;
  net::Headers headers;
  std::string_view text(std::string_view path) const { return core::json::string_or_empty(body, path); }
};

class Client {
 public:
  Client() : http_(net::make_http_client({})) {}
  Reply send(net::Method method, const std::string& url, const std::string& token = {},
             const std::string& body = {});

 private:
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace e2e
