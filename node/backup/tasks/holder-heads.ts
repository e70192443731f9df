/** The head of the cluster's backups and their keys beside the shards of this node, on the real ports; and what other
 *  nodes ask of either. */
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  type Failure,
  type HeadHolders,
  type Result,
} from "../../../protocols/index.ts";
import { hashOfHead, readHead, type BackupHead } from "../../../runtimes/backup/index.ts";
import { createDirectoryHeads, holderHeadLimits, keepHolderHeads, readKeysFile, type HolderHeads } from "../index.ts";
import {
  isHeadSigned,
  keyLimits,
  readBackupKeys,
  rootHash,
  type ClusterKeys,
  type KnownRoot,
} from "../../keys/index.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import { hasKeyRole } from "../../cluster/facts/key-roles.ts";
import { keysPrefix } from "../../cluster/facts/records.ts";
import type { Clock, Directory, Files, Log, Membership, NodeId } from "../../ports/index.ts";

type Kept = { readonly head?: { readonly number: number; readonly hash: string }; readonly keysAtMs: number };

interface HolderHeadsAt {
  readonly machine: { readonly clock: Clock; readonly log: Log };
  readonly identity: { readonly node: NodeId; readonly cluster: string };
  readonly peer: { readonly directory: Directory; readonly exchange: Exchange; readonly membership: Membership };
  /** The folder of the shards. */
  readonly files: Files;
  readonly known: Pick<KnownRoot, "read">;
  readonly keys: Pick<ClusterKeys, "carried">;
}

/** Keeps them here where this node has the role storage, gives other nodes what they need for it, and asks all of them
 *  how they stand. */
