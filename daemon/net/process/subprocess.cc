#include "net/process/subprocess.h"

namespace evloop {

Ref<SubprocessTransport> start_subprocess(EventLoop& loop, const std::vector<std::string>& args,
                                          SubprocessOptions options, Stdio otherwise, Ref<SubprocessProtocol> protocol,
                                          const Future<void>& waiter) {
  for (auto* stream : {&options.std_in, &options.std_out, &options.std_err})
    if (!*stream) *stream = otherwise;
  auto spawned = spawn(args, options);
  return SubprocessTransport::create(loop, Child(spawned.pid), std::move(spawned.pipes), std::move(protocol), waiter);
}

std::vector<std::string> shell_args(std::string command) { return {"/bin/sh", "-c", std::move(command)}; }

Coro<void> subprocess_begun(Ref<SubprocessTransport> transport, Future<void> waiter) {
  const auto begun = co_await settled(std::move(waiter));
  if (begun.has_value()) co_return;
  transport->close();
  static_cast<void>(co_await transport->wait());
  std::rethrow_exception(begun.error());
}

}  // namespace evloop
