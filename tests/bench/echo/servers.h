#pragma once

#include <cstdint>

// One echo server each: listens on 127.0.0.1, any port, tells it, and serves until the process is killed. All
// send back what one receive brought, without delay (TCP_NODELAY).
namespace evloop::bench {

void announce(std::uint16_t port);
// A listening socket, non-blocking; its port is announced.
int listen_anywhere();

void serve_raw();          // a hand-written epoll loop: the floor
void serve_protocol();     // evloop's Protocol
void serve_stream();       // evloop's streams
void serve_asio();         // standalone asio, callbacks
void serve_asio_stream();  // standalone asio, coroutines
void serve_libuv();

}  // namespace evloop::bench
