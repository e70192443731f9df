/** Models of one node for another: who has one, the hashes of its leaves, and its bytes in parts.
 *
 *      ask all members: model.find ─► those with the digest that most have ─► model.leaves, compared with the tree
 *                                                                         └─► model.chunk of several, each compared
 *
 *  What a member says is believed no more than what the internet says: a chunk is worth what its hashes are. */
import {
  failure,
  failureOf,
  ok,
  refused,
  type Failure,
  type Result,
  type StoredModel,
} from "../../../protocols/index.ts";
import type { ContentTree, ModelPeers, ModelStore } from "../../../runtimes/store/port.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { Membership, NodeId } from "../../ports/index.ts";
import { modelLimits } from "./limits.ts";
import { inStripes } from "./from-stripes.ts";
import { isModel } from "./stored-model.ts";

/** Serves this node's store to the others. */
export function serveModels({ exchange, store }: { readonly exchange: Exchange; readonly store: ModelStore }): void {
  let reads = 0;
  const placed = async <T>(read: () => Promise<T | undefined>): Promise<Result<T>> => {
    if (reads >= modelLimits.readsAtOnceMax) return refused(failure("OVERLOADED", { limit: "readsAtOnceMax" }));
    reads += 1;
    try {
      const found = await read();
      return found === undefined ? refused(failure("NOT_FOUND")) : ok(found);
    } catch (thrown) {
      return refused(failureOf(thrown));
    } finally {
      reads -= 1;
    }
  };
  exchange.on("model.find", ({ name }) => {
    const model = store.damaged().includes(name) ? undefined : store.get(name);
    return model === undefined ? refused(failure("NOT_FOUND", { model: name })) : ok({ model });
  });
  exchange.on("model.leaves", ({ digest, from, leaves }) =>
    placed(async () => {
      const all = await store.leavesOf(digest);
      const part = all?.subarray(from * 32, (from + Math.min(leaves, modelLimits.leavesPerAnswer)) * 32);
      return part && { bytes: part };
    }),
  );
  exchange.on("model.chunk", async ({ digest, start, end }) => {
    if (end <= start || end - start > modelLimits.chunkBytesMax)
      return refused(failure("BAD_REQUEST", { path: "end", problem: `at most ${modelLimits.chunkBytesMax} bytes` }));
    return placed(async () => {
      const bytes = await store.chunkOf(digest, { start, end });
      return bytes && { bytes };
    });
  });
}

/** The stores of the other nodes. */
export function createModelPeers(ports: {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly tree: ContentTree;
  /** The storage nodes, as one more node that is asked last. */
  readonly stripes?: ModelPeers;
}): ModelPeers {
  const { node, exchange, membership, tree, stripes } = ports;
  return {
    async find(name) {
      const others = membership
        .members()
        .members.map((member) => member.node)
        .filter((other) => other !== node && membership.isUp(other));
      const found: { readonly node: NodeId; readonly model: StoredModel }[] = [];
      for (let at = 0; at < others.length; at += modelLimits.findAtOnceMax) {
        const asked = others.slice(at, at + modelLimits.findAtOnceMax);
        const answers = await Promise.all(
          asked.map((other) => exchange.call(other, "model.find", { name }, modelLimits.findTimeoutMs)),
        );
        for (const [index, answer] of answers.entries())
          if (answer.ok && isModel(answer.value.model, name))
            found.push({ node: asked[index] as NodeId, model: answer.value.model });
      }
      const best = mostCommon(found.map(({ model }) => model.digest));
      const [first] = found.filter(({ model }) => model.digest === best);
      if (first === undefined)
        return stripes?.find(name) ?? refused(failure("NOT_FOUND", { model: name, reason: "no other node has it" }));
      return ok({
        model: first.model,
        nodes: found.filter(({ model }) => model.digest === best).map((one) => one.node),
      });
    },
    async leaves(other, file, signal) {
      if (other === inStripes) return stripes?.leaves(other, file, signal) ?? gone();
      const { digest, tree: expected, size } = file;
      const count = Math.max(1, Math.ceil(size / tree.leafBytes));
      const leaves: Uint8Array[] = [];
      while (leaves.length < count) {
        if (signal.aborted) return refused(failure("STOPPING"));
        const asked = {
          digest,
          from: leaves.length,
          leaves: Math.min(modelLimits.leavesPerAnswer, count - leaves.length),
        };
        const answer = await exchange.call(other, "model.leaves", asked, modelLimits.leavesTimeoutMs);
        if (!answer.ok) return answer;
        const { bytes } = answer.value;
        if (bytes.length !== asked.leaves * tree.hashBytes) return refused(lied(other, "it gave too few hashes"));
        for (let at = 0; at < bytes.length; at += tree.hashBytes) leaves.push(bytes.slice(at, at + tree.hashBytes));
      }
      return tree.hashOfLeaves(size, leaves) === expected
        ? ok(leaves)
        : refused(lied(other, "its hashes are of another file"));
    },
    async chunk(other, at) {
      if (other === inStripes) return stripes?.chunk(other, at) ?? gone();
      const answer = await exchange.call(other, "model.chunk", at, modelLimits.chunkTimeoutMs);
      return answer.ok ? ok(answer.value.bytes) : answer;
    },
  };
}

const gone = () => refused(failure("NOT_FOUND", { node: inStripes }));

const lied = (node: NodeId, reason: string): Failure => failure("SOURCE_FAILED", { node, reason });

/** The digest that most have; the lower of two. */
function mostCommon(digests: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  const order = [...counts].toSorted(([one, many], [other, more]) => more - many || (one < other ? -1 : 1));
  return order[0]?.[0];
}
