#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "aio/settled.h"
#include "net/server.h"
#include "net/streams.h"

// What scenarios do on a network, cleaning up behind themselves: see support/everywhere.h.
namespace evloop {

// Runs `body`, and closes what it has used, also when it is cancelled.
template <class F, class G>
Coro<void> with_end(F body, G finally) {
  const auto outcome = co_await settled(body());
  co_await finally();
  if (!outcome) std::rethrow_exception(outcome.error());
}

inline Coro<void> echo_all(StreamReader& reader, StreamWriter& writer) {
  for (;;) {
    const auto data = co_await reader.read(1024);
    if (data.empty()) co_return;
    writer.write(data.view());
    co_await writer.drain();
  }
}

// A client that leaves with data unread resets its connection.
inline Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  static_cast<void>(co_await settled(echo_all(reader, writer)));
  writer.close();
}

// A server in a task of its own, for the time of `body`, which is given its address.
template <class F>
Coro<void> with_echo_server(F body, ServerOptions options = {}) {
  auto server = co_await start_server(echo, "127.0.0.1", 0, std::move(options));
  const auto address = server.sockets().at(0).address;
  co_await with_end([&]() -> Coro<void> { co_await body(address); },
                    [&]() -> Coro<void> {
                      server.close();
                      server.close_clients();
                      co_await server.wait_closed();
                    });
}

// Says something on a connection to such a server, in small pieces and a large one, and closes it.
inline Coro<void> talk(Stream stream) {
  co_await with_end(
      [&]() -> Coro<void> {
        for (int i = 0; i < 3; ++i) {
          stream.writer->write("a line\n");
          co_await stream.writer->drain();
          EXPECT_EQ((co_await stream.reader->readline()).view(), "a line\n");
        }
        stream.writer->write(std::string(300'000, 'x'));
        co_await stream.writer->drain();
        EXPECT_EQ((co_await stream.reader->readexactly(300'000)).size(), 300'000u);
        if (!stream.writer->can_write_eof()) co_return;
        stream.writer->write_eof();
        EXPECT_TRUE((co_await stream.reader->read()).empty());
      },
      [&]() -> Coro<void> {
        stream.writer->close();
        static_cast<void>(co_await settled(stream.writer->wait_closed()));
      });
}

}  // namespace evloop
