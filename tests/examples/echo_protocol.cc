// The same with transports and protocols: callbacks, and one future where they end.
#include <iostream>
#include <string>
#include <utility>

#include "aio/runner.h"
#include "net/connection.h"
#include "net/server.h"

using namespace evloop;

class Echo final : public Protocol {
 public:
  void connection_made(Transport& transport) override { transport_ = &transport; }
  void data_received(std::span<const std::byte> data) override { transport_->write(data); }

 private:
  Transport* transport_ = nullptr;
};

class Greeter final : public Protocol {
 public:
  Greeter(std::string greeting, Future<std::string> answer)
      : greeting_(std::move(greeting)), answer_(std::move(answer)) {}

  void connection_made(Transport& transport) override {
    transport_ = &transport;
    transport.write(greeting_);
  }
  void data_received(std::span<const std::byte> data) override {
    received_.append(reinterpret_cast<const char*>(data.data()), data.size());
    if (received_.size() == greeting_.size()) transport_->close();
  }
  void connection_lost(std::exception_ptr) override { answer_.set_result(received_); }

 private:
  const std::string greeting_;
  const Future<std::string> answer_;
  Transport* transport_ = nullptr;
  std::string received_;
};

Coro<void> greet(Server& server) {
  auto& loop = get_running_loop();
  const auto answer = loop.create_future<std::string>();
  co_await create_connection(loop, [=] { return Ref(new Greeter("Hello!", answer)); }, server.sockets().at(0).address);
  std::cout << "echo: " << co_await answer << "\n";
}

Coro<void> serve_and_greet() {
  auto server = co_await create_server(get_running_loop(), [] { return Ref(new Echo); }, "127.0.0.1", 0);
  co_await with_server(std::move(server), greet);
}

int main() { run(serve_and_greet()); }
