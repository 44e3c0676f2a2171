// A token source whose errors tell where the settings stand that they name (settings.h, with_cure), and which
// hands out no token that its check refuses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oauth/token_source.h"
#include "settings.h"

// Null: every token passes.
using TokenCheck = std::function<core::Status(const std::shared_ptr<const oauth::AccessToken>&)>;

inline core::Result<std::shared_ptr<const oauth::AccessToken>> checked(
    const TokenCheck& check, core::Result<std::shared_ptr<const oauth::AccessToken>> token) {
  if (token && check) RETURN_IF_ERROR(check(*token));
  return token;
}

class CuredTokens final : public oauth::TokenSource {
 public:
  // All of them outlive it.
  CuredTokens(oauth::TokenSource& tokens, const Settings& settings, const TokenCheck& check)
      : tokens_(tokens), settings_(settings), check_(check) {}

  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context) override {
    auto token = checked(check_, tokens_.token(context));
    if (token) return token;
    return std::unexpected(with_cure(std::move(token).error(), settings_));
  }
  void reject(const oauth::AccessToken& token) override { tokens_.reject(token); }
  std::optional<std::vector<std::string>> granted_scopes() const override { return tokens_.granted_scopes(); }
  std::vector<std::string> requested_scopes() const override { return tokens_.requested_scopes(); }
  std::string_view method() const override { return tokens_.method(); }

 private:
  oauth::TokenSource& tokens_;
  const Settings& settings_;
  const TokenCheck& check_;
};
