#include "workloads/proxy/fault_stage.h"

#include <algorithm>

#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

using evloop::Duration;
using evloop::TimePoint;

// With limited bandwidth a piece is what goes through in this time.
constexpr std::size_t pieces_a_second = 100;

Duration time_for(std::size_t bytes, std::size_t bandwidth) {
  if (bandwidth == 0) return Duration::zero();
  return Duration(static_cast<Duration::rep>(bytes * 1'000'000'000U / bandwidth));
}

// splitmix64.
std::uint64_t draw(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  return mix(state);
}

}  // namespace

FaultStage::FaultStage(evloop::EventLoop& loop, Owner& owner, const Options& options)
    : loop_(loop), owner_(owner), options_(options), random_(options.seed) {
  if (options_.spec.reset_time > Duration::zero())
    reset_timer_ = loop_.call_later(options_.spec.reset_time, [this] { reset(); });
}

FaultStage::~FaultStage() { stop(); }

void FaultStage::take(std::span<const std::byte> data) {
  if (stopped_ || options_.spec.blackhole || data.empty()) return;
  bytes_.append(data);
  if (const auto due = due_now(); !marks_.empty() && marks_.back().due == due) {
    marks_.back().size += data.size();
  } else {
    marks_.push_back({.size = data.size(), .due = due});
  }
  pump();
  if (!stopped_ && held() >= options_.buffer) {
    holding_ = true;
    owner_.hold_source(true);
  }
}

void FaultStage::end() {
  if (stopped_ || options_.spec.blackhole || ended_) return;
  ended_ = true;
  end_due_ = due_now();
  pump();
}

void FaultStage::close() {
  if (stopped_ || options_.spec.blackhole || closed_) return;
  closed_ = true;
  pump();
}

void FaultStage::resume() {
  if (!paused_) return;
  paused_ = false;
  if (passing_) return;                   // TLS pauses and goes on within one write
  free_ = std::max(free_, loop_.time());  // the time that it had to wait is not made up for
  pump();
}

// When what has come now may be passed on.
TimePoint FaultStage::due_now() {
  const auto& spec = options_.spec;
  auto delay = spec.latency;
  if (spec.jitter > Duration::zero()) {
    const auto span = 2 * static_cast<std::uint64_t>(spec.jitter.count()) + 1;
    delay += Duration(static_cast<Duration::rep>(draw(random_) % span)) - spec.jitter;
  }
  return last_due_ = std::max(last_due_, loop_.time() + delay);
}

std::size_t FaultStage::next_piece() const noexcept {
  const auto& spec = options_.spec;
  auto size = marks_.front().size;
  if (spec.slice_size > 0) size = std::min(size, spec.slice_size);
  if (spec.bandwidth > 0) size = std::min(size, std::max<std::size_t>(spec.bandwidth / pieces_a_second, 1));
  if (spec.reset_bytes > 0) size = std::min<std::size_t>(size, spec.reset_bytes - passed_);
  return size;
}

// Passes on what is due.
void FaultStage::pump() {
  for (int pieces = 0; !stopped_ && !paused_ && !marks_.empty(); ++pieces) {
    const auto size = next_piece();
    const auto through = std::max(marks_.front().due, free_) + time_for(size, options_.spec.bandwidth);
    const auto when = std::max(through, next_slice_);
    const auto now = loop_.time();
    if (when > now) return arm(when);
    if (pieces == pieces_a_turn) return arm(now);
    // A timer that is late makes up for it, but does not send two pieces as one.
    free_ = through;
    next_slice_ = now + options_.spec.slice_delay;
    pass(size);
  }
  if (!stopped_ && marks_.empty()) finish();
}

void FaultStage::pass(std::size_t size) {
  passed_ += size;
  passing_ = true;
  owner_.pass({bytes_.data(), size});
  passing_ = false;
  bytes_.consume(size);
  if (auto& mark = marks_.front(); (mark.size -= size) == 0) marks_.pop_front();
  if (options_.spec.reset_bytes > 0 && passed_ >= options_.spec.reset_bytes) return reset();
  if (holding_ && held() <= options_.buffer / 4) {
    holding_ = false;
    owner_.hold_source(false);
  }
}

// All bytes are passed on.
void FaultStage::finish() {
  if (ended_ && !end_passed_) {
    if (end_due_ > loop_.time()) return arm(end_due_);
    end_passed_ = true;
    owner_.pass_end();
  }
  if (!closed_) return;
  stop();
  owner_.pass_close();
}

void FaultStage::arm(TimePoint when) {
  if (timer_ && armed_for_ == when) return;
  timer_.cancel();
  armed_for_ = when;
  timer_ = loop_.call_at(when, [this] {
    timer_ = {};
    pump();
  });
}

void FaultStage::stop() {
  stopped_ = true;
  timer_.cancel();
  reset_timer_.cancel();
}

void FaultStage::reset() {
  stop();
  bytes_.clear();
  marks_.clear();
  owner_.reset_both();
}

}  // namespace evloopd::workloads
