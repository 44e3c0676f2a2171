#include "rotating_org.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <unistd.h>

#include "net/url.h"

namespace soak {
namespace {

net::ServerResponse json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

net::ServerResponse refusal(std::string_view error, std::string_view description) {
  return json(400, fmt::format(R"({{"error":"{}","error_description":"{}"}})", error, description));
}

}  // namespace

std::string RotatingOrg::refresh_token(int login, int number) {
  return fmt::format("refresh-{}-{}-s3cr3t", login, number);
}

void RotatingOrg::run() {
  auto server =
      net::HttpServer::start({.workers = 4}, [this](const auto& request) { return answer(request); });
  if (!server) {
    std::fprintf(stderr, "the org cannot listen: %s\n", server.error().message.c_str());
    ::_exit(1);
  }
  counts_.port = (*server)->port();
  for (;;) ::pause();
}

net::ServerResponse RotatingOrg::answer(const net::ServerRequest& request) {
  const auto form = net::parse_query(request.body);
  if (!form) {
    ++counts_.strange;
    return refusal("invalid_request", "no form");
  }
  const auto field = [&](std::string_view name) { return net::query_value(*form, name).value_or(""); };
  const std::lock_guard lock(mutex_);
  net::ServerResponse response;
  if (request.path == "/oauth2/v1/device/authorize") {
    response = json(200, fmt::format(R"({{"device_code":"device-s3cr3t","user_code":"ABCD","expires_in":600,)"
                                     R"("interval":1,"verification_uri":"http://127.0.0.1:{}/activate"}})",
                                     counts_.port.load()));
  } else if (field("grant_type") == "refresh_token") {
    response = refresh(field("refresh_token"));
  } else if (field("device_code") == "device-s3cr3t") {
    ++counts_.sign_ins;
    const int login = logins_.rbegin()->first + 1;
    logins_[login] = {};
    response = tokens(login, 1);
  } else {
    ++counts_.strange;
    response = refusal("invalid_request", "what is this");
  }
  // The moment in which the org has done its part and the client does not know yet is as long as a network's.
  response.delay = std::chrono::milliseconds{random_() % 6};
  return response;
}

net::ServerResponse RotatingOrg::refresh(const std::string& token) {
  int number = 0, id = 0;
  if (std::sscanf(token.c_str(), "refresh-%d-%d-", &id, &number) != 2 || !logins_.contains(id)) {
    ++counts_.strange;
    return refusal("invalid_grant", "The refresh token is invalid or expired.");
  }
  Login& login = logins_[id];
  const auto now = std::chrono::steady_clock::now();
  if (login.ended) {
    ++counts_.after_end;
  } else if (number == login.present) {
    ++counts_.refreshes;
    login.before = number;
    login.forgiven_until = now + grace_;
    login.present = ++login.newest;
    return tokens(id, login.present);
  } else if (number == login.before && now < login.forgiven_until) {
    // The answer was lost: what it held is void, and there is another.
    ++counts_.forgiven;
    login.present = ++login.newest;
    return tokens(id, login.present);
  } else {
    ++counts_.reuses;
    login.ended = true;
  }
  return refusal("invalid_grant", "The refresh token is invalid or expired.");
}

net::ServerResponse RotatingOrg::tokens(int login, int number) {
  return json(200,
              fmt::format(R"({{"token_type":"Bearer","expires_in":3600,"access_token":"access-{}-{}-s3cr3t",)"
                          R"("refresh_token":"{}","scope":"okta.users.read"}})",
                          login, number, refresh_token(login, number)));
}

}  // namespace soak
