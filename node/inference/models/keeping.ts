/** Carries out this node's share of the plan: looks now and then, and when something has changed; pulls what it lacks;
 *  after a failure waits longer each time. */
import { withoutSecrets, type StoredModel, type WantedModel } from "../../../protocols/index.ts";
import type { ModelStore } from "../../../runtimes/store/port.ts";
import type { StripedModels } from "../../cluster/facts/striped-models.ts";
import type { WantedModels } from "../../cluster/facts/wanted-models.ts";
import type { Clock, Log, MemberRecord, Membership, Meter, NodeId } from "../../ports/index.ts";
import { keeperOf } from "./keepers.ts";
import { modelLimits, type ModelLimits } from "./limits.ts";
import { planWanted, type Keeper, type Task } from "./plan.ts";

/** What one model's pulls have come to. */
interface Attempt {
  failures: number;
  notBeforeMs: number;
  /** The last one that failed was from another node: the next is from the source. */
  copyFailed: boolean;
  /** Since when another node should have fetched it. */
  waitsSinceMs: number | undefined;
  running: boolean;
}

/** Starts it. The returned function ends it. */
export function keepWanted(ports: {
  readonly node: NodeId;
  readonly store: Pick<ModelStore, "pull" | "ended" | "get" | "damaged" | "list" | "watch">;
  readonly wanted: WantedModels;
  /** Models in stripes; absent: this node knows of none. */
  readonly striped?: Pick<StripedModels, "current" | "onChange">;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<ModelLimits>;
}): () => void {
  const { node, store, wanted, striped, membership, clock, log, meter } = ports;
  const limits: ModelLimits = { ...modelLimits, ...ports.limits };
  const attempts = new Map<string, Attempt>();
  const downSinceMs = new Map<NodeId, number>();
  let stopped = false;
  let cancelLook = (): void => undefined;
  let dueMs = Infinity;

  const lookIn = (delayMs: number): void => {
    const atMs = clock.monotonicMs() + delayMs;
    if (stopped || atMs >= dueMs) return;
    cancelLook();
    dueMs = atMs;
    cancelLook = clock.after(delayMs, look);
  };

  const own = (): ReadonlySet<string> => {
    const damaged = new Set(store.damaged());
    return new Set(
      store
        .list()
        .map(({ name }: StoredModel) => name)
        .filter((name) => !damaged.has(name)),
    );
  };

  const asKeeper = (member: MemberRecord): Keeper => {
    const up = membership.isUp(member.node);
    const nowMs = clock.monotonicMs();
    if (up) downSinceMs.delete(member.node);
    else if (!downSinceMs.has(member.node)) downSinceMs.set(member.node, nowMs);
    const there = up || nowMs - (downSinceMs.get(member.node) ?? nowMs) < limits.downGraceMs;
    return keeperOf(member, { up, there, ...(member.node === node && { has: own() }) });
  };

  const look = (): void => {
    dueMs = Infinity;
    const keepers = membership.members().members.map(asKeeper);
    const inStripes = (striped?.current() ?? []).filter(({ index }) => index !== undefined);
    const tasks = planWanted(wanted.current(), keepers, {
      self: node,
      striped: new Set(inStripes.map(({ model }) => model)),
    });
    const names = new Set(wanted.current().map(({ name }) => name));
    for (const name of attempts.keys()) if (!names.has(name)) attempts.delete(name);
    meter.gauge("models_wanted_missing", tasks.length);
    for (const task of tasks) follow(task);
    lookIn(limits.lookMs);
  };

  const follow = ({ wanted: one, from }: Task): void => {
    const nowMs = clock.monotonicMs();
    const attempt = attempts.get(one.name) ?? {
      failures: 0,
      notBeforeMs: 0,
      copyFailed: false,
      waitsSinceMs: undefined,
      running: false,
    };
    attempts.set(one.name, attempt);
    if (attempt.running || nowMs < attempt.notBeforeMs) return;
    attempt.waitsSinceMs = from === "wait" ? (attempt.waitsSinceMs ?? nowMs) : undefined;
    if (attempt.waitsSinceMs !== undefined && nowMs - attempt.waitsSinceMs < limits.patienceMs) return;
    // A copy in the cluster that cannot be had must not keep the model away for good.
    const fromCluster = from === "cluster" && !attempt.copyFailed;
    void pull(one, attempt, fromCluster ? `cluster:${one.name}` : one.source);
  };

  const pull = async (one: WantedModel, attempt: Attempt, source: string): Promise<void> => {
    const { name, digest, acceptLicence } = one;
    const request = {
      source,
      name,
      ...(digest !== undefined && { digest }),
      ...(acceptLicence !== undefined && { acceptLicence }),
    };
    attempt.running = true;
    const begun = store.pull(request, "policy");
    const ended = begun.ok ? await store.ended(begun.value.id) : begun;
    attempt.running = false;
    if (stopped) return;
    if (ended.ok && ended.value.state === "done") attempt.failures = 0;
    else {
      attempt.failures += 1;
      attempt.copyFailed = source !== one.source;
      const waitMs = Math.min(limits.retryMsMax, limits.retryMsMin * 2 ** (attempt.failures - 1));
      attempt.notBeforeMs = clock.monotonicMs() + waitMs;
      const reason = ended.ok ? ended.value.error : ended.error;
      log.warn("models.wanted.failed", {
        model: name,
        source: withoutSecrets(source),
        code: reason?.code,
        againInMs: waitMs,
      });
    }
    lookIn(limits.settleMs);
  };

  const soon = (): void => lookIn(limits.settleMs);
  const ends = [
    wanted.onChange(soon),
    striped?.onChange(soon),
    membership.onChange(soon),
    store.watch((what) => what === "models" && soon()),
  ];
  soon();
  return () => {
    stopped = true;
    cancelLook();
    for (const end of ends) end?.();
  };
}
