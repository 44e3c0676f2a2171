#include "authserver/device_authorization.h"

#include <cctype>

#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "core/json.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;
using core::Status;
using core::WallTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

// RFC 8628 section 6.1: consonants only, so that no words come out; 8 of 20 give 34 bits for 10 minutes.
constexpr std::string_view kUserCodeLetters = "BCDFGHJKLMNPQRSTVWXZ";
constexpr std::size_t kUserCodeLength = 8;
// A polling client that sleeps for the interval exactly may arrive a little early.
constexpr milliseconds kPollTolerance{1000};
// RFC 8628 section 3.5: slow_down adds five seconds for good.
constexpr seconds kSlowDown{5};
// Records outlive the code, so that a late poll hears expired_token and not that the code never was.
constexpr seconds kRemember{3600};
constexpr int kRaceTries = 8;

enum class State { pending, approved, denied, redeemed };

struct DeviceCode {
  State state = State::pending;
  std::int64_t expires_at = 0;    // milliseconds since 1970
  std::int64_t next_poll = 0;     // before that, slow_down
  std::int64_t interval = 0;      // seconds
  Authorization authorization{};  // the person's part is there once approved
};

std::int64_t to_ms(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_ms(std::int64_t ms) {
  return WallTime{milliseconds{ms}};
}

std::string write(const DeviceCode& code) {
  return core::json::write(object{{"state", static_cast<int>(code.state)},
                                  {"expires_at", code.expires_at},
                                  {"next_poll", code.next_poll},
                                  {"interval", code.interval},
                                  {"authorization", to_json(code.authorization)}});
}

Result<DeviceCode> read(const Record& record) {
  auto value = core::json::parse(record.value);
  if (!value) return problem("server_error");
  core::json::Reader in(*value);
  auto state = in.at("state").integer_in(0, 3);
  auto expires_at = in.at("expires_at").integer();
  auto next_poll = in.at("next_poll").integer();
  auto interval = in.at("interval").integer();
  const auto* inner = in.at("authorization").value();
  auto authorization = inner ? authorization_from_json(*inner) : std::nullopt;
  if (!state || !expires_at || !next_poll || !interval || !authorization) return problem("server_error");
  return DeviceCode{.state = static_cast<State>(*state),
                    .expires_at = *expires_at,
                    .next_poll = *next_poll,
                    .interval = *interval,
                    .authorization = *std::move(authorization)};
}

std::string make_user_code(core::Random& random) {
  std::string code;
  while (code.size() < kUserCodeLength) {
    unsigned char byte = 0;
    random.fill({&byte, 1});
    if (byte < 240)
      code += kUserCodeLetters[byte % 20];  // 240 = 12 * 20: the rest would favour the first letters
  }
  return code;
}

std::string canonical(std::string_view typed) {
  std::string code;
  for (char c : typed.substr(0, 64)) {
    if (c != ' ' && c != '-') code += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return code;
}

struct Found {
  std::string key;
  Record record;
  DeviceCode code;
};

Result<Found> find_by_user_code(const Server& server, std::string_view typed) {
  WallTime now = server.now();
  ASSIGN_OR_RETURN(auto link, server.store->find(RecordKind::user_code, canonical(typed), now));
  if (!link) return problem("invalid_user_code");
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::device_code, link->value, now));
  if (!record) return problem("invalid_user_code");
  ASSIGN_OR_RETURN(DeviceCode code, read(*record));
  if (code.state != State::pending || now >= from_ms(code.expires_at)) return problem("invalid_user_code");
  return Found{link->value, *std::move(record), std::move(code)};
}

// A poll may write between our read and our write; then the record is read anew. A second decision is refused
// by the read, because the state is no longer pending.
template <class Change>
Status decide(const Server& server, std::string_view user_code, Change change) {
  for (int i = 0; i < kRaceTries; ++i) {
    ASSIGN_OR_RETURN(Found found, find_by_user_code(server, user_code));
    change(found.code);
    ASSIGN_OR_RETURN(bool written,
                     server.store->compare_and_set(RecordKind::device_code, found.key, found.record.version,
                                                   write(found.code), found.record.expires_at, server.now()));
    if (written) return {};
  }
  return problem("server_error");
}

class DeviceCodeGrant final : public Grant {
 public:
  std::string_view type() const override { return kDeviceCode; }

