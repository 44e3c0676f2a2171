#include "core/postgres.h"

#include <array>
#include <cerrno>
#include <dlfcn.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <map>
#include <optional>
#include <poll.h>
#include <type_traits>

#include "core/lane.h"

namespace core {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// Long enough to say what is wrong, and one line.
constexpr std::size_t kMaxReason = 300;
constexpr std::size_t kMaxRows = 100'000;
constexpr std::size_t kMaxPrepared = 500;  // statements that a line keeps ready

struct Pq {
  decltype(&PQconnectdbParams) connectdb_params = nullptr;
  decltype(&PQfinish) finish = nullptr;
  decltype(&PQstatus) status = nullptr;
  decltype(&PQerrorMessage) error_message = nullptr;
  decltype(&PQsocket) socket = nullptr;
  decltype(&PQpass) pass = nullptr;
  decltype(&PQsendQuery) send_query = nullptr;
  decltype(&PQsendPrepare) send_prepare = nullptr;
  decltype(&PQsendQueryPrepared) send_query_prepared = nullptr;
  decltype(&PQflush) flush = nullptr;
  decltype(&PQsetnonblocking) setnonblocking = nullptr;
  decltype(&PQconsumeInput) consume_input = nullptr;
  decltype(&PQisBusy) is_busy = nullptr;
  decltype(&PQgetResult) get_result = nullptr;
  decltype(&PQresultStatus) result_status = nullptr;
  decltype(&PQresultErrorField) result_error_field = nullptr;
  decltype(&PQntuples) ntuples = nullptr;
  decltype(&PQnfields) nfields = nullptr;
  decltype(&PQgetvalue) getvalue = nullptr;
  decltype(&PQgetlength) getlength = nullptr;
  decltype(&PQclear) clear = nullptr;
  decltype(&PQconninfoParse) conninfo_parse = nullptr;
  decltype(&PQconninfoFree) conninfo_free = nullptr;
  decltype(&PQfreemem) freemem = nullptr;
  decltype(&PQsetNoticeProcessor) set_notice_processor = nullptr;
};

// nullptr when it is not installed. Never unloaded: OpenSSL below it registers handlers for the end of the
// process.
const Pq* library() {
  static const std::optional<Pq> loaded = []() -> std::optional<Pq> {
    void* handle = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) return std::nullopt;
    Pq pq;
    bool whole = true;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
      whole = whole && function != nullptr;
    };
    find(pq.connectdb_params, "PQconnectdbParams");
    find(pq.finish, "PQfinish");
    find(pq.status, "PQstatus");
    find(pq.error_message, "PQerrorMessage");
    find(pq.socket, "PQsocket");
    find(pq.pass, "PQpass");
    find(pq.send_query, "PQsendQuery");
    find(pq.send_prepare, "PQsendPrepare");
    find(pq.send_query_prepared, "PQsendQueryPrepared");
    find(pq.flush, "PQflush");
    find(pq.setnonblocking, "PQsetnonblocking");
    find(pq.consume_input, "PQconsumeInput");
    find(pq.is_busy, "PQisBusy");
    find(pq.get_result, "PQgetResult");
    find(pq.result_status, "PQresultStatus");
    find(pq.result_error_field, "PQresultErrorField");
    find(pq.ntuples, "PQntuples");
    find(pq.nfields, "PQnfields");
    find(pq.getvalue, "PQgetvalue");
    find(pq.getlength, "PQgetlength");
    find(pq.clear, "PQclear");
    find(pq.conninfo_parse, "PQconninfoParse");
    find(pq.conninfo_free, "PQconninfoFree");
    find(pq.freemem, "PQfreemem");
    find(pq.set_notice_processor, "PQsetNoticeProcessor");
    return whole ? std::optional(pq) : std::nullopt;
  }();
  return loaded ? &*loaded : nullptr;
}

std::unexpected<Error> lost(std::string reason) {
  return fail(ErrorKind::unavailable, "core.postgres.lost",
              fmt::format("The line to PostgreSQL broke: {}", std::move(reason)));
}

// libpq's words on one line, without the password, should it have got into them.
std::string reason_of(std::string_view text, std::string_view password) {
  std::string out;
  for (char c : text.substr(0, kMaxReason)) out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  while (out.ends_with(' ')) out.pop_back();
  if (!password.empty() && out.contains(password)) return "the reason would show the password";
  return out.empty() ? std::string("no reason given") : out;
}

