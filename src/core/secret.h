// A secret string: not printable, not copyable by accident, wiped when it goes (rule 12).
#pragma once

#include <string>
#include <string_view>

namespace core {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  Secret copy() const { return Secret(value_); }
  bool empty() const { return value_.empty(); }
  // The one place to look for when asking where a secret leaves its box.
  const std::string& reveal() const { return value_; }

 private:
  void wipe();
  std::string value_;
};

// Overwrites a string that held a secret for a moment.
void wipe(std::string& text);

// No core dumps, no ptrace by others: for programs that hold secrets. Call once at start.
void forbid_core_dumps();

}  // namespace core
