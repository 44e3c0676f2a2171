// The way of a person's consent: our page, the external authorization server, our callback (RFC 6749 section
// 4.1 with RFC 7636, RFC 8707 and RFC 9207). No scripts, no frames, nothing from elsewhere.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ranges>
#include <utility>

#include "core/encoding.h"
#include "core/html.h"
#include "core/seal.h"
#include "core/text.h"
#include "net/url.h"
#include "oauth/token_error.h"
#include "registry/console.h"
#include "registry/sts.h"
#include "registry/sts_grant.h"
#include "registry/sts_target.h"
#include "registry/sts_token_request.h"
#include "rest/browser.h"

namespace registry {
namespace {

using core::Result;
using core::WallTime;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;
using rest::go_to;

constexpr std::string_view kInteract = "/oauth2/v1/sts/interact/";
constexpr std::size_t kMaxForm = 8u << 10;
constexpr std::size_t kMaxCallback = 16u << 10;
constexpr std::size_t kMaxCode = 8u << 10;
constexpr std::size_t kShownScopes = 100;

// `form_target`: one more origin that a form may lead to.
ServerResponse page(int status, std::string_view title, std::string_view body,
                    std::string_view form_target = {}) {
  // Browsers hold a form's redirects against form-action too (CSP level 3, section 6.4.2.1), and external
  // servers send people on to sign-in hosts that nobody knows beforehand: hence https.
  ServerResponse response = styled_page(
      status, title, body, form_target.empty() ? std::string() : fmt::format("https: {}", form_target));
  // With no-referrer the form would come with "Origin: null" (Fetch standard, section 3.1), which
  // same_origin() refuses.
  response.headers.set("Referrer-Policy", "same-origin");
  return response;
}

ServerResponse failed(int status, std::string_view title, std::string_view reason,
                      std::string_view next = "Go back to your agent and try again.") {
  return page(status, title,
              fmt::format("<p class=\"notice bad\" role=\"alert\">{}</p>\n<p>{}</p>\n",
                          core::html_escape(reason), core::html_escape(next)));
}

ServerResponse not_allowed(std::string_view methods) {
  return rest::not_allowed(page(405, "Method not allowed", ""), methods);
}

ServerResponse broken_inside() {
  return failed(500, "This does not work now", "The org cannot answer now.");
}
ServerResponse gone() {
  return failed(404, "This link is no longer good",
                "It was used already, or it is older than ten minutes, or it was never given out.");
}

// Names come from administrators and from remote metadata.
std::string shown(std::string_view text) {
  return core::html_escape(core::shorten(core::clean(text), 200));
}

std::string server_name(const StsTarget& target) {
  if (!target.server.display_name.empty()) return target.server.display_name;
  if (target.server.detected && !target.server.detected->resource_name.empty())
    return target.server.detected->resource_name;
  return target.server.resource_url;
}

// Exactly one value; more of them is no authorization response (RFC 6749 section 3.1).
std::optional<std::string> single(const net::Query& query, std::string_view name) {
  if (std::ranges::count(query, name, &net::Query::value_type::first) != 1) return std::nullopt;
  return net::query_value(query, name);
}

class ConsentPages {
 public:
  ConsentPages(const Service& service, const StsPages& pages, const ServerRequest& request)
      : service_(service), pages_(pages), request_(request) {}

  ServerResponse interact(std::string_view id) const {
    const bool reads = request_.method == Method::get || request_.method == Method::head;
    if (!reads && request_.method != Method::post) return not_allowed("GET, HEAD, POST");
    if (id.size() != 43 || !core::base64url_decode(id)) return gone();
    const auto person = pages_.signed_in(request_);
    // A form that was sent without a session is asked for again after the sign-in.
    if (!person) return sign_in(id);
    auto interaction = find(id);
    if (!interaction) return broken_inside();
    if (!*interaction) return gone();
    if ((*interaction)->user != person->user_id) return another_person(*person);
    auto target = target_of(*service_.store, **interaction);
    if (!target) return broken_inside();
    if (!*target) return not_usable();
    return reads ? ask(**interaction, **target, *person) : decide(**interaction, **target, *person);
  }

