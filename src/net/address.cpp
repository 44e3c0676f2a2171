#include "net/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <fmt/format.h>

namespace net {
namespace {

constexpr int kV4Offset = 12;

struct Range {
  std::array<std::uint8_t, 16> first;
  int prefix;
  Reach reach;
};

constexpr Range v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, int prefix, Reach reach) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + prefix, reach};
}
constexpr Range v6(std::array<std::uint16_t, 8> groups, int prefix, Reach reach) {
  Range range{.first = {}, .prefix = prefix, .reach = reach};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    range.first[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    range.first[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return range;
}

// The first that contains an address counts. IANA IPv4 and IPv6 Special-Purpose Address Registries; what is
// listed there as globally reachable (AS112, AMT) is left out.
constexpr std::array kRanges{
    // Where clouds answer questions about the machine that asks: AWS, Azure, Google, Oracle, DigitalOcean;
    // AWS over IPv6; Alibaba; Azure's host; Oracle's older place.
    v4(169, 254, 169, 254, 32, Reach::metadata),
    v4(169, 254, 170, 2, 32, Reach::metadata),
    v6({0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254}, 128, Reach::metadata),
    v6({0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254}, 128, Reach::metadata),
    v4(100, 100, 100, 200, 32, Reach::metadata),
    v4(168, 63, 129, 16, 32, Reach::metadata),
    v4(192, 0, 0, 192, 32, Reach::metadata),

    v4(0, 0, 0, 0, 8, Reach::unspecified),
    v4(10, 0, 0, 0, 8, Reach::private_network),
    v4(100, 64, 0, 0, 10, Reach::shared),
    v4(127, 0, 0, 0, 8, Reach::loopback),
    v4(169, 254, 0, 0, 16, Reach::link_local),
    v4(172, 16, 0, 0, 12, Reach::private_network),
    v4(192, 0, 0, 0, 24, Reach::reserved),
    v4(192, 0, 2, 0, 24, Reach::documentation),
    v4(192, 88, 99, 0, 24, Reach::reserved),  // 6to4 relays (RFC 7526)
    v4(192, 168, 0, 0, 16, Reach::private_network),
    v4(198, 18, 0, 0, 15, Reach::benchmarking),
    v4(198, 51, 100, 0, 24, Reach::documentation),
    v4(203, 0, 113, 0, 24, Reach::documentation),
    v4(224, 0, 0, 0, 4, Reach::multicast),
    v4(255, 255, 255, 255, 32, Reach::multicast),
    v4(240, 0, 0, 0, 4, Reach::reserved),
    v4(0, 0, 0, 0, 0, Reach::public_internet),

    v6({}, 128, Reach::unspecified),
    v6({0, 0, 0, 0, 0, 0, 0, 1}, 128, Reach::loopback),
    v6({0x64, 0xff9b, 1}, 48, Reach::reserved),  // NAT64 of local use (RFC 8215)
    v6({0x64, 0xff9b}, 96, Reach::public_internet),
    v6({0x2001, 2}, 48, Reach::benchmarking),
    v6({0x2001}, 23, Reach::reserved),  // Teredo, ORCHID, protocol assignments
    v6({0x2001, 0xdb8}, 32, Reach::documentation),
    v6({0x3fff}, 20, Reach::documentation),
    v6({0xfc00}, 7, Reach::private_network),
    v6({0xfe80}, 10, Reach::link_local),
    v6({0xfec0}, 10, Reach::private_network),  // site local (RFC 3879)
    v6({0xff00}, 8, Reach::multicast),
    v6({0x2000}, 3, Reach::public_internet),
    v6({}, 0, Reach::reserved),  // all else is not assigned, or is for tunnels (::/96, ::ffff:0:0:0/96)
};

using Bytes = std::array<std::uint8_t, 16>;

bool same_prefix(const Bytes& a, const Bytes& b, int prefix) {
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const int rest = prefix % 8;
  return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

Reach listed(const IpAddress& address) {
  const auto found = std::ranges::find_if(
      kRanges, [&](const Range& range) { return same_prefix(address.bytes, range.first, range.prefix); });
  return found->reach;  // the last row has everything
}

IpAddress v4_at(const IpAddress& address, std::size_t offset) {
  return IpAddress::v4({address.bytes[offset], address.bytes[offset + 1], address.bytes[offset + 2],
                        address.bytes[offset + 3]});
}

// The IPv4 address that a tunnel would take the packets to.
std::optional<IpAddress> inner(const IpAddress& address) {
  const auto& bytes = address.bytes;
  if (address.is_v4()) return std::nullopt;
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return v4_at(address, 2);  // 6to4 (RFC 3056)
  if (same_prefix(bytes, v6({0x64, 0xff9b}, 96, {}).first, 96))
    return v4_at(address, kV4Offset);  // NAT64 (RFC 6052)
  // ISATAP (RFC 5214), in any network.
  if ((bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe)
    return v4_at(address, kV4Offset);
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text.substr(0, 64));
  if (terminated.size() != text.size()) return std::nullopt;
  IpAddress address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, terminated.c_str(), four.data()) == 1) return v4(four);
  return std::nullopt;
}

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  address.bytes[10] = address.bytes[11] = 0xff;
  std::ranges::copy(bytes, address.bytes.begin() + kV4Offset);
  return address;
}

bool IpAddress::is_v4() const {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool four = is_v4();
  ::inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? kV4Offset : 0), text.data(), text.size());
  return text.data();
}

core::Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return core::fail(core::ErrorKind::invalid_input, "net.network",
                      fmt::format("\"{}\" is not a network: {}.", text.substr(0, 60), why),
                      "Write it as 10.0.0.0/8, fd00:1234::/32, or as one address.");
  };
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad("the address is neither IPv4 nor IPv6");
  const bool four = address->is_v4() && text.find(':') == std::string_view::npos;
  IpNetwork network{.first = *address};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix);
    if (error != std::errc{} || end != digits.data() + digits.size() || network.prefix < 0 ||
        network.prefix > (four ? 32 : 128)) {
      return bad("the number behind the slash is out of range");
    }
    if (four) network.prefix += 96;
  }
  for (int bit = network.prefix; bit < 128; ++bit) {
    if (network.first.bytes[static_cast<std::size_t>(bit / 8)] & (0x80 >> (bit % 8)))
      return bad("the address has bits behind the prefix");
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  return same_prefix(first.bytes, address.bytes, prefix);
}

std::string_view describe(Reach reach) {
  switch (reach) {
    case Reach::public_internet:
      return "a public address";
    case Reach::loopback:
      return "a loopback address";
    case Reach::private_network:
      return "an address of a private network";
    case Reach::shared:
      return "an address behind a carrier's NAT";
    case Reach::link_local:
      return "a link-local address";
    case Reach::metadata:
      return "a cloud's metadata service";
    case Reach::multicast:
      return "a multicast address";
    case Reach::unspecified:
      return "an unspecified address";
    case Reach::documentation:
      return "an address for documentation";
    case Reach::benchmarking:
      return "an address for benchmarks";
    case Reach::reserved:
      break;
  }
  return "a reserved address";
}

Reach reach_of(const IpAddress& address) {
  if (const auto within = inner(address)) {
    const Reach reach = listed(*within);
    if (reach != Reach::public_internet) return reach;
  }
  return listed(address);
}

}  // namespace net
