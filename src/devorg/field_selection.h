// The query parameter `fields` of listUsers: "id,status,profile:(firstName, city)". The id is always kept.
#pragma once

#include <boost/json.hpp>
#include <set>
#include <string>
#include <string_view>

namespace devorg {

class FieldSelection {
 public:
  // Names that are no property select nothing; there is no error.
  static FieldSelection parse(std::string_view text);
  boost::json::object apply(const boost::json::object& whole) const;

 private:
  std::set<std::string, std::less<>> fields_{"id"};
  std::set<std::string, std::less<>> profile_;
};

}  // namespace devorg
