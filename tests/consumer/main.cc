// Says something to itself over TCP, and prints what comes back.
#include <chrono>
#include <iostream>
#include <string>

#include "aio/runner.h"
#include "aio/timeout.h"
#include "net/streams.h"

using namespace evloop;

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  const auto line = co_await reader.readline();
  writer.write(line.view());
  co_await writer.drain();
  writer.close();
}

Coro<std::string> say(std::string what) {
  co_return co_await with_server(co_await start_server(echo, "127.0.0.1", 0),
                                 [what](Server& server) -> Coro<std::string> {
                                   const auto stream = co_await open_connection(server.sockets().at(0).address);
                                   stream.writer->write(what + "\n");
                                   const auto answer = co_await stream.reader->readline();
                                   stream.writer->close();
                                   co_return std::string(answer.view());
                                 });
}

int main() { std::cout << run(wait_for(say("evloop"), std::chrono::seconds(10))); }
