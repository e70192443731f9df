/** Brings models that are wanted so into stripes, and takes out those that are not any more.
 *
 *      put     row without an index ─► pieces, for a day ─► index ─► all of them kept for good ─► row with the index
 *      settle  every holder is seen to keep each of them ─► row: whole
 *      check   one cannot be read any more, and a node has the model ─► put again, in a try of its own
 *      drop    row removed ─► its stripes released; what that misses, the holders' nodes find (`refersTo`)
 *
 *  Whatever is killed in between: before the index is in the row the pieces have an end, or their holders' nodes find
 *  no row. A model is in stripes when its row has an index, and no sooner: then all are kept. */
import { failureOf, refused } from "../../../protocols/index.ts";
import type { StripedModel } from "../../cluster/facts/striped-models.ts";
import type { Membership, Meter } from "../../ports/index.ts";
import { backoffMs } from "../../waiting.ts";
import { keeperOf } from "./keepers.ts";
import { modelLimits, type ModelLimits } from "./limits.ts";
import { planStripes, type StripesTask } from "./plan.ts";
import { createPutting, type PuttingPorts } from "./putting.ts";

interface StripingPorts extends Omit<PuttingPorts, "limits"> {
  readonly membership: Membership;
  readonly meter: Meter;
  readonly limits?: Partial<ModelLimits>;
}

/** What became of the tries for one model. */
interface Tries {
  failures: number;
  notBeforeMs: number;
  readonly sinceMs: number;
}

/** Starts it. The returned function ends it. */
export function stripeModels(ports: StripingPorts): () => void {
  const { node, store, wanted, rows, membership, clock, log, meter } = ports;
  const limits: ModelLimits = { ...modelLimits, ...ports.limits };
  const tries = new Map<string, Tries>();
  let stopped = false;
  let running = false;
  let cancelLook = (): void => undefined;
  let dueMs = Infinity;

  const carryOut = createPutting({ ...ports, limits }, () => stopped);
  const rowOf = (digest: string): StripedModel | undefined => rows.current().find(({ name }) => name === digest);

  function lookIn(delayMs: number): void {
    const atMs = clock.monotonicMs() + delayMs;
    if (stopped || running || atMs >= dueMs) return;
    cancelLook();
    dueMs = atMs;
    cancelLook = clock.after(delayMs, look);
  }

  function look(): void {
    dueMs = Infinity;
    running = true;
    void round().finally(() => {
      running = false;
      lookIn(limits.stripesLookMs);
    });
  }

  async function round(): Promise<void> {
    const damaged = new Set(store.damaged());
    const own = store.list().filter(({ name }) => !damaged.has(name));
    const has = new Set(own.map(({ name }) => name));
    const keepers = membership.members().members.map((member) => {
      const up = membership.isUp(member.node);
      return keeperOf(member, { up, there: up, ...(member.node === node && { has }) });
    });
    const tasks = planStripes({ wanted: wanted.current(), rows: rows.current() }, keepers, { self: node, own });
    const names = new Set(tasks.map(nameOf));
    for (const name of tries.keys()) if (!names.has(name)) tries.delete(name);
    meter.gauge("models_stripes_missing", tasks.filter(({ type }) => type === "put").length);
    // What was done changes what is to be done, and takes hours at times: then it is planned anew.
    for (const task of tasks) if (!stopped && (await attempt(task))) return;
  }

  /** Tries and waiting are for one try of a model. */
  function nameOf(task: StripesTask): string {
    const digest = task.type === "put" ? task.model.digest : task.row.name;
    const row = task.type === "put" ? rowOf(digest) : task.row;
    return `${task.type} ${digest} ${row?.attempt ?? ""}`;
  }

  /** Whether anything was done. */
  async function attempt(task: StripesTask): Promise<boolean> {
    const name = nameOf(task);
    const nowMs = clock.monotonicMs();
    const one = tries.get(name) ?? { failures: 0, notBeforeMs: 0, sinceMs: nowMs };
    tries.set(name, one);
    if (nowMs < one.notBeforeMs || nowMs - one.sinceMs < waitFor(task)) return false;
    const done = await carryOut(task).catch((thrown: unknown) => refused(failureOf(thrown)));
    if (stopped) return true;
    const isChecked = task.type === "check" && done.ok;
    if (done.ok && !isChecked) tries.delete(name);
    if (isChecked) one.notBeforeMs = clock.monotonicMs() + limits.stripesCheckMs;
    if (done.ok) {
      one.failures = 0;
      log.debug("models.stripes.done", { task: task.type, model: name });
      return true;
    }
    one.failures += 1;
    const waitMs = backoffMs(one.failures - 1, { firstMs: limits.retryMsMin, maxMs: limits.retryMsMax });
    one.notBeforeMs = clock.monotonicMs() + waitMs;
    log.warn("models.stripes.failed", { task: task.type, model: name, failure: done.error, againInMs: waitMs });
    return true;
  }

  /** Others are before this node in line, or one is at it. */
  function waitFor(task: StripesTask): number {
    const row = task.type === "put" ? rowOf(task.model.digest) : undefined;
    const isUnderway = row !== undefined && row.by !== node && membership.isUp(row.by);
    return isUnderway ? limits.unfinishedMs / 2 : task.place * limits.stripesPatienceMs;
  }

  const soon = (): void => lookIn(limits.settleMs);
  const ends = [
    wanted.onChange(soon),
    rows.onChange(soon),
    membership.onChange(soon),
    store.watch((what) => what === "models" && soon()),
  ];
  soon();
  return () => {
    stopped = true;
    cancelLook();
    for (const end of ends) end();
  };
}
