#include "net/datagram_queue.h"

#include <gtest/gtest.h>

#include <string_view>

namespace evloop {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
std::string_view text(const DatagramQueue& queue) {
  const auto data = queue.front().data;
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

TEST(DatagramQueue, GivesBackWhatCameInOrderWithItsAddress) {
  const auto v4 = SocketAddress::parse("127.0.0.1:80");
  const auto v6 = SocketAddress::parse("[::1]:80");
  DatagramQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.push(bytes("first"), v4);
  queue.push({}, v6);
  queue.push(bytes("third"), {});
  EXPECT_EQ(text(queue), "first");
  EXPECT_EQ(queue.front().to, v4);
  queue.pop();
  EXPECT_EQ(text(queue), "");
  EXPECT_EQ(queue.front().to, v6);
  queue.pop();
  EXPECT_EQ(text(queue), "third");
  EXPECT_TRUE(queue.front().to.empty());
  queue.pop();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(DatagramQueue, CountsEightBytesForEachBesideItsContent) {  // DGRAM-07
  DatagramQueue queue;
  queue.push(bytes("12345"), SocketAddress::parse("127.0.0.1:80"));
  queue.push({}, {});
  EXPECT_EQ(queue.size(), 5u + 8u + 8u);
  queue.pop();
  EXPECT_EQ(queue.size(), 8u);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace evloop
