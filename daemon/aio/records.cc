#include "aio/records.h"

#include <algorithm>
#include <limits>
#include <new>

namespace evloop {
namespace {

// Of one state of a record, before a reader gives up: its writer changes it at the speed of the loop.
constexpr int read_attempts = 64;

}  // namespace

const char* work_kind_name(WorkKind kind) noexcept {
  switch (kind) {
    case WorkKind::none: return "none";
    case WorkKind::callback: return "callback";
    case WorkKind::task: return "task";
    case WorkKind::timer: return "timer";
    case WorkKind::reader: return "reader";
    case WorkKind::writer: return "writer";
    case WorkKind::posted: return "posted";
    case WorkKind::done_callback: return "done_callback";
  }
  return "none";
}

const char* wait_kind_name(WaitKind kind) noexcept {
  switch (kind) {
    case WaitKind::none: return "";
    case WaitKind::future: return "future";
    case WaitKind::task: return "task";
    case WaitKind::sleep: return "timer";
    case WaitKind::yield: return "yield";
    case WaitKind::lock: return "lock";
    case WaitKind::event: return "event";
    case WaitKind::condition: return "condition";
    case WaitKind::semaphore: return "semaphore";
    case WaitKind::barrier: return "barrier";
    case WaitKind::queue: return "queue";
    case WaitKind::gather: return "gather";
    case WaitKind::wait: return "wait";
    case WaitKind::fd: return "fd";
    case WaitKind::executor: return "executor";
    case WaitKind::stream: return "stream";
  }
  return "";
}

DurationHistogram::DurationHistogram() noexcept {
  for (std::size_t i = 0; i < bounds.size(); ++i)
    limits_[i] = CycleClock::from_nanos(std::chrono::nanoseconds(bounds[i]));
}

void DurationHistogram::add_long(CycleClock::Stamp took) noexcept {
  std::size_t bucket = 1;
  while (bucket < bounds.size() && took > limits_[bucket]) ++bucket;
  counts_[bucket].add(1);
}

std::optional<CurrentRecord::View> CurrentRecord::read() const {
  View view;
  for (int i = 0; i < read_attempts; ++i) {
    view.since = since_.load(std::memory_order_acquire);
    view.kind = kind_.get();
    view.where = where_.load(std::memory_order_relaxed);
    view.task_id = task_id_.get();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (view.since == 0 || since_.load(std::memory_order_relaxed) != view.since) continue;
    return view.kind == WorkKind::none ? std::nullopt : std::optional(view);
  }
  return std::nullopt;
}

void TaskRecord::open(std::uint64_t id, std::uint64_t parent_id, std::string_view name, std::source_location created,
                      CycleClock::Stamp now) noexcept {
  task_ = nullptr;
  id_.set(id);
  parent_id_.set(parent_id);
  waiting_on_.set(WaitKind::none);
  waiting_on_id_.set(0);
  depth_.set(0);
  cancel_requests_.set(0);
  steps_.set(0);
  run_time_.set(0);
  longest_step_.set(0);
  store(created_, created);
  store(coroutine_, {});
  store(frames_[0], {});
  set_name(name);
  set_phase(TaskPhase::runnable, now);
}

void TaskRecord::set_cancel_requests(std::uint32_t count) noexcept {
  constexpr std::uint32_t most = std::numeric_limits<std::uint16_t>::max();
  cancel_requests_.set(static_cast<std::uint16_t>(std::min(count, most)));
}

void TaskRecord::set_name(std::string_view name) noexcept {
  if (!records_enabled || (name.empty() && !more_.load(std::memory_order_relaxed))) return;
  auto* const kept = more();
  if (!kept) return;
  kept->naming.begin_write();
  std::array<char, name_kept> text{};
  std::copy_n(name.data(), std::min(name.size(), name_kept), text.data());
  for (std::size_t i = 0; i < kept->name.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i * sizeof word, sizeof word);
    kept->name[i].set(word);
  }
  kept->naming.end_write();
}

TaskRecord::More* TaskRecord::more() noexcept {
  auto* more = more_.load(std::memory_order_relaxed);
  if (more) return more;
  more = new (std::nothrow) More;
  more_.store(more, std::memory_order_release);
  return more;
}

