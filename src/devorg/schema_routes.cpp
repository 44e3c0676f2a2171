// Operations getUserSchema, updateUserProfile, getGroupSchema, updateGroupSchema and
// getApplicationUserSchema, and the one user type there is.
#include <fmt/format.h>

#include "devorg/app_body.h"
#include "devorg/profile_rules.h"
#include "devorg/routes.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using rest::Answer;
using rest::Call;
using rest::Reply;

object attribute(std::string_view title, std::string_view type, bool writable) {
  return {{"title", title},
          {"type", type},
          {"mutability", "READ_WRITE"},
          {"scope", "NONE"},
          {"permissions",
           array{object{{"principal", "SELF"}, {"action", writable ? "READ_WRITE" : "READ_ONLY"}}}},
          {"master", object{{"type", "PROFILE_MASTER"}}}};
}

object definition(std::string_view id, object properties, array required) {
  return {{"id", id},
          {"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)}};
}

object schema(const Service& service, std::string_view path, std::string_view name, std::string_view title,
              std::string_view description, object custom, object base) {
  const std::string time = okta_time(static_cast<Seconds>(core::to_unix_seconds(service.org().started)));
  return {
      {"id", service.url("/meta/schemas/" + std::string(path))},
      {"$schema", "http://json-schema.org/draft-04/schema#"},
      {"name", name},
      {"title", title},
      {"description", description},
      {"lastUpdated", time},
      {"created", time},
      {"definitions", object{{"custom", std::move(custom)}, {"base", std::move(base)}}},
      {"type", "object"},
      {"properties", object{{"profile", object{{"allOf", array{object{{"$ref", "#/definitions/custom"}},
                                                               object{{"$ref", "#/definitions/base"}}}}}}}},
      {"_links",
       object{{"self", object{{"rel", "self"},
                              {"href", service.url("/api/v1/meta/schemas/" + std::string(path))},
                              {"method", "GET"}}},
              {"type", object{{"rel", "type"},
                              {"href", service.url("/api/v1/meta/types/user/" + service.org().user_type_id)},
                              {"method", "GET"}}}}}};
}

object custom_properties(const std::map<std::string, object, std::less<>>& attributes) {
  object out;
  for (const auto& [name, described] : attributes) out[name] = described;
  return out;
}

object user_schema(const Service& service, std::string_view id) {
  object base;
  array required;
  for (const auto& row : base_user_attributes()) {
    object entry = attribute(row.title, "string", row.self_writable);
    if (row.required) entry["required"] = true;
    if (row.min_length > 0) entry["minLength"] = row.min_length;
    if (row.max_length > 0) entry["maxLength"] = row.max_length;
    if (!row.format.empty()) entry["format"] = row.format;
    if (row.required) required.push_back(value(row.name));
    base[row.name] = std::move(entry);
  }
  return schema(service, "user/" + std::string(id), "user", "User",
                "Okta user profile template with default permission settings",
                definition("#custom", custom_properties(service.org().custom_user_attributes), {}),
                definition("#base", std::move(base), std::move(required)));
}

object group_schema(const Service& service) {
  object name = attribute("Name", "string", true);
  name["description"] = "Name";
  name["required"] = true;
  name["maxLength"] = 255;
  object description = attribute("Description", "string", true);
  description["description"] = "Description";
  description["maxLength"] = 1024;
  object body =
      schema(service, "group/default", "group", "Okta group", "Okta group profile template",
             definition("#custom", custom_properties(service.org().custom_group_attributes), {}),
             definition("#base", object{{"name", std::move(name)}, {"description", std::move(description)}},
                        array{"name"}));
  body["_links"].get_object().erase("type");
  return body;
}

Answer<bool> check_user_schema(const Service& service, std::string_view id) {
  if (id == "default" || id == service.org().user_schema_id || id == service.org().user_type_id) return true;
  return rest::refuse(rest::not_found(id, "UserSchema"));
}

Answer<Reply> get_user_schema(Service& service, const Call& call) {
  RETURN_IF_ERROR(check_user_schema(service, call.param(0)));
  return rest::json_reply(user_schema(service, call.param(0)));
}

// A POST adds, changes, or (with null) removes custom attributes.
Answer<bool> update_custom(std::map<std::string, object, std::less<>>& attributes, const object& body) {
  const object* definitions = rest::object_at(body, "definitions");
  const object* custom = definitions ? rest::object_at(*definitions, "custom") : nullptr;
  const object* properties = custom ? rest::object_at(*custom, "properties") : nullptr;
  if (!properties)
    return rest::refuse(
        rest::validation_failed("definitions", {"definitions: custom properties must be given"}));
  auto next = attributes;
  for (const auto& member : *properties) {
    const std::string name(member.key());
    if (member.value().is_null()) {
      next.erase(name);
      continue;
    }
    const object* described = member.value().if_object();
    const std::string_view type = described ? rest::string_at(*described, "type") : std::string_view{};
    if (type != "string" && type != "boolean" && type != "number" && type != "integer" && type != "array")
      return rest::refuse(rest::validation_failed(
          "type", {fmt::format("{}: type must be string, boolean, number, integer or array", name)}));
    if (rest::string_at(*described, "title").empty())
      return rest::refuse(
          rest::validation_failed("title", {fmt::format("{}: title cannot be left blank", name)}));
    object entry = attribute(rest::string_at(*described, "title"), type, false);
    for (const auto& part : *described) entry[part.key()] = part.value();
    next[name] = std::move(entry);
  }
  if (next.size() > 500)
    return rest::refuse(rest::validation_failed("definitions", {"definitions: too many custom attributes"}));
  attributes = std::move(next);
  return true;
}

Answer<Reply> update_user_schema(Service& service, const Call& call) {
  RETURN_IF_ERROR(check_user_schema(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  RETURN_IF_ERROR(update_custom(service.org().custom_user_attributes, body));
  service.saved_schema();
  return rest::json_reply(user_schema(service, call.param(0)));
}

Answer<Reply> get_group_schema(Service& service, const Call&) {
  return rest::json_reply(group_schema(service));
}

Answer<Reply> update_group_schema(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  RETURN_IF_ERROR(update_custom(service.org().custom_group_attributes, body));
  service.saved_schema();
  return rest::json_reply(group_schema(service));
}

Answer<Reply> get_app_schema(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto app, find_app(service, call.param(0)));
  object user_name = attribute("Username", "string", false);
  user_name["required"] = true;
  user_name["scope"] = "NONE";
  object body = schema(service, "apps/" + service.org().apps[app].id + "/default",
                       rest::string_at(service.org().apps[app].body, "name"),
                       fmt::format("{} User", rest::string_at(service.org().apps[app].body, "label")), "",
                       definition("#custom", {}, {}),
                       definition("#base", object{{"userName", std::move(user_name)}}, array{"userName"}));
  body["_links"].get_object().erase("type");
  return rest::json_reply(body);
}

object user_type(const Service& service) {
  const Org& org = service.org();
  const std::string time = okta_time(static_cast<Seconds>(core::to_unix_seconds(org.started)));
  return {{"id", org.user_type_id},
          {"displayName", "User"},
          {"name", "user"},
          {"description", "Okta user profile template with default permission settings"},
          {"createdBy", "sprz6kgtlJ0dPCc1f3l8"},
          {"lastUpdatedBy", "sprz6kgtlJ0dPCc1f3l8"},
          {"created", time},
          {"lastUpdated", time},
          {"default", true},
          {"_links",
           object{{"self", object{{"rel", "self"},
                                  {"href", service.url("/api/v1/meta/types/user/" + org.user_type_id)},
                                  {"method", "GET"}}},
                  {"schema", object{{"rel", "schema"},
                                    {"href", service.url("/api/v1/meta/schemas/user/" + org.user_schema_id)},
                                    {"method", "GET"}}}}}};
}

Answer<Reply> list_user_types(Service& service, const Call&) {
  return rest::json_reply(array{user_type(service)});
}

Answer<Reply> get_user_type(Service& service, const Call& call) {
  if (call.param(0) != service.org().user_type_id && call.param(0) != "default")
    return rest::refuse(rest::not_found(call.param(0), "CVDType"));
  return rest::json_reply(user_type(service));
}

}  // namespace

void add_schema_routes(rest::Router& router, Service& service) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/meta/");
  add(Method::get, "schemas/user/{schemaId}", "getUserSchema", get_user_schema);
  add(Method::post, "schemas/user/{schemaId}", "updateUserProfile", update_user_schema);
  add(Method::get, "schemas/group/default", "getGroupSchema", get_group_schema);
  add(Method::post, "schemas/group/default", "updateGroupSchema", update_group_schema);
  add(Method::get, "schemas/apps/{appId}/default", "getApplicationUserSchema", get_app_schema);
  add(Method::get, "types/user", "listUserTypes", list_user_types);
  add(Method::get, "types/user/{typeId}", "getUserType", get_user_type);
}

}  // namespace devorg
