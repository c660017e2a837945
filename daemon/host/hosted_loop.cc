#include "host/hosted_loop.h"

#include <algorithm>
#include <future>
#include <utility>

#include "aio/async_generator.h"
#include "aio/event_loop.h"
#include "aio/sleep.h"
#include "base/log.h"
#include "host/inspection.h"
#include "host/job_run.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto poll_interval = 10ms;  // of counts that nobody announces
constexpr auto time_to_cancel = 2s;   // of a job whose caller has gone
constexpr auto time_to_cut = 1s;      // until connections that were cut are closed
constexpr int turns_to_close = 16;    // for aborted connections to be gone

// The end of the time that is left, in which what is not done is cut off.
Nanos time_to_end(HostedLoop::Deadline deadline) {
  return std::clamp<Nanos>((deadline - steady_clock::now()) / 5, 0s, 1s);
}

evloop::Coro<std::string> close_generators(evloop::EventLoop& loop) {
  co_await loop.shutdown_asyncgens();
  co_return "";
}

}  // namespace

HostedLoop::HostedLoop(LoopOptions options, std::string uid, std::shared_ptr<Bell> bell, Changed changed)
    : options_(std::move(options)),
      name_(std::make_shared<LoopName>(options_.name)),
      uid_(std::move(uid)),
      life_(name_, [this, changed = std::move(changed)] { changed(*this); }),
      worker_(options_.name, options_.selector, std::move(bell)),
      health_(name_, worker_.port(), options_.stall_warn, options_.stall_critical) {}

// --- on the loop's thread ---

void HostedLoop::begin_run(evloop::EventLoop& loop, std::uint64_t run) {
  current_run_ = run;
  if (stopped_run_ == run) loop.stop();
  // In the run's first batch: then it runs. The only time a loop comes here during a run.
  loop.call_soon([this] { life_.run_began(); });
}

void HostedLoop::run_forever(evloop::EventLoop& loop, std::uint64_t run) {
  begin_run(loop, run);
  std::optional<std::string> error;
  try {
    shares_.resume();
    loop.run_forever();
  } catch (...) {
    error = evloop::describe(std::current_exception());
    evloop::log(evloop::LogLevel::error, "loop " + name() + " failed: " + *error);
  }
  current_run_ = 0;
  life_.run_ended(error);
}

void HostedLoop::run_job_now(evloop::EventLoop& loop, std::uint64_t run, JobRun& job) {
  begin_run(loop, run);
  job.run(loop);
  current_run_ = 0;
  life_.run_ended(std::nullopt);
  job.publish();  // last: who gets the answer finds the loop at rest
}

void HostedLoop::part_with_shares(evloop::EventLoop& loop, CloseMode mode) {
  try {
    shares_.abort();
    for (int turn = 0; mode == CloseMode::graceful && shares_.connections() > 0 && turn < turns_to_close; ++turn)
      loop.run_until_complete(evloop::sleep(evloop::Duration::zero()));
  } catch (...) {
    evloop::log(evloop::LogLevel::warning,
                "loop " + name() + ": cutting connections: " + evloop::describe(std::current_exception()));
  }
  shares_.clear();
}

// --- commands ---

HostResult<void> HostedLoop::start(Deadline deadline) {
  const auto admitted = life_.admit(Command::start);
  if (!admitted) return std::unexpected(admitted.error());
  if (admitted->before == LoopState::draining) {
    worker_.on_loop([self = shared_from_this()](evloop::EventLoop&) { self->shares_.resume(); });
    return {};
  }
  worker_.execute(
      [self = shared_from_this(), run = admitted->run](evloop::EventLoop& loop) { self->run_forever(loop, run); });
  const bool left = life_.wait_while(LoopState::starting, deadline);
  // It may have been replaced meanwhile.
  const auto state = life_.state();
  if (state == LoopState::closed) return std::unexpected(late(Reason::loop_closed, "start"));
  if (!left || state == LoopState::quarantined) return std::unexpected(late(Reason::loop_stalled, "start"));
  return {};
}

HostResult<void> HostedLoop::stop(Deadline deadline) {
  const auto admitted = life_.admit(Command::stop);
  if (!admitted) return std::unexpected(admitted.error());
  if (is_at_rest(admitted->before)) {
    if (call([](evloop::EventLoop& loop) { loop.stop(); }, deadline)) return {};
    return std::unexpected(late(Reason::loop_stalled, "take the stop"));
  }
  if (admitted->answer == Answer::go) post_stop(admitted->run);
  if (!life_.wait_for_end(admitted->run, deadline)) return std::unexpected(late(Reason::stop_timeout, "stop"));
  return {};
}

