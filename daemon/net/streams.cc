#include "net/streams.h"

namespace evloop {
namespace {

// Made before connecting, so that a wrong limit is told first.
Ref<StreamReaderProtocol> make_protocol(std::size_t limit, Ref<StreamReader>& reader) {
  auto& loop = get_running_loop();
  reader = Ref(new StreamReader(loop, limit));
  return Ref(new StreamReaderProtocol(reader));
}

Stream make_stream(Connection<StreamReaderProtocol> connection, const Ref<StreamReader>& reader) {
  return {reader, Ref(new StreamWriter(connection.transport, connection.protocol))};
}

// Where: what create_connection() takes.
template <class... Where>
Coro<Stream> open(std::size_t limit, Where... where) {
  Ref<StreamReader> reader;
  const auto protocol = make_protocol(limit, reader);
  auto connection = co_await create_connection(
      get_running_loop(), [protocol] { return protocol; }, std::move(where)...);
  co_return make_stream(std::move(connection), reader);
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
    return Ref<BaseProtocol>(Ref(new StreamReaderProtocol(Ref(new StreamReader(loop, limit)), client)));
  };
}

}  // namespace evloop
