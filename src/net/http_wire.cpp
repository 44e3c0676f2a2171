#include "net/http_wire.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace net::wire {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};
constexpr std::array kReasons{
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{415, "Unsupported Media Type"},
    Reason{417, "Expectation Failed"},
    Reason{421, "Misdirected Request"},
    Reason{422, "Unprocessable Content"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

// Fields that say how the message is framed belong to the server alone.
bool is_framing_field(std::string_view name) {
  constexpr std::array<std::string_view, 4> kFraming{"content-length", "transfer-encoding", "connection",
                                                     "keep-alive"};
  return std::ranges::any_of(kFraming,
                             [&](std::string_view framing) { return equals_ignoring_case(name, framing); });
}

std::optional<Refusal> check_framing(unsigned version, const Headers& headers) {
  const auto lengths = headers.all("Content-Length");
  const auto codings = headers.all("Transfer-Encoding");
  if (!lengths.empty() && !codings.empty()) {
    return Refusal{400, "Content-Length and Transfer-Encoding exclude each other."};
  }
  if (lengths.size() > 1) return Refusal{400, "Content-Length is there more than once."};
  if (!lengths.empty() &&
      (lengths[0].empty() || !std::ranges::all_of(lengths[0], [](char c) { return c >= '0' && c <= '9'; }))) {
    return Refusal{400, "Content-Length is not a number."};
  }
  if (codings.empty()) return std::nullopt;
  if (version < 11) return Refusal{400, "HTTP/1.0 has no Transfer-Encoding."};
  if (codings.size() > 1) return Refusal{400, "Transfer-Encoding is there more than once."};
  if (!equals_ignoring_case(codings[0], "chunked")) {
    return Refusal{501, "The only supported Transfer-Encoding is chunked."};
  }
  return std::nullopt;
}

bool is_absolute_form(std::string_view target) {
  return target.starts_with("http://") || target.starts_with("https://");
}

}  // namespace

bool HeadScanner::scan(std::string_view bytes) {
  const auto window = bytes.substr(0, max_bytes_);
  const auto refuse = [this](const Refusal& refusal) {
    refusal_ = refusal;
    return false;
  };
  for (;;) {
    if (line_start_ > leading_ && line_start_ < window.size() &&
        (window[line_start_] == ' ' || window[line_start_] == '\t')) {
      return refuse({400, "Folded header lines are obsolete and not accepted."});
    }
    const auto cr = std::min(window.find('\r', scanned_), window.size());
    const bool split = cr + 1 < window.size() && window[cr + 1] != '\n';
    if (split || window.substr(scanned_, cr - scanned_).contains('\n')) {
      return refuse({400, "Lines end with CR LF, and neither stands alone."});
    }
    scanned_ = cr;
    if (cr + 1 >= window.size()) break;
    const bool empty_line = cr == line_start_;
    scanned_ = line_start_ = cr + 2;
    if (!empty_line) continue;
    if (leading_ + 2 != line_start_) return true;
    leading_ = line_start_;
  }
  if (bytes.size() > max_bytes_) return refuse({431, "The request's header is too large."});
  return false;
}

std::optional<Refusal> check_head(std::string_view method, std::string_view target, unsigned version,
                                  const Headers& headers) {
  if (!parse_method(method)) return Refusal{501, "This method is not supported."};
  const bool printable =
      std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
  if (!printable || !(target.starts_with('/') || is_absolute_form(target) ||
                      (target == "*" && method == to_string(Method::options)))) {
    return Refusal{400, "The request target is malformed."};
  }
  const auto hosts = headers.all("Host").size();
  if (hosts > 1 || (hosts == 0 && version >= 11)) {
    return Refusal{400, "A request has exactly one Host header."};
  }
  if (auto refusal = check_framing(version, headers)) return refusal;
  if (version >= 11 && headers.has("Expect") &&
      !equals_ignoring_case(headers.get("Expect"), "100-continue")) {
    return Refusal{417, "The only supported expectation is 100-continue."};
  }
  return std::nullopt;
}

void split_target(std::string_view target, std::string& path, std::string& query) {
  if (is_absolute_form(target)) {
    target.remove_prefix(target.find("://") + 3);
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
  }
  const auto mark = target.find('?');
  path = target.substr(0, mark);
  if (path.empty()) path = "/";
  query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

bool has_token(const Headers& headers, std::string_view name, std::string_view token) {
  for (const auto& [key, value] : headers) {
    if (!equals_ignoring_case(key, name)) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      auto item = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
      while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
      if (equals_ignoring_case(item, token)) return true;
    }
  }
  return false;
}

std::optional<std::string> write_head(const ServerResponse& response, const ResponseHead& options) {
  if (response.status < 200 || response.status > 599) return std::nullopt;  // 1xx are not final answers
  std::string head;
  head.reserve(256);
  const auto add = [&head](auto... parts) { (head.append(parts), ...); };
  const fmt::format_int status(response.status);
  add("HTTP/1.1 ", std::string_view(status.data(), status.size()), " ", reason_phrase(response.status),
      "\r\n");
  bool has_date = false;
  for (const auto& [name, value] : response.headers) {
    if (!is_valid_field(name, value)) return std::nullopt;
    if (is_framing_field(name)) continue;
    has_date = has_date || equals_ignoring_case(name, "Date");
    add(std::string_view(name), ": ", std::string_view(value), "\r\n");
  }
  if (!has_date) add("Date: ", options.date, "\r\n");
  if (may_have_body(response.status) && options.framing == Framing::length) {
    const fmt::format_int length(response.body.size());
    add("Content-Length: ", std::string_view(length.data(), length.size()), "\r\n");
  } else if (may_have_body(response.status) && options.framing == Framing::chunked) {
    add("Transfer-Encoding: chunked\r\n");
  }
  if (!options.keep_alive) {
    add("Connection: close\r\n");
  } else if (options.version < 11) {
    add("Connection: keep-alive\r\n");
  }
  add("\r\n");
  return head;
}

bool may_have_body(int status) {
  return status != 204 && status != 304;
}

std::string_view reason_phrase(int status) {
  const auto row = std::ranges::find(kReasons, status, &Reason::status);
  return row == kReasons.end() ? std::string_view("Unknown") : row->phrase;
}

}  // namespace net::wire
