/** Lists between nodes. One of the cluster that a node cannot read where it lies it takes as most of the others have
 *  read it there, by the digest of its text. Lists that a node reads for itself it gives to all others (`others.ts`).
 *  Nodes believe the members, as they do otherwise; what one takes is what it asked for, or nothing. */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { failure, ok, refused } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Membership } from "../ports/index.ts";
import { threatLimits } from "./limits.ts";

/** A text that a node has read for itself. */
export interface OwnText {
  readonly digest: string;
  readonly packedBytes: number;
}

/** Lists that all nodes read, and what members have read for themselves. */
export interface SharedLists {
  lists(): readonly string[];
  onChange(listener: () => void): void;
  /** The text that most members have read, and which node gave it; undefined: none has it, or could give it. */
  fromOthers(source: string): Promise<{ readonly text: string; readonly from: string } | undefined>;
  /** The other members. */
  members(): readonly { readonly node: string; readonly name: string; readonly isUp: boolean }[];
  /** Calls back when they change. */
  onMembers(listener: () => void): () => void;
  /** What one of them reads for itself; undefined: it does not answer, or does not know the question. */
  ownOf(node: string): Promise<readonly OwnText[] | undefined>;
  /** Such a text; undefined: it did not come whole. */
  textOf(node: string, own: OwnText): Promise<string | undefined>;
  /** Lets others have what this node has read. Called once. */
  serve(own: {
    /** What it reads for itself. */
    own(): readonly OwnText[];
    has(source: string): { readonly digest: string; readonly packed: Uint8Array } | undefined;
    read(digest: string): Uint8Array | undefined;
  }): void;
}

/** A text as it is given to others; undefined: it is too large for that. */
export function packed(text: string): Uint8Array | undefined {
  const bytes = gzipSync(text, { level: 6 });
  return bytes.length <= threatLimits.sharedBytesMax ? bytes : undefined;
}

/** The digest that most have read; of those that equally many have, the first by its text, so that all who ask choose
 *  the same. Pure. */
export function mostHad(offers: readonly { readonly digest: string }[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { digest } of offers) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return [...counts].toSorted(([one, few], [other, many]) => many - few || (one < other ? -1 : 1))[0]?.[0];
}

/** Over the mesh. */
export function shareLists(at: {
  readonly exchange: Exchange;
  readonly membership: Membership;
  lists(): readonly string[];
  onChange(listener: () => void): void;
}): SharedLists {
  const { exchange, membership } = at;
  const { callTimeoutMs, pieceBytes, sharedBytesMax, feedBytesMax, askedMax } = threatLimits;

  async function read(node: string, digest: string, packedBytes: number): Promise<string | undefined> {
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < packedBytes;) {
      const answer = await exchange.call(node, "threats.read", { digest, offset }, callTimeoutMs);
      if (!answer.ok || answer.value.bytes.length === 0) return undefined;
      parts.push(answer.value.bytes);
      offset += answer.value.bytes.length;
    }
    try {
      const bytes = gunzipSync(Buffer.concat(parts), { maxOutputLength: feedBytesMax });
      return createHash("sha256").update(bytes).digest("hex") === digest ? bytes.toString("utf8") : undefined;
    } catch {
      return undefined;
    }
  }

  const members: SharedLists["members"] = () =>
    membership
      .members()
      .members.filter(({ node }) => node !== membership.self)
      .map(({ node, name }) => ({ node, name, isUp: membership.isUp(node) }));

  return {
    lists: () => at.lists(),
    onChange: (listener) => at.onChange(listener),
    members,
    onMembers: (listener) => membership.onChange(listener),
    async ownOf(node) {
      const answer = await exchange.call(node, "threats.own", {}, callTimeoutMs);
      return answer.ok ? answer.value.lists.filter((one) => one.packedBytes <= sharedBytesMax) : undefined;
    },
    textOf: (node, { digest, packedBytes }) => read(node, digest, packedBytes),
    async fromOthers(source) {
      const others = members().filter(({ isUp }) => isUp);
      const asked = others.slice(0, askedMax).map(async ({ node, name }) => {
        const answer = await exchange.call(node, "threats.has", { source }, callTimeoutMs);
        return answer.ok && answer.value.packedBytes <= sharedBytesMax ? [{ node, name, ...answer.value }] : [];
      });
      const offers = (await Promise.all(asked)).flat();
      const digest = mostHad(offers);
      for (const offer of offers) {
        if (offer.digest !== digest) continue;
        const text = await read(offer.node, offer.digest, offer.packedBytes);
        if (text !== undefined) return { text, from: offer.name };
      }
      return undefined;
    },
    serve(own) {
      exchange.on("threats.own", () => ok({ lists: [...own.own()] }));
      exchange.on("threats.has", ({ source }) => {
        const has = own.has(source);
        return has === undefined
          ? refused(failure("NOT_FOUND", { source }))
          : ok({ digest: has.digest, packedBytes: has.packed.length });
      });
      exchange.on("threats.read", ({ digest, offset }) => {
        const bytes = own.read(digest);
        return bytes === undefined || offset >= bytes.length
          ? refused(failure("NOT_FOUND", { digest }))
          : ok({ bytes: bytes.slice(offset, offset + pieceBytes) });
      });
    },
  };
}
