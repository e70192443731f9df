/** A disk's key, sealed to the recovery key, in a file beside the data: the recovery kit opens the disk of a node whose
 *  key is lost. */
import { open, readFile, rename } from "node:fs/promises";
import { failure, ok, PlexusError, refused, type Result } from "../../protocols/index.ts";
import { diskKeyOf, type DiskKey } from "./disk-key.ts";
import type { RootKeys, RootRecord } from "./epochs.ts";
import { openFrom, sealTo } from "./x-wing.ts";

/** What is in the file. Nothing of it is secret. */
interface Escrow {
  readonly form: "plexus disk 1";
  readonly cluster: string;
  readonly node: string;
  /** Id of the disk's key. */
  readonly key: string;
  /** The root that opens it, by its commitment. */
  readonly root: string;
  readonly sealed: string;
}

const contextOf = ({ cluster, node, key }: Pick<Escrow, "cluster" | "node" | "key">): readonly string[] => [
  "disk key",
  cluster,
  node,
  key,
];

/** The file's content; undefined where there is none, or none that can be read. */
export async function readEscrow(file: string): Promise<Escrow | undefined> {
  try {
    const read = JSON.parse(await readFile(file, "utf8")) as Escrow;
    return read.form === "plexus disk 1" ? read : undefined;
  } catch {
    return undefined;
  }
}

/** Seals a disk's key to a root, where that is not done. Errors: the system's. */
export async function writeEscrow(
  file: string,
  of: Pick<Escrow, "cluster" | "node">,
  key: DiskKey,
  root: Pick<RootRecord, "commitment" | "recoveryKey">,
): Promise<void> {
  const before = await readEscrow(file);
  if (before?.root === root.commitment && before.key === key.id) return;
  const place = { ...of, key: key.id };
  const sealed = sealTo(Buffer.from(root.recoveryKey, "base64url"), key.bytes, contextOf(place));
  const escrow: Escrow = {
    form: "plexus disk 1",
    ...place,
    root: root.commitment,
    sealed: sealed.toString("base64url"),
  };
  const part = `${file}.part`;
  const written = await open(part, "w", 0o600);
  try {
    await written.writeFile(`${JSON.stringify(escrow)}\n`);
    await written.sync();
  } finally {
    await written.close();
  }
  await rename(part, file);
}

/** The disk's key, by the root. Error: KEY_REFUSED. */
export function openEscrow(escrow: Escrow, root: RootKeys): Result<DiskKey> {
  const refuse = (reason: string) => refused(failure("KEY_REFUSED", { key: escrow.key, reason }));
  if (escrow.root !== root.commitment) return refuse("it is sealed to the root of another recovery kit");
  const bytes = openFrom(root.recipient, Buffer.from(escrow.sealed, "base64url"), contextOf(escrow));
  if (bytes === undefined) return refuse("the sealed key was changed");
  const key = diskKeyOf(bytes);
  return key.id === escrow.key ? ok(key) : refuse("it is another disk's");
}

/** Error: NOT_FOUND. */
export async function demandEscrow(file: string): Promise<Escrow> {
  const escrow = await readEscrow(file);
  if (escrow !== undefined) return escrow;
  const reason = "there is no sealed key: the disk was not encrypted while the cluster had a recovery kit";
  throw new PlexusError(failure("NOT_FOUND", { file, reason }));
}
