#include "admin/tools/shapes.h"

namespace admin {
namespace {

constexpr Column kUserColumns[] = {
    {"id", "id", 0},
    {"login", "profile.login", 0},
    {"firstName", "profile.firstName", 1},
    {"lastName", "profile.lastName", 1},
    {"status", "status", 0},
    {"department", "profile.department", 2},
    {"title", "profile.title", 4},
    {"lastLogin", "lastLogin", 2},
    {"created", "created", 3},
};
constexpr Column kGroupColumns[] = {
    {"id", "id", 0},
    {"name", "profile.name", 0},
    {"type", "type", 1},
    {"description", "profile.description", 2},
    {"lastMembershipUpdated", "lastMembershipUpdated", 3},
};
constexpr Column kApplicationColumns[] = {
    {"id", "id", 0},
    {"label", "label", 0},
    {"status", "status", 0},
    {"signOnMode", "signOnMode", 1},
    {"name", "name", 2},
    {"created", "created", 4},
    {"lastUpdated", "lastUpdated", 3},
};
constexpr Column kPolicyColumns[] = {
    {"id", "id", 0},         {"name", "name", 0},
    {"status", "status", 0}, {"priority", "priority", 1},
    {"system", "system", 2}, {"description", "description", 3},
    {"type", "type", 4},
};
constexpr Column kRuleColumns[] = {
    {"id", "id", 0},           {"name", "name", 0},
    {"status", "status", 0},   {"priority", "priority", 1},
    {"actions", "actions", 2}, {"conditions", "conditions", 3},
};
constexpr Column kLogColumns[] = {
    {"published", "published", 0},       {"eventType", "eventType", 0},     {"result", "outcome.result", 0},
    {"reason", "outcome.reason", 2},     {"actor", "actor.alternateId", 0}, {"actorId", "actor.id", 2},
    {"target", "target.displayName", 1}, {"targetId", "target.id", 3},      {"ip", "client.ipAddress", 3},
    {"message", "displayMessage", 4},
};
constexpr Column kMcpServerColumns[] = {
    {"id", "id", 0},
    {"name", "metadata.displayName", 0},
    {"status", "status", 0},
    {"resourceUrl", "resourceUrl", 0},
    {"connectable", "connectable", 1},
    {"authorizationServers", "authorizationServerCount", 3},
    {"lastUpdated", "lastUpdated", 4},
};
constexpr Column kAiAgentColumns[] = {
    {"id", "id", 0},
    {"name", "profile.name", 0},
    {"status", "status", 0},
    {"description", "profile.description", 2},
    {"platform", "platform", 3},
    {"lastUpdated", "lastUpdated", 4},
};
constexpr Column kConnectionColumns[] = {
    {"id", "id", 0},
    {"type", "connectionType", 0},
    {"status", "status", 0},
    {"resourceIndicator", "resourceIndicator", 1},
    {"scopeCondition", "scopeCondition", 2},
    {"scopes", "scopes", 2},
};

}  // namespace

const ListShape kUsers{"user", "users", kUserColumns};
const ListShape kGroupUsers{"member", "members", kUserColumns};
const ListShape kGroups{"group", "groups", kGroupColumns};
const ListShape kApplications{"application", "applications", kApplicationColumns};
const ListShape kPolicies{"policy", "policies", kPolicyColumns};
const ListShape kPolicyRules{"rule", "rules", kRuleColumns};
const ListShape kLogEvents{"event", "events", kLogColumns};
const ListShape kMcpServers{"MCP server", "MCP servers", kMcpServerColumns};
const ListShape kAiAgents{"agent", "agents", kAiAgentColumns};
const ListShape kConnections{"connection", "connections", kConnectionColumns};

}  // namespace admin
