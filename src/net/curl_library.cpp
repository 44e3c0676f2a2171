#include <dlfcn.h>
#include <fmt/format.h>
#include <type_traits>

#include "net/curl_impl.h"

namespace net {

core::Error library_error(std::string_view what) {
  return {.kind = core::ErrorKind::unavailable,
          .code = "net.library",
          .message = fmt::format("The HTTP library cannot be used: {}.", what),
          .hint = "Install the Debian package libcurl4 (7.87 or newer)."};
}

core::Result<Curl> Curl::load() {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return core::fail(library_error("libcurl.so.4 is not installed"));
  Curl curl;
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    complete = complete && function;
  };
  find(curl.global_init, "curl_global_init");
  find(curl.easy_init, "curl_easy_init");
  find(curl.easy_setopt, "curl_easy_setopt");
  find(curl.easy_getinfo, "curl_easy_getinfo");
  find(curl.easy_pause, "curl_easy_pause");
  find(curl.easy_cleanup, "curl_easy_cleanup");
  find(curl.easy_strerror, "curl_easy_strerror");
  find(curl.slist_append, "curl_slist_append");
  find(curl.slist_free_all, "curl_slist_free_all");
  find(curl.multi_init, "curl_multi_init");
  find(curl.multi_setopt, "curl_multi_setopt");
  find(curl.multi_add_handle, "curl_multi_add_handle");
  find(curl.multi_remove_handle, "curl_multi_remove_handle");
  find(curl.multi_perform, "curl_multi_perform");
  find(curl.multi_poll, "curl_multi_poll");
  find(curl.multi_wakeup, "curl_multi_wakeup");
  find(curl.multi_info_read, "curl_multi_info_read");
  find(curl.multi_cleanup, "curl_multi_cleanup");
  if (!complete) return core::fail(library_error("libcurl.so.4 is too old"));
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return core::fail(library_error("libcurl failed to start"));
  }
  return curl;
}

}  // namespace net
