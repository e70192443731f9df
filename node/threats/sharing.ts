/** Lists between nodes. One of the cluster that a node cannot read where it lies it takes as most of the others have
 *  read it there, by the digest of its text. Lists that a node reads for itself it gives to all others (`others.ts`).
 *  Nodes believe the members, as they do otherwise; what one takes is what it asked for, or nothing. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { failure, ok, refused } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Membership } from "../ports/index.ts";
import { threatLimits } from "./limits.ts";

/** A text that a node has read for itself. */
export interface OwnText {
  readonly digest: string;
  readonly packedBytes: number;
}

/** A text that was asked for; `away`: it did not come; `wrong`: it is not the text of that digest, or too large. */
type Received = { readonly text: string } | "away" | "wrong";

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
  /** Such a text. */
  textOf(node: string, own: OwnText): Promise<Received>;
  /** Lets others have what this node has read. Called once. */
  serve(own: {
    /** What it reads for itself; undefined: it has not tried to read all of it yet. */
    own(): readonly OwnText[] | undefined;
    has(source: string): { readonly digest: string; readonly packed: Uint8Array } | undefined;
    read(digest: string): Uint8Array | undefined;
  }): void;
}

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** A text as it is given to others; undefined: it is too large for that. */
export async function packed(
  text: string,
  bytesMax: number = threatLimits.sharedBytesMax,
): Promise<Uint8Array | undefined> {
  try {
    return await zip(text, { level: 6, maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw error;
  }
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

  async function read(node: string, digest: string, packedBytes: number): Promise<Received> {
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < packedBytes;) {
      const answer = await exchange.call(node, "threats.read", { digest, offset }, callTimeoutMs);
      if (!answer.ok) return "away";
      if (answer.value.bytes.length === 0) return "wrong";
      parts.push(answer.value.bytes);
      offset += answer.value.bytes.length;
    }
    try {
      const bytes = await unzip(Buffer.concat(parts), { maxOutputLength: feedBytesMax });
      const isWhole = createHash("sha256").update(bytes).digest("hex") === digest;
      return isWhole ? { text: bytes.toString("utf8") } : "wrong";
    } catch {
      return "wrong";
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
        const received = await read(offer.node, offer.digest, offer.packedBytes);
        if (typeof received === "object") return { text: received.text, from: offer.name };
      }
      return undefined;
    },
    serve(own) {
      exchange.on("threats.own", () => {
        const lists = own.own();
        return lists === undefined
          ? refused(failure("UNREACHABLE", { reason: "lists of threats are not read yet" }))
          : ok({ lists: [...lists] });
      });
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
