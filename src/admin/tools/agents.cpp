// Okta for AI Agents: MCP servers, agents, and what connects them (developer.okta.com, "secures-ai";
// okta-agent-registry speaks the same).
#include <fmt/format.h>

#include "admin/services.h"
#include "admin/tools/shapes.h"
#include "core/json.h"

namespace admin {
namespace {

namespace json = core::json;

core::Status name_url(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" {}", arguments.text("resource_url"));
  return {};
}

core::Status name_agent(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" \"{}\"", json::string_or_empty(*arguments.object("profile"), "name"));
  return {};
}

core::Status name_connection(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" of {} to {}", arguments.text("agent_id"),
                            json::string_or_empty(*arguments.object("connection"), "connectionType"));
  return {};
}

constexpr std::string_view kServers = "/resource-servers/api/v1/mcp-servers";
constexpr std::string_view kServer = "/resource-servers/api/v1/mcp-servers/{server_id}";
constexpr std::string_view kAgents = "/workload-principals/api/v1/ai-agents";
constexpr std::string_view kAgent = "/workload-principals/api/v1/ai-agents/{agent_id}";
constexpr std::string_view kLinks = "/workload-principals/api/v1/ai-agents/{agent_id}/connections";
constexpr std::string_view kLink =
    "/workload-principals/api/v1/ai-agents/{agent_id}/connections/{connection_id}";

constexpr std::string_view kServersRead = "okta.resourceServers.mcpServers.read";
constexpr std::string_view kServersManage = "okta.resourceServers.mcpServers.manage";
constexpr std::string_view kAgentsRead = "okta.aiAgents.read";
constexpr std::string_view kAgentsManage = "okta.aiAgents.manage";

constexpr Param id(std::string_view name, std::string_view about) {
  return {.name = name, .place = Place::path, .required = true, .about = about};
}

// A tool that moves one thing through its life: nothing but its path.
ToolRow verb_row(std::string_view name, std::string_view title, std::string_view about,
                 std::string_view scope, Effect effect, Call call, std::vector<Param> params,
                 std::string_view subject, std::string_view verb, std::string_view impact = {}) {
  return {.name = name,
          .title = title,
          .area = Area::agents,
          .about = about,
          .scope = scope,
          .effect = effect,
          .call = call,
          .params = std::move(params),
          .subject = subject,
          .verb = verb,
          .impact = impact};
}

std::vector<ToolRow> server_rows() {
  using net::Method;
  const Param server = id("server_id", "ems...");
  return {
      {.name = "list_mcp_servers",
       .title = "List MCP servers",
       .area = Area::agents,
       .about = "MCP servers registered for AI agents.",
       .scope = kServersRead,
       .call = {Method::get, kServers},
       .params = {{.name = "search",
                   .about = "status eq, metadata.displayName or detectedMetadata.resourceName sw/co/eq"}},
       .list = &kMcpServers},
      {.name = "get_mcp_server",
       .title = "Get an MCP server",
       .area = Area::agents,
       .about = "One MCP server: status, what is missing, capabilities.",
       .scope = kServersRead,
       .call = {Method::get, kServer},
       .params = {server}},
      {.name = "register_mcp_server",
       .title = "Register an MCP server",
       .area = Area::agents,
       .about = "Register an MCP server; it is validated before anything connects.",
       .scope = kServersManage,
       .effect = Effect::write,
       .call = {Method::post, kServers},
       .params = {{.name = "resource_url",
                   .place = Place::body,
                   .required = true,
                   .about = "MCP endpoint, https",
                   .wire = "resourceUrl"},
                  {.name = "display_name", .place = Place::body, .wire = "displayName"},
                  {.name = "description", .place = Place::body}},
       .body = Body::members,
       .verb = "Register MCP server",
       .adjust = name_url},
      verb_row("activate_mcp_server", "Activate an MCP server", "Let agents connect to it.", kServersManage,
               Effect::write,
               {Method::post, "/resource-servers/api/v1/mcp-servers/{server_id}/lifecycle/activate"},
               {server}, kServer, "Activate MCP server"),
      verb_row(
          "deactivate_mcp_server", "Deactivate an MCP server",
          "No agent gets tokens for it any more; a person must confirm.", kServersManage, Effect::destructive,
          {Method::post, "/resource-servers/api/v1/mcp-servers/{server_id}/lifecycle/deactivate"}, {server},
          kServer, "Deactivate MCP server", "Every agent connected to it stops working with it."),
      verb_row("delete_mcp_server", "Delete an MCP server",
               "Delete an inactive MCP server; a person must confirm.", kServersManage, Effect::destructive,
               {Method::delete_, kServer}, {server}, kServer, "Delete MCP server",
               "Its authorization servers and client registrations go with it. This cannot be undone."),
  };
}

