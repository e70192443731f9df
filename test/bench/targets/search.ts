/** Texts from a seed, in the index of a node or in FTS5 alone; and searches of them, the same for both. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { seal } from "../../../node/data-folder/seal.ts";
import { indexInThread } from "../../../node/search/index.ts";
import { searchTerms, searchWords, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { Dice } from "../../world/index.ts";
import { serve } from "./serve.ts";

const folder = mkdtempSync(join(tmpdir(), "plexus-bench-search-"));
const file = join(folder, "index");
const slot = "chat/1" as SlotId;
const rooms = 1_000;
const vocabulary = 50_000;
const atOnce = 2_000;
const searchesPerRound = 400;
/** What a person sees of a page. */
const limit = 20;

const syllables =
  "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re".split(" ");
/** Syllables of languages that are written otherwise. Han has no blanks between words: two signs are one here. */
const scripts = [
  syllables,
  "ба бе би бо бу да де ди до ду ка ке ки ко ку ла ле ли ло лу ма ме ми мо му на не ни но ну ра ре".split(" "),
  "bé bî bö bü çà dé dî dø dü ñà ké kî kö kü là lé lî ló lú má mé mí mó mú ná né ní nó nú ra ré".split(" "),
  "的 一 是 不 了 人 我 在 有 他 这 中 大 来 上 国 个 到 说 们 为 子 和 你 地 出 道 也 时 年 得".split(" "),
];
/** Words whose rank says how often they are: as in languages, the tenth is a tenth as often as the first. The script
 *  goes by the rank, so each has words of every frequency. */
function wordOf(rank: number, script = 0): string {
  const own = scripts[script] as readonly string[];
  let word = "";
  for (let rest = rank + own.length; rest > 0; rest = Math.floor(rest / own.length)) word += own[rest % own.length];
  return word;
}
/** Half of all texts are in the first script. */
const scriptOf = (dice: Dice): number => (dice.below(2) === 0 ? 0 : dice.below(scripts.length));
const drawRank = (dice: Dice): number => Math.floor(vocabulary ** dice.between(0, 1)) - 1;

function* textsOf(messages: number): Generator<{ readonly seq: number; readonly room: number; readonly text: string }> {
  const dice = new Dice(7);
  for (let seq = 1; seq <= messages; seq += 1) {
    const script = scriptOf(dice);
    const words = Array.from({ length: 3 + dice.below(15) }, () => wordOf(drawRank(dice), script));
    const text = words.join(script === scripts.length - 1 ? "" : " ");
    yield { seq, room: dice.below(rooms), text };
  }
}

interface Search {
  readonly text: string;
  /** Rooms of the person. */
  readonly rooms: readonly number[];
}

/** One word, two, three, a phrase or a beginning; in a room, in three, in thirty or in all. */
function* searchesOf(count: number): Generator<Search> {
  const dice = new Dice(11);
  let script = 0;
  const word = (from: number): string => wordOf(from + Math.floor(dice.between(0, from)), script);
  for (let at = 0; at < count; at += 1) {
    script = scriptOf(dice);
    const rank = dice.pick([3, 30, 300, 3_000, 20_000]);
    const text = dice.pick([
      () => word(rank),
      () => `${word(rank)} ${word(30)}`,
      () => `${word(30)} ${word(300)} ${word(3)}`,
      () => `"${word(3)} ${word(3)}"`,
      () => `${word(rank).slice(0, 5)}*`,
    ])();
    const own = dice.pick([1, 3, 30, rooms]);
    yield { text, rooms: Array.from({ length: own }, (_, one) => (own === rooms ? one : dice.below(rooms))) };
  }
}

const hostile = [
  "*",
  "a* b* c* d* e* f* g* h* i* k* l* m* n* o* p* r*",
  "ba* be* bi* bo* bu* da* de* di* do* du* ka* ke* ki* ko* ku* la*",
  Array.from({ length: 16 }, (_, rank) => wordOf(rank)).join(" "),
  `"${Array.from({ length: 40 }, () => wordOf(0)).join(" ")}"`,
  Array.from({ length: 16 }, () => `"${wordOf(0)} ${wordOf(1)}"`).join(" "),
];

const actorOf = (room: number): ActorId => `room/r${room}`;

