// An echo server and its client over TLS. Argument: a PEM file with the certificate of "localhost" and its key.
#include <iostream>
#include <string>

#include "aio/runner.h"
#include "net/streams.h"
#include "net/tls/tls.h"

using namespace evloop;

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  while (const auto line = co_await reader.next_line()) {
    writer.write(line->view());
    co_await writer.drain();
  }
  writer.close();
}

Coro<void> talk(Pem trusted, Server& server) {
  const auto context = TlsContext::client({.ca = trusted});
  const auto port = server.sockets().at(0).address.port();
  const auto [reader, writer] =
      co_await open_connection("localhost", port, default_stream_limit, {.tls = tls_client({.context = context})});
  writer->write("a secret\n");
  std::cout << "echo: " << (co_await reader->readline()).view();
  writer->close();
  co_await writer->wait_closed();
}

Coro<void> serve_and_talk(Pem certificate) {
  const auto context = TlsContext::server({.identity = {.certificate_chain = certificate}});
  auto server = co_await start_server(echo, "localhost", 0,
                                      ServerOptions{.family = AF_INET, .tls = tls_server({.context = context})});
  co_await with_server(std::move(server), [&](Server& serving) { return talk(certificate, serving); });
}

int main(int, char** arguments) { run(serve_and_talk(Pem::file(arguments[1]))); }
