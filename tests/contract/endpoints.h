#pragma once

#include <map>
#include <string>

#include "base/unique_fd.h"
#include "contract/value.h"

namespace evloop::contract {

// The declared pairs of connected stream sockets: "p1.a" and "p1.b" of each "p1". Loop thread only.
class Endpoints {
 public:
  explicit Endpoints(const Json& declared);

  // -1 if it was closed.
  [[nodiscard]] int fd(const std::string& id) const { return sockets_.at(id).get(); }
  void close(const std::string& id) { sockets_.at(id).reset(); }
  // The order in which ready sockets are reported: that of declaration; -1 for any other fd.
  [[nodiscard]] int rank(int fd) const noexcept {
    const auto found = ranks_.find(fd);
    return found == ranks_.end() ? -1 : found->second;
  }

 private:
  std::map<std::string, UniqueFd> sockets_;
  std::map<int, int> ranks_;
};

}  // namespace evloop::contract
