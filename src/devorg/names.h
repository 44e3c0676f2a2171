// The words the generated org is made of. Every name is invented for a company that does not exist.
#pragma once

#include <span>
#include <string_view>

namespace devorg {

// A name as people write it, and as it stands in a login: "Müller" and "mueller".
struct PersonName {
  std::string_view shown;
  std::string_view ascii;
};

struct Department {
  std::string_view name;
  std::string_view division;
  std::string_view cost_centre;
  std::string_view titles[4];  // from junior to the head
  int weight;                  // share of the org, of the sum of all weights
};

struct City {
  std::string_view name;
  std::string_view state;         // may be empty
  std::string_view country_code;  // ISO 3166-1 alpha-2
  std::string_view country;
  std::string_view locale;
  std::string_view timezone;
  std::string_view postal_code;
  double latitude;
  double longitude;
};

std::span<const PersonName> first_names();
std::span<const PersonName> last_names();
std::span<const Department> departments();
std::span<const City> cities();
std::span<const std::string_view> skills();

inline constexpr std::string_view kCompany = "Atko Instruments";
inline constexpr std::string_view kMailDomain = "atko.example";  // RFC 2606: never anybody's

}  // namespace devorg
