#include "admin/approval.h"

#include <fmt/format.h>
#include <sodium.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/random.h"
#include "core/seal.h"

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

// Each guess costs a quarter of a second and 64 MiB.
constexpr unsigned long long kOps = 4;
constexpr std::size_t kMemory = 64u << 20;

const std::string kPassphrase = "approval/passphrase";
const std::string kPlans = "plans/";
const std::string kReleases = "releases/";

// A plan is remembered that much longer, to say that it has expired.
constexpr std::chrono::hours kExpiredFor{1};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

struct KeyPair {
  std::string public_key;
  core::Secret secret_key;
};

core::Result<KeyPair> derive(const core::Secret& passphrase, std::string_view salt) {
  std::string seed(crypto_sign_SEEDBYTES, '\0');
  if (crypto_pwhash(bytes(seed), seed.size(), passphrase.reveal().data(), passphrase.reveal().size(),
                    bytes(salt), kOps, kMemory, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(ErrorKind::unavailable, "admin.approval.memory",
                "Checking a passphrase needs 64 MiB of memory.");
  }
  std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0');
  std::string secret_key(crypto_sign_SECRETKEYBYTES, '\0');
  crypto_sign_seed_keypair(bytes(public_key), bytes(secret_key), bytes(seed));
  core::wipe(seed);
  return KeyPair{std::move(public_key), core::Secret(std::move(secret_key))};
}

// The keys behind the passphrase, if it is the one that was set.
core::Result<KeyPair> unlock(const core::Secret& given, std::string_view salt, std::string_view public_key) {
  ASSIGN_OR_RETURN(KeyPair keys, derive(given, salt));
  if (!core::constant_time_equal(keys.public_key, public_key)) {
    return fail(ErrorKind::forbidden, "admin.approval.passphrase", "That is not the approval passphrase.");
  }
  return keys;
}

std::string signed_text(std::string_view digest, std::string_view expires) {
  return fmt::format("okta-mcp-server plan release\n{}\n{}", digest, expires);
}

// Ids come from the command line.
bool well_formed(std::string_view id) {
  return id.size() == 24 && id.starts_with("pln_") &&
         id.substr(4).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

struct Approvals::Passphrase {
  std::string salt;
  std::string public_key;
};

core::Result<Approvals::Passphrase> Approvals::passphrase() const {
  ASSIGN_OR_RETURN(auto record, state_->get(kPassphrase));
  if (!record && !passphrase_file_.empty()) {
    RETURN_IF_ERROR(take_over_file());
    ASSIGN_OR_RETURN(record, state_->get(kPassphrase));
  }
  if (!record) {
    return fail(ErrorKind::unauthenticated, "admin.approval.no_passphrase",
                "No approval passphrase has been set.",
                "Set one in a terminal: okta-mcp-server approve --set-passphrase");
  }
  ASSIGN_OR_RETURN(const auto document, json::parse(record->value));
  json::Reader in(document);
  ASSIGN_OR_RETURN(auto version, in.at("version").integer());
  if (version != 1) {
    return fail(ErrorKind::unsupported, "admin.approval.version",
                "The approval passphrase was set by a newer version of this program.");
  }
  ASSIGN_OR_RETURN(auto salt, in.at("salt").string());
  ASSIGN_OR_RETURN(auto public_key, in.at("public_key").string());
  auto raw_salt = core::base64url_decode(salt);
  auto raw_key = core::base64url_decode(public_key);
  if (!raw_salt || !raw_key || raw_salt->size() != crypto_pwhash_SALTBYTES ||
      raw_key->size() != crypto_sign_PUBLICKEYBYTES) {
    return fail(ErrorKind::invalid_input, "admin.approval.damaged", "The approval passphrase is damaged.",
                "Set the passphrase again: okta-mcp-server approve --set-passphrase");
  }
  return Passphrase{*raw_salt, *raw_key};
}

core::Status Approvals::take_over_file() const {
  ASSIGN_OR_RETURN(const auto content, core::read_file(passphrase_file_));
  if (!content) return {};
  RETURN_IF_ERROR(state_->put_if_absent(kPassphrase, *content, core::StateStore::kForever));
  return core::remove_file(passphrase_file_);
}

core::Result<bool> Approvals::passphrase_set() const {
  const auto present = passphrase();
  if (present) return true;
  if (present.error().code == "admin.approval.no_passphrase") return false;
  return std::unexpected(present.error());
}

core::Status Approvals::set_passphrase(const core::Secret& passphrase) {
  if (passphrase.reveal().size() < 8) {
    return fail(ErrorKind::invalid_input, "admin.approval.weak",
                "The passphrase has fewer than 8 characters.");
  }
  std::string salt(crypto_pwhash_SALTBYTES, '\0');
  core::system_random().fill({bytes(salt), salt.size()});
  ASSIGN_OR_RETURN(KeyPair keys, derive(passphrase, salt));
  json::Object record{{"version", 1},
                      {"salt", core::base64url_encode(salt)},
                      {"public_key", core::base64url_encode(keys.public_key)}};
  RETURN_IF_ERROR(state_->put(kPassphrase, json::write(record), core::StateStore::kForever));
  // Or it would come back, should the state be started anew.
  return passphrase_file_.empty() ? core::Status{} : core::remove_file(passphrase_file_);
}

core::Status Approvals::check_passphrase(const core::Secret& given) const {
  ASSIGN_OR_RETURN(const Passphrase set, passphrase());
  ASSIGN_OR_RETURN(const KeyPair keys, unlock(given, set.salt, set.public_key));
  return {};
}

core::Status Approvals::save(const Plan& plan) {
  json::Object record{{"version", 1},
                      {"id", plan.id()},
                      {"requests_digest", plan.requests_digest()},
                      {"text", plan.text()},
                      {"expires", core::to_rfc3339(clock_->now() + kPendingFor)}};
  return state_->put(kPlans + plan.id(), json::write(record), kPendingFor + kExpiredFor);
}

core::Result<PendingPlan> Approvals::load(const std::string& id) const {
  auto unknown = [&] {
    return fail(
        ErrorKind::not_found, "admin.approval.unknown", fmt::format("There is no plan \"{}\".", id),
        "Plan ids look like pln_0123456789abcdef0123; `okta-mcp-server approve` lists those that wait.");
  };
  if (!well_formed(id)) return unknown();
  ASSIGN_OR_RETURN(const auto record, state_->get(kPlans + id));
  if (!record) return unknown();
  ASSIGN_OR_RETURN(const auto document, json::parse(record->value));
  json::Reader in(document);
  PendingPlan plan{.id = id};
  ASSIGN_OR_RETURN(auto requests, in.at("requests_digest").string());
  ASSIGN_OR_RETURN(plan.text, in.at("text").string());
  // Computed from the text that will be shown: a file whose text was swapped is another plan.
  plan.digest = digest_of(requests, plan.text);
  if (auto at = plan.text.rfind(Plan::kOrgLine); at != std::string::npos) {
    plan.org = plan.text.substr(at + Plan::kOrgLine.size());
  }
  ASSIGN_OR_RETURN(auto expires, in.at("expires").string());
  ASSIGN_OR_RETURN(plan.expires, core::parse_rfc3339(expires));
  if (plan.digest.substr(0, 20) != id.substr(4)) return unknown();
  if (plan.expires <= clock_->now()) {
    return fail(ErrorKind::conflict, "admin.approval.expired",
                fmt::format("Plan {} expired at {}.", id, expires),
                "Ask for the change again; a new plan is made.");
  }
  return plan;
}

core::Result<std::vector<PendingPlan>> Approvals::pending() const {
  ASSIGN_OR_RETURN(const auto records, state_->list(kPlans));
  std::vector<PendingPlan> plans;
  for (const auto& record : records) {
    if (auto plan = load(record.key.substr(kPlans.size()))) plans.push_back(*std::move(plan));
  }
  return plans;
}

core::Status Approvals::release(const std::string& id, const core::Secret& given) {
  ASSIGN_OR_RETURN(PendingPlan plan, load(id));
  ASSIGN_OR_RETURN(const Passphrase set, passphrase());
  ASSIGN_OR_RETURN(const KeyPair keys, unlock(given, set.salt, set.public_key));
  std::string expires = core::to_rfc3339(clock_->now() + kReleasedFor);
  std::string message = signed_text(plan.digest, expires);
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(bytes(signature), nullptr, bytes(message), message.size(),
                       bytes(std::string_view(keys.secret_key.reveal())));
  json::Object release{{"version", 1},
                       {"digest", plan.digest},
                       {"expires", expires},
                       {"signature", core::base64url_encode(signature)}};
  return state_->put(kReleases + id, json::write(release), kReleasedFor);
}

core::Result<bool> Approvals::take_release(const Plan& plan) {
  ASSIGN_OR_RETURN(const auto release, state_->get(kReleases + plan.id()));
  if (!release) return false;
  // The single use: of all that ask, one removes it. Only then is it looked at, so that a forged one is gone
  // too.
  ASSIGN_OR_RETURN(const bool mine, state_->remove_if_version(release->key, release->version));
  if (!mine) return false;
  RETURN_IF_ERROR(state_->remove(kPlans + plan.id()));
  ASSIGN_OR_RETURN(const auto document, json::parse(release->value));
  json::Reader in(document);
  ASSIGN_OR_RETURN(auto digest, in.at("digest").string());
  ASSIGN_OR_RETURN(auto expires, in.at("expires").string());
  ASSIGN_OR_RETURN(auto signature_text, in.at("signature").string());
  ASSIGN_OR_RETURN(const Passphrase set, passphrase());
  ASSIGN_OR_RETURN(auto expiry, core::parse_rfc3339(expires));
  auto signature = core::base64url_decode(signature_text);
  std::string message = signed_text(digest, expires);
  return signature && signature->size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(bytes(std::string_view(*signature)), bytes(message), message.size(),
                                     bytes(std::string_view(set.public_key))) == 0 &&
         core::constant_time_equal(digest, plan.digest()) && expiry > clock_->now();
}

}  // namespace admin
