// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: owned descriptors, eventfds and the queues between its threads.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace lvs::vrrp::io {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

// Wakes one reader. notify() may be called from any thread and never blocks.
class Wakeup {
public:
    Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    void notify() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);  // full = already readable
    }
    void clear() const {
        std::uint64_t value = 0;
        [[maybe_unused]] const auto n = ::read(fd_.get(), &value, sizeof value);
    }
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    Fd fd_;
};

// One writer, one reader, no lock, no allocation. push() fails when full.
template <class T, std::size_t Capacity>
class Ring {
    static_assert((Capacity & (Capacity - 1)) == 0);

public:
    [[nodiscard]] bool push(T value) {
        const auto head = head_.load(std::memory_order_relaxed);
        if (head - tail_.load(std::memory_order_acquire) == Capacity) return false;
        items_[head & (Capacity - 1)] = std::move(value);
        head_.store(head + 1, std::memory_order_release);
        return true;
    }
    [[nodiscard]] bool pop(T& value) {
        const auto tail = tail_.load(std::memory_order_relaxed);
        if (tail == head_.load(std::memory_order_acquire)) return false;
        value = std::move(items_[tail & (Capacity - 1)]);
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

private:
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
    std::array<T, Capacity> items_{};
};

// Any number of writers, one reader, no lock, no bound: for rare commands. T has a member `std::unique_ptr<T>
// next`.
template <class T>
class Mailbox {
public:
    Mailbox() = default;
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() { (void)take(); }

    void put(std::unique_ptr<T> item) {
        T* raw = item.release();
        T* head = head_.load(std::memory_order_relaxed);
        do {
            (void)raw->next.release();
            raw->next.reset(head);
        } while (
            !head_.compare_exchange_weak(head, raw, std::memory_order_release, std::memory_order_relaxed));
    }
    // Everything that was put, oldest first.
    [[nodiscard]] std::unique_ptr<T> take() {
        std::unique_ptr<T> newest_first(head_.exchange(nullptr, std::memory_order_acquire));
        std::unique_ptr<T> oldest_first;
        while (newest_first) {
            auto rest = std::move(newest_first->next);
            newest_first->next = std::move(oldest_first);
            oldest_first = std::move(newest_first);
            newest_first = std::move(rest);
        }
        return oldest_first;
    }

private:
    std::atomic<T*> head_{nullptr};
};

}  // namespace lvs::vrrp::io
