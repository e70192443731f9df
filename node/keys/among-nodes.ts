/** The cluster's keys at this node: on its disk, in the directory, and at the other nodes, which give a member what it
 *  lacks. */
import {
  auditDone,
  failure,
  ok,
  PlexusError,
  refused,
  type AuditAction,
  type AuditFacts,
  type AuditWriter,
  type KeysStatus,
  type Result,
} from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import { hasKeyRole } from "../cluster/facts/key-roles.ts";
import type { Clock, Directory, Log, Membership, NodeId } from "../ports/index.ts";
import { createClusterKeys, openKnownRoot, type ClusterKeys, type KeysElsewhere } from "./cluster-keys.ts";
import { readDiskKey, readOrMakeDiskKey } from "./disk-key.ts";
import type { RootRecord } from "./epochs.ts";
import { readEscrow } from "./escrow.ts";
import { kitName, rootWords } from "./kit.ts";
import type { DiskKeySource } from "./own-keys.ts";
import { rootRow } from "./rows.ts";
import type { SealedStore } from "./sealed-store.ts";
import { rootHash } from "./succession.ts";
import { memberIn, nameIn } from "../cluster/facts/members.ts";

const fetchTimeoutMs = 5_000;
/** Uses of an epoch's keys are an entry of the audit so often at most. */
const keyUseNotedMs = 600_000;
/** Epochs and refusals whose uses are counted: more than a cluster has at a time. */
const usesKeysMax = 16;
/** Members that are asked which root they know, at once. */
const askedMax = 8;

/** A node among those of its cluster. */
interface At {
  readonly machine: { readonly clock: Clock; readonly log: Log };
  readonly identity: { readonly node: NodeId; readonly cluster: string; readonly store: SealedStore };
  readonly peer: { readonly directory: Directory; readonly exchange: Exchange; readonly membership: Membership };
}

/** Whether a member may have keys of epochs. */
const mayHave = ({ membership }: { readonly membership: Membership }, node: string): boolean => {
  const member = memberIn(membership, node);
  return member !== undefined && member.leaving !== true && hasKeyRole(member.roles);
};

/** What this node knows of the root, and tells the others of it. */
type KnownKeys = ReturnType<typeof openKnownRoot>;

/** Opens what this node knows of the root. A root that nobody vouched for is told to the admins, once for the whole
 *  cluster. */
export function openKnownKeys({
  machine,
  identity,
  peer,
  tell,
}: At & {
  /** Tells the cluster's admins of it, once for an operation. */
  readonly tell: (facts: Readonly<Record<string, string>>, by: string, operationId: string) => void;
}): KnownKeys {
  const { cluster, store, node } = identity;
  const { directory, exchange, membership } = peer;
  const { log } = machine;
  const known = openKnownRoot({
    cluster,
    directory,
    store,
    log,
    async agreed(hash) {
      const others = membership.members().members.filter((one) => one.node !== node && mayHave(peer, one.node));
      if (others.length === 0) return true;
      const up = others.filter((one) => membership.isUp(one.node)).slice(0, askedMax);
      const answers = await Promise.all(up.map((one) => exchange.call(one.node, "keys.known", {}, fetchTimeoutMs)));
      const told = answers.flatMap((answer) => (answer.ok ? [answer.value.hash] : []));
      if (told.some((other) => other !== null && other !== hash)) return false;
      return told.length > 0 ? true : undefined;
    },
    refused({ reason, root: found }, trusted) {
      const facts = {
        reason,
        ...(trusted && { kit: kitName(trusted), words: rootWords(cluster, trusted) }),
        ...(found && { refused: rootWords(cluster, found) }),
      };
      // Each node that refuses it says so in its log; the audit and the admins hear it of the first one.
      const operationId = `root:${found === undefined ? "none" : rootHash(cluster, found)}`;
      const by = nameIn(membership, node);
      tell(facts, by, operationId);
    },
  });
  exchange.on("keys.known", async () => ok({ hash: (await known.hash()) ?? null }));
  return known;
}

/** Opens them. What the node lacks it asks of the others when it is needed. That keys are opened, given and taken is in
 *  the audit. */
