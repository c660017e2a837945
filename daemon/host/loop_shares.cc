#include "host/loop_shares.h"

#include <utility>

#include "host/datagram_gate.h"
#include "host/listener_gate.h"

namespace evloopd::host {

struct LoopShares::Attached {
  std::shared_ptr<Workload> workload;  // before the share, which may use it to its end
  std::unique_ptr<WorkloadShare> share;
  std::map<SharedSocket, std::shared_ptr<void>> gates;  // of the sockets that are watched: of either sort
  bool leaving = false;                                 // its workload was removed or replaced
};

LoopShares::LoopShares() = default;
LoopShares::~LoopShares() = default;

void LoopShares::attach(evloop::EventLoop& loop, const std::string& key, const ShareNames& names,
                        std::shared_ptr<Workload> workload) {
  auto attached = std::make_unique<Attached>();
  attached->share = workload->attach(loop);
  attached->share->introduce(names);
  attached->workload = std::move(workload);
  const std::lock_guard lock(mutex_);
  attached_.emplace(key, std::move(attached));
}

void LoopShares::detach(const std::string& key) {
  std::unique_ptr<Attached> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  if (const auto found = attached_.find(key); found != attached_.end()) {
    gone = std::move(found->second);
    attached_.erase(found);
  }
}

void LoopShares::watch(evloop::EventLoop& loop, const std::string& key, const SharedSocket& socket) {
  const auto found = attached_.find(key);
  if (found == attached_.end()) return;
  auto& gate = found->second->gates[socket];
  if (gate) return;
  auto& share = *found->second->share;
  if (socket->listens == Listens::datagrams)
    gate = std::make_shared<DatagramGate>(loop, socket, share, barred_);
  else
    gate = ListenerGate::open(loop, socket, share, barred_);
}

void LoopShares::unwatch(const std::string& key, const SharedSocket& socket) {
  if (const auto found = attached_.find(key); found != attached_.end()) found->second->gates.erase(socket);
}

void LoopShares::drain() {
  for (const auto& [key, attached] : attached_) attached->share->drain();
}

void LoopShares::drain(const std::string& key) {
  const auto found = attached_.find(key);
  if (found == attached_.end()) return;
  found->second->leaving = true;
  found->second->share->drain();
}

void LoopShares::abort() {
  for (const auto& [key, attached] : attached_) attached->share->abort();
}

void LoopShares::abort(const std::string& key) {
  if (const auto found = attached_.find(key); found != attached_.end()) found->second->share->abort();
}

void LoopShares::resume() {
  for (const auto& [key, attached] : attached_)
    if (!attached->leaving) attached->share->resume();
}

void LoopShares::clear() {
  decltype(attached_) gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  gone.swap(attached_);
}

std::size_t LoopShares::connections() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [key, attached] : attached_) sum += attached->share->connections();
  return sum;
}

std::size_t LoopShares::connections(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = attached_.find(key);
  return found == attached_.end() ? 0 : found->second->share->connections();
}

}  // namespace evloopd::host
