/** A restore's source where no node and no folder of backups is left: the disks of storage nodes, or copies of the
 *  folders of their shards.
 *
 *      --from DIR, DIR … ─► shards, heads, keys.json of each ─► one place ─► (restore.ts) */
import { readdir, stat } from "node:fs/promises";
import { failure, failureOf, PlexusError, type Failure } from "../../../protocols/index.ts";
import { headFormat } from "../../../runtimes/backup/index.ts";
import {
  chainOf,
  createSurvivingStripes,
  foldersMissing,
  headNumbers,
  rankHeads,
  readHeadFile,
  readKeysFile,
  type BackupPorts,
  type Heads,
  type HeadFile,
  type RefusedHead,
  type SurvivingFolder,
  commandLimits,
} from "../index.ts";
import { openBlobStore } from "../../bulk/blobs/index.ts";
import { shardFolder } from "../../data-folder/index.ts";
import { keyLimits } from "../../keys/index.ts";
import { openFiles } from "../../platform/index.ts";
import { readStripe } from "../../bulk/shards/coding/index.ts";
import { isBackupFolder, noMeter } from "../places/index.ts";
import { openSource, type BackupPlace, type RestoreRequest, type Source } from "./sources.ts";

/** The shards of a storage node that is gone, with what lies beside them. */
export interface HolderFolder extends SurvivingFolder {
  /** None of them verified; damaged ones are among them. */
  readonly heads: readonly HeadFile[];
  /** As it lies there; undefined: nothing. */
  readonly keys: Uint8Array | undefined;
}

/** What was taken of holders' folders, and what was not and why. */
export interface HoldersUsed {
  readonly folders: readonly string[];
  readonly head: { readonly number: number; readonly atMs: number; readonly epoch: number };
  /** Folders that have the head that was taken. */
  readonly headIn: readonly string[];
  /** Heads that the cluster has not signed. */
  readonly refused: readonly RefusedHead[];
  /** Heads that come first and lead to what cannot be read. */
  readonly unreadable: readonly { readonly number: number; readonly error: Failure }[];
  /** Folders that have older heads only, and the newest of them; 0: none. */
  readonly behind: readonly { readonly folder: string; readonly number: number }[];
  /** Numbers of heads that no folder has, between those that were found. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** Heads of this cluster that the one that was taken does not come from. */
  readonly strangers: readonly { readonly number: number; readonly folders: readonly string[] }[];
  /** Shards that are not what their names say: the first of them. */
  readonly damaged: {
    readonly total: number;
    readonly named: readonly { readonly folder: string; readonly hash: string }[];
  };
  /** Stripes that lack shards, and of how many more nodes the shards would do at least. */
  readonly short: { readonly stripes: number; readonly folders: number };
}

const shardName = /^[0-9a-f]{2}$/;

/** Opens a node's data folder, its folder of shards, or a copy of that. Undefined: there are no shards there. Errors:
 *  the system's. */
export async function openHolderFolder(name: string): Promise<HolderFolder | undefined> {
  if (await isBackupFolder(name)) return undefined;
  const within = shardFolder(name);
  const folder = (await stat(within).catch(() => undefined))?.isDirectory() === true ? within : name;
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.some((one) => shardName.test(one) || one === "heads")) return undefined;
  const files = await openFiles(folder);
  const heads: HeadFile[] = [];
  for (const number of await headNumbers(files)) {
    // One that is longer than any head is refused like any other that is none.
    const bytes = await readHeadFile(files, number, headFormat.bytesMax).catch(() => new Uint8Array());
    if (bytes !== undefined) heads.push({ number, bytes });
  }
  return {
    name,
    blobs: await openBlobStore({ files, meter: noMeter, looksOnly: true }),
    heads,
    keys: await readKeysFile(files, keyLimits.carriedBytesMax),
  };
}

/** Opens the newest snapshot, or the one that is wanted, that several holders' folders still give. `used` says at any
 *  time what was found. Errors: NOT_FOUND (no head, no such snapshot), BACKUP_DAMAGED (no head is the cluster's),
 *  STRIPE_LOST (what leads to the snapshots lacks shards). */
