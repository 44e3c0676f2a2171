// The orgs that one server administers, by name. With a single org there is no `org` argument anywhere, and
// tools are listed exactly as their rows say.
//
// With several, every tool takes `org`, one of their names. Reads may leave it out and get the default org;
// changes must name it, so that none lands in the wrong org by omission.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/services.h"
#include "admin/tool_row.h"
#include "core/json.h"
#include "core/result.h"

namespace admin {

inline constexpr std::string_view kOrgParam = "org";

class Orgs {
 public:
  struct Named {
    std::string name;  // empty when it is the only one
    Services* services = nullptr;
  };

  explicit Orgs(Services& only) : Orgs({{"", &only}}, 0) {}
  // At least one; `services` outlive this. `standard` is the index of the default org.
  Orgs(std::vector<Named> orgs, std::size_t standard) : orgs_(std::move(orgs)), standard_(standard) {}

  bool several() const { return orgs_.size() > 1; }
  Services& standard() const { return *orgs_[standard_].services; }
  const std::vector<Named>& all() const { return orgs_; }

  // The default one for an empty name; null when there is none of that name.
  Services* find(std::string_view name) const;

  // Adds `org` to the row's input schema, when there are several.
  void describe(const ToolRow& row, core::json::Object& schema) const;

  // Takes `org` out of the arguments and says whose services they are for. Errors admin.argument.missing,
  // admin.argument.type, admin.argument.value; the hint lists the names. With one org, nothing is taken: an
  // `org` there is an unknown argument like any other.
  core::Result<Services*> take(const ToolRow& row, core::json::Object& arguments) const;

 private:
  std::string names() const;

  std::vector<Named> orgs_;
  std::size_t standard_;
};

}  // namespace admin
