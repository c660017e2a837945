// The same operations by libuv and libevent, as far as they have them.
#include <benchmark/benchmark.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <uv.h>

#include <vector>

namespace {

constexpr std::size_t batch = 1000;

// --- libuv ---

void uv_call_chain(benchmark::State& state) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  uv_idle_t idle;
  uv_idle_init(&loop, &idle);
  idle.data = &state;
  uv_idle_start(&idle, [](uv_idle_t* handle) {
    if (!static_cast<benchmark::State*>(handle->data)->KeepRunning()) uv_idle_stop(handle);
  });
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}
BENCHMARK(uv_call_chain)->Name("call_chain/libuv");

struct UvTimers {
  explicit UvTimers(std::size_t count) : timers(count) {
    uv_loop_init(&loop);
    for (auto& timer : timers) uv_timer_init(&loop, &timer);
  }
  ~UvTimers() {
    for (auto& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  UvTimers(const UvTimers&) = delete;
  UvTimers& operator=(const UvTimers&) = delete;
  uv_loop_t loop;
  std::vector<uv_timer_t> timers;
};
void uv_nothing(uv_timer_t*) {}

void uv_timer_create_cancel(benchmark::State& state) {
  UvTimers uv(1'000'000);
  std::uint64_t n = 0;
  for (auto& timer : uv.timers) uv_timer_start(&timer, uv_nothing, 3'600'000 + n++ * 7919 % 1'000'003, 0);
  uv_timer_t timer;
  uv_timer_init(&uv.loop, &timer);
  while (state.KeepRunningBatch(batch))
    for (std::size_t i = 0; i < batch; ++i) {
      uv_timer_start(&timer, uv_nothing, 3'600'000 + ++n % 1'000'003, 0);
      uv_timer_stop(&timer);
    }
  uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
}
BENCHMARK(uv_timer_create_cancel)->Name("timer_create_cancel_1e6/libuv");

void uv_timer_rearm(benchmark::State& state) {
  UvTimers uv(10'000);
  std::uint64_t n = 0;
  for (auto& timer : uv.timers) uv_timer_start(&timer, uv_nothing, 3'600'000 + n++ * 7919 % 10'007, 0);
  while (state.KeepRunningBatch(batch))
    for (std::size_t i = 0; i < batch; ++i, ++n)
      uv_timer_start(&uv.timers[n % uv.timers.size()], uv_nothing, 3'600'000 + n, 0);
}
BENCHMARK(uv_timer_rearm)->Name("timer_rearm_1e4/libuv");

void uv_timer_fire(benchmark::State& state) {
  while (state.KeepRunningBatch(1'000'000)) {
    UvTimers uv(1'000'000);
    std::uint64_t n = 0;
    for (auto& timer : uv.timers) uv_timer_start(&timer, uv_nothing, n++ * 7919 % 10, 0);
    uv_run(&uv.loop, UV_RUN_DEFAULT);
  }
}
BENCHMARK(uv_timer_fire)->Name("timer_fire_1e6/libuv")->Iterations(1'000'000);

// --- libevent ---

void event_nothing(evutil_socket_t, short, void*) {}

void event_call_batch(benchmark::State& state) {
  auto* base = event_base_new();
  std::vector<event> events(batch);
  for (auto& e : events) event_assign(&e, base, -1, 0, event_nothing, nullptr);
  while (state.KeepRunningBatch(batch)) {
    for (auto& e : events) event_active(&e, EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
  }
  event_base_free(base);
}
BENCHMARK(event_call_batch)->Name("call_batch/libevent");

timeval after(std::uint64_t microseconds) {
  return {static_cast<time_t>(3600 + microseconds / 1'000'000), static_cast<suseconds_t>(microseconds % 1'000'000)};
}

void event_timer_create_cancel(benchmark::State& state) {
  auto* base = event_base_new();
  std::vector<event> present(1'000'000);
  std::uint64_t n = 0;
  for (auto& e : present) {
    evtimer_assign(&e, base, event_nothing, nullptr);
    const auto when = after(n++ * 7919 % 1'000'003);
    evtimer_add(&e, &when);
  }
  event timer;
  while (state.KeepRunningBatch(batch))
    for (std::size_t i = 0; i < batch; ++i) {
      evtimer_assign(&timer, base, event_nothing, nullptr);
      const auto when = after(++n % 1'000'003);
      evtimer_add(&timer, &when);
      evtimer_del(&timer);
    }
  for (auto& e : present) evtimer_del(&e);
  event_base_free(base);
}
BENCHMARK(event_timer_create_cancel)->Name("timer_create_cancel_1e6/libevent");

void event_timer_rearm(benchmark::State& state) {
  auto* base = event_base_new();
  std::vector<event> timers(10'000);
  std::uint64_t n = 0;
  for (auto& e : timers) {
    evtimer_assign(&e, base, event_nothing, nullptr);
    const auto when = after(n++ * 7919 % 10'007);
    evtimer_add(&e, &when);
  }
  while (state.KeepRunningBatch(batch))
    for (std::size_t i = 0; i < batch; ++i, ++n) {
      const auto when = after(n);
      evtimer_add(&timers[n % timers.size()], &when);
    }
  for (auto& e : timers) evtimer_del(&e);
  event_base_free(base);
}
BENCHMARK(event_timer_rearm)->Name("timer_rearm_1e4/libevent");

}  // namespace
