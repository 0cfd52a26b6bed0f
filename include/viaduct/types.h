/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file types.h
 * @brief Words that every other header speaks: time, handles, addresses, end points, errors.
 *
 * Results of all functions: 0 or a count on success, a **negative errno** on failure. `errno` itself is never read and
 * never written. Where a call was refused for a reason that a number cannot tell, via_why() has the sentence.
 *
 * Threads: a stack and everything that belongs to it is used by one thread at a time. Functions marked **[T]** may be
 * called from any thread, functions marked **[S]** also from a signal handler. The functions of this header touch no
 * stack: any thread may call them, at any time.
 *
 * Structures that grow from version to version begin with `size` and have an initialiser VIA_..._INIT, which sets it;
 * everything else may stay zero. A structure of another size is refused with -EINVAL. Padding (`pad`) is zero, or not
 * looked at. Ports, lengths and tags are in host byte order, addresses are bytes in network order.
 */
#ifndef VIADUCT_TYPES_H
#define VIADUCT_TYPES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what the library exports; everything else is hidden. */
#define VIA_API __attribute__((visibility("default")))

/** Monotonic time in nanoseconds since an arbitrary start: the clock of the stack, CLOCK_MONOTONIC unless injected. */
typedef uint64_t via_ns_t;
#define VIA_NEVER ((via_ns_t)-1) /**< No deadline. */
#define VIA_US    ((via_ns_t)1000)       /**< A microsecond. */
#define VIA_MS    ((via_ns_t)1000000)    /**< A millisecond. */
#define VIA_SEC   ((via_ns_t)1000000000) /**< A second. */

/**
 * Handle of a socket: {kind 8, generation 32, index 24}. 0 names nobody. A handle whose socket was closed is refused
 * with -EBADF by every call, in every build, also after its slot was given to another socket: the generation moves.
 * Compare handles with ==, use them as keys; their parts are nobody's business.
 */
typedef uint64_t via_sock_t;

/** A sequence number of TCP (RFC 9293 3.4), compared modulo 2^32. */
typedef uint32_t via_seq_t;

struct via_stack; /**< An engine: see stack.h. */
struct via_vi;    /**< A virtual interface: see vi.h. */
struct via_buf;   /**< A packet buffer: see buf.h. */
struct via_epoll; /**< An ordered event set: see epoll.h. */
struct via_attr;  /**< A set of attributes: see attr.h. */
struct via_timer; /**< A timer of the application: see timer.h. */

/**
 * An address of either family in network order; IPv4 as \::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that tables, flows and
 * calls need not know two. All zero is "any". A plain value: copied by assignment, compared by via_addr_eq().
 */
struct via_addr {
    uint8_t b[16]; /**< First byte first. */
};

/** Family of an end point: the version of its IP. */
enum via_family {
    VIA_AF_ANY = 0, /**< Both: a wildcard, dual-stack end point; as a peer: none is given. */
    VIA_AF_4 = 4,   /**< IPv4; the address is mapped, or all zero. */
    VIA_AF_6 = 6,   /**< IPv6; the address is not mapped. */
};

/**
 * One end of a conversation, 28 bytes. `addr` all zero is the wildcard of `family`, port 0 one that is yet to be chosen.
 * Made by via_ep4(), via_ep_any(), via_ep_parse(), via_ep_from_sockaddr().
 */
struct via_ep {
    struct via_addr addr; /**< Mapped where the family is VIA_AF_4. */
    uint32_t scope;  /**< Interface number of a link-local address (RFC 4007), else 0. */
    uint16_t port;   /**< Host byte order. */
    uint8_t family;  /**< enum via_family. */
    uint8_t pad[5];  /**< Zero. */
};

/**
 * The IPv4 address a.b.c.d in its mapped form.
 * @param be  as in struct in_addr: 32 bits in network byte order.
 */
static inline struct via_addr via_addr_from4(uint32_t be) {
    uint64_t mark = htonl(0xffff), word[2] = {0, 0};
    struct via_addr a;

    /* Two whole words: what is written in bytes and read as a whole soon after is slow. */
    word[1] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? mark | (uint64_t)be << 32 : mark << 32 | be;
    memcpy(a.b, word, 16);
    return a;
}

/**
 * An IPv6 address.
 * @param b16  sixteen bytes in network order, as in struct in6_addr.
 */
static inline struct via_addr via_addr_from6(const void *b16) {
    struct via_addr a;

    memcpy(a.b, b16, 16);
    return a;
}

/** True for \::ffff:0:0/96, the form in which IPv4 is kept. The wildcard of both families, all zero, is not in it. */
static inline bool via_addr_is4(const struct via_addr *a) {
    uint64_t hi;
    uint32_t mid;

    memcpy(&hi, a->b, 8);
    memcpy(&mid, a->b + 8, 4);
    return !hi && mid == htonl(0xffff);
}

/** The IPv4 address inside `a`, in network byte order; of use where via_addr_is4() is true. */
static inline uint32_t via_addr_to4(const struct via_addr *a) {
    uint32_t be;

    memcpy(&be, a->b + 12, 4);
    return be;
}

