#include "oauth/libsecret.h"

#include <cstdint>
#include <dlfcn.h>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/encoding.h"

namespace oauth {
namespace {

using core::ErrorKind;
using Keys = std::vector<core::Secret>;

// What is used of GLib, GIO and libsecret, declared here so that building takes none of their packages. All
// of it has been in libglib-2.0.so.0, libgio-2.0.so.0 and libsecret-1.so.0 since libsecret 0.12.
using GBoolean = int;
struct GError {
  std::uint32_t domain;
  int code;
  char* message;
};
struct GCancellable;
struct GDBusConnection;
struct GHashTable;
struct GVariant;
struct SecretService;
struct SecretValue;

constexpr int kSessionBus = 2;         // G_BUS_TYPE_SESSION
constexpr int kOpenSession = 1 << 1;   // SECRET_SERVICE_OPEN_SESSION
constexpr int kCallTimeoutMs = 5'000;  // keyring.cpp gives up sooner

constexpr const char* kBusName = "org.freedesktop.DBus";
constexpr const char* kBusPath = "/org/freedesktop/DBus";
constexpr const char* kServiceName = "org.freedesktop.secrets";
constexpr const char* kCollection = "org.freedesktop.Secret.Collection";
constexpr const char* kSchema = "okta-mcp-server.sealing-key";
constexpr std::size_t kMaxKeys = 16;

struct Library {
  bool whole = false;

