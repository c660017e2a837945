#include "net/streams.h"

namespace evloop {
namespace {

// Where: what create_connection() takes.
template <class... Where>
Coro<Stream> open(std::size_t limit, Where... where) {
  auto& loop = get_running_loop();
  // Made before connecting, so that a wrong limit is told first.
  const Ref protocol(new StreamReaderProtocol(loop, limit));
  auto connection = co_await create_connection(loop, [protocol] { return protocol; }, std::move(where)...);
  co_return Stream{Ref(&protocol->reader()), protocol->make_writer(std::move(connection.transport))};
}

}  // namespace

Coro<Stream> open_connection(std::string host, Port port, std::size_t limit, ConnectOptions options) {
  return open(limit, std::move(host), std::move(port), std::move(options));
}

Coro<Stream> open_connection(SocketAddress address, std::size_t limit, ConnectOptions options) {
  return open(limit, address, std::move(options));
}

Coro<Stream> open_connection(UniqueFd sock, std::size_t limit, TlsClient tls) {
  return open(limit, std::move(sock), std::move(tls));
}

Coro<Stream> open_unix_connection(std::string path, std::size_t limit, TlsClient tls) {
  if (path.empty()) throw ValueError("no path and sock were specified");
  return open(limit, SocketAddress::unix_path(path), ConnectOptions{.tls = std::move(tls)});
}

Coro<Stream> open_unix_connection(UniqueFd sock, std::size_t limit, TlsClient tls) {
  check_unix_stream_socket(sock.get());
  return open(limit, std::move(sock), std::move(tls));
}

ProtocolFactory make_stream_factory(EventLoop& loop, Ref<ClientConnected> client, std::size_t limit) {
  if (limit == 0) throw ValueError("Limit cannot be <= 0");
  return [&loop, client = std::move(client), limit] {
    return Ref<BaseProtocol>(Ref(new StreamReaderProtocol(loop, limit, client)));
  };
}

}  // namespace evloop
