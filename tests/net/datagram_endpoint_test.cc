// How datagram endpoints come to be.

#include "net/datagram_endpoint.h"

#include <filesystem>
#include <fstream>

#include "net/datagram_test.h"
#include "net/fixed_resolver.h"
#include "support/leftovers.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DatagramEndpointTest : public DatagramTest {
 protected:
  template <class E, class Source>
  std::string error_of(Source source) {
    try {
      open(std::move(source));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
};

TEST_F(DatagramEndpointTest, RefusesWhatCannotBeAnEndpoint) {  // DGRAM-01
  EXPECT_THAT(error_of<ValueError>(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))),
              HasSubstr("A datagram socket was expected, got fd "));
  EXPECT_EQ(error_of<ValueError>(DatagramOptions{}), "unexpected address family");
  EXPECT_EQ(
      error_of<ValueError>(DatagramOptions{.local_addr = HostPort{"127.0.0.1", 0}, .remote_addr = HostPort{"::1", 1}}),
      "can not get address information");
  FixedResolver nothing;
  EXPECT_EQ(
      error_of<std::system_error>(DatagramOptions{.remote_addr = HostPort{"name.example", 1}, .resolver = &nothing}),
      "getaddrinfo() returned empty list");
  EXPECT_EQ(nothing.last_hints.type, SOCK_DGRAM);
}

TEST_F(DatagramEndpointTest, AFamilyAloneMakesASocketThatIsNotBound) {
  const auto endpoint = open({.family = AF_INET});
  EXPECT_EQ(endpoint.transport->sockname(), SocketAddress::parse("0.0.0.0:0"));
  EXPECT_TRUE(endpoint.transport->peername().empty());
  const auto peer = udp_socket();
  endpoint.transport->sendto("hello", SocketAddress::local(peer.get()));
  EXPECT_EQ(receive(peer), "hello");
}

TEST_F(DatagramEndpointTest, ASocketThatIsBoundOrConnectedIsTakenAsItIs) {
  auto endpoint = open_pair();
  endpoint.transport->sendto("hello");
  EXPECT_EQ(receive(peer_), "hello");
  EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made"));
}

TEST_F(DatagramEndpointTest, TheFamiliesAreTriedInOrder) {  // DGRAM-02
  const auto here = SocketAddress::parse("127.0.0.1:0");
  FixedResolver both({SocketAddress::parse("[2001:db8::1]:0"), here});
  const auto before = open_fds();
  const auto endpoint = open({.local_addr = HostPort{"both.example", 0}, .resolver = &both});
  EXPECT_EQ(endpoint.transport->sockname().host(), "127.0.0.1");
  EXPECT_EQ(open_fds(), before + 1);  // the other one is closed
}

TEST_F(DatagramEndpointTest, IfAllFamiliesFailTheFirstErrorCounts) {  // DGRAM-02
  const auto used = udp_socket();
  const auto there = SocketAddress::local(used.get());
  FixedResolver both({SocketAddress::parse("[2001:db8::1]:0"), there});
  const auto before = open_fds();
  EXPECT_EQ(error_of<std::system_error>(DatagramOptions{.local_addr = HostPort{"both.example", 0}, .resolver = &both}),
            "error while attempting to bind on address [2001:db8::1]:0: Cannot assign requested address");
  FixedResolver other_order({there, SocketAddress::parse("[2001:db8::1]:0")});
  EXPECT_EQ(
      error_of<std::system_error>(DatagramOptions{.local_addr = HostPort{"both.example", 0}, .resolver = &other_order}),
      "error while attempting to bind on address " + there.to_string() + ": Address already in use");
  EXPECT_EQ(open_fds(), before);
}

TEST_F(DatagramEndpointTest, TheFamilyThatBothAddressesHaveIsTaken) {  // DGRAM-02
  const auto peer = udp_socket();
  const auto where = SocketAddress::local(peer.get());
  FixedResolver both({SocketAddress::parse("[::1]:0"), SocketAddress::parse("127.0.0.2:0")});
  const auto endpoint = open({.local_addr = HostPort{"both.example", 0}, .remote_addr = where, .resolver = &both});
  EXPECT_EQ(endpoint.transport->sockname().host(), "127.0.0.2");
  EXPECT_EQ(endpoint.transport->peername(), where);
}

