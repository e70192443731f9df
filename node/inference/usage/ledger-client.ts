/** What one ledger is told by this node, and what this node holds of the budgets that it counts.
 *
 *      calls end ──► rows ─────────┐                        ┌─► shares grow; a waiting call begins, or is refused
 *      calls wait ─► wants ────────┴─► one message at a time ┴─► next message
 *
 *  A message without an answer is sent again as it was, with its number, until it has one: the ledger takes it once. */
import {
  failure,
  type ActorId,
  type Failure,
  type LeaseAsked,
  type LeaseGranted,
  type Result,
  type Settled,
  type UsageRow,
  type UsageSums,
} from "../../../protocols/index.ts";
import type { Clock, Meter } from "../../ports/index.ts";
import type { Counted } from "./counting.ts";
import type { UsageLimits } from "./limits.ts";
import { grantedTo, kept, noShare, reserve, settled, type Share } from "./share.ts";

/** What a teller needs. */
interface LedgerClientPorts {
  readonly reporter: string;
  readonly ledger: ActorId;
  readonly settle: (ledger: ActorId, message: object) => Promise<Result<unknown>>;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: UsageLimits;
  /** A budget has come to its warning, or to its end, for the first time in its period. */
  readonly first: (counted: Counted, granted: LeaseGranted) => void;
}

/** How a budget stands, as the ledger said last. */
export interface Standing {
  readonly counted: Counted;
  readonly spent: number;
  readonly resetsAtMs: number;
}

interface Held {
  counted: Counted;
  share: Share;
  told?: LeaseGranted & { readonly atMs: number };
  /** Somebody reserved of it, or a call ended. */
  usedAtMs: number;
  stoppedUntilMs: number;
}

interface Waiter {
  readonly id: string;
  readonly need: number;
  readonly settle: (result: Reserved) => void;
  rounds: number;
}

interface Message {
  readonly seq: number;
  readonly rows: readonly UsageRow[];
  readonly leases: readonly LeaseAsked[];
  readonly sinceMs: number;
}

/** What a call has of a budget; or why it may not begin. */
type Reserved = { readonly ok: true; readonly amount: number } | { readonly ok: false; readonly error: Failure };

/** A later row with what was taken before. */
function sumOf(before: UsageSums, row: UsageRow): UsageRow {
  const sums: UsageSums = {
    calls: before.calls + row.calls,
    promptTokens: before.promptTokens + row.promptTokens,
    cachedTokens: before.cachedTokens + row.cachedTokens,
    completionTokens: before.completionTokens + row.completionTokens,
    ms: before.ms + row.ms,
    cost: before.cost + row.cost,
  };
  return { ...row, ...sums };
}

export class LedgerClient {
  readonly #ports: LedgerClientPorts;
  readonly #rows = new Map<string, UsageRow>();
  readonly #held = new Map<string, Held>();
  #waiting: Waiter[] = [];
  #seq = 0;
  #message: Message | undefined;
  #sending: Promise<void> | undefined;

  constructor(ports: LedgerClientPorts) {
    this.#ports = ports;
  }

  /** Nothing has to be told, and nothing is held. */
  get idle(): boolean {
    return this.#rows.size === 0 && this.#message === undefined && this.#held.size === 0 && this.#sending === undefined;
  }

