#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/clock.h"
#include "host/listener_place.h"
#include "host/workload.h"
#include "net/bytes.h"
#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/http/parser.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"

namespace evloopd::workloads {

class HttpShare;

// One client of http.respond. It reads requests and writes answers in their order, several in one write; it stops
// reading while the client does not take the answers. Loop thread only.
class HttpConnection final : public evloop::Protocol, public LinkedList<HttpConnection>::Hook {
 public:
  // Its socket's transport owns it.
  static void open(HttpShare& share, host::Accepted accepted);
  ~HttpConnection() override;

  void data_received(std::span<const std::byte> data) override;
  bool eof_received() override { return false; }
  void connection_lost(std::exception_ptr error) override;
  void pause_writing() override { writable_ = false; }
  void resume_writing() override;

  // For the share.

  // When it last got on with its work.
  [[nodiscard]] evloop::TimePoint last_progress() const noexcept { return last_progress_; }
  void set_last_progress(evloop::TimePoint now) noexcept { last_progress_ = now; }
  // All that was asked for is answered, and something was.
  [[nodiscard]] bool is_kept_alive() const noexcept { return state_ == State::serving && served_ && !is_busy(); }
  // Nothing has been asked for yet, or all is answered and only the client's end of file is awaited.
  [[nodiscard]] bool is_unused() const noexcept {
    return state_ == State::lingering || (state_ == State::serving && !served_ && !is_busy());
  }
  // Closes when what is answered has gone out.
  void finish();
  // It made no progress for the idle time: it closes, or is cut if not even its answers go out.
  void expire();
  void abort() { transport_->abort(); }
  // The share goes away: the connection is cut, and nobody is told.
  void orphan();

 private:
  HttpConnection(HttpShare& share, host::ListenerPlace place);

  enum class State : std::uint8_t {
    serving,
    lingering,  // the last answer is given; what still comes is thrown away, so that no reset overtakes the answer
    closing,    // ... and nothing else came
  };

  void serve(std::span<const std::byte>& input);
  void answer(HttpParser::Event event, bool last_input);
  void flush();
  [[nodiscard]] bool is_busy() const noexcept { return parser_.in_request() || !unread_.empty(); }

  HttpShare* share_;  // null once it is lost or orphaned
  evloop::SocketTransport* transport_ = nullptr;
  OpenConnections::Slot slot_;
  host::ListenerPlace place_;
  evloop::TimePoint last_progress_;
  HttpParser parser_;
  evloop::Bytes unread_;    // what came when the client had stopped taking answers
  std::size_t unsent_ = 0;  // of the answers, when that was last looked at
  std::size_t thrown_away_ = 0;
  State state_ = State::serving;
  bool served_ = false;
  bool writable_ = true;
};

}  // namespace evloopd::workloads
