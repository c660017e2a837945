#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/acceptor.h"
#include "net/server.h"
#include "net/transport_group.h"

namespace evloop {

// What a Server and its connections share: the listening sockets, the protocol factory, who waits for the end. Lives as
// long as one of them. Loop thread only.
class ServerState final : public TransportGroup {
 public:
  // A socket that is bound. `path`, if any, is unlinked with it as long as it has that inode.
  struct Listening {
    UniqueFd fd;
    std::string path{};
    ino_t inode = 0;
  };

  ServerState(EventLoop& loop, ProtocolFactory factory, std::vector<Listening> sockets, int backlog, TlsServer tls);
  ~ServerState() override;

  void start();
  static Coro<void> serve_forever(Ref<ServerState> self);
  void close();
  static Coro<void> wait_closed(Ref<ServerState> self);

  [[nodiscard]] bool is_serving() const noexcept { return serving_; }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  [[nodiscard]] std::vector<Server::Socket> sockets() const;
  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }

 private:
  void accepted(UniqueFd connection);
  void connect(UniqueFd connection);
  void connect_with_tls(UniqueFd connection);
  void connection_failed(std::exception_ptr error);
  void emptied() override;
  void wake_waiters();
  [[nodiscard]] std::string describe() const;

  EventLoop& loop_;
  const Context context_ = CurrentContext::capture();  // each connection has a copy (SRV-15)
  const ProtocolFactory factory_;
  const int backlog_;
  const TlsServer tls_;
  std::vector<Listening> sockets_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;  // of those sockets, while serving
  bool serving_ = false;
  bool closed_ = false;
  bool gone_ = false;  // closed, and without connections: nobody needs to wait any more
  Future<void> forever_;
  std::vector<Future<void>> waiters_;
};

}  // namespace evloop
