// A plan: what a write is going to send, shown before it is sent.
//
// The digest covers the caller, the org, the requests and every line a person is shown. An approval holds for
// one digest: when anything that was shown has changed by then, the plan is another plan and needs another
// approval.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "okta/org.h"

namespace admin {

struct Step {
  okta::Request request;
  std::string line() const;  // "DELETE /api/v1/groups/00g1"
};

struct Difference {
  std::string path;  // "profile.title"
  core::json::Value before;
  core::json::Value after;
};

// The object a plan changes, as it was when the plan was made.
struct Subject {
  std::string path;         // it can be read there again
  std::string fingerprint;  // of the body, without what changes by itself
  std::string etag;
  core::json::Value body;
};

struct Plan {
  std::string tool;
  std::string org_url;
  std::string caller;               // who asked, when that is not the program's own user: "<issuer>#<sub>"
  std::string title;                // "Deactivate user ada@example.com (00u1...)"
  std::vector<std::string> facts;   // what a person should know: name, status, impact
  std::vector<Difference> changes;  // of an update
  std::vector<Step> steps;          // usually one
  std::optional<Subject> subject;
  bool needs_approval = false;
  std::string nothing_to_do;  // set when the org already is as asked: nothing is sent

  // The text's last line: this, and the org's URL.
  static constexpr std::string_view kOrgLine = "\n  at ";

  std::string digest() const;  // 64 hex digits: digest_of(requests_digest(), text())
  std::string requests_digest() const;
  std::string id() const;    // "pln_" + the digest's first 20 digits
  std::string text() const;  // for a person: title, facts, changes, requests; no control characters
};

// Ties the text a person reads to the requests it stands for.
std::string digest_of(std::string_view requests_digest, std::string_view text);

// Members of an Okta object that differ, as dotted paths; arrays are compared as a whole.
std::vector<Difference> differences(const core::json::Value& before, const core::json::Value& after);

// RFC 7396. Null removes a member.
core::json::Value merge_patch(core::json::Value target, const core::json::Value& patch);

// Hash of what a change of the object would alter: without lastLogin, _links and _embedded.
std::string fingerprint(const core::json::Value& body);

}  // namespace admin
