#include "mcp/session_token.h"

#include <fmt/format.h>

#include "core/encoding.h"
#include "core/json.h"
#include "core/text.h"

namespace mcp {
namespace {

using core::json::Object;

constexpr std::size_t kMaxId = 2048;
constexpr std::size_t kMaxName = 64;  // characters of the client's name and version that travel along

std::string context_of(std::string_view principal) {
  return fmt::format("mcp.session\n{}", principal);
}

// In this order for ever: other instances may run another version.
constexpr bool ClientAbilities::* kAbilities[] = {
    &ClientAbilities::form,           &ClientAbilities::url,   &ClientAbilities::sampling,
    &ClientAbilities::sampling_tools, &ClientAbilities::roots, &ClientAbilities::tasks};

std::int64_t write_abilities(const ClientAbilities& abilities) {
  std::int64_t bits = 0;
  for (std::size_t i = 0; i < std::size(kAbilities); ++i) {
    if (abilities.*kAbilities[i]) bits |= std::int64_t{1} << i;
  }
  return bits;
}

ClientAbilities read_abilities(std::int64_t bits) {
  ClientAbilities abilities;
  for (std::size_t i = 0; i < std::size(kAbilities); ++i) abilities.*kAbilities[i] = ((bits >> i) & 1) != 0;
  return abilities;
}

core::Result<SessionToken> read_token(const core::json::Value& value) {
  core::json::Reader in(value);
  SessionToken token;
  ASSIGN_OR_RETURN(token.nonce, in.at("n").string());
  ASSIGN_OR_RETURN(auto issued, in.at("t").integer());
  ASSIGN_OR_RETURN(auto revision, in.at("r").string());
  ASSIGN_OR_RETURN(auto abilities, in.at("a").integer());
  ASSIGN_OR_RETURN(token.handshake.client.name, in.at("c").string());
  ASSIGN_OR_RETURN(token.handshake.client.version, in.at("v").string());
  auto known = parse_revision(revision);
  if (!known || is_modern(*known)) {
    return core::fail(core::ErrorKind::unsupported, "mcp.session.revision", "The revision is none of ours.");
  }
  token.issued = core::WallTime{std::chrono::milliseconds{issued}};
  token.handshake.revision = *known;
  token.handshake.abilities = read_abilities(abilities);
  return token;
}

}  // namespace

std::string seal_session(const core::Sealer& sealer, const SessionToken& token, std::string_view principal) {
  Object content{{"n", token.nonce},
                 {"t", token.issued.time_since_epoch().count()},
                 {"r", to_string(token.handshake.revision)},
                 {"a", write_abilities(token.handshake.abilities)},
                 {"c", core::shorten(token.handshake.client.name, kMaxName)},
                 {"v", core::shorten(token.handshake.client.version, kMaxName)}};
  std::string text;
  core::json::append(text, content);
  return core::base64url_encode(sealer.seal(text, context_of(principal)));
}

std::optional<SessionToken> open_session(const core::Sealer& sealer, std::string_view id,
                                         std::string_view principal) {
  if (id.size() > kMaxId) return std::nullopt;
  auto sealed = core::base64url_decode(id);
  if (!sealed) return std::nullopt;
  auto text = sealer.open(*sealed, context_of(principal));
  if (!text) return std::nullopt;
  auto value = core::json::parse(*text);
  if (!value) return std::nullopt;
  auto token = read_token(*value);
  if (!token) return std::nullopt;
  return *std::move(token);
}

}  // namespace mcp
