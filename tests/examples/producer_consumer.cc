// Two producers and three consumers around a queue that holds two jobs.
#include <chrono>
#include <functional>
#include <iostream>
#include <vector>

#include "aio/queue.h"
#include "aio/runner.h"
#include "aio/sleep.h"
#include "aio/task_group.h"

using namespace evloop;

Coro<void> produce(Queue<int>& jobs, int first, int last) {
  for (int job = first; job <= last; ++job) co_await jobs.put(job);
}

Coro<void> consume(Queue<int>& jobs, int& sum) {
  try {
    for (;;) {
      const int job = co_await jobs.get();
      co_await sleep(std::chrono::milliseconds(1));
      sum += job;
      jobs.task_done();
    }
  } catch (const CancelledError&) {
    std::cout << "a consumer goes home\n";
    throw;
  }
}

Coro<void> work() {
  Queue<int> jobs(2);
  int sum = 0;
  std::vector<Task<void>> consumers;
  co_await task_group([&](TaskGroup& group) -> Coro<void> {
    for (int i = 0; i < 3; ++i) consumers.push_back(group.create_task(consume, std::ref(jobs), std::ref(sum)));
    co_await task_group([&](TaskGroup& producers) -> Coro<void> {
      static_cast<void>(producers.create_task(produce, std::ref(jobs), 1, 50));
      static_cast<void>(producers.create_task(produce, std::ref(jobs), 51, 100));
      co_return;
    });
    co_await jobs.join();
    for (const auto& consumer : consumers) consumer.cancel();
  });
  std::cout << "sum " << sum << "\n";
}

int main() { run(work()); }