// What has to be so on every connection, whatever the database or the role is set to. synchronous_commit is
// only raised: a site that asks for more (remote_apply) keeps it.
std::string session_settings(milliseconds statement_timeout) {
  return fmt::format(
      "SET statement_timeout = {0}; SET lock_timeout = {0}; SET idle_in_transaction_session_timeout = {1}; "
      "SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; "
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
      "'off'",
      statement_timeout.count(), 3 * statement_timeout.count());
}

}  // namespace

struct PostgresConnection::Impl {
  const Pq& pq;
  PGconn* handle;
  milliseconds patience;
  std::map<std::string, std::string> prepared;  // SQL → name
  bool usable = true;

  ~Impl() { pq.finish(handle); }

  std::string reason() const {
    const char* password = pq.pass(handle);
    return reason_of(pq.error_message(handle), password != nullptr ? password : "");
  }
  std::unexpected<Error> broken(std::string reason) {
    usable = false;
    return lost(std::move(reason));
  }

  // Waits for `events` on the socket.
  Status wait_for(short events, SteadyClock::time_point until) {
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(until - SteadyClock::now()).count();
      pollfd socket{.fd = pq.socket(handle), .events = events, .revents = 0};
      const int ready = left > 0 ? ::poll(&socket, 1, static_cast<int>(left)) : 0;
      if (ready > 0) return {};
      if (ready < 0 && errno == EINTR) continue;
      return broken("the server did not answer in time.");
    }
  }

  // What the server says to what was just sent.
  Result<SqlRows> answer() {
    const auto until = SteadyClock::now() + patience;
    for (int unsent = pq.flush(handle); unsent != 0; unsent = pq.flush(handle)) {
      if (unsent < 0) return broken(reason());
      RETURN_IF_ERROR(wait_for(POLLOUT | POLLIN, until));
      if (pq.consume_input(handle) == 0) return broken(reason());
    }
    Result<SqlRows> outcome;
    for (;;) {
      while (pq.is_busy(handle) != 0) {
        RETURN_IF_ERROR(wait_for(POLLIN, until));
        if (pq.consume_input(handle) == 0) return broken(reason());
      }
      PGresult* result = pq.get_result(handle);
      if (result == nullptr) return outcome;
      if (outcome) outcome = read(result);
      pq.clear(result);
    }
  }

  Result<SqlRows> read(PGresult* result) {
    const ExecStatusType status = pq.result_status(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return refusal(result);
    SqlRows rows;
    const int count = pq.ntuples(result), columns = pq.nfields(result);
    if (static_cast<std::size_t>(count) > kMaxRows) {
      return fail(ErrorKind::too_large, "core.postgres.sql", "PostgreSQL answered more rows than expected.");
    }
    rows.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      SqlRow& row = rows.emplace_back();
      row.reserve(static_cast<std::size_t>(columns));
      for (int k = 0; k < columns; ++k) {
        row.emplace_back(pq.getvalue(result, i, k), static_cast<std::size_t>(pq.getlength(result, i, k)));
      }
    }
    return rows;
  }

  std::unexpected<Error> refusal(PGresult* result) {
    const char* field = pq.result_error_field(result, PG_DIAG_SQLSTATE);
    const std::string_view state = field != nullptr ? field : "";
    // Connection exceptions, an administrator who ends it, a server that became a standby: this line is of no
    // use any more (PostgreSQL 15, appendix A).
    if (state.empty() || state.starts_with("08") || state.starts_with("57P") || state == "25006" ||
        pq.status(handle) != CONNECTION_OK) {
      return broken(reason());
    }
    const std::string text = fmt::format("PostgreSQL refused: {} (SQLSTATE {}).", reason(), state);
    if (state == "42501") return fail(ErrorKind::forbidden, "core.postgres.rights", text);
    if (state == "40001" || state == "40P01") {
      return fail(ErrorKind::unavailable, "core.postgres.again", text);
    }
    if (state == "23505") return fail(ErrorKind::conflict, "core.postgres.unique", text);
    return fail(ErrorKind::unavailable, "core.postgres.sql", text);
  }
};

