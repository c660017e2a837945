#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/runnable.h"
#include "base/cycle_clock.h"

// What a loop publishes about itself while it runs. One thread writes, with relaxed stores; any thread
// reads, at any time, also while the loop is blocked. Nobody waits for anybody.
namespace evloop {

class TaskBase;

// Compiled out only to measure what publishing costs.
#ifdef EVLOOP_NO_RECORDS
inline constexpr bool records_enabled = false;
#else
inline constexpr bool records_enabled = true;
#endif

// A number with one writer.
template <class T>
class Published {
 public:
  void set(T value) noexcept {
    if constexpr (records_enabled) value_.store(value, std::memory_order_relaxed);
  }
  void add(T by) noexcept {
    if constexpr (records_enabled)
      value_.store(static_cast<T>(value_.load(std::memory_order_relaxed) + by), std::memory_order_relaxed);
  }
  [[nodiscard]] T get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{};
};
using Counter = Published<std::uint64_t>;

// How long things took. Most take less than the first bound, which costs one comparison.
class DurationHistogram {
 public:
  // Upper bounds of the buckets in nanoseconds; the last bucket has none.
  static constexpr std::array<std::int64_t, 13> bounds = {
      1'000,      4'000,      16'000,      64'000,        250'000,       1'000'000,     4'000'000,
      16'000'000, 64'000'000, 250'000'000, 1'000'000'000, 4'000'000'000, 16'000'000'000};
  static constexpr std::size_t buckets = bounds.size() + 1;

  DurationHistogram() noexcept;
  void add(CycleClock::Stamp took) noexcept {
    if constexpr (records_enabled) {
      if (is_long(took)) [[unlikely]] {
        add_long(took);
      } else {
        counts_[0].add(1);
      }
      sum_.add(took);
    }
  }
  // The same for a batch, of which only those that are long are added one by one.
  [[nodiscard]] bool is_long(CycleClock::Stamp took) const noexcept { return records_enabled && took > limits_[0]; }
  void add_long(CycleClock::Stamp took) noexcept;
  void add_batch(std::uint64_t short_ones, CycleClock::Stamp all_took) noexcept {
    counts_[0].add(short_ones);
    sum_.add(all_took);
  }
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket].get(); }
  [[nodiscard]] std::chrono::nanoseconds sum() const noexcept { return CycleClock::to_nanos(sum_.get()); }

 private:
  std::array<CycleClock::Stamp, bounds.size()> limits_;  // constant after construction
  std::array<Counter, buckets> counts_;
  Counter sum_;
};

// Counters of one loop.
struct LoopStats {
  Counter iterations;
  Counter callbacks;
  Counter events;
  Counter timers_fired;
  Counter threadsafe_calls;  // taken from the mailbox
  Counter tasks_created;
  Counter tasks_finished;  // with a value
  Counter tasks_failed;
  Counter tasks_cancelled;
  Counter exceptions;  // reported to the exception handler
  Counter busy;        // stamps spent outside select
  Counter idle;        // stamps spent in select
  Counter ready_length;
  Counter timers_live;
  Counter timers_cancelled;
  Counter watchers;
  Counter tasks_live;
  DurationHistogram callback_time;
  DurationHistogram iteration_time;  // without the select
  DurationHistogram timer_lateness;
};

