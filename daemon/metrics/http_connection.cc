#include "metrics/http_connection.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace evloopd::metrics {
namespace {

const char* status_text(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

}  // namespace

HttpConnection::HttpConnection(evloop::EventLoop& loop, const HttpHandler& handler) : loop_(loop), handler_(handler) {}

const llhttp_settings_t& HttpConnection::settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t made;
    llhttp_settings_init(&made);
    made.on_url = [](llhttp_t* parser, const char* text, std::size_t size) {
      static_cast<HttpConnection*>(parser->data)->url_.append(text, size);
      return 0;
    };
    made.on_message_complete = [](llhttp_t* parser) {
      static_cast<HttpConnection*>(parser->data)->keep_alive_ = llhttp_should_keep_alive(parser) != 0;
      return static_cast<int>(HPE_PAUSED);
    };
    return made;
  }();
  return settings;
}

void HttpConnection::connection_made(evloop::Transport& transport) {
  transport_ = &transport;
  // Told to pause as long as anything of an answer waits to be sent.
  transport.set_write_buffer_limits(std::size_t{0});
  begin_request();
  restart_timer(request_timeout);
}

void HttpConnection::connection_lost(std::exception_ptr /*error*/) {
  timer_.cancel();
  transport_ = nullptr;
}

void HttpConnection::begin_request() {
  llhttp_init(&parser_, HTTP_REQUEST, &settings());
  parser_.data = this;
  url_.clear();
  received_ = 0;
}

void HttpConnection::restart_timer(evloop::Duration timeout) {
  timer_.cancel();
  timer_ = loop_.call_later(timeout, [this] { transport_->abort(); });
}

void HttpConnection::data_received(std::span<const std::byte> data) {
  if (received_ == 0) restart_timer(request_timeout);
  const auto* const text = reinterpret_cast<const char*>(data.data());
  received_ += data.size();
  const auto result = llhttp_execute(&parser_, text, data.size());
  if (received_ > longest_request) return refuse(413, fmt::format("a request has at most {} bytes", longest_request));
  if (result == HPE_OK) return;
  if (result != HPE_PAUSED) return refuse(400, llhttp_get_error_reason(&parser_));
  // Who sends a second request before the first is answered is answered once, and closed.
  const bool more = llhttp_get_error_pos(&parser_) != text + data.size();
  answer_request(keep_alive_ && !more);
}

void HttpConnection::answer_request(bool keep_alive) {
  const auto method = llhttp_get_method(&parser_);
  if (method != HTTP_GET && method != HTTP_HEAD) return refuse(405, "only GET and HEAD");
  HttpAnswer answer;
  try {
    answer = handler_(std::string_view(url_).substr(0, url_.find('?')));
  } catch (const std::exception& error) {
    evloop::log(evloop::LogLevel::error, fmt::format("metrics: {} failed: {}", url_, error.what()));
    answer = {.status = 500, .body = "internal error\n"};
  }
  send(answer, keep_alive);
}

void HttpConnection::refuse(int status, std::string text) {
  send({.status = status, .body = std::move(text) + "\n"}, false);
}

void HttpConnection::send(const HttpAnswer& answer, bool keep_alive) {
  const bool head = llhttp_get_method(&parser_) == HTTP_HEAD;
  auto text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}{}\r\n", answer.status,
                  status_text(answer.status), answer.content_type, answer.body.size(),
                  answer.status == 405 ? "Allow: GET, HEAD\r\n" : "", keep_alive ? "" : "Connection: close\r\n");
  if (!head) text += answer.body;
  restart_timer(request_timeout);
  begin_request();
  transport_->write(text);
  if (!keep_alive) return transport_->close();
  if (transport_->get_write_buffer_size() == 0) restart_timer(idle_timeout);
}

void HttpConnection::pause_writing() { transport_->pause_reading(); }

void HttpConnection::resume_writing() {
  restart_timer(idle_timeout);
  transport_->resume_reading();
}

}  // namespace evloopd::metrics
