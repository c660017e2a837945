#include <asio.hpp>

#include <array>
#include <memory>

#include "bench/echo/servers.h"

namespace evloop::bench {
namespace {

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {}
  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, std::size_t size) {
                              if (!error) self->write(size);
                            });
  }

 private:
  void write(std::size_t size) {
    asio::async_write(socket_, asio::buffer(buffer_.data(), size),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }
  tcp::socket socket_;
  std::array<char, 64 * 1024> buffer_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

asio::awaitable<void> echo(tcp::socket socket) {
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto size = co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(buffer.data(), size), asio::use_awaitable);
  }
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

}  // namespace

void serve_asio() {
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, tcp::v4(), listen_anywhere());
  accept(acceptor);
  loop.run();
}

void serve_asio_stream() {
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, tcp::v4(), listen_anywhere());
  asio::co_spawn(loop, accept_all(acceptor), asio::detached);
  loop.run();
}

}  // namespace evloop::bench