// Protects a record of single-writer fields: odd while it is being written.
class SequenceCount {
 public:
  void begin_write() noexcept {
    if constexpr (records_enabled) {
      value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
    }
  }
  void end_write() noexcept {
    if constexpr (records_enabled) value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // Runs `copy` until it saw one state, at most `attempts` times.
  template <class Copy>
  bool read(Copy copy, int attempts = 64) const {
    for (int i = 0; i < attempts; ++i) {
      const auto before = value_.load(std::memory_order_acquire);
      if (before & 1) continue;
      copy();
      std::atomic_thread_fence(std::memory_order_acquire);
      if (value_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What the loop executes now; kind `none` between turns and while it sleeps. When that began is written first and last,
// and is never the same for two callbacks: as long as it is, what was read in between belongs together.
class CurrentRecord {
 public:
  struct View {
    WorkKind kind = WorkKind::none;
    std::source_location where;
    std::uint64_t task_id = 0;
    CycleClock::Stamp since = 0;  // another one for each callback
  };

  // `task_id`: 0 if the work is no task's step.
  void begin(const Runnable& work, std::uint64_t task_id, CycleClock::Stamp now) noexcept {
    if constexpr (records_enabled) {
      since_.store(0, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
      kind_.set(work.kind());
      where_.store(work.where(), std::memory_order_relaxed);
      task_id_.set(task_id);
      since_.store(now, std::memory_order_release);
    }
  }
  void end() noexcept { kind_.set(WorkKind::none); }

  // Any thread. Nothing when no callback runs.
  [[nodiscard]] std::optional<View> read() const;

 private:
  std::atomic<CycleClock::Stamp> since_{0};  // 0 while it is written
  Published<WorkKind> kind_;
  std::atomic<std::source_location> where_{};
  Counter task_id_;
};

enum class TaskPhase : std::uint8_t { free, runnable, running, waiting, done, failed, cancelled };

// On what a waiting task waits.
enum class WaitKind : std::uint8_t {
  none,
  future,
  task,
  sleep,
  yield,
  lock,
  event,
  condition,
  semaphore,
  barrier,
  queue,
  gather,
  wait,
  fd,
  executor,
  stream
};
[[nodiscard]] const char* wait_kind_name(WaitKind kind) noexcept;

// One live task, as others see it. State and time of its last change are one word, published last and read first and
// last: as long as it is the same, what was read in between belongs together. The loop pays a few plain stores for a
// step of the task, and no sequence count.
class alignas(64) TaskRecord {
 public:
  static constexpr std::size_t frames_kept = 16;
  static constexpr std::size_t name_kept = 32;

  TaskRecord() = default;
  ~TaskRecord() { delete more_.load(std::memory_order_relaxed); }
  TaskRecord(const TaskRecord&) = delete;
  TaskRecord& operator=(const TaskRecord&) = delete;

  struct View {
    std::uint64_t id = 0;
    std::uint64_t parent_id = 0;
    TaskPhase state = TaskPhase::free;
    WaitKind waiting_on = WaitKind::none;
    std::uint64_t waiting_on_id = 0;
    std::string name;  // empty: Task-<id>
    std::source_location created;
    std::source_location coroutine;
    std::array<std::source_location, frames_kept> frames;  // outermost first, each at its co_await
    std::size_t depth = 0;                                 // of the live chain; may exceed frames_kept
    CycleClock::Stamp since = 0;                           // entered this state
    std::uint64_t steps = 0;
    CycleClock::Stamp run_time = 0;
    CycleClock::Stamp longest_step = 0;
    std::uint32_t cancel_requests = 0;
  };

  // Loop thread.
  void open(std::uint64_t id, std::uint64_t parent_id, std::string_view name, std::source_location created,
            CycleClock::Stamp now) noexcept;
  void close() noexcept;
  void set_name(std::string_view name) noexcept;
  void set_coroutine(std::source_location where) noexcept { store(coroutine_, where); }
  void set_cancel_requests(std::uint32_t count) noexcept;
  void started(CycleClock::Stamp now) noexcept {
    if constexpr (records_enabled) {
      steps_.add(1);
      publish(TaskPhase::running, now);
    }
  }
  void suspended(TaskPhase state, CycleClock::Stamp began, CycleClock::Stamp now) noexcept {
    if constexpr (records_enabled) {
      run_time_.add(now - began);
      if (now - began > longest_step_.get()) longest_step_.set(now - began);
      publish(state, now);
    }
  }
  void woken(CycleClock::Stamp now) noexcept { publish(TaskPhase::runnable, now); }
  void waits(WaitKind kind) noexcept { waiting_on_.set(kind); }
  void waits_for_task(std::uint64_t id) noexcept {
    waiting_on_.set(WaitKind::task);
    waiting_on_id_.set(id);
  }
  // The live await chain: the frame at the current depth awaits at `where`.
  void awaits(std::source_location where) noexcept {
    if (!awaits_near(where)) [[unlikely]]
      awaits_deep(where);
  }
  // The same, unless the chain is deep: then false, and nothing is noted.
  [[nodiscard]] bool awaits_near(std::source_location where) noexcept {
    if constexpr (records_enabled) {
      const auto depth = depth_.get();
      if (depth >= near_frames) [[unlikely]]
        return false;
      store(frames_[depth], where);
    }
    return true;
  }
  void enter_frame() noexcept { depth_.add(1); }
  void leave_frame() noexcept {
    if constexpr (records_enabled)
      if (depth_.get() > 0) depth_.set(depth_.get() - 1);
  }

  // Loop thread. The task, while the loop owns it; else null.
  void set_task(TaskBase* task) noexcept { task_ = task; }
  [[nodiscard]] TaskBase* task() const noexcept { return phase() == TaskPhase::free ? nullptr : task_; }

  // Any thread. Nothing for a free record.
  [[nodiscard]] std::optional<View> read() const;
  // Any thread. Of a free record: that of its last task.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_.get(); }

 private:
  friend class TaskRecords;
  static constexpr unsigned phase_bits = 3;
  static constexpr std::uint64_t phase_mask = (1u << phase_bits) - 1;
  static constexpr std::size_t near_frames = 4;
  // What few tasks have, so that the others fit into two cache lines: a name, and a deep chain.
  struct More {
    SequenceCount naming;  // the name may change at any time
    std::array<Counter, name_kept / sizeof(std::uint64_t)> name;
    std::array<std::atomic<std::source_location>, frames_kept - near_frames> frames{};
  };

  static void store(std::atomic<std::source_location>& slot, std::source_location where) noexcept {
    if constexpr (records_enabled) slot.store(where, std::memory_order_relaxed);
  }
  void copy(View& view) const;
  void awaits_deep(std::source_location where) noexcept;
  // Null without memory.
  [[nodiscard]] More* more() noexcept;
  void publish(TaskPhase state, CycleClock::Stamp now) noexcept {
    if constexpr (records_enabled) set_phase(state, now);
  }
  void set_phase(TaskPhase state, CycleClock::Stamp now) noexcept {
    state_since_.store(now << phase_bits | static_cast<std::uint64_t>(state), std::memory_order_release);
  }
  [[nodiscard]] TaskPhase phase() const noexcept {
    return static_cast<TaskPhase>(state_since_.load(std::memory_order_relaxed) & phase_mask);
  }

  // One cache line has all that a step writes, unless its chain is deep.
  std::atomic<std::uint64_t> state_since_{0};  // a TaskPhase in the lowest bits, the stamp above it
  Published<std::uint32_t> depth_;
  Published<std::uint16_t> cancel_requests_;  // or the most that fits
  Published<WaitKind> waiting_on_;            // means something while it waits
  Counter steps_;
  Counter run_time_;
  Counter longest_step_;
  std::array<std::atomic<std::source_location>, near_frames> frames_{};
  Counter waiting_on_id_;  // of a task
  Counter id_;
  Counter parent_id_;
  std::atomic<std::source_location> created_{};
  std::atomic<std::source_location> coroutine_{};
  std::atomic<More*> more_{nullptr};  // once made, it stays
  union {                             // nothing for other threads
    TaskBase* task_ = nullptr;
    TaskRecord* next_free_;
  };
};
static_assert(sizeof(TaskRecord) == 128);

// The records of a loop's tasks, and by them the tasks. Memory once used for records stays theirs, so a reader never
// meets a pointer that went away. It lies in chunks, each as large as all before it, and is touched when it is used.
class TaskRecords {
 public:
  TaskRecords() = default;
  ~TaskRecords();
  TaskRecords(const TaskRecords&) = delete;
  TaskRecords& operator=(const TaskRecords&) = delete;

  // Loop thread. Throws std::bad_alloc.
  [[nodiscard]] TaskRecord* acquire() {
    if (free_) [[likely]]
      return std::exchange(free_, free_->next_free_);
    return make();
  }
  void release(TaskRecord* record) noexcept;
  // Loop thread: the tasks that the loop owns, in no order.
  [[nodiscard]] std::vector<TaskBase*> owned() const;

  // Any thread: calls visit(TaskRecord::View) for each live task.
  template <class Visit>
  void for_each(Visit visit) const {
    static_cast<void>(any_of([&](const TaskRecord& record) {
      if (auto view = record.read()) visit(*view);
      return false;
    }));
  }
  // Any thread: one live task. Looks at every record, and reads none but that one.
  [[nodiscard]] std::optional<TaskRecord::View> find(std::uint64_t id) const;

 private:
  static constexpr std::size_t first_chunk = 256;
  static constexpr std::size_t most_chunks = 32;
  [[nodiscard]] static constexpr std::size_t size_of(std::size_t chunk) noexcept {
    return chunk == 0 ? first_chunk : first_chunk << (chunk - 1);
  }

  [[nodiscard]] TaskRecord* make();
  // Whether `test` is true of any record that has ever been used, up to that one.
  template <class Test>
  bool any_of(Test test) const {
    auto left = made_.load(std::memory_order_acquire);
    for (std::size_t chunk = 0; left > 0; ++chunk) {
      const std::span records(chunks_[chunk].load(std::memory_order_relaxed), std::min(left, size_of(chunk)));
      for (auto& record : records)
        if (test(record)) return true;
      left -= records.size();
    }
    return false;
  }

  std::array<std::atomic<TaskRecord*>, most_chunks> chunks_{};
  std::atomic<std::size_t> made_{0};

  // Loop thread only.
  TaskRecord* free_ = nullptr;
  std::size_t chunk_count_ = 0;
  std::size_t room_ = 0;  // in the last chunk
};

}  // namespace evloop
