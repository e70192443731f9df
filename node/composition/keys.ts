/** The cluster's keys at this node: on its disk, in the directory, and at the other nodes, which give a member what it lacks. */
import type { Config } from "../../config/index.ts";
import { failure, ok, PlexusError, refused, type Role } from "../../protocols/index.ts";
import { diskKeyFile, escrowFile } from "../data-folder/index.ts";
import {
  createClusterKeys,
  kitName,
  openKnownRoot,
  readDiskKey,
  readEscrow,
  readOrMakeDiskKey,
  rootRow,
  rootHash,
  rootWords,
  type ClusterKeys,
  type DiskKeySource,
  type RootRecord,
} from "../keys/index.ts";
import type { Log } from "../ports.ts";
import { audit } from "./cluster-memory.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";

/** Who makes backups, and so has keys. A node with the role storage alone holds what it cannot read. */
const keyRoles: readonly Role[] = ["manager", "chat"];
/** Whether a node with these roles changes the rows of keys. */
export const hasKeyRole = (roles: readonly Role[]): boolean => roles.some((role) => keyRoles.includes(role));
const fetchTimeoutMs = 5_000;
/** Members that are asked which root they know, at once. */
const askedMax = 8;

type At = { readonly machine: Machine; readonly identity: Identity; readonly peer: Peer };

/** Whether a member may have keys of epochs. */
const mayHave = ({ membership }: Pick<Peer, "membership">, node: string): boolean => {
  const member = membership.members().members.find((one) => one.node === node);
  return member !== undefined && member.leaving !== true && hasKeyRole(member.roles);
};

/** What this node knows of the root, and tells the others of it. */
export type KnownKeys = ReturnType<typeof openKnownRoot>;

/** Opens what this node knows of the root. A root that nobody vouched for is told to the admins, once for the whole cluster. */
export function openKnownKeys({ machine, identity, peer }: At): KnownKeys {
  const { cluster, store, node } = identity;
  const { directory, exchange, membership, kernel } = peer;
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
      const by = membership.members().members.find((one) => one.node === node)?.name ?? node;
      audit(kernel, { action: "refuseRoot", by, facts, tell: { people: [], admins: true } }, operationId);
    },
  });
  exchange.on("keys.known", async () => ok({ hash: (await known.hash()) ?? null }));
  return known;
}

/** Opens them. What the node lacks it asks of the others when it is needed. */
export function openKeys(config: Config, at: At, known: KnownKeys): ClusterKeys {
  const { store, cluster, node } = at.identity;
  const { exchange, membership, directory } = at.peer;
  const keyFile = config.diskKey ?? diskKeyFile(config.data);
  const sealedFile = escrowFile(config.data);
  const diskKey: DiskKeySource = {
    read: async () => store.key ?? (await readDiskKey(keyFile)),
    async make() {
      if ((await readEscrow(sealedFile)) === undefined) return readOrMakeDiskKey(keyFile);
      throw new PlexusError({
        ...failure("KEY_MISSING", { file: keyFile, hint: "plexus disk recover" }),
        message: `The key of the disk was in ${keyFile} and is not there. Put it back, or stop the node and make it anew with the recovery kit: plexus disk recover. (${sealedFile} has it sealed; without that file a new key is made.)`,
      });
    },
  };
  const { clock, log } = at.machine;
  const keys = createClusterKeys({ cluster, directory, store, diskKey, clock, log, known });

  exchange.on("keys.fetch", async ({ receiver }, from) => {
    if (!mayHave(at.peer, from)) {
      log.warn("keys.refused", { node: from });
      return refused(failure("FORBIDDEN", { reason: "a node needs the role manager or chat for the keys of backups" }));
    }
    return ok({ keys: await keys.sealFor(receiver) });
  });

  /** Asks the others, one after the other, until nothing lacks. */
  const complete = async (): Promise<void> => {
    if (!mayHave(at.peer, node)) return;
    const lacks = async (): Promise<boolean> => {
      const { epochs, here } = await keys.status();
      return epochs.some(({ epoch }) => !here.includes(epoch));
    };
    for (const other of membership.members().members) {
      if (other.node === node || !membership.isUp(other.node) || !mayHave(at.peer, other.node)) continue;
      if (!(await lacks())) return;
      const answer = await exchange.call(other.node, "keys.fetch", { receiver: keys.receiver }, fetchTimeoutMs);
      // What cannot be kept is shown to lack.
      if (answer.ok) await keys.take(answer.value.keys).catch((error: unknown) => log.error("keys.unkept", { error }));
    }
  };
  return {
    ...keys,
    async status() {
      await complete();
      return keys.status();
    },
    async beginKit(to) {
      await complete();
      return keys.beginKit(to);
    },
    async trust(words) {
      const trusted = await keys.trust(words);
      if (trusted.ok) await complete();
      return trusted;
    },
    async rotate(options) {
      await complete();
      return keys.rotate(options);
    },
    async backupKeys() {
      await complete();
      return keys.backupKeys();
    },
  };
}

/** Tells of the root that counts at this node, now and when the directory's row of it changes; and where nobody could be asked of it, when somebody
 *  is up. Returns how to end it. */
export function watchRoot(
  { directory, membership }: Pick<Peer, "directory" | "membership">,
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