std::vector<ToolRow> agent_rows() {
  using net::Method;
  const Param agent = id("agent_id", "wlp...");
  return {
      {.name = "list_ai_agents",
       .title = "List AI agents",
       .area = Area::agents,
       .about = "AI agents of the org.",
       .scope = kAgentsRead,
       .call = {Method::get, kAgents},
       .params = {{.name = "search", .about = "SCIM, e.g. profile.name sw \"Hel\""}},
       .list = &kAiAgents},
      {.name = "get_ai_agent",
       .title = "Get an AI agent",
       .area = Area::agents,
       .about = "One AI agent, whole.",
       .scope = kAgentsRead,
       .call = {Method::get, kAgent},
       .params = {agent}},
      {.name = "register_ai_agent",
       .title = "Register an AI agent",
       .area = Area::agents,
       .about = "Register an AI agent. It needs an owner and a credential before it can be activated.",
       .scope = kAgentsManage,
       .effect = Effect::write,
       .call = {Method::post, kAgents},
       .params = {{.name = "profile",
                   .type = Type::object,
                   .place = Place::body,
                   .required = true,
                   .about = "name, description"}},
       .body = Body::profile,
       .verb = "Register AI agent",
       .adjust = name_agent},
      verb_row("activate_ai_agent", "Activate an AI agent", "Let it authenticate and get tokens.",
               kAgentsManage, Effect::write,
               {Method::post, "/workload-principals/api/v1/ai-agents/{agent_id}/lifecycle/activate"}, {agent},
               kAgent, "Activate AI agent"),
      verb_row("deactivate_ai_agent", "Deactivate an AI agent",
               "Stop it: it gets no token any more; a person must confirm.", kAgentsManage,
               Effect::destructive,
               {Method::post, "/workload-principals/api/v1/ai-agents/{agent_id}/lifecycle/deactivate"},
               {agent}, kAgent, "Deactivate AI agent", "Tokens it already has last until they expire."),
      verb_row("delete_ai_agent", "Delete an AI agent", "Delete an inactive AI agent; a person must confirm.",
               kAgentsManage, Effect::destructive, {Method::delete_, kAgent}, {agent}, kAgent,
               "Delete AI agent", "Its keys and connections go with it. This cannot be undone."),
  };
}

std::vector<ToolRow> connection_rows() {
  using net::Method;
  const Param agent = id("agent_id", "wlp...");
  const Param connection = id("connection_id", "mcn...");
  return {
      {.name = "list_agent_connections",
       .title = "List an agent's connections",
       .area = Area::agents,
       .about = "What an agent may get tokens for.",
       .scope = kAgentsRead,
       .call = {Method::get, kLinks},
       .params = {agent},
       .list = &kConnections},
      {.name = "get_agent_connection",
       .title = "Get an agent's connection",
       .area = Area::agents,
       .about = "One connection, whole.",
       .scope = kAgentsRead,
       .call = {Method::get, kLink},
       .params = {agent, connection}},
      {.name = "create_agent_connection",
       .title = "Connect an agent",
       .area = Area::agents,
       .about = "Connect an agent to an active resource.",
       .scope = kAgentsManage,
       .effect = Effect::write,
       .call = {Method::post, kLinks},
       .params = {agent,
                  {.name = "connection",
                   .type = Type::object,
                   .place = Place::body,
                   .required = true,
                   .about = "connectionType, the resource's orn, scopeCondition, scopes"}},
       .body = Body::whole,
       .verb = "Connect agent",
       .adjust = name_connection},
      verb_row("activate_agent_connection", "Activate an agent's connection", "Let the agent use it again.",
               kAgentsManage, Effect::write,
               {Method::post,
                "/workload-principals/api/v1/ai-agents/{agent_id}/connections/{connection_id}/lifecycle/"
                "activate"},
               {agent, connection}, kLink, "Activate connection"),
      verb_row("deactivate_agent_connection", "Deactivate an agent's connection",
               "The agent gets no token over it any more; a person must confirm.", kAgentsManage,
               Effect::destructive,
               {Method::post,
                "/workload-principals/api/v1/ai-agents/{agent_id}/connections/{connection_id}/lifecycle/"
                "deactivate"},
               {agent, connection}, kLink, "Deactivate connection",
               "Tokens it already has last until they expire."),
      verb_row("delete_agent_connection", "Delete an agent's connection",
               "Delete an inactive connection; a person must confirm.", kAgentsManage, Effect::destructive,
               {Method::delete_, kLink}, {agent, connection}, kLink, "Delete connection",
               "This cannot be undone."),
  };
}

}  // namespace

std::vector<ToolRow> agent_tools() {
  std::vector<ToolRow> rows = server_rows();
  for (auto make : {agent_rows, connection_rows}) {
    auto part = make();
    std::move(part.begin(), part.end(), std::back_inserter(rows));
  }
  return rows;
}

}  // namespace admin
