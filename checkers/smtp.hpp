// SPDX-License-Identifier: GPL-2.0-or-later
//
// SMTP replies (RFC 5321 4.2) out of a byte stream.
#pragma once

#include <string>
#include <string_view>

#include "checkers/line.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

class SmtpReplies {
   public:
    enum class Result { incomplete, complete, broken };
    // After `complete`, what followed the reply is kept for the next call; add("") looks at it.
    Result add(std::string_view bytes);
    [[nodiscard]] const std::string& last() const { return last_; }  // the last line of the complete reply
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] bool offers_tls() const { return offers_tls_; }  // some reply named STARTTLS
    [[nodiscard]] bool has_more() const { return !lines_.rest().empty(); }

   private:
    Result refuse(std::string why);
    LineReader lines_;
    std::string last_;
    std::string error_;
    std::size_t received_ = 0;
    bool offers_tls_ = false;
};

}  // namespace lvs::checkers
