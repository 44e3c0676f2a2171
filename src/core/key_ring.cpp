#include "core/key_ring.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/json.h"

namespace core {
namespace {

constexpr std::size_t kKeyBytes = 32;
// Clocks of machines differ a little.
constexpr std::chrono::hours kSlack{1};

Secret new_key(Random& random) {
  std::string bytes(kKeyBytes, '\0');
  random.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  return Secret(std::move(bytes));
}

std::string name_of(const Secret& key) {
  std::string digested = "okta-mcp shared key\n" + key.reveal();
  std::string name = sha256_hex(digested).substr(0, 16);
  wipe(digested);
  return name;
}

std::unexpected<Error> other_guard(std::string_view store) {
  return fail(ErrorKind::unauthenticated, "core.keys.guard",
              fmt::format("The keys in {} are sealed with a key file other than this instance's.", store),
              "Give every instance the same OKTA_MCP_KEY_FILE.");
}

}  // namespace

KeyRing::KeyRing(StateStore& store, Clock& clock, KeyRingOptions options, Random& random)
    : store_(&store), clock_(&clock), options_(std::move(options)), random_(random) {}

KeyRing::KeyRing() : store_(nullptr), clock_(nullptr), random_(system_random()) {
  Secret bytes = new_key(random_);
  std::string name = name_of(bytes);
  auto sealer = Sealer::create(std::move(bytes));
  keys_.push_back(std::make_shared<const Key>(Key{.name = std::move(name), .sealer = *std::move(sealer)}));
}

std::unique_ptr<KeyRing> KeyRing::ephemeral() {
  return std::unique_ptr<KeyRing>(new KeyRing);
}

KeyRing::Keys KeyRing::known() const {
  std::lock_guard lock(mutex_);
  return keys_;
}

Result<std::shared_ptr<const KeyRing::Key>> KeyRing::read(const StateRecord& record) const {
  ASSIGN_OR_RETURN(const auto value, json::parse(record.value));
  const json::Reader in(value);
  ASSIGN_OR_RETURN(const auto number, in.at("number").integer());
  ASSIGN_OR_RETURN(const auto created, in.at("created_ms").integer());
  ASSIGN_OR_RETURN(const auto guarded, in.at("guarded").boolean());
  ASSIGN_OR_RETURN(const auto text, in.at("key").string());
  auto bytes = base64url_decode(text);
  if (!bytes) return fail(ErrorKind::protocol, "core.seal.broken", "A key in the shared state is damaged.");
  if (guarded) {
    auto opened = options_.guard ? options_.guard->open(*bytes, record.key)
                                 : fail(ErrorKind::unauthenticated, "core.seal.key", "no guard");
    if (!opened) return other_guard(store_->where());
    bytes = *std::move(opened);
  }
  Secret key(*std::move(bytes));
  std::string name = name_of(key);
  ASSIGN_OR_RETURN(auto sealer, Sealer::create(std::move(key)));
  return std::make_shared<const Key>(Key{.name = std::move(name),
                                         .sealer = std::move(sealer),
                                         .number = number,
                                         .created = WallTime{std::chrono::milliseconds{created}},
                                         .guarded = guarded});
}

Result<KeyRing::Keys> KeyRing::load() {
  ASSIGN_OR_RETURN(const auto records, store_->list(fmt::format("keys/{}/", options_.name)));
  Keys keys;
  keys.reserve(records.size());
  for (const auto& record : records) {
    ASSIGN_OR_RETURN(auto key, read(record));
    keys.push_back(std::move(key));
  }
  std::ranges::sort(keys, {}, [](const auto& key) { return key->number; });
  std::lock_guard lock(mutex_);
  keys_ = keys;
  return keys;
}

// A key that lies in the clear seals nothing more once there is a guard.
bool KeyRing::may_seal(const Key& key) const {
  if (store_ == nullptr) return true;
  return key.guarded == guarded() && clock_->now() < key.created + options_.seals_for;
}

Status KeyRing::make(std::int64_t number) {
  Secret key = new_key(random_);
  const std::string record = fmt::format("keys/{}/{:08}", options_.name, number);
  std::string stored = options_.guard ? options_.guard->seal(key.reveal(), record) : key.reveal();
  json::Object value{{"number", number},
                     {"created_ms", clock_->now().time_since_epoch().count()},
                     {"guarded", guarded()},
                     {"key", base64url_encode(stored)}};
  wipe(stored);
  std::string text = json::write(value);
  // kForever and a little more would overflow nothing, but is capped all the same.
  auto put = store_->put_if_absent(record, text, options_.seals_for + options_.opens_for + kSlack);
  wipe(text);
  if (!put) return std::unexpected(std::move(put).error());
  return {};
}

Result<std::shared_ptr<const KeyRing::Key>> KeyRing::sealing_key() {
  Keys keys = known();
  if (!keys.empty() && may_seal(*keys.back())) return keys.back();
  // Of several instances that come here at once, one makes the key and all find it.
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSIGN_OR_RETURN(keys, load());
    if (!keys.empty() && may_seal(*keys.back())) return keys.back();
    if (auto made = make(keys.empty() ? 1 : keys.back()->number + 1); !made) {
      // Where the store cannot be changed now (it is away, or in a transaction of this thread's), a key that
      // is due to be replaced seals a little longer.
      if (!keys.empty() && keys.back()->guarded == guarded()) return keys.back();
      return std::unexpected(std::move(made).error());
    }
  }
  return fail(
      ErrorKind::internal, "core.keys.none",
      fmt::format("No key of {} can be used for sealing: the clocks of the instances differ too much.",
                  store_->where()),
      "Set the machines' clocks by NTP.");
}

Result<std::string> KeyRing::seal(std::string_view plaintext, std::string_view context) {
  ASSIGN_OR_RETURN(const auto key, sealing_key());
  return key->name + "." + base64url_encode(key->sealer.seal(plaintext, context));
}

Result<std::string> KeyRing::open(std::string_view sealed, std::string_view context) {
  const auto dot = sealed.find('.');
  const auto bytes = dot == std::string_view::npos ? std::nullopt : base64url_decode(sealed.substr(dot + 1));
  if (!bytes) return fail(ErrorKind::protocol, "core.seal.broken", "The sealed text is damaged.");
  const auto find = [name = sealed.substr(0, dot)](const Keys& keys) {
    const auto found = std::ranges::find_if(keys, [&](const auto& key) { return key->name == name; });
    return found == keys.end() ? nullptr : *found;
  };
  auto key = find(known());
  if (key == nullptr && store_ != nullptr) {
    ASSIGN_OR_RETURN(const auto keys, load());
    key = find(keys);
  }
  if (key == nullptr) {
    return fail(ErrorKind::unauthenticated, "core.keys.foreign",
                "It was sealed with a key that this instance does not have.");
  }
  return key->sealer.open(*bytes, context);
}

}  // namespace core
