import { slotOf, type ActorId } from "../../protocols/index.ts";
import type { KernelLimits } from "../../node/kernel/index.ts";
import type { JournalLimits } from "../../node/storage/limits.ts";
import type { Dice, DiskWeather } from "../world/index.ts";
import type { RuntimeWeather } from "./runtime.ts";

/** What one seed does. Each seed turns some faults on and leaves others off: faults that are always on hide each other
 *  (Groce and others, "Swarm testing", 2012). */
export interface Plan {
  readonly clients: number;
  readonly commandsPerClient: number;
  /** Mean time between two commands of a client. */
  readonly thinkMs: number;
  readonly disk: DiskWeather;
  readonly runtime: RuntimeWeather;
  readonly kernelLimits: Partial<KernelLimits>;
  readonly journalLimits: Partial<JournalLimits>;
  /** Mean time between two ends of the process; Infinity: never. */
  readonly lifeMs: number;
  /** How a life ends, as weights. */
  readonly endings: Readonly<Record<Ending, number>>;
  /** Probability per second that the wall clock is set. */
  readonly clockJumps: boolean;
  /** It is set by years, both ways, and is right again in the end. */
  readonly clockYears: boolean;
  readonly poison: boolean;
  /** Stored bytes rot at one restart. */
  readonly rot: boolean;
  readonly actors: Actors;
  /** People who chat, beside the clients. */
  readonly people: number;
  /** Somebody renames a topic of many messages, again and again, and asks once each time. Not drawn. */
  readonly renames?: number;
  /** The disk is encrypted while the node runs. */
  readonly sealed: boolean;
}

/** - crash: at any moment. - reply: right after a reply left. - durable: right after a sync, before anybody knows.
 *  - stop: clean, then power loss. */
export type Ending = "crash" | "reply" | "durable" | "stop";

export interface Actors {
  readonly ledgers: readonly ActorId[];
  readonly relays: readonly ActorId[];
  readonly alarms: readonly ActorId[];
  readonly writers: readonly ActorId[];
}

/** Keys whose actors share a slot with `ledger/a`: many actors in one log. */
function crowded(kind: string, count: number): ActorId[] {
  const slot = slotOf("chat", "ledger/a");
  const found: ActorId[] = [];
  for (let key = 0; found.length < count; key += 1) {
    const actor: ActorId = `${kind}/x${key}`;
    if (slotOf("chat", actor) === slot) found.push(actor);
  }
  return found;
}

const crowd = { ledgers: crowded("ledger", 3), relays: crowded("relay", 2), alarms: crowded("alarm", 1) };

const spread: Actors = {
  ledgers: ["ledger/a", "ledger/b", "ledger/c", "ledger/d"],
  relays: ["relay/a", "relay/b", "relay/c"],
  alarms: ["alarm/a", "alarm/b"],
  writers: ["writer/a", "writer/b"],
};

/** Waits of the kernel in a life of seconds. */
export const kernelLimits = {
  sweepIntervalMs: 20,
  slotRetryMs: 20,
  slotRetryMaxMs: 400,
  reminderRetryMs: 200,
  reminderRetryMaxMs: 2_000,
  restartBackoffMs: 5,
  restartBackoffMaxMs: 100,
  restartsMax: 2,
  restartWindowMs: 5_000,
  deadLettersMax: 4,
  // More than the commands that can come between a command and its last repetition.
  answersMax: 512,
} satisfies Partial<KernelLimits>;

/** Draws a plan. */
export function drawPlan(dice: Dice): Plan {
  const rot = dice.chance(0.15);
  const crashes = dice.chance(0.8);
  const errors = dice.chance(0.25);
  const narrow = dice.chance(0.6);
  const stalls = dice.chance(0.3);
  return {
    clients: 2 + dice.below(4),
    commandsPerClient: 10 + dice.below(20),
    thinkMs: dice.pick([1, 10, 60]),
    disk: {
      syncMs: dice.pick([0.2, 2, 10]),
      stallChance: stalls ? 0.03 : 0,
      stallMs: dice.pick([50, 400, 3_000]),
      batchErrorChance: errors ? 0.02 : 0,
      readErrorChance: errors && dice.chance(0.5) ? 0.01 : 0,
      full: false,
    },
    runtime: { failChance: dice.pick([0, 0.3]), tokenMs: dice.pick([1, 20]) },
    kernelLimits: {
      ...kernelLimits,
      ...(narrow
        ? {
            mailboxMessagesMax: 2 + dice.below(6),
            activationsMax: 4 + dice.below(20),
            slotWaitersMax: 3 + dice.below(10),
            turnsPerSlice: 1 + dice.below(4),
            idleTimeoutMs: dice.pick([20, 100, 1_000]),
            snapshotEntriesMin: 1 + dice.below(4),
            snapshotEntriesMax: 4 + dice.below(8),
            logWindowEntries: dice.below(8),
            logSlackEntries: 1 + dice.below(6),
            slotOpeningsMax: 1 + dice.below(3),
          }
        : {}),
    },
    journalLimits: narrow
      ? {
          commitEntriesMax: 1 + dice.below(4),
          commitBytesMax: dice.pick([200, 2_000, 100_000]),
          pendingBytesMax: dice.pick([300, 3_000, 100_000]),
          scanChunksMax: 1 + dice.below(3),
        }
      : {},
    lifeMs: crashes ? dice.pick([30, 150, 600]) : rot ? 400 : Infinity,
    endings: dice.pick([
      { crash: 1, reply: 1, durable: 1, stop: 1 },
      { crash: 1, reply: 0, durable: 0, stop: 0 },
      { crash: 0, reply: 3, durable: 3, stop: 1 },
    ]),
    clockJumps: dice.chance(0.2),
    clockYears: false,
    poison: dice.chance(0.3),
    rot,
    people: dice.chance(0.3) ? 1 + dice.below(3) : 0,
    sealed: false,
    actors: dice.chance(0.5)
      ? spread
      : { ...spread, ledgers: ["ledger/a", ...crowd.ledgers], relays: crowd.relays, alarms: crowd.alarms },
  };
}
