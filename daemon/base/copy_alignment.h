#pragma once

#include <cstddef>

namespace evloop {

// Of memory that the kernel copies much data to or from. Processors with a fast `rep movsb` (ERMS, FSRM) copy several
// times slower when source and destination are less than this apart within their pages, and not equal: 64 KiB received
// into a buffer at 16 bytes of a page took six times as long on an AMD EPYC, and sent from one at 4080 three times.
// malloc's large blocks begin at just 16 bytes of a page.
inline constexpr std::size_t copy_alignment = 32;

}  // namespace evloop