void TaskRecord::awaits_deep(std::source_location where) noexcept {
  const auto depth = std::min<std::size_t>(depth_.get(), frames_kept - 1);
  if (auto* const kept = more()) store(kept->frames[depth - near_frames], where);
}

void TaskRecord::close() noexcept { set_phase(TaskPhase::free, 0); }

std::optional<TaskRecord::View> TaskRecord::read() const {
  View view;
  for (int i = 0; i < read_attempts; ++i) {
    const auto before = state_since_.load(std::memory_order_acquire);
    view.state = static_cast<TaskPhase>(before & phase_mask);
    if (view.state == TaskPhase::free) return std::nullopt;
    view.since = before >> phase_bits;
    copy(view);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (state_since_.load(std::memory_order_relaxed) == before) break;
  }
  if (view.state != TaskPhase::waiting) view.waiting_on = WaitKind::none;
  if (view.waiting_on != WaitKind::task) view.waiting_on_id = 0;
  return view;
}

void TaskRecord::copy(View& view) const {
  view.id = id_.get();
  view.parent_id = parent_id_.get();
  view.waiting_on = waiting_on_.get();
  view.waiting_on_id = waiting_on_id_.get();
  view.created = created_.load(std::memory_order_relaxed);
  view.coroutine = coroutine_.load(std::memory_order_relaxed);
  const auto load = [](const auto& frame) { return frame.load(std::memory_order_relaxed); };
  std::ranges::transform(frames_, view.frames.begin(), load);
  view.depth = depth_.get() + 1;
  view.steps = steps_.get();
  view.run_time = run_time_.get();
  view.longest_step = longest_step_.get();
  view.cancel_requests = cancel_requests_.get();
  const auto* const kept = more_.load(std::memory_order_acquire);
  if (!kept) return;
  std::ranges::transform(kept->frames, view.frames.begin() + near_frames, load);
  std::array<char, name_kept> text{};
  kept->naming.read([&] {
    for (std::size_t i = 0; i < kept->name.size(); ++i) {
      const auto word = kept->name[i].get();
      std::memcpy(text.data() + i * sizeof word, &word, sizeof word);
    }
  });
  view.name.assign(text.data(), ::strnlen(text.data(), text.size()));
}

std::optional<TaskRecord::View> TaskRecords::find(std::uint64_t id) const {
  std::optional<TaskRecord::View> found;
  static_cast<void>(any_of([&](const TaskRecord& record) {
    if (record.id() != id) return false;
    found = record.read();
    if (found && found->id != id) found.reset();  // it has just become another one's
    return found.has_value();
  }));
  return found;
}

std::vector<TaskBase*> TaskRecords::owned() const {
  std::vector<TaskBase*> tasks;
  static_cast<void>(any_of([&](const TaskRecord& record) {
    if (auto* const task = record.task()) tasks.push_back(task);
    return false;
  }));
  return tasks;
}

TaskRecords::~TaskRecords() {
  static_cast<void>(any_of([](TaskRecord& record) {
    record.~TaskRecord();
    return false;
  }));
  for (std::size_t i = 0; i < chunk_count_; ++i)
    ::operator delete(chunks_[i].load(std::memory_order_relaxed), std::align_val_t{alignof(TaskRecord)});
}

TaskRecord* TaskRecords::make() {
  if (room_ == 0) {
    const auto size = size_of(chunk_count_);
    auto* const memory = ::operator new(size * sizeof(TaskRecord), std::align_val_t{alignof(TaskRecord)});
    chunks_[chunk_count_++].store(static_cast<TaskRecord*>(memory), std::memory_order_relaxed);
    room_ = size;
  }
  const auto last = chunk_count_ - 1;
  auto* const record = chunks_[last].load(std::memory_order_relaxed) + (size_of(last) - room_--);
  ::new (record) TaskRecord;
  made_.store(made_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return record;
}

void TaskRecords::release(TaskRecord* record) noexcept {
  record->close();
  record->next_free_ = std::exchange(free_, record);
}

}  // namespace evloop
