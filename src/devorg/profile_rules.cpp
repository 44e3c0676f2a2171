#include "devorg/profile_rules.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

#include "catalogue/scim_filter.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::object;
using boost::json::value;

constexpr std::array kBase = std::to_array<BaseAttribute>({
    {"login", "Username", true, 5, 100},
    {"firstName", "First name", true, 1, 50, "", true},
    {"lastName", "Last name", true, 1, 50, "", true},
    {"middleName", "Middle name"},
    {"honorificPrefix", "Honorific prefix"},
    {"honorificSuffix", "Honorific suffix"},
    {"email", "Primary email", true, 5, 100, "email", true},
    {"title", "Title"},
    {"displayName", "Display name"},
    {"nickName", "Nickname"},
    {"profileUrl", "Profile Url", false, 0, 0, "uri"},
    {"secondEmail", "Secondary email", false, 5, 100, "email", true},
    {"mobilePhone", "Mobile phone", false, 0, 100, "", true},
    {"primaryPhone", "Primary phone", false, 0, 100},
    {"streetAddress", "Street address"},
    {"city", "City"},
    {"state", "State"},
    {"zipCode", "Zip code"},
    {"countryCode", "Country code", false, 0, 0, "country-code"},
    {"postalAddress", "Postal Address"},
    {"preferredLanguage", "Preferred language", false, 0, 0, "language-code"},
    {"locale", "Locale", false, 0, 0, "locale"},
    {"timezone", "Time zone", false, 0, 0, "timezone"},
    {"userType", "User type"},
    {"employeeNumber", "Employee number"},
    {"costCenter", "Cost center"},
    {"organization", "Organization"},
    {"division", "Division"},
    {"department", "Department"},
    {"managerId", "ManagerId"},
    {"manager", "Manager"},
});

const BaseAttribute* base_attribute(std::string_view name) {
  const auto* found =
      std::find_if(kBase.begin(), kBase.end(), [&](const BaseAttribute& row) { return row.name == name; });
  return found == kBase.end() ? nullptr : found;
}

bool looks_like_email(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string_view::npos &&
         text.find_first_of(" \t\r\n") == std::string_view::npos;
}

// Code points, as people count characters.
std::size_t length_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// nullopt when the value fits the attribute's type in a schema.
std::optional<std::string> type_error(std::string_view name, std::string_view type, const value& given) {
  const bool fits = given.is_null() || (type == "string" && given.is_string()) ||
                    (type == "boolean" && given.is_bool()) || (type == "array" && given.is_array()) ||
                    (type == "number" && given.is_number()) ||
                    (type == "integer" && (given.is_int64() || given.is_uint64()));
  if (fits) return std::nullopt;
  return fmt::format("{}: The value must be of type {}", name, type);
}

void check_base(const BaseAttribute& row, const value& given, std::vector<rest::Cause>& causes) {
  if (auto error = type_error(row.name, "string", given)) {
    causes.emplace_back(std::move(*error));
    return;
  }
  if (given.is_null()) return;
  const std::string_view text(given.get_string());
  if (row.required && text.empty()) return;  // already reported as blank
  if (row.max_length > 0 && length_of(text) > static_cast<std::size_t>(row.max_length))
    causes.emplace_back(
        fmt::format("{}: String is too long (maximum {} characters)", row.name, row.max_length));
  if (!text.empty() && length_of(text) < static_cast<std::size_t>(row.min_length))
    causes.push_back(
        fmt::format("{}: String is too short (minimum {} characters)", row.name, row.min_length));
  if (row.format == "email" && !text.empty() && !looks_like_email(text))
    causes.emplace_back(fmt::format("{}: Does not match required pattern", row.name));
}

std::string field_of(std::string_view cause) {
  return std::string(cause.substr(0, cause.find(':')));
}

}  // namespace

std::span<const BaseAttribute> base_user_attributes() {
  return kBase;
}

