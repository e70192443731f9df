/** The public keys that the cluster's short-lived tokens are verified with: one row for each node that has signed any.
 *  A private key never leaves its node's memory. Rows of nodes that are no members any more count for nothing. */
import { holdsAt, ok, PlexusError } from "../../../protocols/index.ts";
import type { Directory, NodeId } from "../../ports/index.ts";
import { changeRow } from "./one-row.ts";
import { asTokenKeys, tokenKeysKey, tokenKeysPrefix, type TokenKey } from "./records.ts";

export type { TokenKey } from "./records.ts";

/** Keys of one node that are known at once. A node makes one when it signs for the first time since its start, and then
 *  each day: with more, the oldest goes, and tokens that it signed end early. */
export const tokenKeysPerNodeMax = 16;
/** No key is good for longer: for a day in which it signs, and for as long as the longest token. */
const tokenKeyLifeMs = 3 * 24 * 3_600_000;

/** The public keys of all members. */
export interface TokenKeys {
  /** Those that are good at this time. */
  current(nowMs: number): readonly TokenKey[];
  /** Reads the row of a key's node: the watch may be a moment behind who signs. */
  look(kid: string): Promise<void>;
  /** Adds a key of this node. Rejects with DIRECTORY_UNAVAILABLE, OVERLOADED. */
  publish(key: TokenKey, nowMs: number): Promise<void>;
  stop(): void;
}

/** Begins to watch the rows. */
export function watchTokenKeys(
  directory: Directory,
  { node, isMember }: { readonly node: NodeId; readonly isMember: (node: NodeId) => boolean },
): TokenKeys {
  const rows = new Map<string, { readonly node: NodeId; readonly keys: readonly TokenKey[] }>();
  const note = (row: Parameters<typeof asTokenKeys>[0]): void => {
    const found = asTokenKeys(row);
    if (found === undefined) rows.delete(row.key);
    else rows.set(row.key, found);
  };
  const stop = directory.watch(tokenKeysPrefix, {
    reset(all) {
      rows.clear();
      for (const row of all) note(row);
    },
    changed: note,
    removed: (key) => void rows.delete(key),
    stale: () => undefined,
  });
  return {
    current: (nowMs) =>
      [...rows.values()].flatMap((row) =>
        isMember(row.node) ? row.keys.filter(({ untilMs }) => holdsAt(nowMs, untilMs, tokenKeyLifeMs)) : [],
      ),
    async look(kid) {
      const from = kid.slice(0, Math.max(0, kid.lastIndexOf(".")));
      if (!isMember(from)) return;
      const row = await directory.read(tokenKeysKey(from));
      if (row !== undefined) note(row);
    },
    async publish(key, nowMs) {
      const published = await changeRow(directory, tokenKeysKey(node), {
        make(row) {
          const kept =
            (row && asTokenKeys(row)?.keys.filter(({ untilMs }) => holdsAt(nowMs, untilMs, tokenKeyLifeMs))) ?? [];
          return ok({ node, keys: [...kept, key].slice(-tokenKeysPerNodeMax) });
        },
      });
      if (!published.ok) throw new PlexusError(published.error);
      rows.set(tokenKeysKey(node), published.value);
    },
    stop,
  };
}