  ServerResponse callback() const {
    if (request_.method != Method::get) return not_allowed("GET");
    const auto query = request_.query.size() <= kMaxCallback ? net::parse_query(request_.query)
                                                             : Result<net::Query>(net::Query{});
    const auto state = query ? single(*query, "state") : std::nullopt;
    if (!state || state->empty()) {
      return failed(400, "This is not an answer that was expected",
                    "The authorization server sent no state, or more than one.");
    }
    const std::string hash = core::sha256_hex(*state);
    auto interaction = find_by_state(hash);
    if (!interaction) return broken_inside();
    if (!*interaction) return gone();
    const auto person = pages_.signed_in(request_);
    // The session ended at the other server's pages: from the start, the code is not kept.
    if (!person) return sign_in((*interaction)->id);
    if ((*interaction)->user != person->user_id) return another_person(*person);
    return returned(**interaction, *person, hash, *query);
  }

 private:
  ServerResponse sign_in(std::string_view id) const {
    return go_to(fmt::format("{}?return={}", pages_.sign_in,
                             core::percent_encode(fmt::format("{}{}", kInteract, id))));
  }

  static ServerResponse another_person(const SignedIn& person) {
    return page(403, "This is for another person",
                fmt::format("<p class=\"notice bad\" role=\"alert\">You are signed in as "
                            "<strong>{}</strong>, and this request is "
                            "for somebody else.</p>\n"
                            "<p>Sign out and come back as that person, or close this page.</p>\n",
                            shown(person.login)));
  }

  static ServerResponse not_usable() {
    return failed(409, "The agent may not do this now",
                  "The agent, its connection, or the server that it asks for is not active any more.",
                  "Ask an administrator of this org.");
  }

  Result<std::optional<StsInteraction>> find(std::string_view id) const {
    ASSIGN_OR_RETURN(const auto row, service_.store->get(Kind::interaction, id));
    if (!row) return std::nullopt;
    ASSIGN_OR_RETURN(auto interaction, read_sts_interaction(*row));
    if (interaction.expires <= service_.now()) return std::nullopt;
    return interaction;
  }

