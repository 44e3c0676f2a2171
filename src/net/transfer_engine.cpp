// libcurl's multi interface on one thread, which owns every handle; commands reach it through queues and
// curl_multi_wakeup.
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "net/address.h"
#include "net/curl_impl.h"
#include "net/transfer.h"

namespace net {
namespace {

using Clock = Transfer::Clock;

constexpr std::size_t kStreamAhead = 256u << 10;  // bytes that wait for on_body before the transfer pauses
constexpr std::size_t kMaxTargetInMessage = 200;

// A request that is safe to send twice. DELETE is idempotent in RFC 9110, yet is not here: the first DELETE
// of an Okta user deactivates, the second deletes.
bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options;
}

// ---- callbacks of libcurl, on the engine's thread; no exception may pass through it ----

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Codings that libcurl would undo one behind the other. A few hundred bytes that were compressed twice can
// expand, between the two, to more than a computer gets through in an hour.
std::size_t codings_in(std::string_view name, std::string_view list) {
  if (!equals_ignoring_case(name, "Content-Encoding") && !equals_ignoring_case(name, "Transfer-Encoding"))
    return 0;
  std::size_t codings = 0;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view coding = trimmed(list.substr(0, comma));
    const bool plain =
        coding.empty() || equals_ignoring_case(coding, "identity") || equals_ignoring_case(coding, "chunked");
    codings += plain ? 0 : 1;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return codings;
}

void take_header_line(Transfer& transfer, std::string_view line) {
  // Past the final head there are trailers only, whatever they look like.
  if (transfer.head_complete && transfer.response.status >= 200) return;
  if (line.starts_with("HTTP/")) {
    // Also after an interim answer (1xx): the last head counts.
    const auto digits = trimmed(line.substr(std::min(line.find(' '), line.size())));
    transfer.response.status = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), transfer.response.status);
    transfer.response.headers = {};
    transfer.codings = 0;
    transfer.head_complete = false;
    return;
  }
  if (trimmed(line).empty()) {
    transfer.head_complete = true;
    if (transfer.request->on_head && transfer.response.status >= 200) {
      std::lock_guard lock(transfer.mutex);
      transfer.head_ready = true;
      transfer.changed.notify_all();
    }
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = trimmed(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  transfer.codings += codings_in(name, value);
  transfer.response.headers.add(std::string(name), std::string(value));
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept try {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  transfer.last_activity = Clock::now();
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > transfer.request->max_header_bytes) {
    transfer.end = TransferEnd::headers_too_large;
    return 0;
  }
  take_header_line(transfer, line);
  if (transfer.codings > 1) {
    transfer.end = TransferEnd::codings;
    return 0;
  }
  return line.size();
} catch (...) {
  return 0;
}

std::size_t on_body_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept try {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view piece(data, size * count);
  transfer.last_activity = Clock::now();
  if (transfer.body_bytes + piece.size() > transfer.request->max_response_bytes) {
    transfer.end = TransferEnd::body_too_large;
    return CURL_WRITEFUNC_ERROR;
  }
  if (!transfer.streams()) {
    transfer.response.body += piece;
  } else {
    std::lock_guard lock(transfer.mutex);
    if (transfer.pending.size() >= kStreamAhead) {
      transfer.paused = true;
      return CURL_WRITEFUNC_PAUSE;  // libcurl keeps the piece and brings it again
    }
    transfer.pending += piece;
    transfer.changed.notify_all();
  }
  transfer.body_bytes += piece.size();
  return piece.size();
} catch (...) {
  return CURL_WRITEFUNC_ERROR;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t uploaded) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  if (uploaded != transfer.uploaded) transfer.last_activity = Clock::now();
  transfer.uploaded = uploaded;
  return 0;
}

// What is not clearly an allowed address is none.
bool may_connect(Transfer& transfer, const std::optional<IpAddress>& address) {
  const bool allowed = address && transfer.request->addresses->allows(transfer.url, *address);
  if (!allowed) transfer.refused = address ? describe(reach_of(*address)) : "an unknown kind of address";
  return allowed;
}

