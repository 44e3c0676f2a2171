// The Management API of the local org, one function a family of operations.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "devorg/listing.h"
#include "devorg/service.h"
#include "rest/router.h"

namespace devorg {

// Each adds its routes; the service and the results outlive the router.
void add_user_routes(rest::Router& router, Service& service, SortedResults& results);
void add_user_lifecycle_routes(rest::Router& router, Service& service);
void add_group_routes(rest::Router& router, Service& service, SortedResults& results);
void add_group_rule_routes(rest::Router& router, Service& service);
void add_app_routes(rest::Router& router, Service& service, SortedResults& results);
void add_app_assignment_routes(rest::Router& router, Service& service);
void add_policy_routes(rest::Router& router, Service& service);
void add_log_routes(rest::Router& router, Service& service);
void add_schema_routes(rest::Router& router, Service& service);

// Adds routes below one path whose handlers are given the service: Answer<Reply> handler(Service&, const
// Call&).
class RoutesBelow {
 public:
  RoutesBelow(rest::Router& router, Service& service, std::string path)
      : router_(router), service_(service), path_(std::move(path)) {}

  template <typename Handler>
  void operator()(net::Method method, std::string_view below, std::string_view operation,
                  Handler handler) const {
    router_.add(
        {.method = method,
         .path = path_ + std::string(below),
         .operation = std::string(operation),
         .handler = [&service = service_, handler](const rest::Call& call) { return handler(service, call); },
         .changes = method != net::Method::get});
  }

 private:
  rest::Router& router_;
  Service& service_;
  std::string path_;
};

// The user a path parameter names: id, login, shortname or "me". 404 E0000007 otherwise.
rest::Answer<std::uint32_t> find_user(const Service& service, const rest::Call& call, std::string_view key);
rest::Answer<std::uint32_t> find_group(const Service& service, std::string_view id);
rest::Answer<std::uint32_t> find_app(const Service& service, std::string_view id);

// Puts a user into the groups of every ACTIVE rule that fits.
void apply_group_rules(Service& service, const rest::Call& call, std::uint32_t user);

// Adds or removes a member with all that belongs to it: time stamps, journal, System Log.
void change_membership(Service& service, const rest::Call& call, std::uint32_t group, std::uint32_t user,
                       bool member);

}  // namespace devorg
