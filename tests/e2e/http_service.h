// `okta-mcp-server serve --http` as a process of its own, an authorization server that vouches for its
// callers, and requests as they go over the wire.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <vector>

#include "core/json.h"
#include "mcp/client.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "oauth/test_issuer.h"
#include "process.h"

namespace e2e {

class HttpService {
 public:
  // Returns once it serves, or has ended. Listens on a free port of 127.0.0.1 unless `arguments` name another
  // place with --http.
  HttpService(std::vector<std::string> arguments, const Environment& environment);
  ~HttpService();  // SIGTERM
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  bool up() const { return !url_.empty(); }
  const std::string& url() const { return url_; }  // of the endpoint, as it says itself
  std::string at(std::string_view path) const;     // the same origin
  const std::string& admin_url() const { return admin_url_; }
  pid_t pid() const { return pid_; }
  void signal(int number) const;
  int wait();  // exit status as a shell shows it
  int end();   // SIGTERM, then wait()
  std::string stderr_text() const;
  // Waits until stderr has the text `times` times; false when the process ends without.
  bool says(std::string_view text, int times = 1) const;

 private:
  std::string line_after(std::string_view mark) const;

  pid_t pid_ = -1;
  std::string url_, admin_url_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::string stderr_;  // both under mutex_
  bool ended_ = false;
  std::thread reader_;
};

// Metadata and keys on loopback; tokens of every kind.
class Issuer {
 public:
  Issuer();
  const std::string& name() const { return issuer_->name(); }
  // For `resource`, an hour long.
  std::string token(std::string_view subject, std::string_view scopes, std::string_view resource,
                    const oauth::test::Changes& changes = {}) const;

 private:
  std::unique_ptr<oauth::test::TestIssuer> issuer_;
  std::unique_ptr<net::HttpServer> server_;
};

// A request of the revision 2026-07-28, with the headers it needs.
struct Ask {
  std::string url;
  std::string token;  // empty: none is sent
  std::string method = "tools/call";
  std::string name;  // of the tool, prompt or resource
  core::json::Object params = {};
  core::json::Object abilities = {};
};
net::HttpRequest as_request(Ask ask);
Ask call(const std::string& url, const std::string& token, std::string tool,
         core::json::Object arguments = {});

// A caller: connections of its own.
class Caller {
 public:
  explicit Caller(std::string ca_file = {}) : http_(net::make_http_client({.ca_file = std::move(ca_file)})) {}
  // Status 0 and a failed test when there is no answer.
  net::HttpResponse send(const net::HttpRequest& request);
  net::HttpResponse send(Ask ask) { return send(as_request(std::move(ask))); }
  net::HttpResponse get(std::string url);
  // The text of a tool's answer, or whatever else came.
  std::string text(Ask ask);
  net::HttpClient& http() { return *http_; }
  // An MCP client of either era that sends this token.
  std::unique_ptr<mcp::Client> connect(const std::string& url, const std::string& token,
                                       mcp::ClientOptions options = {});

 private:
  std::unique_ptr<net::HttpClient> http_;
};

core::json::Value body_of(const net::HttpResponse& response);
// Status, headers and body.
std::string all_of(const net::HttpResponse& response);

// A request whose answer comes piece by piece, on a thread of its own.
class OpenRequest {
 public:
  OpenRequest(Caller& caller, net::HttpRequest request);
  explicit OpenRequest(Caller& caller, Ask ask) : OpenRequest(caller, as_request(std::move(ask))) {}
  ~OpenRequest();
  // Waits until the body has the text; false when it has ended without.
  bool sees(std::string_view text);
  // Waits for its end; ok() when the answer was complete.
  std::string finish();
  bool ok();     // after finish()
  int status();  // 0 until its head is there

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string body_;  // all under mutex_
  int status_ = 0;
  bool ended_ = false;
  bool ok_ = false;
  std::thread thread_;
};

// Until another process has come to where `done` is true; false after a minute.
bool eventually(const std::function<bool()>& done);

}  // namespace e2e
