#include "admin/services.h"

namespace admin {

std::optional<std::vector<std::string>> Services::known_scopes() const {
  if (auto granted = granted_()) return granted;
  if (!options_.configured_scopes.empty()) return options_.configured_scopes;
  return std::nullopt;
}

}  // namespace admin
