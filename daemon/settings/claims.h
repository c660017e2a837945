#pragma once

#include <map>
#include <string>

#include "host/listening_socket.h"
#include "settings/address.h"
#include "settings/value.h"

namespace evloopd::settings {

// Who listens where: an address is given to the first that claims it and refused to all others. One file's; one thread.
class Claims {
 public:
  // `by` is the value that names the address, or that would if it did not keep its default. UDP has ports of its own.
  void claim(const Address& address, const Value& by, host::Listens listens = host::Listens::streams);

 private:
  std::map<std::string, std::string> owners_;
};

}  // namespace evloopd::settings
