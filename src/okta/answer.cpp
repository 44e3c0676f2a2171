#include "okta/answer.h"

#include <algorithm>
#include <fmt/format.h>

#include "catalogue/error_codes.h"
#include "core/json.h"
#include "net/url.h"
#include "oauth/token_source.h"
#include "okta/link.h"

namespace okta {
namespace {

namespace json = core::json;
using core::ErrorKind;

constexpr std::size_t kSummaryBytes = 1'000;
constexpr std::size_t kCauseBytes = 500;
constexpr std::size_t kCauses = 20;
// Deeper than anything Okta sends; the stack is safe far beyond.
constexpr json::ParseLimits kBodyLimits{.max_depth = 128, .allow_duplicate_keys = true};

enum class BodyKind { empty, json, html, text };

bool is_json_type(std::string_view type) {
  return type == "application/json" || type.ends_with("+json");
}

BodyKind kind_of_body(const net::HttpResponse& answer) {
  auto first = answer.body.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return BodyKind::empty;
  auto type = net::media_type(answer.headers.get("Content-Type"));
  if (type == "text/html" || type == "application/xhtml+xml") return BodyKind::html;
  // Gateways label their pages as anything, or not at all.
  bool unlabelled = type.empty() || type == "text/plain" || is_json_type(type);
  if (answer.body[first] == '<' && unlabelled) return BodyKind::html;
  return unlabelled ? BodyKind::json : BodyKind::text;
}

std::string request_id(const net::HttpResponse& answer) {
  return one_line(answer.headers.get("X-Okta-Request-Id"), 100);
}

// `name="value"` or `name=value` among the parameters of a WWW-Authenticate challenge (RFC 9110
// section 11.6.1).
std::string challenge_parameter(std::string_view challenge, std::string_view name) {
  for (std::size_t at = challenge.find(name); at != std::string_view::npos;
       at = challenge.find(name, at + 1)) {
    bool begins =
        at == 0 || challenge[at - 1] == ' ' || challenge[at - 1] == ',' || challenge[at - 1] == '\t';
    auto rest = challenge.substr(at + name.size());
    if (!begins || !rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    if (!rest.starts_with('"')) return one_line(rest.substr(0, rest.find_first_of(", \t")), kSummaryBytes);
    rest.remove_prefix(1);
    return one_line(rest.substr(0, rest.find('"')), kSummaryBytes);
  }
  return {};
}

// Okta's envelope {errorCode, errorSummary, errorId, errorCauses}, OAuth's {error, error_description}
// (RFC 6749 section 5.2), or a gateway's {status, message}.
core::UpstreamProblem read_problem(const net::HttpResponse& answer) {
  core::UpstreamProblem problem{.status = answer.status, .request_id = request_id(answer)};
  if (kind_of_body(answer) == BodyKind::json) {
    if (auto body = json::parse(answer.body, kBodyLimits)) {
      auto text = [&](std::string_view name, std::size_t bytes) {
        return one_line(json::string_or_empty(*body, name), bytes);
      };
      problem.code = text("errorCode", 100);
      problem.summary = text("errorSummary", kSummaryBytes);
      problem.error_id = text("errorId", 100);
      if (problem.code.empty()) problem.code = text("error", 100);
      if (problem.summary.empty()) problem.summary = text("error_description", kSummaryBytes);
      if (problem.summary.empty()) problem.summary = text("message", kSummaryBytes);
      const json::Value* causes = json::find(*body, "errorCauses");
      if (causes && causes->is_array()) {
        for (const auto& cause : causes->get_array()) {
          if (problem.causes.size() == kCauses) break;
          auto summary = json::string_or_empty(cause, "errorSummary");
          if (summary.empty()) summary = json::string_or_empty(cause, "reason");
          if (!summary.empty()) problem.causes.push_back(one_line(summary, kCauseBytes));
        }
      }
    }
  }
  auto challenge = answer.headers.get("WWW-Authenticate");
  if (problem.code.empty()) problem.code = challenge_parameter(challenge, "error");
  if (problem.summary.empty()) problem.summary = challenge_parameter(challenge, "error_description");
  return problem;
}

bool usable_as_code(std::string_view code) {
  return !code.empty() && code.size() <= 60 && std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
  });
}

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

std::string with_full_stop(std::string text) {
  if (!text.empty() && std::string_view(".!?").find(text.back()) == std::string_view::npos) text += '.';
  return text;
}

constexpr std::string_view kHowToGrant =
    "Grant it to the app (Admin Console, Applications, the app, Okta API Scopes), name it in OKTA_SCOPES, "
    "and sign in "
    "again.";

// 403 means one of two things, and Okta tells them apart in a header only.
std::string hint_for_403(const Question& question, const net::HttpResponse& answer) {
  auto challenge = answer.headers.get("WWW-Authenticate");
  std::string role = "Give the app or the signed-in user an admin role that covers this resource.";
  if (challenge_parameter(challenge, "error") == "insufficient_scope") {
    auto scope = challenge_parameter(challenge, "scope");
    if (scope.empty() && question.operation) scope = join(question.operation->scopes);
    return fmt::format("The token lacks the scope {}. {}", scope.empty() ? "for this operation" : scope,
                       kHowToGrant);
  }
  if (question.api_token) {
    return "An API token acts with the admin roles of the user who made it, and those do not cover this. "
           "Give that user "
           "the role, or use a token of an admin who has it.";
  }
  if (!question.operation || question.operation->scopes.empty()) {
    return "The principal lacks the admin role for this, or the token lacks the scope. " + role;
  }
  std::vector<std::string_view> missing;
  for (auto scope : question.operation->scopes) {
    const auto& held = question.token_scopes;
    if (std::find(held.begin(), held.end(), scope) == held.end()) missing.push_back(scope);
  }
  if (question.token_scopes.empty()) {
    return fmt::format("Either the token lacks the scope {}, or the principal lacks the admin role. {}",
                       join(question.operation->scopes), role);
  }
  if (!missing.empty()) return fmt::format("The token lacks the scope {}. {}", join(missing), kHowToGrant);
  return fmt::format("The token has the scope {}; what is missing is an admin role. {}",
                     join(question.operation->scopes), role);
}

std::string hint_for_401(const Question& question, const net::HttpResponse& answer, std::string_view code) {
  auto challenge = answer.headers.get("WWW-Authenticate");
  if (challenge.starts_with(oauth::kDpopScheme) || code.find("dpop") != std::string_view::npos) {
    return question.bound
               ? "The org does not accept the DPoP proof that went with the token. Check this "
                 "machine's clock (timedatectl) and that the org URL is the address the org knows "
                 "itself by, then sign in again."
               : "The app wants DPoP-bound tokens, and this one is not bound. Sign in again: the new "
                 "token will be.";
  }
  return "The token is expired, revoked, or from another org, and a new one fares no better. Sign in again, "
         "and check "
         "that the org URL and the credentials belong together.";
}

std::string hint_for_status(int status) {
  if (status == 304) return "Nothing has changed since the copy that If-None-Match names.";
  if (status / 100 == 3) {
    return "Redirects are not followed. Check the org URL: it must be the org's own address, without a path.";
  }
  switch (status) {
    case 400:
      return "Check the request against the API reference.";
    case 404:
      return "Check the id and the path; some paths exist only when the org has the feature.";
    case 405:
      return "The path exists, but not with this method.";
    case 409:
    case 412:
      return "The object has changed, or is not in a state that allows this; read it again.";
    case 413:
      return "The request is too large.";
    case 429:
      return "Wait for the rate limit's window to end, or ask for less.";
    default:
      break;
  }
  if (status >= 500) return "Okta, or something in front of it, is in trouble; try again in a minute.";
  return "Check the request against the API reference.";
}

std::string hint_for(const Question& question, const net::HttpResponse& answer,
                     const core::UpstreamProblem& problem) {
  const auto* known = catalogue::find_error_code(problem.code);
  if (kind_of_body(answer) == BodyKind::html) {
    return "Something between here and Okta answered with a web page: a proxy, a gateway, a sign-in portal, "
           "or a "
           "network zone of the org that blocks this address. Check the org URL and the way to it.";
  }
  if (answer.status == 403 && (problem.code == "E0000006" || !known)) return hint_for_403(question, answer);
  if ((answer.status == 401 && (problem.code == "E0000011" || !known)) ||
      problem.code.find("dpop") != std::string::npos)
    return hint_for_401(question, answer, problem.code);
  if (known && !known->cause.empty()) return fmt::format("{} {}", known->cause, known->next_step);
  return hint_for_status(answer.status);
}

std::string read_back_hint(const Question& question) {
  if (question.method == "POST" && question.operation &&
      question.operation->effect == catalogue::Effect::create) {
    return fmt::format(
        "The change may or may not have been made, and it is not repeated blindly. List {} and look "
        "for it before trying again.",
        question.path);
  }
  return fmt::format(
      "The change may or may not have been made, and it is not repeated blindly. Read the object back "
      "before trying again ({} {}).",
      question.method, question.path);
}

core::Error translate(const Question& question, const net::HttpResponse& answer) {
  auto problem = read_problem(answer);
  std::string message =
      fmt::format("Okta answered {} to {} {}", answer.status, question.method, question.path);
  switch (kind_of_body(answer)) {
    case BodyKind::html:
      message += " with a web page instead of JSON.";
      break;
    case BodyKind::empty:
      message += problem.summary.empty() ? " without a body." : ": " + with_full_stop(problem.summary);
      break;
    default:
      message += problem.summary.empty() ? "." : ": " + with_full_stop(problem.summary);
      break;
  }
  for (const auto& cause : problem.causes) {
    if (cause != problem.summary) message += " " + with_full_stop(cause);
  }
  core::Error error{.kind = catalogue::kind_of_status(answer.status),
                    .code = usable_as_code(problem.code) ? "okta." + problem.code
                                                         : fmt::format("okta.http_{}", answer.status),
                    .message = std::move(message),
                    .hint = hint_for(question, answer, problem),
                    .upstream = std::nullopt};
  const auto* known = catalogue::find_error_code(problem.code);
  if (known && answer.status != 429) error.kind = known->kind;
  // 503 is a refusal; the others can come after the work was done.
  if (question.write && (answer.status == 500 || answer.status == 502 || answer.status == 504)) {
    error.hint = read_back_hint(question) + " " + error.hint;
    error.code = "okta.unknown_outcome";
  }
  error.upstream = std::move(problem);
  return error;
}

// A 2xx that makes no sense. A write with such an answer may well have been made.
core::Error senseless(const Question& question, const net::HttpResponse& answer, std::string_view reason,
                      std::string what, std::string_view hint) {
  auto message =
      fmt::format("Okta answered {} to {} {} {}.", answer.status, question.method, question.path, what);
  core::Error error = question.write ? unknown_outcome(question, ErrorKind::protocol, std::move(message))
                                     : core::Error{ErrorKind::protocol, fmt::format("okta.{}", reason),
                                                   std::move(message), std::string(hint), std::nullopt};
  error.upstream = core::UpstreamProblem{.status = answer.status, .request_id = request_id(answer)};
  return error;
}

core::Result<json::Value> read_body(const Question& question, const net::HttpResponse& answer) {
  if (question.method == "HEAD") return json::Value{};
  switch (kind_of_body(answer)) {
    case BodyKind::empty:
      // A read that is answered 200 has something to say; writes often have not.
      if (question.method == "GET" && answer.status == 200) {
        return core::fail(
            senseless(question, answer, "empty_answer", "without a body",
                      "Try again; if it persists, something between here and Okta drops the body."));
      }
      return json::Value{};
    case BodyKind::html:
      return core::fail(
          senseless(question, answer, "html", "with a web page instead of JSON",
                    "Something between here and Okta answered: a proxy or a sign-in portal, or the org "
                    "URL is not an Okta org. Check the org URL and the way to it."));
    case BodyKind::text: {
      // Boost would write invalid UTF-8 through; the parser is what refuses it.
      if (auto text = json::parse(json::write(json::Value(answer.body)), kBodyLimits))
        return *std::move(text);
      return core::fail(senseless(question, answer, "broken_body",
                                  "with bytes that are neither JSON nor text",
                                  "This operation returns a file; it cannot be read here."));
    }
    case BodyKind::json:
      break;
  }
  auto body = json::parse(answer.body, kBodyLimits);
  if (body) return body;
  return core::fail(senseless(
      question, answer, "broken_body",
      fmt::format("with {} bytes that are not whole JSON ({})", answer.body.size(), body.error().message),
      "The answer was cut off or altered on its way. Try again; if it persists, ask for a "
      "smaller page, and check the proxy."));
}

struct Next {
  std::string url;
  std::string cursor;
};

// From the Link header; IAM lists have it in the body instead ("_links": {"next": {"href": ...}}). There it
// counts only with an `after`, because transactions use the same member for their next step.
core::Result<std::optional<Next>> read_next(const Question& question, const net::HttpResponse& answer,
                                            const json::Value& body) {
  bool in_header = true;
  auto target = next_target(answer.headers);
  if (!target) {
    in_header = false;
    auto href = json::string_or_empty(body, "_links.next.href");
    if (href.empty()) return std::nullopt;
    target = std::string(href);
  }
  auto base = net::parse_url(question.origin);
  auto url = base ? net::resolve_url(*base, *target) : base;
  auto query = url ? net::parse_query(url->query) : core::Result<net::Query>(net::Query{});
  std::optional<std::string> cursor;
  if (query) cursor = net::query_value(*query, "after");
  if (!in_header && (!cursor || url->path != question.path)) return std::nullopt;
  if (!url || !is_own_link(question.origin, url->origin())) {
    return core::fail(
        senseless(question, answer, "foreign_link",
                  "with a next link that leads away from the org (" +
                      one_line(url ? url->origin() : std::string_view(*target), 200) + ")",
                  "The list cannot be continued safely. Check the org URL: it should be the address "
                  "that Okta writes into its links."));
  }
  if (!cursor || cursor->empty()) {
    return core::fail(senseless(question, answer, "foreign_link", "with a next link that has no cursor",
                                "The list cannot be continued."));
  }
  return Next{url->str(), *std::move(cursor)};
}

// Where the outcome of accepted work will be; empty where that is not on this org.
std::string own_location(const Question& question, const net::HttpResponse& answer) {
  const auto given = answer.headers.get("Location");
  const auto base = net::parse_url(question.origin);
  if (given.empty() || !base) return {};
  const auto url = net::resolve_url(*base, given);
  return url && is_own_link(question.origin, url->origin()) ? url->path : std::string{};
}

}  // namespace

