#include <poll.h>

#include <string>
#include <thread>
#include <vector>

#include "net/socket_address.h"
#include "workloads/datagram_peer.h"
#include "workloads/make_workload.h"
#include "workloads/on_loops.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

// Waits for what comes on a socket of a test, for a while.
bool wait_for(const DatagramPeer& peer, std::chrono::milliseconds patience_of_a_client) {
  pollfd wanted{.fd = peer.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, static_cast<int>(patience_of_a_client.count())) > 0;
}

class RelayOnLoops : public testing::Test {
 protected:
  RelayOnLoops() {
    for (const char* loop : {"io-0", "io-1"}) {
      EXPECT_TRUE(host_.create({.name = loop, .labels = {}}));
      EXPECT_TRUE(host_.start(loop, soon()));
    }
    EXPECT_TRUE(host_.add_workload(wanted(), make_workload(options())));
    address_ = evloop::SocketAddress::parse(host_.workloads().at(0).listeners.at(0));
  }

  static host::WorkloadOptions wanted() {
    return {.name = "relay",
            .loops = {"io-0", "io-1"},
            .listeners = {{.address = "127.0.0.1:0"}},
            .listens = host::Listens::datagrams};
  }
  [[nodiscard]] UdpRelayOptions options() const {
    UdpRelayOptions options;
    options.upstreams.push_back({.address = upstream_.address().to_string()});
    return options;
  }

  // A client asks until it is answered, as often as it takes.
  void ask(DatagramPeer& client, const std::string& question) {
    const auto give_up = soon();
    while (std::chrono::steady_clock::now() < give_up) {
      client.send(question, address_);
      while (wait_for(client, 100ms))
        if (client.take() == question) return;
    }
    ADD_FAILURE() << "no answer to " << question;
  }

  // Sends everything back.
  DatagramPeer upstream_;
  std::jthread echo_{[this](const std::stop_token& stop) {
    while (!stop.stop_requested())
      if (wait_for(upstream_, 10ms))
        if (const auto datagram = upstream_.take()) upstream_.answer(*datagram);
  }};
  host::LoopHost host_{host::JobCatalogue{}};
  evloop::SocketAddress address_;
};

TEST_F(RelayOnLoops, WhateverHappensToALoopNoClientIsLostForEver) {
  std::jthread asking([this](const std::stop_token& stop) {
    std::vector<DatagramPeer> clients(16);
    for (int i = 0; !stop.stop_requested(); ++i)
      for (std::size_t c = 0; c < clients.size(); ++c) ask(clients[c], std::to_string(c) + '/' + std::to_string(i));
  });
  for (int round = 0; round < 6; ++round) {
    const std::string loop = round % 2 == 0 ? "io-0" : "io-1";
    ASSERT_TRUE(host_.stop(loop, soon()));
    DatagramPeer client;
    ask(client, "by the other loop alone");
    ASSERT_TRUE(host_.start(loop, soon()));
    ask(client, "by either");
  }
  ASSERT_TRUE(host_.drain("io-0", soon()));
  DatagramPeer client;
  ask(client, "while one is drained");
  ASSERT_TRUE(host_.start("io-0", soon()));
  auto other = options();
  other.idle = 5s;
  const auto applied = host_.apply_workload(wanted(), make_workload(other));
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(*applied, host::Applied::replaced);
  ask(client, "of the next generation");
}

}  // namespace
}  // namespace evloopd::workloads