// In place of libcurl's own socket(): the address is the one it is about to connect to, and the next one of
// the host is tried after a refusal.
curl_socket_t on_open_socket(void* user, curlsocktype purpose, curl_sockaddr* to) noexcept try {
  auto& transfer = *static_cast<Transfer*>(user);
  std::optional<IpAddress> address;
  if (to->family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(&to->addr)->sin_addr, bytes.size());
    address = IpAddress::v4(bytes);
  } else if (to->family == AF_INET6) {
    address.emplace();
    std::memcpy(address->bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&to->addr)->sin6_addr,
                address->bytes.size());
  }
  if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(transfer, address)) return CURL_SOCKET_BAD;
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
} catch (...) {
  return CURL_SOCKET_BAD;
}

// Called when a connection stands and the request is about to leave: once, and again when libcurl found that
// a pooled connection had died before a byte of the answer came, and sends the request anew. It does so for
// every method (Curl_retry_request in its transfer.c), which RFC 9110 section 9.2.2 allows for idempotent
// ones only. So a write goes on only if not a byte of it had left.
int on_ready_to_send(void* user, char* address, char*, int, int) noexcept try {
  auto& transfer = *static_cast<Transfer*>(user);
  // A kept connection may have been made for a request with other rules.
  if (transfer.request->addresses && !may_connect(transfer, IpAddress::parse(address))) {
    return CURL_PREREQFUNC_ABORT;
  }
  if (transfer.sent && !is_safe(transfer.request->method)) {
    long bytes_sent = 1;
    transfer.curl->easy_getinfo(transfer.easy, CURLINFO_REQUEST_SIZE, &bytes_sent);
    if (bytes_sent > 0) {
      transfer.end = TransferEnd::not_repeated;
      return CURL_PREREQFUNC_ABORT;
    }
  }
  transfer.sent = true;
  transfer.last_activity = Clock::now();
  return CURL_PREREQFUNC_OK;
} catch (...) {
  return CURL_PREREQFUNC_ABORT;
}

// Sets the options of one request; remembers whether libcurl took them all.
class Setup {
 public:
  Setup(const Curl& curl, Transfer& transfer) : curl_(curl), transfer_(transfer) {}

  template <class Value>
  void set(CURLoption option, Value value) {
    good_ = curl_.easy_setopt(transfer_.easy, option, value) == CURLE_OK && good_;
  }
  void header(const std::string& line) {
    curl_slist* longer = curl_.slist_append(static_cast<curl_slist*>(transfer_.header_lines), line.c_str());
    good_ = good_ && longer;
    if (longer) transfer_.header_lines = longer;
  }
  bool good() const { return good_; }

 private:
  const Curl& curl_;
  Transfer& transfer_;
  bool good_ = true;
};

void set_method_and_body(Setup& setup, const HttpRequest& request) {
  const bool has_body = !request.body.empty() || request.method == Method::post ||
                        request.method == Method::put || request.method == Method::patch;
  if (has_body) {
    setup.set(CURLOPT_POST, 1L);
    setup.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    setup.set(CURLOPT_POSTFIELDS, request.body.c_str());  // not copied: the request outlives the transfer
    if (!request.headers.has("Content-Type")) setup.header("Content-Type:");  // libcurl would claim a form
    setup.header("Expect:");  // libcurl would wait for "100 Continue" with bodies over 1 MiB
  }
  if (request.method == Method::head) {
    setup.set(CURLOPT_NOBODY, 1L);
  } else if (!(request.method == Method::post || (request.method == Method::get && !has_body))) {
    setup.set(CURLOPT_CUSTOMREQUEST, to_string(request.method).data());
  }
}

void set_callbacks(Setup& setup, Transfer& transfer) {
  transfer.error_text.assign(CURL_ERROR_SIZE, '\0');
  setup.set(CURLOPT_ERRORBUFFER, transfer.error_text.data());
  setup.set(CURLOPT_HEADERFUNCTION, &on_header);
  setup.set(CURLOPT_HEADERDATA, &transfer);
  setup.set(CURLOPT_WRITEFUNCTION, &on_body_bytes);
  setup.set(CURLOPT_WRITEDATA, &transfer);
  setup.set(CURLOPT_NOPROGRESS, 0L);
  setup.set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  setup.set(CURLOPT_XFERINFODATA, &transfer);
  setup.set(CURLOPT_PREREQFUNCTION, &on_ready_to_send);
  setup.set(CURLOPT_PREREQDATA, &transfer);
  if (transfer.request->addresses) {
    setup.set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    setup.set(CURLOPT_OPENSOCKETDATA, &transfer);
  }
}