  GDBusConnection* (*g_bus_get_sync)(int, GCancellable*, GError**) = nullptr;
  void (*g_dbus_connection_set_exit_on_close)(GDBusConnection*, GBoolean) = nullptr;
  GVariant* (*g_dbus_connection_call_sync)(GDBusConnection*, const char* name, const char* path,
                                           const char* interface, const char* method, GVariant* arguments,
                                           const void* reply_type, int flags, int timeout_ms, GCancellable*,
                                           GError**) = nullptr;
  GCancellable* (*g_cancellable_new)() = nullptr;
  void (*g_cancellable_cancel)(GCancellable*) = nullptr;
  void (*g_object_unref)(void*) = nullptr;
  void (*g_error_free)(GError*) = nullptr;
  void (*g_free)(void*) = nullptr;
  void (*g_strfreev)(char**) = nullptr;
  GHashTable* (*g_hash_table_new)(void* hash, void* equal) = nullptr;
  GBoolean (*g_hash_table_insert)(GHashTable*, const void*, const void*) = nullptr;
  void (*g_hash_table_unref)(GHashTable*) = nullptr;
  void (*g_str_hash)() = nullptr;  // only passed on
  void (*g_str_equal)() = nullptr;
  GVariant* (*g_variant_new)(const char*, ...) = nullptr;
  GVariant* (*g_variant_new_parsed)(const char*, ...) = nullptr;
  void (*g_variant_get)(GVariant*, const char*, ...) = nullptr;
  void (*g_variant_unref)(GVariant*) = nullptr;
  SecretService* (*secret_service_get_sync)(int, GCancellable*, GError**) = nullptr;
  void (*secret_service_disconnect)() = nullptr;
  GBoolean (*secret_service_search_for_dbus_paths_sync)(SecretService*, const void* schema, GHashTable*,
                                                        GCancellable*, char*** unlocked, char*** locked,
                                                        GError**) = nullptr;
  SecretValue* (*secret_service_get_secret_for_dbus_path_sync)(SecretService*, const char*, GCancellable*,
                                                               GError**) = nullptr;
  char* (*secret_service_read_alias_dbus_path_sync)(SecretService*, const char*, GCancellable*,
                                                    GError**) = nullptr;
  GVariant* (*secret_service_encode_dbus_secret)(SecretService*, SecretValue*) = nullptr;
  SecretValue* (*secret_value_new)(const char*, std::ptrdiff_t, const char* content_type) = nullptr;
  const char* (*secret_value_get)(SecretValue*, std::size_t*) = nullptr;
  void (*secret_value_unref)(void*) = nullptr;
};

Library load_library() {
  Library lib;
  // Never unloaded: GLib keeps a thread of its own.
  void* handle = ::dlopen("libsecret-1.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return lib;
  bool whole = true;
  // Also looks through the libraries that it depends on: GLib and GIO.
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
    whole = whole && function != nullptr;
  };
  find(lib.g_bus_get_sync, "g_bus_get_sync");
  find(lib.g_dbus_connection_set_exit_on_close, "g_dbus_connection_set_exit_on_close");
  find(lib.g_dbus_connection_call_sync, "g_dbus_connection_call_sync");
  find(lib.g_cancellable_new, "g_cancellable_new");
  find(lib.g_cancellable_cancel, "g_cancellable_cancel");
  find(lib.g_object_unref, "g_object_unref");
  find(lib.g_error_free, "g_error_free");
  find(lib.g_free, "g_free");
  find(lib.g_strfreev, "g_strfreev");
  find(lib.g_hash_table_new, "g_hash_table_new");
  find(lib.g_hash_table_insert, "g_hash_table_insert");
  find(lib.g_hash_table_unref, "g_hash_table_unref");
  find(lib.g_str_hash, "g_str_hash");
  find(lib.g_str_equal, "g_str_equal");
  find(lib.g_variant_new, "g_variant_new");
  find(lib.g_variant_new_parsed, "g_variant_new_parsed");
  find(lib.g_variant_get, "g_variant_get");
  find(lib.g_variant_unref, "g_variant_unref");
  find(lib.secret_service_get_sync, "secret_service_get_sync");
  find(lib.secret_service_disconnect, "secret_service_disconnect");
  find(lib.secret_service_search_for_dbus_paths_sync, "secret_service_search_for_dbus_paths_sync");
  find(lib.secret_service_get_secret_for_dbus_path_sync, "secret_service_get_secret_for_dbus_path_sync");
  find(lib.secret_service_read_alias_dbus_path_sync, "secret_service_read_alias_dbus_path_sync");
  find(lib.secret_service_encode_dbus_secret, "secret_service_encode_dbus_secret");
  find(lib.secret_value_new, "secret_value_new");
  find(lib.secret_value_get, "secret_value_get");
  find(lib.secret_value_unref, "secret_value_unref");
  lib.whole = whole;
  return lib;
}

const Library& library() {
  static const Library lib = load_library();
  return lib;
}

std::unexpected<core::Error> failed(std::string_view code, std::string message, std::string hint = {}) {
  return core::fail(ErrorKind::unavailable, fmt::format("oauth.keyring.{}", code), std::move(message),
                    std::move(hint));
}

std::unexpected<core::Error> locked() {
  return failed("locked", "The keyring is locked, or there is no default keyring.",
                "Unlock it (it opens with the desktop session's login), then start again.");
}

std::unexpected<core::Error> no_service() {
  return failed("no_service", "Nobody offers a keyring on the session bus.",
                "Start one (gnome-keyring-daemon, kwalletd), or choose another store with OKTA_MCP_STORE.");
}

}  // namespace

// One question, with everything it holds.
class KeyringQuestion {
 public:
  KeyringQuestion(const Library& lib, KeyringCancel& cancel) : lib_(lib), cancel_(lib.g_cancellable_new()) {
    cancel.cancellable_ = cancel_;
    if (cancel.cancelled_) lib_.g_cancellable_cancel(cancel_);
  }
  KeyringQuestion(const KeyringQuestion&) = delete;
  KeyringQuestion& operator=(const KeyringQuestion&) = delete;
  ~KeyringQuestion() {
    if (service_ != nullptr) {
      lib_.g_object_unref(service_);
      lib_.secret_service_disconnect();
    }
    if (bus_ != nullptr) lib_.g_object_unref(bus_);
    clear_error();
  }

