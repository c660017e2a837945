#include "net/start_tls.h"

#include "aio/settled.h"
#include "net/stream_protocol.h"

namespace evloop {
namespace {

Coro<Ref<Transport>> upgrade(Ref<Transport> transport, Ref<BaseProtocol> protocol, TlsUse tls) {
  if (!tls.layer) throw TypeError("sslcontext is expected to be an instance of ssl.SSLContext, got None");
  if (!transport->carries_layers())
    throw TypeError("transport " + transport->describe() + " is not supported by start_tls()");
  if (transport->is_closing()) throw LoopError("Transport is closing");
  auto& loop = get_running_loop();
  auto waiter = loop.create_future();
  auto [below, upper] = tls.layer->wrap(loop, protocol, tls.server_hostname, waiter, TlsLayer::Begin::silently);
  transport->pause_reading();
  if (tls.layer->is_server()) {
    if (auto* const stream = dynamic_cast<StreamReaderProtocol*>(protocol.get()))
      below->data_received(stream->reader().take_buffered());
  }
  transport->set_protocol(below);
  auto connection_made = loop.call_soon([transport, below] { below->connection_made(*transport); });
  auto resume_reading = loop.call_soon([transport] { transport->resume_reading(); });
  const auto begun = co_await settled(std::move(waiter));
  if (!begun.has_value()) {
    connection_made.cancel();
    resume_reading.cancel();
    transport->close();
    std::rethrow_exception(begun.error());
  }
  co_return upper;
}

}  // namespace

Coro<Ref<Transport>> start_tls(Ref<Transport> transport, Ref<BaseProtocol> protocol, TlsClient client) {
  auto expected = client ? client->server_hostname().value_or("") : "";
  return upgrade(std::move(transport), std::move(protocol), {std::move(client), std::move(expected)});
}

Coro<Ref<Transport>> start_tls(Ref<Transport> transport, Ref<BaseProtocol> protocol, TlsServer server) {
  return upgrade(std::move(transport), std::move(protocol), {std::move(server)});
}

}  // namespace evloop
