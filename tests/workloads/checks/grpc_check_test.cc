#include "workloads/checks/grpc_check.h"

#include <filesystem>
#include <fstream>

#include "net/net_test.h"
#include "net/tls/certificates.h"
#include "net/tls/tls.h"
#include "workloads/checks/checker.h"
#include "workloads/checks/health_server.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using evloop::SocketAddress;
using testing::HasSubstr;
using Answer = HealthServer::Answer;

const std::string serving = "\0\0\0\0\x02\x08\x01"s;
const std::string not_serving = "\0\0\0\0\x02\x08\x02"s;

class GrpcCheckTest : public evloop::NetTest {
 protected:
  ~GrpcCheckTest() override {
    for (auto& server : servers_) server.close();
    turn(5);
  }

  SocketAddress serve(Answer answer, evloop::ServerOptions options = {}) {
    return start(
        [this, answer = std::move(answer)](evloop::StreamReader& reader,
                                           evloop::StreamWriter& writer) -> evloop::Coro<void> {
          HealthServer server(answer);
          co_await server.serve(reader, writer);
          asked_ = server.asked;
          request_ = server.request;
        },
        std::move(options));
  }
  // A server that says something else.
  SocketAddress serve_text(std::string text) {
    return start(
        [text = std::move(text)](evloop::StreamReader& reader, evloop::StreamWriter& writer) -> evloop::Coro<void> {
          co_await reader.read(4096);
          writer.write(text);
          writer.close();
        },
        {});
  }
  // What speaks for it, or "! " and what speaks against it.
  std::string outcome(const SocketAddress& address, CheckOptions options = {}) {
    options.kind = CheckKind::grpc;
    const Checker checker(options);
    try {
      return run(checker.run(address));
    } catch (const std::exception& error) {
      return std::string("! ") + error.what();
    }
  }
  void turn_until_asked() {
    turn_until([&] { return !asked_.empty(); });
  }

  std::map<std::string, std::string> asked_;
  std::string request_;

 private:
  SocketAddress start(auto client, evloop::ServerOptions options) {
    servers_.push_back(
        run(evloop::start_server(std::move(client), SocketAddress::parse("127.0.0.1:0"), std::move(options))));
    return servers_.back().sockets().at(0).address;
  }

  std::vector<evloop::Server> servers_;
};

TEST_F(GrpcCheckTest, PassesIfTheServerServes) {
  const auto address = serve({.body = serving});
  EXPECT_EQ(outcome(address), "SERVING");
  turn_until_asked();
  EXPECT_EQ(asked_[":method"], "POST");
  EXPECT_EQ(asked_[":path"], "/grpc.health.v1.Health/Check");
  EXPECT_EQ(asked_[":scheme"], "http");
  EXPECT_EQ(asked_[":authority"], address.to_string());
  EXPECT_EQ(asked_["content-type"], "application/grpc");
  EXPECT_EQ(asked_["te"], "trailers");
  EXPECT_EQ(asked_["grpc-timeout"], "1000m");
  EXPECT_EQ(request_, "\0\0\0\0\0"s);
}

TEST_F(GrpcCheckTest, AsksForAServiceOfAnAuthority) {
  EXPECT_EQ(outcome(serve({.body = serving}), {.service = "shop.Orders", .authority = "shop.internal"}), "SERVING");
  turn_until_asked();
  EXPECT_EQ(asked_[":authority"], "shop.internal");
  EXPECT_EQ(request_, "\0\0\0\0\x0d\x0a\x0bshop.Orders"s);
}

TEST_F(GrpcCheckTest, FailsByWhatTheServiceSays) {
  EXPECT_EQ(outcome(serve({.body = not_serving})), "! NOT_SERVING");
  EXPECT_EQ(outcome(serve({.headers = {{":status", "200"}, {"grpc-status", "5"}, {"grpc-message", "unknown service"}},
                           .trailers = {}})),
            "! NOT_FOUND: unknown service");
  EXPECT_EQ(outcome(serve({.trailers = {{"grpc-status", "12"}}})), "! UNIMPLEMENTED");
  EXPECT_EQ(outcome(serve({.trailers = {{"grpc-status", "77"}}})), "! gRPC status 77");
}

TEST_F(GrpcCheckTest, FailsWithoutAGoodAnswer) {
  EXPECT_EQ(outcome(serve({.headers = {{":status", "404"}}, .trailers = {}})), "! HTTP status 404");
  EXPECT_EQ(outcome(serve({.headers = {{":status", "200"}}, .trailers = {}})), "! the answer is no gRPC");
  EXPECT_EQ(outcome(serve({.reset = true})), "! the stream was reset: REFUSED_STREAM");
  EXPECT_EQ(outcome(serve({})), "! the answer has no message");
  EXPECT_EQ(outcome(serve({.body = std::string(5000, 'x')})), "! the answer is no health message: it is too long");
  EXPECT_EQ(outcome(serve({.body = std::string(100'000, 'x')})), "! more has come than an answer takes");
  EXPECT_EQ(outcome(serve_text("HTTP/1.1 200 OK\r\n\r\n")), "! what it sends is no HTTP/2");
  EXPECT_EQ(outcome(serve_text("")), "! the connection ended before an answer");
}

TEST_F(GrpcCheckTest, SpeaksTls) {
  const evloop::TestCa ca;
  const auto [certificate, key] = ca.issue("app", "DNS:app.internal");
  const auto context = evloop::TlsContext::server(
      {.identity = {.certificate_chain = evloop::Pem::text(certificate), .private_key = evloop::Pem::text(key)},
       .alpn = {"h2"}});
  const auto address = serve({.body = serving}, {.tls = evloop::tls_server({.context = context})});
  const auto file = std::filesystem::path(testing::TempDir()) / ("evloopd-grpc-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(file) << ca.certificate();
  EXPECT_EQ(outcome(address, {.tls = true, .tls_options = {.ca = file}, .authority = "app.internal"}), "SERVING");
  turn_until_asked();
  EXPECT_EQ(asked_[":scheme"], "https");
  EXPECT_EQ(outcome(address, {.tls = true, .tls_options = {.ca = file}, .authority = "app.internal:443"}), "SERVING");
  EXPECT_THAT(outcome(address, {.tls = true, .tls_options = {.ca = file}, .authority = "other.internal"}),
              HasSubstr("ostname mismatch"));
  std::filesystem::remove(file);
}

TEST_F(GrpcCheckTest, SilenceIsAFailure) {
  const auto listener = evloop::listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  EXPECT_EQ(outcome(SocketAddress::local(listener.get()), {.timeout = 20ms}), "! no answer within 20 ms");
}

}  // namespace
}  // namespace evloopd::workloads
