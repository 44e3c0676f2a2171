// get_user through okta-mcp-server beside a keep-alive GET by libcurl on the same org, alternating in one
// run.
//
//   bench_org SERVER LOGIN [CALLS]      with OKTA_ORG_URL and OKTA_API_TOKEN set
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <curl/curl.h>
#include <string>
#include <vector>

#include "core/encoding.h"
#include "mcp/stdio_client.h"

namespace {

using Clock = std::chrono::steady_clock;

std::size_t discard(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

double median(std::vector<double>& values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: bench_org SERVER LOGIN [CALLS]\n", stderr);
    return 2;
  }
  int calls = argc > 3 ? std::atoi(argv[3]) : 3000;
  auto client = mcp::StdioClient::start({.argv = {argv[1]}});
  if (!client) {
    std::fprintf(stderr, "%s\n", core::describe(client.error()).c_str());
    return 1;
  }
  auto user = (*client)->call_tool("get_user", {{"user_id", argv[2]}, {"fields", core::json::Array{"id"}}});
  std::string id = user ? mcp::result_text(*user) : std::string{};
  auto at = id.find("\"00u");
  if (at == std::string::npos) {
    std::fprintf(stderr, "no such user: %s\n", id.c_str());
    return 1;
  }
  id = id.substr(at + 1, 20);

  CURL* curl = curl_easy_init();
  std::string url = std::string(std::getenv("OKTA_ORG_URL")) + "/api/v1/users/" + id;
  std::string header = std::string("Authorization: SSWS ") + std::getenv("OKTA_API_TOKEN");
  curl_slist* headers = curl_slist_append(nullptr, header.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);

  std::vector<double> ours, floor;
  for (int i = 0; i < calls; ++i) {
    auto begin = Clock::now();
    auto result = (*client)->call_tool("get_user", {{"user_id", id}});
    if (!result) {
      std::fprintf(stderr, "call %d: %s\n", i, core::describe(result.error()).c_str());
      return 1;
    }
    ours.push_back(us_since(begin));
    begin = Clock::now();
    if (const auto code = curl_easy_perform(curl); code != CURLE_OK) {
      std::fprintf(stderr, "call %d by libcurl: %s\n", i, curl_easy_strerror(code));
      return 1;
    }
    floor.push_back(us_since(begin));
  }
  double a = median(ours), b = median(floor);
  std::printf(
      "get_user   p50 %.0f us through the server, %.0f us by libcurl keep-alive   ratio %.2f, difference "
      "%.0f us\n",
      a, b, a / b, a - b);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return 0;
}
