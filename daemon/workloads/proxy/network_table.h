#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "workloads/proxy/ip_address.h"

namespace evloopd::workloads {

// An IPv4 or IPv6 network: "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one.
struct Network {
  IpAddress address;
  int prefix = 0;  // bits

  // Nothing for what is none, or has bits beyond its prefix.
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);
};

// Says something of each network, and finds what the longest prefix of an address says: a binary tree of bits, one for
// each family. Immutable while it is used by several threads.
template <class T>
class NetworkTable {
 public:
  // The last one counts of two about the same network.
  void set(const Network& network, T value) {
    auto node = root_of(network.address);
    for (int i = 0; i < network.prefix; ++i) {
      const auto branch = network.address.bit(i) ? 1U : 0U;
      if (nodes_[node].next[branch] == 0) {
        nodes_[node].next[branch] = static_cast<std::uint32_t>(nodes_.size());
        nodes_.emplace_back();
      }
      node = nodes_[node].next[branch];
    }
    nodes_[node].value = std::move(value);
    empty_ = false;
  }
  // Null if it is in no network. Of no address: always.
  [[nodiscard]] const T* find(const IpAddress& address) const noexcept {
    if (empty_ || !address) return nullptr;
    const T* found = nullptr;
    auto node = root_of(address);
    for (int i = 0;; ++i) {
      if (nodes_[node].value) found = &*nodes_[node].value;
      if (i == address.bits()) return found;
      node = nodes_[node].next[address.bit(i) ? 1U : 0U];
      if (node == 0) return found;
    }
  }
  [[nodiscard]] bool empty() const noexcept { return empty_; }

 private:
  struct Node {
    std::uint32_t next[2]{0, 0};  // 0: none
    std::optional<T> value;
  };
  static std::uint32_t root_of(const IpAddress& address) noexcept {
    return address.kind == IpAddress::Kind::v4 ? 0 : 1;
  }

  std::vector<Node> nodes_{2};
  bool empty_ = true;
};

}  // namespace evloopd::workloads
