// What the loop's operations cost at the least: each is written by hand for the one purpose, without what a loop is
// there for, such as cancelling, inspection, errors, other threads or an order among different things. What our own
// cost is seen best as a ratio to these, as it hardly depends on the machine. Names as in evloop_primitives.cc.
#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t batch = 1000;

// --- calls ---

void call_chain(benchmark::State& state) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  std::deque<std::function<void()>> ready;
  std::size_t ran = 0;
  std::function<void()> again = [&] { ++ran; };
  while (state.KeepRunning()) {
    ready.push_back(again);
    benchmark::DoNotOptimize(::epoll_wait(poll, &event, 1, 0));
    ready.front()();
    ready.pop_front();
  }
  benchmark::DoNotOptimize(ran);
  ::close(poll);
}
BENCHMARK(call_chain)->Name("call_chain/floor");

void call_batch(benchmark::State& state) {
  std::deque<std::function<void()>> ready;
  std::size_t ran = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) ready.emplace_back([&ran] { ++ran; });
    while (!ready.empty()) {
      ready.front()();
      ready.pop_front();
    }
  }
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(call_batch)->Name("call_batch/floor");

// A stack that one thread pushes onto and the other takes whole.
struct Post {
  std::size_t& ran;
  Post* next = nullptr;
};
void post(benchmark::State& state) {
  std::atomic<Post*> newest{nullptr};
  std::size_t ran = 0;
  while (state.KeepRunningBatch(1'000'000)) {
    std::thread poster([&] {
      for (int i = 0; i < 1'000'000; ++i) {
        auto* const made = new Post{.ran = ran, .next = newest.load(std::memory_order_relaxed)};
        while (!newest.compare_exchange_weak(made->next, made, std::memory_order_release, std::memory_order_relaxed)) {
        }
      }
    });
    for (int left = 1'000'000; left > 0;) {
      auto* taken = newest.exchange(nullptr, std::memory_order_acquire);
      if (!taken) std::this_thread::yield();
      for (; taken; --left) {
        const std::unique_ptr<Post> done(std::exchange(taken, taken->next));
        ++done->ran;
      }
    }
    poster.join();
  }
}
BENCHMARK(post)->Name("post/floor")->MeasureProcessCPUTime()->Iterations(1'000'000);

// Two threads that sleep as loops do, which watch descriptors: in epoll_wait(). To read() an eventfd takes about 0.86
// of it, and to wait for a futex 0.80, but neither could watch anything else.
void wake_round_trip(benchmark::State& state) {
  class Side {
   public:
    Side() {
      epoll_event event{};
      event.events = EPOLLIN | EPOLLET;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event);
    }
    ~Side() {
      ::close(epoll_);
      ::close(event_);
    }
    void wake() const {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
    }
    void sleep() const {
      epoll_event event;
      while (::epoll_wait(epoll_, &event, 1, -1) < 1) {
      }
    }

   private:
    const int event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  };
  const Side here;
  const Side there;
  std::atomic<bool> over{false};
  std::thread other([&] {
    for (there.sleep(); !over; there.sleep()) here.wake();
  });
  while (state.KeepRunning()) {
    there.wake();
    here.sleep();
  }
  over = true;
  there.wake();
  other.join();
}
BENCHMARK(wake_round_trip)->Name("wake_round_trip/floor")->UseRealTime();

// --- timers: a binary heap, whose timers know their places ---

struct Timer {
  std::int64_t when;
  std::size_t place = 0;
};

class Heap {
 public:
  void push(Timer* timer) {
    timers_.push_back(timer);
    rise(timers_.size() - 1, timer);
  }
  void remove(Timer* timer) {
    auto* const last = timers_.back();
    timers_.pop_back();
    if (last != timer) put_right(timer->place, last);
  }
  void move(Timer* timer, std::int64_t when) {
    timer->when = when;
    put_right(timer->place, timer);
  }
  [[nodiscard]] Timer* first() const { return timers_.front(); }
  [[nodiscard]] bool empty() const { return timers_.empty(); }

 private:
  void put(std::size_t place, Timer* timer) {
    timers_[place] = timer;
    timer->place = place;
  }
  void put_right(std::size_t place, Timer* timer) {
    if (place > 0 && timer->when < timers_[(place - 1) / 2]->when)
      rise(place, timer);
    else
      sink(place, timer);
  }
  void rise(std::size_t place, Timer* timer) {
    for (; place > 0 && timer->when < timers_[(place - 1) / 2]->when; place = (place - 1) / 2)
      put(place, timers_[(place - 1) / 2]);
    put(place, timer);
  }
  void sink(std::size_t place, Timer* timer) {
    for (std::size_t below; (below = 2 * place + 1) < timers_.size(); place = below) {
      if (below + 1 < timers_.size() && timers_[below + 1]->when < timers_[below]->when) ++below;
      if (timer->when <= timers_[below]->when) break;
      put(place, timers_[below]);
    }
    put(place, timer);
  }

  std::vector<Timer*> timers_;
};

std::vector<std::unique_ptr<Timer>> timers_in(Heap& heap, std::size_t count, std::size_t modulus) {
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::size_t i = 0; i < count; ++i) {
    timers.push_back(std::make_unique<Timer>(static_cast<std::int64_t>((i * 7919) % modulus)));
    heap.push(timers.back().get());
  }
  return timers;
}

