// `token`: an access token for an MCP server, got the way an agent gets it. The token goes to stdout alone,
// so that a shell can take it.
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <iostream>
#include <iterator>

#include "agent_tokens.h"
#include "commands.h"
#include "core/file.h"
#include "core/json.h"
#include "oauth/browser.h"
#include "oauth/jws.h"
#include "oauth/key_loading.h"

namespace {

using core::ErrorKind;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

// What is secret comes from files or the environment.
core::Secret from_environment(const char* name) {
  const char* value = std::getenv(name);
  return core::Secret(value ? trimmed(value) : std::string());
}

core::Result<core::Secret> read_subject_token(const std::string& file) {
  if (file == "-") return core::Secret(trimmed(std::string(std::istreambuf_iterator<char>(std::cin), {})));
  ASSIGN_OR_RETURN(auto text, core::read_file(file, 64u << 10));
  if (!text)
    return core::fail(ErrorKind::invalid_input, "app.token.subject",
                      fmt::format("There is no file {}.", file), "It holds the subject token, as one line.");
  return core::Secret(trimmed(*std::move(text)));
}

core::Result<std::optional<oauth::Key>> read_key(const TokenFlags& flags) {
  const core::Secret given = from_environment("OKTA_PRIVATE_KEY");
  const std::string& text = flags.key_file.empty() ? given.reveal() : flags.key_file;
  if (text.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(auto key, oauth::load_private_key(text, flags.key_id));
  if (key.kid().empty()) key = key.with_kid(key.thumbprint());
  return key;
}

void show_link(const std::string& why, const std::string& link) {
  std::fprintf(stderr, "%s\n  %s\n", why.c_str(), link.c_str());
  oauth::open_browser(link);
}

void explain(const char* what, std::string_view token) {
  const auto jwt = oauth::peek(token);
  if (!jwt) return;
  std::fprintf(stderr, "%s: %s\n%s\n", what, core::json::write(jwt->header).c_str(),
               core::json::write(jwt->claims).c_str());
}

core::Result<core::json::Object> get_token(const TokenFlags& flags) {
  RETURN_IF_ERROR(check_issuer(flags.issuer));
  ASSIGN_OR_RETURN(auto key, read_key(flags));
  const auto http = net::make_http_client({.user_agent = "okta-agent-registry/" OKTA_MCP_VERSION});
  AgentTokens agent({.issuer = flags.issuer,
                     .client_id = flags.agent,
                     .key = std::move(key),
                     .client_secret = from_environment("OKTA_CLIENT_SECRET"),
                     .http = *http,
                     .clock = core::system_clock(),
                     .random = core::system_random()});
  const core::Context context;
  ASSIGN_OR_RETURN(const auto target, agent.find_target(context, flags.server, flags.audience, flags.scope));
  core::Secret subject;
  if (!flags.subject_token_file.empty()) {
    ASSIGN_OR_RETURN(subject, read_subject_token(flags.subject_token_file));
  } else {
    ASSIGN_OR_RETURN(subject, agent.sign_in(context, flags.port, [](const std::string& link) {
      show_link("Sign in with a browser:", link);
    }));
    if (!flags.save_subject_token.empty()) {
      RETURN_IF_ERROR(core::write_file_atomically(flags.save_subject_token, subject.reveal() + "\n"));
    }
  }
  if (target.brokered) {
    return agent.broker(context, target, subject, [](const std::string& link) {
      show_link("Allow the access in a browser; this goes on when you have:", link);
    });
  }
  ASSIGN_OR_RETURN(const auto id_jag, agent.exchange(context, target, subject));
  if (flags.explain) explain("ID-JAG", id_jag.reveal());
  ASSIGN_OR_RETURN(auto tokens, agent.redeem(context, target, id_jag));
  if (flags.explain) explain("access token", core::json::string_or_empty(tokens, "access_token"));
  return tokens;
}

}  // namespace

int cmd_token(const TokenFlags& flags) {
  const auto tokens = get_token(flags);
  if (!tokens) return complain(tokens.error());
  if (flags.as_json) {
    std::printf("%s\n", core::json::write(*tokens).c_str());
  } else {
    std::printf("%s\n", std::string(core::json::string_or_empty(*tokens, "access_token")).c_str());
  }
  return 0;
}
