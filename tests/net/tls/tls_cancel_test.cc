#include "net/cancel_scenarios.h"
#include "net/tls/tls_test.h"
#include "support/cancel_everywhere.h"

namespace evloop {
namespace {

TEST(TlsCancelEverywhere, ConnectionsAreClosed) {  // TLS-14
  const auto scenario = []() -> Coro<void> {
    co_await with_echo_server(
        [](SocketAddress address) -> Coro<void> {
          const auto layer = tls_client({.context = TestTls::client(), .server_hostname = "localhost"});
          co_await talk(co_await open_connection(address, default_stream_limit, {.tls = layer}));
        },
        {.tls = tls_server({.context = TestTls::server()})});
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 6u);
}

TEST(TlsCancelEverywhere, AnUpgradedConnectionIsClosed) {  // TLS-13, TLS-14
  const auto serve = [](StreamReader& reader, StreamWriter& writer) -> Coro<void> {
    const auto outcome = co_await settled([](StreamReader* r, StreamWriter* w) -> Coro<void> {
      co_await w->start_tls(tls_server({.context = TestTls::server()}));
      w->write((co_await r->readline()).view());
      co_await w->drain();
    }(&reader, &writer));
    if (outcome.cancelled()) std::rethrow_exception(outcome.error());
    writer.close();
  };
  const auto scenario = [&]() -> Coro<void> {
    auto server = co_await start_server(serve, "127.0.0.1", 0);
    const auto address = server.sockets().at(0).address;
    co_await with_end(
        [&]() -> Coro<void> {
          const auto stream = co_await open_connection(address);
          co_await with_end(
              [&]() -> Coro<void> {
                co_await stream.writer->start_tls(
                    tls_client({.context = TestTls::client(), .server_hostname = "localhost"}));
                stream.writer->write("secret\n");
                EXPECT_EQ((co_await stream.reader->readline()).view(), "secret\n");
              },
              [&]() -> Coro<void> {
                stream.writer->close();
                static_cast<void>(co_await settled(stream.writer->wait_closed()));
              });
        },
        [&]() -> Coro<void> {
          server.close();
          server.close_clients();
          co_await server.wait_closed();
        });
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 3u);
}

}  // namespace
}  // namespace evloop
