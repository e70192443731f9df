/** The files in quarantine, `quarantine/cluster`: a list for admins. Rooms put files on it and take them off, by mail
 *  that is sent until it is taken; whether anybody may fetch one is asked of its room alone.
 *
 *      room ── add, drop ──► a record for each, in the order of time ──► list */
import {
  quarantineCommands,
  wireLimits,
  type CommandOf,
  type QuarantinedFile,
  type QuarantinePage,
} from "../../protocols/index.ts";
import { persist, reply, type ActorRecord, type Behavior, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { messageCheckOf } from "../message-check.ts";
import { padded } from "../stream.ts";

interface QuarantineState {
  /** Files that nodes of the version before refused a place: only their rooms know of them. */
  readonly unlisted: number;
}

type QuarantineChange =
  | { readonly type: "added"; readonly file: QuarantinedFile }
  | { readonly type: "dropped"; readonly id: string; readonly sinceMs: number }
  /** Of nodes of the version before, whose list had an end. */
  | { readonly type: "refused" };

type Incoming = CommandOf<typeof quarantineCommands>;
type Effects = readonly Effect<QuarantineChange, never>[];
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

/** What is to be dropped, where it is known under which key. */
type Listed = Of<"drop"> & { readonly sinceMs: number };

interface Known {
  readonly type: "known";
  readonly command: Of<"add"> | Listed;
  /** By the place that is noted of it, which may be an older one. */
  readonly byPlace?: boolean;
  readonly to: ReplyTo | undefined;
}

type Tag =
  | { readonly type: "list"; readonly limit: number; readonly to: ReplyTo | undefined }
  | { readonly type: "place"; readonly id: string; readonly to: ReplyTo | undefined }
  | { readonly type: "find"; readonly id: string; readonly pages?: number; readonly to: ReplyTo | undefined }
  | Known;

const prefix = "file/";
const keyOf = ({ id, sinceMs }: Pick<QuarantinedFile, "id" | "sinceMs">): string => `${prefix}${padded(sinceMs)}/${id}`;

/** Where a file stands on the list, by its id. Those that a version before has put there have none. */
const placeOf = (id: string): string => `place/${id}`;

/** Looks first whether it is on the list: what rooms say is sent again where the answer was lost. */
const look = (command: Of<"add"> | Listed, to: ReplyTo | undefined, byPlace = false): Effects => {
  const key = keyOf(command.type === "add" ? command.file : command);
  const tag: Tag = { type: "known", command, ...(byPlace && { byPlace }), to };
  return [{ type: "read", range: { from: key, to: `${key}!`, limit: 1 }, tag }];
};

/** Pages that are looked through for a file that a version before has put there. One that is further back stays on the
 *  list: its room says what it is. */
const findPagesMax = 100;

/** Looks for a file by its id. */
const lookUp = (id: string, to: ReplyTo | undefined): Effects => [
  {
    type: "read",
    range: { from: placeOf(id), to: `${placeOf(id)}!`, limit: 1 },
    tag: { type: "place", id, to } satisfies Tag,
  },
];

/** Looks for a file page by page: the list is in the order of time. */
const find = (id: string, end: string, to: ReplyTo | undefined, pages = 1): Effects => {
  const tag: Tag = { type: "find", id, pages, to };
  return [{ type: "read", range: { from: prefix, to: end, limit: wireLimits.pageEntriesMax, reverse: true }, tag }];
};

function found({ id, pages = 1, to }: Extract<Tag, { type: "find" }>, rows: readonly ActorRecord[]): Effects {
  const file = rows.map(({ value }) => value as QuarantinedFile).find((row) => row.id === id);
  if (file !== undefined) return look({ type: "drop", id, sinceMs: file.sinceMs }, to);
  const isEnd = rows.length < wireLimits.pageEntriesMax || pages >= findPagesMax;
  const last = isEnd ? undefined : rows.at(-1);
  return last === undefined ? [reply({}, to)] : find(id, last.key, to, pages + 1);
}

const handlers: Handlers<QuarantineState, Incoming, Turn, Effects> = {
  add: (_state, command, { replyTo }) => look(command, replyTo),
  drop: (_state, { type, id, sinceMs }, { replyTo }) =>
    sinceMs === undefined ? lookUp(id, replyTo) : look({ type, id, sinceMs }, replyTo),
  list(_state, { after, limit = wireLimits.pageEntriesDefault }, turn) {
    const tag: Tag = { type: "list", limit, to: turn.replyTo };
    const to = after === undefined ? `${prefix}~` : `${prefix}${after}`;
    return [{ type: "read", range: { from: prefix, to, limit: limit + 1, reverse: true }, tag }];
  },
};

function settle({ command, byPlace = false, to }: Known, isKnown: boolean): Effects {
  if (command.type === "drop") {
    const { id, sinceMs } = command;
    // A node of a version before has taken it off and put it there anew: it knows of no places.
    if (!isKnown && byPlace) return [persist({ type: "dropped", id, sinceMs }), ...find(id, `${prefix}~`, to)];
    return isKnown ? [persist({ type: "dropped", id, sinceMs }), reply({}, to)] : [reply({}, to)];
  }
  if (isKnown) return [reply({}, to)];
  return [persist({ type: "added", file: command.file }), reply({}, to)];
}

function pageOf({ unlisted }: QuarantineState, read: readonly ActorRecord[], limit: number): QuarantinePage {
  const files = read.slice(0, limit).map(({ value }) => value as QuarantinedFile);
  const last = files.at(-1);
  const next = read.length > limit && last !== undefined ? keyOf(last).slice(prefix.length) : undefined;
  return { files, ...(next !== undefined && { next }), ...(unlisted > 0 && { unlisted }) };
}

/** The behavior of the list. */
export const quarantine: Behavior<QuarantineState, Incoming, QuarantineChange> = {
  kind: "quarantine",
  role: "manager",
  accepts: messageCheckOf(quarantineCommands),
  initial: () => ({ unlisted: 0 }),
  decide: decideBy(quarantineCommands, handlers, {
    records(state, { tag, records }) {
      const asked = tag as Tag;
      if (asked.type === "place") {
        const place = records[0]?.value as { readonly sinceMs: number } | undefined;
        const { id, to } = asked;
        return place === undefined
          ? find(id, `${prefix}~`, to)
          : look({ type: "drop", id, sinceMs: place.sinceMs }, to, true);
      }
      if (asked.type === "find") return found(asked, records);
      return asked.type === "list"
        ? [reply(pageOf(state, records, asked.limit), asked.to)]
        : settle(asked, records.length > 0);
    },
  }),
  evolve: (state, change) => (change.type === "refused" ? { ...state, unlisted: state.unlisted + 1 } : state),
  record(change) {
    if (change.type === "added") {
      const { id, sinceMs } = change.file;
      return [
        { put: keyOf(change.file), value: change.file },
        { put: placeOf(id), value: { sinceMs } },
      ];
    }
    return change.type === "dropped" ? [{ delete: keyOf(change) }, { delete: placeOf(change.id) }] : [];
  },
};