TEST_F(DatagramEndpointTest, ARemoteAddressIsConnectedTo) {  // DGRAM-03
  const auto peer = udp_socket();
  const auto stranger = udp_socket();
  const auto where = SocketAddress::local(peer.get());
  const auto endpoint = open({.remote_addr = HostPort{where.host(), where.port()}});
  EXPECT_EQ(endpoint.transport->peername(), where);
  send(stranger, "not for it", endpoint.transport->sockname());
  send(peer, "for it", endpoint.transport->sockname());
  turn(2);
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("for it"));
}

TEST_F(DatagramEndpointTest, WithBroadcastTheRemoteAddressIsOnlyWhereDatagramsGo) {  // DGRAM-03
  const auto peer = udp_socket();
  const auto stranger = udp_socket();
  const auto where = SocketAddress::local(peer.get());
  const auto endpoint = open({.local_addr = HostPort{"127.0.0.1", 0}, .remote_addr = where, .allow_broadcast = true});
  EXPECT_TRUE(endpoint.transport->peername().empty());
  int on = 0;
  socklen_t length = sizeof on;
  ASSERT_EQ(::getsockopt(endpoint.transport->fd(), SOL_SOCKET, SO_BROADCAST, &on, &length), 0);
  EXPECT_NE(on, 0);
  endpoint.transport->sendto("by default");
  EXPECT_EQ(receive(peer), "by default");
  EXPECT_THROW(endpoint.transport->sendto("elsewhere", SocketAddress::local(stranger.get())), ValueError);
  send(stranger, "from anybody", endpoint.transport->sockname());
  turn();
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("from anybody"));
}

TEST_F(DatagramEndpointTest, SeveralMayShareAPortIfTheyAgree) {
  const auto first = open({.local_addr = HostPort{"127.0.0.1", 0}, .reuse_port = true});
  const auto where = first.transport->sockname();
  EXPECT_NO_THROW(open({.local_addr = where, .reuse_port = true}));
  EXPECT_THAT(error_of<std::system_error>(DatagramOptions{.local_addr = where}), HasSubstr("Address already in use"));
}

TEST_F(DatagramEndpointTest, NamesAreLookedUp) {
  const auto endpoint = open({.local_addr = HostPort{"localhost", 0}, .family = AF_INET});
  EXPECT_EQ(endpoint.transport->sockname().host(), "127.0.0.1");
}

TEST_F(DatagramEndpointTest, AUnixPathThatIsASocketIsReplaced) {  // DGRAM-04
  std::string folder = "/tmp/evloop-datagram-XXXXXX";
  ASSERT_TRUE(::mkdtemp(folder.data()));
  const auto path = SocketAddress::unix_path(folder + "/socket");
  for (int i = 0; i < 2; ++i) {
    const auto server = open({.local_addr = path});
    const auto client = open({.local_addr = SocketAddress::unix_path(folder + "/client"), .remote_addr = path});
    client.transport->sendto("over unix");
    turn();
    EXPECT_THAT(server.protocol->received, ElementsAre("over unix"));
    server.transport->sendto("and back", server.protocol->sender);
    turn();
    EXPECT_THAT(client.protocol->received, ElementsAre("and back"));
    server.transport->close();
    client.transport->close();
    turn();
    EXPECT_TRUE(std::filesystem::is_socket(folder + "/socket"));  // what is left behind is not in the way
  }
  std::ofstream(folder + "/file") << "content";
  EXPECT_THAT(error_of<std::system_error>(DatagramOptions{.local_addr = SocketAddress::unix_path(folder + "/file")}),
              HasSubstr("Address already in use"));
  EXPECT_TRUE(std::filesystem::is_regular_file(folder + "/file"));
  std::filesystem::remove_all(folder);
}

TEST_F(DatagramEndpointTest, ACancelledWaitForConnectionMadeClosesTheEndpoint) {
  const auto before = open_fds();
  auto opening = loop_.create_task(
      create_datagram_endpoint(loop_, recorder(), {.local_addr = SocketAddress::parse("127.0.0.1:0")}));
  loop_.call_soon([&] { opening.cancel(); });
  turn(4);
  EXPECT_TRUE(opening.cancelled());
  EXPECT_LE(open_fds(), before + 1);  // what the loop needs for itself
}

}  // namespace
}  // namespace evloop
