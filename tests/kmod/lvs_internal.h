/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel, as far as the pure core of ipvs/kmod needs it, for user space.
 * Same guard as ipvs/kmod/lvs_internal.h; include this first and then the .c
 * files under test.  One thread, or several with real atomics; a test with
 * reader threads sets lvs_test_grace.
 */
#ifndef LVS_INTERNAL_H
#define LVS_INTERNAL_H

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ip_vs.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define __rcu
#define __force
#define __percpu
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define noinline __attribute__((noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __acquires(x)
#define __releases(x)
#define __acquire(x)
#define __release(x)
#define BUILD_BUG_ON(x) _Static_assert(!(x), #x)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN(x, a) (((x) + ((a) - 1)) & ~((__typeof__(x))(a) - 1))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX
#define min(a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define swap(a, b) do { __auto_type t_ = (a); (a) = (b); (b) = t_; } while (0)

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, (v), __ATOMIC_RELEASE)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#define rcu_dereference(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_protected(p, c) __atomic_load_n(&(p), __ATOMIC_RELAXED)
#define rcu_access_pointer(p) __atomic_load_n(&(p), __ATOMIC_RELAXED)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELAXED)
#define lockdep_is_held(l) 1
struct rcu_head {
	void *next;
	void (*func)(struct rcu_head *);
};
static inline void rcu_read_lock(void) {}
static inline void rcu_read_unlock(void) {}
/* A test with readers sets this to a function that waits for them. */
extern void (*lvs_test_grace)(void);
static inline void synchronize_rcu(void)
{
	if (lvs_test_grace)
		lvs_test_grace();
}
static inline unsigned long get_state_synchronize_rcu(void) { return 0; }
static inline unsigned long start_poll_synchronize_rcu(void) { return 0; }
static inline void cond_synchronize_rcu(unsigned long since)
{
	(void)since;
	synchronize_rcu();
}
static inline void call_rcu(struct rcu_head *h, void (*f)(struct rcu_head *)) { f(h); }
#define kfree_rcu(p, field) free(p)
#define kvfree_rcu(p, field) do { synchronize_rcu(); free(p); } while (0)
static inline void local_bh_disable(void) {}
static inline void local_bh_enable(void) {}
static inline void cond_resched(void) {}

typedef struct { int counter; } atomic_t;
static inline int atomic_read(const atomic_t *a) { return READ_ONCE(a->counter); }
static inline void atomic_set(atomic_t *a, int v) { WRITE_ONCE(a->counter, v); }
static inline void atomic_inc(atomic_t *a) { __atomic_add_fetch(&a->counter, 1, __ATOMIC_SEQ_CST); }
static inline void atomic_dec(atomic_t *a) { __atomic_sub_fetch(&a->counter, 1, __ATOMIC_SEQ_CST); }
static inline int atomic_inc_return(atomic_t *a)
{
	return __atomic_add_fetch(&a->counter, 1, __ATOMIC_SEQ_CST);
}

#define smp_mb__after_atomic() smp_mb()
#define xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define cmpxchg(p, o, n) ({ __typeof__(*(p)) o_ = (o);                                   \
	__atomic_compare_exchange_n(p, &o_, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); o_; })

