#include "oauth/loopback_redirect.h"

#include <fmt/format.h>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_socket.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::minutes;
using testing::HasSubstr;
using testing::Not;

const std::string kState = "state-of-this-sign-in-0123456789abcdefghijk";

class LoopbackRedirectTest : public testing::Test {
 protected:
  void SetUp() override {
    auto redirect = LoopbackRedirect::start(0, kState);
    ASSERT_TRUE(redirect);
    redirect_ = std::move(*redirect);
    port_ = net::parse_url(redirect_->uri())->port;
  }

  // What a browser would send, but for what a case changes.
  std::string request(std::string_view target, std::string_view method = "GET", std::string host = "") const {
    if (host.empty()) host = fmt::format("127.0.0.1:{}", port_);
    return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", method, target, host);
  }
  std::string exchange(const std::string& bytes) const {
    auto browser = net::TestSocket::connect(port_);
    browser.send(bytes);
    return browser.read_message();
  }
  std::future<core::Result<net::Query>> waiting() {
    auto result = std::async(std::launch::async,
                             [this] { return redirect_->wait({}, clock_, clock_.steady() + minutes{10}); });
    EXPECT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
    return result;
  }

  core::FakeClock clock_;
  std::unique_ptr<LoopbackRedirect> redirect_;
  std::uint16_t port_ = 0;
};

TEST_F(LoopbackRedirectTest, HandsOutTheAnswerAndShowsHowItEnded) {
  EXPECT_EQ(redirect_->uri(), fmt::format("http://127.0.0.1:{}/callback", port_));
  auto result = waiting();
  auto browser = net::TestSocket::connect(port_);
  browser.send(request("/callback?code=abc%20d&state=" + kState));
  const auto query = result.get();
  ASSERT_TRUE(query);
  EXPECT_EQ(*query, (net::Query{{"code", "abc d"}, {"state", kState}}));
  redirect_->answer({.title = "You are <signed> in", .text = "\"Tom\" & <script>alert(1)</script>"});
  const auto page = browser.read_to_end();
  EXPECT_THAT(page, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("You are &lt;signed&gt; in"));
  EXPECT_THAT(page, HasSubstr("&quot;Tom&quot; &amp; &lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  for (const auto* header :
       {"Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "
        "'none'\r\n",
        "Cache-Control: no-store\r\n", "Referrer-Policy: no-referrer\r\n",
        "X-Content-Type-Options: nosniff\r\n", "Content-Type: text/html; charset=utf-8\r\n"}) {
    EXPECT_THAT(page, HasSubstr(header));
  }
  EXPECT_THAT(page, Not(HasSubstr("Access-Control"))) << "no other page may read it";
  EXPECT_EQ(net::TestSocket::connect(port_).fd(), -1) << "nothing listens any more";
}

TEST_F(LoopbackRedirectTest, AnswersEverythingElseAndGoesOnWaiting) {
  const std::string good = "/callback?code=abc&state=" + kState;
  const std::string host = fmt::format("127.0.0.1:{}", port_);
  struct Case {
    std::string what;
    std::string bytes;
    int status;
  };
  const Case cases[] = {
      {"favicon", request("/favicon.ico"), 404},
      {"the root", request("/"), 404},
      {"another path", request("/callback/x?code=abc&state=" + kState), 404},
      {"a path that only decodes to it", request("/%63allback?code=abc&state=" + kState), 404},
      {"a path in other letters", request("/Callback?code=abc&state=" + kState), 404},
      {"no query", request("/callback"), 400},
      {"no state", request("/callback?code=abc"), 400},
      {"a wrong state", request("/callback?code=abc&state=guessed"), 400},
      {"a state cut short", request("/callback?code=abc&state=" + kState.substr(1)), 400},
      {"an empty state", request("/callback?code=abc&state="), 400},
      {"the state twice", request(good + "&state=" + kState), 400},
      {"another state before", request("/callback?state=x&code=abc&state=" + kState), 400},
      {"an error with a wrong state", request("/callback?error=access_denied&state=guessed"), 400},
      {"a query that is none", request(good + "&x=%zz"), 400},
      {"a query over the limit", request(good + "&x=" + std::string(9000, 'x')), 400},
      {"a request line over the server's limit", request(good + "&x=" + std::string(40000, 'x')), 431},
      {"POST", request(good, "POST"), 405},
      {"HEAD", request(good, "HEAD"), 405},
      {"OPTIONS, as a page of another site would ask first", request(good, "OPTIONS"), 405},
      {"a name rebound to this machine", request(good, "GET", "evil.example"), 403},
      {"that name with the port", request(good, "GET", fmt::format("evil.example:{}", port_)), 403},
      {"localhost, which is another origin", request(good, "GET", fmt::format("localhost:{}", port_)), 403},
      {"no port", request(good, "GET", "127.0.0.1"), 403},
      {"another port", request(good, "GET", "127.0.0.1:1"), 403},
      {"two hosts", "GET " + good + " HTTP/1.1\r\nHost: " + host + "\r\nHost: " + host + "\r\n\r\n", 400},
      {"no HTTP at all", "\x16\x03\x01\x02\r\n\r\n", 400},
  };
  auto result = waiting();
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    auto browser = net::TestSocket::connect(port_);
    browser.send(each.bytes);
    const auto answer = browser.read_until("\r\n\r\n");
    EXPECT_TRUE(answer.starts_with(fmt::format("HTTP/1.1 {} ", each.status))) << answer;
  }
  EXPECT_EQ(clock_.waiters(), 1) << "nothing of this ended the wait";
  auto browser = net::TestSocket::connect(port_);
  browser.send(request(good));
  EXPECT_TRUE(result.get());
}

