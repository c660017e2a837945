#include "workloads/http/connection.h"

#include <utility>

#include "workloads/http/share.h"

namespace evloopd::workloads {
namespace {

// What a client may still send after its last answer.
constexpr std::size_t most_thrown_away = 1024 * 1024;

}  // namespace

HttpConnection::HttpConnection(HttpShare& share, host::ListenerPlace place)
    : share_(&share), slot_(share.open()), place_(std::move(place)) {
  share.joined(*this);
}

HttpConnection::~HttpConnection() {
  if (share_) share_->left(*this);
}

void HttpConnection::open(HttpShare& share, host::Accepted accepted) {
  const evloop::Ref<HttpConnection> connection(new HttpConnection(share, std::move(accepted.place)));
  connection->transport_ = evloop::SocketTransport::create(share.loop(), std::move(accepted.socket), connection).get();
}

void HttpConnection::connection_lost(std::exception_ptr /*error*/) {
  transport_ = nullptr;
  slot_.release();
  place_.release();
  if (auto* share = std::exchange(share_, nullptr)) share->left(*this);
}

void HttpConnection::data_received(std::span<const std::byte> data) {
  share_->tally().in(data.size());
  if (state_ == State::lingering) {
    thrown_away_ += data.size();
    if (thrown_away_ > most_thrown_away) transport_->abort();
    return;
  }
  serve(data);
  if (data.empty() || state_ != State::serving) return;
  unread_.append(data);
  transport_->pause_reading();
}

void HttpConnection::resume_writing() {
  writable_ = true;
  share_->progressed(*this);
  if (state_ == State::serving && !unread_.empty()) {
    std::span<const std::byte> rest(unread_);
    const auto before = rest.size();
    serve(rest);
    unread_.consume(before - rest.size());
  }
  if (state_ == State::lingering) unread_.clear();
  if (unread_.empty() && writable_) transport_->resume_reading();
}

void HttpConnection::serve(std::span<const std::byte>& input) {
  auto& share = *share_;
  share.answers().refresh(share.now());
  auto event = HttpParser::Event::more;
  bool progress = !parser_.in_head();
  while (state_ == State::serving && writable_ && !input.empty()) {
    event = parser_.advance(input);
    if (event == HttpParser::Event::more) break;
    progress = true;
    answer(event, input.empty());
    if (share.batch().size() >= AnswerBatch::enough) flush();
  }
  flush();
  // A head that comes bit by bit is no progress: it has to be there in time.
  if (progress || !parser_.in_head()) share.progressed(*this);
  if (state_ == State::serving) {
    if (share.draining() && is_kept_alive()) finish();  // what followed the last request was none
  } else if (state_ == State::closing && input.empty()) {
    transport_->close();
  } else {
    state_ = State::lingering;
    transport_->write_eof();
  }
}

void HttpConnection::answer(HttpParser::Event event, bool last_input) {
  using Kind = HttpAnswers::Kind;
  using Event = HttpParser::Event;
  auto& share = *share_;
  const auto refuse = [&](Kind kind) {
    state_ = State::lingering;
    share.batch().add(share.answers().get(kind, true));
  };
  switch (event) {
    case Event::more: return;
    case Event::wants_continue: return share.batch().add(std::as_bytes(std::span(HttpAnswers::interim)));
    case Event::request: {
      served_ = true;
      // Requests that have come are answered during a drain too; the last one is told to be the last.
      const bool keep = parser_.keep_alive() && !(share.draining() && last_input);
      if (!keep) state_ = State::closing;
      const auto kind = !keep ? Kind::close : parser_.is_http_1_0() ? Kind::keep_alive_1_0 : Kind::keep_alive;
      return share.batch().add(share.answers().get(kind, !parser_.is_head()));
    }
    case Event::bad_request: return refuse(Kind::bad_request);
    case Event::head_too_large: return refuse(Kind::head_too_large);
    case Event::not_implemented: return refuse(Kind::not_implemented);
    case Event::bad_version: return refuse(Kind::bad_version);
  }
}

void HttpConnection::flush() {
  auto& batch = share_->batch();
  if (batch.size() == 0) return;
  share_->tally().out(batch.size());
  transport_->write(batch.bytes());
  batch.clear();
  unsent_ = transport_->get_write_buffer_size();
}

void HttpConnection::finish() {
  state_ = State::closing;
  transport_->close();
}

void HttpConnection::expire() {
  const auto unsent = transport_->get_write_buffer_size();
  const auto before = std::exchange(unsent_, unsent);
  if (unsent > 0 && unsent < before) return;  // slow, but it takes its answers
  if (state_ == State::serving && unsent == 0) {
    finish();
  } else {
    transport_->abort();
  }
}

void HttpConnection::orphan() {
  share_ = nullptr;
  slot_.release();
  place_.release();
  transport_->abort();
}

}  // namespace evloopd::workloads
