/** Bytes of shards from this node to another and back, in chunks; a node speaks to itself in the same way. What comes
 *  is compared with its hash by the node that takes it: no word of another node is trusted. */
import { failure, ok, PlexusError, refused, type ActorId, type Result } from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../../protocols/mesh/index.ts";
import { hashOf } from "../blobs/index.ts";
import type { BlobHash, NodeId, PutPacing } from "../../ports/index.ts";
import type { Calls, Intake } from "./intake.ts";
import type { ShardLimits } from "./limits.ts";
import type { ShardPorts } from "./parts.ts";

/** Bytes somewhere, of which parts can be had. */
export type Bytes = (start: number, end: number) => Promise<Uint8Array> | Uint8Array;

export interface Links {
  call<Name extends Calls>(
    to: NodeId,
    name: Name,
    body: MeshBody<Name>,
    timeoutMs?: number,
  ): Promise<Result<MeshAnswer<Name>>>;
  /** Brings a holder's shard to a node; when it resolves well, it is synced there and was compared with the hash.
   *  `had`: it was there. */
  give(
    to: NodeId,
    shard: {
      readonly holder: ActorId;
      readonly hash: BlobHash;
      readonly sizeBytes: number;
      readonly bytes: Bytes;
      /** One chunk at a time, each when people have room for it. */
      readonly pacing?: PutPacing | undefined;
    },
  ): Promise<Result<"sent" | "had">>;
  /** The bytes of a shard at a node, as they come; not compared with anything yet. Throws what the node says. */
  stream(from: NodeId, shard: { readonly hash: BlobHash; readonly sizeBytes: number }): AsyncGenerator<Uint8Array>;
  /** The same, whole and compared with the hash. Errors: TOO_LARGE (than any shard), DATA_DAMAGED (it gave something
   *  else), those of the node. */
  whole(from: NodeId, shard: { readonly hash: BlobHash; readonly sizeBytes: number }): Promise<Result<Uint8Array>>;
}

/** Makes them. */
export function createLinks(ports: ShardPorts, intake: Intake): Links {
  const { node, exchange, limits, random, meter } = ports;
  const call: Links["call"] = (to, name, body, timeoutMs = limits.callTimeoutMs) =>
    to === node ? intake.call(name, body, node) : exchange.call(to, name, body, timeoutMs);

  async function* stream(
    from: NodeId,
    { hash, sizeBytes }: { readonly hash: BlobHash; readonly sizeBytes: number },
  ): AsyncGenerator<Uint8Array> {
    const asked: Promise<Result<{ bytes: Uint8Array; sizeBytes: number }>>[] = [];
    const ask = (start: number) => {
      const end = Math.min(sizeBytes, start + limits.chunkBytesMax);
      asked.push(call(from, "shard.read", { hash, start, end }));
      return end;
    };
    let next = 0;
    for (let given = 0; given < sizeBytes;) {
      while (next < sizeBytes && asked.length < limits.chunksUnderWay) next = ask(next);
      const answer = await (asked.shift() as (typeof asked)[number]);
      if (!answer.ok) throw new PlexusError(answer.error);
      const { bytes } = answer.value;
      if (bytes.length !== Math.min(sizeBytes - given, limits.chunkBytesMax))
        throw new PlexusError(failure("DATA_DAMAGED", { node: from, reason: "it gave another number of bytes" }));
      given += bytes.length;
      yield bytes;
    }
  }

  return {
    call,
    stream,
    async give(to, { holder, hash, sizeBytes, bytes, pacing }) {
      const upload = Buffer.from(random.bytes(12)).toString("hex");
      const begun = await call(to, "shard.begin", { upload, holder, hash, sizeBytes });
      if (!begun.ok) return begun;
      if (begun.value.has) return ok("had");
      const send: Send = async (start, end) =>
        call(to, "shard.chunk", { upload, start, bytes: await bytes(start, end) });
      const sent = await (pacing === undefined
        ? sentAhead(send, sizeBytes, limits)
        : sentInParts(send, sizeBytes, { ...limits, pacing }));
      if (!sent.ok) return sent;
      meter.count("shards_sent");
      return ok("sent");
    },
    async whole(from, shard) {
      if (shard.sizeBytes > limits.shardBytesMax)
        return refused(failure("TOO_LARGE", { limitBytes: limits.shardBytesMax }));
      try {
        const whole = Buffer.allocUnsafe(shard.sizeBytes);
        let at = 0;
        for await (const part of stream(from, shard)) {
          whole.set(part, at);
          at += part.length;
        }
        if (hashOf(whole) === shard.hash) return ok(whole);
        return refused(failure("DATA_DAMAGED", { node: from, hash: shard.hash, reason: "it gave other bytes" }));
      } catch (thrown) {
        if (thrown instanceof PlexusError) return refused(thrown.failure);
        throw thrown;
      }
    },
  };
}

/** Sends the bytes of a shard from `start` on. */
type Send = (start: number, end: number) => Promise<Result<null>>;

/** Sends a shard in chunks, so many of which are under way. */
async function sentAhead(
  send: Send,
  sizeBytes: number,
  { chunkBytesMax, chunksUnderWay }: Pick<ShardLimits, "chunkBytesMax" | "chunksUnderWay">,
): Promise<Result<null>> {
  const underWay: Promise<Result<null>>[] = [];
  for (let start = 0; start < sizeBytes; start += chunkBytesMax) {
    const end = Math.min(sizeBytes, start + chunkBytesMax);
    underWay.push(send(start, end));
    while (underWay.length > (end < sizeBytes ? chunksUnderWay - 1 : 0)) {
      const answer = await (underWay.shift() as Promise<Result<null>>);
      if (!answer.ok) return answer;
    }
  }
  return ok(null);
}

/** Sends a shard in chunks, one at a time, each when people have room for it. */
async function sentInParts(
  send: Send,
  sizeBytes: number,
  how: Pick<ShardLimits, "chunkBytesMin" | "chunkBytesMax"> & { readonly pacing: PutPacing },
): Promise<Result<null>> {
  const { chunkBytesMin, chunkBytesMax, pacing } = how;
  for (let start = 0; start < sizeBytes;) {
    const sent = await pacing.part(() => {
      const most = Math.min(chunkBytesMax, Math.max(chunkBytesMin, pacing.bytes() ?? chunkBytesMax));
      const from = start;
      start = Math.min(sizeBytes, from + most);
      return send(from, start);
    });
    if (!sent.ok) return sent;
  }
  return ok(null);
}
