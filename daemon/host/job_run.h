#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "aio/task.h"
#include "host/job.h"
#include "host/loop_host.h"

namespace evloop {
class EventLoop;
}

namespace evloopd::host {

// One job on its way: shared by the thread that waits for the answer and the loop that works on it.
class JobRun : public std::enable_shared_from_this<JobRun> {
 public:
  JobRun(std::string loop, std::string kind, JobStart start);

  // Loop thread, between runs: runs the loop until the job is done or the loop is stopped, and keeps the answer
  // back until publish().
  void run(evloop::EventLoop& loop);
  // Loop thread, in the midst of a run, which the job joins. Publishes by itself.
  void join(evloop::EventLoop& loop);
  // Loop thread: cancels the job, also before it begins. One that is late, and ends by it, ends with JOB_TIMEOUT.
  enum class Cause { caller_gone, late };
  void cancel(Cause cause);

  // Any thread.
  void publish();
  // The loop has taken the cancellation.
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  // The answer once it is there; nothing if the deadline passed, or `give_up` was true (polled; may be empty).
  std::optional<HostResult<std::string>> wait(LoopHost::Deadline deadline, const std::function<bool()>& give_up);

 private:
  HostResult<std::string> failed(const std::exception_ptr& error) const;
  HostResult<std::string> outcome(const evloop::Future<std::string>& done) const;

  const std::string loop_;
  const std::string kind_;

  // Loop thread.
  JobStart start_;
  evloop::Task<std::string> task_;
  std::string site_;
  bool late_ = false;

  std::atomic<bool> cancelled_{false};  // written by the loop's thread

  std::mutex mutex_;
  std::condition_variable published_;
  std::optional<HostResult<std::string>> answer_;  // guarded by mutex_
  bool is_published_ = false;                      // guarded by mutex_
};

}  // namespace evloopd::host
