/** Asks the actor that has the cluster's memory: its nodes, its people, its audit. */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type Advice,
  type ClusterView,
  type HandlersOf,
  type memoryOperations,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";

/** What asks, and what is known of where the memory is. */
interface MemoryParts {
  readonly kernel: {
    ask(asked: {
      readonly to: ActorId;
      readonly from: "gateway";
      readonly message: Message;
      readonly timeoutMs: number;
    }): Promise<Result<unknown>>;
  };
  /** Absent on a node without a cluster. */
  readonly cluster?: {
    directoryAnswers(): boolean;
    stranded(
      actor: ActorId,
    ): { readonly role: string; readonly nodes: readonly string[]; readonly advice: Advice } | undefined;
  };
  readonly limits: { readonly askTimeoutMs: number; readonly directoryAwayTimeoutMs: number };
}

/** Asks it. Errors: what it refuses; while no node has it that can answer, SLOT_UNAVAILABLE with what an operator can
 *  do, or DIRECTORY_AWAY. */
export async function askClusterMemory(at: MemoryParts, message: Message): Promise<Result<unknown>> {
  const to = "role-manager/cluster";
  const away = at.cluster?.directoryAnswers() === false;
  const stranded = away ? undefined : at.cluster?.stranded(to);
  const timeoutMs = away || stranded ? at.limits.directoryAwayTimeoutMs : at.limits.askTimeoutMs;
  const answer = await at.kernel.ask({ to, from: "gateway", message, timeoutMs });
  // This node is up; the node with the cluster's memory, which the answer names, does not answer. While the directory
  // is away, too, the answer names the directory: without it no other node can take over. A question that was lost on
  // the way has changed nothing.
  const names = !answer.ok && answer.error.code === "SLOT_UNAVAILABLE" && answer.error.details?.["node"] !== undefined;
  const late = message.type !== "setAdmin" && !answer.ok && answer.error.code === "ASK_TIMEOUT";
  if (stranded && (late || names)) {
    const { role, nodes, advice } = stranded;
    const reason = `those that are up and have the cluster's memory (${nodes.join(", ")}) lack the role ${role}`;
    return refused(failure("SLOT_UNAVAILABLE", { actor: to, reason, advice }));
  }
  const lost = away && late;
  if (lost || (names && at.cluster?.directoryAnswers() === false)) {
    const reason = "the cluster's memory is on a node that is down, and no manager lets another take it over";
    return refused(failure("DIRECTORY_AWAY", { actor: to, reason }));
  }
  return answer;
}

/** The handlers of what it is asked for as it is. */
export const handleMemory = (at: MemoryParts): HandlersOf<typeof memoryOperations> => ({
  "cluster.describe": async () => {
    const answer = await askClusterMemory(at, { type: "describe" });
    return answer.ok ? ok((answer.value ?? {}) as ClusterView) : answer;
  },
});
