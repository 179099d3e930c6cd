// SPDX-License-Identifier: GPL-2.0
/*
 * Routes to servers.  Each dest keeps the last one; packets borrow it without
 * a reference under RCU and look again when the stack says it is stale.
 */
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "lvs_private.h"

static void lvs_route_free(struct rcu_head *head)
{
	struct lvs_route *rt = container_of(head, struct lvs_route, rcu);

	dst_release(rt->dst);
	kfree(rt);
}

static void lvs_route_swap(struct lvs_dest *dest, struct lvs_route *new)
{
	struct lvs_route *old;

	spin_lock_bh(&dest->route_lock);
	old = rcu_replace_pointer(dest->route, new, lockdep_is_held(&dest->route_lock));
	spin_unlock_bh(&dest->route_lock);
	if (old)
		call_rcu(&old->rcu, lvs_route_free);
}

void lvs_dest_forget_route(struct lvs_dest *dest)
{
	if (rcu_access_pointer(dest->route))
		lvs_route_swap(dest, NULL);
}

/* KNOWN_NH: the neighbour to ask for is the server (or its gateway), never the
 * packet's own destination, which in direct routing is the virtual address. */
static struct dst_entry *lvs_route4(struct net *net, __be32 daddr, __be32 *saddr)
{
	struct flowi4 fl4 = { .daddr = daddr, .flowi4_flags = FLOWI_FLAG_KNOWN_NH };
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return NULL;
	*saddr = fl4.saddr;
	return &rt->dst;
}

#if IS_ENABLED(CONFIG_IPV6)
static struct dst_entry *lvs_route6(struct net *net, const struct in6_addr *daddr,
				    struct in6_addr *saddr, bool want_saddr)
{
	struct flowi6 fl6 = { .daddr = *daddr, .flowi6_flags = FLOWI_FLAG_KNOWN_NH };
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);

	if (dst->error)
		goto fail;
	if (want_saddr && ipv6_addr_any(&fl6.saddr) &&
	    ipv6_dev_get_saddr(net, dst->dev, daddr, 0, &fl6.saddr) < 0)
		goto fail;
	*saddr = fl6.saddr;
	return dst;
fail:
	dst_release(dst);
	return NULL;
}
#endif

struct dst_entry *lvs_route_to(struct net *net, u16 af, const union nf_inet_addr *daddr,
			       union nf_inet_addr *saddr)
{
	union nf_inet_addr own = {};
	struct dst_entry *dst = NULL;

	if (af == AF_INET)
		dst = lvs_route4(net, daddr->ip, &own.ip);
#if IS_ENABLED(CONFIG_IPV6)
	else
		dst = lvs_route6(net, &daddr->in6, &own.in6, saddr != NULL);
#endif
	if (saddr)
		*saddr = own;
	return dst;
}

static u32 lvs_dst_cookie(struct dst_entry *dst, u16 af)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (af == AF_INET6)
		return rt6_get_cookie(container_of(dst, struct rt6_info, dst));
#endif
	return 0;
}

/* Ask again, and remember the answer unless its device is going down. */
struct dst_entry *lvs_route_ask(struct lvs_dest *dest, union nf_inet_addr *saddr)
{
	union nf_inet_addr own = {};
	struct dst_entry *dst;
	struct lvs_route *rt;

	dst = lvs_route_to(dest->ns->net, dest->server.af, &dest->server.addr, &own);
	if (!dst) {
		lvs_dest_forget_route(dest);
		return NULL;
	}
	if (saddr)
		*saddr = own;
	rt = kmalloc(sizeof(*rt), GFP_ATOMIC);
	if (!rt) {
		/* Nothing holds it for us; RCU keeps it for this packet. */
		dst_release(dst);
		return dst;
	}
	rt->dst = dst;
	rt->cookie = lvs_dst_cookie(dst, dest->server.af);
	rt->saddr = own;
	lvs_route_swap(dest, rt);
	/* The device may have gone down, or the dest out of its service, before
	 * the route was there to be forgotten. */
	smp_mb();
	if (unlikely(!netif_running(dst->dev) ||
		     !(READ_ONCE(dest->server.flags) & LVS_SERVER_AVAILABLE)))
		lvs_dest_forget_route(dest);
	return dst;
}

/*
 * A device must not wait for a server without traffic to let go of it.  Routes
 * that are stale go too: what IPv6 has already taken off the device may still
 * hold it by where it was made from.
 */
static void lvs_forget_device(struct lvs_netns *ns, const struct net_device *dev)
{
	struct lvs_service *svc;
	struct lvs_server *s;
	struct lvs_route *rt;
	unsigned long id;

	mutex_lock(&ns->lock);
	xa_for_each(&ns->service_ids, id, svc) {
		list_for_each_entry(s, &svc->pool.servers, list) {
			rcu_read_lock();
			rt = rcu_dereference(lvs_dest_of(s)->route);
			if (rt && (rt->dst->dev == dev || !dst_check(rt->dst, rt->cookie)))
				lvs_dest_forget_route(lvs_dest_of(s));
			rcu_read_unlock();
		}
	}
	mutex_unlock(&ns->lock);
}

static int lvs_netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_DOWN || event == NETDEV_UNREGISTER)
		lvs_forget_device(lvs_netns(dev_net(dev)), dev);
	return NOTIFY_DONE;
}

static struct notifier_block lvs_netdev_notifier = {
	.notifier_call = lvs_netdev_event,
	/* Before IPv6 takes its routes off the device. */
	.priority = ADDRCONF_NOTIFY_PRIORITY + 5,
};

int lvs_route_init(void)
{
	return register_netdevice_notifier(&lvs_netdev_notifier);
}

void lvs_route_exit(void)
{
	unregister_netdevice_notifier(&lvs_netdev_notifier);
}
