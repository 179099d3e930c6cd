// SPDX-License-Identifier: GPL-2.0-or-later
#include "http2_server.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

namespace {

std::vector<nghttp2_nv> in_nghttp2(const Fields& fields) {
    std::vector<nghttp2_nv> out;
    for (const auto& [name, value] : fields)
        out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                       reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                       value.size(), NGHTTP2_NV_FLAG_NONE});
    return out;
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

struct Http2Server::Callbacks {
    static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                         const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                         std::size_t value_size, std::uint8_t /*flags*/, void* user) {
        auto& request = static_cast<Http2Server*>(user)->request_;
        request.append(text(name, name_size)).append(": ").append(text(value, value_size)).append("\n");
        return 0;
    }
    static int on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t /*stream*/,
                       const std::uint8_t* data, std::size_t size, void* user) {
        static_cast<Http2Server*>(user)->request_ += text(data, size);
        return 0;
    }
    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (is_end && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
            static_cast<Http2Server*>(user)->answer(frame->hd.stream_id);
        return 0;
    }
    static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer,
                             std::size_t length, std::uint32_t* flags, nghttp2_data_source* /*source*/,
                             void* user) {
        auto& self = *static_cast<Http2Server*>(user);
        const auto size = std::min(length, self.answer_.body.size() - self.sent_);
        std::copy_n(self.answer_.body.data() + self.sent_, size, reinterpret_cast<char*>(buffer));
        self.sent_ += size;
        if (self.sent_ < self.answer_.body.size()) return static_cast<ssize_t>(size);
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!self.answer_.trailer.empty()) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const auto trailer = in_nghttp2(self.answer_.trailer);
            LVS_ASSERT(nghttp2_submit_trailer(session, stream, trailer.data(), trailer.size()) == 0);
        }
        return static_cast<ssize_t>(size);
    }
};

Http2Server::Http2Server(Http2Answer answer) : answer_(std::move(answer)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    LVS_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
    LVS_ASSERT(nghttp2_session_server_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    LVS_ASSERT(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
}

Http2Server::~Http2Server() {
    nghttp2_session_del(session_);
}

void Http2Server::answer(int stream) {
    const auto header = in_nghttp2(answer_.header);
    nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = Callbacks::read_body};
    const bool header_only = answer_.body.empty() && answer_.trailer.empty();
    LVS_ASSERT(nghttp2_submit_response(session_, stream, header.data(), header.size(),
                                       header_only ? nullptr : &body) == 0);
}

std::string Http2Server::exchange(std::string_view bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    std::string out;
    for (;;) {
        const std::uint8_t* piece = nullptr;
        const auto size = nghttp2_session_mem_send(session_, &piece);
        if (size <= 0) return out;
        out += text(piece, static_cast<std::size_t>(size));
    }
}

Http2Answer health_answer(char serving, std::string grpc_status) {
    return {.header = {{":status", "200"}, {"content-type", "application/grpc"}},
            .body = std::string("\0\0\0\0\2\x08", 6) + serving,
            .trailer = {{"grpc-status", std::move(grpc_status)}}};
}

}  // namespace lvs::checkers
