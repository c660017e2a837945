#include "net/socket_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aio/errors.h"
#include "base/unique_fd.h"
#include "net/net_test.h"

namespace evloop {
namespace {

using testing::HasSubstr;

TEST(SocketAddress, IsWrittenAsItIsParsed) {
  for (const auto* address : {"127.0.0.1:80", "0.0.0.0:0", "[::1]:443", "[::]:65535", "[fe80::1%lo]:1",
                              "unix:/run/evloop.sock", "unix:relative", "unix:@abstract"})
    EXPECT_EQ(SocketAddress::parse(address).to_string(), address);
}

TEST(SocketAddress, HasParts) {
  const auto v4 = SocketAddress::parse("127.0.0.1:80");
  EXPECT_EQ(v4.family(), AF_INET);
  EXPECT_EQ(v4.host(), "127.0.0.1");
  EXPECT_EQ(v4.port(), 80);
  const auto v6 = SocketAddress::parse("[::1]:443");
  EXPECT_EQ(v6.family(), AF_INET6);
  EXPECT_EQ(v6.host(), "::1");
  const auto path = SocketAddress::parse("unix:/a b");
  EXPECT_TRUE(path.is_unix());
  EXPECT_EQ(path.host(), "/a b");
  EXPECT_EQ(path.port(), 0);
  EXPECT_TRUE(SocketAddress().empty());
  EXPECT_EQ(SocketAddress().to_string(), "");
}

TEST(SocketAddress, RefusesWhatIsNotNumericAndSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "must be <IPv4>:<port>"},
      {"127.0.0.1", "must be <IPv4>:<port>"},
      {"127.0.0.1:", "its port must be a number from 0 to 65535"},
      {"127.0.0.1:http", "its port must be a number from 0 to 65535"},
      {"127.0.0.1:65536", "its port must be a number from 0 to 65535"},
      {"127.0.0.1:-1", "its port must be a number from 0 to 65535"},
      {"::1:80", "stands in brackets"},
      {"[127.0.0.1]:80", "stands in brackets"},
      {"localhost:80", "'localhost' is no numeric"},
      {"[::1%nosuch]:80", "is no numeric"},
      {":80", "'' is no numeric"},
      {"unix:", "must not be empty"},
  };
  for (const auto& [text, message] : cases) {
    try {
      static_cast<void>(SocketAddress::parse(text));
      ADD_FAILURE() << text;
    } catch (const ValueError& error) {
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }
  EXPECT_THROW(static_cast<void>(SocketAddress::unix_path(std::string(108, 'x'))), ValueError);
  EXPECT_NO_THROW(static_cast<void>(SocketAddress::unix_path(std::string(107, 'x'))));
}

TEST(SocketAddress, ComparesByWhatItMeans) {
  EXPECT_EQ(SocketAddress::parse("127.0.0.1:80"), SocketAddress::ip("127.0.0.1", 80));
  EXPECT_NE(SocketAddress::parse("127.0.0.1:80"), SocketAddress::ip("127.0.0.1", 81));
  EXPECT_NE(SocketAddress::parse("127.0.0.1:80"), SocketAddress::parse("[::1]:80"));
  EXPECT_EQ(SocketAddress::parse("unix:/x"), SocketAddress::unix_path("/x"));
  EXPECT_NE(SocketAddress::parse("unix:/x"), SocketAddress::parse("unix:@x"));
}

TEST(SocketAddress, AsksTheKernel) {
  const auto [client, server] = tcp_pair();
  EXPECT_EQ(SocketAddress::local(client.get()), SocketAddress::peer(server.get()));
  EXPECT_NE(SocketAddress::local(client.get()).port(), 0);
  const auto [one, other] = socket_pair();
  EXPECT_EQ(SocketAddress::peer(one.get()).to_string(), "unix:");
  EXPECT_TRUE(SocketAddress::local(-1).empty());
  EXPECT_TRUE(SocketAddress::peer(listen_stream_socket(SocketAddress::parse("[::1]:0")).get()).empty());
}

}  // namespace
}  // namespace evloop
