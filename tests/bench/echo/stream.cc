#include "aio/runner.h"
#include "bench/echo/servers.h"
#include "net/streams.h"

namespace evloop::bench {
namespace {

constexpr std::ptrdiff_t most = 64 * 1024;

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  for (;;) {
    const auto data = co_await reader.read(most);
    if (data.empty()) break;
    writer.write(data.view());
    co_await writer.drain();
  }
  writer.close();
}

Coro<void> serve() {
  auto server = co_await start_server(echo, UniqueFd(listen_anywhere()), ServerOptions{});
  co_await server.serve_forever();
}

}  // namespace

void serve_stream() { run(serve()); }

}  // namespace evloop::bench
