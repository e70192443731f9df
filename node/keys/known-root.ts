/** What of the directory's keys counts at this node: the root and the newest epoch that it has verified are on its own
 *  disk. The directory, which any member can write, can only go on from there.
 *
 *      (the store) meta/known-root   { root, epoch, hash }
 *
 *      the directory has …                           what counts
 *      the known root                                it
 *      one that the known root vouched for           that one, which is known from then on
 *      another one, or none                          the known one; that is told, until an operator says which it is
 *      epochs that go on from the newest known one   they
 *      epochs before it alone, or others             none: new secrets would be sealed for a node that left
 *
 *  A node that knows none yet asks the other nodes with keys: it takes the one that there is, unless one of them knows
 *  another, and once one of them could be asked. */
import { failure, failureOf, ok, refused, type Failure, type Result } from "../../protocols/index.ts";
import { seal as withChecksum, unseal as withoutChecksum } from "../data-folder/seal.ts";
import type { Log, Store } from "../ports/index.ts";
import { hashOf, verifyEpochs, type EpochRecord, type RootRecord } from "./epochs.ts";
import { recordsFor, type KeyRows, type RootRow } from "./rows.ts";
import { follows, rootHash } from "./succession.ts";

/** Where the store has it. */
const knownRootRow = "meta/known-root";

interface Pin {
  readonly root: RootRecord;
  readonly epoch: number;
  readonly hash: string;
}

/** What the directory says of the root, and nobody vouched for. */
export interface Refused {
  readonly reason: string;
  readonly root?: RootRecord;
  /** It may well be the cluster's: nobody could be asked yet. */
  readonly isUnsure?: true;
}

/** What counts. */
export interface TrustedRoot {
  readonly root: RootRecord | undefined;
  /** As the root opens them; empty without a root. */
  readonly records: readonly EpochRecord[];
  /** Of the directory's row of the root. */
  readonly revision: number;
  readonly refused?: Refused;
  /** The epochs are not those that the root vouches for: nothing is sealed or opened with them. */
  readonly fault?: Failure;
}

export interface KnownRoot {
  read(): Promise<TrustedRoot>;
  /** Hash of the root that this node knows, without a look at the directory. */
  hash(): Promise<string | undefined>;
  /** Error: KEY_REFUSED (the epochs are not the root's). */
  demand(): Promise<Result<TrustedRoot>>;
  /** From now on this root counts here, with the epochs that there are. Error: KEY_REFUSED (it does not vouch for
   *  them). */
  trust(root: RootRecord): Promise<Result<null>>;
}

export function createKnownRoot(ports: {
  readonly cluster: string;
  readonly store: Store;
  readonly rows: KeyRows;
  readonly log: Log;
  /** Asked before a first root is taken: false where others know another one, undefined where none of them can be
   *  asked. */
  readonly agreed?: ((hash: string) => Promise<boolean | undefined>) | undefined;
  /** Told once of each root that is refused. */
  readonly refused?: ((what: Refused, known: RootRecord | undefined) => void) | undefined;
}): KnownRoot {
  const { cluster, store, rows, log } = ports;
  let pin: Pin | undefined;
  let isRead = false;
  let told: string | undefined;
  let verified = "";

  const load = async (): Promise<Pin | undefined> => {
    if (isRead) return pin;
    const bytes = await store.get(knownRootRow);
    pin = bytes && (withoutChecksum(knownRootRow, bytes, store.location) as Pin);
    isRead = true;
    return pin;
  };
  const keep = async (root: RootRecord, records: readonly EpochRecord[]): Promise<void> => {
    const last = records.at(-1)!;
    const next: Pin = { root, epoch: last.epoch, hash: hashOf(cluster, last) };
    if (JSON.stringify(next) === JSON.stringify(pin)) return;
    await store.batch([{ type: "put", key: knownRootRow, value: withChecksum(knownRootRow, next) }], { sync: true });
    pin = next;
  };
  /** Whether the root vouches for the records. Those that were verified last are not verified again. */
  const verify = (root: RootRecord, records: readonly EpochRecord[]): Result<unknown> => {
    const all = [rootHash(cluster, root), root.anchor.hash, root.anchor.signature].concat(
      records.map((record) => `${hashOf(cluster, record)} ${record.signature}`),
    );
    if (all.join() === verified) return ok(null);
    const judged = verifyEpochs(cluster, root, records);
    if (judged.ok) verified = all.join();
    return judged;
  };

  const tell = (what: Refused | undefined): void => {
    const key = what && `${what.reason} ${what.root === undefined ? "" : rootHash(cluster, what.root)}`;
    if (what !== undefined && key !== told) {
      log.error("keys.root.refused", { reason: what.reason });
      ports.refused?.(what, pin?.root);
    }
    told = key;
  };

  /** The root that counts, given the one that the directory has. */
  const judge = async ({ root: found, revision }: RootRow): Promise<Pick<TrustedRoot, "root" | "refused">> => {
    const known = (await load())?.root;
    const denied = (reason: string) => ({ root: known, refused: { reason, ...(found && { root: found }) } });
    if (known === undefined) {
      if (found === undefined && revision > 0) return denied("what the directory has for the root is none");
      if (found === undefined || ports.agreed === undefined) return { root: found };
      const agreed = await ports.agreed(rootHash(cluster, found));
      if (agreed === true) return { root: found };
      if (agreed === false) return denied("other nodes know another root");
      const reason = "no other node with keys could be asked yet which root it knows";
      return { root: undefined, refused: { reason, root: found, isUnsure: true } };
    }
    if (found === undefined) return denied("the directory has lost the root");
    if (await follows(cluster, { known, found }, (hash) => rows.voucherFor(hash))) return { root: found };
    return denied("the root that this node knows did not vouch for the one that the directory has");
  };

  const look = async (): Promise<TrustedRoot> => {
    const row = await rows.root();
    const { root, refused: denied } = await judge(row);
    const { revision } = row;
    if (root === undefined) return { root, records: [], revision, ...(denied && { refused: denied }) };
    const records = recordsFor(root, await rows.epochs());
    const known = { root, records, revision, ...(denied && { refused: denied }) };
    const judged = verify(root, records);
    if (!judged.ok) return { ...known, fault: judged.error };
    const last = pin && records[pin.epoch - 1];
    if (pin !== undefined && (last === undefined || hashOf(cluster, last) !== pin.hash)) {
      const reason = "the directory has an older state of the epochs than this node knows, or other epochs";
      return { ...known, refused: { reason }, fault: failure("KEY_REFUSED", { epoch: pin.epoch, reason }) };
    }
    await keep(root, records);
    return known;
  };
  const read = async (): Promise<TrustedRoot> => {
    const known = await look();
    if (known.refused?.isUnsure !== true) tell(known.refused);
    return known;
  };

  // One after the other: what is read later is never an older state of the directory.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  return {
    read: () => inTurn(read),
    async hash() {
      const known = await load();
      return known && rootHash(cluster, known.root);
    },
    async demand() {
      const known = await inTurn(read);
      return known.fault === undefined ? ok(known) : refused(known.fault);
    },
    trust: (root) =>
      inTurn(async () => {
        const records = recordsFor(root, await rows.epochs());
        const judged = verify(root, records);
        if (!judged.ok) return judged;
        await load();
        try {
          await keep(root, records);
        } catch (error) {
          return refused(failureOf(error));
        }
        return ok(null);
      }),
  };
}