export async function openHolders(
  folders: readonly HolderFolder[],
  request: Pick<RestoreRequest, "snapshot" | "atMs">,
  ports: Pick<BackupPorts, "cluster" | "keys" | "sealer" | "clock" | "random" | "log">,
): Promise<{ readonly source: Source; used(): HoldersUsed }> {
  const found = folders.flatMap(({ name: folder, heads }) => heads.map((head) => ({ ...head, folder })));
  const { ranked, refused } = rankHeads(found, { cluster: ports.cluster, keys: ports.keys.head });
  const names = folders.map(({ name }) => name);
  if (ranked.length === 0) throw noHead(names, refused);
  const unreadable: { number: number; error: Failure }[] = [];
  let more = 0;
  for (const taken of ranked) {
    const { head, bytes, folders: headIn } = taken;
    const stripes = createSurvivingStripes(folders, readStripe);
    const heads: Heads = { read: async () => bytes, commit: async () => false };
    const place: BackupPlace = { name: names.join(", "), stripes, heads };
    let source: Source;
    try {
      source = await openSource(place, request, ports);
      // A snapshot of which not even the first node can be read gives nothing.
      if (source.snapshot.root !== null) await source.repository.load(source.snapshot.root);
    } catch (error) {
      const why = failureOf(error);
      if (!lossCodes.has(why.code)) throw error;
      unreadable.push({ number: head.number, error: why });
      // The first is the newest: with its shards nothing is lost.
      if (unreadable.length === 1) more = foldersMissing(stripes.faults);
      continue;
    }
    const behind = folders
      .filter(({ name }) => !headIn.includes(name))
      .map(({ name, heads: own }) => ({
        folder: name,
        number: newestOf(own.filter(({ bytes: one }) => isIn(ranked, one))),
      }))
      .filter(({ number }) => number < head.number);
    const { number, atMs, epoch } = head;
    const { gaps, strangers } = chainOf(taken, ranked);
    return {
      source,
      used() {
        const { damaged, short } = stripes.faults;
        return {
          folders: names,
          head: { number, atMs, epoch },
          headIn,
          refused,
          unreadable,
          behind,
          gaps,
          strangers: strangers.map((one) => ({ number: one.head.number, folders: one.folders })),
          damaged: { total: damaged.length, named: damaged.slice(0, commandLimits.lostNamedMax) },
          short: { stripes: short.size, folders: foldersMissing({ short }) },
        };
      },
    };
  }
  const [first] = unreadable;
  const needed = `: the shards of at least ${more} more ${more === 1 ? "node" : "nodes"} are needed`;
  throw new PlexusError({
    ...(first as (typeof unreadable)[number]).error,
    message:
      `These folders do not have enough to find the snapshots${more > 0 ? needed : ""}. ` +
      `${unreadable.map(describeUnreadable).join(" ")}`,
  });
}

/** What a head leads to is not there, or not what the head says. */
const lossCodes: ReadonlySet<string> = new Set([
  "STRIPE_LOST",
  "DATA_DAMAGED",
  "BACKUP_DAMAGED",
  "KEY_REFUSED",
  "KEY_MISSING",
]);
const newestOf = (heads: readonly HeadFile[]): number => Math.max(0, ...heads.map(({ number }) => number));
const isIn = (ranked: readonly { readonly bytes: Uint8Array }[], bytes: Uint8Array): boolean =>
  ranked.some((one) => Buffer.compare(one.bytes, bytes) === 0);

/** What a head leads to that is not there, in words. */
export function describeUnreadable({ number, error }: HoldersUsed["unreadable"][number]): string {
  const { needed, found, all, stripe } = (error.details ?? {}) as Readonly<Record<string, unknown>>;
  const short =
    `of ${String(all)} shards of stripe ${String(stripe).slice(0, 16)} ${String(needed)} are needed, and ` +
    `${String(found)} are there`;
  return `Head ${number}: ${error.code === "STRIPE_LOST" && needed !== undefined ? short : error.code}.`;
}

/** Why, in words where there are any. */
export function reasonOf({ code, details }: Failure): string {
  const reason = details?.["reason"];
  return typeof reason === "string" ? reason : code;
}

function noHead(names: readonly string[], refused: readonly RefusedHead[]): PlexusError {
  const [first] = refused;
  if (first === undefined)
    return new PlexusError(
      failure("NOT_FOUND", {
        folder: names[0],
        reason: "no head is beside the shards of any of these folders: nothing leads to the backups in them",
      }),
    );
  const why = `${first.folder} head ${first.number}: ${reasonOf(first.error)}`;
  return new PlexusError(
    failure("BACKUP_DAMAGED", {
      object: "head",
      reason: `none of the heads in these folders is this cluster's; ${why}`,
    }),
  );
}
