#include "net/server_tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"

namespace net {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

// What SSL_set_fd() would give, but its write() raises SIGPIPE when the client has left.
int fd_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int finish_io(BIO* bio, ssize_t result, int retry) {
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(result);
}

int read_socket(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = ::recv(fd_of(bio), into, static_cast<std::size_t>(size), 0);
  } while (got < 0 && errno == EINTR);
  return finish_io(bio, got, BIO_FLAGS_READ);
}

int write_socket(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return finish_io(bio, sent, BIO_FLAGS_WRITE);
}

long control_socket(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

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

int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::string openssl_reason() {
  const auto error = ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason ? reason : "unknown";
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
  Context(SSL_CTX* context, BIO_METHOD* method) : context_(context), method_(method) {}

  core::Status load(const TlsFiles& files) {
    if (!context_ || !method_) return tls_error("OpenSSL has no memory for a TLS context.", "");
    auto* context = context_.get();
    set_defaults(context);
    RETURN_IF_ERROR(check_readable("certificate file", files.cert_file));
    RETURN_IF_ERROR(check_readable("key file", files.key_file));
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, files.cert_file.c_str()) != 1) {
      return tls_error(
          fmt::format("The certificate file {} cannot be used: {}.", files.cert_file, openssl_reason()),
          "It must be PEM (-----BEGIN CERTIFICATE-----): the server's certificate first, then its chain.");
    }
    bool asked_for_passphrase = false;
    SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked_for_passphrase);
    const bool has_key = SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    if (asked_for_passphrase) {
      ERR_clear_error();
      return tls_error(fmt::format("The key file {} has a passphrase.", files.key_file),
                       fmt::format("Write a copy without one, for this server alone: openssl pkey -in {}",
                                   files.key_file));
    }
    if (!has_key || SSL_CTX_check_private_key(context) != 1) {
      const bool mismatch = has_key || ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                            ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
      const auto reason = openssl_reason();
      if (mismatch) {
        return tls_error(fmt::format("The key in {} does not belong to the certificate in {}.",
                                     files.key_file, files.cert_file),
                         "Give the two files that were made together; the server's certificate comes first.");
      }
      return tls_error(fmt::format("The key file {} cannot be used: {}.", files.key_file, reason),
                       "It must be a private key in PEM (-----BEGIN PRIVATE KEY-----).");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(context))) < 0) {
      core::log(core::LogLevel::warning, "net", "The TLS certificate has expired; clients will refuse it.",
                {{"file", files.cert_file}});
    }
    return {};
  }

  SSL* make_ssl(int fd) const {
    SSL* ssl = SSL_new(context_.get());
    BIO* bio = ssl ? BIO_new(method_.get()) : nullptr;
    if (!bio) {
      SSL_free(ssl);
      ERR_clear_error();
      return nullptr;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return ssl;
  }

 private:
  // The ciphers are those of Mozilla's "intermediate" profile without finite-field Diffie-Hellman; TLS 1.3
  // has its own list, which needs no help.
  static void set_defaults(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    // Clients resume with tickets, which cost the server no memory; one is enough.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  }

  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<BIO_METHOD, Free> method_;
};

class Connection final : public TlsConnection {
 public:
  Connection(std::shared_ptr<const Context> context, SSL* ssl) : context_(std::move(context)), ssl_(ssl) {}

  IoResult handshake() override {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return {};
    const auto outcome = outcome_of(result);
    plain_http_ =
        outcome.kind == IoResult::Kind::failed && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
    return outcome;
  }
  bool was_plain_http() const override { return plain_http_; }

  IoResult read(std::span<char> into) override {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
    if (result == 1) return {.bytes = bytes};
    return outcome_of(result);
  }

  // One record a call. Small pieces are put together: each record costs 20 bytes and more.
  IoResult write(std::span<const iovec> pieces) override {
    std::array<char, 16u << 10> record;
    std::size_t filled = 0;
    for (const auto& piece : pieces) {
      const auto taken = std::min(piece.iov_len, record.size() - filled);
      std::memcpy(record.data() + filled, piece.iov_base, taken);
      filled += taken;
      if (filled == record.size()) break;
    }
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_write_ex(ssl_.get(), record.data(), filled, &bytes);
    if (result == 1) return {.bytes = bytes};
    return outcome_of(result);
  }

  void close() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

 private:
  IoResult outcome_of(int result) const {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {.kind = IoResult::Kind::blocked};
      case SSL_ERROR_ZERO_RETURN:
        return {.kind = IoResult::Kind::ended};
      default:
        return {.kind = IoResult::Kind::failed};
    }
  }

  std::shared_ptr<const Context> context_;  // owns the BIO's methods
  std::unique_ptr<SSL, Free> ssl_;
  bool plain_http_ = false;
};

}  // namespace

core::Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  auto context = std::make_shared<Context>(SSL_CTX_new(TLS_server_method()), method);
  if (method) {
    BIO_meth_set_read(method, read_socket);
    BIO_meth_set_write(method, write_socket);
    BIO_meth_set_ctrl(method, control_socket);
  }
  RETURN_IF_ERROR(context->load(files));
  return context;
}

std::unique_ptr<TlsConnection> TlsConnection::create(std::shared_ptr<const TlsContext> context, int fd) {
  auto own = std::static_pointer_cast<const Context>(std::move(context));
  SSL* ssl = own->make_ssl(fd);
  if (!ssl) return nullptr;
  return std::make_unique<Connection>(std::move(own), ssl);
}

}  // namespace net
