#include "contract/gate.h"

#include <thread>
#include <utility>

namespace evloop::contract {

// Entries that are still there never run; but nobody may be left waiting.
Gate::~Gate() {
  for (auto& entry : entries_)
    if (auto* released = std::get_if<1>(&entry)) (*released)->count_down();
}

std::shared_ptr<std::latch> Gate::add_shutdown() {
  auto released = std::make_shared<std::latch>(1);
  entries_.emplace_back(released);
  return released;
}

bool Gate::release_oldest(Selector& selector, const LoopPort& port) {
  auto entry = std::move(entries_.front());
  entries_.pop_front();
  if (auto* released = std::get_if<1>(&entry)) {
    (*released)->count_down();
    do static_cast<void>(selector.select(std::nullopt));
    while (port.mailbox_length() == 0);
    return true;
  }
  const auto wake_ups = port.wakeups();
  std::thread(std::move(std::get<Work>(entry))).join();
  return port.mailbox_length() == 0 || port.wakeups() > wake_ups;
}

}  // namespace evloop::contract
