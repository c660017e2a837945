#include "workloads/proxy/network_table.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace evloopd::workloads {
namespace {

IpAddress ip(const std::string& text) { return Network::parse(text).value().address; }

std::string said(const NetworkTable<std::string>& table, const std::string& address) {
  const auto* const found = table.find(ip(address));
  return found ? *found : "nothing";
}

TEST(Network, IsAnAddressAndTheLengthOfItsPrefix) {
  EXPECT_EQ(Network::parse("10.0.0.0/8")->prefix, 8);
  EXPECT_EQ(Network::parse("10.1.2.3")->prefix, 32);
  EXPECT_EQ(Network::parse("2001:db8::/32")->address.kind, IpAddress::Kind::v6);
  EXPECT_EQ(Network::parse("::1")->prefix, 128);
  EXPECT_EQ(Network::parse("0.0.0.0/0")->prefix, 0);
}

TEST(Network, HasNoBitsBeyondItsPrefix) {
  for (const char* text : {"10.0.0.1/8", "2001:db8::1/32", "1.0.0.0/0"}) EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(Network, IsNothingElse) {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0", "a.example/8",
                           "10.0.0.0/8/8", "10.0.0.0/8 ", "[::1]"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(NetworkTable, LetsTheLongestPrefixDecide) {
  NetworkTable<std::string> table;
  table.set(*Network::parse("10.0.0.0/8"), "company");
  table.set(*Network::parse("10.1.0.0/16"), "guests");
  table.set(*Network::parse("10.1.2.3"), "printer");
  table.set(*Network::parse("2001:db8::/32"), "six");
  EXPECT_EQ(said(table, "10.9.9.9"), "company");
  EXPECT_EQ(said(table, "10.1.9.9"), "guests");
  EXPECT_EQ(said(table, "10.1.2.3"), "printer");
  EXPECT_EQ(said(table, "11.0.0.0"), "nothing");
  EXPECT_EQ(said(table, "2001:db8::1"), "six");
  EXPECT_EQ(said(table, "2001:db9::1"), "nothing");
}

TEST(NetworkTable, KeepsTheFamiliesApart) {
  NetworkTable<std::string> table;
  table.set(*Network::parse("0.0.0.0/0"), "four");
  EXPECT_EQ(said(table, "::"), "nothing");
  EXPECT_EQ(said(table, "1.2.3.4"), "four");
  EXPECT_EQ(table.find({}), nullptr);
}

TEST(IpAddress, SeenByAnIPv6SocketIsTheIPv4OneThatItStandsFor) {
  in6_addr mapped;
  ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped), 1);
  EXPECT_EQ(IpAddress::v6(&mapped), ip("10.1.2.3"));
}

}  // namespace
}  // namespace evloopd::workloads
