#include "net/scenarios.h"
#include "net/tls/tls_test.h"
#include "support/everywhere.h"

// Connections over TLS: interrupted wherever they wait, they leave nothing.
namespace evloop {
namespace {

Coro<void> tls_streams() {
  co_await with_echo_server(
      [](SocketAddress address) -> Coro<void> {
        const auto layer = tls_client({.context = TestTls::client(), .server_hostname = "localhost"});
        co_await talk(co_await open_connection(address, default_stream_limit, {.tls = layer}));
      },
      {.tls = tls_server({.context = TestTls::server()})});
}

Coro<void> upgrade_and_answer(StreamReader& reader, StreamWriter& writer) {
  const auto outcome = co_await settled([](StreamReader* r, StreamWriter* w) -> Coro<void> {
    co_await w->start_tls(tls_server({.context = TestTls::server()}));
    w->write((co_await r->readline()).view());
    co_await w->drain();
  }(&reader, &writer));
  if (outcome.cancelled()) std::rethrow_exception(outcome.error());
  writer.close();
}

Coro<void> upgrades() {
  auto server = co_await start_server(upgrade_and_answer, "127.0.0.1", 0);
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
}

const Scenario scenarios[] = {
    {.name = "streams", .run = tls_streams, .suspensions = 6},
    {.name = "upgrades", .run = upgrades, .suspensions = 3},
};

class TlsEverywhere : public testing::TestWithParam<Scenario> {};

TEST_P(TlsEverywhere, ACancelledScenarioLeavesNothing) {  // TLS-13, TLS-14
  EXPECT_GE(cancel_everywhere(GetParam()), GetParam().suspensions);
}
TEST_P(TlsEverywhere, AClosedLoopsScenarioLeavesNothing) {
  EXPECT_GE(close_everywhere(GetParam(), false), GetParam().suspensions);
}
TEST_P(TlsEverywhere, ADestroyedLoopsScenarioLeavesNothing) {
  EXPECT_GE(close_everywhere(GetParam(), true), GetParam().suspensions);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, TlsEverywhere, testing::ValuesIn(scenarios),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace evloop
