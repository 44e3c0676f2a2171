// `migrate` and `backup`.
#include <cstdio>

#include "commands.h"
#include "registry/store.h"

int cmd_migrate(const StoreFlags& flags) {
  if (flags.store.empty())
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.store",
                     .message = "There is no store.",
                     .hint = "Give --store sqlite:PATH or postgresql://..., or set OKTA_REGISTRY_STORE."});
  const auto store = registry::open_store({.url = core::Secret(flags.store)});
  if (!store) return complain(store.error());
  std::printf("%s is up to date.\n", (*store)->where().c_str());
  return 0;
}

int cmd_backup(const StoreFlags& flags, const std::string& file) {
  if (flags.store.empty())
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.store",
                     .message = "There is no store.",
                     .hint = "Give --store sqlite:PATH, or set OKTA_REGISTRY_STORE."});
  const auto store = registry::open_store({.url = core::Secret(flags.store), .migrate = false});
  if (!store) return complain(store.error());
  if (const auto done = (*store)->backup(file); !done) return complain(done.error());
  std::printf("%s is in %s. The key file is not: keep a copy of it elsewhere.\n", (*store)->where().c_str(),
              file.c_str());
  return 0;
}
