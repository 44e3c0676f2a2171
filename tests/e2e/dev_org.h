// A local Okta org as a process of its own.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "core/json.h"
#include "core/scratch_directory.h"
#include "process.h"

namespace e2e {

class DevOrg {
 public:
  explicit DevOrg(std::vector<std::string> extra_arguments = {});
  ~DevOrg();
  DevOrg(const DevOrg&) = delete;
  DevOrg& operator=(const DevOrg&) = delete;

  bool up() const { return !environment_.empty(); }
  // OKTA_ORG_URL, OKTA_CLIENT_ID, OKTA_SCOPES, OKTA_PRIVATE_KEY, OKTA_KEY_ID; without the API token.
  Environment key_settings(const std::string& state_dir) const;
  Environment token_settings(const std::string& state_dir) const;
  Environment device_settings(const std::string& state_dir) const;
  const std::string& url() const { return environment_.at("OKTA_ORG_URL"); }

  // Straight from the org with curl and the API token: what really is there.
  core::json::Value get(const std::string& path) const;
  // Opens /activate with the code and confirms as this person, who has to be an administrator.
  void confirm(const std::string& user_code, const std::string& login = kAdministrator) const;
  // The logins of those who may (--administrators).
  std::vector<std::string> administrators() const;
  // What it wrote to stderr; with --verbose a line for each request.
  std::string log() const;

  static constexpr const char* kAdministrator = "admin@example.com";

 private:
  core::ScratchDirectory scratch_;
  Environment environment_;
  pid_t pid_ = -1;
};

}  // namespace e2e
