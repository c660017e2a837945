#include "settings/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"

namespace evloopd::settings {

using namespace std::chrono_literals;

workloads::HttpRespondOptions read_http_respond(Mapping& keys) {
  workloads::HttpRespondOptions options;
  assign(options.status, keys["status"].integer(200, 599));
  const auto body = keys["body"];
  const bool has_body = options.status != 204 && options.status != 304;
  if (!has_body) options.body.clear();
  assign(options.body, body.secret("a text"));
  if (!has_body && !options.body.empty())
    body.refuse(fmt::format("must be empty or left out: a reply with status {} has no body", options.status));

  const auto content_type = keys["content_type"];
  constexpr std::string_view what = "a media type of at most 255 printable ASCII characters, such as text/html";
  if (assign(options.content_type, content_type.text(what))) {
    const auto& text = options.content_type;
    const bool printable_ascii = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    if (text.empty() || text.size() > 255 || !printable_ascii)
      content_type.refuse(fmt::format("must be {}, got {}", what, excerpt(text)));
  }
  assign(options.idle_timeout, keys["idle_timeout"].duration(1ms, 24h));
  return options;
}

std::vector<std::string> print_http_respond(const workloads::HttpRespondOptions& options, const Hidden& hidden) {
  return {fmt::format("status: {}", options.status), fmt::format("body: {}", hidden.text(options.body, "body")),
          fmt::format("content_type: {}", free_text(options.content_type)),
          fmt::format("idle_timeout: {}", format_duration(options.idle_timeout))};
}

}  // namespace evloopd::settings
