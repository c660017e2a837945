#pragma once

#include <string>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "aio/settled.h"
#include "net/connection.h"
#include "net/process/spawn.h"
#include "net/process/subprocess_transport.h"

// asyncio's loop.subprocess_exec and loop.subprocess_shell.
namespace evloop {

// A child that runs: its protocol's connection_made has been called.
template <class P>
struct Subprocess {
  Ref<SubprocessTransport> transport;
  Ref<P> protocol;
};

// Starts a child and its transport; the streams of `options` that say nothing are `otherwise`. Throws what spawn()
// throws.
Ref<SubprocessTransport> start_subprocess(EventLoop& loop, const std::vector<std::string>& args,
                                          SubprocessOptions options, Stdio otherwise, Ref<SubprocessProtocol> protocol,
                                          const Future<void>& waiter);
// What runs `command` in a shell.
[[nodiscard]] std::vector<std::string> shell_args(std::string command);

// Waits for the beginning; what keeps that from coming, such as a cancellation, kills and reaps the child first
// (PROC-15).
Coro<void> subprocess_begun(Ref<SubprocessTransport> transport, Future<void> waiter);

// Starts `args`, a program and its arguments, with a protocol that `factory` makes (it answers Ref<P>), and waits for
// connection_made. Throws std::system_error, which names the program, and ValueError: see spawn().
template <class F>
Coro<Subprocess<ProtocolOf<F>>> subprocess_exec(EventLoop& loop, F factory, std::vector<std::string> args,
                                                SubprocessOptions options = {}, Stdio otherwise = Stdio::pipe()) {
  Ref<ProtocolOf<F>> protocol = factory();
  auto waiter = loop.create_future();
  auto transport = start_subprocess(loop, args, std::move(options), otherwise, protocol, waiter);
  co_await subprocess_begun(transport, std::move(waiter));
  co_return {std::move(transport), std::move(protocol)};
}

// ... of a shell's command.
template <class F>
Coro<Subprocess<ProtocolOf<F>>> subprocess_shell(EventLoop& loop, F factory, std::string command,
                                                 SubprocessOptions options = {}, Stdio otherwise = Stdio::pipe()) {
  return subprocess_exec(loop, std::move(factory), shell_args(std::move(command)), std::move(options), otherwise);
}

}  // namespace evloop
