/** The folder that a recall is written into: a folder for each actor, in it a file of JSON lines for each type of its
 *  records, and in `files` its files under the names by which the records name them. While it is under way,
 *  `recall.begun` says how far it is (`recall-begun.ts`). */
import { SharedPieces, type FilePart, type Sealer, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { namesPut, unsyncedCodes } from "../../../runtimes/folders.ts";
import { fileType, type RecallSink, commandLimits } from "../index.ts";
import { openFiles } from "../../platform/index.ts";
import type { Files } from "../../ports/index.ts";
import { writeFile, wrong } from "./folder.ts";
import { filePieces } from "../content/index.ts";
import {
  aboutFile,
  begunFile,
  openBegunLog,
  type BegunLog,
  type BegunRecall,
  type FolderMark,
  type RecallName,
} from "./recall-begun.ts";

/** A name as a part of a path: whatever the name is, it stays in its folder. */
export const pathPart = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A").replace(/^\./, "%2E");

/** Writes what is recalled. */
export interface FolderSink extends RecallSink {
  readonly files: number;
  /** How far the recall was that goes on here; undefined: it begins. */
  readonly mark: FolderMark | undefined;
  /** What was written is whole with this unit: now and then it is synced, and remembered for the run that goes on. */
  keep(far: Omit<FolderMark, "files" | "open">): Promise<void>;
  /** Syncs what was written, with `about` beside it. */
  finish(about: object): Promise<void>;
  /** Whatever became of it: nothing is written any more. */
  close(): Promise<void>;
}

/** Parts of files on their way to the thread that writes them. */
class Lot {
  readonly #contents = new SharedPieces();
  folders: string[] = [];
  parts: FilePart[] = [];
  #bytes = 0;

  /** The content is copied. */
  add(part: Omit<FilePart, "bytes">, content: Uint8Array): void {
    const last = this.parts.at(-1);
    const bytes = content.length;
    if (last?.path === part.path && !last.isLast)
      this.parts.splice(-1, 1, { ...last, isLast: part.isLast, bytes: last.bytes + bytes });
    else this.parts.push({ ...part, bytes });
    this.#contents.add(content);
    this.#bytes += bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= commandLimits.writtenBytes || this.parts.length >= commandLimits.writtenParts;
  }

  taskIn(folder: string): Omit<Parameters<Sealer["write"]>[0], "synced" | "unsyncedCodes"> {
    return { folder, folders: this.folders, parts: this.parts, contents: this.#contents.joined.bytes };
  }

  clear(): void {
    this.#contents.clear();
    [this.folders, this.parts, this.#bytes] = [[], [], 0];
  }
}

/** A recall that can go on in its folder. */
export interface SinkRecall {
  readonly name: RecallName;
  readonly snapshot: number;
  readonly order: string;
  /** It was begun there before. */
  readonly begun: BegunRecall | undefined;
  /** So many bytes are written between two marks; absent: as many as usual. */
  readonly keptBytes?: number;
}

/** What is recalled is gathered, and written by one thread while more is read. Without `recall` it cannot go on.
 *  Errors: BAD_REQUEST (it is not empty, and this recall did not begin there); the system's. */
export async function openFolderSink(
  folder: string,
  sealer: Pick<Sealer, "write">,
  recall?: SinkRecall,
): Promise<FolderSink> {
  const files = await openFiles(folder);
  // The run that began it may have died before anything else was there.
  const ownNames = recall === undefined ? [] : [begunFile, `${begunFile}.new`];
  const name = (await namesPut(folder)).find((one) => !ownNames.includes(one));
  if (name !== undefined && recall?.begun === undefined)
    throw wrong(`${folder} is not empty: ${name} is in it. Name a new or empty folder for the recall`);
  const opened = recall === undefined ? undefined : await openBegunLog(folder, recall, recall.begun);
  return new WritingSink(folder, files, sealer, opened, recall?.keptBytes ?? commandLimits.recallKeptBytes);
}

class WritingSink implements FolderSink {
  readonly mark: FolderMark | undefined;
  readonly #folder: string;
  readonly #files: Files;
  readonly #sealer: Pick<Sealer, "write">;
  readonly #log: BegunLog | undefined;
  readonly #keptBytes: number;
  /** All that were made. */
  readonly #folders = new Set<string>();
  /** Those in which something was made since the last mark. */
  readonly #touched = new Set<string>();
  readonly #whole = filePieces();
  #lot = new Lot();
  #other = new Lot();
  #writing: Promise<void> = Promise.resolve();
  #open: { readonly path: string; bytes: number } | undefined;
  #count: number;
  /** A file of which only the first pieces have come. */
  #isWithin = false;
  #unkept = 0;

  constructor(
    folder: string,
    files: Files,
    sealer: Pick<Sealer, "write">,
    opened: { readonly log: BegunLog; readonly mark: FolderMark | undefined } | undefined,
    keptBytes: number,
  ) {
    [this.#folder, this.#files, this.#sealer, this.#keptBytes] = [folder, files, sealer, keptBytes];
    [this.#log, this.mark] = [opened?.log, opened?.mark];
    this.#count = this.mark?.files ?? 0;
    this.#open = this.mark?.open && { ...this.mark.open };
  }

  get files(): number {
    return this.#count;
  }

  async write(unit: UnitEntry, content: Uint8Array): Promise<void> {
    if (unit.name.type !== fileType) this.#addRows(unit, content);
    else {
      const bytes = this.#whole(unit, content);
      this.#isWithin = bytes === undefined && unit.first !== unit.last;
      if (bytes !== undefined) this.#addFile(unit, bytes);
    }
    this.#unkept += content.length;
    if (this.#lot.isFull) await this.#send();
  }

  async keep(far: Omit<FolderMark, "files" | "open">): Promise<void> {
    if (this.#log === undefined || this.#isWithin || this.#unkept < this.#keptBytes) return;
    const open = this.#open;
    // It goes on, and what it has is synced.
    if (open !== undefined) this.#lot.add({ path: open.path, isNew: false, isLast: true }, new Uint8Array());
    await this.#send([...this.#touched]);
    await this.#writing;
    await this.#files.sync("");
    this.#touched.clear();
    this.#unkept = 0;
    await this.#log.mark({ ...far, files: this.#count, ...(open && { open: { ...open } }) });
  }

  async finish(about: object): Promise<void> {
    this.#end();
    await this.#send([...this.#folders]);
    await this.#writing;
    await writeFile(this.#files, aboutFile, `${JSON.stringify(about, null, 2)}\n`);
    await this.#log?.end();
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#log?.close();
  }

  #addFile({ name: { thread, bucket } }: UnitEntry, bytes: Uint8Array): void {
    const path = `${folderOf(thread)}/files/${pathPart(bucket)}`;
    this.#begin(path);
    this.#lot.add({ path, isNew: true, isLast: true }, bytes);
  }

  #addRows({ name: { thread, type } }: UnitEntry, content: Uint8Array): void {
    // What begins with a dot is no record: the actor's state. No type of records has one.
    const path = `${folderOf(thread)}/${type.startsWith(".") ? `actor${type}` : pathPart(type)}.jsonl`;
    const isNew = this.#open?.path !== path;
    if (isNew) this.#begin(path);
    this.#lot.add({ path, isNew, isLast: false }, content);
    this.#open = { path, bytes: content.length + (isNew ? 0 : (this.#open?.bytes ?? 0)) };
  }

  #end(): void {
    if (this.#open !== undefined)
      this.#lot.add({ path: this.#open.path, isNew: false, isLast: true }, new Uint8Array());
    this.#open = undefined;
  }

  #begin(path: string): void {
    this.#end();
    const within = path.split("/").slice(0, -1);
    for (const depth of within.keys()) {
      const above = within.slice(0, depth + 1).join("/");
      this.#touched.add(above);
      if (this.#folders.has(above)) continue;
      this.#folders.add(above);
      this.#lot.folders.push(above);
    }
    this.#count += 1;
  }

  async #send(synced: readonly string[] = []): Promise<void> {
    await this.#writing;
    await this.#log?.begins(this.#lot.parts.flatMap(({ path, isNew }) => (isNew ? [path] : [])));
    this.#writing = this.#sealer.write({ ...this.#lot.taskIn(this.#folder), synced, unsyncedCodes });
    // It is awaited before the next; until then nobody listens.
    this.#writing.catch(() => undefined);
    [this.#lot, this.#other] = [this.#other, this.#lot];
    this.#lot.clear();
  }
}

const folderOf = (thread: string): string => thread.split("/").map(pathPart).join("/");
