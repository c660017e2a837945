#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "host/bell.h"
#include "host/hosted_loop.h"

namespace evloopd::host {

// One thread that looks at every loop's published records, ten to a hundred times a second: how busy it is, and
// whether a callback holds it up. It waits for no loop. While all loops sleep it rests, until one of them rings the
// bell.
class Observer {
 public:
  using Loops = std::function<std::vector<std::shared_ptr<HostedLoop>>()>;

  // Called on the thread: `stuck_changed` when a loop got stuck, or came free; `after_look` after each look, and so at
  // least every second.
  Observer(Loops loops, std::shared_ptr<Bell> bell, std::function<void()> stuck_changed,
           std::function<void()> after_look);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  void run();
  // What a look at all loops says of the next one.
  struct Seen {
    bool quiet = true;  // no loop has run since the last look
    Nanos interval{};
  };
  Seen look();

  const Loops loops_;
  const std::shared_ptr<Bell> bell_;
  const std::function<void()> stuck_changed_;
  const std::function<void()> after_look_;
  std::atomic<bool> leaving_{false};
  std::thread thread_;
};

}  // namespace evloopd::host
