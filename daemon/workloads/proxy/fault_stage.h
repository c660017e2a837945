#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "aio/event_loop.h"
#include "base/clock.h"
#include "host/fault_spec.h"
#include "net/bytes.h"

namespace evloopd::workloads {

// One direction of a connection with faults: takes what its source sends, and passes it on later, more slowly, in
// pieces or not at all, in the order of coming. Holds at most `buffer` bytes, and what one receive brings. Loop thread
// only.
class FaultStage {
 public:
  // Where it goes, and where it comes from. Nothing of the stage is called from inside these, but pause() and resume()
  // from pass().
  class Owner {
   public:
    virtual void pass(std::span<const std::byte> data) = 0;  // takes all of it
    virtual void pass_end() = 0;                             // nothing more comes, but the source still listens
    virtual void pass_close() = 0;                           // ... and is gone; the last call
    virtual void hold_source(bool hold) = 0;                 // it shall send nothing for now; may be told again
    virtual void reset_both() = 0;                           // the last call

   protected:
    ~Owner() = default;
  };

  // What is done in this direction, to this connection. `seed`: of its jitter.
  struct Options {
    host::FaultSpec spec{};
    std::uint64_t seed = 0;
    std::size_t buffer = 0;
  };

  // Time begins to count now. All that is passed outlives it.
  FaultStage(evloop::EventLoop& loop, Owner& owner, const Options& options);
  ~FaultStage();
  FaultStage(const FaultStage&) = delete;
  FaultStage& operator=(const FaultStage&) = delete;

  // From the source.
  void take(std::span<const std::byte> data);
  void end();    // it sends no more
  void close();  // it is gone; what it has sent is still passed on
  // From where it goes: it takes nothing for now, and goes on.
  void pause() noexcept { paused_ = true; }
  void resume();

  // The source is gone, and not all that it has sent is passed on yet.
  [[nodiscard]] bool is_closing() const noexcept { return closed_ && !stopped_; }
  // Memory in use, in bytes.
  [[nodiscard]] std::size_t held() const noexcept { return bytes_.size() + marks_.size() * sizeof(Mark); }

 private:
  // Bytes that came at once.
  struct Mark {
    std::size_t size;
    evloop::TimePoint due;
  };
  // So many pieces are passed on in one turn of the loop: others are on it too.
  static constexpr int pieces_a_turn = 64;

  [[nodiscard]] evloop::TimePoint due_now();
  [[nodiscard]] std::size_t next_piece() const noexcept;
  void pump();
  void pass(std::size_t size);
  void finish();
  void arm(evloop::TimePoint when);
  void stop();
  void reset();

  evloop::EventLoop& loop_;
  Owner& owner_;
  const Options options_;
  std::uint64_t random_;
  evloop::Bytes bytes_;
  std::deque<Mark> marks_;        // of bytes_
  evloop::TimePoint last_due_;    // nothing that comes later is due before
  evloop::TimePoint free_;        // when what was passed on has gone through, with limited bandwidth
  evloop::TimePoint next_slice_;  // no piece before
  std::uint64_t passed_ = 0;      // bytes
  evloop::TimePoint end_due_;
  bool ended_ = false;
  bool end_passed_ = false;
  bool closed_ = false;
  bool paused_ = false;
  bool passing_ = false;  // is inside pass()
  bool holding_ = false;  // the source
  bool stopped_ = false;  // nothing is passed on any more
  evloop::TimerHandle timer_;
  evloop::TimePoint armed_for_;
  evloop::TimerHandle reset_timer_;
};

}  // namespace evloopd::workloads
