#include "net/process/process.h"

#include "aio/gather.h"
#include "net/os_error.h"

namespace evloop {
namespace {

bool is_broken_pipe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code() == std::errc::broken_pipe || e.code() == std::errc::connection_reset;
  } catch (...) {
    return false;
  }
}

Coro<void> feed(Ref<StreamWriter> std_in, std::optional<Bytes> input) {
  if (!std_in) co_return;
  if (input) std_in->write(*input);
  const auto drained = co_await settled(std_in->drain());
  if (!drained.has_value() && !is_broken_pipe(drained.error())) std::rethrow_exception(drained.error());
  std_in->close();
}

Coro<std::optional<Bytes>> read_all(Ref<StreamReader> reader, Ref<Transport> pipe) {
  if (!reader) co_return std::nullopt;
  auto output = co_await reader->read();
  pipe->close();
  co_return output;
}

Coro<Process::Output> talk(Process process, std::optional<Bytes> input) {
  const auto& transport = process.transport();
  auto [fed, std_out, std_err] = co_await gather(feed(process.std_in(), std::move(input)),
                                                 read_all(process.std_out(), transport->get_pipe_transport(1)),
                                                 read_all(process.std_err(), transport->get_pipe_transport(2)));
  static_cast<void>(co_await process.wait());
  co_return {std::move(std_out), std::move(std_err)};
}

}  // namespace

Coro<Process::Output> Process::communicate(std::optional<Bytes> input) const { return talk(*this, std::move(input)); }

Coro<Process> create_subprocess_exec(std::vector<std::string> args, SubprocessOptions options, std::size_t limit) {
  auto& loop = get_running_loop();
  auto child = co_await subprocess_exec(
      loop, [&] { return Ref(new ProcessProtocol(loop, limit)); }, std::move(args), std::move(options),
      Stdio::inherit());
  co_return Process(std::move(child));
}

Coro<Process> create_subprocess_shell(std::string command, SubprocessOptions options, std::size_t limit) {
  return create_subprocess_exec(shell_args(std::move(command)), std::move(options), limit);
}

}  // namespace evloop