export function openKeys(
  own: {
    /** What the cluster calls this node, by its configuration. */
    readonly name: string;
    /** Where the disk's key is, and where it is sealed to the recovery kit. */
    readonly keyFile: string;
    readonly sealedFile: string;
  },
  at: At & { readonly audit: AuditWriter },
  known: KnownKeys,
): ClusterKeys {
  const { store, cluster, node } = at.identity;
  const { membership: members } = at.peer;
  const nameOf = (one: string): string => nameIn(members, one);
  const note = (action: AuditAction, outcome: string, facts: AuditFacts, target?: string): void => {
    const event = { action, by: `node/${own.name}`, outcome, facts, ...(target !== undefined && { target }) };
    // What it stands for is done: a disk that takes no entry says so by itself.
    void at.audit.write(event).catch(() => undefined);
  };
  const opened = createUses(at.machine.clock, keyUseNotedMs);
  const { exchange, membership, directory } = at.peer;
  const { keyFile, sealedFile } = own;
  const diskKey: DiskKeySource = {
    read: async () => store.key ?? (await readDiskKey(keyFile)),
    async make() {
      if ((await readEscrow(sealedFile)) === undefined) return readOrMakeDiskKey(keyFile);
      throw new PlexusError({
        ...failure("KEY_MISSING", { file: keyFile, hint: "plexus disk recover" }),
        message:
          `The key of the disk was in ${keyFile} and is not there. Put it back, or stop the node and make the ` +
          `key again from the recovery kit: plexus disk recover. (${sealedFile} has it sealed; without that file ` +
          "a new key is made.)",
      });
    },
  };
  const { clock, log } = at.machine;
  const keys = createClusterKeys({ cluster, directory, store, diskKey, clock, log, known, ...elsewhere(at) });

  exchange.on("keys.fetch", async ({ receiver }, from) => {
    if (!mayHave(at.peer, from)) {
      log.warn("keys.refused", { node: from });
      note("giveKeys", "FORBIDDEN", {}, `node/${nameOf(from)}`);
      return refused(failure("FORBIDDEN", { reason: "only managers and chat nodes keep keys of backups" }));
    }
    const given = await keys.sealFor(receiver);
    note("giveKeys", auditDone, { epochs: given.map(({ epoch }) => epoch).join(",") }, `node/${nameOf(from)}`);
    return ok({ keys: given });
  });

  /** Asks the others, one after the other, until nothing lacks. */
  const complete = async (): Promise<void> => {
    if (!mayHave(at.peer, node)) return;
    for (const other of membership.members().members) {
      if (other.node === node || !membership.isUp(other.node) || !mayHave(at.peer, other.node)) continue;
      if (!lacks(await keys.status())) return;
      const answer = await exchange.call(other.node, "keys.fetch", { receiver: keys.receiver }, fetchTimeoutMs);
      if (!answer.ok) continue;
      try {
        const count = await keys.take(answer.value.keys);
        if (count > 0) note("takeKeys", auditDone, { keys: count }, `node/${nameOf(other.node)}`);
      } catch (error) {
        // What cannot be kept is shown to lack.
        log.error("keys.unkept", { error });
      }
    }
  };
  const [change, told] = [changesAt(at), saysWhere(at)];
  return {
    ...keys,
    confirmKit: (...kit) => change(() => keys.confirmKit(...kit)),
    restore: (given) => change(() => keys.restore(given)),
    erase: (tenant) => change(() => keys.erase(tenant)),
    async status() {
      await complete();
      return told(await keys.status());
    },
    async beginKit(to) {
      await complete();
      return change(() => keys.beginKit(to));
    },
    async trust(words) {
      const trusted = await keys.trust(words);
      if (trusted.ok) await complete();
      return trusted;
    },
    async rotate(options) {
      await complete();
      return change(() => keys.rotate(options));
    },
    async backupKeys() {
      await complete();
      const found = await keys.backupKeys();
      const key = found.ok ? `epoch ${found.value.epoch}` : found.error.code;
      const uses = opened(key);
      if (uses !== undefined)
        note("openKeys", found.ok ? auditDone : found.error.code, {
          ...(found.ok && { epoch: found.value.epoch }),
          uses,
        });
      return found;
    },
  };
}