async function timed(count: number, one: (at: number) => Promise<number> | number): Promise<Record<string, number>> {
  const times: number[] = [];
  let hits = 0;
  for (let at = 0; at < count; at += 1) {
    const sinceMs = performance.now();
    hits += await one(at);
    times.push(performance.now() - sinceMs);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(count - 1, Math.floor(share * count))] ?? NaN;
  if (hits === 0) throw new Error("nothing was found");
  return { p95Ms: at(0.95), medianMs: at(0.5), maxMs: at(1), hits };
}

/** Once for each process: the texts in their index. */
let built: Promise<void> | undefined;
const index = indexInThread({ file, hides: () => false, hasRoom: () => true });

async function build(messages: number): Promise<void> {
  await index.ask("begin", { slot });
  let rows: (readonly [ActorId, string, string, Uint8Array])[] = [];
  for (const { seq, room, text } of textsOf(messages)) {
    const stored = `side/record/${slot}/${actorOf(room)}/message/${seq}`;
    const message = { seq, author: `user/p${seq % 300}`, text, atMs: 1_700_000_000_000 + seq * 1_000 };
    rows.push([actorOf(room), `message/${seq}`, stored, seal(stored, message)]);
    if (rows.length < atOnce && seq < messages) continue;
    await index.ask("add", { slot, rows });
    rows = [];
  }
  await index.ask("settle", { slot, at: { epoch: 1, seq: messages, checksum: 0 } });
  await index.ask("clean", {});
}

const find = async (text: string, own: readonly number[]): Promise<number> => {
  const query = { terms: searchTerms(text), limit };
  return (await index.ask("find", { query, places: [[slot, own.map(actorOf)]] })).hits.length;
};

let raw: DatabaseSync | undefined;
function buildRaw(messages: number): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;");
  db.exec("CREATE VIRTUAL TABLE found USING fts5 (said); CREATE TABLE message (id INTEGER PRIMARY KEY, room INTEGER)");
  const insert = db.prepare("INSERT INTO found (rowid, said) VALUES (?, ?)");
  const place = db.prepare("INSERT INTO message (id, room) VALUES (?, ?)");
  db.exec("BEGIN");
  for (const { seq, room, text } of textsOf(messages)) {
    // FTS5 by itself finds nothing within a run of Han: it gets the words that ours finds.
    insert.run(seq, wordsOf(text).join(" "));
    place.run(seq, room);
    if (seq % atOnce === 0) db.exec("COMMIT; BEGIN");
  }
  db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  return db;
}

const wordsOf = (text: string): readonly string[] => searchWords(text).map(({ word }) => word);
/** As FTS5 takes it. */
const expressionOf = (text: string): string =>
  searchTerms(text)
    .map(({ words, prefix }) => `"${words.join(" ")}"${prefix === true ? " *" : ""}`)
    .join(" AND ");

const searches = [...searchesOf(searchesPerRound)];
const bytesEach = (messages: number): number =>
  [file, `${file}-wal`].reduce((sum, one) => sum + (statSync(one, { throwIfNoEntry: false })?.size ?? 0), 0) / messages;

serve({
  async find({ messages }: { readonly messages: number }) {
    await (built ??= build(messages));
    const figures = await timed(searches.length, (at) => {
      const { text, rooms: own } = searches[at] as Search;
      return find(text, own);
    });
    return { ...figures, bytes: bytesEach(messages) };
  },
  async findHostile({ messages }: { readonly messages: number }) {
    await (built ??= build(messages));
    const all = Array.from({ length: rooms }, (_, room) => room);
    return timed(2 * hostile.length, (at) => find(hostile[at >> 1] as string, at % 2 === 0 ? all : [1]));
  },
  async findRaw({ messages, inRooms }: { readonly messages: number; readonly inRooms?: boolean }) {
    const db = (raw ??= buildRaw(messages));
    const everywhere = db.prepare("SELECT rowid FROM found WHERE found MATCH ? ORDER BY rowid DESC LIMIT ?");
    const within = db.prepare(
      "SELECT found.rowid FROM found CROSS JOIN message ON message.id = found.rowid WHERE found MATCH ? " +
        "AND message.room IN (SELECT value FROM json_each(?)) ORDER BY found.rowid DESC LIMIT ?",
    );
    const figures = await timed(searches.length, (at) => {
      const { text, rooms: own } = searches[at] as Search;
      const match = expressionOf(text);
      if (inRooms !== true) return everywhere.all(match, limit).length;
      return within.all(match, JSON.stringify(own), limit).length;
    });
    return { ...figures, bytes: bytesEach(messages) };
  },
  async stop() {
    raw?.close();
    await index.close();
    rmSync(folder, { recursive: true, force: true });
  },
});
