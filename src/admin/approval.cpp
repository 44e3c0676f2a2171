#include "admin/approval.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

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

struct PassphraseRecord {
  std::string salt;
  std::string public_key;
};

core::Result<PassphraseRecord> load_record(const std::string& dir) {
  ASSIGN_OR_RETURN(auto content, core::read_file(dir + "/approval.json"));
  if (!content) {
    return fail(ErrorKind::unauthenticated, "admin.approval.no_passphrase",
                "No approval passphrase has been set.",
                "Set one in a terminal: okta-mcp-server approve --set-passphrase");
  }
  ASSIGN_OR_RETURN(auto document, json::parse(*content));
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
    return fail(ErrorKind::invalid_input, "admin.approval.damaged",
                "The approval passphrase file is damaged.",
                "Set the passphrase again: okta-mcp-server approve --set-passphrase");
  }
  return PassphraseRecord{*raw_salt, *raw_key};
}

// The keys behind the passphrase, if it is the one that was set.
core::Result<KeyPair> unlock(const std::string& dir, const core::Secret& passphrase) {
  ASSIGN_OR_RETURN(PassphraseRecord record, load_record(dir));
  ASSIGN_OR_RETURN(KeyPair keys, derive(passphrase, record.salt));
  if (!core::constant_time_equal(keys.public_key, record.public_key)) {
    return fail(ErrorKind::forbidden, "admin.approval.passphrase", "That is not the approval passphrase.");
  }
  return keys;
}

std::string signed_text(std::string_view digest, std::string_view expires) {
  return fmt::format("okta-mcp-server plan release\n{}\n{}", digest, expires);
}

// Ids come from the command line: they must not lead out of the directory.
bool well_formed(std::string_view id) {
  return id.size() == 24 && id.starts_with("pln_") &&
         id.substr(4).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string Approvals::plan_file(const std::string& id) const {
  return dir_ + "/plans/" + id + ".json";
}
std::string Approvals::release_file(const std::string& id) const {
  return dir_ + "/plans/" + id + ".release";
}

bool Approvals::passphrase_set() const {
  return load_record(dir_).has_value();
}

core::Status Approvals::set_passphrase(const core::Secret& passphrase) {
  if (passphrase.reveal().size() < 8) {
    return fail(ErrorKind::invalid_input, "admin.approval.weak",
                "The passphrase has fewer than 8 characters.");
  }
  RETURN_IF_ERROR(core::make_private_directory(dir_));
  std::string salt(crypto_pwhash_SALTBYTES, '\0');
  core::system_random().fill({bytes(salt), salt.size()});
  ASSIGN_OR_RETURN(KeyPair keys, derive(passphrase, salt));
  json::Object record{{"version", 1},
                      {"salt", core::base64url_encode(salt)},
                      {"public_key", core::base64url_encode(keys.public_key)}};
  return core::write_file_atomically(dir_ + "/approval.json", json::write(record));
}

core::Status Approvals::check_passphrase(const core::Secret& passphrase) const {
  ASSIGN_OR_RETURN(KeyPair keys, unlock(dir_, passphrase));
  return {};
}

core::Status Approvals::save(const Plan& plan) {
  RETURN_IF_ERROR(core::make_private_directory(dir_ + "/plans"));
  json::Object record{{"version", 1},
                      {"id", plan.id()},
                      {"requests_digest", plan.requests_digest()},
                      {"text", plan.text()},
                      {"expires", core::to_rfc3339(clock_->now() + kPendingFor)}};
  return core::write_file_atomically(plan_file(plan.id()), json::write(record));
}

core::Result<PendingPlan> Approvals::load(const std::string& id) const {
  auto unknown = [&] {
    return fail(
        ErrorKind::not_found, "admin.approval.unknown", fmt::format("There is no plan \"{}\".", id),
        "Plan ids look like pln_0123456789abcdef0123; `okta-mcp-server approve` lists those that wait.");
  };
  if (!well_formed(id)) return unknown();
  ASSIGN_OR_RETURN(auto content, core::read_file(plan_file(id)));
  if (!content) return unknown();
  ASSIGN_OR_RETURN(auto document, json::parse(*content));
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

std::vector<PendingPlan> Approvals::pending() const {
  std::vector<PendingPlan> plans;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/plans", error)) {
    if (entry.path().extension() != ".json") continue;
    if (auto plan = load(entry.path().stem().string())) plans.push_back(*std::move(plan));
  }
  return plans;
}

core::Status Approvals::release(const std::string& id, const core::Secret& passphrase) {
  ASSIGN_OR_RETURN(PendingPlan plan, load(id));
  ASSIGN_OR_RETURN(KeyPair keys, unlock(dir_, passphrase));
  std::string expires = core::to_rfc3339(clock_->now() + kReleasedFor);
  std::string message = signed_text(plan.digest, expires);
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(bytes(signature), nullptr, bytes(message), message.size(),
                       bytes(std::string_view(keys.secret_key.reveal())));
  json::Object release{{"version", 1},
                       {"digest", plan.digest},
                       {"expires", expires},
                       {"signature", core::base64url_encode(signature)}};
  return core::write_file_atomically(release_file(id), json::write(release));
}

core::Result<bool> Approvals::take_release(const Plan& plan) {
  std::string file = release_file(plan.id());
  std::string taken = file + "." + core::system_random().alphanumeric(12) + ".used";
  // The rename is the single use: of two processes, one finds the file gone.
  if (std::rename(file.c_str(), taken.c_str()) != 0) {
    if (errno == ENOENT) return false;
    return fail(ErrorKind::unavailable, "admin.approval.io",
                fmt::format("The release in {} cannot be used.", file));
  }
  auto content = core::read_file(taken);
  RETURN_IF_ERROR(core::remove_file(taken));
  RETURN_IF_ERROR(core::remove_file(plan_file(plan.id())));
  if (!content || !*content) return false;
  ASSIGN_OR_RETURN(auto document, json::parse(**content));
  json::Reader in(document);
  ASSIGN_OR_RETURN(auto digest, in.at("digest").string());
  ASSIGN_OR_RETURN(auto expires, in.at("expires").string());
  ASSIGN_OR_RETURN(auto signature_text, in.at("signature").string());
  ASSIGN_OR_RETURN(PassphraseRecord record, load_record(dir_));
  ASSIGN_OR_RETURN(auto expiry, core::parse_rfc3339(expires));
  auto signature = core::base64url_decode(signature_text);
  std::string message = signed_text(digest, expires);
  return signature && signature->size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(bytes(std::string_view(*signature)), bytes(message), message.size(),
                                     bytes(std::string_view(record.public_key))) == 0 &&
         core::constant_time_equal(digest, plan.digest()) && expiry > clock_->now();
}

}  // namespace admin
