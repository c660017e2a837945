#include "net/datagram_queue.h"

#include <cstring>

namespace evloop {
namespace {

struct Header {
  std::size_t data_size;
  socklen_t address_size;
};
constexpr std::size_t counted_overhead = 8;

Header header_at(const std::byte* begin) noexcept {
  Header header;
  std::memcpy(&header, begin, sizeof header);
  return header;
}

}  // namespace

void DatagramQueue::push(std::span<const std::byte> data, const SocketAddress& to) {
  const Header header{.data_size = data.size(), .address_size = to.empty() ? 0 : to.length()};
  bytes_.append(std::as_bytes(std::span(&header, 1)));
  bytes_.append({reinterpret_cast<const std::byte*>(to.data()), header.address_size});
  bytes_.append(data);
  size_ += data.size() + counted_overhead;
}

DatagramQueue::Datagram DatagramQueue::front() const noexcept {
  const auto header = header_at(bytes_.data());
  const auto* const address = bytes_.data() + sizeof header;
  sockaddr_storage aligned;  // what is queued lies anywhere
  std::memcpy(&aligned, address, header.address_size);
  return {.data = {address + header.address_size, header.data_size},
          .to = SocketAddress(reinterpret_cast<const sockaddr*>(&aligned), header.address_size)};
}

void DatagramQueue::pop() noexcept {
  const auto header = header_at(bytes_.data());
  bytes_.consume(sizeof header + header.address_size + header.data_size);
  size_ -= header.data_size + counted_overhead;
}

}  // namespace evloop
