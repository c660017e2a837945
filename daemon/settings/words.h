#pragma once

#include <array>
#include <string>

#include "base/log.h"
#include "host/loop_host.h"
#include "settings/settings.h"
#include "workloads/options.h"

// The words that the file has for choices, each list in the order of its enumerators.
namespace evloopd::settings {

inline const std::array<std::string, 2> selector_words{"epoll", "poll"};
inline const std::array<std::string, 3> proxy_header_words{"none", "v1", "v2"};
inline const std::array<std::string, 5> balance_words{"round_robin", "least_conn", "power_of_two", "source_hash",
                                                      "consistent_hash"};
inline const std::array<std::string, 8> check_kind_words{"none", "tcp", "tls", "http", "expect", "exec", "grpc", "dns"};
inline const std::array<std::string, 6> dns_type_words{"A", "AAAA", "MX", "NS", "SRV", "TXT"};
inline const std::array<std::string, 2> all_down_words{"refuse", "use_all"};
inline const std::array<std::string, 3> tls_verify_words{"none", "optional", "required"};
inline const std::array<std::string, 2> tls_version_words{"1.2", "1.3"};
inline const std::array<std::string, 3> exec_mode_words{"supervise", "schedule", "once"};
inline const std::array<std::string, 2> exec_restart_words{"always", "on_failure"};
inline const std::array<std::string, 7> exec_signal_words{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"};
inline const std::array<std::string, 4> log_level_words{"debug", "info", "warning", "error"};
inline const std::array<std::string, 4> log_format_words{"auto", "text", "json", "journal"};

template <std::size_t n, class E>
const std::string& word_of(const std::array<std::string, n>& words, E value) {
  return words.at(static_cast<std::size_t>(value));
}

}  // namespace evloopd::settings
