#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "aio/barrier.h"
#include "aio/condition.h"
#include "aio/event.h"
#include "aio/lock.h"
#include "aio/queue.h"
#include "aio/semaphore.h"
#include "contract/value.h"

namespace evloop::contract {

// The declared locks, events, conditions, semaphores, barriers and queues of a program, by id.
class Primitives {
 public:
  using Any = std::variant<std::unique_ptr<Lock>, std::unique_ptr<Event>, std::unique_ptr<Condition>,
                           std::unique_ptr<Semaphore>, std::unique_ptr<BoundedSemaphore>, std::unique_ptr<Barrier>,
                           std::unique_ptr<Queue<Value>>, std::unique_ptr<LifoQueue<Value>>,
                           std::unique_ptr<PriorityQueue<Value>>>;

  explicit Primitives(const Json& declared);

  [[nodiscard]] Event& event(const std::string& id) const { return *std::get<std::unique_ptr<Event>>(all_.at(id)); }
  [[nodiscard]] Condition& condition(const std::string& id) const {
    return *std::get<std::unique_ptr<Condition>>(all_.at(id));
  }
  [[nodiscard]] Barrier& barrier(const std::string& id) const {
    return *std::get<std::unique_ptr<Barrier>>(all_.at(id));
  }
  // Calls `use` with a lock, condition or semaphore ...
  template <class Use>
  auto with_lockable(const std::string& id, Use use) const -> std::invoke_result_t<Use&, Lock&> {
    return visit(id, [&](auto& one) -> std::invoke_result_t<Use&, Lock&> {
      if constexpr (requires { one.acquire(); }) return use(one);
      throw std::invalid_argument(id + " cannot be acquired");
    });
  }
  // ... or with a queue.
  template <class Use>
  auto with_queue(const std::string& id, Use use) const -> std::invoke_result_t<Use&, Queue<Value>&> {
    return visit(id, [&](auto& one) -> std::invoke_result_t<Use&, Queue<Value>&> {
      if constexpr (requires { one.get_nowait(); }) return use(one);
      throw std::invalid_argument(id + " is no queue");
    });
  }

  // The final lines: "q1 size=2", sorted by id.
  [[nodiscard]] std::vector<std::string> states() const;

 private:
  template <class Use>
  auto visit(const std::string& id, Use use) const {
    return std::visit([&](const auto& one) { return use(*one); }, all_.at(id));
  }

  std::map<std::string, Any> all_;
};

}  // namespace evloop::contract
