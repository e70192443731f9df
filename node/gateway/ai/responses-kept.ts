/** Responses that may be asked for again, continued or ended, whichever node a program speaks to: the one that answered
 *  keeps them, and a response's id says which node that was.
 *
 *      resp_<8 hexadecimal digits of the node>_<random>
 *
 *  Invariant: a response is found by its person alone, on its own node as from another. It ends with its node. */
import { createHash } from "node:crypto";
import { failure, ok, PlexusError, refused, wireLimits, type Result } from "../../../protocols/index.ts";
import type { GatewayContext, ResponsePeers } from "../options.ts";
import type { Fields } from "./conversation.ts";
import { createKept } from "./kept.ts";
import type { ResponseState } from "./response-events.ts";

/** A response with all that it takes to continue it. */
export interface KeptResponse {
  readonly response: ResponseState;
  /** What it was asked, with ids. */
  readonly input: readonly Fields[];
  /** All items before its own input. */
  readonly before: readonly Fields[];
  /** The connection that alone may continue it. */
  readonly only?: object;
  /** Ends it, while it is under way here; with `forget` nothing of it is kept. */
  readonly cancel?: (how?: { readonly forget: boolean }) => void;
}

/** Those of all nodes. */
export interface KeptResponses {
  /** The id of a response that this node is about to answer. */
  newId(): string;
  bytesOf(one: KeptResponse): number;
  /** Keeps one of this node's own, unless it is too large for its person. */
  put(user: string, one: KeptResponse): void;
  /** Forgets one of this node's own. */
  drop(user: string, id: string): void;
  /** Errors: NOT_FOUND (also where it is another connection's), UNREACHABLE (its node is away), TOO_LARGE for the way
   *  between nodes. */
  find(user: string, id: string, by?: object): Promise<KeptResponse>;
  /** The items with these ids of a person's responses, wherever they are kept. One whose node is away is not among
   *  them. Error: TOO_LARGE for the way between nodes. */
  items(user: string, ids: readonly string[]): Promise<ReadonlyMap<string, Fields>>;
  /** Ends it if it is under way; with `forget` nothing of it is kept. Errors as of `find`. */
  end(user: string, id: string, forget: boolean): Promise<void>;
}

/** The part of a response's id that names a node. */
const markOf = (node: string): string => createHash("sha256").update(node).digest("hex").slice(0, 8);

const unknown = (id: string): PlexusError => new PlexusError(failure("NOT_FOUND", { response: id.slice(0, 128) }));

/** Makes them, none yet, and serves this node's to the others. */
export function createKeptResponses(at: GatewayContext): KeptResponses {
  const own = createKept<KeptResponse>(at.limits, () => at.clock.nowMs());
  const mark = markOf(at.node);

  const bytesOf = (one: KeptResponse): number => JSON.stringify([one.before, one.input, one.response]).length;

  const endHere = (user: string, id: string, forget: boolean): boolean => {
    const found = own.get(user, id);
    found?.cancel?.({ forget });
    return forget ? own.delete(user, id) : found !== undefined;
  };

  /** The other node that has it, by its id. */
  const peersOf = (id: string): { readonly peers: ResponsePeers; readonly node: string } | undefined => {
    const named = /^resp_([0-9a-f]{8})_/.exec(id)?.[1];
    if (named === mark || at.responsePeers === undefined) return undefined;
    const node = at.responsePeers.nodes().find((one) => markOf(one) === named);
    return node === undefined ? undefined : { peers: at.responsePeers, node };
  };

  /** Of this node's own. */
  const itemsHere = (user: string, ids: readonly string[]): readonly Fields[] => {
    const wanted = new Set(ids);
    const found = new Map<string, Fields>();
    for (const { response, input, only } of own.of(user)) {
      if (only !== undefined) continue;
      for (const one of [...response.output, ...input]) {
        const id = String(one["id"]);
        if (wanted.has(id) && !found.has(id)) found.set(id, one);
      }
    }
    return [...found.values()];
  };

  /** For the way to another node: beside the bytes there is only their frame. Error: TOO_LARGE. */
  const packed = (value: unknown): Result<Uint8Array> => {
    const bytes = Buffer.from(JSON.stringify(value));
    const { peerMessageBytesMax } = wireLimits;
    return bytes.length > peerMessageBytesMax - 1_024
      ? refused(failure("TOO_LARGE", { bodyBytes: bytes.length, peerMessageBytesMax }))
      : ok(bytes);
  };

  at.responsePeers?.serve({
    items({ user, ids }): Result<{ readonly items: Uint8Array }> {
      const items = packed(itemsHere(user, ids));
      return items.ok ? ok({ items: items.value }) : items;
    },
    read({ user, id }): Result<{ readonly kept: Uint8Array }> {
      const found = own.get(user, id);
      if (found === undefined || found.only !== undefined) return refused(failure("NOT_FOUND", { response: id }));
      const { cancel: _, ...said } = found;
      const kept = packed(said);
      return kept.ok ? ok({ kept: kept.value }) : kept;
    },
    end: ({ user, id, forget }) =>
      endHere(user, id, forget) ? ok(null) : refused(failure("NOT_FOUND", { response: id })),
  });

  return {
    newId: () => `resp_${mark}_${at.newId()}`,
    bytesOf,
    put: (user, one) => void own.put(user, one.response.id, one, bytesOf(one)),
    drop: (user, id) => void own.delete(user, id),
    async find(user, id, by) {
      const here = own.get(user, id);
      if (here !== undefined && (here.only === undefined || here.only === by)) return here;
      const elsewhere = peersOf(id);
      if (elsewhere === undefined) throw unknown(id);
      const answer = await elsewhere.peers.read(elsewhere.node, { user, id });
      if (!answer.ok) throw new PlexusError(answer.error);
      return JSON.parse(Buffer.from(answer.value.kept).toString("utf8")) as KeptResponse;
    },
    async items(user, ids) {
      const found = new Map(itemsHere(user, ids).map((one) => [String(one["id"]), one]));
      const others = ids.filter((id) => !found.has(id));
      const peers = at.responsePeers;
      if (others.length === 0 || peers === undefined) return found;
      const asked = peers.nodes().slice(0, at.limits.responseNodesMax);
      const answers = await Promise.all(asked.map((node) => peers.items(node, { user, ids: others })));
      for (const answer of answers) {
        if (!answer.ok && answer.error.code === "TOO_LARGE") throw new PlexusError(answer.error);
        const items = answer.ok
          ? (JSON.parse(Buffer.from(answer.value.items).toString("utf8")) as readonly Fields[])
          : [];
        for (const one of items) found.set(String(one["id"]), one);
      }
      return found;
    },
    async end(user, id, forget) {
      if (endHere(user, id, forget)) return;
      const elsewhere = peersOf(id);
      if (elsewhere === undefined) throw unknown(id);
      const answer = await elsewhere.peers.end(elsewhere.node, { user, id, forget });
      if (!answer.ok) throw new PlexusError(answer.error);
    },
  };
}
