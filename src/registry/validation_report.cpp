#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "registry/capabilities.h"
#include "registry/validation.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

constexpr std::size_t kMaxToolBytes = 32u << 10;
constexpr std::size_t kMaxToolName = 128;

Array array_of(const std::vector<std::string>& texts) {
  Array list;
  list.reserve(texts.size());
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

Array shown_checks(const std::vector<CheckResult>& results) {
  Array list;
  list.reserve(results.size());
  for (const CheckResult& result : results) list.emplace_back(show(result));
  return list;
}

const Object* object_at(const Object& report, std::string_view path) {
  const Value* value = core::json::find(report, path);
  return value && value->is_object() ? &value->get_object() : nullptr;
}

core::Status put(Transaction& tx, Row row) {
  ASSIGN_OR_RETURN(const auto stored, tx.get(row.kind, row.id));
  if (!stored) return tx.insert(row);
  row.version = stored->version;
  return tx.update(row);
}

core::Result<Array> shown_auth_servers(Transaction& tx, const McpServer& server, const Report& report,
                                       const ServerCapabilities& capabilities) {
  ASSIGN_OR_RETURN(const auto stored, auth_servers_of(tx, server.id));
  Array list;
  for (const McpAuthServer& as : stored) {
    Object shown{{"id", as.id},
                 {"issuer", as.issuer},
                 {"type", as.okta ? "OKTA" : "EXTERNAL"},
                 {"status", to_string(as.status)},
                 {"connectivity", to_string(as.connectivity)}};
    if (!as.reason.empty()) shown["connectivityReason"] = as.reason;
    if (const auto its = capabilities.by_auth_server.find(as.id); its != capabilities.by_auth_server.end())
      shown["capabilities"] = Object{{"xaa", its->second.xaa}, {"sts", its->second.sts}};
    const auto checked = std::ranges::find(report.auth_servers, as.issuer, &AuthServerReport::issuer);
    shown["checks"] = checked == report.auth_servers.end() ? Array{} : shown_checks(checked->checks);
    list.emplace_back(std::move(shown));
  }
  return list;
}

}  // namespace

Object known_metadata(const Observation& seen, const Object& before) {
  Object known = summary_of(seen);
  const Object* resource = object_at(before, "observed.resource");
  if (!seen.resource && resource) known["resource"] = *resource;
  const Object* former = object_at(before, "observed.authorizationServers");
  if (!former) return known;
  Object& issuers = known["authorizationServers"].get_object();
  for (const auto& member : *former) {
    const IssuerSeen* asked = seen.issuer(std::string_view(member.key()));
    const bool unknown = asked ? !asked->metadata : !seen.resource;
    if (unknown) issuers[member.key()] = member.value();
  }
  return known;
}

core::Result<Object> write_report(Transaction& tx, const Service& service, const McpServer& server,
                                  const Validation& validation, const Observation& seen,
                                  const Report& report) {
  ASSIGN_OR_RETURN(const auto capabilities, capabilities_of(tx, service, server));
  ASSIGN_OR_RETURN(auto auth_servers, shown_auth_servers(tx, server, report, capabilities));
  Object known = known_metadata(seen, validation.before);
  const Object* former = object_at(validation.before, "observed");
  Object drift = former ? drift_between(*former, known) : Object{};
  Object body{
      {"serverId", server.id},
      {"status", to_string(server.status)},
      {"ready", report.ready()},
      {"degraded", server.failures != 0},
      {"connectable", capabilities.connectable},
      {"connectableReason", capabilities.reason},
      {"capabilities", Object{{"xaa", array_of(capabilities.xaa)}, {"sts", array_of(capabilities.sts)}}},
      {"missing", array_of(server.missing)},
      {"checkedAt", core::to_rfc3339(report.at)},
      {"checks", shown_checks(report.checks)},
      {"authorizationServers", std::move(auth_servers)},
      {"observed", std::move(known)}};
  // The latest difference stays until there is another: it tells an administrator what happened.
  if (!drift.empty()) {
    Object shown = drift;
    shown["at"] = core::to_rfc3339(report.at);
    body["drift"] = std::move(shown);
  } else if (const Object* earlier = object_at(validation.before, "drift")) {
    body["drift"] = *earlier;
  }
  RETURN_IF_ERROR(put(tx, {.kind = Kind::readiness,
                           .id = server.id,
                           .parent = server.id,
                           .status = std::string(to_string(server.status)),
                           .body = std::move(body)}));
  return drift;
}

core::Status write_tools(Transaction& tx, const Service& service, const McpServer& server,
                         const ToolsSeen& tools, const Actor& actor, const std::string& transaction) {
  if (!tools.asked || !tools.problem.empty()) return {};
  std::map<std::string, Row> stored;
  for (Query query{.kind = Kind::tool, .parent = server.id};;) {
    ASSIGN_OR_RETURN(auto page, tx.list(query));
    const bool last = page.size() < query.limit;
    if (!last) query.after = page.back().id;
    for (Row& row : page) stored.emplace(row.name, std::move(row));
    if (last) break;
  }
  bool changed = false;
  std::set<std::string> names;
  Event event{.type = "resource_servers.mcp_server.capability.discover", .actor = actor};
  event.targets.push_back({.id = server.id, .type = "McpServer"});
  for (const Value& each : tools.tools) {
    const std::string name(core::json::string_or_empty(each, "name"));
    if (name.empty() || name.size() > kMaxToolName || !each.is_object() || !names.insert(name).second)
      continue;
    Object body;
    for (const std::string_view member : {"name", "title", "description", "annotations", "inputSchema"})
      if (const Value* value = each.get_object().if_contains(member)) body[member] = *value;
    if (core::json::write(body).size() > kMaxToolBytes) {
      body.erase("inputSchema");
      body.erase("annotations");
      body["truncated"] = true;
      if (core::json::write(body).size() > kMaxToolBytes) body = {{"name", name}, {"truncated", true}};
    }
    const auto known = stored.find(name);
    if (known != stored.end() && known->second.body == body) continue;
    changed = true;
    if (known != stored.end()) {
      known->second.body = std::move(body);
      RETURN_IF_ERROR(tx.update(known->second));
      continue;
    }
    const std::string id = service.new_id("emt");
    Row row{.kind = Kind::tool,
            .id = fmt::format("{}/{}", server.id, id),
            .parent = server.id,
            .unique = fmt::format("{} {}", server.id, name),
            .name = name,
            .body = std::move(body)};
    RETURN_IF_ERROR(tx.insert(row));
  }
  for (const auto& [name, row] : stored) {
    if (names.contains(name)) continue;
    changed = true;
    RETURN_IF_ERROR(tx.remove(Kind::tool, row.id));
  }
  if (!changed) return {};
  event.transaction = transaction;
  event.debug["capability_count"] = names.size();
  return tx.emit(std::move(event));
}

}  // namespace registry
