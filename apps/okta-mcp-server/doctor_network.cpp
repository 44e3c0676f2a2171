// The part of `doctor` that asks the network: proxy, DNS, connection, TLS, the org itself, the clock.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/json.h"
#include "core/text.h"
#include "doctor.h"
#include "oauth/token_error.h"

namespace {

namespace json = core::json;

constexpr std::chrono::seconds kRequestTimeout{15};
constexpr std::size_t kMaxMetadata = 1u << 20;
constexpr std::chrono::hours kSoon{24 * 14};
// Okta's example: a client assertion lives 5 minutes at the most here, and Okta allows as much skew.
constexpr std::chrono::minutes kMuchSkew{5};

std::string trust_hint(const net::Url& url) {
  return fmt::format(
      "If a company proxy inspects TLS, get its CA certificate as a .crt file, put it into "
      "/usr/local/share/ca-certificates and run update-ca-certificates as root; or have {} excepted from "
      "inspection. A wrong clock on this machine makes good certificates look expired.",
      url.host);
}

// One stage after the other. What fails here although the request went through is only worth a warning: the
// client may know certificates and ways that this look does not.
class Way {
 public:
  Way(const net::Url& url, bool works, Findings& findings) : url_(url), works_(works), findings_(findings) {}

  void report(const net::Probe& probe) {
    if (probe.proxy.empty()) {
      findings_.ok("proxy", "None: direct connection.");
    } else {
      findings_.ok("proxy", fmt::format("{} (from https_proxy, http_proxy or all_proxy).", probe.proxy));
    }
    const std::string target = probe.proxy.empty() ? url_.host : "the proxy";
    if (!probe.lookup) return;
    if (!*probe.lookup) return broken("dns", probe.lookup->error());
    findings_.ok("dns", fmt::format("{} is {}.", target, fmt::join(**probe.lookup, ", ")));
    if (!*probe.connection) return broken("connection", probe.connection->error());
    findings_.ok("connection", fmt::format("{} takes connections.", target));
    if (url_.scheme != "https") return findings_.ok("tls", "Not used towards this machine.");
    if (!probe.certificate) {
      return findings_.skip("tls", "The certificate cannot be looked at through this kind of proxy.");
    }
    if (!*probe.certificate) return broken("tls", probe.certificate->error());
    judge(**probe.certificate);
  }

 private:
  void broken(const char* check, const core::Error& error) { broken(check, error.message, error.hint); }
  void broken(const char* check, std::string_view found, std::string_view cure) {
    works_ ? findings_.warn(check, found, cure) : findings_.fail(check, found, cure);
  }

  void judge(const net::Certificate& certificate) {
    constexpr auto kCheck = "tls";
    const std::string who =
        fmt::format("{}, issued by {}, valid until {}", certificate.subject, certificate.issuer,
                    core::to_rfc3339(certificate.expires).substr(0, 10));
    if (!certificate.trusted) {
      return broken(kCheck,
                    fmt::format("The certificate is not trusted ({}): {}.", certificate.distrust, who),
                    trust_hint(url_));
    }
    if (is_okta_host(url_.host) && !is_usual_issuer(certificate.issuer_organization)) {
      return findings_.warn(kCheck,
                            fmt::format("Something between this machine and Okta looks inside the "
                                        "connection: the certificate is {}.",
                                        who),
                            "It works, because this machine trusts that issuer, and it can read tokens. Have "
                            "Okta's hosts excepted from TLS inspection if that is not meant to be.");
    }
    if (certificate.expires - core::system_clock().now() < kSoon) {
      return findings_.warn(kCheck, fmt::format("The certificate ends soon: {}.", who),
                            "Whoever runs the host must renew it.");
    }
    findings_.ok(kCheck, who + ".");
  }