bool set_up(const Curl& curl, Transfer& transfer, const HttpClientOptions& options) {
  const HttpRequest& request = *transfer.request;
  transfer.curl = &curl;
  transfer.easy = curl.easy_init();
  if (!transfer.easy) return false;
  Setup setup(curl, transfer);
  set_callbacks(setup, transfer);
  setup.set(CURLOPT_URL, transfer.url.str().c_str());
  setup.set(CURLOPT_PATH_AS_IS, 1L);  // what was checked is what is sent: "/.." in a path stays
  setup.set(CURLOPT_PROTOCOLS_STR, "http,https");
  setup.set(CURLOPT_FOLLOWLOCATION, 0L);
  setup.set(CURLOPT_NOSIGNAL, 1L);
  setup.set(CURLOPT_QUICK_EXIT, 1L);  // a cancelled name lookup must not hold up the other transfers
  setup.set(CURLOPT_PROXY, transfer.proxy.c_str());  // "" keeps libcurl from reading the environment again
  setup.set(CURLOPT_NOPROXY, "");
  setup.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  setup.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // Share one HTTP/2 connection rather than open sixteen at once. Not for plain http, where every request
  // would wait for the first one's answer to learn that it is HTTP/1.1.
  setup.set(CURLOPT_PIPEWAIT, transfer.url.scheme == "https" ? 1L : 0L);
  setup.set(CURLOPT_ACCEPT_ENCODING, "");  // all that libcurl can decode
  setup.set(CURLOPT_SSL_VERIFYPEER, 1L);
  setup.set(CURLOPT_SSL_VERIFYHOST, 2L);
  setup.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) setup.set(CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.user_agent.empty()) setup.set(CURLOPT_USERAGENT, options.user_agent.c_str());
  setup.set(CURLOPT_TCP_KEEPALIVE, 1L);
  setup.set(CURLOPT_BUFFERSIZE, 64L << 10);
  setup.set(CURLOPT_CONNECTTIMEOUT_MS,
            static_cast<long>(std::max<std::int64_t>(1, request.connect_timeout.count())));
  if (request.method != Method::head) {
    setup.set(CURLOPT_MAXFILESIZE_LARGE,
              static_cast<curl_off_t>(
                  std::min<std::size_t>(request.max_response_bytes, std::numeric_limits<curl_off_t>::max())));
  }
  for (const auto& [name, value] : request.headers) {
    setup.header(fmt::format("{}{}{}", name, value.empty() ? ";" : ": ", value));  // "Name:" would remove it
  }
  set_method_and_body(setup, request);
  setup.set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(transfer.header_lines));
  return setup.good();
}

