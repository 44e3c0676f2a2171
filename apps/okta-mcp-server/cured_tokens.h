// A token source whose errors tell where the settings stand that they name (settings.h, with_cure).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oauth/token_source.h"
#include "settings.h"

class CuredTokens final : public oauth::TokenSource {
 public:
  // Both outlive it.
  CuredTokens(oauth::TokenSource& tokens, const Settings& settings) : tokens_(tokens), settings_(settings) {}

  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context) override {
    auto token = tokens_.token(context);
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
};
