#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/resolve.h"

namespace evloop {

// Answers the addresses it was made with, whatever it is asked.
class FixedResolver final : public Resolver {
 public:
  explicit FixedResolver(std::vector<SocketAddress> addresses = {}) : addresses_(std::move(addresses)) {}

  Coro<std::vector<AddressInfo>> getaddrinfo(EventLoop&, std::string host, Port port, AddressHints hints) override {
    asked.push_back(host + ":" + port.text());
    last_hints = hints;
    std::vector<AddressInfo> found;
    for (const auto& address : addresses_)
      found.push_back({.family = address.family(),
                       .type = hints.type,
                       .proto = hints.proto,
                       .canonical_name = {},
                       .address = address});
    co_return found;
  }

  std::vector<std::string> asked;
  AddressHints last_hints;

 private:
  const std::vector<SocketAddress> addresses_;
};

}  // namespace evloop