typedef struct { s64 counter; } atomic64_t;
static inline s64 atomic64_read(const atomic64_t *a) { return READ_ONCE(a->counter); }
static inline bool atomic64_try_cmpxchg(atomic64_t *a, s64 *old, s64 n)
{
	return __atomic_compare_exchange_n(&a->counter, old, n, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

#define BITS_PER_LONG 64
#define __ffs(w) ((unsigned long)__builtin_ctzl(w))
static inline void set_bit(int bit, unsigned long *w)
{
	__atomic_fetch_or(w, 1UL << bit, __ATOMIC_SEQ_CST);
}

typedef struct { char held; } spinlock_t;
static inline void spin_lock_init(spinlock_t *l) { l->held = 0; }
static inline void spin_lock(spinlock_t *l)
{
	while (__atomic_test_and_set(&l->held, __ATOMIC_ACQUIRE))
		;
}
static inline bool spin_trylock(spinlock_t *l)
{
	return !__atomic_test_and_set(&l->held, __ATOMIC_ACQUIRE);
}
static inline void spin_unlock(spinlock_t *l) { __atomic_clear(&l->held, __ATOMIC_RELEASE); }
#define spin_lock_bh spin_lock
#define spin_unlock_bh spin_unlock
static inline void bit_spin_lock(int bit, unsigned long *w)
{
	while (__atomic_fetch_or(w, 1UL << bit, __ATOMIC_ACQUIRE) & (1UL << bit))
		;
}
static inline void bit_spin_unlock(int bit, unsigned long *w)
{
	__atomic_fetch_and(w, ~(1UL << bit), __ATOMIC_RELEASE);
}

#define GFP_KERNEL 0
#define GFP_KERNEL_ACCOUNT 0
#define GFP_ATOMIC 0
/* A test sets this to make the n-th allocation from now fail; 0 never. */
extern int lvs_fail_alloc;
static inline void *lvs_test_alloc(size_t n)
{
	if (lvs_fail_alloc && !--lvs_fail_alloc)
		return NULL;
	return calloc(1, n);
}
#define kzalloc(n, g) lvs_test_alloc(n)
#define kmalloc(n, g) lvs_test_alloc(n)
#define kvzalloc(n, g) lvs_test_alloc(n)
#define kvmalloc(n, g) lvs_test_alloc(n)
#define kcalloc(n, s, g) lvs_test_alloc((size_t)(n) * (s))
#define kvcalloc(n, s, g) lvs_test_alloc((size_t)(n) * (s))
#define kmalloc_array(n, s, g) lvs_test_alloc((size_t)(n) * (s))
#define kfree(p) free(p)
#define kvfree(p) free(p)

#define sort(base, n, size, compare, swap_fn) qsort(base, n, size, compare)
#define module_param_named(name, value, type, perm)
#define MODULE_PARM_DESC(name, text)

/* How much work was done, for tests that say how it may grow. */
extern unsigned long lvs_steps;
#define LVS_STEP() (void)(lvs_steps++)

static inline int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline u64 div64_u64(u64 a, u64 b) { return a / b; }
static inline u64 div_u64(u64 a, u32 b) { return a / b; }
static inline u64 mul_u64_u32_shr(u64 a, u32 b, unsigned int shift)
{
	return (u64)((unsigned __int128)a * b >> shift);
}

struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(n) { &(n), &(n) }
static inline void INIT_LIST_HEAD(struct list_head *h) { h->next = h->prev = h; }
static inline void list_add(struct list_head *n, struct list_head *h)
{
	n->next = h->next;
	n->prev = h;
	h->next->prev = n;
	h->next = n;
}
static inline void list_add_tail(struct list_head *n, struct list_head *h) { list_add(n, h->prev); }
static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
}
static inline int list_empty(const struct list_head *h) { return h->next == h; }
#define list_add_rcu list_add
#define list_del_rcu list_del
#define list_entry(p, t, m) container_of(p, t, m)
#define list_first_entry(h, t, m) list_entry((h)->next, t, m)
#define list_next_entry(p, m) list_entry((p)->m.next, __typeof__(*(p)), m)
#define list_for_each_entry(p, h, m)                                                     \
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h);                 \
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_rcu list_for_each_entry
#define list_for_each_entry_safe(p, q, h, m)                                             \
	for (p = list_entry((h)->next, __typeof__(*p), m), q = list_next_entry(p, m);    \
	     &p->m != (h); p = q, q = list_next_entry(q, m))

/* Packets are plain bytes here. */
struct lvs_buf {
	const u8 *data;
	u32 len;
};
static inline const void *lvs_peek(const struct lvs_buf *b, u32 off, u32 len, void *copy)
{
	if (len > b->len || off > b->len - len)
		return NULL;
	/* Always the copy: reading past what was asked for is then caught. */
	memcpy(copy, b->data + off, len);
	return copy;
}
static inline u32 lvs_buf_len(const struct lvs_buf *b) { return b->len; }
static inline u32 lvs_random_below(u32 ceil) { return (u32)random() % ceil; }

#ifndef HZ
#define HZ 250
#endif

#endif
