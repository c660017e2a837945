#include "workloads/checks/http_reply.h"

#include <algorithm>

#include "aio/errors.h"
#include "workloads/http/llhttp_events.h"

namespace evloopd::workloads {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

struct HttpReply::Llhttp : LlhttpEvents<HttpReply> {
  static llhttp_t& of(HttpReply& reply) noexcept { return state_in(reply.state_); }
  static const llhttp_settings_t settings;
};

const llhttp_settings_t HttpReply::Llhttp::settings = [] {
  llhttp_settings_t all;
  llhttp_settings_init(&all);
  all.on_header_field = text<&HttpReply::field_name>;
  all.on_header_value = text<&HttpReply::field_value>;
  all.on_headers_complete = event<&HttpReply::head_ends>;
  all.on_body = text<&HttpReply::body>;
  all.on_message_complete = event<&HttpReply::ends>;
  return all;
}();

HttpReply::HttpReply(bool no_body) noexcept : no_body_(no_body) {
  static_assert(sizeof(llhttp_t) <= sizeof state_ && alignof(llhttp_t) <= 8);
  Llhttp::begin(state_, HTTP_RESPONSE, Llhttp::settings, *this);
}

void HttpReply::feed(std::span<const std::byte> data) {
  if (complete_) return;
  check(llhttp_execute(&Llhttp::of(*this), reinterpret_cast<const char*>(data.data()), data.size()), "is no HTTP");
}

void HttpReply::end_of_data() {
  if (!complete_) check(llhttp_finish(&Llhttp::of(*this)), "ended early");
}

void HttpReply::check(int result, const char* where) const {
  if (result != HPE_OK && !complete_) throw evloop::ValueError(std::string("the answer ") + where);
}

bool HttpReply::has_header(std::string_view wanted) const {
  const auto colon = std::min(wanted.find(':'), wanted.size());
  const auto name = wanted.substr(0, colon);
  auto value = wanted.substr(std::min(colon + 1, wanted.size()));
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return std::ranges::any_of(fields_, [&](const auto& field) {
    return equal_ignoring_case(field.first, name) && field.second.find(value) != std::string::npos;
  });
}

int HttpReply::field_name(std::string_view part) {
  if (std::exchange(in_value_, false)) fields_.emplace_back();
  fields_.back().first += part;
  head_bytes_ += part.size();
  return head_bytes_ > most ? HPE_USER : HPE_OK;
}

int HttpReply::field_value(std::string_view part) {
  in_value_ = true;
  fields_.back().second += part;
  head_bytes_ += part.size();
  return head_bytes_ > most ? HPE_USER : HPE_OK;
}

int HttpReply::head_ends() {
  auto& state = Llhttp::of(*this);
  status_ = state.status_code;
  if (status_ >= 100 && status_ < 200) {  // the answer proper is still to come
    fields_.clear();
    return HPE_OK;
  }
  has_head_ = true;
  return no_body_ ? 1 : 0;
}

int HttpReply::body(std::string_view part) {
  body_ += part.substr(0, most - body_.size());
  return HPE_OK;
}

int HttpReply::ends() {
  if (!has_head_) return HPE_OK;
  complete_ = true;
  return HPE_PAUSED;
}

}  // namespace evloopd::workloads
