// On SIGTERM the server takes no new clients, lets those it has finish, and cuts off who takes too long.
#include <chrono>
#include <csignal>
#include <iostream>

#include "aio/event.h"
#include "aio/runner.h"
#include "aio/signal_handler.h"
#include "aio/sleep.h"
#include "aio/task_group.h"
#include "aio/timeout.h"
#include "net/streams.h"

using namespace evloop;
using namespace std::chrono_literals;

// A request is a number of milliseconds; it takes that long.
Coro<void> answer(StreamReader& reader, StreamWriter& writer) {
  const auto request = co_await reader.readline();
  co_await sleep(std::chrono::milliseconds(std::stoi(request.str())));
  writer.write("done\n");
  writer.close();
}

Coro<void> serve_until(Event& stop, Server& server) {
  co_await stop.wait();
  server.close();
  std::cout << "no new clients\n";
  try {
    co_await wait_for(server.wait_closed(), 500ms);
  } catch (const TimeoutError&) {
    std::cout << "cut off\n";
    server.abort_clients();
  }
}

Coro<void> client(SocketAddress address, int milliseconds) {
  const auto [reader, writer] = co_await open_connection(address);
  writer->write(std::to_string(milliseconds) + "\n");
  const auto reply = co_await reader->readline();
  std::cout << milliseconds << " ms: " << (reply.empty() ? "no answer\n" : reply.view());
  writer->close();
}

Coro<void> serve() {
  Event stop;
  auto server = co_await start_server(answer, "127.0.0.1", 0);
  const auto address = server.sockets().at(0).address;
  co_await task_group([&](TaskGroup& group) -> Coro<void> {
    static_cast<void>(group.create_task(client, address, 150));
    static_cast<void>(group.create_task(client, address, 60'000));
    auto& loop = get_running_loop();
    add_signal_handler(loop, SIGTERM, [&] { stop.set(); });
    loop.call_later(100ms, [] { std::raise(SIGTERM); });  // whoever wants us to stop
    co_await serve_until(stop, server);
  });
}

int main() { run(serve()); }
