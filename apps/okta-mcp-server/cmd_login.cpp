// `login` and `logout`.
#include <cstdio>
#include <unistd.h>

#include "commands.h"
#include "core/json.h"
#include "oauth/browser.h"
#include "qr_code.h"
#include "runtime.h"

namespace {

namespace json = core::json;

json::Array to_array(const std::vector<std::string>& texts) {
  json::Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

// One line of JSON, at once: whoever reads it is to act on it.
void say(const json::Object& event) {
  std::printf("%s\n", json::write(event).c_str());
  std::fflush(stdout);
}

void show_device_prompt(const oauth::DevicePrompt& prompt, const LoginChoices& choices) {
  if (choices.as_json) {
    say({{"event", "prompt"},
         {"grant", "device_code"},
         {"verification_uri", prompt.verification_uri},
         {"verification_uri_complete", prompt.link()},
         {"user_code", prompt.user_code},
         {"expires_at", core::to_rfc3339(prompt.expires_at)},
         {"notices", to_array(prompt.notices)}});
    return;
  }
  print_prompt(prompt);
  if (choices.no_qr) return;
  if (const auto screen = screen_for_drawing(STDERR_FILENO, process_environment())) {
    if (const auto code = qr_code(prompt.link(), *screen)) std::fputs(code->c_str(), stderr);
  }
}

void show_browser_prompt(const oauth::BrowserPrompt& prompt, const LoginChoices& choices) {
  const bool opened = oauth::open_browser(prompt.link);
  if (choices.as_json) {
    say({{"event", "prompt"},
         {"grant", "authorization_code"},
         {"redirect_uri", prompt.redirect_uri},
         {"link", prompt.link},
         {"browser_opened", opened},
         {"expires_at", core::to_rfc3339(prompt.expires_at)}});
    return;
  }
  std::fprintf(stderr,
               "The app in Okta must list this sign-in redirect URI, letter by letter:\n  %s\n"
               "%s\n  %s\n"
               "Waiting for the browser to come back, until %s ...\n",
               prompt.redirect_uri.c_str(),
               opened ? "A browser was started with this link; if none shows, open it on this machine:"
                      : "Open this link in a browser on this machine (from another one, forward the port of "
                        "the redirect URI with ssh -L, or sign in without --browser):",
               prompt.link.c_str(), core::to_rfc3339(prompt.expires_at).c_str());
}

int failed(const core::Error& error, const LoginChoices& choices) {
  if (choices.as_json) {
    say({{"event", "failed"}, {"code", error.code}, {"message", error.message}, {"hint", error.hint}});
  }
  return complain(error);
}

core::Result<SignedIn> sign_in(Runtime& runtime, const LoginChoices& choices) {
  if (choices.browser) {
    return runtime.sign_in_with_browser(
        choices.port, [&](const oauth::BrowserPrompt& prompt) { show_browser_prompt(prompt, choices); });
  }
  RETURN_IF_ERROR(runtime.sign_in_and_wait());
  ASSIGN_OR_RETURN(const auto token, runtime.token());
  return SignedIn{.method = std::string(runtime.method()), .scopes = token->scopes};
}

}  // namespace

void print_prompt(const oauth::DevicePrompt& prompt) {
  std::fprintf(stderr, "Open this link and confirm the code %s:\n  %s\n", prompt.user_code.c_str(),
               prompt.link().c_str());
  for (const auto& notice : prompt.notices) std::fprintf(stderr, "%s\n", notice.c_str());
}

int cmd_login(const Settings& settings, const LoginChoices& choices) {
  Runtime runtime(settings, {.on_prompt = [&](const oauth::DevicePrompt& prompt) {
                    show_device_prompt(prompt, choices);
                  }});
  const auto signed_in = sign_in(runtime, choices);
  if (!signed_in) return failed(signed_in.error(), choices);
  if (choices.as_json) {
    say({{"event", "signed_in"},
         {"org", settings.org_url},
         {"method", signed_in->method},
         {"scopes", to_array(signed_in->scopes)},
         {"notices", to_array(signed_in->notices)}});
    return 0;
  }
  std::printf("Signed in to %s by %s.\n", settings.org_url.c_str(), signed_in->method.c_str());
  for (const auto& scope : signed_in->scopes) std::printf("  %s\n", scope.c_str());
  for (const auto& notice : signed_in->notices) std::fprintf(stderr, "%s\n", notice.c_str());
  return 0;
}

int cmd_logout(const Settings& settings) {
  Runtime runtime(settings, {});
  const auto forgotten = runtime.forget_login();
  if (!forgotten) return complain(forgotten.error());
  if (!forgotten->found) {
    std::puts("There was no stored login.");
    return 0;
  }
  std::puts("The stored login was removed from this machine.");
  if (forgotten->revoked) {
    std::printf("%s has revoked its tokens.\n", settings.org_url.c_str());
  } else if (forgotten->problem) {
    std::printf(
        "Its tokens could not be revoked (%s); they end by themselves, or when an admin clears the user's "
        "sessions and tokens in Okta.\n",
        core::describe(*forgotten->problem).c_str());
  } else {
    std::puts("Its access token was not revoked and ends by itself, usually within an hour.");
  }
  return 0;
}