  const net::Url& url_;
  const bool works_;
  Findings& findings_;
};

void report_clock(const net::HttpResponse& response, Findings& findings) {
  const auto date = core::parse_http_date(response.headers.get("Date"));
  if (!date) return findings.skip("clock", "The org's answer carries no time.");
  const auto skew = *date - core::system_clock().now();
  const std::string advice = oauth::clock_advice(skew);
  if (advice.empty()) return findings.ok("clock", "Within a minute of the org's.");
  // "This machine's clock is ...: set it right (...)."
  const auto colon = advice.find(": ");
  std::string cure = advice.substr(colon == std::string::npos ? 0 : colon + 2);
  if (!cure.empty() && cure[0] == 's') cure[0] = 'S';
  const std::string found = advice.substr(0, colon) + ".";
  if (std::chrono::abs(skew) < kMuchSkew) {
    findings.warn("clock", found, cure);
  } else {
    findings.fail("clock", found, cure);
  }
}

// The org's own description of its authorization server (RFC 8414).
bool report_org(const net::Url& url, const net::HttpResponse& response, Findings& findings) {
  constexpr auto kCheck = "org";
  constexpr auto kAddress =
      "Set OKTA_ORG_URL to the org's own address, such as https://example.okta.com, without -admin and "
      "without a path.";
  if (response.status / 100 == 3) {
    findings.fail(kCheck,
                  fmt::format("{} redirects to {}.", url.origin(),
                              oauth::clean_text(response.headers.get("Location"), 200)),
                  kAddress);
    return false;
  }
  const std::string type = net::media_type(response.headers.get("Content-Type"));
  const bool page = type == "text/html" || response.body.starts_with("<");
  if (page) {
    findings.fail(
        kCheck, fmt::format("{} answered {} with a web page.", url.origin(), response.status),
        fmt::format("That is not an Okta org, or a proxy or login portal stands in between. {}", kAddress));
    return false;
  }
  const auto document = json::parse(response.body, {.max_bytes = kMaxMetadata, .allow_duplicate_keys = true});
  const std::string issuer(document ? json::string_or_empty(*document, "issuer") : std::string_view{});
  if (response.status != 200 || issuer.empty()) {
    findings.fail(kCheck,
                  fmt::format("There is no Okta org at {}: it answered {}.", url.origin(), response.status),
                  kAddress);
    return false;
  }
  if (issuer != url.origin()) {
    findings.warn(kCheck, fmt::format("{} calls itself {}.", url.origin(), oauth::clean_text(issuer, 200)),
                  "Set OKTA_ORG_URL to that address: signed requests name it.");
    return true;
  }
  findings.ok(kCheck, fmt::format("{} answers as an Okta org.", issuer));
  return true;
}

}  // namespace

bool is_okta_host(std::string_view host) {
  constexpr std::array kDomains{std::string_view(".okta.com"), std::string_view(".oktapreview.com"),
                                std::string_view(".okta-emea.com"), std::string_view(".okta-gov.com"),
                                std::string_view(".okta.mil")};
  return std::ranges::any_of(kDomains, [&](std::string_view domain) { return host.ends_with(domain); });
}

bool is_usual_issuer(std::string_view issuer) {
  // Public certificate authorities of large services; Okta has used DigiCert and Amazon.
  constexpr std::array kPublic{std::string_view("DigiCert"),      std::string_view("Amazon"),
                               std::string_view("Let's Encrypt"), std::string_view("Google Trust Services"),
                               std::string_view("GlobalSign"),    std::string_view("Sectigo"),
                               std::string_view("Entrust"),       std::string_view("IdenTrust")};
  return std::ranges::any_of(kPublic, [&](std::string_view name) { return issuer.starts_with(name); });
}

bool examine_network(const Settings& settings, net::HttpClient& http, const net::ProbeOptions& options,
                     Findings& findings) {
  const auto url = net::parse_url(settings.org_url);
  if (!url) {
    findings.fail("org", url.error());
    return false;
  }
  const core::Context context{.deadline = std::chrono::steady_clock::now() + kRequestTimeout};
  const auto response = http.send(context, {.url = url->origin() + "/.well-known/oauth-authorization-server",
                                            .headers = {{"Accept", "application/json"}},
                                            .connect_timeout = kRequestTimeout,
                                            .total_timeout = kRequestTimeout,
                                            .max_response_bytes = kMaxMetadata});
  const std::size_t before = findings.all().size();
  Way(*url, response.has_value(), findings).report(net::probe(*url, options));
  if (!response) {
    const bool explained =
        std::any_of(findings.all().begin() + static_cast<std::ptrdiff_t>(before), findings.all().end(),
                    [](const Finding& each) { return each.verdict == Finding::Verdict::fail; });
    if (explained) {
      findings.skip("org", "Not asked: it is out of reach.");
    } else {
      findings.fail("org", response.error());
    }
    return false;
  }
  const bool reached = report_org(*url, *response, findings);
  report_clock(*response, findings);
  return reached;
}