void timer_create_cancel(benchmark::State& state) {
  Heap heap;
  const auto present = timers_in(heap, 1'000'000, 1'000'003);
  std::int64_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      const auto timer = std::make_unique<Timer>(++n % 1'000'003);
      heap.push(timer.get());
      heap.remove(timer.get());
    }
  }
}
BENCHMARK(timer_create_cancel)->Name("timer_create_cancel_1e6/floor");

void timer_rearm(benchmark::State& state) {
  Heap heap;
  const auto timers = timers_in(heap, 10'000, 10'007);
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      ++n;
      heap.move(timers[n % timers.size()].get(), static_cast<std::int64_t>(n));
    }
  }
}
BENCHMARK(timer_rearm)->Name("timer_rearm_1e4/floor");
BENCHMARK(timer_rearm)->Name("timer_rearm_at_1e4/floor");

void timer_fire(benchmark::State& state) {
  while (state.KeepRunningBatch(1'000'000)) {
    Heap heap;
    std::size_t fired = 0;
    for (std::size_t i = 0; i < 1'000'000; ++i)
      heap.push(new Timer{.when = static_cast<std::int64_t>((i * 7919) % 1'000'003)});
    while (!heap.empty()) {
      const std::unique_ptr<Timer> due(heap.first());
      heap.remove(due.get());
      ++fired;
    }
    benchmark::DoNotOptimize(fired);
  }
}
BENCHMARK(timer_fire)->Name("timer_fire_1e6/floor")->Iterations(1'000'000);

// --- coroutines: frames from malloc, a ring of those that are ready ---

class Ring {
 public:
  void push(std::coroutine_handle<> frame) { frames_[end_++ % frames_.size()] = frame; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  void run_one() { frames_[begin_++ % frames_.size()].resume(); }

 private:
  std::vector<std::coroutine_handle<>> frames_ = std::vector<std::coroutine_handle<>>(4 * batch);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};
Ring ring;

struct Next {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) const { ring.push(frame); }
  void await_resume() const noexcept {}
};

// One that others await, for its value.
struct Child {
  struct promise_type {
    int value = 0;
    std::coroutine_handle<> awaiting;
    Child get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
        return ended.promise().awaiting;
      }
      void await_resume() const noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(int result) { value = result; }
    void unhandled_exception() {}
  };

  std::coroutine_handle<promise_type> frame;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const {
    frame.promise().awaiting = awaiting;
    return frame;
  }
  int await_resume() const {
    const int value = frame.promise().value;
    frame.destroy();
    return value;
  }
};
[[gnu::noinline]] Child child(int value) { co_return value; }

// One that nobody awaits. It is there until it is destroyed.
struct Job {
  struct promise_type {
    Job get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> frame;
};

Job await_children(benchmark::State& state) {
  int sum = 0;
  while (state.KeepRunning()) sum += co_await child(1);
  benchmark::DoNotOptimize(sum);
}
void await_child(benchmark::State& state) {
  const auto job = await_children(state);
  job.frame.resume();
  job.frame.destroy();
}
BENCHMARK(await_child)->Name("await_child/floor");

[[gnu::noinline]] Job nothing() { co_return; }
void task_spawn_join(benchmark::State& state) {
  std::vector<Job> jobs(batch);
  while (state.KeepRunningBatch(batch)) {
    for (auto& job : jobs) ring.push((job = nothing()).frame);
    while (!ring.empty()) ring.run_one();
    for (const auto& job : jobs) job.frame.destroy();
  }
}
BENCHMARK(task_spawn_join)->Name("task_spawn_join/floor");

Job yields(benchmark::State& state, bool leads, bool& over) {
  while (leads ? state.KeepRunningBatch(batch) : !over) co_await Next{};
  over = true;
}
void task_step(benchmark::State& state) {
  bool over = false;
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < batch; ++i) {
    jobs.push_back(yields(state, i + 1 == batch, over));
    ring.push(jobs.back().frame);
  }
  while (!ring.empty()) ring.run_one();
  for (const auto& job : jobs) job.frame.destroy();
}
BENCHMARK(task_step)->Name("task_step/floor");

// Where one waits until the other says so.
struct Signal {
  std::coroutine_handle<> waiting;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) { waiting = frame; }
  void await_resume() const noexcept {}
  void set() { ring.push(waiting); }
};
struct Pair {
  Signal ping;
  Signal pong;
};
Job ponger(Pair& pair, const bool& over) {
  while (!over) {
    co_await pair.ping;
    pair.pong.set();
  }
}
Job pinger(benchmark::State& state, Pair& pair, bool leads, bool& over) {
  while (leads ? state.KeepRunningBatch(batch) : !over) {
    pair.ping.set();
    co_await pair.pong;
  }
  over = true;
}
void ping_pong(benchmark::State& state) {
  bool over = false;
  std::vector<Pair> pairs(batch);
  std::vector<Job> jobs;
  for (auto& pair : pairs) {
    jobs.push_back(ponger(pair, over));
    jobs.back().frame.resume();
  }
  for (auto& pair : pairs) {
    jobs.push_back(pinger(state, pair, &pair == &pairs.back(), over));
    ring.push(jobs.back().frame);
  }
  while (!ring.empty()) ring.run_one();
  for (const auto& job : jobs) job.frame.destroy();
}
BENCHMARK(ping_pong)->Name("ping_pong/floor");

}  // namespace
