// Fetching what others name: an HttpClient for URLs that come from outside, so that they lead nowhere inside
// (server-side request forgery).
//
//   ASSIGN_OR_RETURN(auto guard, net::Guard::create({.allow = {"10.20.0.0/16"}}));
//   auto outside = net::make_guarded_client(*http, std::move(guard));
//
// The rule is applied to the URL before anything is sent, and again by the transfer itself to each address
// before it connects and before a kept connection is used; names are looked up once, for that connection.
// No proxy is used, since it would choose the address. Nothing that was not asked for is sent: no cookies, no
// credentials from files.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/address.h"
#include "net/http_client.h"
#include "net/url.h"

namespace net {

struct GuardPolicy {
  // Addresses of the public Internet are always allowed. Of others, those in these networks: "10.0.0.0/8",
  // "fd00::1". A metadata service only by its own address, not by a network around it; unspecified and
  // multicast never.
  std::vector<std::string> allow;
  // Hosts by name that may be at private addresses (private, shared): "mcp.corp.example", or ".corp.example"
  // for all below it.
  std::vector<std::string> allow_hosts;
  // "localhost", 127.0.0.0/8 and ::1, spelt out in the URL, by http and https. A name that leads there stays
  // refused.
  bool allow_http_loopback = false;

  // No request gets more than this, whatever it asks for.
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds total_timeout{10'000};  // redirects included
  std::size_t max_response_bytes = 256u << 10;      // decoded
  std::size_t max_header_bytes = 64u << 10;
  int max_redirects = 3;
};

class Guard;

// A URL that passed the guard's rule as far as its text tells; the address is still checked when it is used.
class GuardedUrl {
 public:
  const Url& url() const { return url_; }

 private:
  friend class Guard;
  explicit GuardedUrl(Url url) : url_(std::move(url)) {}
  Url url_;
};

// Immutable.
class Guard final : public AddressPolicy {
 public:
  // Error net.network: an entry of `allow` is none.
  static core::Result<Guard> create(GuardPolicy policy);

  // Errors: net.url (not an absolute URL, userinfo, plain http), net.address (the host is a literal address
  // that may not be reached).
  core::Result<GuardedUrl> check(std::string_view url) const;
  bool allows(const Url& url, const IpAddress& address) const override;

  const GuardPolicy& policy() const { return policy_; }

 private:
  Guard(GuardPolicy policy, std::vector<IpNetwork> networks)
      : policy_(std::move(policy)), networks_(std::move(networks)) {}
  bool allows_host(std::string_view host) const;

  GuardPolicy policy_;
  std::vector<IpNetwork> networks_;
};

// `http` outlives it. Errors are those of HttpClient, and
//   net.address   the host is (also) at no allowed address     nothing was sent
//   net.redirect  too many, to another scheme, or inward       the first request was sent
// A redirect is followed for GET, unless the request says not to; of the request's headers only Accept,
// Accept-Language and User-Agent go along. Every other method gets the redirect as its answer.
std::unique_ptr<HttpClient> make_guarded_client(HttpClient& http, Guard guard);

}  // namespace net
