// A warm connection echoes without allocating. A binary of its own, as it counts every operator new.

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "net/datagram_endpoint.h"
#include "net/net_test.h"
#include "net/streams.h"

namespace {

std::atomic<std::size_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace evloop {
namespace {

class EchoProtocol final : public Protocol {
 public:
  void connection_made(Transport& transport) override { transport_ = &transport; }
  void data_received(std::span<const std::byte> data) override { transport_->write(data); }

 private:
  Transport* transport_ = nullptr;
};

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  for (;;) {
    const auto data = co_await reader.read(65536);
    if (data.empty()) break;
    writer.write(data);
    co_await writer.drain();
  }
  writer.close();
}

Coro<void> echo_lines(StreamReader& reader, StreamWriter& writer) {
  for (;;) {
    const auto line = co_await reader.readline();
    if (line.empty()) break;
    writer.write(line);
    co_await writer.drain();
  }
  writer.close();
}

class AllocationTest : public NetTest {
 protected:
  // Echoes `size` bytes once.
  void round(std::size_t size) {
    const auto message = std::span(message_).first(size);
    static_cast<void>(::send(peer_.get(), message.data(), size, MSG_NOSIGNAL));
    for (std::size_t received = 0; received < size;) {
      loop_.run_once();
      const auto count = ::recv(peer_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (count > 0) received += static_cast<std::size_t>(count);
    }
  }
  // Allocations of a hundred echoes, after some that warm everything.
  std::size_t allocations_of(std::size_t size) {
    const EventLoop::RunScope scope(loop_);
    for (int i = 0; i < 10; ++i) round(size);
    const auto before = allocations.load();
    for (int i = 0; i < 100; ++i) round(size);
    return allocations.load() - before;
  }
  template <class F>
  std::size_t bytes_per_connection(F connect);

  template <class F>
  void serve(F client) {
    auto [mine, theirs] = tcp_pair();
    peer_ = std::move(theirs);
    static_cast<void>(SocketTransport::create(
        loop_, std::move(mine),
        Ref(new StreamReaderProtocol(loop_, default_stream_limit, make_client_connected(std::move(client))))));
  }

  UniqueFd peer_;
  std::array<char, 65536> message_ = [] {
    std::array<char, 65536> message{};
    message.fill('x');
    return message;
  }();
  std::array<char, 65536> buffer_{};
};

TEST_F(AllocationTest, TheCounterCounts) {
  const auto before = allocations.load();
  const auto one = std::make_unique<int>(1);
  EXPECT_EQ(allocations.load() - before, 1u);
}

TEST_F(AllocationTest, AProtocolEchoesWithoutAllocating) {
  auto [mine, theirs] = tcp_pair();
  peer_ = std::move(theirs);
  static_cast<void>(SocketTransport::create(loop_, std::move(mine), Ref(new EchoProtocol)));
  for (const std::size_t size : {1u, 64u, 1024u, 16384u}) EXPECT_EQ(allocations_of(size), 0u) << size;
}

TEST_F(AllocationTest, AStreamEchoesWithoutAllocating) {
  serve(echo);
  for (const std::size_t size : {1u, 64u, 1024u, 16384u}) EXPECT_EQ(allocations_of(size), 0u) << size;
}

TEST_F(AllocationTest, AStreamEchoesLinesWithoutAllocating) {
  serve(echo_lines);
  for (const std::size_t size : {1u, 64u, 1024u, 16384u}) {
    message_[size - 1] = '\n';
    EXPECT_EQ(allocations_of(size), 0u) << size;
    message_[size - 1] = 'x';
  }
}

class EchoDatagrams final : public DatagramProtocol {
 public:
  void connection_made(DatagramTransport& transport) override { transport_ = &transport; }
  void datagram_received(std::span<const std::byte> data, const SocketAddress& from) override {
    transport_->sendto(data, from);
  }

 private:
  DatagramTransport* transport_ = nullptr;
};

TEST_F(AllocationTest, DatagramsAreEchoedWithoutAllocating) {
  const auto endpoint = run(
      create_datagram_endpoint(loop_, [] { return Ref(new EchoDatagrams); }, {.local_addr = HostPort{"127.0.0.1", 0}}));
  peer_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto where = endpoint.transport->sockname();
  ASSERT_EQ(::connect(peer_.get(), where.data(), where.length()), 0);
  for (const std::size_t size : {1u, 64u, 1024u, 16384u}) EXPECT_EQ(allocations_of(size), 0u) << size;
}

TEST_F(AllocationTest, ABufferedWriteLeavesNoMemoryBehind) {
  auto [mine, theirs] = tcp_pair();
  const auto transport = SocketTransport::create(loop_, std::move(mine), Ref(new EchoProtocol));
  const std::string data(8'000'000, 'x');
  const auto before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  transport->write(data);
  ASSERT_GT(transport->get_write_buffer_size(), 0u);
  turn_until([&] {
    static_cast<void>(receive_text(theirs));
    return transport->get_write_buffer_size() == 0;
  });
  EXPECT_LT(::mallinfo2().uordblks + ::mallinfo2().hblkhd,
            before + 300'000);  // the loop's receive buffer, and small ones
}

// User memory that one connection keeps, after it has echoed a line. They come one after the other, as in life: what a
// burst leaves in the block cache has a bound of its own.
template <class F>
std::size_t AllocationTest::bytes_per_connection(F connect) {
  constexpr std::size_t count = 2000;
  std::vector<UniqueFd> peers;
  peers.reserve(count + 1);
  const auto add = [&] {
    auto [mine, theirs] = socket_pair();
    connect(std::move(mine));
    send_text(theirs, "some bytes\n");
    turn(4);
    EXPECT_EQ(receive_text(theirs), "some bytes\n");
    peers.push_back(std::move(theirs));
  };
  add();
  const auto before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < count; ++i) add();
  // Both ends are in the tables of fds.
  return (::mallinfo2().uordblks - before) / count;
}

// What users see of it, in pages of their own, tests/bench tells. Here the tables of descriptors count twice.
TEST_F(AllocationTest, AnIdleProtocolConnectionIsSmall) {
  const auto bytes = bytes_per_connection(
      [&](UniqueFd fd) { static_cast<void>(SocketTransport::create(loop_, std::move(fd), Ref(new EchoProtocol))); });
  RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LE(bytes, 280u);
}

TEST_F(AllocationTest, AnIdleStreamConnectionIsSmall) {
  const auto client = make_client_connected(echo);
  const auto bytes = bytes_per_connection([&](UniqueFd fd) {
    static_cast<void>(SocketTransport::create(loop_, std::move(fd),
                                              Ref(new StreamReaderProtocol(loop_, default_stream_limit, client))));
  });
  RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LE(bytes, 700u);
}

}  // namespace
}  // namespace evloop
