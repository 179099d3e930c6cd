// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/metrics/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <map>

#include "lvsd/metrics/listen_socket.hpp"

namespace lvs::metrics {
namespace {

namespace http = boost::beast::http;

using Socket = asio::generic::stream_protocol::socket;
using Request = http::request_parser<http::empty_body>;

std::string head(std::string_view status, std::string_view type, std::string_view framing) {
    return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nConnection: close\r\n{}\r\n", status, type,
                       framing);
}

std::string short_answer(std::string_view status, bool with_body) {
    const auto body = fmt::format("{}\nMetrics are at /metrics.\n", status);
    const auto framing = fmt::format("{}Content-Length: {}\r\n",
                                     status.starts_with("405") ? "Allow: GET, HEAD\r\n" : "", body.size());
    return head(status, "text/plain; charset=utf-8", framing) + (with_body ? body : "");
}

// RFC 9112 7.1: the chunk's size in front, a line end behind it.
std::string chunk(std::string_view body) {
    return body.empty() ? "" : fmt::format("{:x}\r\n{}\r\n", body.size(), body);
}

}  // namespace

// ---- one scrape -----------------------------------------------------------------------------------------

// Kept alive by its handlers and by the server's table, which can close it.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Done = std::function<void()>;

    Connection(asio::io_context& loop, Socket socket, const Server::Provide& provide, Done done)
        : socket_(std::move(socket)), timer_(loop), provide_(provide), done_(std::move(done)) {
        request_.header_limit(Server::kRequestMax);
        request_.body_limit(0);
    }

    void start() {
        arm(Server::kRequestTime);
        http::async_read_header(
            socket_, buffer_, request_,
            [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_request(error); });
    }

    void close() {
        timer_.cancel();
        ErrorCode ignored;
        socket_.close(ignored);
        if (done_) std::exchange(done_, {})();
    }

    void drop() {  // closes without telling the server, which is going away
        done_ = {};
        close();
    }

private:
    void arm(Duration span) {
        timer_.expires_after(span);
        timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
            const auto self = weak.lock();
            if (!error && self) self->close();
        });
    }

    void on_request(ErrorCode error) {
        if (!socket_.is_open()) return;
        if (error == http::error::header_limit)
            return answer(short_answer("431 Request Header Fields Too Large", true));
        if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
            error != http::error::end_of_stream && error != http::error::partial_message)
            return answer(short_answer("400 Bad Request", true));
        if (error) return close();
        const auto& request = request_.get();
        const bool is_head = request.method() == http::verb::head;
        const std::string_view target(request.target().data(), request.target().size());
        if (!is_head && request.method() != http::verb::get)
            return answer(short_answer("405 Method Not Allowed", true));
        if (target.substr(0, target.find('?')) != "/metrics")
            return answer(short_answer("404 Not Found", !is_head));
        scrape(is_head);
    }

    void scrape(bool is_head) {
        const auto accept = request_.get()[http::field::accept];
        const auto format = format_for({accept.data(), accept.size()});
        chunked_ = request_.get().version() >= 11;
        out_ = head("200 OK", content_type(format), chunked_ ? "Transfer-Encoding: chunked\r\n" : "");
        if (is_head) return answer(std::move(out_));
        arm(Server::kAnswerTime);
        exposition_.emplace(provide_(format));
        write_slice();
    }

    void write_slice() {
        std::string body;
        const bool more = exposition_->next(body, Server::kSlice);
        out_ += chunked_ ? chunk(body) : body;
        if (!more && chunked_) out_ += "0\r\n\r\n";
        asio::async_write(socket_, asio::buffer(out_),
                          [self = shared_from_this(), more](ErrorCode error, std::size_t) {
                              if (!self->socket_.is_open()) return;
                              if (error || !more) return self->finish();
                              self->out_.clear();
                              self->write_slice();
                          });
    }

    void answer(std::string text) {
        out_ = std::move(text);
        asio::async_write(socket_, asio::buffer(out_),
                          [self = shared_from_this()](ErrorCode, std::size_t) { self->finish(); });
    }

    // What the peer still sends is not waited for: it has what it asked for.
    void finish() {
        ErrorCode ignored;
        if (socket_.is_open()) socket_.shutdown(Socket::shutdown_send, ignored);
        close();
    }

    Socket socket_;
    asio::steady_timer timer_;
    const Server::Provide& provide_;  // of the server, which outlives its connections or drops them
    Done done_;
    boost::beast::flat_buffer buffer_{Server::kRequestMax};
    Request request_;
    std::optional<Exposition> exposition_;
    std::string out_;
    bool chunked_ = true;
};

