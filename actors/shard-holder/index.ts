/** A shard-holder, `shard-holder/GROUP.INDEX`: which shards lie at the node that owns it, of which stripes, for whom and how long.
 *
 *      hold ─► held ──(last reference ends)──► free ──grace──► trash ──time──► gone
 *                ▲                              │                │
 *                └──────────────── hold ────────┴────────────────┘
 *
 *  The bytes are the business of that node (`node/shards`): it says what it has, and what it has not. The inventory grows, so it is
 *  records; a command on a stripe reads its record first and decides when that has come. The state has the stripes that changed last:
 *  a record that may be older than the state is read again. docs/decisions/0048-groups-of-holders.md has the invariants.
 *
 *  Read `state.ts`. */
import {
  holderAt,
  shardHolderCommands,
  shardsOf,
  wireLimits,
  type CommandOf,
  type HeldShard,
  type ShardLine,
  type ShardPage,
  type ShardReceipt,
  type ShardReference,
  type StripeRef,
} from "../../protocols/index.ts";
import { acceptsOf, refuseSource } from "../accepts.ts";
import { note, persist, refuse, reply, type ActorRecord, type Behavior, type Effect, type ReplyTo, type Signal, type Turn } from "../behavior.ts"; // prettier-ignore
import { actorLimits as limits } from "../limits.ts";
import {
  briefOf,
  dueRange,
  evolve,
  freeFrom,
  initial,
  isOld,
  lineOf,
  record,
  stripeKey,
  type HolderChange,
  type HolderState,
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

/** The behavior of shard-holders. */
export const shardHolder: Behavior<HolderState, Incoming, HolderChange, Notes, Note> = {
  kind: "shard-holder",
  role: "storage",
  accepts: acceptsOf(shardHolderCommands),
  initial: () => initial,
  decide,
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

const minuteMs = 60_000;

function decide(state: HolderState, message: Incoming | Signal, turn: HolderTurn): Effects {
  const refusal = refuseSource(shardHolderCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  switch (message.type) {
    case "hold":
      return holdFault(message, turn) ?? next(state, { command: message, left: [message.stripe.id], to: turn.replyTo });
    case "release":
      return next(state, { command: message, left: [message.stripe], to: turn.replyTo });
    case "describe":
      return next(state, { command: message, left: unique(message.stripes), found: [], to: turn.replyTo });
    case "lost":
      return next(state, {
        command: message,
        left: unique(message.shards.map(({ stripe }) => stripe)),
        to: turn.replyTo,
      });
    case "found":
      return next(state, { command: message, left: unique(message.stripes), to: turn.replyTo });
    case "list":
      return list(message, turn);
    case "report":
      return report(state, message, turn);
    case "collect":
      return collect(state, message, turn);
    case "sums": {
      const { held, lost, trash, at } = state;
      return [reply({ held, lost, trash, ...(at !== undefined && { at }) })];
    }
    case "records":
      return onRecords(state, message.tag as Tag, message.records, turn);
    case "answered":
    case "reminded":
    case "part":
      return [];
    default:
      return [refuse("BAD_REQUEST", { type: (message as { type: string }).type })];
  }
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

// --- commands on stripes, whose records are read one after the other ---------------------------------------------------

/** A command whose stripes are looked up: those that are left, the next one first. */
interface Walk {
  readonly command: Of<"hold" | "release" | "describe" | "lost" | "found">;
  readonly left: readonly string[];
  readonly found?: readonly HeldShard[];
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
  if (stripe === undefined)
    return [reply(walk.command.type === "describe" ? { shards: walk.found ?? [] } : {}, walk.to)];
  const tag: WalkTag = { type: "walk", walk, since: state.changes };
  return [{ type: "read", range: { from: stripeKey(stripe), to: `${stripeKey(stripe)}/`, limit: 1 }, tag }];
}

function onWalked(
  state: HolderState,
  { walk, since }: WalkTag,
  records: readonly ActorRecord[],
  turn: HolderTurn,
): Effects {
  const [stripe = "", ...left] = walk.left;
  if (isOld(state, since, stripe)) return next(state, walk);
  const held = records[0]?.value as HeldShard | undefined;
  const { command } = walk;
  switch (command.type) {
    case "hold":
      return hold(state, command, held, { ...turn, ...(walk.to && { replyTo: walk.to }) });
    case "release":
      return release(command, held, walk.to, turn);
    case "describe":
      return next(state, { ...walk, left, found: [...(walk.found ?? []), ...(held === undefined ? [] : [held])] });
    case "lost":
    case "found": {
      const after = held === undefined ? undefined : marked(command, held, turn.nowMs);
      if (held === undefined || after === undefined) return next(state, { ...walk, left });
      const change: HolderChange = { type: "changed", shards: [{ before: briefOf(held), after }] };
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

// --- holding and releasing ---------------------------------------------------------------------------------------------

/** The refusal of a shard that cannot be this holder's. */
function holdFault({ stripe, shard }: Of<"hold">, turn: HolderTurn): Effects | undefined {
  const here = holderAt(turn.self);
  const indexes = stripe.shards.map(({ index }) => index);
  const reason =
    here?.group !== stripe.group || indexes[shard] !== here.index
      ? "it is the shard of another holder"
      : indexes.length !== shardsOf(stripe.scheme).all || new Set(indexes).size !== indexes.length
        ? "its shards are not those of its scheme, each of another holder"
        : undefined;
  return reason === undefined ? undefined : [refuse("BAD_REQUEST", { stripe: stripe.id, reason })];
}

function hold(state: HolderState, command: Of<"hold">, held: HeldShard | undefined, turn: HolderTurn): Effects {
  const { stripe, shard, owner, expiresAtMs } = command;
  const { nowMs, replyTo } = turn;
  if (held === undefined) {
    const admitted = admit(state, command, turn);
    if ("refusal" in admitted) return admitted.refusal;
    const references = [{ owner, ...(expiresAtMs !== undefined && { expiresAtMs }) }];
    const after = withFree({ stripe, shard, heldSinceMs: nowMs, references }, nowMs);
    return [
      persist({ type: "changed", shards: [{ after }] }),
      note(admitted.note),
      reply(receipt(after, turn), replyTo),
    ];
  }
  if (held.shard !== shard || !sameStripe(held.stripe, stripe))
    return [refuse("ALREADY_DONE", { stripe: stripe.id, reason: "another shard of this stripe is held" }, replyTo)];
  const references = referred(held.references, { owner, ...(expiresAtMs !== undefined && { expiresAtMs }) }, nowMs);
  if (references.length > limits.shardOwnersMax)
    return [refuse("LIMIT_REACHED", { limit: "shardOwnersMax", stripe: stripe.id }, replyTo)];
  const { lost, trashedAtMs, ...rest } = held;
  const after = withFree({ ...rest, references }, nowMs);
  const isNews = lost !== undefined || trashedAtMs !== undefined || !sameReferences(held.references, references);
  const change: HolderChange = { type: "changed", shards: [{ before: briefOf(held), after }] };
  return [...(isNews ? [persist(change)] : []), reply(receipt(after, turn), replyTo)];
}

const receipt = ({ stripe, shard, heldSinceMs }: HeldShard, { self }: HolderTurn): ShardReceipt => ({
  holder: self,
  stripe: stripe.id,
  hash: stripe.shards[shard]?.hash ?? "",
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
  if (!terms.open) return refusal("FORBIDDEN", { reason: "the group takes no new stripes", group: stripe.group });
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
  { owner }: Of<"release">,
  held: HeldShard | undefined,
  to: ReplyTo | undefined,
  turn: HolderTurn,
): Effects {
  if (held === undefined) return [reply({ references: 0 }, to)];
  const references = held.references.filter((one) => one.owner !== owner);
  if (references.length === held.references.length) return [reply({ references: references.length }, to)];
  const after = withFree({ ...held, references }, turn.nowMs);
  return [
    persist({ type: "changed", shards: [{ before: briefOf(held), after }] }),
    reply({ references: references.length }, to),
  ];
}

/** The references with one more. Of two by one owner the one that ends later holds; those that are over go. */
function referred(before: readonly ShardReference[], more: ShardReference, nowMs: number): readonly ShardReference[] {
  const known = before.find(({ owner }) => owner === more.owner);
  const others = before.filter(({ owner, expiresAtMs }) => owner !== more.owner && !(expiresAtMs !== undefined && expiresAtMs <= nowMs)); // prettier-ignore
  const endMs = Math.max(more.expiresAtMs ?? Infinity, known === undefined ? 0 : (known.expiresAtMs ?? Infinity));
  return [...others, { owner: more.owner, ...(endMs !== Infinity && { expiresAtMs: endMs }) }];
}

function withFree({ freeFromMs: before = Infinity, ...held }: HeldShard, nowMs: number): HeldShard {
  const freeFromMs = freeFrom(held.references, Math.min(before, nowMs));
  return freeFromMs === undefined ? held : { ...held, freeFromMs };
}

/** Descriptors are equal when they say the same of every shard. */
function sameStripe(one: StripeRef, other: StripeRef): boolean {
  const text = ({ id, group, scheme, sizeBytes, shards }: StripeRef): string =>
    JSON.stringify([
      id,
      group,
      scheme.type === "copies" ? [scheme.copies] : [scheme.k, scheme.m],
      sizeBytes,
      shards.map(({ index, hash, sizeBytes: size }) => [index, hash, size]),
    ]);
  return text(one) === text(other);
}

const sameReferences = (one: readonly ShardReference[], other: readonly ShardReference[]): boolean =>
  one.length === other.length &&
  one.every((before) =>
    other.some(({ owner, expiresAtMs }) => owner === before.owner && expiresAtMs === before.expiresAtMs),
  );

// --- where the bytes are -----------------------------------------------------------------------------------------------

function report({ at }: HolderState, { node, missing }: Of<"report">, { nowMs }: HolderTurn): Effects {
  if (at?.node === node && at.missing === missing) return [reply({})];
  return [persist({ type: "reported", at: { node, missing, sinceMs: nowMs } }), reply({})];
}

// --- collection --------------------------------------------------------------------------------------------------------

interface CollectTag {
  readonly type: "free" | "trash";
  readonly command: Of<"collect">;
  readonly trashed: number;
  readonly more: boolean;
  readonly since: number;
  readonly to: ReplyTo | undefined;
}

function collect(state: HolderState, command: Of<"collect">, turn: HolderTurn): Effects {
  const tag: CollectTag = { type: "free", command, trashed: 0, more: false, since: state.changes, to: turn.replyTo };
  return [readDue(tag, turn.nowMs - command.graceMs)];
}

const readDue = (tag: CollectTag, untilMs: number): Effect<never, never> => ({
  type: "read",
  range: { ...dueRange(tag.type, untilMs), limit: limits.shardsCollected },
  tag,
});

/** What became due is taken, but what changed since it was read: somebody may refer to it again. */
function onDue(state: HolderState, tag: CollectTag, records: readonly ActorRecord[], { nowMs }: HolderTurn): Effects {
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
  if (tag.type === "trash") {
    return [...done, reply({ trashed: tag.trashed, gone: due.map(lineOf), more }, tag.to)];
  }
  const after = evolve(state, change);
  const rest: CollectTag = { ...tag, type: "trash", trashed: due.length, more, since: after.changes };
  return [...done, readDue(rest, nowMs - tag.command.trashMs)];
}

// --- pages -------------------------------------------------------------------------------------------------------------

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

type Tag = WalkTag | CollectTag | ListTag;

function onRecords(state: HolderState, tag: Tag, records: readonly ActorRecord[], turn: HolderTurn): Effects {
  switch (tag.type) {
    case "walk":
      return onWalked(state, tag, records, turn);
    case "free":
    case "trash":
      return onDue(state, tag, records, turn);
    case "list":
      return onListed(tag, records);
  }
}
