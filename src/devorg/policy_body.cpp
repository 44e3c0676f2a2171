#include "devorg/policy_body.h"

#include "devorg/app_body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

object policy(std::string_view type, std::string_view name, std::string_view description, int priority,
              bool system, value conditions, value settings = nullptr) {
  object body{{"type", type},
              {"status", "ACTIVE"},
              {"name", name},
              {"description", description},
              {"priority", priority},
              {"system", system},
              {"conditions", std::move(conditions)},
              {"created", nullptr},
              {"lastUpdated", nullptr}};
  if (!settings.is_null()) body["settings"] = std::move(settings);
  return body;
}

object rule(std::string_view type, std::string_view name, int priority, bool system, value conditions,
            value actions) {
  return {{"type", type},
          {"status", "ACTIVE"},
          {"name", name},
          {"priority", priority},
          {"created", nullptr},
          {"lastUpdated", nullptr},
          {"system", system},
          {"conditions", std::move(conditions)},
          {"actions", std::move(actions)}};
}

object for_groups(std::string_view group_id) {
  return {{"people", object{{"groups", object{{"include", array{group_id}}}}}}};
}

object anywhere() {
  return {{"people", object{{"users", object{{"exclude", array{}}}}}},
          {"network", object{{"connection", "ANYWHERE"}}},
          {"authContext", object{{"authType", "ANY"}}}};
}

object sign_on(std::string_view access, bool factor, int idle_minutes, int lifetime_minutes) {
  return {{"signon", object{{"access", access},
                            {"requireFactor", factor},
                            {"primaryFactor", "PASSWORD_IDP_ANY_FACTOR"},
                            {"rememberDeviceByDefault", false},
                            {"session", object{{"usePersistentCookie", false},
                                               {"maxSessionIdleMinutes", idle_minutes},
                                               {"maxSessionLifetimeMinutes", lifetime_minutes}}}}}};
}

object password_settings(int length, int max_age_days, int history) {
  return {
      {"password", object{{"complexity", object{{"minLength", length},
                                                {"minLowerCase", 1},
                                                {"minUpperCase", 1},
                                                {"minNumber", 1},
                                                {"minSymbol", 0},
                                                {"excludeUsername", true},
                                                {"dictionary", object{{"common", object{{"exclude", true}}}}},
                                                {"excludeAttributes", array{}}}},
                          {"age", object{{"maxAgeDays", max_age_days},
                                         {"expireWarnDays", 0},
                                         {"minAgeMinutes", 0},
                                         {"historyCount", history}}},
                          {"lockout", object{{"maxAttempts", 10},
                                             {"autoUnlockMinutes", 0},
                                             {"userLockoutNotificationChannels", array{}},
                                             {"showLockoutFailures", false}}}}},
      {"recovery",
       object{{"factors",
               object{{"okta_email", object{{"status", "ACTIVE"},
                                            {"properties", object{{"recoveryToken",
                                                                   object{{"tokenLifetimeMinutes", 60}}}}}}},
                      {"recovery_question", object{{"status", "INACTIVE"}}}}}}}};
}

object password_actions() {
  return {{"passwordChange", object{{"access", "ALLOW"}}},
          {"selfServicePasswordReset", object{{"access", "ALLOW"}}},
          {"selfServiceUnlock", object{{"access", "DENY"}}}};
}

object assurance(std::string_view factor_mode, std::string_view reauthenticate) {
  return {{"appSignOn", object{{"access", "ALLOW"},
                               {"verificationMethod", object{{"factorMode", factor_mode},
                                                             {"type", "ASSURANCE"},
                                                             {"reauthenticateIn", reauthenticate},
                                                             {"constraints", array{}}}}}}};
}

}  // namespace

void stamp(object& body, Seconds created) {
  body["created"] = body["lastUpdated"] = okta_time(created);
}

