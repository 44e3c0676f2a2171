#include "authserver/token_exchange.h"

#include "authserver/problem.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;

class TokenExchangeGrant final : public Grant {
 public:
  explicit TokenExchangeGrant(ExchangeRules rules) : rules_(std::move(rules)) {}

  std::string_view type() const override { return kTokenExchange; }

  Result<object> redeem(const GrantCall& call) const override {
    const Form& form = call.form;
    TokenExchange exchange{.requested_token_type = form.get("requested_token_type").value_or(""),
                           .subject_token = form.get("subject_token").value_or(""),
                           .subject_token_type = form.get("subject_token_type").value_or(""),
                           .audiences = form.all("audience"),
                           .resources = form.all("resource"),
                           .scope = form.get("scope").value_or("")};
    if (exchange.subject_token.empty()) return problem("missing_token_request_parameter", {"subject_token"});
    if (exchange.subject_token_type.empty()) {
      return problem("missing_token_request_parameter", {"subject_token_type"});
    }
    if (form.get("actor_token") || form.get("actor_token_type")) return problem("invalid_actor_token");
    auto rule = rules_.find(exchange.requested_token_type);
    if (rule == rules_.end()) return problem("invalid_requested_token_type");
    return rule->second(call, exchange);
  }

  void describe(object& metadata) const override {
    boost::json::array types;
    for (const auto& [type, rule] : rules_) types.emplace_back(type);
    metadata["identity_chaining_requested_token_types_supported"] = std::move(types);
  }

 private:
  ExchangeRules rules_;
};

}  // namespace

std::shared_ptr<const Grant> token_exchange_grant(ExchangeRules rules) {
  return std::make_shared<TokenExchangeGrant>(std::move(rules));
}

}  // namespace authserver
