#pragma once

#include "aio/event_loop.h"
#include "net/tls_layer.h"
#include "net/transport.h"

namespace evloop {

// asyncio's start_tls: turns a connection of `protocol`, in the middle of it, into one over TLS. Answers the transport
// that the protocol uses from then on; the old one is not to be touched any more, and connection_made is not called
// again (TLS-11). No byte reaches the wrong side: reading pauses for the switch, and what a server's StreamReader holds
// already is taken as TLS (TLS-12).
//
// Throws what the handshake failed with; then, and when it is cancelled, the connection is closed, and the protocol is
// told. Throws TypeError, and leaves the connection alone, without a layer or for a transport that cannot carry one
// (TLS-13). Thread of the running loop.
Coro<Ref<Transport>> start_tls(Ref<Transport> transport, Ref<BaseProtocol> protocol, TlsClient client);
Coro<Ref<Transport>> start_tls(Ref<Transport> transport, Ref<BaseProtocol> protocol, TlsServer server);

}  // namespace evloop
