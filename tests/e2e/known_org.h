// An org that this test plays itself, so that it knows every secret it hands out and every one it is sent.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"

namespace e2e {

class KnownOrg {
 public:
  KnownOrg();

  std::string url() const;
  // Every token, code and assertion that crossed the wire so far.
  std::vector<std::string> secrets() const;
  // How often its token endpoint was asked, for one grant_type (its last word will do).
  int requests(std::string_view grant) const;

  // What the token endpoint answers to a refresh or a client assertion instead of a token: {error,
  // description}.
  // "{sent}" in the description becomes the secret that was sent.
  void refuse(std::string error, std::string description);
  // The error that a person's sign-in ends with; empty for success.
  void end_sign_in_with(std::string error, std::string description = "");
  // Access tokens handed out so far are answered 401.
  void expire_access_tokens();

 private:
  struct Refusal {
    std::string error, description;
  };
  net::ServerResponse answer(const net::ServerRequest& request);
  net::ServerResponse token(const net::ServerRequest& request);
  std::string make_secret(const std::string& kind);

  mutable std::mutex mutex_;
  std::vector<std::string> secrets_;
  std::vector<std::string> good_;  // access tokens that serve
  Refusal refusal_, sign_in_;
  std::vector<std::string> grants_;          // one for each request
  std::unique_ptr<net::HttpServer> server_;  // last: its handlers use the others
};

}  // namespace e2e