void HostedLoop::post_stop(std::uint64_t run) {
  worker_.on_loop([self = shared_from_this(), run](evloop::EventLoop& loop) {
    // A stop of an earlier run may come late: it must not make a later one forgotten.
    self->stopped_run_ = std::max(self->stopped_run_, run);
    if (self->current_run_ == run) loop.stop();
  });
}

HostResult<void> HostedLoop::drain(Deadline deadline) {
  const auto admitted = life_.admit(Command::drain);
  if (!admitted) return std::unexpected(admitted.error());
  if (admitted->answer == Answer::done) return {};
  if (admitted->answer == Answer::go) {
    if (admitted->in_job) {
      post_stop(admitted->run);
    } else {
      lead_drain(*admitted, deadline);
    }
  }
  if (!life_.wait_for_drain(admitted->run, deadline)) return std::unexpected(late(Reason::stop_timeout, "drain"));
  return {};
}

void HostedLoop::lead_drain(const Admission& admitted, Deadline deadline) {
  post_drain();
  const auto drain_time = std::min<Nanos>(options_.drain_timeout, 24h);
  const auto until = std::min<Deadline>(steady_clock::now() + drain_time, deadline - time_to_end(deadline));
  life_.limit_drain(admitted.drain, on_the_wall(until));
  while (!is_drained() && steady_clock::now() < until)
    if (life_.wait_for_drain_end(admitted.drain, std::min<Deadline>(until, steady_clock::now() + poll_interval))) break;
  const auto left = connections();
  // Unless it was started again, or told to stop.
  if (!life_.end_drain(admitted.drain, left)) return;
  if (left > 0) {
    evloop::log(evloop::LogLevel::warning,
                "loop " + name() + ": drain deadline passed, " + std::to_string(left) + " connections are cut");
    abort_connections();
    // A loop that stopped before they are closed would leave their clients waiting.
    const auto give_up = std::min<Deadline>(deadline, steady_clock::now() + time_to_cut);
    while (connections() > 0 && steady_clock::now() < give_up)
      if (life_.wait_while(LoopState::stopping, std::min<Deadline>(give_up, steady_clock::now() + poll_interval)))
        break;
  }
  post_stop(admitted.run);
}

void HostedLoop::post_drain() {
  told_to_drain_ = false;
  worker_.on_loop([self = shared_from_this()](evloop::EventLoop&) {
    self->shares_.drain();
    self->told_to_drain_ = true;
  });
}

HostResult<void> HostedLoop::close(CloseMode mode, Deadline deadline) {
  const auto admitted = life_.admit(Command::close);
  if (!admitted) return std::unexpected(admitted.error());
  if (admitted->answer == Answer::go) post_close(mode);
  if (!life_.wait_while(LoopState::closing, deadline)) return std::unexpected(late(Reason::loop_stalled, "close"));
  return {};
}

void HostedLoop::post_close(CloseMode mode) {
  worker_.close(
      mode, [self = shared_from_this(), mode](evloop::EventLoop& loop) { self->part_with_shares(loop, mode); },
      [self = shared_from_this()] { self->life_.closed(); });
}

HostResult<void> HostedLoop::check_removable() {
  const auto admitted = life_.admit(Command::remove);
  if (!admitted) return std::unexpected(admitted.error());
  return {};
}

HostResult<std::string> HostedLoop::run_job(std::string kind, JobStart start, Deadline deadline,
                                            const std::function<bool()>& cancelled) {
  const auto admitted = life_.admit(Command::run_job);
  if (!admitted) return std::unexpected(admitted.error());
  const auto job = std::make_shared<JobRun>(name(), kind, std::move(start));
  // The end of the time is for a cancellation: the answer shall tell what has come of the job.
  const auto until = deadline - time_to_end(deadline);
  worker_.execute([self = shared_from_this(), job, run = admitted->run](evloop::EventLoop& loop) {
    self->run_job_now(loop, run, *job);
  });
  // One that was replaced before the job came to it drops it.
  const auto given_up = [&] { return (cancelled && cancelled()) || life_.state() == LoopState::closed; };
  if (auto answer = job->wait(until, given_up)) return std::move(*answer);
  const auto cause = steady_clock::now() < until ? JobRun::Cause::caller_gone : JobRun::Cause::late;
  worker_.on_loop([job, cause](evloop::EventLoop&) { job->cancel(cause); });
  if (auto answer = job->wait(std::min<Deadline>(deadline, steady_clock::now() + time_to_cancel), nullptr))
    return std::move(*answer);
  if (!job->cancelled()) return std::unexpected(late(Reason::loop_stalled, "cancel job " + kind));
  return std::unexpected(late(Reason::job_timeout, "end the cancelled job " + kind));
}

