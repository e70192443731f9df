/** An owner that nobody hears but a client. It does not know that it is one no longer, and the client goes on reading,
 *  while others write to whoever owns the slot now: an answer that does not ask whether its epoch still stands is soon
 *  a stale one.
 *
 *      client ─ read ─► owner ╳ everybody else ◄─ write ─ another client */
import { slotOf, type ActorId } from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../../node/ports/index.ts";
import { Caller } from "../caller.ts";
import type { Network, World } from "../../world/index.ts";
import type { Machine } from "./machine.ts";
import type { RegisterWatch } from "./register.ts";
import { Attachment } from "./attachment.ts";

export interface CutOffParts {
  readonly world: World;
  readonly network: Network;
  readonly registers: RegisterWatch;
  readonly records: ReadonlyMap<string, SlotRecord>;
  /** Where clients can attach now. */
  readonly machines: () => readonly Machine[];
  /** Who is never cut off. */
  readonly spared: NodeId | undefined;
  readonly faulty: () => boolean;
  /** Tells this one from others. */
  readonly number: number;
}

const readTimeoutMs = 300;
/** Of each: the history of a register stays short enough to be judged. */
const callsMax = 12;

/** Cuts the owner of a fresh register off for a while, and reads and writes it meanwhile. */
export async function cutOffOwner(forMs: number, parts: CutOffParts): Promise<void> {
  const { world, network, registers, records, number } = parts;
  const { dice } = world;
  const actor: ActorId = `register/s${number}`;
  const away = new Set<Machine>();
  const attachment = new Attachment(world, {
    gates: () => parts.machines().filter((machine) => !away.has(machine)),
    faulty: parts.faulty,
  });
  const caller = new Caller(`s${number}`, `user/s${number}`, { world, entrance: attachment });
  const write = async (): Promise<void> => {
    const value = caller.token();
    const open = registers.asked(actor, { type: "write", value });
    const result = await caller.untilKnown(actor, { type: "write", value }, caller.operation());
    registers.answered(actor, open, result?.ok === true ? true : undefined);
  };
  await write();
  const owner = records.get(slotOf("chat", actor))?.owner;
  const stranded = parts.machines().find(({ node }) => node === owner);
  if (stranded === undefined || owner === undefined || owner === parts.spared || !parts.faulty()) return;
  away.add(stranded);
  for (const { node } of parts.machines()) {
    if (node === owner) continue;
    network.cut(owner, node);
    network.cut(node, owner);
  }
  attachment.leave();
  const endMs = world.nowMs + forMs;
  world.after(forMs, () => network.heal());
  const goesOn = (): boolean => world.nowMs < endMs && parts.faulty();
  const read = async (machine: Machine): Promise<void> => {
    const open = registers.asked(actor, { type: "read" });
    const result = await machine.ask({
      to: actor,
      from: "user/stranded",
      message: { type: "read" },
      timeoutMs: readTimeoutMs,
    });
    const seen = typeof result === "string" || !result.ok ? undefined : (result.value as { value: string }).value;
    registers.answered(actor, open, seen);
  };
  const reads = async (machine: Machine): Promise<void> => {
    for (let calls = 0; calls < callsMax && goesOn(); calls += 1) {
      await read(machine);
      await world.sleep(dice.between(0, forMs / callsMax));
    }
  };
  const writes = async (): Promise<void> => {
    for (let calls = 0; calls < callsMax && goesOn(); calls += 1) {
      await write();
      await world.sleep(dice.between(0, forMs / callsMax));
    }
  };
  await Promise.all([reads(stranded), writes()]);
}
