#include "registry/revocation.h"

#include <string>

namespace registry {
namespace {

constexpr std::string_view kUntil = "until";  // milliseconds

core::Result<core::WallTime> until_of(const Row& row) {
  const auto* until = row.body.if_contains(kUntil);
  if (until == nullptr || !until->is_int64())
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      "The stored revocation of " + row.id + " cannot be read.",
                      "Another program wrote it, or the database is damaged; restore a backup.");
  return core::WallTime{std::chrono::milliseconds{until->get_int64()}};
}

}  // namespace

core::Status revoke_tokens_of(Transaction& tx, const Service& /*service*/, std::string_view client_id,
                              core::WallTime issued_before) {
  ASSIGN_OR_RETURN(auto row, tx.hold(Kind::revocation, client_id));
  if (row) {
    ASSIGN_OR_RETURN(const core::WallTime until, until_of(*row));
    if (until >= issued_before) return {};
    row->body[kUntil] = issued_before.time_since_epoch().count();
    return tx.update(*row);
  }
  Row made{.kind = Kind::revocation, .id = std::string(client_id)};
  made.body[kUntil] = issued_before.time_since_epoch().count();
  return tx.insert(made);
}

core::Result<bool> is_revoked(Reader& reader, std::span<const std::string> subjects, core::WallTime issued) {
  for (const std::string& subject : subjects) {
    if (subject.empty()) continue;
    ASSIGN_OR_RETURN(const auto row, reader.get(Kind::revocation, subject));
    if (!row) continue;
    ASSIGN_OR_RETURN(const core::WallTime until, until_of(*row));
    if (issued <= until) return true;
  }
  return false;
}

}  // namespace registry
