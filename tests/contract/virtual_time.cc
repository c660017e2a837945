#include "contract/virtual_time.h"

#include <algorithm>

#include "contract/run.h"

namespace evloop::contract {

std::span<const ReadyFd> VirtualTimeSelector::select(std::optional<Duration> timeout) {
  auto& loop = run_.loop();
  if (run_.sealed()) {
    loop.stop();
    return {};
  }
  auto ready = poll();
  if (!ready.empty() || (timeout && *timeout <= Duration::zero())) return ready;
  if (!run_.gate().empty()) {
    if (!run_.gate().release_oldest(*inner_, *loop.port())) run_.emit("loop", "lost-wakeup");
    return poll();
  }
  if (!timeout) {
    run_.emit("loop", "deadlock");
    loop.stop();
    return {};
  }
  run_.clock().advance(*timeout);
  return {};
}

// Sockets come in the order of declaration.
std::span<const ReadyFd> VirtualTimeSelector::poll() {
  const auto found = inner_->select(Duration::zero());
  ready_.assign(found.begin(), found.end());
  std::ranges::sort(ready_, {}, [this](const ReadyFd& one) { return run_.endpoints().rank(one.fd); });
  return ready_;
}

}  // namespace evloop::contract
