#include "net/address.h"

#include <gtest/gtest.h>

namespace net {
namespace {

TEST(AddressTest, EveryKindOfPlace) {
  struct Row {
    const char* address;
    Reach reach;
  };
  const Row rows[] = {
      {"8.8.8.8", Reach::public_internet},
      {"1.0.0.1", Reach::public_internet},
      {"172.15.255.255", Reach::public_internet},
      {"172.32.0.0", Reach::public_internet},
      {"100.63.255.255", Reach::public_internet},
      {"100.128.0.0", Reach::public_internet},
      {"198.17.255.255", Reach::public_internet},
      {"198.20.0.0", Reach::public_internet},
      {"223.255.255.255", Reach::public_internet},
      {"192.0.1.0", Reach::public_internet},
      {"2606:4700::1111", Reach::public_internet},
      {"2a00:1450:4001::1", Reach::public_internet},
      {"::ffff:8.8.8.8", Reach::public_internet},
      {"64:ff9b::808:808", Reach::public_internet},
      {"2002:808:808::1", Reach::public_internet},
      {"0.0.0.0", Reach::unspecified},
      {"0.1.2.3", Reach::unspecified},
      {"::", Reach::unspecified},
      {"127.0.0.1", Reach::loopback},
      {"127.255.255.254", Reach::loopback},
      {"::1", Reach::loopback},
      {"::ffff:127.0.0.1", Reach::loopback},
      {"64:ff9b::7f00:1", Reach::loopback},
      {"2002:7f00:1::", Reach::loopback},
      {"10.0.0.0", Reach::private_network},
      {"10.255.255.255", Reach::private_network},
      {"172.16.0.1", Reach::private_network},
      {"172.31.255.255", Reach::private_network},
      {"192.168.1.1", Reach::private_network},
      {"fc00::1", Reach::private_network},
      {"fdff:ffff::1", Reach::private_network},
      {"fec0::1", Reach::private_network},
      {"::ffff:192.168.0.1", Reach::private_network},
      {"64:ff9b::a00:1", Reach::private_network},
      {"2002:c0a8:101::1", Reach::private_network},
      {"2001:4860::5efe:10.0.0.1", Reach::private_network},
      {"2001:4860::200:5efe:10.0.0.1", Reach::private_network},
      {"100.64.0.1", Reach::shared},
      {"100.127.255.255", Reach::shared},
      {"169.254.1.1", Reach::link_local},
      {"fe80::1", Reach::link_local},
      {"febf::1", Reach::link_local},
      {"169.254.169.254", Reach::metadata},
      {"::ffff:169.254.169.254", Reach::metadata},
      {"64:ff9b::a9fe:a9fe", Reach::metadata},
      {"169.254.170.2", Reach::metadata},
      {"fd00:ec2::254", Reach::metadata},
      {"fd20:ce::254", Reach::metadata},
      {"100.100.100.200", Reach::metadata},
      {"168.63.129.16", Reach::metadata},
      {"192.0.0.192", Reach::metadata},
      {"224.0.0.1", Reach::multicast},
      {"239.255.255.255", Reach::multicast},
      {"255.255.255.255", Reach::multicast},
      {"ff02::1", Reach::multicast},
      {"192.0.2.1", Reach::documentation},
      {"198.51.100.1", Reach::documentation},
      {"203.0.113.1", Reach::documentation},
      {"2001:db8::1", Reach::documentation},
      {"3fff:fff::1", Reach::documentation},
      {"198.18.0.1", Reach::benchmarking},
      {"198.19.255.255", Reach::benchmarking},
      {"2001:2::1", Reach::benchmarking},
      {"192.0.0.1", Reach::reserved},
      {"192.88.99.1", Reach::reserved},
      {"240.0.0.1", Reach::reserved},
      {"254.255.255.255", Reach::reserved},
      {"::7f00:1", Reach::reserved},         // IPv4-compatible
      {"::ffff:0:7f00:1", Reach::reserved},  // IPv4-translated
      {"64:ff9b:1::a00:1", Reach::reserved},
      {"2001::1", Reach::reserved},  // Teredo
      {"100::1", Reach::reserved},
      {"4000::1", Reach::reserved},
      {"5f00::1", Reach::reserved},
  };
  for (const auto& row : rows) {
    const auto address = IpAddress::parse(row.address);
    ASSERT_TRUE(address) << row.address;
    EXPECT_EQ(describe(reach_of(*address)), describe(row.reach)) << row.address;
  }
}

TEST(AddressTest, OnlyPlainSpellings) {
  EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3")->str(), "10.1.2.3");
  EXPECT_EQ(IpAddress::parse("10.1.2.3"), IpAddress::v4({10, 1, 2, 3}));
  EXPECT_EQ(IpAddress::parse("2606:4700:0:0::1111")->str(), "2606:4700::1111");
  for (const auto* text : {"", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01x",
                           "fe80::1%eth0", "[::1]", "localhost", "1.2.3.4.5", "1.2.3.256", ":::"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(AddressTest, Networks) {
  struct Row {
    const char* network;
    const char* inside;
    const char* outside;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"10.128.0.0/9", "10.128.0.1", "10.127.255.255"},
      {"192.168.1.4", "192.168.1.4", "192.168.1.5"},
      {"192.168.1.4/32", "::ffff:192.168.1.4", "192.168.1.5"},
      {"fd00:1234::/32", "fd00:1234:ffff::1", "fd00:1235::"},
      {"::ffff:10.0.0.0/104", "10.3.2.1", "11.0.0.1"},
      {"0.0.0.0/0", "200.1.1.1", "2606::1"},
      {"::/0", "2606::1", ""},
  };
  for (const auto& row : rows) {
    const auto network = IpNetwork::parse(row.network);
    ASSERT_TRUE(network) << row.network;
    EXPECT_TRUE(network->contains(*IpAddress::parse(row.inside))) << row.network;
    if (*row.outside) {
      EXPECT_FALSE(network->contains(*IpAddress::parse(row.outside))) << row.network;
    }
  }
  for (const auto* text : {"", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.1/8",
                           "fd00::/129", "fd00::1/64", "corp.example", "10.0.0.0/8/8"}) {
    const auto network = IpNetwork::parse(text);
    ASSERT_FALSE(network) << text;
    EXPECT_EQ(network.error().code, "net.network");
  }
}

}  // namespace
}  // namespace net
