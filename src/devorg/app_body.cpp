#include "devorg/app_body.h"

#include <fmt/format.h>

#include "core/clock.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;

object credentials_of(const AppSeed& seed) {
  object credentials{{"userNameTemplate", object{{"template", "${source.login}"}, {"type", "BUILT_IN"}}},
                     {"signing", object{{"kid", seed.key_id}}}};
  if (seed.sign_on_mode == "BROWSER_PLUGIN" || seed.sign_on_mode == "SECURE_PASSWORD_STORE") {
    credentials["scheme"] = "EDIT_USERNAME_AND_PASSWORD";
    credentials["revealPassword"] = false;
    credentials["signing"] = object{};
  }
  if (seed.sign_on_mode == "OPENID_CONNECT")
    credentials["oauthClient"] = object{{"autoKeyRotation", true},
                                        {"client_id", seed.id},
                                        {"client_secret", seed.secret},
                                        {"token_endpoint_auth_method", "client_secret_basic"},
                                        {"pkce_required", true}};
  return credentials;
}

object sign_on_of(const AppSeed& seed) {
  return {{"defaultRelayState", nullptr},
          {"ssoAcsUrl", fmt::format("{}/saml/acs", seed.url)},
          {"idpIssuer", "http://www.okta.com/${org.externalKey}"},
          {"audience", seed.url},
          {"recipient", fmt::format("{}/saml/acs", seed.url)},
          {"destination", fmt::format("{}/saml/acs", seed.url)},
          {"subjectNameIdTemplate", "${user.userName}"},
          {"subjectNameIdFormat", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
          {"responseSigned", true},
          {"assertionSigned", true},
          {"signatureAlgorithm", "RSA_SHA256"},
          {"digestAlgorithm", "SHA256"},
          {"honorForceAuthn", true},
          {"authnContextClassRef", "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"},
          {"slo", object{{"enabled", false}}},
          {"attributeStatements", array{}}};
}

object settings_of(const AppSeed& seed) {
  object app;
  if (seed.sign_on_mode == "BOOKMARK") {
    app = {{"requestIntegration", false}, {"url", seed.url}};
  } else if (seed.sign_on_mode == "BROWSER_PLUGIN" || seed.sign_on_mode == "SECURE_PASSWORD_STORE") {
    app = {{"url", seed.url},
           {"usernameField", "txt-box-username"},
           {"passwordField", "txt-box-password"},
           {"buttonField", "btn-login"},
           {"loginUrlRegex", nullptr}};
  } else if (seed.sign_on_mode == "BASIC_AUTH") {
    app = {{"authURL", fmt::format("{}/auth", seed.url)}, {"url", seed.url}};
  } else if (!seed.url.empty()) {
    app = {{"domain", seed.url}};
  }
  object settings{{"app", std::move(app)},
                  {"notifications", object{{"vpn", object{{"network", object{{"connection", "DISABLED"}}},
                                                          {"message", nullptr},
                                                          {"helpUrl", nullptr}}}}},
                  {"manualProvisioning", false},
                  {"implicitAssignment", false},
                  {"notes", object{{"admin", nullptr}, {"enduser", nullptr}}}};
  if (seed.sign_on_mode == "SAML_2_0") settings["signOn"] = sign_on_of(seed);
  if (seed.sign_on_mode == "OPENID_CONNECT")
    settings["oauthClient"] = object{{"client_uri", seed.url},
                                     {"logo_uri", nullptr},
                                     {"redirect_uris", array{fmt::format("{}/callback", seed.url)}},
                                     {"response_types", array{"code"}},
                                     {"grant_types", array{"authorization_code", "refresh_token"}},
                                     {"application_type", "web"},
                                     {"consent_method", "TRUSTED"},
                                     {"issuer_mode", "DYNAMIC"},
                                     {"dpop_bound_access_tokens", false}};
  return settings;
}

}  // namespace

std::string okta_time(Seconds seconds) {
  return core::to_rfc3339(core::WallTime{std::chrono::seconds{seconds}});
}

std::string_view default_app_name(std::string_view sign_on_mode) {
  if (sign_on_mode == "BOOKMARK") return "bookmark";
  if (sign_on_mode == "OPENID_CONNECT") return "oidc_client";
  if (sign_on_mode == "BASIC_AUTH") return "template_basic_auth";
  if (sign_on_mode == "BROWSER_PLUGIN") return "template_swa";
  if (sign_on_mode == "SECURE_PASSWORD_STORE") return "template_sps";
  if (sign_on_mode == "WS_FEDERATION") return "template_wsfed";
  return "";
}

object make_app_body(const AppSeed& seed) {
  const std::string time = okta_time(seed.created);
  return {{"orn", fmt::format("orn:okta:idp:{}:apps:{}:{}", seed.org_id, seed.name, seed.id)},
          {"name", seed.name},
          {"label", seed.label},
          {"status", seed.active ? "ACTIVE" : "INACTIVE"},
          {"lastUpdated", time},
          {"created", time},
          {"accessibility",
           object{{"selfService", false}, {"errorRedirectUrl", nullptr}, {"loginRedirectUrl", nullptr}}},
          {"visibility", object{{"autoLaunch", false},
                                {"autoSubmitToolbar", false},
                                {"hide", object{{"iOS", false}, {"web", false}}},
                                {"appLinks", object{{"login", true}}}}},
          {"features", array{}},
          {"signOnMode", seed.sign_on_mode},
          {"credentials", credentials_of(seed)},
          {"universalLogout", object{{"status", "UNSUPPORTED"}}},
          {"settings", settings_of(seed)}};
}

}  // namespace devorg
