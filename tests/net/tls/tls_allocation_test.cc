// A warm connection over TLS echoes without allocating, but for what OpenSSL does with malloc(). A binary of its own,
// as it counts every operator new.

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "net/tls/tls_test.h"

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

class CountProtocol final : public Protocol {
 public:
  void data_received(std::span<const std::byte> data) override { received += data.size(); }
  std::size_t received = 0;
};

class TlsAllocationTest : public TlsTest {
 protected:
  void echo_once(std::size_t size) {
    counter_->received = 0;
    client_.transport->write(bytes(message_).first(size));
    while (counter_->received < size) loop_.run_once();
  }
  std::size_t allocations_of(std::size_t size) {
    const EventLoop::RunScope scope(loop_);
    for (int i = 0; i < 10; ++i) echo_once(size);
    const auto before = allocations.load();
    for (int i = 0; i < 100; ++i) echo_once(size);
    return allocations.load() - before;
  }

  const Ref<CountProtocol> counter_{new CountProtocol};
  const std::string message_ = std::string(65536, 'x');
};

TEST_F(TlsAllocationTest, AProtocolEchoesOverTlsWithoutAllocating) {
  connect();
  client_.transport->set_protocol(counter_);
  server_.transport->set_protocol(Ref(new EchoProtocol));
  server_.transport->get_protocol()->connection_made(*server_.transport);
  for (const std::size_t size : {1u, 64u, 1024u, 16384u, 65536u}) EXPECT_EQ(allocations_of(size), 0u) << size;
}

// Of both sides, OpenSSL's included: no buffers of 16 KiB and more.
TEST_F(TlsAllocationTest, AnIdleConnectionHoldsNoBuffers) {
  std::vector<std::pair<Side, Side>> connections;
  constexpr std::size_t count = 50;
  std::size_t before = 0;
  for (std::size_t i = 0; i < count + 10; ++i) {
    if (i == 10) before = ::mallinfo2().uordblks;
    client_ = {};
    server_ = {};
    connect();
    client_.transport->write("hello");
    turn_until([&] { return server_.protocol->data == "hello"; });
    connections.emplace_back(client_, server_);
  }
  const auto used = (::mallinfo2().uordblks - before) / count;
  RecordProperty("bytes", static_cast<int>(used));
  EXPECT_LT(used, 50'000u);
}

}  // namespace
}  // namespace evloop