HostResult<void> HostedLoop::shutdown_asyncgens(Deadline deadline) {
  const auto admitted = life_.admit(Command::shutdown_asyncgens);
  if (!admitted) return std::unexpected(admitted.error());
  HostResult<std::string> answer;
  if (is_at_rest(admitted->before)) {
    answer = run_job("shutdown_asyncgens", close_generators, deadline, nullptr);
  } else {
    const auto job = std::make_shared<JobRun>(name(), "shutdown_asyncgens", close_generators);
    worker_.on_loop([job](evloop::EventLoop& loop) { job->join(loop); });
    const auto ended = [this, run = admitted->run] { return life_.wait_for_end(run, steady_clock::now()); };
    auto got = job->wait(deadline, ended);
    const auto reason = ended() ? Reason::loop_stopped_early : Reason::loop_stalled;
    answer = got ? std::move(*got) : std::unexpected(late(reason, "shut down its generators"));
  }
  if (!answer) return std::unexpected(answer.error());
  return {};
}

void HostedLoop::begin_drain() {
  const auto admitted = life_.admit(Command::drain);
  if (!admitted || admitted->answer != Answer::go) return;
  if (admitted->in_job) return post_stop(admitted->run);
  post_drain();
}

void HostedLoop::begin_stop() {
  const auto admitted = life_.admit(Command::stop);
  if (admitted && admitted->answer == Answer::go && !is_at_rest(admitted->before)) post_stop(admitted->run);
}

void HostedLoop::begin_close() {
  const auto admitted = life_.admit(Command::close);
  if (admitted && admitted->answer == Answer::go) post_close(CloseMode::graceful);
}

void HostedLoop::hurry_close() {
  worker_.on_loop([](evloop::EventLoop& loop) { loop.stop(); });
}

void HostedLoop::quarantine() {
  const auto before = life_.state();
  if (before == LoopState::quarantined) return;  // it was replaced
  life_.quarantine();
  if (before != LoopState::closing) post_close(CloseMode::graceful);
}

HostResult<void> HostedLoop::check_replaceable(bool force) const {
  const auto state = life_.state();
  const auto answer = verdict(state, Command::replace);
  if (answer.answer == Answer::refuse) return std::unexpected(refusal(name(), state, Command::replace, answer.reason));
  if (force || health_.is_stuck()) return {};
  return std::unexpected(HostError{
      .reason = Reason::loop_not_stuck,
      .message = "loop " + name() + " is not stuck: no callback holds it up for longer than its stall.critical",
      .metadata = {{"loop", name()}, {"state", state_name(state)}}});
}

HostResult<void> HostedLoop::give_up(const std::function<HostResult<void>(LoopName&)>& rename) {
  const auto admitted = life_.admit(Command::replace);
  if (!admitted) return std::unexpected(admitted.error());
  shares_.bar();
  const auto renamed = rename(*name_);
  post_stop(admitted->run);
  post_close(CloseMode::graceful);
  return renamed;
}

bool HostedLoop::is_drained() const {
  return life_.state() != LoopState::draining || (told_to_drain_ && connections() == 0);
}

// --- workloads ---

HostResult<void> HostedLoop::attach(const std::string& key, const std::string& workload, std::shared_ptr<Workload> what,
                                    Deadline deadline) {
  struct Request {
    std::atomic<bool> given_up{false};
    std::promise<std::string> error;
  };
  const auto request = std::make_shared<Request>();
  auto error = request->error.get_future();
  worker_.on_loop([self = shared_from_this(), request, key, workload, what = std::move(what)](evloop::EventLoop& loop) {
    if (request->given_up) return;
    try {
      self->shares_.attach(loop, key, {.workload = workload, .loop = self->name()}, what);
      request->error.set_value("");
    } catch (...) {
      request->error.set_value(evloop::describe(std::current_exception()));
    }
  });
  if (error.wait_until(deadline) != std::future_status::ready) {
    request->given_up = true;
    detach(key);  // if it did come to it at the last moment
    return std::unexpected(late(Reason::loop_stalled, "take over workload " + workload));
  }
  const auto text = [&] {
    try {
      return error.get();
    } catch (const std::future_error&) {
      return std::string("it was closed");
    }
  }();
  if (text.empty()) return {};
  return std::unexpected(HostError{.reason = Reason::internal,
                                   .message = "workload " + workload + " cannot run on loop " + name() + ": " + text,
                                   .metadata = {{"loop", name()}, {"workload", workload}}});
}

