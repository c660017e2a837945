// A warm loop allocates nothing for a request, a chunk or a connection. Counts every operator new of the program, so it
// is a program of its own; under the sanitizers the block cache hands every block back, and there is nothing to test.
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "host/datagram_gate.h"
#include "host/listeners.h"
#include "net/socket.h"
#include "net/socket_address.h"
#include "workloads/datagram_peer.h"
#include "workloads/http_text.h"
#include "workloads/workload_test.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

namespace evloopd::workloads {
namespace {

class AllocationTest : public WorkloadTest {
 protected:
  // Allocations of `step`, when it has been done often enough to be warm. The test's own memory is reserved.
  template <class F>
  std::size_t allocations_of(F step) {
    for (int i = 0; i < 50; ++i) step();
    const auto before = allocations.load();
    for (int i = 0; i < 50; ++i) step();
    return allocations.load() - before;
  }
  // Sends a text that lies ready and takes what comes, until it is so much.
  void exchange(Peer& from, std::string_view text, Peer& to, std::size_t size) {
    from.try_send(text);
    to.received.clear();
    while (to.received.size() < size) {
      turn();
      to.receive();
    }
  }
  static Peer roomy(Peer peer) {
    peer.received.reserve(std::size_t{1} << 20U);
    return peer;
  }
};

TEST_F(AllocationTest, AreCounted) {
  EXPECT_EQ(allocations_of([] { ::operator delete(::operator new(1)); }), 50U);
}

TEST_F(AllocationTest, AnEchoNeedsNone) {
  start(TcpEchoOptions{});
  auto client = roomy(connect());
  const std::string text(1024, 'x');
  EXPECT_EQ(allocations_of([&] { exchange(client, text, client, text.size()); }), 0U);
}

TEST_F(AllocationTest, AnHttpAnswerNeedsNone) {
  start(HttpRespondOptions{});
  auto client = roomy(connect());
  const auto get = repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1);
  exchange(client, get, client, 1);
  const auto size = client.received.size();
  EXPECT_EQ(allocations_of([&] { exchange(client, get, client, size); }), 0U);
  const auto many = repeat(get, 100);
  EXPECT_EQ(allocations_of([&] { exchange(client, many, client, 100 * size); }), 0U);
}

TEST_F(AllocationTest, ARelayedChunkNeedsNone) {
  const auto listener = evloop::listen_stream_socket(evloop::SocketAddress::parse("127.0.0.1:0"));
  start(TcpProxyOptions{.upstreams = {.list = {{evloop::SocketAddress::local(listener.get()).to_string()}}}});
  auto client = roomy(connect());
  turn(3);
  auto server =
      roomy(Peer(evloop::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC))));
  const std::string text(1024, 'x');
  EXPECT_EQ(allocations_of([&] {
              exchange(client, text, server, text.size());
              exchange(server, text, client, text.size());
            }),
            0U);
}

TEST_F(AllocationTest, ARelayedConnectionNeedsNone) {
  const auto listener = evloop::listen_stream_socket(evloop::SocketAddress::parse("127.0.0.1:0"));
  start(TcpProxyOptions{.upstreams = {.list = {{evloop::SocketAddress::local(listener.get()).to_string()}}}});
  EXPECT_EQ(allocations_of([&] {
              auto client = connect();
              while (counters().connections_open == 0) turn();
              evloop::UniqueFd server;
              while (!server) {
                turn();
                server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
              }
              client.close();
              server.reset();
              while (counters().connections_open > 0) turn();
            }),
            0U);
}

TEST_F(AllocationTest, ARelayedDatagramNeedsNone) {
  const DatagramPeer upstream, client;
  UdpRelayOptions options;
  options.upstreams.push_back({.address = upstream.address().to_string()});
  start(options);
  const auto socket = host::open_listener("127.0.0.1:0", host::Listens::datagrams, 1, 0).value().sockets.at(0);
  const auto listener = evloop::SocketAddress::parse(socket->address);
  const std::atomic<bool> barred{false};
  const evloop::EventLoop::RunScope scope(loop_);
  auto gate = std::make_unique<host::DatagramGate>(loop_, socket, *share_, barred);
  std::array<char, 2048> buffer{};
  sockaddr_storage session{};
  socklen_t length = 0;
  const auto take = [&](const DatagramPeer& peer) {
    do {
      loop_.call_soon([] {});
      loop_.run_once();
      length = sizeof session;
    } while (::recvfrom(peer.fd(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&session), &length) <
             0);
  };
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 3; ++i)
                ::sendto(client.fd(), buffer.data(), 1000, 0, listener.data(), listener.length());
              for (int i = 0; i < 3; ++i) take(upstream);
              ::sendto(upstream.fd(), buffer.data(), 1000, 0, reinterpret_cast<const sockaddr*>(&session), length);
              take(client);
            }),
            0U);
  gate.reset();
  share_.reset();
}

}  // namespace
}  // namespace evloopd::workloads