PostgresConnection::PostgresConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresConnection::~PostgresConnection() = default;

Status PostgresConnection::execute(const std::string& sql) {
  if (impl_->pq.send_query(impl_->handle, sql.c_str()) == 0) return impl_->broken(impl_->reason());
  RETURN_IF_ERROR(impl_->answer());
  return {};
}

Result<SqlRows> PostgresConnection::run(const std::string& sql, SqlParameters parameters) {
  Impl& impl = *impl_;
  auto found = impl.prepared.find(sql);
  if (found == impl.prepared.end()) {
    if (impl.prepared.size() >= kMaxPrepared) {
      RETURN_IF_ERROR(execute("DEALLOCATE ALL"));
      impl.prepared.clear();
    }
    const std::string name = fmt::format("s{}", impl.prepared.size());
    if (impl.pq.send_prepare(impl.handle, name.c_str(), sql.c_str(), 0, nullptr) == 0) {
      return impl.broken(impl.reason());
    }
    RETURN_IF_ERROR(impl.answer());
    found = impl.prepared.emplace(sql, name).first;
  }
  // As text, libpq takes them with a NUL at the end.
  std::vector<std::string> texts(parameters.begin(), parameters.end());
  std::vector<const char*> values;
  values.reserve(texts.size());
  for (const auto& text : texts) values.push_back(text.c_str());
  const int sent =
      impl.pq.send_query_prepared(impl.handle, found->second.c_str(), static_cast<int>(values.size()),
                                  values.data(), nullptr, nullptr, 0);
  for (auto& text : texts) wipe(text);
  if (sent == 0) return impl.broken(impl.reason());
  return impl.answer();
}

// A line that the server closed while it lay idle says so before anything is sent on it.
bool PostgresConnection::alive() {
  pollfd socket{.fd = impl_->pq.socket(impl_->handle), .events = POLLIN, .revents = 0};
  // Its last words first, then the end, which stays readable.
  while (::poll(&socket, 1, 0) > 0) {
    if (impl_->pq.consume_input(impl_->handle) == 0) return false;
  }
  return impl_->usable && impl_->pq.status(impl_->handle) == CONNECTION_OK;
}

// A connection on its way to its user and back.
class Postgres::Borrowed {
 public:
  Borrowed(Postgres& pool, std::unique_ptr<PostgresConnection> connection)
      : pool_(&pool), connection_(std::move(connection)) {}
  Borrowed(Borrowed&& other) noexcept : pool_(other.pool_), connection_(std::move(other.connection_)) {}
  Borrowed& operator=(Borrowed&&) = delete;
  ~Borrowed() {
    if (connection_) pool_->give_back(std::move(connection_));
  }
  PostgresConnection* operator->() const { return connection_.get(); }
  PostgresConnection& operator*() const { return *connection_; }

 private:
  Postgres* pool_;
  std::unique_ptr<PostgresConnection> connection_;
};

Postgres::Postgres(PostgresOptions options) : options_(std::move(options)) {}
Postgres::~Postgres() = default;

void Postgres::give_back(std::unique_ptr<PostgresConnection> connection) {
  {
    std::lock_guard lock(mutex_);
    if (connection->impl_->usable) {
      idle_.push_back(std::move(connection));
    } else {
      --open_;
    }
  }
  returned_.notify_one();
}

Result<Postgres::Borrowed> Postgres::borrow() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->alive()) return Borrowed(*this, std::move(connection));
      --open_;
      continue;
    }
    if (open_ < options_.connections) break;
    const Parked parked;
    if (!returned_.wait_for(lock, 2 * options_.statement_timeout,
                            [&] { return !idle_.empty() || open_ < options_.connections; })) {
      return fail(ErrorKind::unavailable, "core.postgres.busy",
                  fmt::format("All {} connections to PostgreSQL have been in use for too long.", open_));
    }
  }
  ++open_;
  lock.unlock();
  auto connection = connect();
  if (connection) return Borrowed(*this, *std::move(connection));
  lock.lock();
  --open_;
  lock.unlock();
  returned_.notify_one();
  return std::unexpected(std::move(connection).error());
}

