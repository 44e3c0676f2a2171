// The checks in front of the HTTP parser: any bytes as a request's head, in pieces of any size, and any
// values in an answer's head.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzzer/FuzzedDataProvider.h"
#include "invariant.h"
#include "net/http.h"
#include "net/http_server.h"
#include "net/http_wire.h"

namespace {

using fuzz::demand;
using net::wire::HeadScanner;

constexpr std::size_t kMaxHead = 2048;

struct Scanned {
  bool complete = false;
  int refused = 0;
  std::size_t size = 0;
};

Scanned scan(std::string_view bytes, std::size_t piece) {
  HeadScanner scanner(kMaxHead);
  for (std::size_t end = 0; end < bytes.size();) {
    end = std::min(bytes.size(), end + piece);
    const bool complete = scanner.scan(bytes.substr(0, end));
    if (scanner.refusal()) {
      demand(!scanner.refusal()->why.empty(), "a refusal says why");
      return {.refused = scanner.refusal()->status};
    }
    if (complete) {
      demand(scanner.size() <= end && scanner.leading() <= scanner.size(), "a head lies inside what arrived",
             bytes);
      return {.complete = true, .size = scanner.size()};
    }
  }
  return {};
}

// Beast's lines of a head as the server takes them apart, roughly: what check_head() is given.
net::Headers headers_of(std::string_view head) {
  net::Headers headers;
  std::size_t line = head.find('\n');
  while (line != std::string_view::npos && line + 1 < head.size()) {
    const std::size_t end = head.find('\n', line + 1);
    std::string_view text = head.substr(line + 1, end == std::string_view::npos ? end : end - line - 1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && colon > 0)
      headers.add(std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)));
    line = end;
  }
  return headers;
}

void request(std::string_view bytes, std::size_t piece) {
  const Scanned whole = scan(bytes, bytes.size() + 1);
  const Scanned pieces = scan(bytes, piece);
  // A refusal may come before the head is complete, so a slow sender may hear of another fault first; but
  // never is one taken that would have been refused at once.
  demand(whole.complete == pieces.complete && whole.size == pieces.size,
         "how fast bytes arrive changes nothing", bytes);
  demand((whole.refused != 0) == (pieces.refused != 0), "what is refused is refused however it arrives",
         bytes);
  if (!whole.complete) return;

  const std::string_view head = bytes.substr(0, whole.size);
  demand(head.size() <= kMaxHead + 4, "a head is no longer than its limit", head);
  const Scanned alone = scan(head, head.size());
  demand(alone.complete && alone.size == head.size(), "a head is complete by itself", head);
  const std::size_t space = head.find(' ');
  if (space == std::string_view::npos) return;
  const std::size_t second = head.find(' ', space + 1);
  const std::string_view target =
      head.substr(space + 1, second == std::string_view::npos ? second : second - space - 1);
  for (unsigned version : {10U, 11U}) {
    const auto refusal = net::wire::check_head(head.substr(0, space), target, version, headers_of(head));
    if (refusal)
      demand(refusal->status >= 400 && refusal->status < 600 && !refusal->why.empty(),
             "a refusal has a status and a reason");
  }
  std::string path;
  std::string query;
  net::wire::split_target(target, path, query);
  demand(path.size() + query.size() <= target.size() + 1, "path and query are parts of the target", target);
}

void response(FuzzedDataProvider& input) {
  net::ServerResponse answer;
  answer.status = input.ConsumeIntegralInRange<int>(-1, 1000);
  for (int i = input.ConsumeIntegralInRange<int>(0, 3); i > 0; --i) {
    const std::string name = input.ConsumeRandomLengthString(40);
    answer.headers.add(name, input.ConsumeRandomLengthString(80));
  }
  answer.body = input.ConsumeRandomLengthString(64);
  const auto head = net::wire::write_head(
      answer, {.version = input.ConsumeBool() ? 11U : 10U, .date = "Sun, 06 Nov 1994 08:49:37 GMT"});
  if (!head) return;
  demand(head->starts_with("HTTP/1.1 ") && head->ends_with("\r\n\r\n"), "an answer's head is a head", *head);
  demand(head->find("\r\n\r\n") == head->size() - 4, "an answer's head ends once", *head);
  for (std::size_t at = 0; at < head->size(); ++at) {
    const char c = (*head)[at];
    demand(c != '\0' && (c != '\n' || (at > 0 && (*head)[at - 1] == '\r')) &&
               (c != '\r' || (*head)[at + 1] == '\n'),
           "no value breaks out of its line", *head);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const auto choice = input.ConsumeIntegral<std::uint8_t>();
  if (choice == 0xff) {
    response(input);
  } else {
    const std::string bytes = input.ConsumeRemainingBytesAsString();
    request(bytes, 1 + choice % 16U);
  }
  return 0;
}
