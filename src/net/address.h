// Internet addresses as numbers, and what the IANA special-purpose registries say of them (RFC 6890, its
// successors' tables), for rules about where a connection may go.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace net {

struct Url;

// An IPv4 address stands in the last four bytes behind ::ffff:0:0/96, so that "127.0.0.1" and
// "::ffff:127.0.0.1" are one.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  // Dotted IPv4 with four decimal parts, or IPv6; nothing else that resolvers take ("127.1", "0x7f000001",
  // zone ids).
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);

  bool is_v4() const;
  std::string str() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "10.0.0.0/8", "fd12:3456::/32", or one address.
struct IpNetwork {
  IpAddress first{};
  int prefix = 128;  // of 128, for IPv4 too
  // Error net.network: not one, or bits behind the prefix.
  static core::Result<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
};

// What kind of place an address is.
enum class Reach {
  public_internet,
  loopback,
  private_network,  // RFC 1918, unique local (RFC 4193)
  shared,           // carriers' NAT, RFC 6598
  link_local,
  metadata,   // where clouds tell a machine its credentials
  multicast,  // and broadcast
  unspecified,
  documentation,
  benchmarking,
  reserved,  // everything else that is not for general use, tunnels that hide where they end among it
};
// For people: "a loopback address".
std::string_view describe(Reach reach);
// IPv4 in IPv6 (mapped, 6to4, NAT64, ISATAP) is what the inner address is, where that is not public.
Reach reach_of(const IpAddress& address);

// Decides where connections may go, about the very address that is being connected to: after the name lookup,
// so that no name can change its meaning in between. Called on the client's thread: quick, const,
// thread-safe.
class AddressPolicy {
 public:
  virtual ~AddressPolicy() = default;
  virtual bool allows(const Url& url, const IpAddress& address) const = 0;
};

}  // namespace net
