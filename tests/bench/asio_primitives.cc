// The same operations by standalone asio: the nearest thing in C++.
#include <benchmark/benchmark.h>
#include <asio.hpp>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t batch = 1000;
using asio::awaitable;
using asio::use_awaitable;

void call_chain(benchmark::State& state) {
  asio::io_context loop(1);
  struct Chain {
    asio::io_context& loop;
    benchmark::State& state;
    void operator()() const {
      if (state.KeepRunning()) asio::post(loop, *this);
    }
  };
  asio::post(loop, Chain{loop, state});
  loop.run();
}
BENCHMARK(call_chain)->Name("call_chain/asio");

void call_batch(benchmark::State& state) {
  asio::io_context loop(1);
  std::size_t ran = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) asio::post(loop, [&ran] { ++ran; });
    loop.restart();
    loop.run();
  }
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(call_batch)->Name("call_batch/asio");

void post(benchmark::State& state) {
  asio::io_context loop(1);
  std::size_t ran = 0;
  while (state.KeepRunningBatch(1'000'000)) {
    loop.restart();
    auto work = std::make_optional(asio::make_work_guard(loop));
    std::thread poster([&] {
      for (int i = 0; i < 1'000'000; ++i) asio::post(loop, [&ran] { ++ran; });
      asio::post(loop, [&work] { work.reset(); });
    });
    loop.run();
    poster.join();
  }
}
BENCHMARK(post)->Name("post/asio")->MeasureProcessCPUTime()->Iterations(1'000'000);

void wake_round_trip(benchmark::State& state) {
  asio::io_context here(1);
  asio::io_context there(1);
  auto stay_here = asio::make_work_guard(here);
  auto stay_there = asio::make_work_guard(there);
  std::thread other([&] { there.run(); });
  struct Ping {
    asio::io_context& here;
    asio::io_context& there;
    benchmark::State& state;
    void operator()() const {
      if (!state.KeepRunning()) return here.stop();
      asio::post(there, [ping = *this] { asio::post(ping.here, ping); });
    }
  };
  asio::post(here, Ping{here, there, state});
  here.run();
  there.stop();
  other.join();
}
BENCHMARK(wake_round_trip)->Name("wake_round_trip/asio")->UseRealTime();

using Timer = asio::steady_timer;

void timer_create_cancel(benchmark::State& state) {
  asio::io_context loop(1);
  std::vector<Timer> present;
  present.reserve(1'000'000);
  for (int i = 0; i < 1'000'000; ++i) {
    present.emplace_back(loop, std::chrono::hours(1) + std::chrono::nanoseconds((i * 7919) % 1'000'003));
    present.back().async_wait([](std::error_code) {});
  }
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      Timer timer(loop, std::chrono::hours(1) + std::chrono::nanoseconds(++n % 1'000'003));
      timer.async_wait([](std::error_code) {});
    }
    loop.poll();
  }
}
BENCHMARK(timer_create_cancel)->Name("timer_create_cancel_1e6/asio");

void timer_rearm(benchmark::State& state) {
  asio::io_context loop(1);
  std::vector<Timer> timers;
  timers.reserve(10'000);
  for (std::size_t i = 0; i < 10'000; ++i) {
    timers.emplace_back(loop, std::chrono::hours(1) + std::chrono::nanoseconds((i * 7919) % 10'007));
    timers.back().async_wait([](std::error_code) {});
  }
  std::size_t n = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      auto& timer = timers[n++ % timers.size()];
      timer.expires_after(std::chrono::hours(1) + std::chrono::nanoseconds(n));
      timer.async_wait([](std::error_code) {});
    }
    loop.poll();
  }
}
BENCHMARK(timer_rearm)->Name("timer_rearm_1e4/asio");

void timer_fire(benchmark::State& state) {
  while (state.KeepRunningBatch(1'000'000)) {
    asio::io_context loop(1);
    std::size_t fired = 0;
    const auto start = std::chrono::steady_clock::now();
    std::vector<Timer> timers;
    timers.reserve(1'000'000);
    for (std::size_t i = 0; i < 1'000'000; ++i) {
      timers.emplace_back(loop, start + std::chrono::nanoseconds((i * 7919) % 1'000'003));
      timers.back().async_wait([&fired](std::error_code) { ++fired; });
    }
    loop.run();
  }
}
BENCHMARK(timer_fire)->Name("timer_fire_1e6/asio")->Iterations(1'000'000);

awaitable<int> child(int value) { co_return value; }
awaitable<void> await_children(benchmark::State& state) {
  int sum = 0;
  while (state.KeepRunning()) sum += co_await child(1);
  benchmark::DoNotOptimize(sum);
}
void await_child(benchmark::State& state) {
  asio::io_context loop(1);
  asio::co_spawn(loop, await_children(state), asio::detached);
  loop.run();
}
BENCHMARK(await_child)->Name("await_child/asio");

awaitable<void> nothing() { co_return; }
void task_spawn_join(benchmark::State& state) {
  asio::io_context loop(1);
  std::size_t ended = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) asio::co_spawn(loop, nothing(), [&ended](std::exception_ptr) { ++ended; });
    loop.restart();
    loop.run();
  }
}
BENCHMARK(task_spawn_join)->Name("task_spawn_join/asio");

awaitable<void> yields(benchmark::State& state, bool leads, bool& over) {
  if (leads) {
    while (state.KeepRunningBatch(batch)) co_await asio::post(use_awaitable);
    over = true;
  } else {
    while (!over) co_await asio::post(use_awaitable);
  }
}
void task_step(benchmark::State& state) {
  asio::io_context loop(1);
  bool over = false;
  for (std::size_t i = 0; i < batch; ++i) asio::co_spawn(loop, yields(state, i == 0, over), asio::detached);
  loop.run();
}
BENCHMARK(task_step)->Name("task_step/asio");

}  // namespace