/** Equality of all sixteen bytes: families differ, so 0.0.0.0 and \:: are two. Scopes are not part of an address. */
static inline bool via_addr_eq(const struct via_addr *a, const struct via_addr *b) {
    uint64_t x[2], y[2];

    memcpy(x, a->b, 16);
    memcpy(y, b->b, 16);
    return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

/** True for the wildcard of either family: all zero, or 0.0.0.0 in its mapped form (RFC 4291 2.5.2). */
static inline bool via_addr_is_any(const struct via_addr *a) {
    uint64_t x[2];

    memcpy(x, a->b, 16);
    return !x[0] && (!x[1] || (via_addr_is4(a) && !via_addr_to4(a)));
}

/** True for 224.0.0.0/4 (RFC 1112 4) and ff00::/8 (RFC 4291 2.7). */
static inline bool via_addr_is_multicast(const struct via_addr *a) {
    return via_addr_is4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

/** True for fe80::/10 (RFC 4291 2.5.6): such an address means nothing without an interface, see via_ep.scope. */
static inline bool via_addr_is_linklocal6(const struct via_addr *a) {
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/**
 * An IPv4 end point.
 * @param be    address in network byte order; 0: the wildcard of IPv4.
 * @param port  host byte order.
 */
static inline struct via_ep via_ep4(uint32_t be, uint16_t port) {
    struct via_ep e;

    memset(&e, 0, sizeof e);
    e.addr = via_addr_from4(be);
    e.port = port;
    e.family = VIA_AF_4;
    return e;
}

/**
 * The wildcard of a family: all own addresses of it.
 * @param family  VIA_AF_ANY takes both.
 * @param port    host byte order; 0: an ephemeral one is chosen when it is bound.
 */
static inline struct via_ep via_ep_any(enum via_family family, uint16_t port) {
    struct via_ep e;

    memset(&e, 0, sizeof e);
    e.port = port;
    e.family = (uint8_t)family;
    return e;
}

/**
 * An end point from a socket address. A mapped IPv4 address in an AF_INET6 one becomes VIA_AF_4.
 * @param e   filled; zero on failure.
 * @param sa  at least as long as its family needs.
 * @return 0, or -EAFNOSUPPORT for a family that is neither AF_INET nor AF_INET6.
 */
static inline int via_ep_from_sockaddr(struct via_ep *e, const struct sockaddr *sa) {
    memset(e, 0, sizeof *e);
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        *e = via_ep4(in.sin_addr.s_addr, ntohs(in.sin_port));
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        e->addr = via_addr_from6(&in6.sin6_addr);
        e->port = ntohs(in6.sin6_port);
        e->scope = in6.sin6_scope_id;
        e->family = via_addr_is4(&e->addr) ? VIA_AF_4 : VIA_AF_6;
        return 0;
    }
    return -97; /* EAFNOSUPPORT */
}

/**
 * The socket address of an end point: AF_INET for VIA_AF_4, else AF_INET6.
 * @param out  filled, zero behind what the family needs.
 * @return its length in bytes.
 */
static inline socklen_t via_ep_to_sockaddr(const struct via_ep *e, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (e->family == VIA_AF_4) {
        struct sockaddr_in in;

        memset(&in, 0, sizeof in);
        in.sin_family = AF_INET;
        in.sin_port = htons(e->port);
        in.sin_addr.s_addr = via_addr_to4(&e->addr);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    } else {
        struct sockaddr_in6 in6;

        memset(&in6, 0, sizeof in6);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(e->port);
        in6.sin6_scope_id = e->scope;
        memcpy(&in6.sin6_addr, e->addr.b, 16);
        memcpy(out, &in6, sizeof in6);
        return sizeof in6;
    }
}

/**
 * Parses "192.0.2.1", "2001:db8::1" or "fe80::1%2" (RFC 5952 and its older spellings, RFC 4007 11 for the scope).
 * @param text   the whole of it is the address: no blanks, no prefix length.
 * @param out    the address.
 * @param scope  the interface number behind %, 0 without one; may be NULL: then a scope is refused.
 * @return 0, or -EINVAL, and nothing is filled.
 */
VIA_API int via_addr_parse(const char *text, struct via_addr *out, uint32_t *scope);

/** Room for any text of via_addr_text(). */
#define VIA_ADDR_TEXT 64

/** Writes `a` as text into `buf`, as short as RFC 5952 has it, IPv4 as four numbers. @return `buf`. */
VIA_API char *via_addr_text(const struct via_addr *a, char buf[VIA_ADDR_TEXT]);

/**
 * Parses "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%2]:80", "*:80" (the wildcard of both families).
 * @return 0, or -EINVAL, and nothing is filled.
 */
VIA_API int via_ep_parse(const char *text, struct via_ep *out);

/** Writes `e` as text into `buf`, in a form that via_ep_parse() takes. @return `buf`. */
VIA_API char *via_ep_text(const struct via_ep *e, char buf[VIA_ADDR_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
