#pragma once

#include <string>
#include <utility>

#include "net/connection.h"
#include "net/server.h"
#include "net/stream_protocol.h"
#include "net/stream_reader.h"

// asyncio's streams: connections that coroutines read from and write to. On the running loop.
namespace evloop {

struct Stream {
  Ref<StreamReader> reader;
  Ref<StreamWriter> writer;
};

// `limit`: see StreamReader. Throws ValueError, std::system_error (see create_connection).
Coro<Stream> open_connection(std::string host, Port port, std::size_t limit = default_stream_limit,
                             ConnectOptions options = {});
Coro<Stream> open_connection(SocketAddress address, std::size_t limit = default_stream_limit,
                             ConnectOptions options = {});
// Of a connected stream socket.
Coro<Stream> open_connection(UniqueFd sock, std::size_t limit = default_stream_limit, TlsClient tls = nullptr);
Coro<Stream> open_unix_connection(std::string path, std::size_t limit = default_stream_limit, TlsClient tls = nullptr);
// Of a connected unix stream socket.
Coro<Stream> open_unix_connection(UniqueFd sock, std::size_t limit = default_stream_limit, TlsClient tls = nullptr);

// A factory of protocols that call `client` for each connection.
ProtocolFactory make_stream_factory(EventLoop& loop, Ref<ClientConnected> client, std::size_t limit);

// Calls `client(StreamReader&, StreamWriter&)` for each connection: a coroutine function, which becomes a task, or a
// plain one (STREAM-01). What it throws is reported and closes the connection (STREAM-02). `where` is as in
// create_server: host and port, or an address, or a bound socket, and then ServerOptions.
template <class F, class... Where>
Coro<Server> start_server(F client, Where... where) {
  auto& loop = get_running_loop();
  co_return co_await create_server(
      loop, make_stream_factory(loop, make_client_connected(std::move(client)), default_stream_limit),
      std::move(where)...);
}
template <class F, class... Where>
Coro<Server> start_server_with_limit(std::size_t limit, F client, Where... where) {
  auto& loop = get_running_loop();
  co_return co_await create_server(loop, make_stream_factory(loop, make_client_connected(std::move(client)), limit),
                                   std::move(where)...);
}
// `where`: a path or a bound unix socket.
template <class F, class Where>
Coro<Server> start_unix_server(F client, Where where, UnixServerOptions options = {},
                               std::size_t limit = default_stream_limit) {
  auto& loop = get_running_loop();
  co_return co_await create_unix_server(
      loop, make_stream_factory(loop, make_client_connected(std::move(client)), limit), std::move(where), options);
}

}  // namespace evloop
