/** The key of the cluster's secrets: in the directory only as sealed to each member
 *  (docs/decisions/0107-the-key-of-secrets.md).
 *
 *      keys/secrets             { key: "sealed", id }                    which key counts
 *      keys/secrets-for/NODE    { receiver, signature, id?, sealed? }    a member's public key, and its share
 *
 *  Order: the node that makes a key has its own share in the directory before the key is named. A key that was named
 *  stays the key. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Type, type Static } from "typebox";
import { checkOf } from "../../protocols/wire/check.ts";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Log, NodeId, Random } from "../ports/index.ts";
import { contextBytes, keyBytes } from "./cipher.ts";
import { keyLimits } from "./limits.ts";
import { openFrom, publicBytes, sealTo, type Recipient } from "./x-wing.ts";

/** Which key counts. */
const secretsRow = "keys/secrets";
/** Before the name of a member. */
const sharePrefix = "keys/secrets-for/";

/** What an older version reads as a key of a wrong length, and leaves alone. */
const sealedMark = "sealed";

/** A node's key, as it receives shares and signs where they are to go. */
export interface SecretsReceiver {
  readonly recipient: Recipient;
  sign(bytes: Uint8Array): Uint8Array;
  /** Whether a member has signed these bytes. */
  isSigned(by: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** The members, as far as shares go. */
interface SecretsMembers {
  readonly self: NodeId;
  /** In any order. */
  members(): readonly NodeId[];
  isUp(node: NodeId): boolean;
  onChange(listener: () => void): () => void;
}

/** The key. */
export interface SecretsKey {
  /** Rejects with KEY_MISSING (nobody has given it to this node), KEY_REFUSED, OVERLOADED, DIRECTORY_UNAVAILABLE. */
  read(): Promise<Uint8Array>;
  stop(): void;
}

const text = (max: number) => Type.String({ maxLength: max });
// Open: a later version may add fields.
const named = Type.Object({ key: text(64), id: Type.Optional(text(64)) });
const isNamed = checkOf(named);
const share = Type.Object({
  receiver: text(2_048),
  signature: text(256),
  id: Type.Optional(text(64)),
  sealed: Type.Optional(text(4_096)),
});
const isShare = checkOf(share);
type Share = Static<typeof share>;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const bytesOf = (from: string): Buffer => Buffer.from(from, "base64url");

/** Which key it is, for everybody to know: nothing is learned of the key by it. */
const idOf = (key: Uint8Array): string =>
  createHash("sha256").update("plexus secrets key id\0").update(key).digest("base64url");
const receiverBytes = (node: NodeId, receiver: string): Uint8Array =>
  contextBytes(["plexus secrets receiver 1", node, receiver]);
const shareContext = (node: NodeId, id: string): readonly string[] => ["share of the key of secrets", node, id];

/** The key as rows of older versions have it. */
const plainKeyOf = (key: string): Buffer | undefined => {
  const bytes = bytesOf(key);
  return bytes.length === keyBytes ? bytes : undefined;
};

const namedIn = ({ value }: DirectoryRow): Static<typeof named> | undefined =>
  isNamed.Check(value) ? (value as Static<typeof named>) : undefined;

/** A share of a row, if its receiver is that of the member. */
function shareIn(
  { key, value }: DirectoryRow,
  { isSigned }: Pick<SecretsReceiver, "isSigned">,
): { readonly node: NodeId; readonly share: Share } | undefined {
  if (!isShare.Check(value)) return undefined;
  const node = key.slice(sharePrefix.length);
  const read = value as Share;
  const isReceiver = bytesOf(read.receiver).length === publicBytes;
  return isReceiver && isSigned(node, receiverBytes(node, read.receiver), bytesOf(read.signature))
    ? { node, share: read }
    : undefined;
}

/** How many steps of time a member waits before it passes the key on: none, if it is the first of those that are up. */
const turnOf = ({ self, members, isUp }: Pick<SecretsMembers, "self" | "members" | "isUp">): number =>
  members().filter((node) => node < self && isUp(node)).length;

/** Takes part in keeping the key: reads it when it is needed, and passes it on to members that have no share. */
export function keepSecretsKey(ports: {
  readonly directory: Directory;
  readonly members: SecretsMembers;
  /** Loaded when it is needed first: a node alone that keeps no secret reads no key. */
  readonly receiver: () => Promise<SecretsReceiver>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): SecretsKey {
  const { directory, members, clock, random, log } = ports;
  const { self } = members;
  const ownRow = `${sharePrefix}${self}`;
  let receiver: Promise<SecretsReceiver> | undefined;
  const loaded = (): Promise<SecretsReceiver> =>
    (receiver ??= ports.receiver().catch((error: unknown) => {
      receiver = undefined;
      throw error;
    }));
  let known: Uint8Array | undefined;
  let reading: Promise<Uint8Array> | undefined;
  let stopped = false;

  const overloaded = (row: string): PlexusError => new PlexusError(failure("OVERLOADED", { row }));

  /** Changes a share until it is as wanted. `change`: undefined leaves it. */
  async function changeShare(
    node: NodeId,
    change: (row: DirectoryRow | undefined) => Share | undefined,
  ): Promise<void> {
    const key = `${sharePrefix}${node}`;
    for (let attempt = 0; attempt < keyLimits.attemptsMax; attempt += 1) {
      const row = await directory.read(key);
      const wanted = change(row);
      if (wanted === undefined) return;
      if ((await directory.compareAndSet(key, wanted, row?.revision ?? 0)).applied) return;
    }
    throw overloaded(key);
  }

  /** Publishes this node's receiver, with a share of `key` if there is one, unless it is there. */
  async function publish(at: SecretsReceiver, key?: Uint8Array): Promise<void> {
    const mine = base64(at.recipient.publicKey);
    await changeShare(self, (row) => {
      const before = row === undefined ? undefined : shareIn(row, at)?.share;
      const kept = before?.receiver === mine ? before : undefined;
      if (kept !== undefined && (key === undefined || kept.id === idOf(key))) return undefined;
      const signature = kept?.signature ?? base64(at.sign(receiverBytes(self, mine)));
      return { receiver: mine, signature, ...(key && sharedTo(self, mine, key)) };
    });
  }

  const sharedTo = (node: NodeId, to: string, key: Uint8Array): Pick<Share, "id" | "sealed"> => {
    const id = idOf(key);
    return { id, sealed: base64(sealTo(bytesOf(to), key, shareContext(node, id))) };
  };

  /** This node's share of the key of this id. */
  async function ownShare(at: SecretsReceiver, id: string): Promise<Uint8Array | undefined> {
    const row = await directory.read(ownRow);
    const mine = row === undefined ? undefined : shareIn(row, at)?.share;
    if (mine?.sealed === undefined || mine.id !== id) return undefined;
    const key = openFrom(at.recipient, bytesOf(mine.sealed), shareContext(self, id));
    return key !== undefined && timingSafeEqual(Buffer.from(idOf(key)), Buffer.from(id)) ? key : undefined;
  }

  /** Resolves when this node has a share of the key of this id, or nobody has given it one for a while. */
  const shareCame = (id: string): Promise<void> =>
    new Promise((resolve) => {
      const ends: (() => void)[] = [];
      const isMine = ({ key, value }: DirectoryRow): boolean => key === ownRow && (value as Partial<Share>).id === id;
      const settle = (): void => {
        for (const end of ends) end();
        resolve();
      };
      ends.push(
        clock.after(keyLimits.shareWaitMs, settle),
        directory.watch(ownRow, {
          reset: (all) => all.some(isMine) && settle(),
          changed: (row) => isMine(row) && settle(),
          removed: () => undefined,
          stale: () => undefined,
        }),
      );
    });

  async function find(): Promise<Uint8Array> {
    const at = await loaded();
    let hasWaited = false;
    for (let attempt = 0; attempt < keyLimits.attemptsMax; attempt += 1) {
      const row = await directory.read(secretsRow);
      if (row === undefined) {
        const made = random.bytes(keyBytes);
        await publish(at, made);
        const { applied } = await directory.compareAndSet(secretsRow, { key: sealedMark, id: idOf(made) }, 0);
        if (applied) return made;
        continue;
      }
      const { key: word = "", id } = namedIn(row) ?? {};
      const plain = plainKeyOf(word);
      if (plain !== undefined) {
        await publish(at, plain);
        return plain;
      }
      if (word !== sealedMark || id === undefined) throw new PlexusError(failure("KEY_REFUSED", { row: secretsRow }));
      const key = await ownShare(at, id);
      if (key !== undefined) return key;
      if (hasWaited)
        throw new PlexusError(
          failure("KEY_MISSING", {
            key: "secrets",
            reason: "no other node has given this one the key of the cluster's secrets yet",
            hint: "start a node that has it: one that was a member before this one",
          }),
        );
      hasWaited = true;
      await publish(at);
      await shareCame(id);
    }
    throw overloaded(secretsRow);
  }

  const read = async (): Promise<Uint8Array> => {
    if (known !== undefined) return known;
    reading ??= find().finally(() => (reading = undefined));
    known = await reading;
    look();
    return known;
  };

  // --- passing it on -------------------------------------------------------------------------------------------------

  /** What the directory has, as it was told last. */
  const rows = new Map<string, DirectoryRow>();
  const tell = (change: () => void): void => {
    change();
    look();
  };

  /** Whether a member may lack its share, a row is of nobody who is here, or the key is in the directory as it is. */
  function isLacking(): boolean {
    const row = rows.get(secretsRow);
    // Nobody needed it yet.
    if (row === undefined) return false;
    const word = namedIn(row);
    if (word?.key !== sealedMark) return true;
    const here = new Set(members.members());
    const shares = [...rows].filter(([key]) => key.startsWith(sharePrefix));
    const served = new Set(
      shares
        .filter(([, { value }]) => (value as Partial<Share>).id === word.id)
        .map(([key]) => key.slice(sharePrefix.length)),
    );
    return served.size !== here.size || [...here].some((node) => !served.has(node));
  }

  /** Gives the key to members that published a receiver and have no share of it, and names it as sealed once all
   *  have. */
  async function passOn(): Promise<void> {
    const at = await loaded();
    const key = await read();
    const id = idOf(key);
    await publish(at, key);
    const here = members.members();
    let served = 0;
    for (const node of here) {
      const row = await directory.read(`${sharePrefix}${node}`);
      const share = row && shareIn(row, at)?.share;
      // A member of an older version, or one that starts.
      if (share === undefined) continue;
      served += 1;
      if (share.id === id) continue;
      await changeShare(node, (now) => {
        const is = now && shareIn(now, at)?.share;
        if (is === undefined || is.id === id) return undefined;
        return { receiver: is.receiver, signature: is.signature, ...sharedTo(node, is.receiver, key) };
      });
      log.info("secrets.shared", { with: node });
    }
    for (const { key: of, revision } of rows.values()) {
      const node = of.startsWith(sharePrefix) ? of.slice(sharePrefix.length) : undefined;
      if (node === undefined || here.includes(node) || (await directory.read(`member/${node}`)) !== undefined) continue;
      await directory.compareAndSet(of, undefined, revision);
    }
    // As an older version has it: sealed as soon as nobody needs it so.
    const row = await directory.read(secretsRow);
    if (served === here.length && row !== undefined && plainKeyOf(namedIn(row)?.key ?? "") !== undefined)
      await directory.compareAndSet(secretsRow, { key: sealedMark, id }, row.revision);
  }

  let next: { readonly atMs: number; cancel(): void } | undefined;
  let passing = false;
  /** Looks soon: at once if this is the first of the members that are up, later if others should have done it. */
  function look(afterMs = turnOf(members) * keyLimits.shareTurnMs): void {
    const atMs = clock.monotonicMs() + afterMs;
    if (stopped || !isLacking() || (next !== undefined && next.atMs <= atMs)) return;
    // A node alone passes nothing on, and reads no key before it needs one.
    if (members.members().length < 2 && known === undefined) return;
    next?.cancel();
    const cancel = clock.after(afterMs, () => {
      next = undefined;
      if (passing) return look(keyLimits.shareTurnMs);
      if (!isLacking()) return;
      passing = true;
      passOn()
        .catch((error: unknown) => log.debug("secrets.wait", { error }))
        .finally(() => {
          passing = false;
          // A node that is starting, or is of an older version, has its share later.
          look(keyLimits.shareRetryMs);
        });
    });
    next = { atMs, cancel };
  }

  const ends = [
    members.onChange(() => look()),
    // The beginning of both.
    directory.watch(secretsRow, {
      reset: (all) =>
        tell(() => {
          rows.clear();
          for (const row of all) rows.set(row.key, row);
        }),
      changed: (row) => tell(() => rows.set(row.key, row)),
      removed: (key) => tell(() => rows.delete(key)),
      stale: () => undefined,
    }),
  ];

  return {
    read,
    stop() {
      stopped = true;
      next?.cancel();
      for (const end of ends) end();
    },
  };
}