export function openHolderHeads(at: HolderHeadsAt): Pick<HolderHeads, "stop"> & { survey(): Promise<HeadHolders> } {
  const { clock, log } = at.machine;
  const { node, cluster } = at.identity;
  const { directory, exchange, membership } = at.peer;
  const { files, known, keys } = at;
  const heads = createDirectoryHeads(directory);
  const storages = () => membership.members().members.filter(({ roles }) => roles.includes("storage"));
  const isStorage = (id: string): boolean => storages().some((one) => one.node === id);

  /** Of the cluster that this node knows, or nothing. Errors: BACKUP_DAMAGED, KEY_REFUSED, ROOT_UNVOUCHED. */
  const ours = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const read = readBackupKeys(bytes);
    if (!read.ok) throw new PlexusError(read.error);
    const { root } = await known.read();
    if (root === undefined) throw new PlexusError(failure("ROOT_UNVOUCHED", { reason: "this node knows no root yet" }));
    if (read.value.cluster !== cluster || rootHash(cluster, read.value.root) !== rootHash(cluster, root))
      throw new PlexusError(failure("KEY_REFUSED", { reason: "these keys are of another root than this node knows" }));
    return bytes;
  };
  const fetchFrom = async (other: string): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = [];
    let [start, sizeBytes, madeAtMs] = [0, Infinity, 0];
    while (start < sizeBytes) {
      const answer = await exchange.call(other, "backup.keys", { madeAtMs, start }, holderHeadLimits.fetchTimeoutMs);
      if (!answer.ok) throw new PlexusError(answer.error);
      const { bytes } = answer.value;
      ({ sizeBytes, madeAtMs } = answer.value);
      if (bytes.length === 0 || sizeBytes > keyLimits.carriedBytesMax)
        throw new PlexusError(failure("BACKUP_DAMAGED", { object: "keys", reason: "pieces that make no whole" }));
      pieces.push(bytes);
      start += bytes.length;
    }
    return Buffer.concat(pieces);
  };
  const carried = async (): Promise<Uint8Array> => {
    const members = membership.members().members.filter(({ roles }) => hasKeyRole(roles));
    let why: Failure = failure("KEY_MISSING", { reason: "no node that has the backup keys is up" });
    // This node first: then nothing goes over the mesh.
    for (const other of members.toSorted((a, b) => Number(b.node === node) - Number(a.node === node)))
      try {
        if (other.node === node) {
          const own = await keys.carried();
          if (own.ok) return own.value;
          why = own.error;
        } else if (membership.isUp(other.node)) return await ours(await fetchFrom(other.node));
      } catch (error) {
        why = failureOf(error);
      }
    throw new PlexusError(why);
  };

  const verified = async (bytes: Uint8Array): Promise<BackupHead> => {
    const { records, fault } = await known.read();
    if (fault !== undefined) throw new PlexusError(fault);
    return readHead(bytes, {
      verify(signed, signature, epoch) {
        const record = records[epoch - 1];
        return record !== undefined && isHeadSigned(record, signed, signature);
      },
    });
  };
  const keeper = keepHolderHeads({
    files,
    heads,
    directory,
    keyRows: keysPrefix,
    holds: () => isStorage(node),
    verified,
    carried,
    clock,
    log,
  });
  const endWatch = membership.onChange(() => keeper.wake());

  const fetches = new Map<number, { readonly bytes: Uint8Array; readonly end: () => void }>();
  exchange.on("backup.keys", async ({ madeAtMs, start }, from) => {
    if (!isStorage(from))
      return refused(failure("FORBIDDEN", { reason: "only nodes with the role storage keep these" }));
    let known = fetches.get(madeAtMs);
    let name = madeAtMs;
    if (madeAtMs === 0) {
      const made = await keys.carried();
      if (!made.ok) return made;
      // Two of the same millisecond are different bytes.
      for (name = clock.nowMs(); fetches.has(name);) name += 1;
      const forget = (): void => void fetches.delete(name);
      known = { bytes: made.value, end: clock.after(holderHeadLimits.fetchMs, forget) };
      fetches.set(name, known);
      const [oldest] = fetches;
      if (fetches.size > holderHeadLimits.fetchesKept && oldest !== undefined) {
        oldest[1].end();
        fetches.delete(oldest[0]);
      }
    }
    if (known === undefined || start > known.bytes.length) return refused(failure("NOT_FOUND", { madeAtMs, start }));
    const bytes = known.bytes.subarray(start, start + holderHeadLimits.pieceBytes);
    if (start + bytes.length === known.bytes.length) {
      known.end();
      fetches.delete(name);
    }
    return ok({ madeAtMs: name, sizeBytes: known.bytes.length, bytes });
  });
  const kept = async (): Promise<Kept> => {
    const head = await keeper.newest();
    const bytes = await readKeysFile(files, keyLimits.carriedBytesMax);
    const read = bytes && readBackupKeys(bytes);
    return { ...(head && { head }), keysAtMs: read?.ok === true ? read.value.madeAtMs : 0 };
  };
  exchange.on("backup.kept", async () => {
    try {
      return ok(await kept());
    } catch (error) {
      return refused(failureOf(error));
    }
  });

  return {
    stop() {
      endWatch();
      keeper.stop();
      for (const { end } of fetches.values()) end();
    },
    async survey() {
      const bytes = await heads.read();
      const hash = bytes && hashOfHead(bytes);
      const newest = bytes === undefined ? 0 : (await verified(bytes)).number;
      const all = storages();
      const asked = await Promise.all(
        all.map(async ({ node: other, name }) => {
          const answer: Result<Kept> =
            other === node
              ? ok(await kept())
              : await exchange.call(other, "backup.kept", {}, holderHeadLimits.fetchTimeoutMs);
          const head = answer.ok ? answer.value.head : undefined;
          const isCurrent = answer.ok && head?.hash === hash && answer.value.keysAtMs > 0;
          return { name, isCurrent, isAhead: head !== undefined && head.hash !== hash && head.number >= newest };
        }),
      );
      const namesOf = (some: typeof asked): readonly string[] => some.map(({ name }) => name);
      const ahead = namesOf(asked.filter(({ isAhead }) => isAhead));
      const behind = namesOf(asked.filter(({ isCurrent, isAhead }) => !isCurrent && !isAhead));
      const current = all.length - behind.length - ahead.length;
      return { nodes: all.length, current, behind, ...(ahead.length > 0 && { ahead }) };
    },
  };
}
