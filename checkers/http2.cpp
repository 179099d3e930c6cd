// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/http2.hpp"

#include <fmt/core.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr unsigned kMaxInterim = 8;

struct OptionFree {
    void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksFree {
    void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv field(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) {  // nghttp2 copies what it is given here
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

struct Http2Exchange::Callbacks {
    static Http2Exchange& self(void* user) { return *static_cast<Http2Exchange*>(user); }

    static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                         const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                         std::size_t value_size, std::uint8_t /*flags*/, void* user) {
        const bool taken = self(user).take_field(text_of(name, name_size), text_of(value, value_size));
        return taken ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t /*stream*/,
                       const std::uint8_t* data, std::size_t size, void* user) {
        auto& out = self(user);
        if (out.keep_body_) out.body_.append(text_of(data, std::min(size, kMaxBody - out.body_.size())));
        return 0;
    }

    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        auto& out = self(user);
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
            out.explain(std::string("the server gave up, ") +
                        nghttp2_http2_strerror(frame->goaway.error_code));
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS && !out.take_end_of_header())
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) out.complete_ = out.has_header_;
        return 0;
    }

    static int on_close(nghttp2_session* /*session*/, std::int32_t /*stream*/, std::uint32_t code,
                        void* user) {
        auto& out = self(user);
        if (out.complete_) return 0;
        out.explain(std::string("stream reset, ") + nghttp2_http2_strerror(code));
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_invalid(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, int code,
                          void* user) {
        self(user).explain(nghttp2_strerror(code));
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    // Not always the end: a header field that is passed over is reported here too.
    static int on_trouble(nghttp2_session* /*session*/, int code, const char* text, std::size_t size,
                          void* user) {
        const std::string_view words(text, size);
        // Its sentence for a server that is no HTTP/2 server is longer than needed.
        self(user).explain(code == NGHTTP2_ERR_SETTINGS_EXPECTED ? "it does not begin with SETTINGS" : words);
        return 0;
    }

    static ssize_t read_body(nghttp2_session* /*session*/, std::int32_t /*stream*/, std::uint8_t* buffer,
                             std::size_t length, std::uint32_t* flags, nghttp2_data_source* /*source*/,
                             void* user) {
        auto& out = self(user);
        const auto size = std::min(length, out.request_body_.size() - out.request_sent_);
        std::copy_n(out.request_body_.data() + out.request_sent_, size, reinterpret_cast<char*>(buffer));
        out.request_sent_ += size;
        if (out.request_sent_ == out.request_body_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }

    // The same for every exchange; made once.
    static nghttp2_session_callbacks* table() {
        static const std::unique_ptr<nghttp2_session_callbacks, CallbacksFree> made = [] {
            nghttp2_session_callbacks* out = nullptr;
            LVS_ASSERT(nghttp2_session_callbacks_new(&out) == 0);
            nghttp2_session_callbacks_set_on_header_callback(out, on_header);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(out, on_data);
            nghttp2_session_callbacks_set_on_frame_recv_callback(out, on_frame);
            nghttp2_session_callbacks_set_on_stream_close_callback(out, on_close);
            nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(out, on_invalid);
            nghttp2_session_callbacks_set_error_callback2(out, on_trouble);
            return std::unique_ptr<nghttp2_session_callbacks, CallbacksFree>(out);
        }();
        return made.get();
    }

    static nghttp2_option* options() {
        static const std::unique_ptr<nghttp2_option, OptionFree> made = [] {
            nghttp2_option* out = nullptr;
            LVS_ASSERT(nghttp2_option_new(&out) == 0);
            nghttp2_option_set_no_closed_streams(out, 1);
            nghttp2_option_set_max_outbound_ack(out, 64);
            nghttp2_option_set_max_deflate_dynamic_table_size(out, 0);
            return std::unique_ptr<nghttp2_option, OptionFree>(out);
        }();
        return made.get();
    }
};

Http2Exchange::Http2Exchange(const HttpRequest& request, std::string_view authority, std::string_view scheme,
                             bool keep_body)
    : request_body_(request.body), keep_body_(keep_body) {
    LVS_ASSERT(nghttp2_session_client_new2(&session_, Callbacks::table(), this, Callbacks::options()) == 0);
    constexpr std::array<nghttp2_settings_entry, 3> kSettings{
        {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
         {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
         {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeader}}};
    LVS_ASSERT(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, kSettings.data(), kSettings.size()) == 0);
    submit(request, authority, scheme);
}

Http2Exchange::~Http2Exchange() {
    nghttp2_session_del(session_);
}

void Http2Exchange::submit(const HttpRequest& request, std::string_view authority, std::string_view scheme) {
    const auto length = fmt::format("{}", request.body.size());
    std::vector<nghttp2_nv> fields{field(":method", request.method), field(":scheme", scheme),
                                   field(":authority", authority), field(":path", request.path),
                                   field("user-agent", "lvsd")};
    for (const auto& [name, value] : request.fields)
        fields.push_back(field(name, value));
    if (!request.body.empty()) fields.push_back(field("content-length", length));
    nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = Callbacks::read_body};
    LVS_ASSERT(nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                      request.body.empty() ? nullptr : &body, nullptr) > 0);
}

