// What users hold of a connection: an exchange, and the stream that answers it. Inside room net only.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"
#include "net/http_session.h"

namespace net {

ServerResponse failure_answer();  // 500, with one sentence
void log_thrown(const ServerRequest& request, std::string_view what);

// The queue between whoever writes and the session that sends.
class StreamState final : public ResponseStream {
 public:
  StreamState(std::shared_ptr<ServerLoop> loop, std::weak_ptr<Session> session, std::size_t max_backlog,
              std::string first_piece);

  bool write(std::string bytes) override;
  std::size_t backlog() const override;
  void end() override;
  // The last user is gone.
  void abandon();

  // For the session, on its thread.
  static constexpr std::size_t kMaxPieces = 60;  // that leave together
  struct Batch {
    std::size_t bytes = 0;
    bool last = false;  // nothing follows
  };
  // Moves up to kMaxPieces pieces out. An empty batch that is not the last one puts the stream to sleep:
  // the next write wakes the session.
  Batch take(std::vector<std::string>& pieces);
  void set_in_flight(std::size_t bytes);
  void close();  // from now on nothing is taken

 private:
  void wake();  // under mutex_
  void drop();  // under mutex_

  const std::shared_ptr<ServerLoop> loop_;
  const std::weak_ptr<Session> session_;
  const std::size_t max_backlog_;
  mutable std::mutex mutex_;
  std::vector<std::string> pending_;
  std::size_t taken_ = 0;  // of pending_
  std::size_t pending_bytes_ = 0;
  std::size_t in_flight_ = 0;
  bool awake_ = true;  // the session will ask by itself
  bool ended_ = false;
  bool closed_ = false;
};

class ServerExchange final : public Exchange {
 public:
  ServerExchange(ServerRequest request, std::shared_ptr<ServerLoop> loop, std::weak_ptr<Session> session,
                 std::size_t max_stream_backlog)
      : request_(std::move(request)),
        loop_(std::move(loop)),
        session_(std::move(session)),
        max_stream_backlog_(max_stream_backlog) {}
  ~ServerExchange() override;
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  const ServerRequest& request() const override { return request_; }
  void respond(ServerResponse response) override;
  std::shared_ptr<ResponseStream> stream(ServerResponse head) override;

 private:
  const ServerRequest request_;
  const std::shared_ptr<ServerLoop> loop_;
  const std::weak_ptr<Session> session_;
  const std::size_t max_stream_backlog_;
  std::atomic<bool> answered_{false};
};

}  // namespace net
