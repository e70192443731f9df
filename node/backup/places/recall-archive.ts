/** What is recalled as one archive (tar, in POSIX's pax format), which is written while it is read: nothing of it lies
 *  on a disk of the node.
 *
 *      room/lobby/message/2026-11-23.0.jsonl     a line `[key, record]` for each record, in order
 *      room/lobby/files/HASH                     a file, under the name by which records name it
 *      (a header of pax with a comment)          while nothing was found for a while: readers of tar skip it
 *      recall.json                               of which snapshot it is, and what could not be brought back; without
 *                                                it the archive is not whole */
import { failureOf, type LostUnit } from "../../../protocols/index.ts";
import {
  fileType,
  lostUnit,
  openRepository,
  planRecall,
  recall,
  shownSnapshot,
  type BackupPorts,
  type ReadRate,
  type RecallQuery,
  type RecallSink,
  commandLimits,
} from "../index.ts";
import { pathPart } from "./recall-folder.ts";
import { filePieces } from "../content/index.ts";

const blockBytes = 512;
/** What a header has for a name. */
const nameBytes = 100;

/** An archive that is being written. */
interface Archive {
  write(unit: Parameters<RecallSink["write"]>[0], content: Uint8Array): Promise<void>;
  /** Says that it goes on, unless a file is being written. */
  beat(): Promise<void>;
  /** Ends it, with `about` in `recall.json`. */
  finish(about: object): Promise<void>;
}

/** `out` takes bytes, one piece after the other; `atMs`: when the snapshot was taken. */
export function createArchive(out: (bytes: Uint8Array) => Promise<void>, atMs: number): Archive {
  const join = filePieces();
  const folderOf = (thread: string): string => thread.split("/").map(pathPart).join("/");
  let isWithin = false;
  const add = async (path: string, content: Uint8Array): Promise<void> => {
    isWithin = true;
    await out(entryOf(path, content.length, atMs));
    await out(content);
    await out(padding(content.length));
    isWithin = false;
  };
  return {
    async write({ name, ...unit }, content) {
      const { thread, type, bucket, part } = name;
      const folder = folderOf(thread);
      if (type !== fileType) {
        // What begins with a dot is no record: the actor's state.
        const of = type.startsWith(".") ? `actor${type}` : pathPart(type);
        return add(`${folder}/${of}/${bucket === "" ? "all" : pathPart(bucket)}.${part}.jsonl`, content);
      }
      const file = join({ name, ...unit }, content);
      if (file !== undefined) await add(`${folder}/files/${pathPart(bucket)}`, file);
    },
    beat: async () => (isWithin ? undefined : out(paxEntry("g", "comment", "going on", atMs))),
    async finish(about) {
      await add("recall.json", Buffer.from(`${JSON.stringify(about, null, 2)}\n`));
      await out(new Uint8Array(2 * blockBytes));
    },
  };
}

/** Writes an archive of what a query names, as it is read, and says how fast that was. What cannot be read is named in
 *  it. Errors: NOT_FOUND, those of `out`. */
export async function writeArchive(
  ports: BackupPorts,
  query: RecallQuery,
  out: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<ReadRate> {
  const repository = openRepository(ports);
  const { snapshot } = await planRecall(repository, query);
  // The snapshot that was found, whatever comes meanwhile.
  const fixed = { ...query, snapshot: snapshot.number };
  const { clock } = ports;
  let wroteMs = clock.monotonicMs();
  const noted = (bytes: Uint8Array): Promise<void> => {
    wroteMs = clock.monotonicMs();
    return out(bytes);
  };
  const archive = createArchive(noted, snapshot.atMs);
  let stopBeats = (): void => undefined;
  const listen = (): void => {
    stopBeats = clock.after(Math.max(1, wroteMs + commandLimits.archiveBeatMs - clock.monotonicMs()), () => {
      // The fetching client has gone: the next file says so.
      if (clock.monotonicMs() - wroteMs >= commandLimits.archiveBeatMs) archive.beat().catch(() => undefined);
      listen();
    });
  };
  listen();
  try {
    const named: LostUnit[] = [];
    let total = 0;
    const { read } = await recall(ports, repository, fixed, archive, {
      signal,
      progress: () => undefined,
      lost({ name }, error) {
        total += 1;
        if (named.length < commandLimits.lostNamedMax) named.push(lostUnit(name, failureOf(error)));
      },
    });
    const { cluster } = ports;
    const about = { plexus: "recall", version: 1, cluster, query: fixed, snapshot: shownSnapshot(snapshot) };
    await archive.finish({ ...about, lost: { total, named } });
    return read;
  } finally {
    stopBeats();
  }
}

const padding = (length: number): Uint8Array => new Uint8Array((blockBytes - (length % blockBytes)) % blockBytes);

/** The header of an entry; a name that is too long for it stands in a header of its own before it. */
function entryOf(path: string, size: number, atMs: number): Uint8Array {
  if (path.length <= nameBytes) return headerOf(path, size, "0", atMs);
  return Buffer.concat([paxEntry("x", "path", path, atMs), headerOf(path.slice(0, nameBytes), size, "0", atMs)]);
}

/** An entry that says something of the next one, or of all that follow (`g`). */
function paxEntry(sort: "x" | "g", key: string, value: string, atMs: number): Uint8Array {
  const record = Buffer.from(paxRecord(key, value));
  return Buffer.concat([headerOf("pax", record.length, sort, atMs), record, padding(record.length)]);
}

/** `LENGTH key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function headerOf(path: string, size: number, sort: "0" | "x" | "g", atMs: number): Uint8Array {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number): void =>
    void header.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  header.write(path, 0, nameBytes, "latin1");
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(atMs / 1000), 136, 12);
  header.write(" ".repeat(8), 148, "latin1");
  header.write(sort, 156, "latin1");
  header.write("ustar\0", 257, "latin1");
  header.write("00", 263, "latin1");
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}
