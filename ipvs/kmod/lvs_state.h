/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol state machines: pure functions of (direction, event, state).
 * States are numbered as in the connection table's listing, which is also the
 * order the synchronisation messages use.
 */
#ifndef LVS_STATE_H
#define LVS_STATE_H

#include "lvs_internal.h"

/* Row of a connection's protocol in the tables of timeouts and names. */
enum lvs_proto_row {
	LVS_ROW_TCP,
	LVS_ROW_UDP,
	LVS_ROW_SCTP,
	LVS_ROW_TEMPLATE,
	LVS_ROWS,
};

enum { LVS_MAX_STATES = 16 };

enum lvs_tcp_state {
	LVS_TCP_NONE, LVS_TCP_ESTABLISHED, LVS_TCP_SYN_SENT, LVS_TCP_SYN_RECV,
	LVS_TCP_FIN_WAIT, LVS_TCP_TIME_WAIT, LVS_TCP_CLOSE, LVS_TCP_CLOSE_WAIT,
	LVS_TCP_LAST_ACK, LVS_TCP_LISTEN, LVS_TCP_SYNACK, LVS_TCP_STATES,
};

enum lvs_sctp_state {
	LVS_SCTP_NONE, LVS_SCTP_INIT1, LVS_SCTP_INIT, LVS_SCTP_COOKIE_SENT,
	LVS_SCTP_COOKIE_REPLIED, LVS_SCTP_COOKIE_WAIT, LVS_SCTP_COOKIE,
	LVS_SCTP_COOKIE_ECHOED, LVS_SCTP_ESTABLISHED, LVS_SCTP_SHUTDOWN_SENT,
	LVS_SCTP_SHUTDOWN_RECEIVED, LVS_SCTP_SHUTDOWN_ACK_SENT,
	LVS_SCTP_REJECTED, LVS_SCTP_CLOSED, LVS_SCTP_STATES,
};

enum { LVS_UDP_NORMAL, LVS_UDP_STATES };
enum { LVS_TEMPLATE_NONE, LVS_TEMPLATE_ASSURED, LVS_TEMPLATE_STATES };

enum lvs_dir {
	LVS_DIR_IN,		/* client to server */
	LVS_DIR_OUT,		/* server to client */
	LVS_DIR_IN_ONLY,	/* client to server, replies do not pass here */
	LVS_DIRS,
};

enum lvs_tcp_event {
	LVS_TCP_EV_SYN, LVS_TCP_EV_FIN, LVS_TCP_EV_ACK, LVS_TCP_EV_RST,
	LVS_TCP_EV_NONE, LVS_TCP_EVENTS,
};

enum lvs_sctp_event {
	LVS_SCTP_EV_DATA, LVS_SCTP_EV_INIT, LVS_SCTP_EV_INIT_ACK,
	LVS_SCTP_EV_COOKIE_ECHO, LVS_SCTP_EV_COOKIE_ACK, LVS_SCTP_EV_SHUTDOWN,
	LVS_SCTP_EV_SHUTDOWN_ACK, LVS_SCTP_EV_SHUTDOWN_COMPLETE,
	LVS_SCTP_EV_ERROR, LVS_SCTP_EV_ABORT, LVS_SCTP_EVENTS,
};

enum { LVS_TCP_HEADER = 20, LVS_TCP_FLAGS = 13, LVS_TCP_SYN = 0x02, LVS_TCP_RST = 0x04 };

/* Byte 13 of the TCP header at @off.  Of half a header nothing is believed: -1. */
static inline int lvs_tcp_flags(const struct lvs_buf *buf, u32 off)
{
	u8 copy[LVS_TCP_HEADER];
	const u8 *h = lvs_peek(buf, off, sizeof(copy), copy);

	return h ? h[LVS_TCP_FLAGS] : -1;
}

enum lvs_tcp_event lvs_tcp_event(u8 flags);
/* What the chunk list at @off begins with; false when there is no whole chunk header. */
bool lvs_sctp_opening(const struct lvs_buf *buf, u32 off, enum lvs_sctp_event *ev);
/* What it means to a connection there is. */
bool lvs_sctp_event(const struct lvs_buf *buf, u32 off, enum lvs_sctp_event *ev);

u8 lvs_tcp_next(enum lvs_dir dir, enum lvs_tcp_event ev, u8 state, bool secure);
u8 lvs_sctp_next(enum lvs_dir dir, enum lvs_sctp_event ev, u8 state);

/* Does a connection of protocol @proto in @state count as active? */
bool lvs_state_active(u8 proto, u8 state);
const char *lvs_state_name(u8 proto, u8 state, bool is_template);
const char *lvs_proto_name(u8 proto);		/* "TCP", "IP", "NONE"... */
/* Seconds. */
u32 lvs_default_timeout(enum lvs_proto_row row, u8 state);
u8 lvs_proto_states(enum lvs_proto_row row);

static __always_inline enum lvs_proto_row lvs_proto_row(u8 proto)
{
	if (proto == IPPROTO_TCP)
		return LVS_ROW_TCP;
	if (proto == IPPROTO_SCTP)
		return LVS_ROW_SCTP;
	return LVS_ROW_UDP;
}

#endif
