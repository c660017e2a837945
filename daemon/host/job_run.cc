#include "host/job_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "aio/errors.h"
#include "aio/event_loop.h"
#include "host/exception_name.h"

namespace evloopd::host {
namespace {

constexpr std::chrono::milliseconds poll_interval{20};  // of whether the caller is still there

}  // namespace

JobRun::JobRun(std::string loop, std::string kind, JobStart start)
    : loop_(std::move(loop)), kind_(std::move(kind)), start_(std::move(start)) {}

void JobRun::run(evloop::EventLoop& loop) {
  HostResult<std::string> answer;
  try {
    auto coro = start_(loop);
    const auto where = coro.where();
    site_ = std::string(where.file_name()) + ":" + std::to_string(where.line());
    task_ = loop.create_task(std::move(coro), {.name = kind_});
    if (cancelled_) task_.cancel();
    answer = loop.run_until_complete<std::string>(task_);
  } catch (...) {
    answer =
        task_ && !task_.done()
            ? std::unexpected(HostError{.reason = Reason::loop_stopped_early,
                                        .message = "loop " + loop_ + " was stopped before job " + kind_ + " was done",
                                        .metadata = {{"loop", loop_}, {"job", kind_}}})
            : failed(std::current_exception());
  }
  task_ = {};
  start_ = nullptr;
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

void JobRun::join(evloop::EventLoop& loop) {
  const auto task = loop.create_task(start_(loop), {.name = kind_});
  start_ = nullptr;
  // Not kept in task_: nobody but the loop's thread may be the last to let go of it.
  task.add_done_callback([self = shared_from_this()](const evloop::Future<std::string>& done) {
    auto answer = self->outcome(done);
    {
      const std::lock_guard lock(self->mutex_);
      self->answer_ = std::move(answer);
    }
    self->publish();
  });
}

void JobRun::cancel(Cause cause) {
  late_ = cause == Cause::late;
  cancelled_ = true;
  if (task_ && !task_.done()) task_.cancel();
}

HostResult<std::string> JobRun::outcome(const evloop::Future<std::string>& done) const {
  try {
    return std::string(done.result());
  } catch (...) {
    return failed(std::current_exception());
  }
}

HostResult<std::string> JobRun::failed(const std::exception_ptr& error) const {
  if (late_ && evloop::holds<evloop::CancelledError>(error))
    return std::unexpected(
        HostError{.reason = Reason::job_timeout,
                  .message = "job " + kind_ + " on loop " + loop_ + " was not done in time, and has been cancelled",
                  .metadata = {{"loop", loop_}, {"job", kind_}, {"site", site_}}});
  const ExceptionName what(error);
  return std::unexpected(HostError{
      .reason = Reason::job_failed,
      .message = "job " + kind_ + " on loop " + loop_ + " failed: " + what.text(),
      .metadata = {{"loop", loop_}, {"job", kind_}, {"type", what.type}, {"message", what.message}, {"site", site_}}});
}

void JobRun::publish() {
  const std::lock_guard lock(mutex_);
  is_published_ = true;
  published_.notify_all();
}

std::optional<HostResult<std::string>> JobRun::wait(LoopHost::Deadline deadline, const std::function<bool()>& give_up) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    const auto until = give_up ? std::min(deadline, now + poll_interval) : deadline;
    if (published_.wait_until(lock, until, [&] { return is_published_; })) return answer_;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    lock.unlock();
    if (give_up && give_up()) return std::nullopt;
    lock.lock();
  }
}

}  // namespace evloopd::host
