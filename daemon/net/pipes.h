#pragma once

#include <utility>

#include "aio/event_loop.h"
#include "aio/settled.h"
#include "net/connection.h"
#include "net/read_pipe_transport.h"
#include "net/write_pipe_transport.h"

// asyncio's connect_read_pipe and connect_write_pipe.
namespace evloop {

// For `create` of the two transports: waits for connection_made.
template <class PipeKind, class F>
Coro<Connection<ProtocolOf<F>>> connect_pipe(EventLoop& loop, F factory, UniqueFd pipe) {
  Ref<ProtocolOf<F>> protocol = factory();
  auto waiter = loop.create_future();
  Ref<Transport> transport = PipeKind::create(loop, std::move(pipe), protocol, waiter);
  const auto begun = co_await settled(std::move(waiter));
  if (!begun.has_value()) {
    transport->close();
    std::rethrow_exception(begun.error());
  }
  co_return {std::move(transport), std::move(protocol)};
}

// Makes protocol and transport for what is to be read: a pipe, socket or character device. Refuses
// anything else at once, with a ValueError, and then leaves it in `pipe` (PIPE-01). Waits for connection_made.
template <class F>
Coro<Connection<ProtocolOf<F>>> connect_read_pipe(EventLoop& loop, F factory, UniqueFd&& pipe) {
  ReadPipeTransport::check(pipe.get());
  return connect_pipe<ReadPipeTransport>(loop, std::move(factory), std::move(pipe));
}

// ... for what is to be written.
template <class F>
Coro<Connection<ProtocolOf<F>>> connect_write_pipe(EventLoop& loop, F factory, UniqueFd&& pipe) {
  WritePipeTransport::check(pipe.get());
  return connect_pipe<WritePipeTransport>(loop, std::move(factory), std::move(pipe));
}

}  // namespace evloop