  /** A call took this. */
  add(row: UsageRow): void {
    // The model is the last: its name alone may be any text.
    const id = `${row.person}\n${row.key}\n${row.provider}\n${row.model}`;
    const before = this.#rows.get(id);
    const max = this.#ports.limits.rowsPerLedgerMax;
    // The ledger is away, and there is much to tell: it learns how much was taken, but not of what.
    if (before === undefined && this.#rows.size >= max && row.model !== others)
      return this.add({ ...row, model: others, provider: "" });
    this.#rows.set(id, before === undefined ? row : sumOf(before, row));
    if (this.#rows.size >= max / 2 && this.#message === undefined) void this.#send();
  }

  /** Reserves at once where the share has so much. */
  take(counted: Counted, need: number): Reserved | undefined {
    const held = this.#of(counted);
    const { clock, limits } = this.#ports;
    const nowMs = clock.monotonicMs();
    if (held.stoppedUntilMs > nowMs) return { ok: false, error: this.#exceeded(held) };
    const isTrusted = held.told !== undefined && nowMs - held.told.atMs <= limits.shareTrustMs;
    const share = isTrusted ? reserve(held.share, need) : undefined;
    if (share === undefined) return undefined;
    Object.assign(held, { share, usedAtMs: nowMs });
    return { ok: true, amount: need };
  }

  /** Reserves, and asks the ledger for more where the share has not enough. What is left when the ledger has no more is
   *  enough for one call: the last call goes beyond the budget, and nobody is refused while there is something. */
  async reserve(counted: Counted, need: number): Promise<Reserved> {
    const taken = this.take(counted, need);
    if (taken !== undefined) return taken;
    const max = this.#ports.limits.waitingPerLedgerMax;
    if (this.#waiting.length >= max) return { ok: false, error: failure("OVERLOADED", { waitingPerLedgerMax: max }) };
    const waited = new Promise<Reserved>((settle) => {
      this.#waiting.push({ id: counted.lease.id, need, settle, rounds: 0 });
    });
    void this.#again();
    return waited;
  }

  /** The call has ended; `used` of this budget, of which a row was added. */
  settle(id: string, amount: number, used: number): void {
    const held = this.#held.get(id);
    if (held !== undefined)
      Object.assign(held, { share: settled(held.share, amount, used), usedAtMs: this.#ports.clock.monotonicMs() });
  }

  /** From now on it is known how the budget stands: with the next message. */
  watch(counted: Counted): void {
    this.#of(counted).usedAtMs = this.#ports.clock.monotonicMs();
  }

  standing(id: string): Standing | undefined {
    const held = this.#held.get(id);
    const told = held?.told;
    if (held === undefined || told === undefined) return undefined;
    return { counted: held.counted, spent: told.spent, resetsAtMs: told.atMs + told.resetsInMs };
  }

  /** Tells what there is to tell. */
  flush(): Promise<void> {
    const { clock, limits } = this.#ports;
    const nowMs = clock.monotonicMs();
    for (const [id, { share, usedAtMs }] of this.#held)
      if (share.free <= 0 && share.reserved === 0 && nowMs - usedAtMs > limits.standingKeptMs) this.#held.delete(id);
    const due = [...this.#held.values()].some(
      ({ share, told, usedAtMs }) =>
        (share.free > 0 && nowMs - usedAtMs > limits.shareIdleMs) ||
        told === undefined ||
        (share.free + share.reserved > 0 && nowMs - told.atMs > limits.shareTrustMs / 2),
    );
    return this.#rows.size > 0 || this.#message !== undefined || due ? this.#send() : Promise.resolve();
  }

  #of(counted: Counted): Held {
    const known = this.#held.get(counted.lease.id);
    if (known !== undefined) {
      known.counted = counted;
      return known;
    }
    const held: Held = { counted, share: noShare, usedAtMs: this.#ports.clock.monotonicMs(), stoppedUntilMs: 0 };
    this.#held.set(counted.lease.id, held);
    return held;
  }

  /** Sends for those who wait, once what is under way has its answer. */
  async #again(): Promise<void> {
    await (this.#sending ?? Promise.resolve());
    if (this.#waiting.length > 0) await this.#send();
  }

  #send(): Promise<void> {
    this.#sending ??= this.#exchange().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #exchange(): Promise<void> {
    const { settle, ledger, reporter, clock, limits } = this.#ports;
    const sentMs = clock.monotonicMs();
    const isNew = this.#message === undefined;
    const message = (this.#message ??= this.#next(sentMs));
    const { seq, rows, leases } = message;
    const waited = this.#waiting.length;
    const answer = await settle(ledger, { type: "settle", reporter, seq, rows, leases });
    if (answer.ok) {
      this.#message = undefined;
      for (const granted of (answer.value as Settled).leases) this.#grant(granted, leases, sentMs);
      // Those who came while an older message was repeated are not in it.
      this.#serve(isNew ? waited : 0);
    } else {
      const error = failure("QUOTA_UNKNOWN", { because: answer.error.code });
      for (const { settle: refuse } of this.#waiting.splice(0)) refuse({ ok: false, error });
      if (clock.monotonicMs() - message.sinceMs > limits.settleGiveUpMs) {
        this.#message = undefined;
        this.#lost(rows.length);
      }
    }
  }

  /** The next message: the rows that there are, and every share. */
  #next(nowMs: number): Message {
    const { limits } = this.#ports;
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    const leases = [...this.#held].map(([id, held]): LeaseAsked => {
      const need = this.#waiting.reduce((sum, waiter) => (waiter.id === id ? sum + waiter.need : sum), 0);
      const isIdle = need === 0 && nowMs - held.usedAtMs > limits.shareIdleMs;
      const { keep, share } = kept(held.share, isIdle);
      held.share = share;
      return { ...held.counted.lease, keep, want: Math.max(0, need - share.free) };
    });
    this.#seq += 1;
    // Of more than a message takes, those go first for which somebody waits.
    const first = leases.toSorted((one, other) => other.want + other.keep - one.want - one.keep);
    return { seq: this.#seq, rows, leases: first.slice(0, limits.leasesPerMessageMax), sinceMs: nowMs };
  }

  #grant(granted: LeaseGranted, leases: readonly LeaseAsked[], sentMs: number): void {
    const held = this.#held.get(granted.id);
    const asked = leases.find(({ id }) => id === granted.id);
    if (held === undefined || asked === undefined) return;
    held.share = grantedTo(held.share, asked.keep, granted.held);
    // By when it was sent: the ledger counts from a later moment.
    held.told = { ...granted, atMs: sentMs };
    if (granted.first !== undefined) this.#ports.first(held.counted, granted);
  }

  /** Those who were in the message begin, or are refused. */
  #serve(count: number): void {
    const served = this.#waiting.splice(0, count);
    const left: Waiter[] = [];
    for (const waiter of served) {
      const held = this.#held.get(waiter.id);
      const { told, counted } = held ?? {};
      waiter.rounds += 1;
      if (waiter.rounds > roundsMax) {
        waiter.settle({ ok: false, error: failure("QUOTA_UNKNOWN", { because: "OVERLOADED" }) });
        continue;
      }
      if (held === undefined || told === undefined || counted === undefined) {
        left.push(waiter);
        continue;
      }
      const isUsedUp = told.spent + told.elsewhere + told.held >= counted.lease.limit;
      const amount = isUsedUp ? Math.min(waiter.need, Math.max(0, held.share.free)) : waiter.need;
      const share = amount > 0 ? reserve(held.share, amount) : undefined;
      if (share !== undefined) {
        held.share = share;
        waiter.settle({ ok: true, amount });
      } else if (isUsedUp) {
        const { clock, limits } = this.#ports;
        held.stoppedUntilMs = clock.monotonicMs() + Math.min(limits.stoppedRetryMs, told.resetsInMs);
        waiter.settle({ ok: false, error: this.#exceeded(held) });
      } else left.push(waiter);
    }
    this.#waiting.unshift(...left);
    if (this.#waiting.length > 0) void Promise.resolve().then(() => this.#again());
  }

  #exceeded({ counted, told }: Held): Failure {
    const { clock, limits } = this.#ports;
    const { name, limit, measure, per, ending, instead } = counted.budget;
    const resetsInMs = Math.max(0, (told?.resetsInMs ?? 0) - (clock.monotonicMs() - (told?.atMs ?? 0)));
    const spent = told?.spent ?? 0;
    // What others hold and do not use, they give back soon.
    const soonMs = limits.shareIdleMs + limits.settleIntervalMs;
    return failure("QUOTA_EXCEEDED", {
      budget: name,
      limit,
      measure,
      per,
      spent,
      // What was under way between two clocks: a second is near enough.
      resetsAt: new Date(Math.round((clock.nowMs() + resetsInMs) / 1_000) * 1_000).toISOString(),
      retryAfterMs: Math.ceil(spent >= limit ? resetsInMs : Math.min(resetsInMs, soonMs)),
      ...(ending === "instead" && instead !== undefined && { instead }),
    });
  }

  #lost(rows: number): void {
    this.#ports.meter.count("usage_rows_lost", rows);
  }
}

/** The model of a row that stands for many. */
const others = "others";
/** Times that a call's need is told: each time others may have been faster. */
const roundsMax = 8;
