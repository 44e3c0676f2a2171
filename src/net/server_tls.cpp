#include "net/server_tls.h"

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "core/log.h"

namespace net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11.data(), kHttp11.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 section 3.2
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::string reason_of(error_code error) {
  const char* reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
  return reason ? reason : error.message();
}

std::unexpected<core::Error> tls_error(std::string message, std::string hint) {
  return core::fail(core::ErrorKind::invalid_input, "net.tls", std::move(message), std::move(hint));
}

core::Status check_readable(std::string_view what, const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  return tls_error(fmt::format("The {} {} cannot be read: {}.", what, path, std::strerror(errno)),
                   "Check the path, and that the user the server runs as may read the file.");
}

class Context final : public TlsContext {
 public:
  Context() : context_(ssl::context::tls_server) { set_defaults(context_.native_handle()); }

  ssl::context& context() override { return context_; }

  core::Status load(const TlsFiles& files) {
    RETURN_IF_ERROR(check_readable("certificate file", files.cert_file));
    RETURN_IF_ERROR(check_readable("key file", files.key_file));
    error_code error;
    (void)context_.use_certificate_chain_file(files.cert_file, error);
    if (error) {
      return tls_error(
          fmt::format("The certificate file {} cannot be used: {}.", files.cert_file, reason_of(error)),
          "It must be PEM (-----BEGIN CERTIFICATE-----): the server's certificate first, then its chain.");
    }
    RETURN_IF_ERROR(load_key(files));
    const X509* certificate = SSL_CTX_get0_certificate(context_.native_handle());
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
      core::log(core::LogLevel::warning, "net", "The TLS certificate has expired; clients will refuse it.",
                {{"file", files.cert_file}});
    }
    return {};
  }

 private:
  // The ciphers are those of Mozilla's "intermediate" profile without finite-field Diffie-Hellman; TLS 1.3
  // has its own list, which needs no help.
  static void set_defaults(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    // Clients resume with tickets, which cost the server no memory; one is enough.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  }

  core::Status load_key(const TlsFiles& files) {
    // The context keeps the callback, so it must not refer to this call.
    const auto asked_for_passphrase = std::make_shared<bool>(false);
    error_code error;
    (void)context_.set_password_callback(
        [asked_for_passphrase](std::size_t, ssl::context::password_purpose) {
          *asked_for_passphrase = true;
          return std::string();
        },
        error);
    (void)context_.use_private_key_file(files.key_file, ssl::context::pem, error);
    if (*asked_for_passphrase) {
      return tls_error(fmt::format("The key file {} has a passphrase.", files.key_file),
                       fmt::format("Write a copy without one, for this server alone: openssl pkey -in {}",
                                   files.key_file));
    }
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    if (error && reason != X509_R_KEY_VALUES_MISMATCH && reason != X509_R_KEY_TYPE_MISMATCH) {
      return tls_error(fmt::format("The key file {} cannot be used: {}.", files.key_file, reason_of(error)),
                       "It must be a private key in PEM (-----BEGIN PRIVATE KEY-----).");
    }
    if (error || SSL_CTX_check_private_key(context_.native_handle()) != 1) {
      return tls_error(fmt::format("The key in {} does not belong to the certificate in {}.", files.key_file,
                                   files.cert_file),
                       "Give the two files that were made together; the server's certificate comes first.");
    }
    return {};
  }

  ssl::context context_;
};

}  // namespace

core::Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files) {
  try {
    auto context = std::make_shared<Context>();
    RETURN_IF_ERROR(context->load(files));
    return context;
  } catch (const std::exception& error) {
    return tls_error(fmt::format("OpenSSL makes no TLS context: {}.", error.what()), "");
  }
}

}  // namespace net
