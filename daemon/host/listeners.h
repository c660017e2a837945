#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "host/hosted_loop.h"
#include "host/listening_socket.h"

namespace evloopd::host {

// Which loop watches which listening socket. A loop that runs watches its own; a socket whose loop does not run,
// or is stuck, is lent to another loop of the workload; with none, connections wait in its queue. So no change
// of a loop's state refuses or loses a connection. Any thread.
class Listeners {
 public:
  using Loops = std::vector<std::shared_ptr<HostedLoop>>;

  // One address of a workload, with one socket per loop, or one that all share.
  struct Listener {
    std::string address;  // as bound
    std::shared_ptr<ListenerLimit> limit;
    std::vector<SharedSocket> sockets;
  };

  // `key`: of the workload's generation, as the loops know it.
  void add(const std::string& key, const std::string& workload, Loops loops, std::vector<Listener> listeners);
  // A generation's listeners go, and are closed unless somebody else has their sockets.
  void remove(const std::string& key);
  // A loop that takes the place of the one that had its name.
  void replace(const std::string& key, const std::shared_ptr<HostedLoop>& loop);
  // Those of a generation, to be given to the next one.
  [[nodiscard]] std::vector<Listener> of(const std::string& key) const;

  // After any loop's ability to accept may have changed.
  void rebalance();
  // Takes every socket back, for good; each is closed once its loops have let go of it.
  void close();
  // Has those that were taken back and that a loop still holds, as it is stuck, refuse connections all the same. Of a
  // socket for datagrams nobody can tell: its last sessions hold it for a moment to answer through it.
  void refuse();

  // Who has a listener of this sort at this address; empty if nobody.
  [[nodiscard]] std::string holder_of(const std::string& address, Listens listens) const;

 private:
  struct Lease {
    SharedSocket socket;
    std::size_t owner = 0;          // index of its loop
    bool shared = false;            // by all loops
    std::set<std::size_t> holders;  // those who watch it now
  };
  struct Group {
    std::string key;
    std::string workload;
    Loops loops;
    std::vector<Lease> leases;
  };

  // Takes its sockets back.
  void dissolve(Group& group);
  // A socket that was taken back may have been given to the next generation.
  [[nodiscard]] bool has(const ListeningSocket& socket) const;
  static void rebalance(Group& group);
  static void tell_health(const std::vector<Group>& groups);
  static std::set<std::size_t> wanted(const Group& group, const Lease& lease, const std::vector<bool>& able);

  mutable std::mutex mutex_;
  std::vector<Group> groups_;                               // guarded by mutex_
  std::vector<std::weak_ptr<const ListeningSocket>> gone_;  // guarded by mutex_: taken back
};

// Opens a workload's listener: `count` sockets that share the address, so that the kernel spreads connections, or
// those who send datagrams, over them; of a unix socket, one. Port 0: any free one, the same for all. ADDRESS_IN_USE if
// anybody listens there. `backlog`: of connections.
[[nodiscard]] HostResult<Listeners::Listener> open_listener(const std::string& address, Listens listens,
                                                            std::size_t count, int backlog);
// As many sockets as that at least, for a workload that gets more loops. None is closed, as connections may wait in it.
[[nodiscard]] HostResult<void> widen_listener(Listeners::Listener& listener, std::size_t count, int backlog);

}  // namespace evloopd::host
