#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "bench/echo/servers.h"

namespace evloop::bench {

void announce(std::uint16_t port) {
  std::printf("%u\n", port);
  std::fflush(stdout);
}

int listen_anywhere() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 4096) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  announce(ntohs(address.sin_port));
  return fd;
}

}  // namespace evloop::bench

int main(int argc, char** argv) {
  using namespace evloop::bench;
  const std::map<std::string, void (*)()> servers{
      {"raw", serve_raw},   {"protocol", serve_protocol},       {"stream", serve_stream},
      {"asio", serve_asio}, {"asio-stream", serve_asio_stream}, {"libuv", serve_libuv},
  };
  const auto server = argc == 2 ? servers.find(argv[1]) : servers.end();
  if (server == servers.end()) {
    std::fprintf(stderr, "usage: echo_server SERVER, one of:");
    for (const auto& [name, serve] : servers) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 64;
  }
  server->second();
}
