// Other threads, and the default executor.

#include <thread>

#include "aio/thread_future.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

Result thread(Run& run, const Step& step) {
  std::thread([&run, job = step.text("job")] { run.run_job_alone(job); }).join();
  return {};
}

Result external(Run& run, const Step& step) {
  run.gate().add([&run, job = step.text("job")] { run.run_job_alone(job); });
  return {};
}

Result run_in_executor(Run& run, const Step& step) {
  run.objects().bind(step.text("as"),
                     run.loop().run_in_executor(nullptr, [&run, job = step.text("job")] { return run.run_job(job); }));
  return {};
}

Result start_coroutine(Run& run, const Step& step) {
  const auto name = step.text("coro");
  static_cast<void>(run_coroutine_threadsafe(run.make_coroutine(name, name + "()"), run.loop().port()));
  return {};
}

}  // namespace

std::vector<Operation> thread_operations() {
  return {
      {"thread", "job", thread, true},
      {"external", "job", external},
      {"run_in_executor", "job as:awaitable", run_in_executor},
      {"run_coroutine_threadsafe", "coro", start_coroutine},
  };
}

}  // namespace evloop::contract
