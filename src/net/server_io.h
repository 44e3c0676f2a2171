// What a read or a write on a connection came to. Inside room net only.
#pragma once

#include <cstddef>

namespace net {

struct IoResult {
  enum class Kind {
    done,
    blocked,  // nothing now; an event will tell
    ended,    // the other side sends no more
    failed,
  };
  Kind kind = Kind::done;
  std::size_t bytes = 0;
};

}  // namespace net