/** How a node changes the keys: the directory takes that of nodes that keep keys alone. Error: FORBIDDEN. */
const changesAt =
  ({ peer, identity: { node } }: At) =>
  async <Value>(act: () => Promise<Result<Value>>): Promise<Result<Value>> =>
    mayHave(peer, node) ? act() : refused(failure("FORBIDDEN", { reason: whereKeysAre(peer.membership, node) }));

/** How the keys stand, with where those are that the node lacks. */
const saysWhere =
  ({ peer, identity: { node } }: At) =>
  (now: KeysStatus): KeysStatus =>
    lacks(now) ? { ...now, elsewhere: whereKeysAre(peer.membership, node) } : now;

const lacks = ({ epochs, here }: KeysStatus): boolean => epochs.some(({ epoch }) => !here.includes(epoch));

/** What to do about a key of an epoch that a node lacks. */
const elsewhere = ({ peer: { membership }, identity }: At): Required<KeysElsewhere> => ({
  elsewhere: () => ({ hint: whereKeysAre(membership, identity.node) }),
});

/** Who may have what a node lacks, and what to do. One that keeps keys has asked the others that are up by now, and
 *  they lack it as well. */
function whereKeysAre(membership: Membership, node: string): string {
  const others = membership.members().members.filter((one) => one.node !== node && mayHave({ membership }, one.node));
  const up = others.filter((one) => membership.isUp(one.node)).map(({ name }) => name);
  const down = others.filter((one) => !membership.isUp(one.node)).map(({ name }) => name);
  const isKeeper = mayHave({ membership }, node);
  if (!isKeeper && up.length > 0)
    return `Only nodes with the role manager or chat keep keys: type this at ${listed(up, "or")}.`;
  const where = isKeeper ? "" : ", at a node with the role manager or chat";
  const kit = `With shares of the recovery kit${where}: plexus backup kit restore.`;
  if (down.length === 0) return `No node that is up has sent what is lacking. ${kit}`;
  const are = down.length === 1 ? "is" : "are";
  return `${listed(down, "and")} ${are} down and may have what is lacking: start ${listed(down, "or")} again. ${kit}`;
}

const listed = (names: readonly string[], word: "or" | "and"): string =>
  new Intl.ListFormat("en", { type: word === "or" ? "disjunction" : "conjunction" }).format(names);

/** Counts uses: the first of a key is told at once; those that follow within so long are a number that the next one
 *  tells. A backup of the cluster opens the keys for each of its parts, and its task is in the audit by itself. Only
 *  the last `usesKeysMax` keys are counted. */
export function createUses(clock: Pick<Clock, "monotonicMs">, everyMs: number): (key: string) => number | undefined {
  const held = new Map<string, { readonly atMs: number; readonly untold: number }>();
  return (key) => {
    const nowMs = clock.monotonicMs();
    const { atMs = -Infinity, untold = 0 } = held.get(key) ?? {};
    const isTold = nowMs - atMs >= everyMs;
    held.delete(key);
    held.set(key, isTold ? { atMs: nowMs, untold: 0 } : { atMs, untold: untold + 1 });
    for (const first of held.keys()) {
      if (held.size <= usesKeysMax) break;
      held.delete(first);
    }
    return isTold ? untold + 1 : undefined;
  };
}

/** Tells of the root that counts at this node, now and when the directory's row of it changes; and where nobody could
 *  be asked of it, when somebody is up. Returns how to end it. */
export function watchRoot(
  { directory, membership }: Pick<At["peer"], "directory" | "membership">,
  known: KnownKeys,
  tell: (root: RootRecord) => void,
  log: Log,
): () => void {
  let isUnsure = false;
  const look = (): void =>
    void known.read().then(
      ({ root, refused: what }) => {
        isUnsure = what?.isUnsure === true;
        if (root !== undefined) tell(root);
      },
      (error: unknown) => log.warn("keys.unread", { error }),
    );
  const stop = [
    directory.watch(rootRow, { reset: look, changed: look, removed: look, stale: () => undefined }),
    membership.onChange(() => isUnsure && look()),
  ];
  return () => stop.forEach((end) => end());
}