core::Result<Response> read_answer(const Question& question, const net::HttpResponse& answer) {
  if (answer.status / 100 != 2) return core::fail(translate(question, answer));
  Response response{.status = answer.status,
                    .etag = std::string(answer.headers.get("ETag")),
                    .location = own_location(question, answer),
                    .request_id = request_id(answer)};
  ASSIGN_OR_RETURN(response.body, read_body(question, answer));
  if (!question.write) {
    ASSIGN_OR_RETURN(auto next, read_next(question, answer, response.body));
    if (next) {
      response.next = std::move(next->cursor);
      response.next_url = std::move(next->url);
    }
  }
  return response;
}

core::Error unknown_outcome(const Question& question, ErrorKind kind, std::string what) {
  return {kind, "okta.unknown_outcome", std::move(what), read_back_hint(question), std::nullopt};
}

bool is_about_token(const core::Error& error) {
  if (!error.upstream || error.upstream->status != 401) return false;
  const auto& code = error.upstream->code;
  return code.empty() || code == "E0000011" || code == "invalid_token" || !catalogue::find_error_code(code);
}

std::string dpop_error(const net::HttpResponse& answer) {
  for (const auto challenge : answer.headers.all("WWW-Authenticate")) {
    if (!net::equals_ignoring_case(challenge.substr(0, challenge.find(' ')), oauth::kDpopScheme)) continue;
    auto error = challenge_parameter(challenge, "error");
    if (!error.empty()) return error;
  }
  auto problem = read_problem(answer);
  return problem.code.find("dpop") == std::string::npos ? std::string{} : std::move(problem.code);
}

