/** The index: one SQLite file with full text (FTS5) of all slots that this node owns.
 *
 *      slot     where each log stood when its rows were written, in the same transaction
 *      place    a room or a conversation in a slot
 *      message  (place, seq, part) ─► id: the time it was written, so that ids in order are messages in order; part 0
 *               is what the message says, and the others are the texts of its files, each with a row of its own
 *      author   a name ─► its number; `doubted`: those of which something went, and maybe all
 *      unread   messages that are there, and whose records cannot be read
 *      found    FTS5 by id: `said`, the words; `tags`, what narrows: place, author, thread, link, file,
 *               reaction, mentions. The text of a file has those that stay (`x`: it is one); of the others its
 *               message's row is asked, so that no reaction writes long texts again
 *
 *  One file and not one a slot: one transaction for what many slots did, one search for all rooms of a person, and
 *  no hundreds of open files. The words are stored, not left out: only so does FTS5 take them off the disk with a
 *  message (docs/decisions/0221-search-is-a-projection.md). */
import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { searchScore, searchVersion, searchWords, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { Change, Said } from "./changes.ts";
import { leavesSomeOut, textExpression } from "./expression.ts";
import { searchLimits as limits, type TableLimits } from "./limits.ts";
import {
  inScoreOrder,
  inTimeOrder,
  type Found,
  type Hit,
  type Position,
  type Query,
  type SlotPlaces,
} from "./query.ts";

/** A file of another version is made anew. */
const tableVersion = searchVersion * 1_000 + 5;
/** What a file says that was closed whole (`application_id`): it need not be looked through when it is opened. */
const closedWhole = 0x506c7853;
const pageBytes = 4_096;
/** Messages of one millisecond. */
const idsPerMs = 1_024;

const pragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA secure_delete = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA cache_size = -${limits.cacheKiB};
  PRAGMA journal_size_limit = ${limits.walBytes};
`;
const tables = `
  CREATE TABLE slot (id INTEGER PRIMARY KEY, name TEXT UNIQUE, epoch INTEGER, seq INTEGER, checksum INTEGER);
  CREATE TABLE place (id INTEGER PRIMARY KEY, slot INTEGER, actor TEXT, UNIQUE (slot, actor));
  CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
  CREATE TABLE doubted (author INTEGER PRIMARY KEY);
  CREATE TABLE unread (slot INTEGER, actor TEXT, seq INTEGER, PRIMARY KEY (slot, actor, seq)) WITHOUT ROWID;
  CREATE TABLE message (id INTEGER PRIMARY KEY, place INTEGER, seq INTEGER, part INTEGER, UNIQUE (place, seq, part));
  CREATE VIRTUAL TABLE found USING fts5 (said, tags, tokenize = 'ascii', prefix = '3');
  CREATE VIRTUAL TABLE words USING fts5vocab (found, 'instance');
  INSERT INTO found (found, rank) VALUES ('secure-delete', 1);
  PRAGMA user_version = ${tableVersion};
`;

const newest =
  "SELECT message.id, message.place, message.seq, message.part " +
  "FROM found CROSS JOIN message ON message.id = found.rowid " +
  "WHERE found MATCH ? AND found.rowid <= ? AND found.rowid >= ?";
const order = "ORDER BY found.rowid DESC";
const filtered = `${newest} AND looked(found.rowid) AND message.place IN (SELECT value FROM json_each(?)) ${order}`;

/** One search. */
interface Looking {
  readonly query: Query;
  readonly places: ReadonlyMap<number, ActorId>;
  readonly step: () => void;
}

interface MessageRow {
  readonly id: number;
  readonly place: number;
  readonly seq: number;
  readonly part: number;
}

/** What the index has for one row. */
interface FoundRow {
  readonly said: string;
  readonly tags: string;
}

/** What is removed; `part`: only that of each message. */
interface Span {
  readonly actor: ActorId;
  readonly from: number;
  readonly to: number;
  readonly part?: number;
}

/** Removes an index and what SQLite has beside it. */
export function removeIndex(location: string): void {
  if (location === inMemory) return;
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(location + end, { force: true });
}

/** The location of an index that leaves nothing on a disk. */
export const inMemory = ":memory:";

/** What SQLite says of a failure, without its details; undefined: it is none of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  const { errcode } = error as { readonly errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** There is no room. What was begun is taken back, and what is there stays whole. */
export const isFull = (error: unknown): boolean => sqliteCode(error) === 13;

/** Opens an index; one that is damaged or of another version is made anew. */
export function openTable(location: string, own: TableLimits = {}): SearchTable {
  try {
    return new SearchTable(location, own);
  } catch (error) {
    if (isFull(error)) throw error;
    removeIndex(location);
    return new SearchTable(location, own);
  }
}

/** Synchronous: it lives in a thread. */
export class SearchTable {
  readonly #db: DatabaseSync;
  readonly #placesInIndex: number;
  readonly #placesFiltered: number;
  readonly #statements = new Map<string, StatementSync>();
  /** Numbers of places, by slot. */
  readonly #places = new Map<number, Map<ActorId, number>>();
  #placesKept = 0;
  /** What SQLite tells of each message that it looks at. */
  #look: (id: number) => boolean = () => true;
  readonly #authors = new Map<string, number>();
  /** Something was deleted since the disk was last cleaned of it; maybe also before a kill. */
  #unclean: boolean;
  /** What was applied and is not committed, in rows; undefined: no transaction is open. */
  #applied: number | undefined;

  /** Throws when the file is no index of this version, or damaged. */
  constructor(location: string, { memoryBytesMax, placesInIndex, placesFiltered }: TableLimits) {
    this.#placesInIndex = placesInIndex ?? limits.placesInIndex;
    this.#placesFiltered = placesFiltered ?? limits.placesFiltered;
    const pagesMax = Math.floor((memoryBytesMax ?? limits.memoryBytesMax) / pageBytes);
    this.#db = new DatabaseSync(location);
    try {
      this.#db.exec(pragmas);
      if (location === inMemory) this.#db.exec(`PRAGMA max_page_count = ${pagesMax}`);
      const { user_version: version } = this.#get("PRAGMA user_version") as { readonly user_version: number };
      const isEmpty = this.#get("SELECT 1 FROM sqlite_schema LIMIT 1") === undefined;
      const mark = this.#get("PRAGMA application_id")?.["application_id"];
      const isWhole = isEmpty || mark === closedWhole;
      if (isEmpty) this.#db.exec(`BEGIN; ${tables} COMMIT`);
      else if (version !== tableVersion) throw new Error(`an index of version ${version}`);
      if (!isWhole) this.#check();
      // From now on it is looked through when it is opened, unless it was closed.
      if (mark === closedWhole) this.#db.exec("PRAGMA application_id = 0");
      this.#unclean = !isWhole;
      // Where it looks whether messages are in some rooms, each that is in another one need not become an object here.
      this.#db.function("looked", (id) => {
        if (!this.#look(id as number)) throw enough;
        return 1;
      });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  #check(): void {
    const found = this.#get("PRAGMA quick_check(1)") as { readonly quick_check: string };
    if (found.quick_check !== "ok") throw new Error(found.quick_check);
  }

  /** Every slot that has rows; undefined: it was half made, or half cleared. */
  slots(): ReadonlyMap<SlotId, Position | undefined> {
    const whole = this.positions();
    return new Map(this.#all("SELECT name FROM slot").map(({ name }) => [name as SlotId, whole.get(name as SlotId)]));
  }

  /** Where slots stand, all or some. One that is not in it has no whole rows. */
  positions(of?: readonly SlotId[]): ReadonlyMap<SlotId, Position> {
    const sql = "SELECT name, epoch, seq, checksum FROM slot WHERE seq IS NOT NULL";
    const rows = of === undefined ? this.#all(sql) : of.flatMap((slot) => this.#all(`${sql} AND name = ?`, slot));
    return new Map(
      rows.map(({ name, epoch, seq, checksum }) => [name as SlotId, { epoch, seq, checksum } as Position]),
    );
  }

  /** Messages that are not found, because their records cannot be read. */
  unread(): number {
    return this.#get("SELECT count(*) AS count FROM unread")?.["count"] as number;
  }

  /** Applies what entries did, up to a position. False: the slot does not stand at `from`, and nothing is done.
   *
   *  It is found from now on, and committed with what follows: when there is much of it, or with the next call that is
   *  no `apply`. A failure takes back what was not committed, of other slots too (`positions`). */
  apply(slot: SlotId, from: Position, changes: readonly Change[], to: Position): boolean {
    if (this.#applied === undefined) this.#db.exec("BEGIN IMMEDIATE");
    this.#applied ??= 0;
    try {
      const row = this.#get("SELECT id, seq, checksum FROM slot WHERE name = ?", slot);
      if (row?.["seq"] !== from.seq || row["checksum"] !== from.checksum) return false;
      this.#change(row["id"] as number, changes);
      this.#stand(slot, to);
      this.#applied += 1 + changes.length;
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    if (this.#applied >= limits.rowsUncommittedMax) this.commit();
    return true;
  }

  /** Commits what was applied. */
  commit(): void {
    if (this.#applied === undefined) return;
    try {
      this.#db.exec("COMMIT");
      this.#applied = undefined;
    } catch (error) {
      this.#takeBack();
      throw error;
    }
  }

  /** Removes every message that is changed or deleted. */
  forget(slot: SlotId, changes: readonly Change[]): void {
    this.#within(() => {
      const row = this.#get("SELECT id FROM slot WHERE name = ?", slot);
      if (row !== undefined) for (const change of changes) this.#remove(row["id"] as number, spanOf(change));
    });
  }

  /** Takes a slot out of the index. At most so many rows go at once; true: there are more. */
  clear(slot: SlotId): boolean {
    return this.#within(() => {
      const row = this.#get("SELECT id FROM slot WHERE name = ?", slot);
      if (row === undefined) return false;
      this.#run("UPDATE slot SET seq = NULL WHERE id = ?", row["id"] as number);
      const left = this.#all(
        "SELECT message.id FROM message JOIN place ON place.id = message.place WHERE place.slot = ? LIMIT ?",
        row["id"] as number,
        limits.clearedAtOnce,
      );
      for (const { id } of left) this.#delete(id as number);
      if (left.length === limits.clearedAtOnce) return true;
      for (const name of ["place", "unread"]) this.#run(`DELETE FROM ${name} WHERE slot = ?`, row["id"] as number);
      this.#run("DELETE FROM slot WHERE id = ?", row["id"] as number);
      this.#forgetPlaces();
      return false;
    });
  }

  /** A slot that was cleared is made anew: `add` and `settle` follow. */
  begin(slot: SlotId): void {
    this.commit();
    this.#run("INSERT INTO slot (name) VALUES (?)", slot);
  }

  /** Rows of a slot that is made anew. False: it is not, for the index was lost meanwhile. */
  add(slot: SlotId, changes: readonly Change[]): boolean {
    return this.#within(() => {
      const row = this.#get("SELECT id FROM slot WHERE name = ? AND seq IS NULL", slot);
      if (row !== undefined) this.#change(row["id"] as number, changes);
      return row !== undefined;
    });
  }

  /** The slot has all rows up to here. False: as of `add`. */
  settle(slot: SlotId, at: Position): boolean {
    return this.#within(() => {
      const row = this.#get("SELECT id FROM slot WHERE name = ? AND seq IS NULL", slot);
      if (row !== undefined) this.#stand(slot, at);
      return row !== undefined;
    });
  }

  /** Finds in some places, in the order of the query. `step` is called before each message, and each spelling, that is
   *  looked at: it throws where nobody waits for the answer any more. */
  find(query: Query, wanted: SlotPlaces, step: () => void = () => undefined): Found {
    step();
    const places = this.#placesOf(wanted);
    const match = places.size === 0 ? undefined : this.#expression({ query, places, step });
    if (match === undefined) return { hits: [], more: false };
    const best = query.best === true;
    const limit = best ? limits.rankedMax : query.limit;
    const looked = this.#newest(match, { query, places, limit, step });
    // Where that ended is a message in a place that was not asked for: it is not to be told of.
    const narrowed = looked.end && this.#expression({ query, places, step, narrowed: true });
    const found =
      narrowed === undefined || narrowed === match ? looked : this.#newest(narrowed, { query, places, limit, step });
    const end = found.end && { end: found.end };
    if (!best) return { hits: found.hits, more: found.more, ...end };
    const scored: Hit[] = [];
    for (const [at, hit] of found.hits.entries()) {
      step();
      const scores = (found.rows[at] ?? []).map((id) => this.#scoreOf(id, query));
      scored.push({ ...hit, score: Math.max(...scores) });
    }
    return { hits: scored.toSorted(inScoreOrder).slice(0, query.limit), more: end !== undefined, ...end };
  }

  /** Takes off the disk what was deleted, which may lie in the log of writes, and names of which nothing is left. True:
   *  there are more such names. */
  clean(): boolean {
    this.commit();
    if (!this.#unclean) return false;
    const doubted = this.#all("SELECT author FROM doubted LIMIT ?", limits.clearedAtOnce);
    try {
      if (doubted.length > 0) this.#within(() => doubted.forEach(({ author }) => this.#forget(author as number)));
    } finally {
      // Where there is no room for that, the words leave the log of writes all the same.
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    this.#unclean = doubted.length === limits.clearedAtOnce;
    return this.#unclean;
  }

  /** Removes the name of an author who is in no message any more. */
  #forget(author: number): void {
    const left = this.#get("SELECT 1 FROM found WHERE found MATCH ? LIMIT 1", `tags : (a${author} OR m${author})`);
    if (left === undefined) {
      this.#run("DELETE FROM author WHERE id = ?", author);
      this.#authors.clear();
    }
    this.#run("DELETE FROM doubted WHERE author = ?", author);
  }

  close(): void {
    try {
      this.commit();
    } catch (error) {
      // It is read from the logs again.
      if (!isFull(error)) throw error;
    }
    try {
      while (this.clean());
      this.#db.exec(`PRAGMA application_id = ${closedWhole}`);
    } finally {
      this.#statements.clear();
      this.#db.close();
    }
  }

  // --- writing -------------------------------------------------------------------------------------------------------

  #change(slot: number, changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type === "filed") {
        this.#file(slot, change);
        continue;
      }
      const { actor, from, to } = spanOf(change);
      this.#run("DELETE FROM unread WHERE slot = ? AND actor = ? AND seq >= ? AND seq < ?", slot, actor, from, to);
      if (change.type === "said") {
        this.#put(slot, change.said);
        continue;
      }
      if (change.type === "unread")
        this.#run("INSERT OR IGNORE INTO unread (slot, actor, seq) VALUES (?, ?, ?)", slot, actor, from);
      this.#remove(slot, spanOf(change));
    }
  }

  /** Messages of a place go, and with the last of them its name. */
  #remove(slot: number, { actor, from, to, part }: Span): void {
    const place = this.#knownPlace(slot, actor);
    if (place === undefined) return;
    const rows = this.#all("SELECT id, part FROM message WHERE place = ? AND seq >= ? AND seq < ?", place, from, to);
    for (const row of rows) if (part === undefined || row["part"] === part) this.#delete(row["id"] as number);
    if (this.#get("SELECT 1 FROM message WHERE place = ? LIMIT 1", place) !== undefined) return;
    this.#run("DELETE FROM place WHERE id = ?", place);
    if (this.#places.get(slot)?.delete(actor) === true) this.#placesKept -= 1;
  }

  #put(slot: number, said: Said): void {
    const place = this.#placeId(slot, said.actor);
    const words = searchWords(said.text).map(({ word }) => word);
    const tags = [
      `p${place}`,
      `a${this.#authorId(said.author)}`,
      `t${said.thread}`,
      ...(said.link ? ["l"] : []),
      ...(said.file ? ["f"] : []),
      ...(said.reaction ? ["r"] : []),
      ...said.mentions.map((mentioned) => `m${this.#authorId(mentioned)}`),
    ].join(" ");
    const at = { place, seq: said.seq, part: 0, atMs: said.atMs };
    const before = this.#row(this.#messageId(place, said.seq))?.tags;
    // A reaction, a pin or an answer writes the whole message again.
    if (!this.#write(at, { said: words.join(" "), tags })) return;
    if (before !== undefined && tagsOfFile(before) === tagsOfFile(tags)) return;
    const parts = this.#all("SELECT id, part FROM message WHERE place = ? AND seq = ? AND part > 0", place, said.seq);
    for (const { id, part } of parts)
      this.#write({ ...at, part: part as number }, { said: this.#row(id)?.said ?? "", tags: tagsOfFile(tags) });
  }

  #messageId(place: number, seq: number): unknown {
    return this.#get("SELECT id FROM message WHERE place = ? AND seq = ? AND part = 0", place, seq)?.["id"];
  }

  /** The text of a file is found as its message is. Without one nobody could be told of it. */
  #file(slot: number, { actor, seq, place: file, text }: Extract<Change, { type: "filed" }>): void {
    if (text === "") return this.#remove(slot, { actor, from: seq, to: seq + 1, part: file + 1 });
    const place = this.#knownPlace(slot, actor);
    const message = place === undefined ? undefined : this.#messageId(place, seq);
    const tags = this.#row(message)?.tags;
    if (place === undefined || tags === undefined) return;
    const atMs = Math.floor((message as number) / idsPerMs);
    const said = searchWords(text).map(({ word }) => word);
    this.#write({ place, seq, part: file + 1, atMs }, { said: said.join(" "), tags: tagsOfFile(tags) });
  }

  #row(id: unknown): FoundRow | undefined {
    return id === undefined
      ? undefined
      : (this.#get("SELECT said, tags FROM found WHERE rowid = ?", id as number) as FoundRow | undefined);
  }

  /** False: it is there already. */
  #write(at: { place: number; seq: number; part: number; atMs: number }, row: FoundRow): boolean {
    const { place, seq, part } = at;
    const known = this.#get("SELECT id FROM message WHERE place = ? AND seq = ? AND part = ?", place, seq, part);
    if (known !== undefined) {
      const before = this.#row(known["id"]);
      if (before?.said === row.said && before.tags === row.tags) return false;
      this.#delete(known["id"] as number);
    }
    const id = (known?.["id"] as number | undefined) ?? this.#freeId(at);
    this.#run("INSERT INTO message (id, place, seq, part) VALUES (?, ?, ?, ?)", id, place, seq, part);
    this.#run("INSERT INTO found (rowid, said, tags) VALUES (?, ?, ?)", id, row.said, row.tags);
    return true;
  }

  /** An id of the time of the message. */
  #freeId({ atMs, place, seq }: { readonly atMs: number; readonly place: number; readonly seq: number }): number {
    const ms = Math.min(Math.max(0, Math.floor(atMs)), Math.floor(Number.MAX_SAFE_INTEGER / idsPerMs) - 1);
    const first = (place * 31 + seq) % idsPerMs;
    for (let at = 0; ; at += 1) {
      const id = (ms + Math.floor(at / idsPerMs)) * idsPerMs + ((first + at) % idsPerMs);
      if (this.#get("SELECT 1 FROM message WHERE id = ?", id) === undefined) return id;
    }
  }

  #delete(id: number): void {
    const row = this.#get("SELECT tags FROM found WHERE rowid = ?", id) as { readonly tags: string } | undefined;
    for (const [, author] of (row?.tags ?? "").matchAll(/\b[am](\d+)/g))
      this.#run("INSERT OR IGNORE INTO doubted (author) VALUES (?)", Number(author));
    this.#run("DELETE FROM found WHERE rowid = ?", id);
    this.#run("DELETE FROM message WHERE id = ?", id);
    this.#unclean = true;
  }

  #stand(slot: SlotId, { epoch, seq, checksum }: Position): void {
    this.#run("UPDATE slot SET epoch = ?, seq = ?, checksum = ? WHERE name = ?", epoch, seq, checksum, slot);
  }

  #placeId(slot: number, actor: ActorId): number {
    const known = this.#knownPlace(slot, actor);
    if (known !== undefined) return known;
    this.#run("INSERT INTO place (slot, actor) VALUES (?, ?)", slot, actor);
    return this.#knownPlace(slot, actor) as number;
  }

  /** Undefined: nothing was said there. */
  #knownPlace(slot: number, actor: ActorId): number | undefined {
    const known = this.#places.get(slot)?.get(actor);
    if (known !== undefined) return known;
    const row = this.#get("SELECT id FROM place WHERE slot = ? AND actor = ?", slot, actor);
    if (row === undefined) return undefined;
    if (this.#placesKept >= limits.namesKept) this.#forgetPlaces();
    const own = this.#places.get(slot) ?? new Map<ActorId, number>();
    this.#places.set(slot, own.set(actor, row["id"] as number));
    this.#placesKept += 1;
    return row["id"] as number;
  }

  #forgetPlaces(): void {
    this.#places.clear();
    this.#placesKept = 0;
  }

  #authorId(name: string): number {
    const known = this.#authors.get(name);
    if (known !== undefined) return known;
    this.#run("INSERT OR IGNORE INTO author (name) VALUES (?)", name);
    const id = this.#get("SELECT id FROM author WHERE name = ?", name)?.["id"] as number;
    remember(this.#authors, name, id);
    return id;
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  #placesOf(wanted: SlotPlaces): ReadonlyMap<number, ActorId> {
    const places = new Map<number, ActorId>();
    for (const [slot, actors] of wanted) {
      const row = this.#get("SELECT id FROM slot WHERE name = ?", slot);
      if (row === undefined) continue;
      // Of a person who is in many rooms these are most of what a search takes.
      for (const actor of actors) {
        const place = this.#knownPlace(row["id"] as number, actor);
        if (place !== undefined) places.set(place, actor);
      }
    }
    return places;
  }

  /** `narrowed`: the places are in it, however many these are. Undefined: nothing can be found. */
  #expression({ query, places, step, narrowed = false }: Looking & { narrowed?: boolean }): string | undefined {
    const { terms, typos, author, hasFile, thread } = query;
    const knows = (word: string): boolean => (step(), this.#knows(word));
    const tags: string[] = [];
    if (author !== undefined) tags.push(`a${this.#idOf(author)}`);
    if (thread !== undefined) tags.push(`t${thread}`);
    if (hasFile === true) tags.push("f");
    // Without words each message that fits is found by itself.
    const orFile = (tag: string): string => (terms.length === 0 ? tag : `(${tag} OR x)`);
    tags.push(...this.#changing(query).map(orFile));
    // What narrows most is in the index; of many places it costs less to look whether each hit is in one.
    const inIndex = narrowed || places.size <= this.#placesInIndex || (terms.length === 0 && tags.length === 0);
    const said = terms.length === 0 ? "" : textExpression(terms, typos === true, knows);
    if (said === undefined) return undefined;
    return [
      ...(said === "" ? [] : [`said : ${said}`]),
      ...tags.map((tag) => `tags : ${tag}`),
      ...(inIndex ? [`tags : (${[...places.keys()].map((place) => `p${place}`).join(" OR ")})`] : []),
    ].join(" AND ");
  }

  #idOf(author: string): number {
    return (this.#get("SELECT id FROM author WHERE name = ?", author)?.["id"] as number | undefined) ?? 0;
  }

  /** Tags of a query that the texts of files do not have. */
  #changing({ hasLink: link, hasReaction, mentions }: Query): readonly string[] {
    return [
      ...(mentions === undefined ? [] : [`m${this.#idOf(mentions)}`]),
      ...(link === true ? ["l"] : []),
      ...(hasReaction === true ? ["r"] : []),
    ];
  }

  /** Whether the message of a file's text has them. */
  #hasTags({ place, seq }: MessageRow, wanted: readonly string[]): boolean {
    const own = new Set(this.#row(this.#messageId(place, seq))?.tags.split(" "));
    return wanted.every((tag) => own.has(tag));
  }

  #knows(word: string): boolean {
    return this.#get("SELECT 1 FROM words WHERE term = ?", word) !== undefined;
  }

  /** With what the index has of each that it finds. */
  #newest(
    match: string,
    at: Looking & { readonly limit: number },
  ): Found & { readonly rows: readonly (readonly number[])[] } {
    const { query, places, limit, step } = at;
    const { afterMs = 0, beforeMs = Infinity, behind } = query;
    const lastMs = Math.min(beforeMs - 1, behind?.atMs ?? Infinity, Math.floor(Number.MAX_SAFE_INTEGER / idsPerMs) - 1);
    const isPartly = leavesSomeOut(query.terms);
    const changing = this.#changing(query);
    const lookedMax = isPartly ? limits.rankedMax : limits.lookedMax;
    const isFiltered = places.size > this.#placesInIndex && places.size <= this.#placesFiltered;
    const span = [match, lastMs * idsPerMs + idsPerMs - 1, afterMs * idsPerMs] as const;
    const rows = isFiltered
      ? this.#until(enough, filtered, ...span, JSON.stringify([...places.keys()]))
      : this.#prepared(`${newest} ${order}`).iterate(...span);
    /** A message is found once, however many of its files have the words. */
    const rowsOf = new Map<string, number[]>();
    const hits: (Hit & { readonly rows: readonly number[] })[] = [];
    let looked = 0;
    let end: Hit | undefined;
    /** False: that is enough. */
    const look = (id: number): boolean => {
      step();
      looked += 1;
      if (looked > lookedMax) end = { actor: "room/0", seq: 0, atMs: Math.floor(id / idsPerMs) + 1 };
      return end === undefined;
    };
    if (isFiltered) this.#look = look;
    for (const row of rows as Iterable<MessageRow>) {
      const atMs = Math.floor(row.id / idsPerMs);
      // Within one moment the order is another.
      if (hits.length > limit && atMs < (hits.at(-1)?.atMs ?? 0)) break;
      if (!isFiltered && !look(row.id)) break;
      const actor = places.get(row.place);
      const name = `${row.place} ${row.seq}`;
      if (row.part > 0 && changing.length > 0 && !this.#hasTags(row, changing)) continue;
      if (actor === undefined || (isPartly && this.#scoreOf(row.id, query) === 0)) continue;
      const known = rowsOf.get(name);
      if (known !== undefined) {
        known.push(row.id);
        continue;
      }
      const own = [row.id];
      rowsOf.set(name, own);
      const hit = { actor, seq: row.seq, atMs, rows: own };
      if (behind === undefined || inTimeOrder(hit, behind) > 0) hits.push(hit);
    }
    hits.sort(inTimeOrder);
    const shown = hits.slice(0, limit);
    const more = hits.length > limit || end !== undefined;
    return {
      hits: shown.map(({ actor, seq, atMs }) => ({ actor, seq, atMs })),
      rows: shown.map(({ rows: own }) => own),
      more,
      ...(end && hits.length <= limit && { end }),
    };
  }

  #scoreOf(id: number, { terms, typos }: Query): number {
    const { said } = this.#get("SELECT said FROM found WHERE rowid = ?", id) as { said: string };
    return searchScore(said.split(" "), terms, typos);
  }

  // --- SQLite --------------------------------------------------------------------------------------------------------

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }
  /** The rows of a statement that may end itself with an error: it is over then, and is not used again. */
  *#until(error: Error, sql: string, ...values: readonly (string | number)[]): Generator<unknown, void> {
    try {
      yield* this.#prepared(sql).iterate(...values);
    } catch (thrown) {
      this.#statements.delete(sql);
      if (thrown !== error) throw thrown;
    }
  }
  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#prepared(sql).run(...values);
  }
  #get(sql: string, ...values: (string | number)[]): Readonly<Record<string, unknown>> | undefined {
    return this.#prepared(sql).get(...values);
  }
  #all(sql: string, ...values: (string | number)[]): readonly Readonly<Record<string, unknown>>[] {
    return this.#prepared(sql).all(...values);
  }
  #within<Value>(work: () => Value): Value {
    this.commit();
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const value = work();
      this.#db.exec("COMMIT");
      return value;
    } catch (error) {
      this.#takeBack();
      throw error;
    }
  }
  #takeBack(): void {
    this.#applied = undefined;
    this.#forgetPlaces();
    this.#authors.clear();
    // Where there is no room, SQLite has done it.
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
  }
}

/** Of the tags of a message those that the texts of its files have, too. */
const tagsOfFile = (tags: string): string => [...tags.split(" ").filter((tag) => /^[patf]/.test(tag)), "x"].join(" ");

/** Thrown within a statement that has looked at enough. */
const enough = new Error("enough");

/** Which messages a change is about, or of one message what it says, or one of its files. */
function spanOf(change: Change): Span {
  if (change.type === "gone") return change;
  if (change.type === "left") return { actor: change.actor, from: 0, to: Number.MAX_SAFE_INTEGER };
  const { actor, seq } = change.type === "said" ? change.said : change;
  return { actor, from: seq, to: seq + 1, part: change.type === "filed" ? change.place + 1 : 0 };
}

/** Keeps the newest names. */
function remember(ids: Map<string, number>, key: string, id: number): void {
  if (ids.size >= limits.namesKept) ids.clear();
  ids.set(key, id);
}