std::string Http2Exchange::take_output() {
    collect_output();
    return std::exchange(output_, {});
}

void Http2Exchange::collect_output() {
    for (;;) {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(session_, &bytes);
        if (size <= 0) return;  // less than 0: a connection that is beyond repair
        output_.append(text_of(bytes, static_cast<std::size_t>(size)));
    }
}

// The heads of frames are passed on whole: nghttp2 counts a head of CONTINUATION once for every piece of it,
// against its bound.
bool Http2Exchange::feed(std::span<const std::uint8_t> bytes) {
    constexpr std::size_t kHead = 9;
    while (!bytes.empty() && !complete_) {
        const auto wanted = payload_left_ > 0 ? payload_left_ : kHead - head_.size();
        const auto piece = bytes.first(std::min(wanted, bytes.size()));
        bytes = bytes.subspan(piece.size());
        if (payload_left_ > 0) {
            payload_left_ -= piece.size();
            if (!receive(piece)) return false;
            continue;
        }
        head_.insert(head_.end(), piece.begin(), piece.end());
        if (head_.size() < kHead) break;
        payload_left_ =
            static_cast<std::size_t>(head_[0]) << 16U | static_cast<std::size_t>(head_[1]) << 8U | head_[2];
        const auto head = std::exchange(head_, {});
        if (!receive(head)) return false;
    }
    return true;
}

bool Http2Exchange::receive(std::span<const std::uint8_t> bytes) {
    const auto size = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
    if (size < 0) {
        explain(nghttp2_strerror(static_cast<int>(size)));
        return refuse(trouble_);
    }
    collect_output();  // a session that gave up knows it once its goodbye is out
    if (complete_ || nghttp2_session_want_read(session_) != 0) return true;
    return refuse(trouble_.empty() ? "the connection was given up" : trouble_);
}

bool Http2Exchange::take_field(std::string_view name, std::string_view value) {
    header_size_ += name.size() + value.size() + 32;  // as RFC 9113 6.5.2 counts
    if (header_size_ > kMaxHeader) {
        explain("a header larger than 16 KiB");
        return false;
    }
    if (name == ":status") std::from_chars(value.data(), value.data() + value.size(), status_);
    if (name == "grpc-status") grpc_status_ = value;
    if (name == "grpc-message") grpc_message_ = value;
    return true;
}

bool Http2Exchange::take_end_of_header() {
    if (status_ >= 200) has_header_ = true;
    if (has_header_ || ++interim_ <= kMaxInterim) return true;
    explain("more than 8 interim answers");
    return false;
}

// The first word counts: what follows is mostly a consequence.
void Http2Exchange::explain(std::string_view text) {
    if (trouble_.empty()) trouble_ = as_reason(text);
}

std::unique_ptr<HttpExchange> start_http2(const HttpRequest& request, std::string_view authority,
                                          std::string_view scheme, bool keep_body) {
    return std::make_unique<Http2Exchange>(request, authority, scheme, keep_body);
}

}  // namespace lvs::checkers
