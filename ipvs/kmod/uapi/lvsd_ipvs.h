/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * LVSD_IPVS: what lvsd's ip_vs.ko offers beside the generic netlink family IPVS.
 * That family is on the kernel's own module too; this one only on ours, so that
 * resolving its name tells whether any of the following can be used.
 *
 * Generation.  Each network namespace counts its changes, whoever makes them
 * (either family, the end of a namespace excepted).  GET_GENERATION tells the
 * number.
 *
 * Events.  Members of the group "events" get one EVENT message for every change,
 * in order, each with the generation it made.  A gap in the generations, or
 * ENOBUFS from the socket, means that messages were lost: list everything anew.
 * The nests SERVICE and SERVER in it have the attributes IPVS_SVC_ATTR_* and
 * IPVS_DEST_ATTR_* of linux/ip_vs.h, without counters; a removed service has its
 * key only.  A removed service stands for all its servers.
 *
 * Batch.  One BATCH request does all of its steps or none.  A step is one of the
 * attributes SERVICE_*, and SERVER attributes behind it belong to it; they are
 * all at the top level of the message, in order, because a nest could not hold
 * more than 64 KiB.  (A message may be as long as the socket's send buffer.)
 *
 *   SERVICE_SET       full; is made, or changed to be so; servers stay
 *   SERVICE_REPLACE   full; the same, and its servers will be those that follow
 *   SERVICE_SERVERS   key; must exist; its servers will be those that follow
 *   SERVICE_DEL       key; must exist; goes, with its servers
 *
 * At most one step per service, and each server once in a step: else EINVAL.
 * Servers that stay keep their counters, connections and place; what is the same
 * already is left alone.  New ones come in front in the order given, as with one
 * NEW_DEST after the other; what has to go goes last.  With EXPECT the request is
 * only done while that is the generation, else ESTALE.  Packets never see a batch
 * that is wrong, nor a service without servers that has some before and after.
 *
 * Success answers with one BATCH message with GENERATION.  A failure in a step
 * answers with one BATCH message with ERROR (positive errno), STEP and, if it was
 * one of the servers, SERVER_INDEX, both counted from 0 (the server within its
 * step), before the usual NLMSG_ERROR with the errno the same request would get
 * from IPVS; NLMSGERR_ATTR_OFFS there is the offset of the attribute at fault.
 * No event tells of a batch that failed, and it leaves the generation alone.
 *
 * Every command needs CAP_NET_ADMIN, as in IPVS; so does the group.
 */
#ifndef LVSD_IPVS_H
#define LVSD_IPVS_H

#define LVSD_IPVS_GENL_NAME "LVSD_IPVS"
#define LVSD_IPVS_GENL_VERSION 1
#define LVSD_IPVS_GROUP_EVENTS "events"

enum lvsd_ipvs_cmd {
	LVSD_IPVS_CMD_UNSPEC,
	LVSD_IPVS_CMD_GET_GENERATION,
	LVSD_IPVS_CMD_BATCH,
	LVSD_IPVS_CMD_EVENT,		/* from the kernel only */
	LVSD_IPVS_CMD_END,
};

enum lvsd_ipvs_attr {
	LVSD_IPVS_ATTR_UNSPEC,
	LVSD_IPVS_ATTR_PAD,
	LVSD_IPVS_ATTR_GENERATION,	/* u64 */
	LVSD_IPVS_ATTR_EVENT,		/* u32, enum lvsd_ipvs_event */
	LVSD_IPVS_ATTR_SERVICE,		/* nest; in events */
	LVSD_IPVS_ATTR_SERVER,		/* nest; in events and batches */
	LVSD_IPVS_ATTR_SERVICE_SET,	/* nest; these four in batches */
	LVSD_IPVS_ATTR_SERVICE_REPLACE,
	LVSD_IPVS_ATTR_SERVICE_SERVERS,
	LVSD_IPVS_ATTR_SERVICE_DEL,
	LVSD_IPVS_ATTR_EXPECT,		/* u64 */
	LVSD_IPVS_ATTR_ERROR,		/* u32 */
	LVSD_IPVS_ATTR_STEP,		/* u32 */
	LVSD_IPVS_ATTR_SERVER_INDEX,	/* u32 */
	LVSD_IPVS_ATTR_END,
};

enum lvsd_ipvs_event {
	LVSD_IPVS_EVENT_SERVICE_ADDED = 1,
	LVSD_IPVS_EVENT_SERVICE_CHANGED,
	LVSD_IPVS_EVENT_SERVICE_REMOVED,
	LVSD_IPVS_EVENT_SERVER_ADDED,
	LVSD_IPVS_EVENT_SERVER_CHANGED,
	LVSD_IPVS_EVENT_SERVER_REMOVED,
	LVSD_IPVS_EVENT_CONFIG_CHANGED,	/* timeouts; no nest */
	LVSD_IPVS_EVENT_ZEROED,		/* SERVICE: that one; none: everything */
};

#endif
