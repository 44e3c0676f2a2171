#include "rest/browser.h"

#include <string>

namespace rest {

net::ServerResponse go_to(std::string_view url) {
  net::ServerResponse response;
  response.status = 303;
  response.headers = {
      {"Location", std::string(url)}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}};
  return response;
}

net::ServerResponse not_allowed(net::ServerResponse page, std::string_view methods) {
  page.status = 405;
  page.headers.set("Allow", std::string(methods));
  return page;
}

}  // namespace rest
