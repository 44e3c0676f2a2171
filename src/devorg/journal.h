// Where changes go so that they survive a restart. The generated part of an org is never written: it comes
// again from the seed, and the journal lays the changes over it.
#pragma once

#include <boost/json.hpp>
#include <string_view>

namespace devorg {

class Journal {
 public:
  virtual ~Journal() = default;
  // Replaces the row of this kind and id.
  virtual void put(std::string_view kind, std::string_view id, const boost::json::value& row) = 0;
};

// Keeps nothing.
class NullJournal final : public Journal {
 public:
  void put(std::string_view, std::string_view, const boost::json::value&) override {}
};

}  // namespace devorg