bool ends_with_window(const core::Error& error) {
  if (!error.upstream || error.upstream->status != 429) return false;
  const auto& code = error.upstream->code;
  return code == "E0000047" || !catalogue::find_error_code(code);
}

bool is_own_link(std::string_view origin, std::string_view link) {
  if (origin == link) return true;
  auto ours = net::parse_url(origin);
  auto theirs = net::parse_url(link);
  if (!ours || !theirs || ours->scheme != theirs->scheme || ours->port != theirs->port) return false;
  auto plain = [](std::string host) {
    constexpr std::string_view kAdmin = "-admin";
    auto dot = host.find('.');
    if (dot != std::string::npos && dot > kAdmin.size() &&
        std::string_view(host).substr(0, dot).ends_with(kAdmin)) {
      host.erase(dot - kAdmin.size(), kAdmin.size());
    }
    return host;
  };
  return plain(ours->host) == plain(theirs->host);
}

std::string one_line(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    auto character = text.substr(i, length);
    bool whole =
        character.size() == length && (lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4)) &&
        std::all_of(character.begin() + 1, character.end(), [](char c) { return (c & 0xc0) == 0x80; });
    if (!whole) {  // header fields may hold any bytes; what is not UTF-8 goes
      ++i;
      continue;
    }
    i += length;
    bool dropped = lead < 0x20 || lead == 0x7f || (lead == 0xc2 && character[1] < '\xa0');
    // U+200B-200F, U+202A-202E, U+2060-206F, U+FEFF: zero width, direction, byte order mark.
    if (character.size() == 3) {
      auto second = static_cast<unsigned char>(character[1]);
      auto third = static_cast<unsigned char>(character[2]);
      dropped |=
          lead == 0xe2 &&
          ((second == 0x80 && ((third >= 0x8b && third <= 0x8f) || (third >= 0xaa && third <= 0xae))) ||
           (second == 0x81 && third >= 0xa0 && third <= 0xaf));
      dropped |= lead == 0xef && second == 0xbb && third == 0xbf;
    }
    if (dropped && (lead >= 0x20 || out.empty() || out.back() == ' ')) continue;
    if (out.size() + character.size() > max_bytes) return out + "...";
    out += dropped ? std::string_view(" ") : character;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace okta