// ---- the server -----------------------------------------------------------------------------------------

struct Server::Impl : public std::enable_shared_from_this<Server::Impl> {
    Impl(asio::io_context& l, Provide p) : loop(l), provide(std::move(p)), acceptor(l), pause(l) {}

    void accept() {
        acceptor.async_wait(asio::posix::stream_descriptor::wait_read,
                            [weak = weak_from_this(), generation = generation](ErrorCode error) {
                                const auto self = weak.lock();
                                if (!error && self && self->generation == generation) self->on_ready();
                            });
    }

    // Nobody waits in the queue for long: whom we cannot serve is closed at once.
    void on_ready() {
        constexpr auto kPause = std::chrono::milliseconds(200);
        const int fd = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            serve(UniqueFd(fd));
            return accept();
        }
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return accept();
        pause.expires_after(kPause);  // no descriptors left
        pause.async_wait([weak = weak_from_this(), generation = generation](ErrorCode error) {
            const auto self = weak.lock();
            if (!error && self && self->generation == generation) self->accept();
        });
    }

    void serve(UniqueFd fd) {
        if (connections.size() >= kConnectionsMax) return;
        ErrorCode error;
        Socket socket(loop);
        socket.assign({family, 0}, fd.get(), error);
        if (error) return;
        static_cast<void>(fd.release());  // the socket's now
        const auto id = next_id++;
        const auto connection =
            std::make_shared<Connection>(loop, std::move(socket), provide, [weak = weak_from_this(), id] {
                if (const auto self = weak.lock()) self->connections.erase(id);
            });
        connections.emplace(id, connection);
        connection->start();
    }

    void close() {
        ++generation;
        ErrorCode ignored;
        acceptor.close(ignored);
        pause.cancel();
        for (auto& [id, connection] : connections)
            connection->drop();
        connections.clear();
        if (const auto* path = std::get_if<std::string>(&where)) ::unlink(path->c_str());
        where = std::monostate{};
    }

    asio::io_context& loop;
    Provide provide;
    asio::posix::stream_descriptor acceptor;
    asio::steady_timer pause;
    int family = 0;
    Listen where;
    std::map<std::uint64_t, std::shared_ptr<Connection>> connections;
    std::uint64_t next_id = 0;
    std::uint64_t generation = 0;  // of the acceptor: handlers of a former one do nothing
};

Server::Server(asio::io_context& loop, Provide provide)
    : impl_(std::make_shared<Impl>(loop, std::move(provide))) {}
Server::~Server() {
    stop();
}

Result<void> Server::listen(const Listen& where) {
    if (where == impl_->where) return {};
    impl_->close();
    Result<UniqueFd> fd;
    if (const auto* endpoint = std::get_if<Endpoint>(&where)) {
        fd = listen_on(*endpoint);
        impl_->family = endpoint->address.is_v4() ? AF_INET : AF_INET6;
    } else if (const auto* path = std::get_if<std::string>(&where)) {
        fd = listen_on(*path);
        impl_->family = AF_UNIX;
    } else {
        return {};
    }
    if (!fd) return std::unexpected(fd.error());
    impl_->acceptor.assign(fd->release());
    impl_->where = where;
    impl_->accept();
    return {};
}

void Server::stop() {
    impl_->close();
}

std::size_t Server::connections() const {
    return impl_->connections.size();
}

}  // namespace lvs::metrics
