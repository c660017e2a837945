#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace evloopd::control {

// `text` with everything replaced by U+FFFD that is not UTF-8, cut between characters to at most `limit` bytes
// and an ellipsis. Protobuf refuses other strings, and gRPC refuses trailers of more than 8 KiB; what programs
// put into names and exceptions keeps to neither.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t limit = std::string_view::npos);

}  // namespace evloopd::control
