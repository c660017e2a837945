#include "net/socket.h"

#include "aio/errors.h"
#include "net/net_test.h"
#include "net/os_error.h"

namespace evloop {
namespace {

TEST(Socket, ABindThatFailsNamesTheAddress) {  // SRV-05
  const auto first = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  const auto address = SocketAddress::local(first.get());
  try {
    static_cast<void>(listen_stream_socket(address));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
    EXPECT_EQ(std::string(error.what()),
              "error while attempting to bind on address " + address.to_string() + ": Address already in use");
  }
}

TEST(Socket, TheSamePortServesBothFamiliesAndReusePortSeveralSockets) {  // SRV-03
  const auto v6 = listen_stream_socket(SocketAddress::parse("[::]:0"));
  const auto port = SocketAddress::local(v6.get()).port();
  EXPECT_NO_THROW(static_cast<void>(listen_stream_socket(SocketAddress::ip("0.0.0.0", port))));
  const auto shared = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"), {.reuse_port = true});
  EXPECT_NO_THROW(static_cast<void>(listen_stream_socket(SocketAddress::local(shared.get()), {.reuse_port = true})));
}

TEST(Socket, ChecksItsKind) {  // SRV-01
  const auto [one, other] = socket_pair();
  EXPECT_NO_THROW(check_stream_socket(one.get()));
  EXPECT_NO_THROW(check_unix_stream_socket(one.get()));
  const UniqueFd datagram(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto tcp = open_stream_socket(AF_INET);
  const auto expect_text = [](auto call, const std::string& text) {
    try {
      call();
      ADD_FAILURE();
    } catch (const ValueError& error) {
      EXPECT_EQ(error.what(), text);
    }
  };
  const auto number = std::to_string(datagram.get());
  expect_text([&] { check_stream_socket(datagram.get()); }, "A Stream Socket was expected, got fd " + number);
  expect_text([&] { check_unix_stream_socket(datagram.get()); },
              "A UNIX Domain Stream Socket was expected, got fd " + number);
  EXPECT_THROW(check_unix_stream_socket(tcp.get()), ValueError);
  EXPECT_THROW(check_stream_socket(-1), ValueError);
}

TEST(Socket, OptionsThatFailNameTheOption) {
  try {
    set_option(-1, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("setsockopt SO_REUSEADDR"));
  }
  EXPECT_THROW(start_listening(-1, 1), std::system_error);
  EXPECT_THROW(set_non_blocking(-1), std::system_error);
}

TEST(OsError, KnowsConnectionErrors) {
  EXPECT_TRUE(is_connection_error(make_os_error("recv", ECONNRESET)));
  EXPECT_TRUE(is_connection_error(make_os_error("send", EPIPE)));
  EXPECT_FALSE(is_connection_error(make_os_error("send", EIO)));
  EXPECT_FALSE(is_connection_error(std::make_exception_ptr(LoopError("no"))));
  EXPECT_FALSE(is_connection_error(nullptr));
}

}  // namespace
}  // namespace evloop
