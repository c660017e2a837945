#pragma once

#include <llhttp.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aio/event_loop.h"
#include "net/protocol.h"
#include "net/transport.h"

namespace evloopd::metrics {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers to a GET by path (without its query).
using HttpHandler = std::function<HttpAnswer(std::string_view path)>;

// One HTTP/1.1 client: GET and HEAD, keep-alive, one request at a time. Bounded in what it takes and in how long it
// waits, so that a slow or silent client holds nothing for long. Loop thread only.
class HttpConnection final : public evloop::Protocol {
 public:
  static constexpr std::size_t longest_request = 8 * 1024;
  static constexpr evloop::Duration request_timeout = std::chrono::seconds(10);  // to send one, and to take its answer
  static constexpr evloop::Duration idle_timeout = std::chrono::seconds(75);     // between two

  HttpConnection(evloop::EventLoop& loop, const HttpHandler& handler);
  ~HttpConnection() override { timer_.cancel(); }

  void connection_made(evloop::Transport& transport) override;
  void connection_lost(std::exception_ptr error) override;
  void data_received(std::span<const std::byte> data) override;
  void pause_writing() override;
  void resume_writing() override;

 private:
  static const llhttp_settings_t& settings();
  void begin_request();
  void restart_timer(evloop::Duration timeout);
  void answer_request(bool keep_alive);
  void send(const HttpAnswer& answer, bool keep_alive);
  void refuse(int status, std::string text);

  evloop::EventLoop& loop_;
  const HttpHandler& handler_;
  evloop::Transport* transport_ = nullptr;
  llhttp_t parser_{};
  evloop::TimerHandle timer_;
  std::string url_;
  std::size_t received_ = 0;  // of the request under way
  bool keep_alive_ = false;   // as the client wants it
};

}  // namespace evloopd::metrics
