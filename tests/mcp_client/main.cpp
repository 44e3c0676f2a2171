// The client of room mcp as a program, for judges:
//   mcp-test-client URL              Streamable HTTP
//   mcp-test-client --stdio CMD...   a child process
// It shakes hands, lists what there is, calls every tool with arguments that fit its schema, reads what is
// listed, and prints what came. The environment is that of the client side of the official conformance suite:
//   MCP_CONFORMANCE_SCENARIO          picks a way to sign in, and what is called
//   MCP_CONFORMANCE_PROTOCOL_VERSION  the revision to speak; without it the client finds out
//   MCP_CONFORMANCE_CONTEXT           JSON: tool calls, client credentials
// Exit status: 0, 1 when the server could not be used, 2 for wrong arguments.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "mcp/client.h"
#include "mcp/client_authorization.h"
#include "mcp/http_client_transport.h"
#include "mcp/stdio_client.h"
#include "net/http_client.h"
#include "net/url.h"

namespace {

namespace json = core::json;

// Nothing listens there: what would be sent is read from the redirect itself.
constexpr std::string_view kRedirectUri = "http://localhost:3000/callback";
constexpr std::string_view kClientDocument = "https://conformance-test.local/client-metadata.json";
constexpr int kMaxVisits = 5;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void say(std::string_view text) {
  std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
}

int complain(const core::Error& error) {
  std::fprintf(stderr, "%s: %s\n", error.code.c_str(), core::describe(error).c_str());
  return 1;
}

// What the suite hands over.
struct Setting {
  std::string scenario = variable("MCP_CONFORMANCE_SCENARIO");
  std::string version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
  json::Value context = json::parse(variable("MCP_CONFORMANCE_CONTEXT")).value_or(json::Object{});