Result<std::unique_ptr<PostgresConnection>> Postgres::connect() {
  const Pq* pq = library();
  if (pq == nullptr) {
    return fail(ErrorKind::unavailable, "core.postgres.library",
                "PostgreSQL's client library (libpq.so.5) is not installed or too old.",
                "Install it: apt install libpq5");
  }
  const std::string& uri = options_.connection.reveal();
  // Its own words about a bad URI repeat it, with the password.
  char* complaint = nullptr;
  PQconninfoOption* parsed = pq->conninfo_parse(uri.c_str(), &complaint);
  if (complaint != nullptr) pq->freemem(complaint);
  if (parsed == nullptr) {
    return fail(
        ErrorKind::invalid_input, "core.postgres.setting", "The connection URI of PostgreSQL is malformed.",
        "It looks like postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full; characters that "
        "mean something in a URI are written as %XX.");
  }
  pq->conninfo_free(parsed);
  const std::string seconds =
      fmt::format("{}", std::max<std::int64_t>(2, options_.connect_timeout.count() / 1000));
  const std::string dead_after = fmt::format("{}", 2 * options_.statement_timeout.count());
  // What stands before dbname are defaults: the URI overrides them. A standby would refuse every change.
  const std::array<std::pair<const char*, const char*>, 6> parameters{{
      {"fallback_application_name", options_.application.c_str()},
      {"connect_timeout", seconds.c_str()},
      {"tcp_user_timeout", dead_after.c_str()},
      {"target_session_attrs", "read-write"},
      {"dbname", uri.c_str()},
      {"client_encoding", "UTF8"},
  }};
  std::array<const char*, parameters.size() + 1> keys{}, values{};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    keys[i] = parameters[i].first;
    values[i] = parameters[i].second;
  }
  PGconn* handle = pq->connectdb_params(keys.data(), values.data(), 1);
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection(
      std::make_unique<PostgresConnection::Impl>(*pq, handle, 2 * options_.statement_timeout)));
  if (pq->status(handle) != CONNECTION_OK) {
    return fail(
        ErrorKind::unavailable, "core.postgres.connect",
        fmt::format("PostgreSQL at {} cannot be reached: {}", place(uri), connection->impl_->reason()));
  }
  // Its default writes to stderr, which is a host's log.
  pq->set_notice_processor(handle, [](void*, const char*) {}, nullptr);
  pq->setnonblocking(handle, 1);
  RETURN_IF_ERROR(connection->execute(session_settings(options_.statement_timeout)));
  if (options_.on_connect) RETURN_IF_ERROR(options_.on_connect(*connection));
  return connection;
}

Result<SqlRows> Postgres::run(const std::string& sql, SqlParameters parameters, bool repeatable) {
  Result<SqlRows> outcome;
  for (int attempt = 0; attempt < (repeatable ? 2 : 1); ++attempt) {
    ASSIGN_OR_RETURN(const Borrowed connection, borrow());
    outcome = connection->run(sql, parameters);
    if (outcome || outcome.error().code != "core.postgres.lost") break;
  }
  return outcome;
}

Status Postgres::transaction(const std::function<Status(PostgresConnection&)>& work) {
  ASSIGN_OR_RETURN(const Borrowed connection, borrow());
  RETURN_IF_ERROR(connection->execute("BEGIN"));
  // Should `work` throw: nobody gets a line with half a transaction.
  struct Unfinished {
    bool& usable;
    bool over = false;
    ~Unfinished() { usable = usable && over; }
  } unfinished{connection->impl_->usable};
  Status outcome = work(*connection);
  unfinished.over = true;
  if (outcome) return connection->execute("COMMIT");
  // Should it fail, the line is broken, and with it the transaction.
  static_cast<void>(connection->execute("ROLLBACK"));
  return outcome;
}

std::string Postgres::place(std::string_view uri) {
  if (auto scheme = uri.find("://"); scheme != std::string_view::npos) uri.remove_prefix(scheme + 3);
  uri = uri.substr(0, uri.find_first_of("?#"));
  // The last one: a password may hold an '@' that should have been written as %40.
  if (auto user = uri.rfind('@'); user != std::string_view::npos) uri.remove_prefix(user + 1);
  return std::string(uri.empty() ? std::string_view("the default host") : uri);
}

}  // namespace core
