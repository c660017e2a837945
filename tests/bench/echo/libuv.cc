#include <uv.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/echo/servers.h"

namespace evloop::bench {
namespace {

alignas(64) std::array<char, 64 * 1024> buffer;

struct Write {
  uv_write_t request;
  std::string rest;
};

void lend_buffer(uv_handle_t*, std::size_t, uv_buf_t* out) { *out = uv_buf_init(buffer.data(), buffer.size()); }

void close_and_free(uv_stream_t* stream) {
  uv_close(reinterpret_cast<uv_handle_t*>(stream),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
}

void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t*) {
  if (size < 0) return close_and_free(stream);
  auto out = uv_buf_init(buffer.data(), static_cast<unsigned>(size));
  const int sent = uv_try_write(stream, &out, 1);
  if (sent == size) return;
  const auto taken = static_cast<std::size_t>(sent < 0 ? 0 : sent);
  auto* write = new Write{{}, std::string(buffer.data() + taken, static_cast<std::size_t>(size) - taken)};
  write->request.data = write;
  auto rest = uv_buf_init(write->rest.data(), static_cast<unsigned>(write->rest.size()));
  uv_write(&write->request, stream, &rest, 1,
           [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); });
}

void on_connection(uv_stream_t* server, int status) {
  if (status != 0) return;
  auto* client = new uv_tcp_t;
  uv_tcp_init(server->loop, client);
  if (uv_accept(server, reinterpret_cast<uv_stream_t*>(client)) != 0) {
    close_and_free(reinterpret_cast<uv_stream_t*>(client));
    return;
  }
  uv_tcp_nodelay(client, 1);
  uv_read_start(reinterpret_cast<uv_stream_t*>(client), lend_buffer, on_read);
}

}  // namespace

void serve_libuv() {
  uv_loop_t loop;
  uv_tcp_t server;
  uv_loop_init(&loop);
  uv_tcp_init(&loop, &server);
  uv_tcp_open(&server, listen_anywhere());
  uv_listen(reinterpret_cast<uv_stream_t*>(&server), 4096, on_connection);
  uv_run(&loop, UV_RUN_DEFAULT);
}

}  // namespace evloop::bench
