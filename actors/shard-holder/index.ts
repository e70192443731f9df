/** A shard-holder, `shard-holder/GROUP.INDEX`: which shards lie at the node that owns it, of which stripes, for whom
 *  and how long.
 *
 *      hold ─► held ──(last reference ends)──► free ──grace──► trash ──time──► gone
 *                ▲                              │                │
 *                └──────────────── hold ────────┴────────────────┘
 *
 *  Each `hold` and `release` has the number of its operation, which rises: a release of a stripe is remembered with it
 *  for a while, so that an upload or a letter of an operation before that, which comes late, brings nothing back.
 *
 *  The bytes are the business of that node (`node/bulk/shards`): it says what it has, and what it has not. The
 *  inventory grows, so it is records; a command on a stripe reads its record first and decides when that has come. The
 *  state has the stripes that changed last: a record that may be older than the state is read again.
 *  docs/decisions/0048-groups-of-holders.md has the invariants.
 *
 *  Read `state.ts`. */
import {
  holderAt,
  sameStripe,
  shardHolderCommands,
  shardsOf,
  wireLimits,
  type ActorId,
  type Collected,
  type CommandOf,
  type HeldShard,
  type ReleasedShard,
  type ShardLine,
  type ShardPage,
  type ShardReceipt,
  type ShardReference,
  type ShardReleased,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import {
  note,
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Behavior,
  type Effect,
  type ReplyTo,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  briefOf,
  aheadRange,
  dueRange,
  evolve,
  freeFrom,
  initial,
  isOld,
  isOver,
  lineOf,
  record,
  stripeKey,
  stripeRange,
  type HolderChange,
  type HolderState,
  type Released,
} from "./state.ts";

type Incoming = CommandOf<typeof shardHolderCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;
/** What owners brought within a minute, by owner. In memory only: a holder that wakes elsewhere begins anew. */
type Notes = ReadonlyMap<string, Brought>;
interface Brought {
  readonly sinceMs: number;
  readonly bytes: number;
}
type Note = { readonly owner: string } & Brought;
type Effects = readonly Effect<HolderChange, Note>[];
type HolderTurn = Turn<Notes>;

const minuteMs = 60_000;

const handlers: Handlers<HolderState, Incoming, HolderTurn, Effects> = {
  hold: (state, message, turn) =>
    holdFault(message, turn) ?? next(state, { command: message, left: [message.stripe.id], to: turn.replyTo }),
  release: (state, message, turn) => next(state, { command: message, left: [message.stripe], to: turn.replyTo }),
  describe: (state, message, turn) =>
    next(state, {
      command: message,
      left: unique(message.stripes),
      found: [],
      released: [],
      to: turn.replyTo,
    }),
  lost: (state, message, turn) =>
    next(state, {
      command: message,
      left: unique(message.shards.map(({ stripe }) => stripe)),
      to: turn.replyTo,
    }),
  found: (state, message, turn) => next(state, { command: message, left: unique(message.stripes), to: turn.replyTo }),
  list: (_state, message, turn) => list(message, turn),
  report,
  collect,
  sums(state) {
    const { held, lost, trash, at, mended } = state;
    return [reply({ held, lost, trash, ...(at !== undefined && { at }), ...(mended !== undefined && { mended }) })];
  },
};

/** The behavior of shard-holders. */
export const shardHolder: Behavior<HolderState, Incoming, HolderChange, Notes, Note> = {
  kind: "shard-holder",
  role: "storage",
  accepts: messageCheckOf(shardHolderCommands),
  initial: () => initial,
  decide: decideBy(shardHolderCommands, handlers, {
    records: (state, { tag, records }, turn) => onRecords(state, tag as Tag, records, turn),
  }),
  evolve,
  record,
  notes: {
    initial: () => new Map(),
    evolve(notes, { owner, sinceMs, bytes }) {
      const others = [...notes].filter(([name, one]) => name !== owner && sinceMs - one.sinceMs < minuteMs);
      return new Map([...others.slice(1 - limits.shardOwnersCounted), [owner, { sinceMs, bytes }]]);
    },
  },
};

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

// --- commands on stripes, whose records are read one after the other -------------------------------------------------

/** A command whose stripes are looked up: those that are left, the next one first. */
interface Walk {
  readonly command: Of<"hold" | "release" | "describe" | "lost" | "found">;
  readonly left: readonly string[];
  readonly found?: readonly HeldShard[];
  readonly released?: readonly ReleasedShard[];
  readonly to: ReplyTo | undefined;
}

interface WalkTag {
  readonly type: "walk";
  readonly walk: Walk;
  readonly since: number;
}

/** Reads the next record, or answers. */
function next(state: HolderState, walk: Walk): Effects {
  const [stripe] = walk.left;
  if (stripe === undefined) {
    const { found: shards = [], released = [] } = walk;
    return [reply(walk.command.type === "describe" ? { shards, released } : {}, walk.to)];
  }
  const tag: WalkTag = { type: "walk", walk, since: state.changes };
  return [{ type: "read", range: stripeRange(stripe), tag }];
}

function onWalked(
  state: HolderState,
  { walk, since }: WalkTag,
  records: readonly ActorRecord[],
  turn: HolderTurn,
): Effects {
  const [stripe = "", ...left] = walk.left;
  if (isOld(state, since, stripe)) return next(state, walk);
  const held = records.find(({ key }) => key === stripeKey(stripe))?.value as HeldShard | undefined;
  const released = records.find(({ key }) => key !== stripeKey(stripe))?.value as Released | undefined;
  const { command } = walk;
  switch (command.type) {
    case "hold":
      return hold(state, command, { held, released }, { ...turn, ...(walk.to && { replyTo: walk.to }) });
    case "release":
      return release(command, { held, released }, walk.to, turn);
    case "describe": {
      const gone = (released?.owners ?? []).map(({ owner, operation }) => ({
        stripe,
        owner: owner as ActorId,
        operation,
      }));
      const found = [...(walk.found ?? []), ...(held === undefined ? [] : [held])];
      return next(state, { ...walk, left, found, released: [...(walk.released ?? []), ...gone] });
    }
    case "lost":
    case "found": {
      const after = held === undefined ? undefined : marked(command, held, turn.nowMs);
      if (held === undefined || after === undefined) return next(state, { ...walk, left });
      const mended = command.type === "found" && command.mended === true && { mendedAtMs: turn.nowMs };
      const change: HolderChange = { type: "changed", shards: [{ before: briefOf(held), after }], ...mended };
      return [persist(change), ...next(evolve(state, change), { ...walk, left })];
    }
  }
}

/** A shard that is marked as lost, or no longer. Undefined: there is nothing to change. */
function marked(command: Of<"lost" | "found">, held: HeldShard, nowMs: number): HeldShard | undefined {
  if (held.trashedAtMs !== undefined) return undefined;
  const { lost, ...rest } = held;
  if (command.type === "found") return lost === undefined ? undefined : rest;
  const why = command.shards.find(({ stripe }) => stripe === held.stripe.id)?.why;
  return why === undefined || why === lost?.why
    ? undefined
    : { ...rest, lost: { why, sinceMs: lost?.sinceMs ?? nowMs } };
}

// --- holding and releasing -------------------------------------------------------------------------------------------

/** The refusal of a shard that cannot be this holder's. */
function holdFault({ stripe, shard }: Of<"hold">, turn: HolderTurn): Effects | undefined {
  const here = holderAt(turn.self);
  const indexes = stripe.shards.map(({ index }) => index);
  const reason =
    here?.group !== stripe.group || indexes[shard] !== here.index
      ? "this shard belongs to another holder"
      : indexes.length !== shardsOf(stripe.scheme).all || new Set(indexes).size !== indexes.length
        ? "its shards are not those of its scheme, each of another holder"
        : undefined;
  return reason === undefined ? undefined : [refuse("BAD_REQUEST", { stripe: stripe.id, reason })];
}

/** What the records say of a stripe. */
interface Known {
  readonly held: HeldShard | undefined;
  readonly released: Released | undefined;
}

function hold(state: HolderState, command: Of<"hold">, { held, released }: Known, turn: HolderTurn): Effects {
  const { stripe, shard, owner, operation, lifeMs } = command;
  const { nowMs, replyTo } = turn;
  const gone = released?.owners.find((one) => one.owner === owner);
  if (gone !== undefined && gone.operation >= operation)
    return [refuse("RELEASED", { stripe: stripe.id, owner, operation: gone.operation }, replyTo)];
  const mine = { owner, operation, ...(lifeMs !== undefined && { expiresAtMs: nowMs + lifeMs, lifeMs }) };
  const isOther = held !== undefined && (held.shard !== shard || !sameStripe(held.stripe, stripe));
  // Two writers may lay the same bytes out in two ways. The one that somebody refers to stays.
  if (isOther && isReferred(held, nowMs)) {
    const reason = "other shards of this stripe are held";
    return [refuse("ALREADY_DONE", { stripe: stripe.id, reason, held: held.stripe }, replyTo)];
  }
  if (held === undefined || isOther) {
    const admitted = admit(state, command, turn);
    if ("refusal" in admitted) return admitted.refusal;
    const after = withFree({ stripe, shard, heldSinceMs: nowMs, references: [mine] }, nowMs);
    return [
      persist({ type: "changed", shards: [{ ...(held && { before: briefOf(held) }), after }] }),
      note(admitted.note),
      reply(receipt(after, owner, turn), replyTo),
    ];
  }
  const references = referred(held.references, mine, nowMs);
  if (references.length > limits.shardOwnersMax)
    return [refuse("LIMIT_REACHED", { limit: "shardOwnersMax", stripe: stripe.id }, replyTo)];
  const { lost, trashedAtMs, ...rest } = held;
  const after = withFree({ ...rest, references }, nowMs);
  const isNews = lost !== undefined || trashedAtMs !== undefined || !sameReferences(held.references, references);
  const mended = lost !== undefined && { mendedAtMs: nowMs };
  const change: HolderChange = { type: "changed", shards: [{ before: briefOf(held), after }], ...mended };
  return [...(isNews ? [persist(change)] : []), reply(receipt(after, owner, turn), replyTo)];
}

const isReferred = ({ trashedAtMs, references }: HeldShard, nowMs: number): boolean =>
  trashedAtMs === undefined && references.some((one) => !isOver(one, nowMs));

const receipt = ({ stripe, shard, heldSinceMs }: HeldShard, owner: ActorId, { self }: HolderTurn): ShardReceipt => ({
  holder: self,
  stripe: stripe.id,
  hash: stripe.shards[shard]?.hash ?? "",
  sizeBytes: stripe.shards[shard]?.sizeBytes ?? 0,
  owner,
  heldSinceMs,
});

/** Whether a new shard may be taken, and what its owner has brought then. */
function admit(
  { held, trash }: HolderState,
  { stripe, shard, owner, terms }: Of<"hold">,
  { nowMs, notes, replyTo }: HolderTurn,
): { readonly refusal: Effects } | { readonly note: Note } {
  const bytes = stripe.shards[shard]?.sizeBytes ?? 0;
  const refusal = (...of: Parameters<typeof refuse>) => ({ refusal: [refuse(of[0], of[1], replyTo)] });
  if (!terms.open)
    return refusal("FORBIDDEN", { reason: "this group of holders takes no new stripes", group: stripe.group });
  if (held.shards + trash.shards >= terms.shardsMax) return refusal("LIMIT_REACHED", { limit: "shardsMax" });
  if (held.bytes + trash.bytes + bytes > terms.bytesMax) return refusal("LIMIT_REACHED", { limit: "bytesMax" });
  const known = notes.get(owner);
  const brought = known !== undefined && nowMs - known.sinceMs < minuteMs ? known : { sinceMs: nowMs, bytes: 0 };
  // One shard is always taken in a minute, however large.
  if (brought.bytes > 0 && brought.bytes + bytes > terms.ownerBytesPerMinute)
    return refusal("RATE_LIMITED", { owner, retryAfterMs: brought.sinceMs + minuteMs - nowMs });
  return { note: { owner, sinceMs: brought.sinceMs, bytes: brought.bytes + bytes } };
}

function release(
  { stripe, owner, operation }: Of<"release">,
  { held, released }: Known,
  to: ReplyTo | undefined,
  { nowMs }: HolderTurn,
): Effects {
  const mine = held?.references.find((one) => one.owner === owner);
  const references = (held?.references ?? []).filter((one) => one.owner !== owner);
  const answer: ShardReleased = { references: references.length };
  // What was begun after it stays, if it was: only who lets go knows, and says it again then.
  if (mine !== undefined && mine.operation > operation)
    return [reply({ references: answer.references + 1, newer: mine.operation } satisfies ShardReleased, to)];
  const known = released?.owners.find((one) => one.owner === owner);
  const isKnown = known !== undefined && known.operation >= operation;
  const others = (released?.owners ?? []).filter((one) => one.owner !== owner).slice(1 - limits.shardReleasesMax);
  const remembered: Released = { stripe, owners: [...others, { owner, operation, atMs: nowMs }] };
  const done: HolderChange[] = [];
  if (held !== undefined && mine !== undefined) {
    const after = withFree({ ...held, references }, nowMs);
    done.push({ type: "changed", shards: [{ before: briefOf(held), after }] });
  }
  if (!isKnown)
    done.push({ type: "released", stripes: [{ ...(released && { before: released }), after: remembered }] });
  return [...done.map((change) => persist(change)), reply(answer, to)];
}

/** The references with one more. Of two by one owner the one that ends later holds; those that are over go. */
function referred(before: readonly ShardReference[], more: ShardReference, nowMs: number): readonly ShardReference[] {
  const known = before.find(({ owner }) => owner === more.owner);
  const others = before.filter((one) => one.owner !== more.owner && !isOver(one, nowMs));
  const last = known === undefined || isOver(known, nowMs) || endOf(more) >= endOf(known) ? more : known;
  return [...others, { ...last, operation: Math.max(more.operation, known?.operation ?? 0) }];
}

const endOf = ({ expiresAtMs = Infinity }: ShardReference): number => expiresAtMs;

function withFree({ freeFromMs: before = Infinity, ...held }: HeldShard, nowMs: number): HeldShard {
  const freeFromMs = freeFrom(held.references, Math.min(before, nowMs));
  return freeFromMs === undefined ? held : { ...held, freeFromMs };
}

const sameReferences = (one: readonly ShardReference[], other: readonly ShardReference[]): boolean =>
  one.length === other.length &&
  one.every((before) =>
    other.some(
      ({ owner, operation, expiresAtMs }) =>
        owner === before.owner && operation === before.operation && expiresAtMs === before.expiresAtMs,
    ),
  );

// --- where the bytes are ---------------------------------------------------------------------------------------------

function report({ at }: HolderState, { node, missing }: Of<"report">, { nowMs }: HolderTurn): Effects {
  if (at?.node === node && at.missing === missing) return [reply({})];
  return [persist({ type: "reported", at: { node, missing, sinceMs: nowMs } }), reply({})];
}

// --- collection ------------------------------------------------------------------------------------------------------

/** What lies further ahead than it may is looked at first, one sort of records after the other. */
interface AheadTag {
  readonly type: "ahead";
  readonly sort: "free" | "trash" | "released";
  readonly command: Of<"collect">;
  readonly more: boolean;
  readonly since: number;
  readonly to: ReplyTo | undefined;
}

interface CollectTag {
  readonly type: "free" | "trash" | "released";
  readonly command: Of<"collect">;
  readonly trashed: number;
  readonly gone: readonly ShardLine[];
  readonly more: boolean;
  readonly since: number;
  readonly to: ReplyTo | undefined;
}

function collect(state: HolderState, command: Of<"collect">, turn: HolderTurn): Effects {
  return [
    readAhead({ type: "ahead", sort: "free", command, more: false, since: state.changes, to: turn.replyTo }, turn),
  ];
}

const readAhead = (tag: AheadTag, { nowMs }: HolderTurn, before?: string): Effect<never, never> => ({
  type: "read",
  range: { ...aheadRange(tag.sort, nowMs, before), limit: limits.shardsCollected },
  tag,
});

/** What a clock that was ahead has put off is dated now. Then what is due. */
function onAhead(state: HolderState, tag: AheadTag, records: readonly ActorRecord[], turn: HolderTurn): Effects {
  const isFull = records.length === limits.shardsCollected;
  const change = broughtForward(state, tag, records, turn);
  const isChanged = ("shards" in change ? change.shards : change.stripes).length > 0;
  // What is kept so long by right is passed over.
  if (isFull && !isChanged) return [readAhead(tag, turn, records.at(-1)?.key)];
  const after = isChanged ? evolve(state, change) : state;
  const rest = { ...tag, more: tag.more || isFull, since: after.changes };
  const next = { free: "trash", trash: "released", released: undefined } as const;
  const sort = next[tag.sort];
  const { command, more, since, to } = rest;
  const effect =
    sort !== undefined
      ? readAhead({ ...rest, sort }, turn)
      : readDue({ type: "free", command, trashed: 0, gone: [], more, since, to }, turn.nowMs - command.graceMs);
  return isChanged ? [persist(change), effect] : [effect];
}

type Forward = Extract<HolderChange, { type: "changed" | "released" }>;

function broughtForward(
  state: HolderState,
  { sort, since }: AheadTag,
  records: readonly ActorRecord[],
  { nowMs }: HolderTurn,
): Forward {
  if (sort === "released") {
    const stripes = records
      .map(({ value }) => value as Released)
      .filter(({ stripe }) => !isOld(state, since, stripe))
      .map((before) => {
        const owners = before.owners.map((one) => ({ ...one, atMs: Math.min(one.atMs, nowMs) }));
        return { before, after: { ...before, owners } };
      });
    return { type: "released", stripes };
  }
  const shards = records
    .map(({ value }) => value as HeldShard)
    .filter(({ stripe }) => !isOld(state, since, stripe.id))
    .flatMap((held) => {
      if (sort === "trash") return [{ before: briefOf(held), after: { ...held, trashedAtMs: nowMs } }];
      const references = held.references.filter((one) => !isOver(one, nowMs));
      const after = withFree({ ...held, references }, nowMs);
      return after.freeFromMs === held.freeFromMs ? [] : [{ before: briefOf(held), after }];
    });
  return { type: "changed", shards };
}

const readDue = (tag: CollectTag, untilMs: number): Effect<never, never> => ({
  type: "read",
  range: { ...dueRange(tag.type, untilMs), limit: limits.shardsCollected },
  tag,
});

/** What became due is taken, but what changed since it was read: somebody may refer to it again. */
function onDue(state: HolderState, tag: CollectTag, records: readonly ActorRecord[], turn: HolderTurn): Effects {
  if (tag.type === "released") return forget(state, tag, records, turn);
  const { nowMs } = turn;
  const due = records
    .map(({ value }) => value as HeldShard)
    .filter(({ stripe }) => !isOld(state, tag.since, stripe.id));
  const more = tag.more || records.length === limits.shardsCollected;
  const shards = due.map((held) => ({
    before: briefOf(held),
    ...(tag.type === "free" && { after: { ...held, trashedAtMs: nowMs } }),
  }));
  const change: HolderChange = { type: "changed", shards };
  const done = shards.length > 0 ? [persist(change)] : [];
  const after = evolve(state, change);
  const { trashMs, rememberMs } = tag.command;
  if (tag.type === "trash") {
    const rest: CollectTag = { ...tag, type: "released", gone: due.map(lineOf), more, since: after.changes };
    // Of too many the first are forgotten early.
    return [...done, readDue(rest, after.released > limits.shardsReleasedMax ? nowMs : nowMs - rememberMs)];
  }
  const rest: CollectTag = { ...tag, type: "trash", trashed: due.length, more, since: after.changes };
  return [...done, readDue(rest, nowMs - trashMs)];
}

/** Owners that released a stripe long ago are remembered no longer: nothing that was begun before is still on its
 *  way. */
function forget(state: HolderState, tag: CollectTag, records: readonly ActorRecord[], { nowMs }: HolderTurn): Effects {
  const isFull = state.released > limits.shardsReleasedMax;
  const isDue = ({ atMs }: Released["owners"][number]): boolean => isFull || atMs <= nowMs - tag.command.rememberMs;
  const stripes = records
    .map(({ value }) => value as Released)
    .filter(({ stripe }) => !isOld(state, tag.since, stripe))
    .map((before) => {
      const owners = before.owners.filter((one) => !isDue(one));
      return { before, ...(owners.length > 0 && { after: { ...before, owners } }) };
    });
  const more = tag.more || records.length === limits.shardsCollected;
  const answer = reply({ trashed: tag.trashed, gone: tag.gone, more } satisfies Collected, tag.to);
  const change: HolderChange = { type: "released", stripes };
  return stripes.length > 0 ? [persist(change), answer] : [answer];
}

// --- pages -----------------------------------------------------------------------------------------------------------

interface ListTag {
  readonly type: "list";
  readonly prefix: string;
  readonly limit: number;
  /** Those in the trash, too. */
  readonly all: boolean;
  readonly to: ReplyTo | undefined;
}

function list({ only, hash, after, limit = wireLimits.shardsPageMax }: Of<"list">, turn: HolderTurn): Effects {
  const prefix = hash === undefined ? `${only ?? "hash"}/` : `hash/${hash}/`;
  const tag: ListTag = { type: "list", prefix, limit, all: only === "trash" || hash !== undefined, to: turn.replyTo };
  const from = after === undefined ? prefix : `${prefix}${after}!`;
  return [{ type: "read", range: { from, to: `${prefix.slice(0, -1)}0`, limit: limit + 1 }, tag }];
}

function onListed({ prefix, limit, all, to }: ListTag, records: readonly ActorRecord[]): Effects {
  const page = records.slice(0, limit);
  const lines = page.map(({ value }) => (isWhole(value) ? lineOf(value) : (value as ShardLine)));
  const shards = lines.filter(({ trashedAtMs }) => all || trashedAtMs === undefined);
  const last = records.length > page.length ? page.at(-1)?.key.slice(prefix.length) : undefined;
  const answer: ShardPage = { shards, ...(last !== undefined && { next: last }) };
  return [reply(answer, to)];
}

const isWhole = (value: unknown): value is HeldShard => typeof (value as HeldShard | ShardLine).stripe === "object";

type Tag = WalkTag | AheadTag | CollectTag | ListTag;

function onRecords(state: HolderState, tag: Tag, records: readonly ActorRecord[], turn: HolderTurn): Effects {
  switch (tag.type) {
    case "walk":
      return onWalked(state, tag, records, turn);
    case "ahead":
      return onAhead(state, tag, records, turn);
    case "free":
    case "trash":
    case "released":
      return onDue(state, tag, records, turn);
    case "list":
      return onListed(tag, records);
  }
}