rest::Answer<bool> check_user_profile(const Org& org, const object& profile, bool is_new) {
  std::vector<rest::Cause> causes;
  // Recorded order: what is blank first, in the order of the schema, then the form of the login.
  for (const auto& row : kBase) {
    const value* given = profile.if_contains(row.name);
    const bool blank = !given || given->is_null() || (given->is_string() && given->get_string().empty());
    if (row.required && blank)
      causes.emplace_back(fmt::format("{}: The field cannot be left blank", row.name));
  }
  const std::string_view login = rest::string_at(profile, "login");
  if (!looks_like_email(login))
    causes.emplace_back("login: Username must be in the form of an email address");
  std::vector<rest::Cause> unknown;
  for (const auto& member : profile) {
    if (const auto* row = base_attribute(member.key())) {
      check_base(*row, member.value(), causes);
    } else if (const auto custom = org.custom_user_attributes.find(std::string_view(member.key()));
               custom != org.custom_user_attributes.end()) {
      if (auto error = type_error(member.key(), rest::string_at(custom->second, "type"), member.value()))
        causes.emplace_back(std::move(*error));
    } else {
      unknown.emplace_back(
          fmt::format("Property name '{}' is not defined in profile", std::string_view(member.key())));
    }
  }
  if (!causes.empty()) {
    const std::string field = field_of(causes.front().summary);
    return rest::refuse(rest::validation_failed(field, std::move(causes)));
  }
  if (!unknown.empty())
    return rest::refuse(rest::validation_failed(is_new ? "newUser" : "user", std::move(unknown)));
  return true;
}

rest::Answer<bool> check_group_profile(const Org& org, const object& profile) {
  std::vector<rest::Cause> causes;
  const value* name = profile.if_contains("name");
  if (!name || !name->is_string() || name->get_string().empty())
    causes.emplace_back("name: The field cannot be left blank");
  else if (length_of(std::string_view(name->get_string())) > 255)
    causes.emplace_back("name: String is too long (maximum 255 characters)");
  for (const auto& member : profile) {
    if (member.key() == "name") continue;
    if (member.key() == "description") {
      if (auto error = type_error("description", "string", member.value()))
        causes.emplace_back(std::move(*error));
      else if (member.value().is_string() && length_of(std::string_view(member.value().get_string())) > 1024)
        causes.emplace_back("description: String is too long (maximum 1024 characters)");
      continue;
    }
    const auto custom = org.custom_group_attributes.find(std::string_view(member.key()));
    if (custom == org.custom_group_attributes.end()) {
      causes.emplace_back(
          fmt::format("Property name '{}' is not defined in profile", std::string_view(member.key())));
    } else if (auto error =
                   type_error(member.key(), rest::string_at(custom->second, "type"), member.value())) {
      causes.emplace_back(std::move(*error));
    }
  }
  if (causes.empty()) return true;
  const bool about_name =
      causes.front().summary.starts_with("name:") || causes.front().summary.starts_with("description:");
  const std::string field = about_name ? field_of(causes.front().summary) : "profile";
  return rest::refuse(rest::validation_failed(field, std::move(causes)));
}

object normalise_user_profile(object profile) {
  object out;
  const auto move_in = [&](std::string_view name, bool keep_null) {
    value* given = profile.if_contains(name);
    if (given && !given->is_null()) {
      out[name] = std::move(*given);
    } else if (keep_null) {
      out[name] = nullptr;
    }
    profile.erase(name);
  };
  move_in("firstName", false);
  move_in("lastName", false);
  move_in("mobilePhone", true);
  object last;
  for (const auto name : {"secondEmail", "login", "email"}) {
    value* given = profile.if_contains(name);
    last[name] = given ? std::move(*given) : value(nullptr);
    profile.erase(name);
  }
  for (auto& member : profile)
    if (!member.value().is_null()) out[member.key()] = std::move(member.value());
  for (auto& member : last) out[member.key()] = std::move(member.value());
  return out;
}

rest::Answer<bool> check_password(std::string_view password, std::string_view login) {
  const auto has = [&](char low, char high) {
    return std::any_of(password.begin(), password.end(), [&](char c) { return c >= low && c <= high; });
  };
  bool good =
      length_of(password) >= 8 && password.size() <= 72 && has('a', 'z') && has('A', 'Z') && has('0', '9');
  // "No parts of your username": the pieces of the login of four characters or more.
  const std::string folded = catalogue::fold_case(password);
  const std::string name = catalogue::fold_case(login.substr(0, login.find('@')));
  for (std::size_t start = 0; good && start < name.size();) {
    const std::size_t end = std::min(name.find_first_of(".-_+", start), name.size());
    if (end - start >= 4 && folded.find(name.substr(start, end - start)) != std::string::npos) good = false;
    start = end + 1;
  }
  if (good) return true;
  return rest::refuse(rest::validation_failed(
      "password", {"password: Password requirements were not met. Password requirements: at least 8 "
                   "characters, a lowercase "
                   "letter, an uppercase letter, a number, no parts of your username."}));
}

}  // namespace devorg