  std::string text(std::string_view name) const { return std::string(json::string_or_empty(context, name)); }
  bool is(std::string_view name) const { return scenario == name; }
};

// A browser that follows redirects until one leads to this client.
core::Result<net::Query> visit(net::HttpClient& http, const core::Context& context,
                               const mcp::AuthorizationVisit& wanted) {
  std::string link = wanted.link;
  for (int i = 0; i < kMaxVisits; ++i) {
    ASSIGN_OR_RETURN(const auto page, http.send(context, {.url = link}));
    ASSIGN_OR_RETURN(const auto here, net::parse_url(link));
    ASSIGN_OR_RETURN(const auto next, net::resolve_url(here, page.headers.get("Location")));
    link = next.str();
    if (link.starts_with(wanted.redirect_uri)) return net::parse_query(next.query);
  }
  return core::fail(core::ErrorKind::protocol, "test.visit", "The sign-in does not come back.");
}

// Enterprise-managed authorization: the person's ID token becomes an ID-JAG at the identity provider (RFC
// 8693).
core::Result<core::Secret> exchange_at_idp(net::HttpClient& http, const core::Context& context,
                                           const Setting& setting, const mcp::AssertionWanted& wanted) {
  net::Query form{{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                  {"requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"},
                  {"subject_token", setting.text("idp_id_token")},
                  {"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"},
                  {"client_id", setting.text("idp_client_id")},
                  {"audience", wanted.issuer},
                  {"resource", wanted.resource}};
  ASSIGN_OR_RETURN(const auto answer,
                   http.send(context, {.method = net::Method::post,
                                       .url = setting.text("idp_token_endpoint"),
                                       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                       .body = net::encode_form(form)}));
  ASSIGN_OR_RETURN(const auto document, json::parse(answer.body));
  return core::Secret(std::string(json::string_or_empty(document, "access_token")));
}

core::Result<mcp::ClientAuthorizationOptions> authorization(const Setting& setting, std::string url,
                                                            net::HttpClient& http) {
  mcp::ClientAuthorizationOptions options{.server_url = std::move(url),
                                          .http = http,
                                          .client_id_document = std::string(kClientDocument),
                                          .client_name = "mcp-test-client",
                                          .redirect_uri = std::string(kRedirectUri)};
  options.visit = [&http](const core::Context& context, const mcp::AuthorizationVisit& wanted) {
    return visit(http, context, wanted);
  };
  if (setting.is("auth/client-credentials-jwt") || setting.is("auth/client-credentials-basic")) {
    options.grant = mcp::ClientGrant::client_credentials;
  } else if (setting.is("auth/enterprise-managed-authorization")) {
    options.grant = mcp::ClientGrant::jwt_bearer;
    options.assertion = [&http, &setting](const core::Context& context, const mcp::AssertionWanted& wanted) {
      return exchange_at_idp(http, context, setting, wanted);
    };
  } else if (setting.is("auth/wif-jwt-bearer")) {
    options.grant = mcp::ClientGrant::jwt_bearer;
    options.assertion = [&setting](const core::Context&, const mcp::AssertionWanted&) {
      return core::Result<core::Secret>(core::Secret(setting.text("valid_jwt")));
    };
  }
  if (auto id = setting.text("client_id"); !id.empty()) {
    options.registration.emplace();
    options.registration->client_id = std::move(id);
    options.registration->issuer = setting.text("issuer");
    options.registration->client_secret = core::Secret(setting.text("client_secret"));
    if (const auto pem = setting.text("private_key_pem"); !pem.empty()) {
      ASSIGN_OR_RETURN(options.registration->key, oauth::Key::from_pem(pem));
    }
  }
  return options;
}

// Something of the type that the schema asks for.
json::Value sample(const json::Value& schema) {
  if (const auto* preset = json::find(schema, "default")) return *preset;
  if (const auto* choices = json::find(schema, "oneOf"); choices && choices->is_array()) {
    if (choices->get_array().empty()) return nullptr;
    return json::Value(json::string_or_empty(choices->get_array().front(), "const"));
  }
  if (const auto* choices = json::find(schema, "enum"); choices && choices->is_array()) {
    return choices->get_array().empty() ? json::Value() : choices->get_array().front();
  }
  const auto type = json::string_or_empty(schema, "type");
  if (type == "integer" || type == "number") return 5;
  if (type == "boolean") return true;
  if (type == "array") return json::Array();
  if (type == "object") return json::Object();
  return "test";
}

mcp::ClientOptions client_options(const Setting& setting) {
  mcp::ClientOptions options{.revision = mcp::parse_revision(setting.version), .name = "mcp-test-client"};
  options.on_elicitation = [](const json::Object& params) {
    mcp::InputResponse response{.action = mcp::Answer::accept};
    mcp::fill_defaults(params, response);
    const auto* properties = json::find(params, "requestedSchema.properties");
    if (properties && properties->is_object()) {
      for (const auto& property : properties->get_object()) {
        if (response.content.contains(property.key())) continue;
        response.content.insert_or_assign(property.key(), sample(property.value()));
      }
    }
    return response;
  };
  options.on_sampling = [](const json::Object&) -> core::Result<json::Object> {
    return json::Object{{"role", "assistant"},
                        {"model", "none"},
                        {"content", {{"type", "text"}, {"text", "Paris"}}},
                        {"stopReason", "endTurn"}};
  };
  options.on_roots = []() -> core::Result<json::Array> { return json::Array{}; };
  options.on_notification = [](std::string_view method, const json::Object&) {
    say(fmt::format("heard {}", method));
  };
  return options;
}

json::Object sample_arguments(const json::Value& tool) {
  json::Object arguments;
  const auto* properties = json::find(tool, "inputSchema.properties");
  if (!properties || !properties->is_object()) return arguments;
  for (const auto& property : properties->get_object()) {
    arguments.insert_or_assign(property.key(), sample(property.value()));
  }
  return arguments;
}

void report(std::string_view what, const core::Result<json::Object>& result) {
  if (!result) {
    say(fmt::format("{} FAILED {}", what, core::describe(result.error())));
    return;
  }
  std::string text = json::write(*result);
  if (text.size() > 300) text = text.substr(0, 300) + "...";
  say(fmt::format("{} {}", what, text));
}

core::Status call_tools(mcp::Client& client, const Setting& setting) {
  ASSIGN_OR_RETURN(const auto tools, client.list_tools());
  say(fmt::format("tools {}, dropped {}", tools.size(), client.dropped_tools().size()));
  if (const auto* calls = json::find(setting.context, "toolCalls"); calls && calls->is_array()) {
    for (const auto& call : calls->get_array()) {
      const auto* arguments = json::find(call, "arguments");
      report("call", client.call_tool(json::string_or_empty(call, "name"),
                                      arguments ? arguments->get_object() : json::Object{}));
    }
    return {};
  }
  for (const auto& tool : tools) {
    const auto name = json::string_or_empty(tool, "name");
    json::Object arguments = sample_arguments(tool);
    if (setting.is("json-schema-2020-12-preservation")) {
      if (name != "json_schema_echo") continue;
      arguments["schema"] = *json::find(tools.front(), "inputSchema");
    }
    report(fmt::format("call {}", name), client.call_tool(name, std::move(arguments)));
  }
  return {};
}

void look_around(mcp::Client& client) {
  const json::Object offered = client.capabilities();
  if (offered.contains("resources")) {
    if (const auto resources = client.list_resources()) {
      say(fmt::format("resources {}", resources->size()));
      for (const auto& resource : *resources) {
        const auto uri = json::string_or_empty(resource, "uri");
        report(fmt::format("read {}", uri), client.read_resource(uri));
        if (&resource == &resources->front() + 4) break;
      }
    }
    if (const auto templates = client.list_resource_templates()) {
      say(fmt::format("templates {}", templates->size()));
    }
  }
  if (offered.contains("prompts")) {
    if (const auto prompts = client.list_prompts()) {
      say(fmt::format("prompts {}", prompts->size()));
      for (const auto& prompt : *prompts) {
        json::Object arguments;
        if (const auto* wanted = json::find(prompt, "arguments"); wanted && wanted->is_array()) {
          for (const auto& one : wanted->get_array()) arguments[json::string_or_empty(one, "name")] = "test";
        }
        const auto name = json::string_or_empty(prompt, "name");
        report(fmt::format("prompt {}", name), client.get_prompt(name, std::move(arguments)));
      }
    }
  }
}

int use(mcp::Client& client, const Setting& setting) {
  say(fmt::format("speaking {} with {}", mcp::to_string(client.revision()),
                  json::write(client.server_info())));
  if (auto status = call_tools(client, setting); !status) {
    // A server need not have tools.
    if (client.capabilities().contains("tools") || status.error().code != "mcp.client.rpc") {
      return complain(status.error());
    }
  }
  look_around(client);
  return 0;
}

int over_http(const std::string& url, const Setting& setting) {
  const auto http = net::make_http_client({.user_agent = "mcp-test-client/1"});
  auto how = authorization(setting, url, *http);
  if (!how) return complain(how.error());
  mcp::ClientAuthorization tokens(*std::move(how));
  auto transport = mcp::make_http_transport({.url = url, .http = *http, .tokens = &tokens});
  if (!transport) return complain(transport.error());
  auto client = mcp::Client::connect(*std::move(transport), client_options(setting));
  if (!client) return complain(client.error());
  return use(**client, setting);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const Setting setting;
  if (arguments.size() > 1 && arguments[0] == "--stdio") {
    auto client = mcp::StdioClient::start(
        {.argv = {arguments.begin() + 1, arguments.end()}, .client = client_options(setting)});
    if (!client) return complain(client.error());
    return use(**client, setting);
  }
  if (arguments.size() == 1) return over_http(arguments[0], setting);
  std::fprintf(stderr, "usage: mcp-test-client URL | --stdio COMMAND...\n");
  return 2;
}