TEST_F(LoopbackRedirectTest, IsServedOnce) {
  auto result = waiting();
  auto browser = net::TestSocket::connect(port_);
  browser.send(request("/callback?code=first&state=" + kState));
  const auto query = result.get();
  ASSERT_TRUE(query);
  EXPECT_EQ(net::query_value(*query, "code"), "first");
  EXPECT_THAT(exchange(request("/callback?code=second&state=" + kState)), HasSubstr("HTTP/1.1 409"));
  redirect_->answer({.title = "Done", .text = "the first"});
  EXPECT_THAT(browser.read_to_end(), HasSubstr("the first"));
}

TEST_F(LoopbackRedirectTest, SendsTheBrowserOnAndWaitsAgain) {
  auto first = waiting();
  auto browser = net::TestSocket::connect(port_);
  browser.send(request("/callback?error=invalid_scope&state=" + kState));
  ASSERT_TRUE(first.get());
  redirect_->go_on("https://acme.okta.test/oauth2/v1/authorize?x=y", "second-state");
  const auto onward = browser.read_message();
  EXPECT_THAT(onward, HasSubstr("HTTP/1.1 303"));
  EXPECT_THAT(onward, HasSubstr("Location: https://acme.okta.test/oauth2/v1/authorize?x=y\r\n"));
  auto second = waiting();
  EXPECT_THAT(exchange(request("/callback?code=abc&state=" + kState)), HasSubstr("HTTP/1.1 400"))
      << "the first state is used up";
  browser.send(request("/callback?code=abc&state=second-state"));
  EXPECT_TRUE(second.get());
}

TEST_F(LoopbackRedirectTest, GivesUpInTime) {
  auto result = waiting();
  clock_.advance(minutes{10});
  const auto query = result.get();
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code, "oauth.callback_timeout");
  EXPECT_EQ(query.error().kind, core::ErrorKind::timeout);
  EXPECT_THAT(query.error().hint, HasSubstr(redirect_->uri()))
      << "the likeliest cause is that it is not registered";
}

TEST_F(LoopbackRedirectTest, GivesUpWhenStopped) {
  std::stop_source stop;
  auto result = std::async(std::launch::async, [&] {
    return redirect_->wait({.stop = stop.get_token()}, clock_, clock_.steady() + minutes{10});
  });
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  stop.request_stop();
  EXPECT_EQ(result.get().error().code, "oauth.cancelled");
}

TEST_F(LoopbackRedirectTest, TellsABrowserThatComesTooLate) {
  auto browser = net::TestSocket::connect(port_);
  browser.send(request("/callback?code=abc&state=" + kState));
  ASSERT_TRUE(redirect_->wait({}, clock_, clock_.steady() + minutes{10}));
  redirect_.reset();
  EXPECT_THAT(browser.read_to_end(), HasSubstr("given up"));
}

TEST_F(LoopbackRedirectTest, NamesThePortThatIsTakenAndTheWayOut) {
  const auto second = LoopbackRedirect::start(port_, kState);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "oauth.redirect_port");
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(port_)));
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
  EXPECT_THAT(second.error().hint, HasSubstr("--port"));
  EXPECT_THAT(second.error().hint, HasSubstr("OKTA_MCP_REDIRECT_PORT"));
  EXPECT_THAT(second.error().hint, HasSubstr("Sign-in redirect URIs"));
  const auto other = port_ == 65535 ? port_ - 1 : port_ + 1;
  EXPECT_THAT(second.error().hint, HasSubstr(fmt::format("http://127.0.0.1:{}/callback", other)));
}

}  // namespace
}  // namespace oauth
