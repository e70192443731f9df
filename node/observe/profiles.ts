/** Profiles of nodes (docs/decisions/0103-profiles.md): any node's main thread is looked at for some seconds, and its
 *  admin reads the result at any other.
 *
 *      request ─► take ─► profile.take at the node ─► V8's profiler ─► profile-tree.ts: bounded, no paths ─► kept there
 *                 read ─► profile.read ◄────────────────────────────────────────────────────────────────┘
 *
 *  One runs at a time on a node. It is a task of that node (node/tasks), with its progress, and is ended like any
 *  other. Results are in the memory of the node, the newest few. */
import {
  failure,
  failureOf,
  ok,
  refused,
  taskOfProfile,
  type AdminTask,
  type Profile,
  type ProfileView,
  type Result,
  type TakeProfile,
  type TaskPlace,
} from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, Membership, NodeId } from "../ports/index.ts";
import { observeLimits } from "./limits.ts";
import { cpuTree, heapTree, type CpuProfile, type HeapNode } from "./profile-tree.ts";

/** V8's profilers. */
export interface Profiler {
  cpu(everyUs: number, ended: Promise<unknown>): Promise<CpuProfile>;
  heap(everyBytes: number, ended: Promise<unknown>): Promise<HeapNode>;
}

/** Profiles of all nodes, and the tasks of this one. */
interface Profiles {
  list(at: TaskPlace): readonly AdminTask[];
  /** Ends a running profile early and keeps what it saw so far. Undefined: none runs. */
  cancel(own: string): Result<unknown> | undefined;
  /** Begins one; without `node` here. Errors: NOT_FOUND, LIMIT_REACHED (one runs there); of the way to the node:
   *  UNREACHABLE, PEER_LOST. */
  take(choice: TakeProfile, by: string): Promise<Result<{ readonly id: string }>>;
  /** A profile that has ended. Error: NOT_FOUND, also while it is still being taken. */
  read(id: string): Promise<Result<Profile>>;
}

interface Kept {
  view: ProfileView;
  tree?: Profile["tree"];
  end: () => void;
}

/** Makes it. `folder`: where the code is, of which no path is told. */
export function createProfiles(ports: {
  readonly place: TaskPlace;
  readonly exchange: Exchange;
  readonly membership: Pick<Membership, "members">;
  readonly clock: Clock;
  readonly profiler: Profiler;
  readonly folder: string;
  readonly ended: (task: AdminTask) => void;
}): Profiles {
  const { place, exchange, membership, clock, profiler, folder, ended } = ports;
  const kept = new Map<string, Kept>();
  let last = clock.nowMs();

  function begin({ of, seconds }: Pick<TakeProfile, "of" | "seconds">, by: string): Result<{ readonly id: string }> {
    if ([...kept.values()].some(({ view }) => view.state === "running"))
      return refused(failure("LIMIT_REACHED", { reason: "a profile of this node is being taken", max: 1 }));
    last += 1;
    const own = last.toString(36);
    const begunAtMs = clock.nowMs();
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      const cancel = clock.after(seconds * 1_000, resolve);
      end = () => {
        cancel();
        resolve();
      };
    });
    const one: Kept = { view: { id: own, of, seconds, by, state: "running", begunAtMs }, end };
    kept.set(own, one);
    for (const [id, { view }] of kept)
      if (kept.size > observeLimits.profilesKept && view.state !== "running") kept.delete(id);
    const tree =
      of === "cpu"
        ? profiler.cpu(observeLimits.cpuEveryUs, over).then((profile) => cpuTree(profile, folder))
        : profiler.heap(observeLimits.heapEveryBytes, over).then((head) => heapTree(head, folder));
    void tree
      .then(
        (made) => {
          const isCut = one.view.state === "cancelled";
          one.tree = made;
          one.view = { ...one.view, ...(!isCut && { state: "done" as const }), endedAtMs: clock.nowMs() };
        },
        (error: unknown) => {
          one.view = { ...one.view, state: "failed", endedAtMs: clock.nowMs(), error: failureOf(error) };
        },
      )
      .then(() => ended(taskOfProfile(one.view, place)));
    return ok({ id: taskOfProfile(one.view, place).id });
  }

  function readOwn(own: string): Result<Profile> {
    const found = kept.get(own);
    const id = `profile.${place.node}.${own}`;
    if (found === undefined)
      return refused(
        failure("NOT_FOUND", {
          profile: id,
          reason: "there is no such profile; profiles are forgotten when their node restarts",
        }),
      );
    const { view, tree } = found;
    if (tree === undefined)
      return refused(view.error ?? failure("NOT_FOUND", { profile: id, reason: "this profile is still being taken" }));
    const seconds = Math.round(((view.endedAtMs ?? view.begunAtMs) - view.begunAtMs) / 100) / 10;
    return ok({ id, of: view.of, node: place.name, by: view.by, begunAtMs: view.begunAtMs, seconds, tree });
  }

  exchange.on("profile.take", ({ by, ...choice }) => begin(choice, by));
  exchange.on("profile.read", ({ id }) => {
    const found = readOwn(id);
    return found.ok ? ok({ profile: found.value }) : found;
  });

  return {
    list: (at) => [...kept.values()].map(({ view }) => taskOfProfile(view, at)),
    cancel(own) {
      const found = kept.get(own);
      if (found === undefined) return undefined;
      if (found.view.state === "running") {
        // What was seen so far is kept.
        found.view = { ...found.view, state: "cancelled" };
        found.end();
      }
      return ok(null);
    },
    async take({ node = place.node, ...choice }, by) {
      const members = membership.members().members;
      const found = members.find((one) => one.node === node) ?? members.find((one) => one.name === node);
      if (node === place.node || node === place.name || found?.node === place.node) return begin(choice, by);
      if (found === undefined) return refused(failure("NOT_FOUND", { node }));
      return exchange.call(found.node, "profile.take", { ...choice, by }, observeLimits.askMs);
    },
    async read(id) {
      const [, node = "", own = ""] = id.split(".", 3);
      if (node === place.node) return readOwn(own);
      if (!membership.members().members.some((one) => one.node === node))
        return refused(failure("NOT_FOUND", { profile: id }));
      const answer = await exchange.call(node as NodeId, "profile.read", { id: own }, observeLimits.askMs);
      return answer.ok ? ok(answer.value.profile) : answer;
    },
  };
}
