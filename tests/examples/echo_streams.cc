// An echo server with streams, and a client that says three words to it.
#include <iostream>
#include <string>

#include "aio/runner.h"
#include "net/streams.h"

using namespace evloop;

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  while (const auto line = co_await reader.next_line()) {
    writer.write(line->view());
    co_await writer.drain();
  }
  writer.close();
}

Coro<void> talk(Server& server) {
  const auto [reader, writer] = co_await open_connection(server.sockets().at(0).address);
  for (const std::string word : {"one", "two", "three"}) {
    writer->write(word + "\n");
    co_await writer->drain();
    std::cout << "echo: " << (co_await reader->readline()).view();
  }
  writer->close();
  co_await writer->wait_closed();
}

Coro<void> serve_and_talk() { co_await with_server(co_await start_server(echo, "127.0.0.1", 0), talk); }

int main() { run(serve_and_talk()); }
