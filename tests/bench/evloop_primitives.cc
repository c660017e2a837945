// What the loop's own operations cost. Names are "operation/library", so that peers line up.
#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>
#include <vector>

#include "aio/event_loop.h"
#include "aio/sleep.h"

namespace evloop {
namespace {

constexpr std::size_t batch = 1000;

void call_chain(benchmark::State& state) {
  EventLoop loop;
  struct Chain {
    EventLoop& loop;
    benchmark::State& state;
    void operator()() const {
      if (state.KeepRunning()) {
        loop.call_soon(*this);
      } else {
        loop.stop();
      }
    }
  };
  loop.call_soon(Chain{loop, state});
  loop.run_forever();
  loop.close();
}
BENCHMARK(call_chain)->Name("call_chain/evloop");

void call_batch(benchmark::State& state) {
  EventLoop loop;
  std::size_t ran = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) loop.call_soon([&ran] { ++ran; });
    loop.stop();
    loop.run_forever();
  }
  benchmark::DoNotOptimize(ran);
  loop.close();
}
BENCHMARK(call_batch)->Name("call_batch/evloop");

// Both sides: 1e6 posts from another thread to a loop that runs all the while.
void post(benchmark::State& state) {
  EventLoop loop;
  std::size_t ran = 0;
  while (state.KeepRunningBatch(1'000'000)) {
    std::thread poster([port = loop.port(), &loop, &ran] {
      for (int i = 0; i < 1'000'000; ++i) port->post([&ran] { ++ran; });
      port->post([&loop] { loop.stop(); });
    });
    loop.run_forever();
    poster.join();
  }
  state.counters["wakeups"] = benchmark::Counter(static_cast<double>(loop.port()->wakeups()));
  loop.close();
}
BENCHMARK(post)->Name("post/evloop")->MeasureProcessCPUTime()->Iterations(1'000'000);

// Two loops on two threads, each sleeping until the other wakes it.
void wake_round_trip(benchmark::State& state) {
  EventLoop here;
  std::shared_ptr<LoopPort> there;
  std::atomic<bool> ready{false};
  std::thread other([&] {
    EventLoop loop;
    there = loop.port();
    loop.call_soon([&ready] {
      ready = true;
      ready.notify_one();
    });
    loop.run_forever();
    loop.close();
  });
  ready.wait(false);
  struct Ping {
    EventLoop& here;
    LoopPort& there;
    benchmark::State& state;
    void operator()() const {
      if (!state.KeepRunning()) return here.stop();
      there.post([ping = *this] { ping.here.port()->post(ping); });
    }
  };
  here.call_soon(Ping{here, *there, state});
  here.run_forever();
  there->post([] { get_running_loop().stop(); });
  other.join();
  here.close();
}
BENCHMARK(wake_round_trip)->Name("wake_round_trip/evloop")->UseRealTime();

void timer_create_cancel(benchmark::State& state) {
  EventLoop loop;
  std::vector<TimerHandle> present;
  for (int i = 0; i < 1'000'000; ++i)
    present.push_back(loop.call_later(std::chrono::hours(1) + std::chrono::nanoseconds((i * 7919) % 1'000'003), [] {}));
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i)
      loop.call_later(std::chrono::hours(1) + std::chrono::nanoseconds(++n % 1'000'003), [] {}).cancel();
    // As a loop does in every turn: cancelled timers go when they are too many.
    loop.stop();
    loop.run_forever();
  }
  loop.close();
}
BENCHMARK(timer_create_cancel)->Name("timer_create_cancel_1e6/evloop");

