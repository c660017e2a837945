#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "host/hosted_loop.h"

namespace evloopd::host {

// One thread that looks at every loop's published records, ten to a hundred times a second: how busy it is, and
// whether a callback holds it up. It waits for no loop.
class Observer {
 public:
  using Loops = std::function<std::vector<std::shared_ptr<HostedLoop>>()>;

  // `stuck_changed` is called on the thread when a loop got stuck, or came free.
  Observer(Loops loops, std::function<void()> stuck_changed);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  void run();
  // Looks once; answers when to look again.
  Nanos look();

  const Loops loops_;
  const std::function<void()> stuck_changed_;
  std::mutex mutex_;
  std::condition_variable leave_;
  bool leaving_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace evloopd::host
