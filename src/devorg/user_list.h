// GET /api/v1/users: the four ways to list (plain, q, filter, search), each with its own rules.
#pragma once

#include "devorg/listing.h"
#include "devorg/service.h"

namespace devorg {

rest::Answer<rest::Reply> list_users(Service& service, const rest::Call& call, SortedResults& results);

// Users as a list sees them right now.
class LiveUsers : public ListSource {
 public:
  explicit LiveUsers(const Service& service) : service_(service), users_(service.org().users) {}
  std::uint32_t size() const override { return static_cast<std::uint32_t>(users_.size()); }
  bool exists(std::uint32_t at) const override { return !users_.at(at).removed; }
  std::string id(std::uint32_t at) const override { return users_.at(at).id(); }
  std::uint32_t find(std::string_view id) const override;
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override;
  boost::json::object json(std::uint32_t at) const override;

 protected:
  const Service& service_;
  const UserTable& users_;
};

}  // namespace devorg