std::vector<PolicyRow> policy_rows(std::string_view everyone_id, std::string_view leadership_id,
                                   std::string_view contractors_id) {
  std::vector<PolicyRow> rows;
  rows.push_back(
      {false,
       policy("OKTA_SIGN_ON", "Contractor Sign-On", "Shorter sessions for external staff", 1, false,
              for_groups(contractors_id)),
       {rule("SIGN_ON", "Always a second factor", 1, false, anywhere(), sign_on("ALLOW", true, 30, 480))}});
  rows.push_back({false,
                  policy("OKTA_SIGN_ON", "Default Policy",
                         "The default policy applies in all situations if no other policy applies.", 2, true,
                         for_groups(everyone_id)),
                  {rule("SIGN_ON", "Blocked networks", 1, false, anywhere(), sign_on("DENY", false, 120, 0)),
                   rule("SIGN_ON", "Default Rule", 2, true, anywhere(), sign_on("ALLOW", false, 120, 0))}});
  rows.push_back({false,
                  policy("PASSWORD", "Leadership Password", "Longer passwords for leads", 1, false,
                         for_groups(leadership_id), password_settings(14, 180, 8)),
                  {rule("PASSWORD", "Self-service", 1, false, anywhere(), password_actions())}});
  rows.push_back({false,
                  policy("PASSWORD", "Default Policy",
                         "The default policy applies in all situations if no other policy applies.", 2, true,
                         for_groups(everyone_id), password_settings(8, 0, 4)),
                  {rule("PASSWORD", "Default Rule", 1, true, anywhere(), password_actions())}});
  rows.push_back(
      {false,
       policy("MFA_ENROLL", "Default Policy",
              "The default policy applies in all situations if no other policy applies.", 1, true,
              for_groups(everyone_id),
              object{{"type", "AUTHENTICATORS"},
                     {"authenticators",
                      array{object{{"key", "okta_password"}, {"enroll", object{{"self", "REQUIRED"}}}},
                            object{{"key", "okta_email"}, {"enroll", object{{"self", "REQUIRED"}}}},
                            object{{"key", "okta_verify"}, {"enroll", object{{"self", "OPTIONAL"}}}}}}}),
       {rule("MFA_ENROLL", "Default Rule", 1, true, anywhere(),
             object{{"enroll", object{{"self", "CHALLENGE"}}}})}});
  rows.push_back({true,
                  policy("ACCESS_POLICY", "Okta Admin Console", "", 1, false, nullptr),
                  {rule("ACCESS_POLICY", "Admin App Policy", 0, false, nullptr, assurance("2FA", "PT15M")),
                   rule("ACCESS_POLICY", "Catch-all Rule", 99, true, nullptr, assurance("2FA", "PT2H"))}});
  rows.push_back(
      {true,
       policy("ACCESS_POLICY", "Any two factors", "Require two factors to access.", 1, true, nullptr),
       {rule("ACCESS_POLICY", "Catch-all Rule", 99, true, nullptr, assurance("2FA", "PT2H"))}});
  rows.push_back(
      {true,
       policy("ACCESS_POLICY", "Password only", "Requires a password to access.", 1, false, nullptr),
       {rule("ACCESS_POLICY", "Catch-all Rule", 99, true, nullptr, assurance("1FA", "PT12H"))}});
  rows.push_back({true,
                  policy("PROFILE_ENROLLMENT", "Default Policy", "The default profile enrollment policy.", 1,
                         true, nullptr),
                  {rule("PROFILE_ENROLLMENT", "Catch-all Rule", 99, true, nullptr,
                        object{{"profileEnrollment",
                                object{{"access", "DENY"},
                                       {"unknownUserAction", "DENY"},
                                       {"targetGroupIds", nullptr},
                                       {"activationRequirements", object{{"emailVerification", true}}},
                                       {"profileAttributes", array{}}}}})}});
  rows.push_back(
      {false,
       policy("IDP_DISCOVERY", "Idp Discovery Policy",
              "Policy to determine where to route Users when they are attempting to login to your org.", 1,
              true, nullptr),
       {rule("IDP_DISCOVERY", "Default Rule", 1, true,
             object{{"userIdentifier", object{{"type", "IDENTIFIER"}, {"patterns", array{}}}},
                    {"app", object{{"include", array{}}, {"exclude", array{}}}},
                    {"network", object{{"connection", "ANYWHERE"}}},
                    {"platform",
                     object{{"include", array{object{{"type", "ANY"}, {"os", object{{"type", "ANY"}}}}}},
                            {"exclude", array{}}}}},
             object{{"idp", object{{"providers", array{object{{"type", "OKTA"}}}}}}})}});
  rows.push_back(
      {true,
       policy("POST_AUTH_SESSION", "Session Protection", "Watches sessions after sign-in", 1, true, nullptr),
       {rule("POST_AUTH_SESSION", "Catch-all Rule", 1, true, nullptr,
             object{{"postAuthSession", object{{"failureActions", array{}}}}})}});
  rows.push_back({true,
                  policy("ENTITY_RISK", "Entity Risk Policy", "Reacts to a user's risk", 1, true, nullptr),
                  {rule("ENTITY_RISK", "Catch-all Rule", 1, true, nullptr,
                        object{{"entityRisk", object{{"actions", array{}}}}})}});
  return rows;
}

}  // namespace devorg
