/** Files of actors (pictures, sounds) as units: what an actor refers to at the cut, each file cut into pieces of
 *  bounded size.
 *
 *      the actor's state at the cut ─► names of its files ─┬─ in the snapshot before: stays, and is not read
 *                                                          ├─ new: read, cut, sealed
 *                                                          └─ not there any more: missed, by name
 *
 *  A file never changes, so it may be read after the cut. Its units are of the type `.blob` and of no day: in place of
 *  the day stands the file's name, and `part` counts the pieces. `first` is the piece's key, `last` that of the file's
 *  last piece: so a file is known to be whole. */
import { failureOf, parseActorId, type ActorId, type Failure } from "../../../protocols/index.ts";
import {
  SharedMemory,
  SharedPieces,
  unitPlace,
  type CutAnswer,
  type Subject,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import { SealedParts } from "./batch.ts";
import type { BackupPorts } from "../ports.ts";
import type { SlotView, StoredRow } from "../run/sources.ts";

/** Type of the units that are pieces of files. */
export const fileType = ".blob";

/** A file that an actor refers to, and that is not in the snapshot. */
export interface MissedFile {
  readonly actor: ActorId;
  /** Its name; `*`: what the actor refers to could not be told. */
  readonly hash: string;
  readonly error: Failure;
}

/** Whose an actor's files are: those of an agent are its owner's, with whose keys they are erased. */
export function fileSubject(cluster: string, actor: ActorId): Subject {
  return { cluster, person: ownerOf(actor), thread: actor, type: fileType };
}

/** The person whose own an actor is; empty: nobody's. */
export function ownerOf(actor: string): string {
  const { kind, key } = parseActorId(actor) ?? { kind: "", key: "" };
  if (kind === "agent") return `user/${key.split(".", 1)[0] ?? ""}`;
  return kind === "user" || kind === "ledger" ? `user/${key}` : "";
}

const pieceKey = (hash: string, part: number): string => `${hash}/${String(part).padStart(8, "0")}`;

/** Whether some pieces are all of a file. */
const isWhole = (pieces: readonly UnitEntry[]): boolean =>
  pieces.at(-1)?.first === pieces[0]?.last && pieces.every(({ name }, at) => name.part === at);

/** Memory for a file on its way: most actors have none, so it is one for all of them. */
export class FileMemory {
  readonly contents = new SharedPieces();
  readonly made = new SharedMemory();
}

/** Cuts and seals the files that an actor refers to and the snapshot before lacks. `gone` is what it refers to no
 *  longer, by place. */
export async function cutFiles(
  { cluster, limits, keys, sealer }: Pick<BackupPorts, "cluster" | "limits" | "keys" | "sealer">,
  view: SlotView,
  { contents, made }: FileMemory,
  {
    actor,
    state,
    before,
  }: { readonly actor: ActorId; readonly state: readonly StoredRow[]; readonly before: readonly UnitEntry[] },
  take: (cut: CutAnswer, sealed: SealedParts) => Promise<void>,
): Promise<{ readonly missed: readonly MissedFile[]; readonly gone: ReadonlyMap<string, UnitEntry> }> {
  let hashes: readonly string[];
  try {
    hashes = [...new Set(await view.blobs(actor, state))];
  } catch (error) {
    // What the snapshot before has stays.
    return { missed: [{ actor, hash: "*", error: failureOf(error) }], gone: new Map() };
  }
  const known = Map.groupBy(before, ({ name }) => name.bucket);
  const missed: MissedFile[] = [];
  const stays = new Set<string>();
  for (const hash of hashes) {
    const had = known.get(hash);
    if (had !== undefined && isWhole(had)) {
      stays.add(hash);
      continue;
    }
    const read = await view.blob(actor, hash);
    if (!read.ok) {
      missed.push({ actor, hash, error: read.error });
      continue;
    }
    const parts = Math.max(1, Math.ceil(read.value.length / limits.unitBytes));
    const numbers = Array.from({ length: parts }, (_, part) => part);
    contents.clear();
    for (const part of numbers)
      contents.add(read.value.subarray(part * limits.unitBytes, (part + 1) * limits.unitBytes));
    const names = numbers.map((part) => ({ ...fileSubject(cluster, actor), bucket: hash, part }));
    const { answers, ...sealed } = await sealer.seal({
      names,
      contents: contents.joined,
      room: made.all,
      epoch: keys.epoch,
      fragments: limits.fragments,
    });
    const last = pieceKey(hash, parts - 1);
    const [cut] = answers as readonly [CutAnswer];
    const units = cut.units.map((unit, part) => ({ ...unit, first: pieceKey(hash, part), last }));
    await take({ ...cut, units }, new SealedParts(sealed));
    made.become(sealed.fragments.bytes);
    stays.add(hash);
  }
  const gone = before
    .filter(({ name }) => !stays.has(name.bucket))
    .map((entry) => [unitPlace(entry.name), entry] as const);
  return { missed, gone: new Map(gone) };
}

/** Puts pieces of files together, in whatever order they come, and gives each file that is whole. */
export class FileParts {
  readonly #take: (hash: string, bytes: Uint8Array) => Promise<void>;
  readonly #open = new Map<string, Map<number, Uint8Array>>();

  constructor(take: (hash: string, bytes: Uint8Array) => Promise<void>) {
    this.#take = take;
  }

  async write({ name: { bucket: hash, part }, last }: UnitEntry, content: Uint8Array): Promise<void> {
    const parts = this.#open.get(hash) ?? new Map<number, Uint8Array>();
    // The memory of a unit is used again.
    this.#open.set(hash, parts.set(part, Uint8Array.from(content)));
    const count = Number(last.slice(hash.length + 1)) + 1;
    if (parts.size < count) return;
    this.#open.delete(hash);
    await this.#take(hash, Buffer.concat(Array.from({ length: count }, (_, at) => parts.get(at) ?? new Uint8Array())));
  }
}
