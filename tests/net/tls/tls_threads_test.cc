// One context, used by loops on several threads at once.

#include <thread>

#include "net/tls/tls_test.h"

namespace evloop {
namespace {

Coro<void> talk(TlsContext client, TlsContext server) {
  auto serving = co_await start_server(
      [](StreamReader& reader, StreamWriter& writer) -> Coro<void> {
        writer.write(co_await reader.readline());
        writer.close();
        co_await writer.wait_closed();
      },
      SocketAddress::parse("127.0.0.1:0"), ServerOptions{.tls = tls_server({.context = server})});
  const auto layer = tls_client({.context = client, .server_hostname = "localhost"});
  for (int i = 0; i < 10; ++i) {
    const auto [reader, writer] = co_await open_connection("127.0.0.1", serving.sockets().at(0).address.port(),
                                                           default_stream_limit, {.tls = layer});
    writer->write("hello\n");
    EXPECT_EQ(co_await reader->readline(), "hello\n");
    writer->close();
    co_await writer->wait_closed();
  }
  serving.close();
  co_await serving.wait_closed();
}

TEST(TlsThreadsTest, AContextIsSharedByLoopsOnManyThreads) {
  const auto client = TlsContext::client(TestTls::client_settings());
  const auto server = TlsContext::server(TestTls::server_settings());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      EventLoop loop;
      loop.run_until_complete(talk(client, server));
      loop.close();
    });
}

}  // namespace
}  // namespace evloop
