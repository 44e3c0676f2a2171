// A TLS server with a certificate of its own, made for the test.
#pragma once

#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string>
#include <unistd.h>

#include "net/test_socket.h"

namespace net {

// A self-signed certificate for the address 127.0.0.1 and nothing else.
class TestCertificate {
 public:
  explicit TestCertificate(bool expired = false) : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509_set_version(certificate_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), expired ? -3600 : 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("net-test"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    add_extension(NID_subject_alt_name, "IP:127.0.0.1");
    add_extension(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_, key_, EVP_sha256());
    static std::atomic<int> made{0};
    path_ = testing::TempDir() + fmt::format("net-test-{}-{}.pem", ::getpid(), ++made);
    std::FILE* file = std::fopen(path_.c_str(), "w");
    PEM_write_X509(file, certificate_);
    std::fclose(file);
    file = std::fopen(key_path().c_str(), "w");
    PEM_write_PrivateKey(file, key_, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;
  ~TestCertificate() {
    std::remove(path_.c_str());
    std::remove(key_path().c_str());
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }

  EVP_PKEY* key() const { return key_; }
  X509* certificate() const { return certificate_; }
  const std::string& path() const { return path_; }
  std::string key_path() const { return path_ + ".key"; }

 private:
  void add_extension(int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
  X509* certificate_;
  std::string path_;
};

// Answers requests without a body with their path, on as many connections as come.
class TlsServer {
 public:
  TlsServer(const TestCertificate& certificate, int max_version = 0, std::function<void()> before_answer = {})
      : context_(SSL_CTX_new(TLS_server_method())), before_answer_(std::move(before_answer)) {
    SSL_CTX_use_certificate(context_, certificate.certificate());
    SSL_CTX_use_PrivateKey(context_, certificate.key());
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_max_proto_version(context_, max_version);
    listener_ = std::make_unique<TestListener>([this](TestSocket& socket, int) { serve(socket); });
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() {
    listener_.reset();
    SSL_CTX_free(context_);
  }

  std::string url(std::string_view path = "/") const {
    return fmt::format("https://127.0.0.1:{}{}", listener_->port(), path);
  }
  int handshakes() const { return handshakes_; }
  int requests() const { return requests_; }

 private:
  void serve(TestSocket& socket) {
    sigset_t broken_pipe;  // OpenSSL writes without MSG_NOSIGNAL, to clients that may have left
    ::sigemptyset(&broken_pipe);
    ::sigaddset(&broken_pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, socket.fd());
    if (SSL_accept(ssl) == 1) {
      ++handshakes_;
      std::string input;
      char chunk[4096];
      int got = 0;
      while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        input.append(chunk, static_cast<std::size_t>(got));
        if (!input.ends_with("\r\n\r\n")) continue;
        ++requests_;
        if (before_answer_) before_answer_();
        const auto path = input.substr(4, input.find(' ', 4) - 4);
        const auto answer = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", path.size(), path);
        SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
        input.clear();
      }
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }

  SSL_CTX* context_;
  std::function<void()> before_answer_;
  std::atomic<int> handshakes_{0};
  std::atomic<int> requests_{0};
  std::unique_ptr<TestListener> listener_;
};

}  // namespace net
