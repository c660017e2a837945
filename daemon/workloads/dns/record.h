#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace evloopd::workloads {

// Kinds of DNS records that can be asked for.
enum class DnsType : std::uint8_t { a, aaaa, mx, ns, srv, txt };

[[nodiscard]] int type_number(DnsType type) noexcept;  // as it is sent

// What a reply answers to a question of that type, each as it is written in a zone: "10.0.0.1", "10 mail.example.org",
// "0 5 443 app.example.org", names in lower case and without a dot at the end. Throws std::system_error of
// dns_category() for a reply that makes no sense, or answers nothing.
[[nodiscard]] std::vector<std::string> records_of(DnsType type, std::span<const unsigned char> reply);

}  // namespace evloopd::workloads