  Result<object> redeem(const GrantCall& call) const override {
    auto device_code = call.form.get("device_code");
    if (!device_code) return problem("missing_token_request_parameter", {"device_code"});
    std::string key = hash_secret(*device_code);
    for (int i = 0; i < kRaceTries; ++i) {
      ASSIGN_OR_RETURN(auto record, call.server.store->find(RecordKind::device_code, key, call.server.now()));
      if (!record) return problem("invalid_device_code");
      ASSIGN_OR_RETURN(DeviceCode code, read(*record));
      std::string_view answer = step(call, code);
      ASSIGN_OR_RETURN(bool written, call.server.store->compare_and_set(
                                         RecordKind::device_code, key, record->version, write(code),
                                         record->expires_at, call.server.now()));
      if (!written) continue;
      if (!answer.empty()) return problem(answer);
      return token_answer(call, code.authorization, code.authorization.scopes);
    }
    return problem("server_error");
  }

 private:
  // What this poll is told (empty: a token), and what it does to the code.
  static std::string_view step(const GrantCall& call, DeviceCode& code) {
    WallTime now = call.server.now();
    if (code.authorization.client_id != call.client.id || code.state == State::redeemed)
      return "invalid_device_code";
    if (now >= from_ms(code.expires_at)) return "expired_token";
    if (code.state == State::denied) return "access_denied";
    if (code.state == State::approved) {
      code.state = State::redeemed;
      return "";
    }
    bool early = now < from_ms(code.next_poll);
    if (early) code.interval += kSlowDown.count();
    code.next_poll = to_ms(now + seconds{code.interval} - kPollTolerance);
    return early ? "slow_down" : "authorization_pending";
  }
};

}  // namespace

std::shared_ptr<const Grant> device_code_grant() {
  return std::make_shared<DeviceCodeGrant>();
}

Result<object> start_device_authorization(const Server& server, const Client& client, const Form& form) {
  ASSIGN_OR_RETURN(auto scopes, scopes_for_user(server, client, form.get("scope").value_or("")));
  const Settings& settings = server.settings;
  WallTime now = server.now();
  WallTime expires_at = now + settings.device_code_lifetime;
  std::string device_code = server.random->uuid();
  std::string key = hash_secret(device_code);
  DeviceCode code{.expires_at = to_ms(expires_at),
                  .next_poll = to_ms(now),
                  .interval = settings.device_interval.count(),
                  .authorization = {.client_id = client.id, .scopes = std::move(scopes)}};
  ASSIGN_OR_RETURN(bool written, server.store->compare_and_set(RecordKind::device_code, key, 0, write(code),
                                                               expires_at + kRemember, now));
  if (!written) return problem("server_error");
  for (int i = 0; i < kRaceTries; ++i) {
    std::string user_code = make_user_code(*server.random);
    ASSIGN_OR_RETURN(bool unique, server.store->compare_and_set(RecordKind::user_code, user_code, 0, key,
                                                                expires_at, now));
    if (!unique) continue;
    std::string page = settings.issuer + "/activate";
    std::string page_with_code = page;
    page_with_code.append("?user_code=").append(user_code);
    return object{{"device_code", device_code},
                  {"user_code", user_code},
                  {"verification_uri", page},
                  {"verification_uri_complete", page_with_code},
                  {"expires_in", settings.device_code_lifetime.count()},
                  {"interval", settings.device_interval.count()}};
  }
  return problem("server_error");
}

Result<PendingDevice> find_pending_device(const Server& server, std::string_view user_code) {
  ASSIGN_OR_RETURN(Found found, find_by_user_code(server, user_code));
  const Authorization& who = found.code.authorization;
  ASSIGN_OR_RETURN(auto client, server.store->find_client(who.client_id));
  if (!client) return problem("invalid_user_code");
  return PendingDevice{canonical(user_code), client->id, client->name, who.scopes};
}

Status approve_device(const Server& server, std::string_view user_code, const User& user) {
  return decide(server, user_code, [&](DeviceCode& code) {
    code.state = State::approved;
    code.authorization.user_id = user.id;
    code.authorization.login = user.login;
    code.authorization.auth_time = core::to_unix_seconds(server.now());
  });
}

Status deny_device(const Server& server, std::string_view user_code) {
  return decide(server, user_code, [](DeviceCode& code) { code.state = State::denied; });
}

}  // namespace authserver
