#pragma once

#include <cstddef>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/workload.h"
#include "workloads/byte_tally.h"
#include "workloads/http/answer_batch.h"
#include "workloads/http/answers.h"
#include "workloads/http/connection.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/options.h"

namespace evloopd::workloads {

// One loop's share of http.respond: its connections, and what they have in common. Loop thread only.
class HttpShare final : public host::WorkloadShare {
 public:
  // How long after drain() a connection that has not been used yet may still bring its first request.
  static constexpr evloop::Duration drain_grace = std::chrono::seconds(1);

  // `options` and `counters` outlive it.
  HttpShare(evloop::EventLoop& loop, const HttpRespondOptions& options, host::WorkloadCounters& counters);
  ~HttpShare() override;

  void accepted(host::Accepted connection) override;
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  void drain() override;
  void abort() override;

  // For the connections.
  [[nodiscard]] evloop::EventLoop& loop() noexcept { return loop_; }
  void joined(HttpConnection& connection);
  void left(HttpConnection& connection) noexcept { connections_.remove(connection); }
  void progressed(HttpConnection& connection);
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] evloop::TimePoint now() const noexcept { return loop_.time(); }
  [[nodiscard]] OpenConnections& open() noexcept { return open_; }
  [[nodiscard]] ByteTally& tally() noexcept { return tally_; }
  [[nodiscard]] HttpAnswers& answers() noexcept { return answers_; }
  [[nodiscard]] AnswerBatch& batch() noexcept { return batch_; }

 private:
  void start_idle_timer();
  void expire_idle();
  void finish_if(bool (HttpConnection::*predicate)() const noexcept);
  void stop_draining() noexcept;

  evloop::EventLoop& loop_;
  const HttpRespondOptions& options_;
  OpenConnections open_;
  ByteTally tally_;
  HttpAnswers answers_;
  AnswerBatch batch_;
  LinkedList<HttpConnection> connections_;  // the one that made no progress for longest comes first
  evloop::TimerHandle idle_timer_;
  bool idle_timer_runs_ = false;
  bool draining_ = false;
  evloop::Handle drain_soon_;
  evloop::TimerHandle drain_later_;
};

}  // namespace evloopd::workloads
