// Through what a call reaches an org: with whose login.
//
// A server may hold one login of its own, or each caller may bring theirs; tools, resources and completions
// do not know which.
#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "admin/orgs.h"
#include "core/context.h"
#include "core/result.h"
#include "mcp/question.h"

namespace admin {

class Entrance {
 public:
  virtual ~Entrance() = default;

  // The orgs there are, for what is listed and described: the same names whoever calls.
  virtual const Orgs& described() const = 0;

  // The orgs as `context.principal` may work on them, kept alive by what is returned. NeedInput: that person
  // has to sign in first; `round` holds their answer when they were asked. Errors are the caller's to read.
  using Entered = std::variant<std::shared_ptr<const Orgs>, mcp::NeedInput>;
  virtual core::Result<Entered> enter(const core::Context& context, const mcp::Round& round) = 0;
  // The same without a login and without waiting: for what looks at this server only.
  virtual std::shared_ptr<const Orgs> visit(const core::Context& context) = 0;

  // Who is told of the changes that calls make, whoever calls. Before calls are served.
  void on_change(ChangeListener listener) { *changes_ = std::move(listener); }

 protected:
  // For the services that calls are given.
  const std::shared_ptr<ChangeListener> changes_ = std::make_shared<ChangeListener>();
};

// Everybody works with the server's own login.
class OwnLogin final : public Entrance {
 public:
  // The services behind `orgs` outlive this.
  explicit OwnLogin(const Orgs& orgs) : orgs_(std::make_shared<const Orgs>(orgs)) {
    for (const Orgs::Named& org : orgs_->all()) org.services->tell_changes(changes_);
  }
  const Orgs& described() const override { return *orgs_; }
  core::Result<Entered> enter(const core::Context&, const mcp::Round&) override { return orgs_; }
  std::shared_ptr<const Orgs> visit(const core::Context&) override { return orgs_; }

 private:
  const std::shared_ptr<const Orgs> orgs_;
};

}  // namespace admin