void timer_rearm(benchmark::State& state) {
  EventLoop loop;
  std::vector<TimerHandle> timers(10'000);
  for (std::size_t i = 0; i < timers.size(); ++i)
    timers[i] = loop.call_later(std::chrono::hours(1) + std::chrono::nanoseconds((i * 7919) % 10'007), [] {});
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      auto& timer = timers[n++ % timers.size()];
      timer.cancel();
      timer = loop.call_later(std::chrono::hours(1) + std::chrono::nanoseconds(n), [] {});
    }
    loop.stop();
    loop.run_forever();
  }
  loop.close();
}
BENCHMARK(timer_rearm)->Name("timer_rearm_1e4/evloop");

// Without call_later's look at the clock, which peers leave out, too: their time stands still during a turn.
void timer_rearm_at(benchmark::State& state) {
  EventLoop loop;
  const auto base = loop.time() + std::chrono::hours(1);
  std::vector<TimerHandle> timers(10'000);
  for (std::size_t i = 0; i < timers.size(); ++i)
    timers[i] = loop.call_at(base + std::chrono::nanoseconds((i * 7919) % 10'007), [] {});
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      auto& timer = timers[n++ % timers.size()];
      timer.cancel();
      timer = loop.call_at(base + std::chrono::nanoseconds(n), [] {});
    }
    loop.stop();
    loop.run_forever();
  }
  loop.close();
}
BENCHMARK(timer_rearm_at)->Name("timer_rearm_at_1e4/evloop");

void timer_fire(benchmark::State& state) {
  while (state.KeepRunningBatch(1'000'000)) {
    EventLoop loop;
    std::size_t fired = 0;
    const auto start = loop.time();
    for (std::size_t i = 0; i < 1'000'000; ++i)
      loop.call_at(start + std::chrono::nanoseconds((i * 7919) % 1'000'003), [&fired, &loop] {
        if (++fired == 1'000'000) loop.stop();
      });
    loop.run_forever();
    loop.close();
  }
}
BENCHMARK(timer_fire)->Name("timer_fire_1e6/evloop")->Iterations(1'000'000);

Coro<int> child(int value) { co_return value; }

Coro<void> await_children(benchmark::State& state) {
  int sum = 0;
  while (state.KeepRunning()) sum += co_await child(1);
  benchmark::DoNotOptimize(sum);
}
void await_child(benchmark::State& state) {
  EventLoop loop;
  loop.run_until_complete(await_children(state));
  loop.close();
}
BENCHMARK(await_child)->Name("await_child/evloop");

Coro<void> nothing() { co_return; }
Coro<void> spawn_and_join(benchmark::State& state) {
  std::vector<Task<void>> tasks(batch);
  while (state.KeepRunningBatch(batch)) {
    for (auto& task : tasks) task = get_running_loop().create_task(nothing());
    for (auto& task : tasks) co_await task;
  }
}
void task_spawn_join(benchmark::State& state) {
  EventLoop loop;
  loop.run_until_complete(spawn_and_join(state));
  loop.close();
}
BENCHMARK(task_spawn_join)->Name("task_spawn_join/evloop");

Coro<void> yields(benchmark::State& state, bool leads) {
  if (leads) {
    while (state.KeepRunningBatch(batch)) co_await yield();
    get_running_loop().stop();
  } else {
    for (;;) co_await yield();
  }
}
void task_step(benchmark::State& state) {
  EventLoop loop;
  for (std::size_t i = 1; i < batch; ++i) static_cast<void>(loop.create_task(yields(state, false)));
  static_cast<void>(loop.create_task(yields(state, true)));
  loop.run_forever();
  for (const auto& task : loop.all_tasks()) task->cancel();
  loop.stop();
  loop.run_forever();
  loop.close();
}
BENCHMARK(task_step)->Name("task_step/evloop");

// Two tasks hand futures to each other; 1,000 pairs, so that polling is amortised.
struct Pair {
  Future<void> ping;
  Future<void> pong;
  bool over = false;
};
Coro<void> ponger(Pair& pair) {
  while (!pair.over) {
    co_await pair.ping;
    pair.ping = get_running_loop().create_future<void>();
    pair.pong.set_result();
  }
}
Coro<void> pinger(benchmark::State& state, Pair& pair, bool leads, bool& over) {
  while (leads ? state.KeepRunningBatch(batch) : !over) {
    pair.pong = get_running_loop().create_future<void>();
    pair.ping.set_result();
    co_await pair.pong;
  }
  over = pair.over = true;
  pair.pong = get_running_loop().create_future<void>();
  pair.ping.set_result();
}
Coro<void> ping_pong_all(benchmark::State& state) {
  bool over = false;
  std::vector<Pair> pairs(batch);
  std::vector<Task<void>> tasks;
  for (auto& pair : pairs) {
    pair.ping = get_running_loop().create_future<void>();
    tasks.push_back(get_running_loop().create_task(ponger(pair)));
  }
  for (auto& pair : pairs)
    tasks.push_back(get_running_loop().create_task(pinger(state, pair, &pair == &pairs.back(), over)));
  for (auto& task : tasks) co_await task;
}
void ping_pong(benchmark::State& state) {
  EventLoop loop;
  loop.run_until_complete(ping_pong_all(state));
  loop.close();
}
BENCHMARK(ping_pong)->Name("ping_pong/evloop");

}  // namespace
}  // namespace evloop
