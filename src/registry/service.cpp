#include "registry/service.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/log.h"

namespace registry {
namespace {

constexpr std::string_view kRoom = "registry.";

struct Shape {
  int status;
  std::string_view code;
  std::string_view summary;
};

// Okta's generic codes (its error-code reference).
Shape shape_of(core::ErrorKind kind) {
  switch (kind) {
    case core::ErrorKind::invalid_input:
    case core::ErrorKind::protocol:
      return {400, "E0000001", "Api validation failed: {}"};
    case core::ErrorKind::too_large:
      return {413, "E0000001", "Api validation failed: {}"};
    case core::ErrorKind::forbidden:
      return {403, "E0000006", "You do not have permission to perform the requested action"};
    case core::ErrorKind::not_found:
      return {404, "E0000007", "Not found: {}"};
    case core::ErrorKind::conflict:
      return {409, "E0000001", "Api validation failed: {}"};
    case core::ErrorKind::unsupported:
      return {501, "E0000060", "Unsupported operation."};
    case core::ErrorKind::unavailable:
    case core::ErrorKind::timeout:
      return {503, "E0000010", "Service is in read only mode or unavailable."};
    default:
      return {500, "E0000009", "Internal Server Error"};
  }
}

// What Okta has a code of its own for.
struct Special {
  std::string_view reason;
  Shape shape;
};
constexpr std::array<Special, 3> kSpecial{{
    {"INVALID_CURSOR", {400, "E0000029", "Invalid paging request."}},
    {"INVALID_DATE",
     {400, "E0000030",
      "Bad request. Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, e.g. "
      "2013-01-01T12:00:00.000-07:00."}},
    {"INVALID_FILTER", {400, "E0000031", "Invalid search criteria."}},
}};

// A rule's reason is written in capitals, a defect's code is not.
bool is_reason(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == std::string_view::npos;
}

}  // namespace

std::unexpected<core::Error> refuse(core::ErrorKind kind, std::string_view reason, std::string message,
                                    std::string location) {
  return std::unexpected(core::Error{.kind = kind,
                                     .code = fmt::format("{}{}", kRoom, reason),
                                     .message = std::move(message),
                                     .location = std::move(location)});
}

rest::Problem problem_of(const core::Error& error) {
  // The caller is not told what broke; whoever runs this is.
  if (shape_of(error.kind).status >= 500) {
    core::log(core::LogLevel::error, "registry", "a request failed",
              {{"code", error.code}, {"reason", core::describe(error)}});
  }
  const std::string_view code = error.code;
  const std::string_view reason = code.starts_with(kRoom) ? code.substr(kRoom.size()) : std::string_view{};
  if (!is_reason(reason)) {
    // What broke inside is for the log; what the caller got wrong is for the caller.
    if (error.kind != core::ErrorKind::invalid_input && error.kind != core::ErrorKind::conflict &&
        error.kind != core::ErrorKind::unavailable)
      return rest::from_error(error);
    if (code.starts_with("registry.store.changed")) return rest::etag_mismatch();
    if (code.starts_with("core.json.")) return rest::malformed_body();
  }
  const auto special = std::ranges::find(kSpecial, reason, &Special::reason);
  const Shape shape = special != kSpecial.end() ? special->shape : shape_of(error.kind);
  rest::Problem problem{.status = shape.status, .code = std::string(shape.code)};
  problem.summary =
      error.kind == core::ErrorKind::not_found
          ? fmt::format(fmt::runtime(shape.summary), error.message)
          : fmt::format(fmt::runtime(shape.summary), error.location.empty() ? "request" : error.location);
  if (shape.status >= 500) return problem;
  problem.causes.emplace_back(error.hint.empty() ? error.message : error.message + " " + error.hint,
                              std::string(is_reason(reason) ? reason : std::string_view{}), error.location);
  return problem;
}

Actor actor_of(const rest::Caller& caller) {
  switch (caller.kind) {
    case rest::Caller::Kind::user:
      return {.id = caller.id, .type = "User", .name = caller.name};
    case rest::Caller::Kind::client:
      return {.id = caller.id, .type = "PublicClientApp", .name = caller.name};
    case rest::Caller::Kind::api_token:
    case rest::Caller::Kind::nobody:
      break;
  }
  return {.id = caller.id.empty() ? "system" : caller.id, .type = "SystemPrincipal", .name = caller.name};
}

rest::Reply accepted(const Service& service, std::string_view base, std::string_view operation) {
  rest::Reply reply{.status = 202, .body = {}, .headers = {}};
  reply.headers.add("Location", service.url(fmt::format("{}/operations/{}", base, operation)));
  return reply;
}

}  // namespace registry
