#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::workloads {

// A name server on the loop, by UDP, that knows what the test tells it.
class NameServer {
 public:
  enum Type : std::uint16_t { a = 1, ns = 2, mx = 15, txt = 16, aaaa = 28, srv = 33 };

  explicit NameServer(evloop::EventLoop& loop) : loop_(loop), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    evloop::bind_socket(fd_.get(), evloop::SocketAddress::parse("127.0.0.1:0"));
    loop_.add_reader(fd_.get(), [this] { answer(); });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() { loop_.remove_reader(fd_.get()); }

  [[nodiscard]] std::string address() const { return evloop::SocketAddress::local(fd_.get()).to_string(); }
  [[nodiscard]] int times_asked(const std::string& name) const {
    const auto found = asked_.find(name);
    return found == asked_.end() ? 0 : found->second;
  }

  void add(const std::string& name, const evloop::SocketAddress& address, std::uint32_t ttl) {
    const bool v4 = address.family() == AF_INET;
    const auto* bytes =
        v4 ? reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr)
           : reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr);
    records_[name].push_back({v4 ? a : aaaa, ttl, std::string(bytes, v4 ? 4 : 16)});
  }
  void add_service(const std::string& name, int priority, const std::string& host, std::uint16_t port,
                   std::uint32_t ttl) {
    records_[name].push_back(
        {srv, ttl, number(static_cast<std::uint16_t>(priority)) + number(0) + number(port) + encoded(host)});
  }
  void add_mail(const std::string& name, std::uint16_t priority, const std::string& host, std::uint32_t ttl) {
    records_[name].push_back({mx, ttl, number(priority) + encoded(host)});
  }
  void add_name_server(const std::string& name, const std::string& host, std::uint32_t ttl) {
    records_[name].push_back({ns, ttl, encoded(host)});
  }
  void add_text(const std::string& name, const std::vector<std::string>& pieces, std::uint32_t ttl) {
    std::string data;
    for (const auto& piece : pieces) data += static_cast<char>(piece.size()) + piece;
    records_[name].push_back({txt, ttl, data});
  }
  void forget(const std::string& name) { records_.erase(name); }
  // Answers nothing any more.
  void fall_silent() { silent_ = true; }

 private:
  struct Record {
    std::uint16_t type;
    std::uint32_t ttl;
    std::string data;
  };

  static std::string number(std::uint16_t value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
  }
  static std::string encoded(std::string_view name) {
    std::string text;
    while (!name.empty()) {
      const auto label = name.substr(0, name.find('.'));
      text += static_cast<char>(label.size());
      text += label;
      name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return text + '\0';
  }

  void answer() {
    std::array<char, 512> buffer;
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto size =
        ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 17) return;
    std::string name;
    std::size_t at = 12;
    while (buffer[at] != 0) {
      name += (name.empty() ? "" : ".") + std::string(&buffer[at + 1], static_cast<std::size_t>(buffer[at]));
      at += static_cast<std::size_t>(buffer[at]) + 1;
    }
    const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(buffer[at + 2]));
    ++asked_[name];
    if (silent_) return;
    const auto known = records_.find(name);
    std::string answers;
    std::uint16_t count = 0;
    if (known != records_.end())
      for (const auto& record : known->second)
        if (record.type == type) {
          answers += number(0xc00c) + number(record.type) + number(1) +
                     number(static_cast<std::uint16_t>(record.ttl >> 16U)) +
                     number(static_cast<std::uint16_t>(record.ttl)) +
                     number(static_cast<std::uint16_t>(record.data.size())) + record.data;
          ++count;
        }
    const std::string reply = std::string(buffer.data(), 2) + number(known == records_.end() ? 0x8183 : 0x8180) +
                              number(1) + number(count) + number(0) + number(0) +
                              std::string(&buffer[12], at + 5 - 12) + answers;
    ::sendto(fd_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }

  evloop::EventLoop& loop_;
  evloop::UniqueFd fd_;
  std::map<std::string, std::vector<Record>> records_;
  std::map<std::string, int> asked_;
  bool silent_ = false;
};

}  // namespace evloopd::workloads
