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
 */
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/ptrace.h>
#include <asm/text-patching.h>

static atomic_t survived = ATOMIC_INIT(0);
module_param_named(survived, survived.counter, int, 0444);
MODULE_PARM_DESC(survived, "how many stale breakpoints were passed over");

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

static struct notifier_block trap = { .notifier_call = on_trap, .priority = INT_MAX };

static int __init lab_emulator_init(void)
{
	return register_die_notifier(&trap);
}

static void __exit lab_emulator_exit(void)
{
	unregister_die_notifier(&trap);
}

module_init(lab_emulator_init);
module_exit(lab_emulator_exit);
MODULE_DESCRIPTION("lvsd lab: outlives stale breakpoints of the emulator");
MODULE_LICENSE("GPL");
