#include "foundation.h"

#include <array>
#include <fmt/format.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/random.h"
#include "core/seal.h"
#include "net/guarded.h"
#include "net/url.h"
#include "oauth/sealing_keys.h"
#include "registry/measured_store.h"

namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kIssuerRecord = "registry/issuer";
constexpr std::string_view kOrgRecord = "registry/org";
constexpr std::size_t kKeyBytes = 32;

std::unexpected<core::Error> wrong(std::string_view code, std::string message, std::string hint) {
  return core::fail(core::ErrorKind::invalid_input, fmt::format("app.{}", code), std::move(message),
                    std::move(hint));
}

// A key beside a database that has none named: whoever has the file system has both, and whoever gets only a
// copy of the database has nothing.
core::Result<std::string> key_beside(const std::string& database) {
  std::string path = database + ".key";
  const std::string key =
      core::to_hex(core::base64url_decode(core::system_random().token(kKeyBytes)).value());
  auto made = core::create_file(path, key + "\n");
  if (!made && made.error().code != "core.file.exists") return std::unexpected(made.error());
  return path;
}

core::Result<std::string> key_file_of(const StoreFlags& flags) {
  if (!flags.key_file.empty()) return flags.key_file;
  if (flags.store.starts_with(kSqlite)) return key_beside(flags.store.substr(kSqlite.size()));
  return wrong("key_file", "Several nodes need one key for what they seal, and none is given.",
               "Make one with `openssl rand -hex 32 >FILE`, mode 0600, give it to every node, and name it "
               "with --key-file or OKTA_REGISTRY_KEY_FILE.");
}

std::string node_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{}-{}", host.data(), ::getpid());
}

// The same for all nodes and for ever: it stands in resource names.
core::Result<std::string> org_id(core::StateStore& state) {
  // Of two nodes that are the first, one wins.
  const auto made =
      state.put_if_absent(kOrgRecord, core::system_random().okta_id("00o"), core::StateStore::kForever);
  if (!made) return std::unexpected(made.error());
  ASSIGN_OR_RETURN(const auto record, state.get(kOrgRecord));
  if (!record)
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      "The store has lost the org's id between two calls.");
  return record->value;
}

core::Result<std::string> issuer_of(const FoundationOptions& options, core::StateStore& state) {
  if (!options.store.issuer.empty()) {
    RETURN_IF_ERROR(check_issuer(options.store.issuer));
    return options.store.issuer;
  }
  ASSIGN_OR_RETURN(const auto record, state.get(kIssuerRecord));
  if (record) return record->value;
  if (!options.needs_issuer) return std::string();
  return wrong("issuer", "The registry was never served from this store, so its issuer is not known.",
               "Give --issuer https://agents.example.com, or start `okta-agent-registry serve` first.");
}

}  // namespace

core::Result<std::unique_ptr<Foundation>> Foundation::open(FoundationOptions options) {
  if (options.store.store.empty())
    return wrong("store", "There is no store.",
                 "Give --store sqlite:PATH or postgresql://..., or set OKTA_REGISTRY_STORE.");
  std::unique_ptr<Foundation> made(new Foundation());
  core::Clock& clock = core::system_clock();
  ASSIGN_OR_RETURN(auto store, registry::open_store({.url = core::Secret(options.store.store),
                                                     .clock = &clock,
                                                     .migrate = options.migrate}));
  made->store_ = registry::measure_store(std::move(store), made->metrics_, clock);
  core::StateStore& state = made->store_->state();

  ASSIGN_OR_RETURN(const auto key_file, key_file_of(options.store));
  ASSIGN_OR_RETURN(auto key, oauth::read_key_file(key_file, "--key-file"));
  ASSIGN_OR_RETURN(auto guard, core::Sealer::create(std::move(key)));
  made->guard_ = fmt::format("the key file {}", key_file);
  made->vault_ = std::make_unique<core::KeyRing>(
      state, clock,
      core::KeyRingOptions{.name = "vault", .guard = std::make_shared<const core::Sealer>(std::move(guard))});

  made->http_ = net::make_http_client({.user_agent = "okta-agent-registry/" OKTA_MCP_VERSION});
  ASSIGN_OR_RETURN(auto rule,
                   net::Guard::create({.allow = options.allowed_networks,
                                       .allow_http_loopback = options.settings.allow_http_loopback}));
  made->outside_ = net::make_guarded_client(*made->http_, std::move(rule));

  registry::Settings settings = std::move(options.settings);
  ASSIGN_OR_RETURN(settings.issuer, issuer_of(options, state));
  settings.node = node_name();
  ASSIGN_OR_RETURN(const auto org, org_id(state));
  made->service_ = {.settings = std::move(settings),
                    .names = registry::ResourceNames(org),
                    .store = made->store_.get(),
                    .clock = &clock,
                    .random = &core::system_random(),
                    .vault = made->vault_.get(),
                    .outside = made->outside_.get(),
                    .metrics = &made->metrics_};
  return made;
}

core::Result<bool> Foundation::remember_issuer() {
  core::StateStore& state = store_->state();
  ASSIGN_OR_RETURN(const auto before, state.get(kIssuerRecord));
  if (before && before->value == service_.settings.issuer) return false;
  RETURN_IF_ERROR(state.put(kIssuerRecord, service_.settings.issuer, core::StateStore::kForever));
  return before.has_value();
}
