#include "workloads/proxy/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "workloads/proxy/network_table.h"

namespace evloopd::workloads {
namespace {

using namespace std::string_literals;

IpEndpoint at(const std::string& host, std::uint16_t port) {
  return {.address = Network::parse(host).value().address, .port = port};
}
ParsedHeader parse(std::string_view text) { return parse_proxy_header(std::as_bytes(std::span(text))); }

const auto signature = "\r\n\r\n\0\r\nQUIT\n"s;
const auto addresses = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x10\x00\x00\x50"s;  // 10.0.0.1:4096 to 10.0.0.2:80

std::string v2(char command, char family, const std::string& rest) {
  return signature + command + family + static_cast<char>(rest.size() >> 8U) + static_cast<char>(rest.size()) + rest;
}

TEST(ProxyHeader, OfVersion1NamesBothEnds) {
  const auto four = parse("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /");
  EXPECT_EQ(four.state, HeaderState::complete);
  EXPECT_EQ(four.length, 45U);
  EXPECT_EQ(four.header.source, at("192.0.2.1", 56324));
  EXPECT_EQ(four.header.destination, at("198.51.100.2", 443));
  const auto six = parse("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  EXPECT_EQ(six.header.source, at("2001:db8::1", 1));
  EXPECT_EQ(six.header.destination, at("2001:db8::2", 65535));
}

TEST(ProxyHeader, OfVersion1MayNotKnow) {
  for (const char* text : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff whatever 1 2\r\n"}) {
    const auto parsed = parse(text);
    EXPECT_EQ(parsed.state, HeaderState::complete);
    EXPECT_EQ(parsed.length, std::string_view(text).size());
    EXPECT_FALSE(parsed.header.source);
  }
}

TEST(ProxyHeader, IsNotCompleteBeforeItsLastByte) {
  for (const auto& whole : {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"s, v2('\x21', '\x11', addresses)}) {
    for (std::size_t i = 0; i < whole.size(); ++i)
      EXPECT_EQ(parse(std::string_view(whole).substr(0, i)).state, HeaderState::more) << i;
    EXPECT_EQ(parse(whole).state, HeaderState::complete);
  }
}

TEST(ProxyHeader, OfVersion1IsRefusedIfItIsAnythingElse) {
  for (const auto& text :
       {"GET / HTTP/1.1\r\n"s, "PROXY\r\n"s, "PROXY TCP4\r\n"s, "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n"s,
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"s, "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"s, "PROXY TCP4 ::1 ::2 1 2\r\n"s,
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n"s, "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n"s,
        "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"s, "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n"s,
        "PROXYTCP4 1.1.1.1 2.2.2.2 1 2\r\n"s, "PROXY " + std::string(200, 'x')})
    EXPECT_EQ(parse(text).state, HeaderState::bad) << text;
}

TEST(ProxyHeader, OfVersion2NamesBothEnds) {
  const auto parsed = parse(v2('\x21', '\x11', addresses) + "rest");
  EXPECT_EQ(parsed.state, HeaderState::complete);
  EXPECT_EQ(parsed.length, 28U);
  EXPECT_EQ(parsed.header.source, at("10.0.0.1", 4096));
  EXPECT_EQ(parsed.header.destination, at("10.0.0.2", 80));
}

TEST(ProxyHeader, OfVersion2TellsOfTls) {
  const auto tls = "\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3"s;
  const auto parsed = parse(v2('\x21', '\x11', addresses + "\x01\x00\x02h2"s + "\x02\x00\x09"s + "a.example"s + tls));
  EXPECT_EQ(parsed.state, HeaderState::complete);
  EXPECT_EQ(parsed.header.tls.alpn, "h2");
  EXPECT_EQ(parsed.header.tls.server_name, "a.example");
  EXPECT_EQ(parsed.header.tls.version, "TLSv1.3");
}

TEST(ProxyHeader, OfVersion2MustHaveTheRightChecksum) {
  // The checksum of this very header, of RFC 3720's polynomial.
  const auto with = [](const std::string& sum) { return v2('\x21', '\x11', addresses + "\x03\x00\x04"s + sum); };
  EXPECT_EQ(parse(with("\0\0\0\0"s)).state, HeaderState::bad);
  const auto header = with("\0\0\0\0"s);
  auto crc = ~0U;
  for (const char c : header) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  crc = ~crc;
  std::string sum;
  for (const auto shift : {24U, 16U, 8U, 0U}) sum += static_cast<char>(crc >> shift & 0xffU);
  EXPECT_EQ(parse(with(sum)).state, HeaderState::complete);
}

TEST(ProxyHeader, OfVersion2MaySpeakForTheProxyItself) {
  for (const auto& text : {v2('\x20', '\x00', ""), v2('\x20', '\x11', addresses), v2('\x21', '\x00', "whatever"),
                           v2('\x21', '\x31', std::string(216, 'x'))}) {
    EXPECT_EQ(parse(text).state, HeaderState::complete);
    EXPECT_EQ(parse(text).length, text.size());
    EXPECT_FALSE(parse(text).header.source);
  }
}

TEST(ProxyHeader, OfVersion2IsRefusedIfItIsAnythingElse) {
  for (const auto& text :
       {v2('\x11', '\x11', addresses), v2('\x22', '\x11', addresses), v2('\x21', '\x41', addresses),
        v2('\x21', '\x21', addresses), v2('\x21', '\x11', "short"), v2('\x21', '\x11', addresses + "\x01\x00"s),
        v2('\x21', '\x11', addresses + "\x01\x00\x09h2"s),
        v2('\x21', '\x11', addresses + std::string(most_proxy_header, '\0'))})
    EXPECT_EQ(parse(text).state, HeaderState::bad);
}

TEST(ProxyHeader, IsReadAsItWasWritten) {
  const ProxyHeader headers[] = {
      {.source = at("10.0.0.1", 1), .destination = at("10.0.0.2", 2), .tls = {}},
      {.source = at("2001:db8::1", 1), .destination = at("2001:db8::2", 65535), .tls = {"TLSv1.2", "b.example", "h2"}},
      {},
  };
  for (const auto& header : headers) {
    for (const auto& text : {proxy_header_v1(header), proxy_header_v2(header)}) {
      const auto parsed = parse(text);
      EXPECT_EQ(parsed.state, HeaderState::complete);
      EXPECT_EQ(parsed.length, text.size());
      EXPECT_EQ(parsed.header.source, header.source);
      EXPECT_EQ(parsed.header.destination, header.destination);
    }
    EXPECT_EQ(parse(proxy_header_v2(header)).header.tls.alpn, header.tls.alpn);
    EXPECT_EQ(parse(proxy_header_v2(header)).header.tls.server_name, header.tls.server_name);
    EXPECT_EQ(parse(proxy_header_v2(header)).header.tls.version, header.tls.version);
  }
}

TEST(ProxyHeader, OfAddressesOfBothFamiliesIsWrittenInIPv6) {
  const ProxyHeader mixed{.source = at("10.0.0.1", 1), .destination = at("2001:db8::2", 2), .tls = {}};
  EXPECT_EQ(proxy_header_v1(mixed), "PROXY TCP6 ::ffff:10.0.0.1 2001:db8::2 1 2\r\n");
  EXPECT_EQ(parse(proxy_header_v2(mixed)).header.source, mixed.source);
}

}  // namespace
}  // namespace evloopd::workloads
