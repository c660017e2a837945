#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aio/async_generator.h"
#include "aio/event_loop.h"
#include "aio/task_group.h"
#include "aio/timeout.h"
#include "contract/value.h"

namespace evloop::contract {

// The label of a coroutine: registered while its frame lives, of which this is a parameter. So the task that the loop
// makes of it, at whatever place, has a label in the trace.
class CoroutineName {
 public:
  using Register = std::map<const void*, std::string>;

  CoroutineName(Register& names, std::string label) : names_(&names), label_(std::move(label)) {}
  CoroutineName(CoroutineName&& other) noexcept
      : names_(other.names_), label_(std::move(other.label_)), frame_(std::exchange(other.frame_, nullptr)) {}
  CoroutineName& operator=(CoroutineName&&) = delete;
  ~CoroutineName() {
    if (frame_ && *frame_) names_->erase(*frame_);
  }

  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  // Where to write the frame's address once the coroutine is made.
  [[nodiscard]] std::shared_ptr<const void*> slot() {
    if (!frame_) frame_ = std::make_shared<const void*>(nullptr);
    return frame_;
  }

 private:
  Register* names_;
  std::string label_;
  std::shared_ptr<const void*> frame_{};
};

using AnyHandle = std::variant<Handle, TimerHandle, ThreadsafeHandle>;

// What a program has bound to ids, by kind. All objects stay alive until the program is over: nothing here depends on
// destruction. Loop thread, or another one while that one waits.
class Objects {
 public:
  // Binds a future or task; the first id is its label.
  void bind(const std::string& id, const Future<Value>& future);
  // Keeps a future that is not bound.
  void keep(const Future<Value>& future) { kept_.push_back(future); }
  // Binds a generator.
  void bind(const std::string& id, const AsyncGenerator<Value, Value>& generator) {
    generators[id] = generator;
    kept_generators_.push_back(generator);
  }

  // The id it was bound to first; else the name of the coroutine it runs; else "internal".
  [[nodiscard]] std::string label(FutureBase& future) const;
  // Drops all of them.
  void clear() noexcept;
  [[nodiscard]] CoroutineName::Register& coroutine_names() noexcept { return coroutine_names_; }

  std::map<std::string, Future<Value>> futures;
  std::map<std::string, AnyHandle> handles;
  std::map<std::string, AsyncGenerator<Value, Value>> generators;
  std::map<std::string, std::shared_ptr<Timeout>> timeouts;
  std::map<std::string, std::shared_ptr<TaskGroup>> groups;
  std::map<std::string, std::int64_t> variables;
  // What add_done_callback() answered, by future and by callback: in asyncio the function itself names it.
  std::map<std::pair<FutureBase*, std::string>, std::vector<DoneCallbackId>> done_callbacks;

 private:
  CoroutineName::Register coroutine_names_;
  std::map<const FutureBase*, std::string> labels_;
  std::vector<Future<Value>> kept_;
  std::vector<AsyncGenerator<Value, Value>> kept_generators_;
};

inline constexpr const char* internal_label = "internal";

}  // namespace evloop::contract