  core::Result<Keys> ask(const KeyringRequest& request) {
    bus_ = lib_.g_bus_get_sync(kSessionBus, cancel_, &error_);
    if (bus_ == nullptr) return trouble("reach the session bus");
    // GIO's default is to end the program when the bus goes away.
    lib_.g_dbus_connection_set_exit_on_close(bus_, 0);
    ASSIGN_OR_RETURN(const bool running, service_is_there(request.may_start));
    if (!running) return no_service();
    service_ = lib_.secret_service_get_sync(kOpenSession, cancel_, &error_);
    if (service_ == nullptr) return trouble("open a session");
    ASSIGN_OR_RETURN(auto keys, read());
    if (!keys.empty()) return keys;
    // A locked keyring may not even tell what is in it.
    ASSIGN_OR_RETURN(const auto collection, open_collection());
    if (request.add_if_none.empty()) return keys;
    RETURN_IF_ERROR(add(collection, request.add_if_none));
    // Again, because another process may have added one in the same moment: both are then known to both.
    return read();
  }

 private:
  // libsecret's own words stay out: some services write what they were asked for into them.
  std::unexpected<core::Error> trouble(std::string_view what) {
    const int code = error_ == nullptr ? 0 : error_->code;
    clear_error();
    return failed("failed", fmt::format("The keyring did not {} (GLib error {}).", what, code),
                  "Check that the desktop's keyring works, or choose another store with OKTA_MCP_STORE.");
  }
  void clear_error() {
    if (error_ != nullptr) lib_.g_error_free(error_);
    error_ = nullptr;
  }

  // The reply, to be unreferenced, or null with error_ set.
  GVariant* call(const char* name, const char* path, const char* interface, const char* method,
                 GVariant* arguments) {
    return lib_.g_dbus_connection_call_sync(bus_, name, path, interface, method, arguments, nullptr, 0,
                                            kCallTimeoutMs, cancel_, &error_);
  }

  core::Result<bool> service_is_there(bool may_start) {
    GVariant* reply =
        call(kBusName, kBusPath, kBusName, "NameHasOwner", lib_.g_variant_new("(s)", kServiceName));
    if (reply == nullptr) return trouble("answer on the bus");
    GBoolean owned = 0;
    lib_.g_variant_get(reply, "(b)", &owned);
    lib_.g_variant_unref(reply);
    if (owned != 0 || !may_start) return owned != 0;
    reply = call(kBusName, kBusPath, kBusName, "StartServiceByName",
                 lib_.g_variant_new("(su)", kServiceName, std::uint32_t{0}));
    clear_error();
    if (reply != nullptr) lib_.g_variant_unref(reply);
    return reply != nullptr;
  }

  core::Result<Keys> read() {
    auto* const hash = reinterpret_cast<void*>(lib_.g_str_hash);
    auto* const equal = reinterpret_cast<void*>(lib_.g_str_equal);
    GHashTable* attributes = lib_.g_hash_table_new(hash, equal);
    lib_.g_hash_table_insert(attributes, "xdg:schema", kSchema);
    char **open = nullptr, **closed = nullptr;
    const GBoolean found = lib_.secret_service_search_for_dbus_paths_sync(service_, nullptr, attributes,
                                                                          cancel_, &open, &closed, &error_);
    lib_.g_hash_table_unref(attributes);
    const bool some_locked = closed != nullptr && *closed != nullptr;
    Keys keys;
    for (char** path = open; path != nullptr && *path != nullptr && keys.size() < kMaxKeys; ++path) {
      if (auto key = read_item(*path)) keys.push_back(std::move(*key));
    }
    lib_.g_strfreev(open);
    lib_.g_strfreev(closed);
    if (found == 0) return trouble("search");
    if (keys.empty() && some_locked) return locked();
    return keys;
  }

  std::optional<core::Secret> read_item(const char* path) {
    SecretValue* value = lib_.secret_service_get_secret_for_dbus_path_sync(service_, path, cancel_, &error_);
    clear_error();  // an item that has gone meanwhile, or that is no key, is as good as none
    if (value == nullptr) return std::nullopt;
    std::size_t size = 0;
    const char* text = lib_.secret_value_get(value, &size);
    auto bytes = core::base64url_decode({text, size});
    lib_.secret_value_unref(value);
    if (!bytes || bytes->size() != 32) return std::nullopt;
    return core::Secret(std::move(*bytes));
  }

