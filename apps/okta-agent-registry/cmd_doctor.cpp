// `doctor`: store, key file, keys, people and identity providers: what is there, and what would cure what is
// not. Changes nothing, shows no secret.
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "commands.h"
#include "core/json.h"
#include "foundation.h"
#include "oauth/issuer_metadata.h"
#include "registry/person.h"
#include "registry/signing_keys.h"

namespace {

struct Finding {
  std::string check;
  std::string_view verdict;  // ok, warn, fail
  std::string found;
  std::string cure;
};

class Findings {
 public:
  void ok(std::string_view check, std::string found) { add(check, "ok", std::move(found), {}); }
  void warn(std::string_view check, std::string found, std::string cure) {
    add(check, "warn", std::move(found), std::move(cure));
  }
  void fail(std::string_view check, const core::Error& error) {
    failed_ = true;
    add(check, "fail", error.message, error.hint);
  }
  bool failed() const { return failed_; }

  void print(bool as_json) const {
    core::json::Array list;
    list.reserve(all_.size());
    for (const auto& [check, verdict, found, cure] : all_) {
      if (as_json) {
        list.push_back(
            core::json::Object{{"check", check}, {"verdict", verdict}, {"found", found}, {"cure", cure}});
      } else {
        std::printf("%-5s %-18s %s%s%s\n", std::string(verdict).c_str(), check.c_str(), found.c_str(),
                    cure.empty() ? "" : "\n                         ", cure.c_str());
      }
    }
    if (as_json) std::printf("%s\n", core::json::write(list).c_str());
  }

 private:
  void add(std::string_view check, std::string_view verdict, std::string found, std::string cure) {
    all_.push_back({std::string(check), verdict, std::move(found), std::move(cure)});
  }
  std::vector<Finding> all_;
  bool failed_ = false;
};

void look_at_keys(const registry::Service& service, Findings& findings) {
  const auto keys = registry::read_signing_keys(*service.store, service, registry::kOrgKeys);
  if (!keys) {
    findings.fail("signing keys", keys.error());
  } else if (keys->empty()) {
    findings.warn("signing keys", "The org has none yet.", "They are made when `serve` starts first.");
  } else {
    findings.ok("signing keys",
                fmt::format("{}, the active one is {}.", keys->size(), keys->front().key.kid()));
  }
}

void look_at_people(const registry::Service& service, Findings& findings) {
  const auto owner = registry::has_owner(*service.store);
  if (!owner) {
    findings.fail("owners", owner.error());
  } else if (*owner) {
    findings.ok("owners", "There is an owner.");
  } else {
    findings.warn("owners", "Nobody may administer the registry in the browser.",
                  "Start `serve --first-owner LOGIN`, or POST /api/v1/users/{id}/roles with an admin-token.");
  }
}

void look_at_providers(const registry::Service& service, Findings& findings) {
  const auto rows = service.store->list({.kind = registry::Kind::identity_provider, .statuses = {"ACTIVE"}});
  if (!rows) return findings.fail("identity providers", rows.error());
  if (rows->empty())
    return findings.warn("identity providers", "There is none, so nobody can sign in.",
                         "Add one with POST /api/v1/idps and an admin-token.");
  for (const auto& row : *rows) {
    const auto provider = registry::read_identity_provider(row);
    if (!provider) {
      findings.fail("identity providers", provider.error());
      continue;
    }
    const auto metadata = oauth::fetch_issuer_metadata({}, *service.outside, provider->issuer);
    if (!metadata) {
      findings.fail("identity provider", metadata.error());
    } else {
      findings.ok("identity provider",
                  fmt::format("{} at {} answers; its redirect URI must be {}.", provider->name,
                              provider->issuer, service.url("/login/callback")));
    }
  }
}

}  // namespace

int cmd_doctor(const StoreFlags& store, bool as_json) {
  Findings findings;
  const auto foundation = Foundation::open({.store = store, .migrate = false, .needs_issuer = false});
  if (!foundation) {
    findings.fail("store", foundation.error());
  } else {
    const registry::Service& service = (*foundation)->service();
    findings.ok("store", fmt::format("{} can be read.", (*foundation)->store().where()));
    findings.ok("key", fmt::format("What is sealed is guarded by {}.", (*foundation)->guard()));
    if (service.settings.issuer.empty()) {
      findings.warn("issuer", "It is not known yet.", "Start `serve --issuer URL` once.");
    } else {
      findings.ok("issuer", service.settings.issuer);
    }
    look_at_keys(service, findings);
    look_at_people(service, findings);
    look_at_providers(service, findings);
  }
  findings.print(as_json);
  return findings.failed() ? 1 : 0;
}
