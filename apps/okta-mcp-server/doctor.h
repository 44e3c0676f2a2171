// `doctor`: looks at everything between the settings and an answer of the org, in the order in which things
// break, and says for each what was found and what cures it. Changes nothing, asks nobody, never starts a
// sign-in, shows no secret.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_client.h"
#include "net/probe.h"
#include "runtime.h"
#include "settings.h"

struct Finding {
  enum class Verdict {
    ok,
    warn,  // it works, and somebody should know
    fail,
    skip,  // not looked at, because of what was found before
  };
  std::string check;  // "configuration", "tls", ...
  Verdict verdict = Verdict::ok;
  std::string found;
  std::string cure;  // empty when there is nothing to do
};

std::string_view to_string(Finding::Verdict verdict);

class Findings {
 public:
  void ok(std::string_view check, std::string_view found) { add(check, Finding::Verdict::ok, found, ""); }
  void warn(std::string_view check, std::string_view found, std::string_view cure) {
    add(check, Finding::Verdict::warn, found, cure);
  }
  void fail(std::string_view check, std::string_view found, std::string_view cure) {
    add(check, Finding::Verdict::fail, found, cure);
  }
  void fail(std::string_view check, const core::Error& error) { fail(check, error.message, error.hint); }
  void skip(std::string_view check, std::string_view why) { add(check, Finding::Verdict::skip, why, ""); }
  const std::vector<Finding>& all() const { return all_; }
  bool any_failed() const;

 private:
  // What an org, a proxy or a certificate said may stand in these texts: they are cleaned and redacted.
  void add(std::string_view check, Finding::Verdict verdict, std::string_view found, std::string_view cure);
  std::vector<Finding> all_;
};

// Everything: this machine, the network, the login. Each request takes at most 15 seconds.
Findings examine(const Settings& settings);

// Its parts, in order.
void examine_machine(const Settings& settings, Runtime& runtime, Findings& findings);
// Whether the org can be reached: what comes after needs it.
bool examine_network(const Settings& settings, net::HttpClient& http, const net::ProbeOptions& options,
                     Findings& findings);
void examine_login(const Settings& settings, Runtime& runtime, Findings& findings);

// True when a certificate of `issuer` (its organization) is what Okta's own hosts show; other issuers are
// proxies that look inside.
bool is_usual_issuer(std::string_view issuer);
// A host that Okta runs: example.okta.com, example.oktapreview.com; not a custom domain.
bool is_okta_host(std::string_view host);
