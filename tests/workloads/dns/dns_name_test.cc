#include "workloads/dns/dns_name.h"

#include <gtest/gtest.h>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

TEST(DnsName, IsAHostWithAPort) {
  const auto name = DnsName::parse("app-1.internal.:8080");
  EXPECT_EQ(name.host, "app-1.internal.");
  EXPECT_EQ(name.port, 8080);
  EXPECT_FALSE(name.is_service());
}

TEST(DnsName, IsAService) {
  const auto name = DnsName::parse("_app._tcp.example.com");
  EXPECT_EQ(name.host, "_app._tcp.example.com");
  EXPECT_TRUE(name.is_service());
}

TEST(DnsName, IsNothingElse) {
  for (const char* text : {"", ":80", "app", "app:", "app:0", "app:65536", "app:x", "app:80:80", "a b:80", "-a:80",
                           "a..b:80", ".:80", "10.0.0.1:80", "_app._tcp.example.com:80"})
    EXPECT_THROW(std::ignore = DnsName::parse(text), evloop::ValueError) << text;
  EXPECT_THROW(std::ignore = DnsName::parse(std::string(64, 'a') + ":80"), evloop::ValueError);
}

}  // namespace
}  // namespace evloopd::workloads
