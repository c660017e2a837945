#pragma once

#include <cstdint>
#include <source_location>

namespace evloop {

class Context;
class FutureBase;

// What kind of work a loop does, as published while it does it.
enum class WorkKind : std::uint8_t { none, callback, task, timer, reader, writer, posted, done_callback };
[[nodiscard]] const char* work_kind_name(WorkKind kind) noexcept;

// Something in the ready queue: a handle or a task. Each time it is queued, the queue holds one
// reference to it, and either run() or drop() gives that back. Loop thread only.
class Runnable {
 public:
  Runnable(WorkKind kind, std::source_location where) noexcept : where_(where), kind_(kind) {}
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  // Its turn has come. Throws nothing but Fatal (LIFE-34).
  virtual void run() = 0;

  // The loop closes: it will never run.
  virtual void drop() noexcept = 0;

  // The context that it runs in; null: none.
  [[nodiscard]] virtual const Context* context() const noexcept { return nullptr; }
  // The future or task that waits for it to run; null: nobody that it knows of. For the call graph.
  [[nodiscard]] virtual FutureBase* awaiter() const noexcept { return nullptr; }

  [[nodiscard]] WorkKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

 protected:
  ~Runnable() = default;

 private:
  std::source_location where_;  // where it was scheduled or created
  WorkKind kind_;
};

}  // namespace evloop