  Result<std::optional<StsInteraction>> find_by_state(const std::string& hash) const {
    ASSIGN_OR_RETURN(const auto rows, service_.store->list({.kind = Kind::interaction,
                                                            .texts = {{.match = Query::Text::Match::equals,
                                                                       .field = Query::Text::Field::name,
                                                                       .text = hash}},
                                                            .limit = 1}));
    if (rows.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(auto interaction, read_sts_interaction(rows.front()));
    if (interaction.expires <= service_.now() || !core::constant_time_equal(interaction.state_hash, hash))
      return std::nullopt;
    return interaction;
  }

  // Of the same connection, principal and settings that the consent was asked for.
  Result<std::optional<StsTarget>> target_of(Reader& reader, const StsInteraction& interaction) const {
    ASSIGN_OR_RETURN(auto target, resolve_target(reader, service_, interaction.connection));
    if (target &&
        (target->principal.id != interaction.principal || target->settings.id != interaction.settings))
      target.reset();
    return target;
  }

  // ---- Our page ----

  static std::string csrf_context(const StsInteraction& interaction) {
    return fmt::format("sts-consent\n{}\n{}", interaction.id, interaction.user);
  }

  // Browsers say in Origin whose page sent a form. Others (curl) say nothing.
  bool same_origin() const {
    if (!request_.headers.has("Origin")) return true;
    const auto issuer = net::parse_url(service_.settings.issuer);
    return issuer && request_.headers.get("Origin") == issuer->origin();
  }

  ServerResponse ask(const StsInteraction& interaction, const StsTarget& target,
                     const SignedIn& person) const {
    const auto csrf = service_.vault->seal("consent", csrf_context(interaction));
    const auto endpoint = net::parse_url(target.auth_server.authorization_endpoint);
    if (!csrf || !endpoint) return broken_inside();
    std::string scopes;
    for (const std::string& scope : target.settings.scopes | std::views::take(kShownScopes))
      scopes += fmt::format("<li>{}</li>\n", shown(scope));
    if (target.settings.scopes.size() > kShownScopes)
      scopes += fmt::format("<li>and {} more</li>\n", target.settings.scopes.size() - kShownScopes);
    if (scopes.empty()) scopes = "<li>what the authorization server gives by default</li>\n";
    const std::string server = shown(server_name(target));
    const std::string issuer = shown(target.auth_server.issuer);
    const std::string body = fmt::format(
        "<p>The agent <strong>{0}</strong> asks to use <strong>{1}</strong> in your name.</p>\n"
        "<dl class=\"facts\">\n<dt>Agent</dt><dd>{0} ({2})</dd>\n"
        "<dt>Server</dt><dd>{1} ({3})</dd>\n"
        "<dt>You decide at</dt><dd>{4}</dd>\n"
        "<dt>You are</dt><dd>{5}</dd>\n</dl>\n"
        "<h2 id=\"scopes\">It asks for</h2>\n<ul aria-labelledby=\"scopes\">\n{6}</ul>\n"
        "<p>If you continue, you go on to {4}, sign in there, and allow it or not. What it gives is kept "
        "sealed in this org, and this agent gets access tokens from it. Any other agent has to ask you, "
        "too.</p>\n"
        "<form method=\"post\" action=\"{7}{8}\">\n"
        "<input type=\"hidden\" name=\"csrf_token\" value=\"{9}\">\n"
        "<p class=\"actions\">\n"
        "<button class=\"primary\" name=\"decision\" value=\"continue\">Continue</button>\n"
        "<button name=\"decision\" value=\"deny\">Deny</button>\n</p>\n</form>\n",
        shown(target.principal.name), server, shown(target.principal.id), shown(target.server.resource_url),
        issuer, shown(person.login), scopes, kInteract, core::html_escape(interaction.id),
        core::html_escape(*csrf));
    // IPv6 addresses cannot be written in a policy.
    return page(200, "Allow an agent to act for you?", body,
                endpoint->host.contains(':') ? "'self'" : endpoint->origin());
  }

  ServerResponse decide(const StsInteraction& interaction, const StsTarget& target,
                        const SignedIn& person) const {
    auto fields =
        net::media_type(request_.headers.get("Content-Type")) == "application/x-www-form-urlencoded" &&
                request_.body.size() <= kMaxForm
            ? net::parse_query(request_.body)
            : Result<net::Query>(net::Query{});
    const auto csrf = fields ? single(*fields, "csrf_token") : std::nullopt;
    if (!same_origin() || !csrf || !service_.vault->open(*csrf, csrf_context(interaction))) {
      return failed(403, "This form is not one of this page's",
                    "The form did not come from this page. Nothing was allowed.");
    }
    const auto decision = single(*fields, "decision");
    if (decision == "deny") return end(interaction, target, person, "access_denied");
    if (decision != "continue")
      return failed(400, "This is no decision", "The decision is neither continue nor deny.");
    auto link = start(interaction, target);
    if (!link) return link.error().kind == core::ErrorKind::not_found ? gone() : broken_inside();
    return go_to(*link);
  }

  // A state and a verifier of its own for each way to the external server; those before are no longer good.
  Result<std::string> start(const StsInteraction& interaction, const StsTarget& target) const {
    const std::string state = service_.random->token(32);
    const std::string verifier = service_.random->token(32);
    ASSIGN_OR_RETURN(const std::string sealed,
                     service_.vault->seal(verifier, interaction_context(interaction.id)));
    const core::Status done = service_.store->transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::interaction, interaction.id));
      if (!row)
        return core::fail(core::ErrorKind::not_found, "registry.sts.gone", "The interaction is over.");
      ASSIGN_OR_RETURN(auto held, read_sts_interaction(*row));
      held.state_hash = core::sha256_hex(state);
      held.sealed_verifier = sealed;
      held.asked = target.settings.scopes;
      Row next = to_row(held);
      return tx.update(next);
    });
    RETURN_IF_ERROR(done);
    net::Query query{{"response_type", "code"},
                     {"client_id", target.settings.client_id},
                     {"redirect_uri", service_.url(kStsCallback)},
                     {"state", state},
                     {"code_challenge", core::base64url_encode(core::sha256(verifier))},
                     {"code_challenge_method", "S256"},
                     {"resource", target.server.resource_url}};
    if (!target.settings.scopes.empty())
      query.emplace_back("scope", fmt::format("{}", fmt::join(target.settings.scopes, " ")));
    const std::string& endpoint = target.auth_server.authorization_endpoint;
    // RFC 6749 section 3.1: the endpoint may have a query, which is kept.
    const char separator = endpoint.contains('?') ? '&' : '?';
    return fmt::format("{}{}{}", endpoint, separator, net::encode_query(query));
  }

  // ---- The way back ----

  ServerResponse returned(const StsInteraction& interaction, const SignedIn& person, const std::string& hash,
                          const net::Query& query) const {
    // From here on the state is used, whatever comes of it.
    auto taken = take_state(interaction, hash);
    if (!taken) return broken_inside();
    if (!*taken) return gone();
    auto target = target_of(*service_.store, **taken);
    if (!target) return broken_inside();
    if (!*target) return not_usable();
    if (!issuer_is_right(**target, query)) return end(**taken, **target, person, "issuer_mismatch");
    if (std::ranges::count(query, "error", &net::Query::value_type::first) > 0) {
      const std::string error = oauth::clean_text(net::query_value(query, "error").value_or(""), 64);
      const std::string words = oauth::quoted(net::query_value(query, "error_description").value_or(""));
      return end(**taken, **target, person, error.empty() ? "error" : error, words);
    }
    const auto code = single(query, "code");
    if (!code || code->empty() || code->size() > kMaxCode)
      return end(**taken, **target, person, "code_missing");
    return exchange(**taken, **target, person, *code);
  }

  // RFC 9207 section 2.4: an iss that is there must be the issuer, and must be there if the server says so.
  static bool issuer_is_right(const StsTarget& target, const net::Query& query) {
    if (std::ranges::count(query, "iss", &net::Query::value_type::first) == 0)
      return !target.auth_server.iss_in_response;
    return single(query, "iss") == target.auth_server.issuer;
  }

  // nullopt when another request was faster.
  Result<std::optional<StsInteraction>> take_state(const StsInteraction& interaction,
                                                   const std::string& hash) const {
    std::optional<StsInteraction> taken;
    const core::Status done = service_.store->transaction([&](Transaction& tx) -> core::Status {
      taken.reset();
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::interaction, interaction.id));
      if (!row) return {};
      ASSIGN_OR_RETURN(auto held, read_sts_interaction(*row));
      if (!core::constant_time_equal(held.state_hash, hash)) return {};
      StsInteraction used = held;
      used.state_hash.clear();
      used.sealed_verifier.clear();
      Row next = to_row(used);
      RETURN_IF_ERROR(tx.update(next));
      taken = std::move(held);
      return {};
    });
    RETURN_IF_ERROR(done);
    return taken;
  }

  ServerResponse exchange(const StsInteraction& interaction, const StsTarget& target, const SignedIn& person,
                          const std::string& code) const {
    auto verifier = service_.vault->open(interaction.sealed_verifier, interaction_context(interaction.id));
    if (!verifier) return broken_inside();
    const WallTime asked_at = service_.now();
    const auto outcome = request_external_tokens(core::Context{.stop = request_.stop}, service_,
                                                 target.auth_server, target.settings,
                                                 {{"grant_type", "authorization_code"},
                                                  {"code", code},
                                                  {"redirect_uri", service_.url(kStsCallback)},
                                                  {"code_verifier", *verifier},
                                                  {"resource", target.server.resource_url}});
    core::wipe(*verifier);
    if (!outcome) {
      const TokenRefusal& refusal = outcome.error();
      return end(interaction, target, person, refusal.error, refusal.description);
    }
    // Sealed before the transaction: sealing may make a key, which is a write of its own.
    StsGrant grant{.id = grant_id(target.settings.id, interaction.user),
                   .settings = target.settings.id,
                   .user = interaction.user,
                   .server = target.server.id,
                   .issuer = target.settings.issuer,
                   .client_id = target.settings.client_id,
                   .asked = interaction.asked,
                   // RFC 6749 section 5.1: without a scope in the answer, what was asked for.
                   .scopes = interaction.asked};
    if (!take_tokens(service_, grant, *outcome, asked_at)) return broken_inside();
    const auto linked = service_.store->transaction(
        [&](Transaction& tx) { return link(tx, interaction, target, person, grant); });
    if (!linked) return broken_inside();
    return page(
        200, "Done",
        fmt::format(
            "<p class=\"notice\" role=\"status\">{} gave its permission. <strong>{}</strong> can use it "
            "now.</p>\n<p>Go back to your agent; you may close this page.</p>\n",
            shown(target.auth_server.issuer), shown(target.principal.name)));
  }

  core::Status link(Transaction& tx, const StsInteraction& interaction, const StsTarget& target,
                    const SignedIn& person, StsGrant grant) const {
    ASSIGN_OR_RETURN(const auto before, hold_grant(tx, grant.id));
    RETURN_IF_ERROR(next_state(state_of(before, interaction, interaction.principal, service_.now()),
                               GrantEvent::consented));
    if (before && before->is_for(target.settings)) grant.principals = before->principals;
    if (!grant.serves(interaction.principal)) grant.principals.push_back(interaction.principal);
    if (before) {
      // A refresh of the old tokens that is under way must not win.
      grant.generation = before->generation + 1;
      grant.created = before->created;
      grant.version = before->version;
    }
    Row row = to_row(grant);
    RETURN_IF_ERROR(before ? tx.update(row) : tx.insert(row));
    RETURN_IF_ERROR(tx.remove(Kind::interaction, interaction.id));
    Event event = event_of(target, person);
    event.targets.push_back({.id = grant.token_hash.substr(0, 24), .type = "access_token"});
    return tx.emit(std::move(event));
  }

  Event event_of(const StsTarget& target, const SignedIn& person) const {
    Event event{.type = "app.oauth2.token.oauth_sts.request_token",
                .actor = {.id = person.user_id, .type = "User", .name = person.login},
                .targets = event_targets(target)};
    event.debug["grantType"] = "authorization_code";
    return event;
  }

  // Without a grant; the agent's next request asks for consent anew.
  ServerResponse end(const StsInteraction& interaction, const StsTarget& target, const SignedIn& person,
                     const std::string& reason, const std::string& words = {}) const {
    const auto ended = service_.store->transaction([&](Transaction& tx) -> core::Status {
      RETURN_IF_ERROR(next_state(GrantState::consent_pending, GrantEvent::consent_ended));
      RETURN_IF_ERROR(tx.remove(Kind::interaction, interaction.id));
      Event event = event_of(target, person);
      event.success = false;
      event.reason = reason;
      if (!words.empty()) event.debug["description"] = words;
      return tx.emit(std::move(event));
    });
    if (!ended) return broken_inside();
    if (reason == "access_denied") {
      return page(
          200, "Not allowed",
          fmt::format(
              "<p class=\"notice\" role=\"status\"><strong>{}</strong> gets no access. You may close this "
              "page.</p>\n",
              shown(target.principal.name)));
    }
    return failed(
        502, "No permission was given",
        fmt::format("{} did not give a token: {}{}{}.",
                    core::shorten(core::clean(target.auth_server.issuer), 200), reason,
                    words.empty() ? "" : ": ", words),
        "Go back to your agent and try again. If it happens again, tell an administrator of this org "
        "what stands above.");
  }

  const Service& service_;
  const StsPages& pages_;
  const ServerRequest& request_;
};

}  // namespace

std::optional<ServerResponse> handle_sts_page(const Service& service, const StsPages& pages,
                                              const ServerRequest& request) {
  const ConsentPages consent(service, pages, request);
  if (request.path == kStsCallback) return consent.callback();
  if (request.path.starts_with(kInteract))
    return consent.interact(std::string_view(request.path).substr(kInteract.size()));
  return std::nullopt;
}

}  // namespace registry