  // The path of the default keyring.
  core::Result<std::string> open_collection() {
    char* alias = lib_.secret_service_read_alias_dbus_path_sync(service_, "default", cancel_, &error_);
    clear_error();
    if (alias == nullptr) return locked();
    std::string collection = alias;
    lib_.g_free(alias);
    ASSIGN_OR_RETURN(const bool closed, is_locked(collection));
    if (closed) return locked();
    return collection;
  }

  // Straight to the service: libsecret's own way to store would unlock, or make, a keyring by prompting.
  core::Status add(const std::string& collection, const core::Secret& key) {
    std::string text = core::base64url_encode(key.reveal());
    SecretValue* value =
        lib_.secret_value_new(text.data(), static_cast<std::ptrdiff_t>(text.size()), "text/plain");
    core::wipe(text);
    GVariant* secret = lib_.secret_service_encode_dbus_secret(service_, value);
    lib_.secret_value_unref(value);
    GVariant* item = lib_.g_variant_new_parsed(
        "({'org.freedesktop.Secret.Item.Label': <'okta-mcp-server: key that seals stored logins'>, "
        "'org.freedesktop.Secret.Item.Attributes': <{'xdg:schema': %s}>}, %@(oayays), false)",
        kSchema, secret);
    GVariant* reply = call(kServiceName, collection.c_str(), kCollection, "CreateItem", item);
    if (reply == nullptr) return trouble("take a key");
    char *path = nullptr, *prompt = nullptr;
    lib_.g_variant_get(reply, "(oo)", &path, &prompt);
    const std::string asks = prompt;
    lib_.g_free(path);
    lib_.g_free(prompt);
    lib_.g_variant_unref(reply);
    if (asks == "/") return {};
    reply = call(kServiceName, asks.c_str(), "org.freedesktop.Secret.Prompt", "Dismiss", nullptr);
    clear_error();
    if (reply != nullptr) lib_.g_variant_unref(reply);
    return locked();
  }

  core::Result<bool> is_locked(const std::string& collection) {
    GVariant* reply = call(kServiceName, collection.c_str(), "org.freedesktop.DBus.Properties", "Get",
                           lib_.g_variant_new("(ss)", kCollection, "Locked"));
    if (reply == nullptr) return trouble("say whether it is locked");
    GVariant* value = nullptr;
    lib_.g_variant_get(reply, "(v)", &value);
    GBoolean closed = 1;
    lib_.g_variant_get(value, "b", &closed);
    lib_.g_variant_unref(value);
    lib_.g_variant_unref(reply);
    return closed != 0;
  }

  const Library& lib_;
  GCancellable* const cancel_;  // KeyringCancel's
  GDBusConnection* bus_ = nullptr;
  SecretService* service_ = nullptr;
  GError* error_ = nullptr;
};

// What there is to cancel was made by the library, so it is whole.
// NOLINTBEGIN(clang-analyzer-core.CallAndMessage)
KeyringCancel::~KeyringCancel() {
  if (cancellable_ != nullptr) library().g_object_unref(cancellable_);
}

void KeyringCancel::cancel() {
  cancelled_ = true;
  if (void* cancellable = cancellable_) {
    library().g_cancellable_cancel(static_cast<GCancellable*>(cancellable));
  }
}
// NOLINTEND(clang-analyzer-core.CallAndMessage)

core::Result<Keys> ask_libsecret(const KeyringRequest& request, KeyringCancel& cancel) {
  const Library& lib = library();
  if (!lib.whole) {
    return failed("no_library", "libsecret is not installed.",
                  "Install the package libsecret-1-0 to use the desktop's keyring.");
  }
  return KeyringQuestion(lib, cancel).ask(request);
}

}  // namespace oauth
