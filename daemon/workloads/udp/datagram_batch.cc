#include "workloads/udp/datagram_batch.h"

#include <cerrno>

namespace evloopd::workloads {

DatagramBatch::DatagramBatch(std::size_t max_size)
    : max_size_(max_size), buffer_(std::make_unique_for_overwrite<std::byte[]>(max_size * most)) {
  for (std::size_t i = 0; i < most; ++i) {
    places_[i].iov_base = &buffer_[i * max_size];
    messages_[i].msg_hdr.msg_iov = &places_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

DatagramBatch::Progress DatagramBatch::receive(int fd) noexcept {
  for (std::size_t i = 0; i < most; ++i) {
    places_[i].iov_len = max_size_;
    messages_[i].msg_hdr.msg_name = &senders_[i];
    messages_[i].msg_hdr.msg_namelen = sizeof senders_[i];
  }
  const int count = ::recvmmsg(fd, messages_.data(), most, MSG_DONTWAIT, nullptr);
  if (count < 0) return {.count = 0, .error = errno};
  return {.count = static_cast<std::size_t>(count), .error = 0};
}

evloop::SocketAddress DatagramBatch::sender(std::size_t index) const noexcept {
  return {reinterpret_cast<const sockaddr*>(&senders_[index]), messages_[index].msg_hdr.msg_namelen};
}

DatagramBatch::Progress DatagramBatch::send(int fd, std::size_t first, std::size_t count,
                                            const evloop::SocketAddress* to) noexcept {
  for (auto i = first; i < first + count; ++i) {
    places_[i].iov_len = messages_[i].msg_len;
    auto& header = messages_[i].msg_hdr;
    header.msg_name = to ? const_cast<sockaddr*>(to->data()) : nullptr;  // the call only reads it
    header.msg_namelen = to ? to->length() : 0;
  }
  Progress progress;
  while (progress.count < count) {
    const int sent = ::sendmmsg(fd, &messages_[first + progress.count], static_cast<unsigned>(count - progress.count),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      progress.error = errno;
      break;
    }
    progress.count += static_cast<std::size_t>(sent);
  }
  return progress;
}

}  // namespace evloopd::workloads