void HostedLoop::detach(const std::string& key) {
  worker_.on_loop([self = shared_from_this(), key](evloop::EventLoop&) { self->shares_.detach(key); });
}

void HostedLoop::watch(const std::string& key, SharedSocket socket) {
  worker_.on_loop([self = shared_from_this(), key, socket = std::move(socket)](evloop::EventLoop& loop) {
    self->shares_.watch(loop, key, socket);
  });
}

void HostedLoop::unwatch(const std::string& key, SharedSocket socket) {
  worker_.on_loop([self = shared_from_this(), key, socket = std::move(socket)](evloop::EventLoop&) mutable {
    self->shares_.unwatch(key, std::exchange(socket, nullptr));  // who waits in catch_up() finds it closed
  });
}

void HostedLoop::catch_up(Deadline deadline) {
  call([](evloop::EventLoop&) {}, deadline);
}

std::shared_ptr<const std::atomic<bool>> HostedLoop::drain_connections(const std::string& key) {
  const auto told = std::make_shared<std::atomic<bool>>(false);
  worker_.on_loop([self = shared_from_this(), key, told](evloop::EventLoop&) {
    self->shares_.drain(key);
    *told = true;
  });
  return told;
}

void HostedLoop::abort_connections(const std::string& key) {
  worker_.on_loop([self = shared_from_this(), key](evloop::EventLoop&) { self->shares_.abort(key); });
}

void HostedLoop::abort_connections() {
  worker_.on_loop([self = shared_from_this()](evloop::EventLoop&) { self->shares_.abort(); });
}

// --- reads ---

LoopSnapshot HostedLoop::snapshot() const {
  const auto& port = *worker_.port();
  auto life = life_.view();
  const auto usage = worker_.usage();
  LoopSnapshot snapshot;
  snapshot.name = name();
  snapshot.replaced = is_replaced();
  snapshot.uid = uid_;
  snapshot.labels = options_.labels;
  snapshot.state = life.state;
  snapshot.desired = life.desired;
  snapshot.is_running = port.is_running();
  snapshot.is_closed = port.is_closed();
  snapshot.stop_pending = port.stop_pending();
  snapshot.thread_id = worker_.thread_id();
  snapshot.thread_name = worker_.thread_name();
  snapshot.thread_cpu = usage.cpu;
  snapshot.run_queue_wait = usage.run_queue_wait;
  snapshot.counters = read_counters(port);
  snapshot.callback_seconds = read_histogram(port.stats.callback_time);
  snapshot.iteration_seconds = read_histogram(port.stats.iteration_time);
  snapshot.timer_lateness_seconds = read_histogram(port.stats.timer_lateness);
  snapshot.current = read_current(port);
  snapshot.connections = connections();
  snapshot.last_error = std::move(life.last_error);
  snapshot.restarts = life.restarts;
  snapshot.created_at = life.created_at;
  snapshot.started_at = life.started_at;
  snapshot.drain = life.drain;
  snapshot.snapshot_time = std::chrono::system_clock::now();
  health_.fill(snapshot);
  return snapshot;
}

TaskPage HostedLoop::tasks() const {
  return {.tasks = read_tasks(*worker_.port()), .snapshot_time = std::chrono::system_clock::now()};
}

HostError HostedLoop::late(Reason reason, const std::string& what) const {
  const auto state = life_.state();
  HostError error{.reason = reason,
                  .message = "loop " + name() + " did not " + what + " in time",
                  .metadata = {{"loop", name()}, {"state", state_name(state)}}};
  if (const auto current = read_current(*worker_.port())) {
    error.message += ": it is held up by " + describe(*current);
    error.metadata["site"] = place(current->site);
    error.metadata["kind"] = current->kind;
    if (current->task_id != 0) error.metadata["task"] = std::to_string(current->task_id);
  } else {
    error.message += std::string(" and is ") + state_name(state) + "; no callback holds it up";
  }
  if (const auto open = connections(); open > 0) error.metadata["connections"] = std::to_string(open);
  return error;
}

bool HostedLoop::call(Worker::Function function, Deadline deadline) {
  // The thread's alone: a loop that closes first drops it, and that wakes who waits here, too.
  std::promise<void> done;
  auto called = done.get_future();
  worker_.on_loop([done = std::move(done), function = std::move(function)](evloop::EventLoop& loop) mutable {
    function(loop);
    done.set_value();
  });
  return called.wait_until(deadline) == std::future_status::ready;
}

}  // namespace evloopd::host
