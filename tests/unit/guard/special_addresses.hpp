// Addresses that no allowed name may lead to, each with words of the reason: the ends of every special range,
// the metadata services of clouds, IPv4 inside IPv6. For the floor itself and for a gate that is asked by
// name.
#pragma once

#include <string>
#include <vector>

namespace drydock::test {

struct SpecialAddress {
  std::string address;
  std::string reason;
};

inline const std::vector<SpecialAddress>& special_addresses() {
  static const std::vector<SpecialAddress> table{
      {"0.0.0.0", "it is an address of \"this network\""},
      {"0.255.255.255", "it is an address of \"this network\""},
      {"10.0.0.0", "it is a private address"},
      {"10.255.255.255", "it is a private address"},
      {"172.16.0.0", "it is a private address"},
      {"172.31.255.255", "it is a private address"},
      {"192.168.0.0", "it is a private address"},
      {"192.168.255.255", "it is a private address"},
      {"fc00::", "it is a private address"},
      {"fdff:ffff::1", "it is a private address"},
      {"::ffff:10.1.2.3", "it is a private address"},
      {"64:ff9b::10.0.0.1", "it is a private address"},
      {"::ffff:192.168.0.1", "it is a private address"},
      {"100.64.0.0", "it is a carrier's shared address"},
      {"100.127.255.255", "it is a carrier's shared address"},
      {"127.0.0.0", "it is a loopback address"},
      {"127.255.255.255", "it is a loopback address"},
      {"::1", "it is a loopback address"},
      {"::ffff:127.0.0.9", "it is a loopback address"},
      {"64:ff9b::7f00:9", "it is a loopback address"},
      {"169.254.0.0", "it is a link-local address"},
      {"169.254.255.255", "it is a link-local address"},
      {"fe80::1", "it is a link-local address"},
      {"febf::1", "it is a link-local address"},
      {"192.0.0.0", "it is a reserved address"},
      {"192.0.0.255", "it is a reserved address"},
      {"240.0.0.0", "it is a reserved address"},
      {"255.255.255.255", "it is a reserved address"},
      {"2001:1ff:ffff::", "it is a reserved address"},
      {"192.0.2.0", "it is an address for documentation"},
      {"192.0.2.255", "it is an address for documentation"},
      {"198.51.100.0", "it is an address for documentation"},
      {"198.51.100.255", "it is an address for documentation"},
      {"203.0.113.0", "it is an address for documentation"},
      {"203.0.113.255", "it is an address for documentation"},
      {"2001:db8::", "it is an address for documentation"},
      {"2001:db8:ffff::1", "it is an address for documentation"},
      {"3fff::1", "it is an address for documentation"},
      {"192.88.99.0", "it is an address of an IPv6 transition mechanism"},
      {"192.88.99.255", "it is an address of an IPv6 transition mechanism"},
      {"64:ff9b:1::1", "it is an address of an IPv6 transition mechanism"},
      {"64:ff9b:1::1.1.1.1", "it is an address of an IPv6 transition mechanism"},
      {"2001::1", "it is an address of an IPv6 transition mechanism"},
      {"2001:0:7f00:1::1", "it is an address of an IPv6 transition mechanism"},
      {"2002::", "it is an address of an IPv6 transition mechanism"},
      {"2002:ffff::1", "it is an address of an IPv6 transition mechanism"},
      {"2002:7f00:1::1", "it is an address of an IPv6 transition mechanism"},
      {"2002:a00:1::", "it is an address of an IPv6 transition mechanism"},
      {"2002:101:101::1", "it is an address of an IPv6 transition mechanism"},
      {"198.18.0.0", "it is an address for benchmarks"},
      {"198.19.255.255", "it is an address for benchmarks"},
      {"224.0.0.0", "it is a multicast address"},
      {"239.255.255.255", "it is a multicast address"},
      {"ff00::1", "it is a multicast address"},
      {"ff02::1", "it is a multicast address"},
      {"::", "it is the unspecified address"},
      {"::2", "it is an IPv4-compatible address"},
      {"::127.0.0.9", "it is an IPv4-compatible address"},
      {"::1.1.1.1", "it is an IPv4-compatible address"},
      {"100::1", "it is not a global address"},
      {"fec0::1", "it is not a global address"},
      {"4000::1", "it is not a global address"},
      {"1fff::1", "it is not a global address"},
      {"5f00::1", "it is not a global address"},
      {"169.254.169.254", "it is a cloud's metadata service"},
      {"100.100.100.200", "it is a cloud's metadata service"},
      {"168.63.129.16", "it is a cloud's metadata service"},
      {"192.0.0.192", "it is a cloud's metadata service"},
      {"fd00:ec2::254", "it is a cloud's metadata service"},
      {"fd00:ec2:1::1", "it is a cloud's metadata service"},
      {"::ffff:169.254.169.254", "it is a cloud's metadata service"},
      {"64:ff9b::a9fe:a9fe", "it is a cloud's metadata service"},
  };
  return table;
}

}  // namespace drydock::test
