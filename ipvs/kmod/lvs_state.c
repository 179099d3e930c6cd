// SPDX-License-Identifier: GPL-2.0
#include "lvs_state.h"

/* Columns: the state before; cells: the state after. */
enum {
	NO = LVS_TCP_NONE,
	ES = LVS_TCP_ESTABLISHED,
	SS = LVS_TCP_SYN_SENT,
	SR = LVS_TCP_SYN_RECV,
	FW = LVS_TCP_FIN_WAIT,
	TW = LVS_TCP_TIME_WAIT,
	CL = LVS_TCP_CLOSE,
	CW = LVS_TCP_CLOSE_WAIT,
	LA = LVS_TCP_LAST_ACK,
	LI = LVS_TCP_LISTEN,
	SA = LVS_TCP_SYNACK,
};

static const u8 lvs_tcp_table[LVS_DIRS][LVS_TCP_EV_NONE][LVS_TCP_STATES] = {
	[LVS_DIR_IN] = {
		[LVS_TCP_EV_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[LVS_TCP_EV_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[LVS_TCP_EV_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[LVS_DIR_OUT] = {
		[LVS_TCP_EV_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[LVS_TCP_EV_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[LVS_TCP_EV_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[LVS_DIR_IN_ONLY] = {
		[LVS_TCP_EV_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[LVS_TCP_EV_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[LVS_TCP_EV_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};

/* With secure_tcp a client alone cannot make a connection look established. */
static const u8 lvs_tcp_secure_table[LVS_DIRS][LVS_TCP_EV_NONE][LVS_TCP_STATES] = {
	[LVS_DIR_IN] = {
		[LVS_TCP_EV_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA },
		[LVS_TCP_EV_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA },
		[LVS_TCP_EV_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
	[LVS_DIR_OUT] = {
		[LVS_TCP_EV_SYN] = { SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA },
		[LVS_TCP_EV_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[LVS_TCP_EV_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[LVS_DIR_IN_ONLY] = {
		[LVS_TCP_EV_SYN] = { SA, ES, ES, SA, SA, SA, SA, SA, SA, SA, SA },
		[LVS_TCP_EV_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[LVS_TCP_EV_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[LVS_TCP_EV_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};

enum {
	S_NO = LVS_SCTP_NONE,
	S_I1 = LVS_SCTP_INIT1,
	S_IN = LVS_SCTP_INIT,
	S_CS = LVS_SCTP_COOKIE_SENT,
	S_CR = LVS_SCTP_COOKIE_REPLIED,
	S_CW = LVS_SCTP_COOKIE_WAIT,
	S_CO = LVS_SCTP_COOKIE,
	S_CE = LVS_SCTP_COOKIE_ECHOED,
	S_ES = LVS_SCTP_ESTABLISHED,
	S_SS = LVS_SCTP_SHUTDOWN_SENT,
	S_SR = LVS_SCTP_SHUTDOWN_RECEIVED,
	S_SA = LVS_SCTP_SHUTDOWN_ACK_SENT,
	S_RJ = LVS_SCTP_REJECTED,
	S_CL = LVS_SCTP_CLOSED,
};

static const u8 lvs_sctp_table[LVS_DIRS][LVS_SCTP_EVENTS][LVS_SCTP_STATES] = {
	[LVS_DIR_IN] = {
		[LVS_SCTP_EV_DATA] = { S_ES, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_INIT] = { S_I1, S_IN, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_IN, S_IN },
		[LVS_SCTP_EV_INIT_ACK] = { S_CW, S_CW, S_CW, S_CS, S_CR, S_CO, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ECHO] = { S_CR, S_IN, S_IN, S_CR, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ACK] = { S_ES, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_ES, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN] = { S_SR, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_SR, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_ACK] = { S_CL, S_IN, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_CL, S_SR, S_CL, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_COMPLETE] = { S_CL, S_CL, S_CL, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_CL, S_RJ, S_CL },
		[LVS_SCTP_EV_ERROR] = { S_CL, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CL, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_ABORT] = { S_CL, S_CL, S_CL, S_CL, S_CL, S_RJ, S_CL,
			S_CL, S_CL, S_CL, S_CL, S_CL, S_CL, S_CL },
	},
	[LVS_DIR_OUT] = {
		[LVS_SCTP_EV_DATA] = { S_ES, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_INIT] = { S_CW, S_CW, S_CW, S_CW, S_CW, S_CW, S_CW,
			S_CW, S_ES, S_CW, S_CW, S_CW, S_CW, S_CW },
		[LVS_SCTP_EV_INIT_ACK] = { S_CS, S_CS, S_CS, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ECHO] = { S_CE, S_CE, S_CE, S_CE, S_CE, S_CE, S_CE,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ACK] = { S_ES, S_ES, S_ES, S_ES, S_ES, S_ES, S_ES,
			S_ES, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN] = { S_SS, S_SS, S_SS, S_SS, S_SS, S_SS, S_SS,
			S_SS, S_SS, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_ACK] = { S_SA, S_SA, S_SA, S_SA, S_SA, S_CW, S_CO,
			S_CE, S_ES, S_SA, S_SA, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_COMPLETE] = { S_CL, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_ERROR] = { S_CL, S_CL, S_CL, S_CL, S_CL, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_ABORT] = { S_CL, S_RJ, S_CL, S_CL, S_CL, S_CL, S_CL,
			S_CL, S_CL, S_CL, S_CL, S_CL, S_CL, S_CL },
	},
	[LVS_DIR_IN_ONLY] = {
		[LVS_SCTP_EV_DATA] = { S_ES, S_I1, S_IN, S_CS, S_CR, S_ES, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_INIT] = { S_I1, S_IN, S_IN, S_IN, S_IN, S_IN, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_IN, S_IN },
		[LVS_SCTP_EV_INIT_ACK] = { S_CE, S_CE, S_CE, S_CE, S_CE, S_CE, S_CE,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ECHO] = { S_ES, S_ES, S_ES, S_ES, S_ES, S_ES, S_ES,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_COOKIE_ACK] = { S_ES, S_I1, S_IN, S_ES, S_ES, S_CW, S_ES,
			S_ES, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN] = { S_SR, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_SR, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_ACK] = { S_CL, S_IN, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_CL, S_CL, S_SR, S_CL, S_RJ, S_CL },
		[LVS_SCTP_EV_SHUTDOWN_COMPLETE] = { S_CL, S_CL, S_CL, S_CL, S_CL, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_CL, S_CL, S_RJ, S_CL },
		[LVS_SCTP_EV_ERROR] = { S_CL, S_I1, S_IN, S_CS, S_CR, S_CW, S_CO,
			S_CE, S_ES, S_SS, S_SR, S_SA, S_RJ, S_CL },
		[LVS_SCTP_EV_ABORT] = { S_CL, S_CL, S_CL, S_CL, S_CL, S_RJ, S_CL,
			S_CL, S_CL, S_CL, S_CL, S_CL, S_CL, S_CL },
	},
};

enum { LVS_TH_FIN = 0x01, LVS_TH_SYN = 0x02, LVS_TH_RST = 0x04, LVS_TH_ACK = 0x10 };

enum lvs_tcp_event lvs_tcp_event(u8 flags)
{
	if (flags & LVS_TH_RST)
		return LVS_TCP_EV_RST;
	if (flags & LVS_TH_SYN)
		return LVS_TCP_EV_SYN;
	if (flags & LVS_TH_FIN)
		return LVS_TCP_EV_FIN;
	return flags & LVS_TH_ACK ? LVS_TCP_EV_ACK : LVS_TCP_EV_NONE;
}

u8 lvs_tcp_next(enum lvs_dir dir, enum lvs_tcp_event ev, u8 state, bool secure)
{
	if (ev >= LVS_TCP_EV_NONE || state >= LVS_TCP_STATES || dir >= LVS_DIRS)
		return LVS_TCP_CLOSE;
	return secure ? lvs_tcp_secure_table[dir][ev][state] : lvs_tcp_table[dir][ev][state];
}

u8 lvs_sctp_next(enum lvs_dir dir, enum lvs_sctp_event ev, u8 state)
{
	if (ev >= LVS_SCTP_EVENTS || state >= LVS_SCTP_STATES || dir >= LVS_DIRS)
		return LVS_SCTP_CLOSED;
	return lvs_sctp_table[dir][ev][state];
}

/* RFC 9260 3.2 chunk types. */
static enum lvs_sctp_event lvs_sctp_chunk_event(u8 type)
{
	static const u8 event[] = {
		[0] = LVS_SCTP_EV_DATA, [1] = LVS_SCTP_EV_INIT, [2] = LVS_SCTP_EV_INIT_ACK,
		[3] = LVS_SCTP_EV_DATA, [4] = LVS_SCTP_EV_DATA, [5] = LVS_SCTP_EV_DATA,
		[6] = LVS_SCTP_EV_ABORT, [7] = LVS_SCTP_EV_SHUTDOWN,
		[8] = LVS_SCTP_EV_SHUTDOWN_ACK, [9] = LVS_SCTP_EV_ERROR,
		[10] = LVS_SCTP_EV_COOKIE_ECHO, [11] = LVS_SCTP_EV_COOKIE_ACK,
		[12] = LVS_SCTP_EV_DATA, [13] = LVS_SCTP_EV_DATA,
		[14] = LVS_SCTP_EV_SHUTDOWN_COMPLETE,
	};

	return type < ARRAY_SIZE(event) ? event[type] : LVS_SCTP_EV_DATA;
}

enum { LVS_SCTP_COMMON = 12, LVS_SCTP_CHUNK = 4, LVS_SCTP_CT_ABORT = 6 };

bool lvs_sctp_opening(const struct lvs_buf *buf, u32 off, enum lvs_sctp_event *ev)
{
	u8 copy[LVS_SCTP_CHUNK];
	const u8 *chunk = lvs_peek(buf, off + LVS_SCTP_COMMON, sizeof(copy), copy);

	if (!chunk)
		return false;
	*ev = lvs_sctp_chunk_event(chunk[0]);
	return true;
}

bool lvs_sctp_event(const struct lvs_buf *buf, u32 off, enum lvs_sctp_event *ev)
{
	u8 copy[LVS_SCTP_CHUNK];
	const u8 *chunk;
	u32 len;

	chunk = lvs_peek(buf, off + LVS_SCTP_COMMON, sizeof(copy), copy);
	if (!chunk)
		return false;
	*ev = lvs_sctp_chunk_event(chunk[0]);
	if (*ev != LVS_SCTP_EV_COOKIE_ECHO && *ev != LVS_SCTP_EV_COOKIE_ACK)
		return true;
	/* A cookie with an ABORT bundled behind it is an ABORT. */
	len = ALIGN((u32)chunk[2] << 8 | chunk[3], 4);
	if (len < LVS_SCTP_CHUNK)
		return true;
	chunk = lvs_peek(buf, off + LVS_SCTP_COMMON + len, sizeof(copy), copy);
	if (chunk && chunk[0] == LVS_SCTP_CT_ABORT)
		*ev = LVS_SCTP_EV_ABORT;
	return true;
}

bool lvs_state_active(u8 proto, u8 state)
{
	if (proto == IPPROTO_TCP)
		return state == LVS_TCP_ESTABLISHED || state == LVS_TCP_SYN_SENT ||
		       state == LVS_TCP_SYN_RECV || state == LVS_TCP_SYNACK;
	return proto == IPPROTO_SCTP && state == LVS_SCTP_ESTABLISHED;
}

static const char *const lvs_names[LVS_ROWS][LVS_MAX_STATES] = {
	[LVS_ROW_TCP] = { "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
			  "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK" },
	[LVS_ROW_UDP] = { "UDP" },
	[LVS_ROW_SCTP] = { "NONE", "INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE",
			   "C-ECHOED", "ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT",
			   "REJECTED", "CLOSED" },
	[LVS_ROW_TEMPLATE] = { "NONE", "ASSURED" },
};

const char *lvs_state_name(u8 proto, u8 state, bool is_template)
{
	enum lvs_proto_row row = is_template ? LVS_ROW_TEMPLATE : lvs_proto_row(proto);

	if (state >= LVS_MAX_STATES || !lvs_names[row][state])
		return "ERR!";
	return lvs_names[row][state];
}

const char *lvs_proto_name(u8 proto)
{
	switch (proto) {
	case 0:
		return "IP";
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_AH:
		return "AH";
	case IPPROTO_ESP:
		return "ESP";
	default:
		return "NONE";
	}
}

u8 lvs_proto_states(enum lvs_proto_row row)
{
	static const u8 n[LVS_ROWS] = { LVS_TCP_STATES, LVS_UDP_STATES, LVS_SCTP_STATES,
					LVS_TEMPLATE_STATES };

	return n[row];
}

u32 lvs_default_timeout(enum lvs_proto_row row, u8 state)
{
	static const u16 tcp[LVS_TCP_STATES] = { 2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120 };

	switch (row) {
	case LVS_ROW_TCP:
		return state < LVS_TCP_STATES ? tcp[state] : 0;
	case LVS_ROW_UDP:
		return 300;
	case LVS_ROW_SCTP:
		if (state == LVS_SCTP_NONE)
			return 2;
		if (state == LVS_SCTP_INIT1 || state == LVS_SCTP_REJECTED)
			return 4;
		return state == LVS_SCTP_ESTABLISHED ? 900 : 61;
	case LVS_ROW_TEMPLATE:
	case LVS_ROWS:
		break;
	}
	return 0;
}
