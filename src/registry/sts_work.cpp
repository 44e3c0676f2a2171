// The vault's keys change, and consents that nobody gave pile up: the recurring work of the STS broker.
#include <array>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "core/json.h"
#include "registry/service.h"
#include "registry/sts.h"
#include "registry/sts_grant.h"
#include "registry/vault.h"

namespace registry {
namespace {

constexpr std::chrono::hours kResealEvery{24};
constexpr std::chrono::minutes kSweepEvery{10};
constexpr std::size_t kPageRows = 100;

// Where sealed texts lie: a member of the body, and the context that they are bound to.
struct SealedPart {
  Kind kind;
  std::string_view member;
  std::string_view before;  // the id, in the context
  std::string_view behind;
};
constexpr std::array<SealedPart, 7> kSealed{{
    {Kind::client_auth_settings, "sealedSecret", "client-auth-settings/", ""},
    {Kind::client_auth_settings, "sealedRegistrationToken", "client-auth-settings/", "/registration"},
    {Kind::vault_secret, "sealed", "vault-secret/", ""},
    {Kind::service_account, "sealedPassword", "service-account/", ""},
    {Kind::grant, "sealed", "sts-grant/", ""},
    {Kind::identity_provider, "sealed_secret", "identity-provider/", ""},
    {Kind::signing_key, "sealed", "signing-key/", ""},
}};

// The name of the key that sealed it.
std::string_view key_of(std::string_view sealed) {
  return sealed.substr(0, sealed.find('.'));
}

core::Status reseal(const Service& service, const SealedPart& part, std::string_view newest,
                    const std::string& id) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto row, tx.hold(part.kind, id));
    if (!row) return {};
    const std::string sealed(core::json::string_or_empty(row->body, part.member));
    if (sealed.empty() || key_of(sealed) == newest) return {};
    const std::string context = fmt::format("{}{}{}", part.before, id, part.behind);
    auto text = service.vault->open(sealed, context);
    // One that no key opens any more stays as it is, and does not keep the others from a new key.
    if (!text && (text.error().code == "core.keys.foreign" || text.error().code == "core.seal.broken"))
      return {};
    if (!text) return std::unexpected(std::move(text).error());
    auto again = service.vault->seal(*text, context);
    core::wipe(*text);
    if (!again) return std::unexpected(std::move(again).error());
    row->body[part.member] = *again;
    return tx.update(*row);
  });
}

// "2:ID": the row of the table, and the last id of the page before.
struct Place {
  std::size_t part = 0;
  std::string after{};
};
Place read_place(const std::string& text) {
  Place place;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place.part);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ':') return {};
  place.after.assign(end + 1, text.data() + text.size());
  return place;
}

core::Status do_reseal(const core::Context& context, const Service& service, const Work& work) {
  std::string after(core::json::string_or_empty(work.body, "after"));
  RETURN_IF_ERROR(reseal_page(service, after));
  Work next{.id = work.id, .kind = work.kind, .subject = work.subject, .body = {}};
  next.due = service.now();
  if (after.empty())
    next.due += kResealEvery;
  else
    next.body["after"] = after;
  if (context.cancelled()) return {};
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.finish(work));
    return tx.schedule(next);
  });
}

// Interactions whose time is over.
core::Status sweep_page(const Service& service, std::string& after) {
  ASSIGN_OR_RETURN(const auto rows,
                   service.store->list({.kind = Kind::interaction, .after = after, .limit = kPageRows}));
  after = rows.size() < kPageRows ? "" : rows.back().id;
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const auto seen, read_sts_interaction(row));
    if (seen.expires > service.now()) continue;
    RETURN_IF_ERROR(service.store->transaction(
        [&](Transaction& tx) -> core::Status { return tx.remove(Kind::interaction, seen.id); }));
  }
  return {};
}

core::Status do_sweep(const core::Context& context, const Service& service, const Work& work) {
  std::string after;
  do {
    RETURN_IF_ERROR(sweep_page(service, after));
  } while (!after.empty() && !context.cancelled());
  Work next{.id = work.id, .kind = work.kind, .subject = work.subject, .due = service.now() + kSweepEvery};
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.finish(work));
    return tx.schedule(next);
  });
}

}  // namespace

core::Status reseal_page(const Service& service, std::string& after) {
  const Place place = read_place(after);
  after.clear();
  if (place.part >= kSealed.size()) return {};
  // Sealing makes a new key when the old one's time is over.
  ASSIGN_OR_RETURN(const std::string sample, service.vault->seal("", "reseal"));
  const SealedPart& part = kSealed.at(place.part);
  ASSIGN_OR_RETURN(const auto rows,
                   service.store->list({.kind = part.kind, .after = place.after, .limit = kPageRows}));
  for (const Row& row : rows) {
    const std::string_view sealed = core::json::string_or_empty(row.body, part.member);
    if (sealed.empty() || key_of(sealed) == key_of(sample)) continue;
    RETURN_IF_ERROR(reseal(service, part, key_of(sample), row.id));
  }
  if (rows.size() == kPageRows) {
    after = fmt::format("{}:{}", place.part, rows.back().id);
  } else if (place.part + 1 < kSealed.size()) {
    after = fmt::format("{}:", place.part + 1);
  }
  return {};
}

void add_sts_work(WorkHandlers& handlers) {
  handlers["reseal"] = do_reseal;
  handlers["sts-sweep"] = do_sweep;
}

core::Status schedule_sts_work(const Service& service) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(
        tx.schedule({.id = "reseal/all", .kind = "reseal", .subject = "all", .due = service.now()}));
    return tx.schedule({.id = "sts-sweep/all", .kind = "sts-sweep", .subject = "all", .due = service.now()});
  });
}

}  // namespace registry
