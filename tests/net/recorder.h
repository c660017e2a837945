#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/transport.h"

namespace evloop {

// A protocol that writes down what it is told, and does what a test wants it to.
class Recorder : public Protocol {
 public:
  using Action = std::function<void(Recorder&)>;

  void connection_made(Transport& made) override {
    transport = &made;
    calls.emplace_back("made");
    if (on_made) on_made(*this);
  }
  void data_received(std::span<const std::byte> bytes) override {
    data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    calls.emplace_back("data");
    if (on_data) on_data(*this);
  }
  bool eof_received() override {
    calls.emplace_back("eof");
    if (on_eof) on_eof(*this);
    return keep_open;
  }
  void connection_lost(std::exception_ptr cause) override {
    transport = nullptr;
    error = std::move(cause);
    calls.emplace_back("lost");
    lost = true;
    if (on_lost) on_lost(*this);
  }
  void pause_writing() override {
    calls.emplace_back("pause");
    if (on_pause) on_pause(*this);
  }
  void resume_writing() override {
    calls.emplace_back("resume");
    if (on_resume) on_resume(*this);
  }

  Transport* transport = nullptr;  // while connected
  std::vector<std::string> calls;
  std::string data;
  bool keep_open = false;
  bool lost = false;
  std::exception_ptr error;
  Action on_made, on_data, on_eof, on_lost, on_pause, on_resume;
};

}  // namespace evloop
