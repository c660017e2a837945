// Readers and writers of sockets, and what asyncio builds on them: sock_recv() and sock_sendall().

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "aio/event_loop.h"
#include "base/system_error.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

constexpr std::size_t block_size = 65536;

int fd(Run& run, const Step& step) { return run.endpoints().fd(step.text("sock")); }

auto callback(Run& run, const Step& step) {
  return [&run, name = step.text("cb")] { run.call(name, std::nullopt); };
}

// --- one system call; none if it would block ---

std::optional<std::size_t> send_some(int fd, std::string_view data) {
  const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN) return std::nullopt;
  throw_errno("send");
}

std::optional<std::string> receive_some(int fd, std::size_t most) {
  std::string data(most, '\0');
  const auto received = ::recv(fd, data.data(), data.size(), 0);
  if (received < 0) {
    if (errno == EAGAIN) return std::nullopt;
    throw_errno("recv");
  }
  data.resize(static_cast<std::size_t>(received));
  return data;
}

// --- asyncio's selector loop: sock_recv() and sock_sendall() ---

// Ends a watch with the future it is for, unless the watch was removed or replaced before.
template <class T, class Remove>
void remove_with(const Future<T>& future, Handle watch, Remove remove) {
  future.add_done_callback([watch, remove](const Future<T>&) {
    if (!watch.cancelled()) remove();
  });
}

Coro<std::string> sock_recv(EventLoop& loop, int fd, std::size_t most) {
  if (auto data = receive_some(fd, most)) co_return *data;
  const auto future = loop.create_future<std::string>();
  const auto watch = loop.add_reader(fd, [future, fd, most] {
    if (future.done()) return;
    try {
      if (auto data = receive_some(fd, most)) future.set_result(*data);
    } catch (...) {
      future.set_exception(std::current_exception());
    }
  });
  remove_with(future, watch, [&loop, fd] { loop.remove_reader(fd); });
  co_return co_await future;
}

Coro<void> sock_sendall(EventLoop& loop, int fd, std::string data) {
  auto sent = send_some(fd, data).value_or(0);
  if (sent == data.size()) co_return;
  const auto future = loop.create_future<void>();
  const auto watch = loop.add_writer(fd, [future, fd, data = std::move(data), sent]() mutable {
    if (future.done()) return;
    try {
      sent += send_some(fd, std::string_view(data).substr(sent)).value_or(0);
      if (sent == data.size()) future.set_result();
    } catch (...) {
      future.set_exception(std::current_exception());
    }
  });
  remove_with(future, watch, [&loop, fd] { loop.remove_writer(fd); });
  co_await future;
}

// --- steps ---

Result sock_read(Run& run, const Step& step) {
  const auto data = receive_some(fd(run, step), static_cast<std::size_t>(step.number("max")));
  if (!data) return "would-block";
  if (!data->empty()) return json_text(*data);
  run.loop().remove_reader(fd(run, step));
  return "eof";
}

Result sock_send(Run& run, const Step& step) {
  const auto sent = send_some(fd(run, step), step.text("data"));
  if (!sent) throw std::system_error(EAGAIN, std::generic_category(), "send");
  return text_of(*sent);
}

Result sock_fill(Run& run, const Step& step) {
  const std::string block(block_size, '.');
  while (send_some(fd(run, step), block)) continue;
  return {};
}

Result sock_drain(Run& run, const Step& step) {
  while (const auto data = receive_some(fd(run, step), block_size)) {
    if (!data->empty()) continue;
    run.loop().remove_reader(fd(run, step));
    return "eof";
  }
  return {};
}

Result sock_shutdown(Run& run, const Step& step) {
  if (::shutdown(fd(run, step), SHUT_WR) != 0) throw_errno("shutdown");
  return {};
}

Result sock_close(Run& run, const Step& step) {
  run.loop().remove_reader(fd(run, step));
  run.loop().remove_writer(fd(run, step));
  run.endpoints().close(step.text("sock"));
  return {};
}

}  // namespace

std::vector<Operation> socket_operations() {
  return {
      {"add_reader", "sock cb",
       [](Run& run, const Step& step) -> Result {
         run.loop().add_reader(fd(run, step), callback(run, step));
         return {};
       }},
      {"remove_reader", "sock",
       [](Run& run, const Step& step) -> Result { return text_of(run.loop().remove_reader(fd(run, step))); }},
      {"add_writer", "sock cb",
       [](Run& run, const Step& step) -> Result {
         run.loop().add_writer(fd(run, step), callback(run, step));
         return {};
       }},
      {"remove_writer", "sock",
       [](Run& run, const Step& step) -> Result { return text_of(run.loop().remove_writer(fd(run, step))); }},
      {"sock_send", "sock data:text", sock_send},
      {"sock_read", "sock max:count", sock_read},
      {"sock_fill", "sock", sock_fill},
      {"sock_drain", "sock", sock_drain},
      {"sock_shutdown", "sock", sock_shutdown},
      {"sock_close", "sock", sock_close},
      {"sock_recv", "sock max:count",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_return json_text(
             co_await sock_recv(run.loop(), fd(run, step), static_cast<std::size_t>(step.number("max"))));
       }},
      {"sock_sendall", "sock data:text",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await sock_sendall(run.loop(), fd(run, step), step.text("data"));
         co_return "null";
       }},
  };
}

}  // namespace evloop::contract
