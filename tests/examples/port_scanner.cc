// Tries many addresses, at most three at a time.
#include <chrono>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "aio/gather.h"
#include "aio/runner.h"
#include "aio/semaphore.h"
#include "aio/timeout.h"
#include "net/streams.h"

using namespace evloop;

constexpr auto patience = std::chrono::seconds(2);

Coro<std::string> probe(SocketAddress address, Semaphore& few) {
  const auto slot = co_await few.scoped();
  try {
    const auto stream = co_await wait_for(open_connection(address), patience);
    stream.writer->close();
    co_return "open";
  } catch (const std::system_error&) {
    co_return "closed";
  } catch (const TimeoutError&) {
    co_return "silent";
  }
}

Coro<void> scan(std::vector<SocketAddress> addresses) {
  Semaphore few(3);
  std::vector<Coro<std::string>> probes;
  for (const auto& address : addresses) probes.push_back(probe(address, few));
  for (const auto& state : co_await gather(std::move(probes))) std::cout << state << "\n";
}

Coro<void> serve_and_scan() {
  auto& loop = get_running_loop();
  std::vector<Server> servers;
  std::vector<SocketAddress> addresses;
  for (int i = 0; i < 6; ++i) {
    servers.push_back(co_await create_server(loop, [] { return Ref(new Protocol); }, "127.0.0.1", 0));
    addresses.push_back(servers.back().sockets().at(0).address);
    if (i % 3 == 1) servers.back().close();
  }
  co_await scan(addresses);
}

int main() { run(serve_and_scan()); }
