#include "workloads/udp/datagram_batch.h"

#include <cerrno>
#include <cstring>

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
    messages_[i].msg_hdr.msg_control = &controls_[i];
    messages_[i].msg_hdr.msg_controllen = sizeof controls_[i];
  }
  const int count = ::recvmmsg(fd, messages_.data(), most, MSG_DONTWAIT, nullptr);
  if (count < 0) return {.count = 0, .error = errno};
  return {.count = static_cast<std::size_t>(count), .error = 0};
}

evloop::SocketAddress DatagramBatch::sender(std::size_t index) const noexcept {
  return {reinterpret_cast<const sockaddr*>(&senders_[index]), messages_[index].msg_hdr.msg_namelen};
}

IpAddress DatagramBatch::destination(std::size_t index) const noexcept {
  const auto& header = messages_[index].msg_hdr;
  const auto* const control = CMSG_FIRSTHDR(&header);
  if (!control) return {};
  if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
    return IpAddress::v4(&reinterpret_cast<const in_pktinfo*>(CMSG_DATA(control))->ipi_spec_dst);
  if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO)
    return IpAddress::v6(&reinterpret_cast<const in6_pktinfo*>(CMSG_DATA(control))->ipi6_addr);
  return {};
}

std::size_t DatagramBatch::write(const IpAddress& source, Control& control) noexcept {
  if (!source) return 0;
  auto* const header = reinterpret_cast<cmsghdr*>(&control);
  const auto put = [&](int level, int type, const auto& info) {
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  };
  if (source.kind == IpAddress::Kind::v4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, source.bytes.data(), sizeof info.ipi_spec_dst);
    return put(IPPROTO_IP, IP_PKTINFO, info);
  }
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, source.bytes.data(), sizeof info.ipi6_addr);
  return put(IPPROTO_IPV6, IPV6_PKTINFO, info);
}

DatagramBatch::Progress DatagramBatch::send(int fd, std::size_t first, std::size_t count,
                                            const evloop::SocketAddress* to, const IpAddress& source) noexcept {
  Control control{};
  const auto control_length = write(source, control);
  for (auto i = first; i < first + count; ++i) {
    places_[i].iov_len = messages_[i].msg_len;
    auto& header = messages_[i].msg_hdr;
    header.msg_name = to ? const_cast<sockaddr*>(to->data()) : nullptr;  // the call only reads it
    header.msg_namelen = to ? to->length() : 0;
    header.msg_control = control_length > 0 ? &control : nullptr;
    header.msg_controllen = control_length;
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
