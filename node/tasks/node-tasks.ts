/** The tasks of all nodes, as any of them lists and ends them. */
import {
  failure,
  ok,
  refused,
  type AdminTask,
  type NodeSilent,
  type Result,
  type TaskPlace,
} from "../../protocols/index.ts";
import { askEach, type Exchange } from "../cluster/exchange/index.ts";
import type { Membership, NodeId } from "../ports/index.ts";
import { taskLimits } from "./limits.ts";
import { isOfDisk, type TaskSource } from "./source.ts";

/** Tasks of all nodes. */
export interface NodeTasks {
  /** `silent`: nodes that did not answer. */
  list(): Promise<{ readonly tasks: readonly AdminTask[]; readonly silent: readonly NodeSilent[] }>;
  /** Errors: NOT_FOUND, FORBIDDEN; of the way to the node: UNREACHABLE, PEER_LOST. */
  cancel(id: string): Promise<Result<unknown>>;
}

/** Lists this node's tasks for the others, and all for its admins. */
export function createNodeTasks(ports: {
  readonly place: TaskPlace;
  readonly sources: readonly TaskSource[];
  readonly exchange: Exchange;
  readonly membership: Pick<Membership, "members" | "isUp">;
}): NodeTasks {
  const { place, sources, exchange, membership } = ports;
  const own = (): readonly AdminTask[] =>
    sources.flatMap((source) => source.list(place)).slice(0, taskLimits.ofNodeMax);
  const cancelOwn = (rest: string): Result<unknown> => {
    for (const { cancel } of sources) {
      const cancelled = cancel?.(rest);
      if (cancelled !== undefined) return cancelled;
    }
    return refused(
      failure("NOT_FOUND", { reason: "there is no such task; tasks are forgotten when their node restarts" }),
    );
  };
  exchange.on("task.list", () => ok({ tasks: [...own()] }));
  const ends = (isDisk: boolean) => (asked: { readonly id: string }) => {
    if (isOfDisk(asked.id) !== isDisk) return refused(failure("NOT_FOUND", { task: asked.id }));
    const cancelled = cancelOwn(asked.id);
    return cancelled.ok ? ok(null) : cancelled;
  };
  exchange.on("task.cancel", ends(false));
  exchange.on("task.turnDisk", ends(true));

  return {
    async list() {
      const others = membership.members().members.filter(({ node }) => node !== place.node && membership.isUp(node));
      const ask = ({ node }: (typeof others)[number]) => exchange.call(node, "task.list", {}, taskLimits.callTimeoutMs);
      const { said, silent } = await askEach(others, ask, taskLimits.askedAtOnceMax);
      // A node speaks of its own tasks alone, under the name that the directory gives it.
      const theirs = said.flatMap(([{ node, name }, { tasks }]) =>
        tasks.filter(({ id }) => ownerOf(id) === node).map((task) => ({ ...task, node: name })),
      );
      const named = silent.map(([{ name }, error]) => ({ node: name, error }));
      return { tasks: [...own(), ...theirs], silent: named.toSorted((one, other) => (one.node < other.node ? -1 : 1)) };
    },
    async cancel(id) {
      const node = ownerOf(id);
      const rest = restOf(id);
      if (node === place.node) return cancelOwn(rest);
      const isMember = membership.members().members.some((one) => one.node === node);
      if (!isMember) return refused(failure("NOT_FOUND", { task: id }));
      const name = isOfDisk(rest) ? "task.turnDisk" : "task.cancel";
      return exchange.call(node as NodeId, name, { id: rest }, taskLimits.callTimeoutMs);
    },
  };
}

/** Ids of tasks of nodes have three parts: kind, node, and what the node calls it. */
const ownerOf = (id: string): string => id.split(".", 3)[1] ?? "";
const restOf = (id: string): string => id.split(".").slice(2).join(".");
