#include "net/guarded.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace net {
namespace {

using core::ErrorKind;

constexpr std::array<std::string_view, 3> kFollowingHeaders{"Accept", "Accept-Language", "User-Agent"};

std::unexpected<core::Error> refused_address(const Url& url, Reach reach) {
  return core::fail(
      ErrorKind::forbidden, "net.address",
      fmt::format("The host of {} is {}, which is not reached from here.", url.origin(), describe(reach)),
      "Give a URL on the public Internet, or have the network allowed in the settings.");
}

std::unexpected<core::Error> bad_redirect(const Url& from, std::string_view why) {
  return core::fail(ErrorKind::protocol, "net.redirect", fmt::format("{} redirects {}.", from.origin(), why),
                    "Give the address that it redirects to, if you trust it.");
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class GuardedClient final : public HttpClient {
 public:
  GuardedClient(HttpClient& http, Guard guard) : http_(http), guard_(std::move(guard)) {}

  core::Result<HttpResponse> send(const core::Context& context, const HttpRequest& request) override {
    ASSIGN_OR_RETURN(GuardedUrl target, guard_.check(request.url));
    const GuardPolicy& policy = guard_.policy();
    core::Context limited = context;
    limited.deadline = std::min(context.deadline, std::chrono::steady_clock::now() + policy.total_timeout);

    HttpRequest own = request;
    own.connect_timeout = std::min(own.connect_timeout, policy.connect_timeout);
    own.total_timeout = std::min(own.total_timeout, policy.total_timeout);
    own.max_response_bytes = std::min(own.max_response_bytes, policy.max_response_bytes);
    own.max_header_bytes = std::min(own.max_header_bytes, policy.max_header_bytes);
    own.addresses = &guard_;
    if (request.method != Method::get) return http_.send(limited, own);

    // Whoever reads the answer's head is not told of those in between.
    if (request.on_head) {
      own.on_head = [&](const HttpResponse& head) -> core::Status {
        const bool in_between = is_redirect(head.status) && request.follow_redirects;
        return in_between ? core::Status{} : request.on_head(head);
      };
    }
    for (int redirects = 0;; ++redirects) {
      ASSIGN_OR_RETURN(auto response, http_.send(limited, own));
      if (!is_redirect(response.status) || !request.follow_redirects) return response;
      if (redirects == policy.max_redirects)
        return bad_redirect(target.url(), fmt::format("more than {} times", policy.max_redirects));
      ASSIGN_OR_RETURN(target, next(target, response.headers.get("Location")));
      own.url = target.url().str();
      if (redirects == 0) own.headers = following(request.headers);
    }
  }

 private:
  core::Result<GuardedUrl> next(const GuardedUrl& from, std::string_view location) const {
    const auto resolved = resolve_url(from.url(), location);
    if (location.empty() || !resolved) return bad_redirect(from.url(), "to no usable URL");
    if (resolved->has_userinfo) return bad_redirect(from.url(), "to a URL with a user name");
    if (resolved->scheme != from.url().scheme)
      return bad_redirect(from.url(), fmt::format("from {} to {}", from.url().scheme, resolved->scheme));
    if (is_loopback_host(resolved->host) && !is_loopback_host(from.url().host))
      return bad_redirect(from.url(), "to a loopback address");
    return guard_.check(resolved->str());
  }

  static Headers following(const Headers& headers) {
    Headers kept;
    for (const auto& [name, value] : headers) {
      if (std::ranges::any_of(kFollowingHeaders,
                              [&](std::string_view known) { return equals_ignoring_case(name, known); }))
        kept.add(name, value);
    }
    return kept;
  }

  HttpClient& http_;
  const Guard guard_;
};

}  // namespace

core::Result<Guard> Guard::create(GuardPolicy policy) {
  std::vector<IpNetwork> networks;
  networks.reserve(policy.allow.size());
  for (const std::string& text : policy.allow) {
    ASSIGN_OR_RETURN(const IpNetwork network, IpNetwork::parse(text));
    networks.push_back(network);
  }
  for (std::string& host : policy.allow_hosts) {
    std::ranges::transform(host, host.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
  }
  return Guard(std::move(policy), std::move(networks));
}

bool Guard::allows_host(std::string_view host) const {
  return std::ranges::any_of(policy_.allow_hosts, [&](std::string_view allowed) {
    return host == allowed || (allowed.starts_with('.') && host.ends_with(allowed));
  });
}

bool Guard::allows(const Url& url, const IpAddress& address) const {
  const Reach reach = reach_of(address);
  switch (reach) {
    case Reach::public_internet:
      return true;
    case Reach::multicast:
    case Reach::unspecified:
      return false;
    case Reach::metadata:
      return std::ranges::any_of(networks_, [&](const IpNetwork& network) {
        return network.prefix == 128 && network.contains(address);
      });
    case Reach::loopback:
      if (policy_.allow_http_loopback && is_loopback_host(url.host)) return true;
      break;
    case Reach::private_network:
    case Reach::shared:
      if (allows_host(url.host)) return true;
      break;
    default:
      break;
  }
  return std::ranges::any_of(networks_, [&](const IpNetwork& network) { return network.contains(address); });
}

core::Result<GuardedUrl> Guard::check(std::string_view text) const {
  ASSIGN_OR_RETURN(Url url, parse_url(text));
  const auto bad = [&](std::string message, std::string hint) {
    return core::fail(ErrorKind::invalid_input, "net.url", std::move(message), std::move(hint));
  };
  if (url.has_userinfo)
    return bad("The URL holds a user name or password.", "Leave out the part before '@'.");
  if (url.scheme == "http" && !(policy_.allow_http_loopback && is_loopback_host(url.host))) {
    return bad(fmt::format("{} is not encrypted.", url.origin()),
               "Use https; plain http is for loopback addresses, and only where the settings allow it.");
  }
  // "localhost" needs no lookup to be known.
  const auto literal = url.host == "localhost" ? IpAddress::v4({127, 0, 0, 1}) : IpAddress::parse(url.host);
  if (literal && !allows(url, *literal)) return refused_address(url, reach_of(*literal));
  return GuardedUrl(std::move(url));
}

std::unique_ptr<HttpClient> make_guarded_client(HttpClient& http, Guard guard) {
  return std::make_unique<GuardedClient>(http, std::move(guard));
}

}  // namespace net
