/** "Does my epoch still stand?", asked for many slots at once. Per peer there is one question under way; slots that are
 *  asked for meanwhile go into the next, so that every answer is younger than the request that it answers. */
import { assert, type SlotId } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, NodeId } from "../ports/index.ts";
import type { ReplicationLimits } from "./limits.ts";

interface Question {
  readonly slot: SlotId;
  readonly epoch: number;
  /** False once the peer need not confirm any more: the question counts as answered. */
  needed(node: NodeId): boolean;
  /** Without a fence: the epoch stands. With one: the peer knows a newer one. */
  settle(fence: number | undefined): void;
}

export interface Confirmations {
  ask(
    node: NodeId,
    slot: SlotId,
    epoch: number,
    needed: (node: NodeId) => boolean,
    settle: (fence: number | undefined) => void,
  ): void;
  /** Asks all of several peers. `settle` is called once: without a fence when each has confirmed or is not needed any
   *  more; with the first fence; and without one when the question is pointless (`goesOn`). */
  askAll(
    nodes: readonly NodeId[],
    question: {
      readonly slot: SlotId;
      readonly epoch: number;
      readonly needed: (node: NodeId) => boolean;
      readonly goesOn: () => boolean;
    },
    settle: (fence: number | undefined) => void,
  ): void;
  /** Questions that wait. */
  readonly open: number;
}

export function createConfirmations(ports: {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
}): Confirmations {
  const { exchange, clock, limits } = ports;
  const queues = new Map<NodeId, Question[]>();
  const busy = new Set<NodeId>();

  const flush = (node: NodeId): void => {
    const queue = queues.get(node) ?? [];
    const asked: Question[] = [];
    for (const question of queue.splice(0, limits.confirmSlotsMax)) {
      if (question.needed(node)) asked.push(question);
      else question.settle(undefined);
    }
    if (asked.length === 0) {
      busy.delete(node);
      if (queue.length === 0) queues.delete(node);
      else later(node, 0);
      return;
    }
    const slots = new Map(asked.map(({ slot, epoch }) => [`${slot} ${epoch}`, [slot, epoch] as [SlotId, number]]));
    void exchange
      .call(node, "replica.confirm", { slots: [...slots.values()] }, limits.queryTimeoutMs)
      .then((answer) => {
        if (!answer.ok) {
          // No answer is no confirmation: asked again until it comes, or until the peer is not needed any more.
          queues.set(node, [...asked, ...(queues.get(node) ?? [])]);
          later(node, limits.tickIntervalMs);
          return;
        }
        const gone = new Map(answer.value.gone);
        const again: Question[] = [];
        for (const question of asked) {
          const fence = gone.get(question.slot);
          if (fence === undefined) question.settle(undefined);
          else if (fence > question.epoch) question.settle(fence);
          else again.push(question); // it has restarted and was not asked how it stands yet
        }
        if (again.length > 0) queues.set(node, [...again, ...(queues.get(node) ?? [])]);
        later(node, again.length > 0 ? limits.tickIntervalMs : 0);
      });
  };

  const later = (node: NodeId, delayMs: number): void => {
    busy.add(node);
    if (delayMs === 0) clock.soon(() => flush(node));
    else clock.after(delayMs, () => flush(node));
  };

  const ask: Confirmations["ask"] = (node, slot, epoch, needed, settle) => {
    const queue = queues.get(node);
    if (queue) queue.push({ slot, epoch, needed, settle });
    else queues.set(node, [{ slot, epoch, needed, settle }]);
    if (!busy.has(node)) later(node, 0);
  };

  return {
    ask,
    askAll(nodes, { slot, epoch, needed, goesOn }, settle) {
      let open = nodes.length;
      let settled = false;
      for (const node of nodes)
        ask(node, slot, epoch, needed, (fence) => {
          open -= 1;
          assert(open >= 0, "each peer confirms once");
          if (settled || (fence === undefined && open > 0 && goesOn())) return;
          settled = true;
          settle(fence);
        });
    },
    get open() {
      let count = 0;
      for (const queue of queues.values()) count += queue.length;
      return count;
    },
  };
}
