#include "registry/readiness_checks.h"

#include <fmt/format.h>

namespace registry {
namespace {

using enum CheckScope;

constexpr Check kChecks[] = {
    {.id = "R01",
     .name = "url.syntax",
     .title = "The resource URL is well formed",
     .scope = server,
     .blocks = Blocks::all,
     .messages = {"resourceUrl must be an absolute https URL without fragment"},
     .cure = "Delete the server and register it under its https URL, without user name and fragment.",
     .run = check_url_syntax},
    {.id = "R02",
     .name = "url.policy",
     .title = "The server is outside",
     .scope = server,
     .blocks = Blocks::all,
     .part = "mcp",
     .needs = {"R01"},
     .messages = {"host {host} resolves to a disallowed address"},
     .cure = "Give a URL on the public Internet, or allow the network or host in the registry's settings.",
     .run = check_url_policy},
    {.id = "R03",
     .name = "net.reachable",
     .title = "The server can be reached",
     .scope = server,
     .blocks = Blocks::all,
     .part = "mcp",
     .needs = {"R01", "R02"},
     .messages = {"cannot reach {url}: {error}"},
     .cure = "Check that the server runs, its name resolves, its port is open from here and its certificate "
             "is valid; then validate again.",
     .run = check_reachable},
    {.id = "R04",
     .name = "mcp.handshake",
     .title = "The endpoint speaks MCP",
     .scope = server,
     .blocks = Blocks::all,
     .part = "mcp",
     .needs = {"R03"},
     .messages = {"endpoint did not answer MCP {method}: {problem}"},
     .cure = "Register the address of the Streamable HTTP endpoint itself, often /mcp. A protected server "
             "answers 401 with a Bearer challenge.",
     .run = check_handshake},
    {.id = "R05",
     .name = "mcp.challenge",
     .title = "A request without a token is challenged",
     .scope = server,
     .blocks = Blocks::nothing,
     .part = "mcp",
     .needs = {"R04"},
     .messages = {"no resource_metadata in challenge; using well-known fallback",
                  "the server answers without an access token"},
     .cure = "Have the server answer 401 with WWW-Authenticate: Bearer resource_metadata=\"...\" (RFC 9728 "
             "section 5.1).",
     .run = check_challenge},
    {.id = "R06",
     .name = "prm.fetch",
     .title = "There is protected resource metadata",
     .scope = server,
     .blocks = Blocks::discovered,
     .part = "resource",
     .needs = {"R03"},
     .messages = {"protected resource metadata not found at {tried}"},
     .cure = "Publish the document of RFC 9728 at /.well-known/oauth-protected-resource followed by the "
             "endpoint's path, or register the server with its authorization servers by hand.",
     .run = check_resource_metadata},
    {.id = "R07",
     .name = "prm.resource",
     .title = "The metadata is about this server",
     .scope = server,
     .blocks = Blocks::all,
     .part = "resource",
     .needs = {"R06"},
     .messages = {"metadata resource '{got}' does not match '{expected}'",
                  "metadata resource '{got}' and '{expected}' differ in a slash at the end, and tokens are "
                  "issued for '{expected}'"},
     .cure =
         "Make `resource` in the metadata and the registered URL identical, byte for byte. The registered "
         "URL cannot change: register the server anew under the URL it uses.",
     .run = check_resource},
    {.id = "R08",
     .name = "prm.as_list",
     .title = "The metadata names authorization servers",
     .scope = server,
     .blocks = Blocks::discovered,
     .part = "resource",
     .needs = {"R06", "R07"},
     .messages = {"No authorization servers found", "issuer {issuer} is not listed by the resource",
                  "not usable as issuers: {issuers}"},
     .cure = "List the issuers in authorization_servers of the metadata: https URLs without query and "
             "fragment, those that are linked here among them.",
     .run = check_auth_server_list},
    {.id = "R09",
     .name = "prm.scopes",
     .title = "The metadata names scopes",
     .scope = server,
     .blocks = Blocks::nothing,
     .part = "resource",
     .needs = {"R06"},
     .messages = {"scopes_supported missing"},
     .cure = "Add scopes_supported to the metadata, so that connections can be limited to what exists.",
     .run = check_scopes_supported},
    {.id = "R10",
     .name = "as.metadata",
     .title = "The authorization server publishes metadata",
     .scope = auth_server,
     .blocks = Blocks::external,
     .part = "issuers",
     .messages = {"no authorization server metadata for {issuer}: {tried}"},
     .cure =
         "Publish RFC 8414 or OpenID Connect metadata, or enter authorization endpoint, token endpoint and "
         "grant types of the authorization server by hand.",
     .run = check_issuer_metadata},
    {.id = "R11",
     .name = "as.issuer",
     .title = "The metadata is that issuer's",
     .scope = auth_server,
     .blocks = Blocks::external,
     .part = "issuers",
     .needs = {"R10"},
     .messages = {"issuer mismatch: expected {expected}, got {got}"},
     .cure =
         "Spell the issuer in the resource's metadata exactly as the authorization server does. If nobody "
         "changed it, find out who answers in its place before trusting it again.",
     .run = check_issuer},
    {.id = "R12",
     .name = "as.token_endpoint",
     .title = "There is a token endpoint",
     .scope = auth_server,
     .blocks = Blocks::external,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"token_endpoint missing", "token_endpoint {url} is not https"},
     .cure =
         "Enter the token endpoint of the authorization server (an https URL), or add it to its metadata.",
     .run = check_token_endpoint},
    {.id = "R13",
     .name = "as.authorization_endpoint",
     .title = "There is an authorization endpoint",
     .scope = auth_server,
     .blocks = Blocks::sts,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"authorization_endpoint missing", "authorization_endpoint {url} is not https"},
     .cure = "Enter the authorization endpoint of the authorization server (an https URL), or add it to its "
             "metadata.",
     .run = check_authorization_endpoint},
    {.id = "R14",
     .name = "as.grants",
     .title = "It grants what is needed",
     .scope = auth_server,
     .blocks = Blocks::sts,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"grant type {grant} not advertised"},
     .cure = "Enable the grant at the authorization server, or enter its grant types by hand. Without "
             "refresh_token, people are asked for consent again whenever an access token ends.",
     .run = check_grants},
    {.id = "R15",
     .name = "as.pkce",
     .title = "It supports PKCE with S256",
     .scope = auth_server,
     .blocks = Blocks::nothing,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"PKCE S256 not advertised"},
     .cure = "Have code_challenge_methods_supported list S256. It is sent in any case.",
     .run = check_pkce},
    {.id = "R16",
     .name = "as.client_auth",
     .title = "It takes our way of client authentication",
     .scope = auth_server,
     .blocks = Blocks::sts,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"no common token_endpoint_auth_method: {method} is not among {offered}"},
     .cure = "Change the client registration to a method that the authorization server offers.",
     .run = check_client_auth},
    {.id = "R17",
     .name = "as.jwks",
     .title = "Its keys are usable",
     .scope = auth_server,
     .blocks = Blocks::xaa,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"JWKS has no usable signing key", "JWKS not readable at {url}: {problem}",
                  "the key id {kid} stands for several keys in the JWKS"},
     .cure = "Publish at jwks_uri at least one public signing key (RSA of 2048 bits or more, P-256, P-384, "
             "P-521 or Ed25519), each with a kid of its own.",
     .run = check_jwks},
    {.id = "R18",
     .name = "xaa.profile",
     .title = "It redeems ID-JAGs",
     .scope = auth_server,
     .blocks = Blocks::xaa,
     .part = "issuers",
     .needs = {"R10", "R11"},
     .messages = {"AS does not advertise the id-jag grant profile", "grant type {grant} not advertised"},
     .cure = "Have the authorization server list urn:ietf:params:oauth:grant-profile:id-jag in "
             "authorization_grant_profiles_supported and the JWT bearer grant in grant_types_supported, or "
             "set xaaEnabled to false.",
     .run = check_id_jag_profile},
    {.id = "R19",
     .name = "xaa.local_as",
     .title = "The custom authorization server redeems ID-JAGs",
     .scope = auth_server,
     .blocks = Blocks::xaa,
     .messages = {"authorization server {id} cannot redeem ID-JAGs: {why}",
                  "authorization server {id} does not exist"},
     .cure = "Activate the custom authorization server and give it an active policy rule that allows "
             "urn:ietf:params:oauth:grant-type:jwt-bearer, or link another one.",
     .run = check_local},
    {.id = "R20",
     .name = "sts.client",
     .title = "This org is registered there as a client",
     .scope = auth_server,
     .blocks = Blocks::sts,
     .messages = {"no client registration for {issuer}",
                  "the secret of client registration {client} cannot be read",
                  "the secret of client registration {client} has expired"},
     .cure = "Register this org as a client at the authorization server with the callback URL of R23, then "
             "enter client id and secret under client-auth-settings, or register dynamically.",
     .run = check_client},
    {.id = "R21",
     .name = "sts.client_probe",
     .title = "The client's credentials are accepted",
     .scope = auth_server,
     .blocks = Blocks::sts,
     .part = "issuers",
     .needs = {"R12", "R20"},
     .messages = {"client credentials rejected by {issuer}",
                  "{issuer} did not say whether it knows the client: {error}"},
     .cure = "Enter client id and secret anew, as the authorization server has them.",
     .run = check_client_probe},
    {.id = "R22",
     .name = "sts.scopes",
     .title = "The scopes that are asked for exist",
     .scope = auth_server,
     .blocks = Blocks::nothing,
     .needs = {"R20"},
     .messages = {"scope {scope} not advertised",
                  "client registration {client} asks for more than 500 scopes"},
     .cure = "Take the scope out of the client registration, or have it listed in scopes_supported.",
     .run = check_client_scopes},
    {.id = "R23",
     .name = "sts.callback",
     .title = "People come back from consent",
     .scope = auth_server,
     .blocks = Blocks::nothing,
     .needs = {"R20"},
     .messages = {"callback not yet verified by a completed consent: {url}",
                  "callback URL {url} is not https"},
     .cure = "Register the callback URL with the authorization server; the first consent that is completed "
             "verifies it.",
     .run = check_callback},
    {.id = "R24",
     .name = "mcp.tools",
     .title = "The server lists its tools",
     .scope = server,
     .blocks = Blocks::nothing,
     .part = "tools",
     .needs = {"R04"},
     .messages = {"tool discovery failed: {error}"},
     .cure = "Look at the server's log for tools/list; tools can be used without being listed here.",
     .run = check_tools},
    {.id = "R25",
     .name = "time.skew",
     .title = "Its clock agrees with ours",
     .scope = server,
     .blocks = Blocks::nothing,
     .part = "mcp",
     .needs = {"R03"},
     .messages = {"clock skew {seconds}s"},
     .cure = "Set the clocks of the server and of this machine by NTP: tokens live for minutes.",
     .run = check_skew},
};

}  // namespace

std::span<const Check> readiness_checks() {
  return kChecks;
}

std::string_view to_string(Blocks blocks) {
  switch (blocks) {
    case Blocks::nothing:
      return "nothing (warns)";
    case Blocks::all:
      return "all";
    case Blocks::discovered:
      return "discovered";
    case Blocks::external:
      return "external";
    case Blocks::xaa:
      return "XAA";
    case Blocks::sts:
      break;
  }
  return "STS";
}

std::string draw_readiness_checks() {
  std::string text =
      "| id | check | blocks | needs | when it fails | what to do |\n|---|---|---|---|---|---|\n";
  for (const Check& check : kChecks) {
    std::string needs;
    for (const auto need : check.needs)
      if (!need.empty()) needs += fmt::format("{}{}", needs.empty() ? "" : ", ", need);
    std::string messages;
    for (const auto message : check.messages)
      if (!message.empty()) messages += fmt::format("{}`{}`", messages.empty() ? "" : " or ", message);
    text += fmt::format("| {} `{}` | {} | {} | {} | {} | {} |\n", check.id, check.name, check.title,
                        to_string(check.blocks), needs, messages, check.cure);
  }
  return text;
}

}  // namespace registry
