/** The cluster's keys at this node: on its disk, in the directory, and at the other nodes, which give a member what it lacks. */
import type { Config } from "../../config/index.ts";
import { failure, ok, PlexusError, refused, type Role } from "../../protocols/index.ts";
import { diskKeyFile, escrowFile } from "../data-folder/index.ts";
import {
  createClusterKeys,
  readDiskKey,
  readEscrow,
  readOrMakeDiskKey,
  rootRow,
  type ClusterKeys,
  type DiskKeySource,
  type RootRecord,
} from "../keys/index.ts";
import type { Directory } from "../ports.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";

/** Who makes backups, and so has keys. A node with the role storage alone holds what it cannot read. */
const keyRoles: readonly Role[] = ["manager", "chat"];
const fetchTimeoutMs = 5_000;

/** Opens them. What the node lacks it asks of the others when it is needed. */
export function openKeys(
  config: Config,
  at: { readonly machine: Machine; readonly identity: Identity; readonly peer: Peer },
): ClusterKeys {
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
  const keys = createClusterKeys({ cluster, directory, store, diskKey, clock, log });
  const mayHave = (other: string): boolean => {
    const member = membership.members().members.find((one) => one.node === other);
    return member !== undefined && member.leaving !== true && member.roles.some((role) => keyRoles.includes(role));
  };

  exchange.on("keys.fetch", async ({ receiver }, from) => {
    if (!mayHave(from)) {
      log.warn("keys.refused", { node: from });
      return refused(failure("FORBIDDEN", { reason: "a node needs the role manager or chat for the keys of backups" }));
    }
    return ok({ keys: await keys.sealFor(receiver) });
  });

  /** Asks the others, one after the other, until nothing lacks. */
  const complete = async (): Promise<void> => {
    if (!mayHave(node)) return;
    const lacks = async (): Promise<boolean> => {
      const { epochs, here } = await keys.status();
      return epochs.some(({ epoch }) => !here.includes(epoch));
    };
    for (const other of membership.members().members) {
      if (other.node === node || !membership.isUp(other.node) || !mayHave(other.node)) continue;
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

/** Tells of the root of the cluster's recovery kit, now and when another is made. Returns how to end it. */
export const watchRoot = (directory: Directory, tell: (root: RootRecord) => void): (() => void) =>
  directory.watch(rootRow, {
    reset: (rows) => rows.forEach(({ value }) => tell(value as RootRecord)),
    changed: ({ value }) => tell(value as RootRecord),
    removed: () => undefined,
    stale: () => undefined,
  });
