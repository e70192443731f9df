/** What people do at this node, until it has been told to `activity/cluster`.
 *
 *      gateway: a command was done ─┐
 *      calls of models ─────────────┴─► by person ─ every few seconds, one message at a time ─► activity/cluster
 *      bytes on the disk, now and then ────────────────┘
 *
 *  A message without an answer is sent again as it was, with its number: it is counted once. What was not told is lost
 *  when the node dies. */
import { wireLimits, type ActivityOf, type ActivitySums, type Budget, type Result } from "../../../protocols/index.ts";
import type { ActivityPort, Clock, Log, Meter } from "../../ports/index.ts";
import { usageLimits, type UsageLimits } from "./limits.ts";
import { createUse } from "./use.ts";

/** What it needs. */
interface ActivityPorts {
  /** Names this life of this node. */
  readonly reporter: string;
  readonly node: string;
  readonly ask: (message: object, timeoutMs: number) => Promise<Result<unknown>>;
  readonly budgets: () => readonly Budget[];
  /** How much this node keeps on its disk; absent: nobody measures it. */
  readonly storedBytes?: () => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<UsageLimits>;
}

/** Counts what people do. */
export interface Activity extends ActivityPort {
  /** Somebody's call of a model took this; empty: nobody's. */
  took(person: string, sums: Omit<ActivitySums, "messages">): void;
  /** Begins to say how much this node keeps. */
  start(): void;
  /** Tells all that there is to tell. */
  flush(): Promise<void>;
  /** Tells it, and ends. */
  stop(): Promise<void>;
}

const nothing: ActivitySums = { messages: 0, calls: 0, tokens: 0, cost: 0 };
const dayMs = 24 * 3_600_000;

interface Told {
  readonly seq: number;
  readonly people: readonly ActivityOf[];
  readonly stored?: { readonly node: string; readonly bytes: number };
}

/** Makes it. Nothing is told before there is something. */
export function createActivity(ports: ActivityPorts): Activity {
  const { clock, log, meter } = ports;
  const limits: UsageLimits = { ...usageLimits, ...ports.limits };
  const waiting = new Map<string, ActivitySums>();
  /** People who were told of today already: being active once more is no news. */
  const known = new Set<string>();
  let knownDay = 0;
  let stored: number | undefined;
  let storedTold: number | undefined;
  let message: Told | undefined;
  let seq = 0;
  let telling: Promise<void> | undefined;
  let stopped = false;
  let cancelTimer: (() => void) | undefined;
  let cancelMeasure: (() => void) | undefined;

  function add(person: string, more: Partial<ActivitySums>): void {
    const today = Math.floor(clock.nowMs() / dayMs);
    if (today !== knownDay) {
      known.clear();
      knownDay = today;
    }
    // Of more people than are remembered it is counted what they do, and not who they are.
    const isRoom = waiting.has(person) || waiting.size < limits.activityPeopleMax;
    const who = isRoom ? person : "";
    if (!isRoom) meter.count("usage_people_unnamed", 1);
    const before = waiting.get(who) ?? nothing;
    waiting.set(who, {
      messages: before.messages + (more.messages ?? 0),
      calls: before.calls + (more.calls ?? 0),
      tokens: before.tokens + (more.tokens ?? 0),
      cost: before.cost + (more.cost ?? 0),
    });
    if (known.size < limits.activityPeopleMax) known.add(person);
    later();
  }

  const isNews = (): boolean =>
    message !== undefined || waiting.size > 0 || (stored !== undefined && stored !== storedTold);

  function next(): Told {
    const teams = ports.budgets().filter(({ of }) => of === "team");
    const some = [...waiting].slice(0, wireLimits.activityPeoplePage);
    for (const [person] of some) waiting.delete(person);
    const bytes = stored === storedTold ? undefined : stored;
    storedTold = stored;
    seq += 1;
    const people = some.map(([person, sums]): ActivityOf => ({
      person,
      teams: person === "" ? [] : teams.filter(({ names }) => names.includes(person)).map(({ name }) => name),
      ...sums,
    }));
    return { seq, people, ...(bytes !== undefined && { stored: { node: ports.node, bytes } }) };
  }

  /** Tells until there is no more, or nobody answers. */
  async function tell(): Promise<void> {
    while (isNews()) {
      message ??= next();
      const answer = await ports.ask({ type: "tell", reporter: ports.reporter, ...message }, limits.settleTimeoutMs);
      if (!answer.ok) {
        log.debug("usage.activity.untold", { failure: answer.error });
        return;
      }
      message = undefined;
    }
  }

  const flush = (): Promise<void> =>
    (telling ??= tell().finally(() => {
      telling = undefined;
    }));

  /** The timer runs while there is something to tell. */
  function later(): void {
    if (stopped || cancelTimer !== undefined) return;
    cancelTimer = clock.after(limits.settleIntervalMs, () => {
      flush()
        .catch((error: unknown) => log.error("usage.activity.failed", { error }))
        .finally(() => {
          cancelTimer = undefined;
          if (isNews()) later();
        });
    });
  }

  function measure(): void {
    if (stopped || ports.storedBytes === undefined) return;
    ports
      .storedBytes()
      .then((bytes) => {
        // Little that comes and goes is no news, but each day is to have its own word.
        const day = Math.floor(clock.nowMs() / dayMs);
        const isNear = storedTold !== undefined && Math.abs(bytes - storedTold) < storedTold * limits.storedChangeShare;
        if (!isNear || day !== measuredDay) stored = bytes === storedTold ? bytes + 1 : bytes;
        measuredDay = day;
        if (isNews()) later();
      })
      .catch((error: unknown) => log.warn("usage.storage.unmeasured", { error }))
      .finally(() => {
        if (!stopped) cancelMeasure = clock.after(limits.storedEveryMs, measure);
      });
  }
  let measuredDay = 0;
  const use = createUse(ports);

  return {
    active(person) {
      if (person !== "" && !(known.has(person) && Math.floor(clock.nowMs() / dayMs) === knownDay)) add(person, {});
    },
    posted: (person) => add(person, { messages: 1 }),
    took: (person, { calls, tokens, cost }) => add(person, { calls, tokens, cost }),
    used: (feature) => use.used(feature),
    stayed: (lengthMs) => use.stayed(lengthMs),
    start: measure,
    async flush() {
      await Promise.all([flush(), use.flush()]);
    },
    async stop() {
      stopped = true;
      cancelTimer?.();
      cancelMeasure?.();
      await telling;
      await Promise.all([flush(), use.stop()]);
    },
  };
}