class CurlEngine final : public TransferEngine {
 public:
  static core::Result<std::unique_ptr<TransferEngine>> create(HttpClientOptions options) {
    ASSIGN_OR_RETURN(Curl curl, Curl::load());
    CURLM* multi = curl.multi_init();
    if (!multi) return core::fail(library_error("libcurl failed to start"));
    const auto cap = static_cast<long>(options.connections_per_host);
    curl.multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, cap);
    curl.multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4 * cap);  // idle ones that are kept
    std::unique_ptr<CurlEngine> engine(new CurlEngine(curl, multi, std::move(options)));
    try {
      engine->start_thread();
    } catch (const std::system_error&) {
      return core::fail(library_error("no thread could be started"));
    }
    return engine;
  }

  ~CurlEngine() override {
    if (!thread_.joinable()) {
      curl_.multi_cleanup(multi_);
      return;
    }
    {
      std::lock_guard lock(mutex_);  // held until woken: the thread frees multi_ once it sees stopping_
      stopping_ = true;
      curl_.multi_wakeup(multi_);
    }
    thread_.join();
  }
  CurlEngine(const CurlEngine&) = delete;
  CurlEngine& operator=(const CurlEngine&) = delete;

  core::Status submit(std::shared_ptr<Transfer> transfer) override {
    if (!set_up(curl_, *transfer, options_)) {
      release(*transfer);
      return core::fail(library_error("libcurl refused an option"));
    }
    enqueue(submitted_, std::move(transfer));
    return {};
  }
  void resume(std::shared_ptr<Transfer> transfer) override { enqueue(resumed_, std::move(transfer)); }
  void cancel(Transfer& transfer) override {
    transfer.cancelled = true;
    curl_.multi_wakeup(multi_);
  }

 private:
  CurlEngine(const Curl& curl, CURLM* multi, HttpClientOptions options)
      : curl_(curl), multi_(multi), options_(std::move(options)) {}

  void enqueue(std::vector<std::shared_ptr<Transfer>>& queue, std::shared_ptr<Transfer> transfer) {
    {
      std::lock_guard lock(mutex_);
      queue.push_back(std::move(transfer));
    }
    curl_.multi_wakeup(multi_);
  }

  void release(Transfer& transfer) {
    curl_.easy_cleanup(std::exchange(transfer.easy, nullptr));
    curl_.slist_free_all(static_cast<curl_slist*>(std::exchange(transfer.header_lines, nullptr)));
  }

  // With every signal blocked: signals are the main thread's, and with CURLOPT_NOSIGNAL a broken connection
  // would otherwise end the process through SIGPIPE.
  void start_thread() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    while (take_commands()) {
      start_waiting();
      int active = 0;
      curl_.multi_perform(multi_, &active);
      const bool some_finished = collect_finished();
      const bool some_overdue = end_overdue();
      if ((some_finished || some_overdue) && !transfers_.empty()) continue;  // their places may be taken
      curl_.multi_poll(multi_, nullptr, 0, milliseconds_to_next_deadline(), nullptr);
    }
    while (!transfers_.empty()) finish(transfers_.front(), TransferEnd::cancelled, CURLE_OK);
    curl_.multi_cleanup(multi_);  // here, where SIGPIPE is blocked: it takes leave of every TLS connection
  }

  bool take_commands() {
    std::vector<std::shared_ptr<Transfer>> submitted;
    std::vector<std::shared_ptr<Transfer>> resumed;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) {
        transfers_.insert(transfers_.end(), submitted_.begin(), submitted_.end());
        return false;
      }
      submitted.swap(submitted_);
      resumed.swap(resumed_);
    }
    transfers_.insert(transfers_.end(), submitted.begin(), submitted.end());
    for (const auto& transfer : resumed) {
      if (!transfer->running) continue;  // ended meanwhile
      transfer->last_activity = Clock::now();
      {
        std::lock_guard lock(transfer->mutex);
        transfer->paused = false;
      }
      curl_.easy_pause(transfer->easy, CURLPAUSE_CONT);
    }
    return true;
  }

  // Transfers wait here for a place, and not inside libcurl, where the wait would count as connecting.
  void start_waiting() {
    std::vector<std::shared_ptr<Transfer>> refused;
    for (const auto& transfer : transfers_) {
      if (transfer->running) continue;
      auto& running = running_[transfer->origin];
      if (running >= std::max<std::size_t>(1, options_.connections_per_host)) continue;
      ++running;
      transfer->running = true;
      if (curl_.multi_add_handle(multi_, transfer->easy) != CURLM_OK) refused.push_back(transfer);
    }
    for (const auto& transfer : refused) finish(transfer, TransferEnd::libcurl, CURLE_FAILED_INIT);
  }

  bool collect_finished() {
    bool some = false;
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto code = message->data.result;  // the message goes with its handle
      const auto found = std::ranges::find(transfers_, message->easy_handle,
                                           [](const auto& transfer) { return transfer->easy; });
      if (found == transfers_.end()) continue;
      finish(*found, (*found)->end, code);
      some = true;
    }
    return some;
  }

  bool end_overdue() {
    const auto now = Clock::now();
    std::vector<std::shared_ptr<Transfer>> overdue;
    for (const auto& transfer : transfers_) {
      if (transfer->cancelled) {
        transfer->end = TransferEnd::cancelled;
      } else if (now >= transfer->deadline) {
        transfer->end = TransferEnd::deadline;
      } else if (now >= idle_deadline(*transfer)) {
        transfer->end = TransferEnd::idle;
      } else {
        continue;
      }
      overdue.push_back(transfer);
    }
    for (const auto& transfer : overdue) finish(transfer, transfer->end, CURLE_OK);
    return !overdue.empty();
  }

  // Before the request leaves, connect_timeout holds; while on_body is behind, the silence is ours.
  static Clock::time_point idle_deadline(Transfer& transfer) {
    if (!transfer.sent) return Clock::time_point::max();
    {
      std::lock_guard lock(transfer.mutex);
      if (transfer.paused) return Clock::time_point::max();
    }
    return Transfer::later(transfer.last_activity, transfer.request->idle_timeout);
  }

  int milliseconds_to_next_deadline() {
    auto next = Clock::now() + std::chrono::hours(1);
    for (const auto& transfer : transfers_) {
      next = std::min({next, transfer->deadline, idle_deadline(*transfer)});
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, wait.count()));
  }

  void finish(std::shared_ptr<Transfer> transfer, TransferEnd end, CURLcode code) {
    // libcurl takes a connection that ends among the headers for the end of a body without a length.
    if (code == CURLE_OK && end == TransferEnd::libcurl && !transfer->head_complete)
      code = CURLE_PARTIAL_FILE;
    // Another address of the host may have been allowed; then all is well.
    if (code != CURLE_OK && end == TransferEnd::libcurl && !transfer->sent && !transfer->refused.empty()) {
      end = TransferEnd::address;
    }
    const bool good = end == TransferEnd::libcurl && code == CURLE_OK;
    std::optional<core::Error> error;
    if (!good) error = explain(failure_of(*transfer, end, code));
    if (transfer->running) {
      curl_.multi_remove_handle(multi_, transfer->easy);
      const auto place = running_.find(transfer->origin);
      if (--place->second == 0) running_.erase(place);
      transfer->running = false;
    }
    release(*transfer);
    std::erase(transfers_, transfer);
    transfer->response.elapsed =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - transfer->begun);

    std::lock_guard lock(transfer->mutex);
    transfer->error = std::move(error);
    transfer->done = true;
    transfer->changed.notify_all();
  }

  FailedTransfer failure_of(const Transfer& transfer, TransferEnd end, CURLcode code) const {
    long connect_status = 0;
    double lookup_seconds = 0;
    curl_.easy_getinfo(transfer.easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    curl_.easy_getinfo(transfer.easy, CURLINFO_NAMELOOKUP_TIME, &lookup_seconds);
    const char* text = transfer.error_text.c_str();
    const std::string_view own = code == CURLE_OK ? "" : curl_.easy_strerror(code);
    return {.end = end,
            .curl_code = code,
            .detail = std::string(*text ? std::string_view(text) : own),
            .origin = transfer.origin,
            .target = transfer.origin + transfer.url.path.substr(0, kMaxTargetInMessage),
            .proxy = proxy_name(transfer.proxy),
            .connect_status = connect_status,
            .started = transfer.running,
            .resolved = lookup_seconds > 0,
            .sent = transfer.sent,
            .answered = transfer.response.status != 0,
            .limit = transfer.request->max_response_bytes,
            .refused = transfer.refused};
  }

  const Curl curl_;
  CURLM* const multi_;
  const HttpClientOptions options_;

  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<std::shared_ptr<Transfer>> submitted_;
  std::vector<std::shared_ptr<Transfer>> resumed_;

  // Of the engine's thread.
  std::vector<std::shared_ptr<Transfer>> transfers_;
  std::map<std::string, std::size_t> running_;  // by origin
  std::thread thread_;
};

}  // namespace

core::Result<std::unique_ptr<TransferEngine>> TransferEngine::start(HttpClientOptions options) {
  return CurlEngine::create(std::move(options));
}

}  // namespace net
