/** A catalog: a list that can be searched. `catalog/rooms` has the public rooms, `catalog/users` the people.
 *
 *  Each row belongs to the actor it describes, and only that actor writes it. Rows are records, so a catalog may hold
 *  any number of them; a search reads them page by page, other messages take their turns in between. */
import {
  catalogCommands,
  unreachable,
  type CommandOf,
  type CatalogPage,
  type CatalogRow,
  folded,
  sought,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import {
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Behavior,
  type Effect,
  type RecordOp,
  type ReplyTo,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";

/** Nothing but a count: the rows are records. */
interface CatalogState {
  readonly changes: number;
}

/** What is persisted. */
type CatalogChange = Readonly<{ type: "put"; row: CatalogRow } | { type: "removed"; key: string }>;

type Incoming = CommandOf<typeof catalogCommands>;
type Effects = readonly Effect<CatalogChange, never>[];

const rowKey = (key: string): string => `row/${key}`;
/** Sorts after every row: keys use no character as high as "~". */
const rowsEnd = "row/~";

function record(change: CatalogChange): readonly RecordOp[] {
  switch (change.type) {
    case "put":
      return [{ put: rowKey(change.row.key), value: change.row }];
    case "removed":
      return [{ delete: rowKey(change.key) }];
    default:
      return unreachable(change);
  }
}

const handlers: Handlers<CatalogState, Incoming, Turn, Effects> = {
  put(_state, message, turn) {
    if (!ownsRow(message.key, turn)) return [refuse("FORBIDDEN")];
    const { key, title, detail, atMs, avatar } = message;
    const row = { key, title, detail, atMs, ...(avatar !== undefined && { avatar }) };
    return [persist({ type: "put", row }), reply({})];
  },
  remove(_state, message, turn) {
    if (!ownsRow(message.key, turn)) return [refuse("FORBIDDEN")];
    return [persist({ type: "removed", key: message.key }), reply({})];
  },
  find(_state, message, turn) {
    const text = sought(message.text ?? "");
    const limit = message.limit ?? limits.catalogPageDefault;
    return [scan({ text, limit, found: [], scanned: 0, to: turn.replyTo }, message.after)];
  },
};

/** The behavior of catalogs. */
export const catalog: Behavior<CatalogState, Incoming, CatalogChange> = {
  kind: "catalog",
  role: "chat",
  accepts: messageCheckOf(catalogCommands),
  initial: () => ({ changes: 0 }),
  decide: decideBy(catalogCommands, handlers, {
    records: (_state, { tag, records }) => onRows(tag as Search, records),
  }),
  evolve: (state) => ({ changes: state.changes + 1 }),
  record,
};

/** Which kind of actor a catalog lists. */
const listed: Readonly<Record<string, string>> = { rooms: "room", users: "user" };

const ownsRow = (key: string, turn: Turn): boolean =>
  Object.hasOwn(listed, turn.key) && turn.from === `${listed[turn.key]}/${key}`;

/** A search under way: the tag of its reads. */
interface Search {
  readonly text: string;
  readonly limit: number;
  readonly found: readonly CatalogRow[];
  readonly scanned: number;
  readonly to: ReplyTo | undefined;
}

function scan(search: Search, after: string | undefined): Effect<never, never> {
  // "!" is the first character after the key itself, lower than any that continues a key.
  const from = after === undefined ? "row/" : `${rowKey(after)}!`;
  // Without a text every row fits: no more than the page is read.
  const wanted = search.text === "" ? search.limit + 1 - search.found.length : limits.catalogScanRows;
  return { type: "read", range: { from, to: rowsEnd, limit: wanted }, tag: search };
}

function onRows(search: Search, records: readonly ActorRecord[]): Effects {
  const rows = records.map(({ value }) => value as CatalogRow);
  const found = [...search.found, ...rows.filter((row) => fitsText(row, search.text))];
  const scanned = search.scanned + rows.length;
  const page = found.slice(0, search.limit);
  const last = rows.at(-1);
  const atEnd = rows.length < (search.text === "" ? search.limit + 1 - search.found.length : limits.catalogScanRows);
  if (found.length > search.limit) return [answer(page, page.at(-1)?.key, search)];
  if (atEnd || last === undefined) return [answer(page, undefined, search)];
  if (scanned >= limits.catalogScanRowsMax) return [answer(page, last.key, search)];
  return [scan({ ...search, found, scanned }, last.key)];
}

function answer(rows: readonly CatalogRow[], next: string | undefined, search: Search): Effect<never, never> {
  const page: CatalogPage = { rows, more: next !== undefined, ...(next !== undefined && { next }) };
  return reply(page, search.to);
}

const fitsText = (row: CatalogRow, text: string): boolean =>
  text === "" || folded(row.key).includes(text) || folded(row.title).includes(text);
