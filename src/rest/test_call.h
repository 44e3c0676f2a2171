// Requests for tests: a Call that owns what it refers to.
#pragma once

#include <memory>
#include <string>

#include "rest/router.h"

namespace rest {

struct TestCall {
  explicit TestCall(std::string target, net::Method method = net::Method::get, std::string body = {}) {
    request->method = method;
    request->target = target;
    const std::size_t mark = target.find('?');
    request->path = target.substr(0, mark);
    if (mark != std::string::npos) request->query = target.substr(mark + 1);
    request->body = std::move(body);
    call.query = net::parse_query(request->query).value_or(net::Query{});
  }
  std::unique_ptr<net::ServerRequest> request = std::make_unique<net::ServerRequest>();
  Call call{.http = *request, .params = {}, .query = {}, .caller = {}};
};

}  // namespace rest
