// A web server over TLS in twenty lines, and curl that asks it. Argument: as in tls_echo.
#include <iostream>
#include <string>

#include "aio/runner.h"
#include "net/process/process.h"
#include "net/streams.h"
#include "net/tls/tls.h"

using namespace evloop;

Coro<void> respond(StreamReader& reader, StreamWriter& writer) {
  const auto request = co_await reader.readuntil("\r\n\r\n");
  const std::string path(request.view().substr(4, request.view().find(' ', 4) - 4));
  const auto body = "You asked for " + path + "\n";
  writer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
               body);
  co_await writer.drain();
  writer.close();
}

Coro<void> ask(std::string trusted, Server& server) {
  const auto url = "https://localhost:" + std::to_string(server.sockets().at(0).address.port()) + "/news";
  const auto curl = co_await create_subprocess_exec({"curl", "--silent", "--ipv4", "--cacert", trusted, url},
                                                    {.std_out = Stdio::pipe()});
  const auto output = co_await curl.communicate();
  std::cout << output.std_out->view() << "curl ended with " << *curl.returncode() << "\n";
}

Coro<void> serve(std::string certificate) {
  const auto context = TlsContext::server({.identity = {.certificate_chain = Pem::file(certificate)}});
  auto server = co_await start_server(respond, "127.0.0.1", 0, ServerOptions{.tls = tls_server({.context = context})});
  co_await with_server(std::move(server), [&](Server& serving) { return ask(certificate, serving); });
}

int main(int, char** arguments) { run(serve(arguments[1])); }
