// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps a guest with several CPUs alive through a fault of its emulator.
 *
 * The kernel changes its own code (static branches, static calls) in three steps: it puts a breakpoint over the
 * first byte, writes the rest, and puts the new first byte in its place; in between, whoever meets the breakpoint
 * is served by a handler. QEMU before 8.1 may translate that code on one CPU while another is writing it, and then
 * keeps the breakpoint in its translation after it has gone from memory. The next one who comes by meets a
 * breakpoint that nobody owns, and the kernel dies of it ("Oops: int3").
 *
 * On a real machine a breakpoint trap always finds the breakpoint's byte in memory. Where memory holds something
 * else, it is this fault and nothing else: what memory says is carried out, and the guest lives on. A trap at a
 * byte that is a breakpoint is not ours and remains an oops.
 *
 * A kernel with kprobes comes before us: it takes the breakpoint for one that was just removed, tries again where it
 * stands, and meets the same translation for ever; if that is while packets are handled, the CPU does nothing else
 * any more. So a timer looks at what it interrupts. A CPU that stands at the same jump or nop again and again is
 * moved on as memory says, which is right whatever the reason is, and the byte is written anew, as it is: that makes
 * the emulator translate it again.
 */
#include <linux/hrtimer.h>
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/irq_regs.h>
#include <asm/pgtable_types.h>
#include <asm/text-patching.h>

enum { LOOK_MS = 10, STUCK_LOOKS = 5 };

static atomic_t survived = ATOMIC_INIT(0);
module_param_named(survived, survived.counter, int, 0444);
MODULE_PARM_DESC(survived, "how many stale breakpoints were passed over, and CPUs moved on");

static long displacement(const u8 *insn, unsigned int length)
{
	s32 far;

	if (length == JMP8_INSN_SIZE)
		return (s8)insn[1];
	memcpy(&far, insn + 1, sizeof(far));
	return far;
}

/* Only what the kernel ever writes over code that is in use; anything else is tried again where it stands. */
static void carry_out(struct pt_regs *regs, const u8 *insn)
{
	unsigned long at = (unsigned long)insn;

	switch (insn[0]) {
	case JMP8_INSN_OPCODE:
		int3_emulate_jmp(regs, at + JMP8_INSN_SIZE + displacement(insn, JMP8_INSN_SIZE));
		break;
	case JMP32_INSN_OPCODE:
		int3_emulate_jmp(regs, at + JMP32_INSN_SIZE + displacement(insn, JMP32_INSN_SIZE));
		break;
	case CALL_INSN_OPCODE:
		int3_emulate_call(regs, at + CALL_INSN_SIZE + displacement(insn, CALL_INSN_SIZE));
		break;
	case RET_INSN_OPCODE:
		int3_emulate_ret(regs);
		break;
	case 0x66: /* nop of two bytes */
		int3_emulate_jmp(regs, at + 2);
		break;
	case 0x0f: /* nop of five bytes */
		int3_emulate_jmp(regs, at + 5);
		break;
	default:
		int3_emulate_jmp(regs, at);
	}
}

static int on_trap(struct notifier_block *self, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	const u8 *insn;

	if (event != DIE_INT3 || user_mode(regs))
		return NOTIFY_DONE;
	insn = (const u8 *)(regs->ip - INT3_INSN_SIZE);
	if (READ_ONCE(*insn) == INT3_INSN_OPCODE)
		return NOTIFY_DONE;
	atomic_inc(&survived);
	carry_out(regs, insn);
	return NOTIFY_STOP;
}

struct watch {
	struct hrtimer timer;
	unsigned long ip; /* where the last look found this CPU */
	unsigned int looks; /* so many times */
};
static DEFINE_PER_CPU(struct watch, watches);
static unsigned long stale; /* to be translated again */

/* What static branches are made of; a call would need room on the stack. */
static bool is_branch(const u8 *insn)
{
	return insn[0] == JMP8_INSN_OPCODE || insn[0] == JMP32_INSN_OPCODE ||
	       (insn[0] == 0x66 && insn[1] == 0x90) || (insn[0] == 0x0f && insn[1] == 0x1f && insn[2] == 0x44);
}

/* The kernel's code is mapped read-only: through a mapping of our own. */
static void translate_again(struct work_struct *work)
{
	unsigned long at = READ_ONCE(stale), offset = at & ~PAGE_MASK;
	unsigned int level;
	struct page *page;
	u8 *map, old;

	/* Code of a module may have gone. */
	if (!lookup_address(at, &level))
		return;
	page = pfn_to_page(slow_virt_to_phys((void *)at) >> PAGE_SHIFT);
	map = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	if (!map)
		return;
	old = READ_ONCE(map[offset]);
	/* Nothing that somebody writes meanwhile is undone. */
	cmpxchg(&map[offset], old, old);
	vunmap(map);
}
static DECLARE_WORK(again, translate_again);

static enum hrtimer_restart look(struct hrtimer *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);
	struct pt_regs *regs = get_irq_regs();
	unsigned long ip = regs && !user_mode(regs) ? regs->ip : 0;

	if (!ip || ip != watch->ip || !is_branch((const u8 *)ip)) {
		watch->ip = ip;
		watch->looks = 0;
	} else if (++watch->looks >= STUCK_LOOKS) {
		watch->looks = 0;
		atomic_inc(&survived);
		carry_out(regs, (const u8 *)ip);
		WRITE_ONCE(stale, ip);
		queue_work(system_unbound_wq, &again);
	}
	hrtimer_forward_now(timer, ms_to_ktime(LOOK_MS));
	return HRTIMER_RESTART;
}

static void start_watch(void *unused)
{
	struct watch *watch = this_cpu_ptr(&watches);

	hrtimer_init(&watch->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	watch->timer.function = look;
	hrtimer_start(&watch->timer, ms_to_ktime(LOOK_MS), HRTIMER_MODE_REL_PINNED_HARD);
}

static struct notifier_block trap = { .notifier_call = on_trap, .priority = INT_MAX };

/* One CPU never translates what another is writing. */
static bool has_others(void)
{
	return num_online_cpus() > 1;
}

static int __init lab_emulator_init(void)
{
	if (has_others())
		on_each_cpu(start_watch, NULL, 1);
	return register_die_notifier(&trap);
}

static void __exit lab_emulator_exit(void)
{
	int cpu;

	unregister_die_notifier(&trap);
	if (has_others())
		for_each_online_cpu(cpu)
			hrtimer_cancel(&per_cpu(watches, cpu).timer);
	cancel_work_sync(&again);
}

module_init(lab_emulator_init);
module_exit(lab_emulator_exit);
MODULE_DESCRIPTION("lvsd lab: outlives stale breakpoints of the emulator");
MODULE_LICENSE("GPL");
