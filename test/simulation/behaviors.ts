import type { ActorId, Failure, GenerationAnswer } from "../../protocols/index.ts";
import {
  persist,
  publish,
  refuse,
  reply,
  type AnyBehavior,
  type Behavior,
  type CallEffect,
  type Effect,
  type Message,
  type ReplyTo,
  type Signal,
} from "../../actors/behavior.ts";

/** Kinds made to expose a kernel or journal that breaks a promise. What matters is written as a **token**, a word that
 *  occurs once in the whole simulation, so that a checker can recognise it in a reply, an event, a message or the bytes
 *  on disk. */

/** How these kinds report what they see to the checkers. Their decisions do not depend on it. */
export interface Probe {
  /** A message arrived that its sender sent after persisting `token`. */
  caused(token: string): void;
  rang(alarm: ActorId, id: string, dueMs: number, nowMs: number): void;
  /** A writer is about to persist that a text ended. */
  ended(id: string): void;
  broken(checker: string, detail: string): void;
}

const padded = (position: number): string => String(position).padStart(8, "0");

const mix = (chain: number, text: string): number => {
  let hash = chain ^ 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
};

/** The chain of a ledger that holds these tokens in this order: equal chains mean equal histories. */
export const chainOf = (tokens: readonly string[]): number => tokens.reduce(mix, 0);

// --- ledger: an ordered list; the oracle for durability, order, dedup and streams ------------------------------------

interface LedgerState {
  readonly count: number;
  readonly chain: number;
  readonly floor: number;
  readonly recent: readonly (readonly [position: number, token: string])[];
}

type LedgerEvent =
  | { readonly type: "appended"; readonly position: number; readonly token: string }
  | { readonly type: "forgotten"; readonly through: number };

type LedgerMessage =
  | { readonly type: "append"; readonly tokens: readonly string[] }
  | { readonly type: "head" }
  | { readonly type: "page"; readonly after: number; readonly limit: number; readonly back: boolean }
  | { readonly type: "resume"; readonly after: number }
  | { readonly type: "forget"; readonly through: number }
  | { readonly type: "caused"; readonly token: string }
  /** What nodes tell of the calls that they count (node/inference/usage): this is not their ledger. */
  | { readonly type: "settle" }
  | { readonly type: "wave" }
  | { readonly type: "decline" }
  | { readonly type: "leave" }
  | { readonly type: "poison" };

/** Answers of the ledger. */
export interface LedgerHead {
  readonly count: number;
  readonly chain: number;
  readonly floor: number;
  readonly last: string | undefined;
}
export interface LedgerPage {
  readonly rows: readonly (readonly [position: number, token: string])[];
}
export interface LedgerResumed {
  readonly head: number;
  readonly events: readonly (readonly [position: number, token: string])[] | undefined;
}

/** Events a ledger keeps for those who resume: few, so that falling behind happens. */
const recentMax = 12;

function ledger(probe: Probe): Behavior<LedgerState, LedgerMessage, LedgerEvent, number, number> {
  return {
    kind: "ledger",
    role: "chat",
    initial: () => ({ count: 0, chain: 0, floor: 0, recent: [] }),
    notes: { initial: () => 0, evolve: (waves, more) => waves + more },
    decide(state, message, turn): readonly Effect<LedgerEvent, number>[] {
      switch (message.type) {
        case "append": {
          const events = message.tokens.map((token, index) => ({ position: state.count + 1 + index, token }));
          return [
            ...events.map((event) => persist({ type: "appended" as const, ...event })),
            reply({ first: state.count + 1, last: state.count + events.length }),
            ...events.map((event) => publish(event, event.position)),
          ];
        }
        case "head":
          return [
            reply({
              count: state.count,
              chain: state.chain,
              floor: state.floor,
              last: state.recent.at(-1)?.[1],
            } satisfies LedgerHead),
          ];
        case "page": {
          const from = padded(message.back ? 0 : message.after + 1);
          const to = message.back ? padded(message.after) : "9";
          const range = { from, to, limit: message.limit, reverse: message.back };
          return [{ type: "read", range, tag: turn.replyTo }];
        }
        case "records": {
          const rows = message.records.map((record) => [Number(record.key), record.value as string] as const);
          return [reply({ rows } satisfies LedgerPage, message.tag as ReplyTo)];
        }
        case "resume": {
          const oldest = state.recent[0]?.[0] ?? state.count + 1;
          const events = message.after + 1 < oldest ? undefined : state.recent.filter(([at]) => at > message.after);
          return [reply({ head: state.count, events } satisfies LedgerResumed)];
        }
        case "forget":
          return message.through <= state.floor || message.through > state.count
            ? [refuse("ALREADY_DONE")]
            : [persist({ type: "forgotten", through: message.through }), reply({ floor: message.through })];
        case "caused":
          probe.caused(message.token);
          return [];
        case "settle":
          return [reply({ leases: [] })];
        case "wave":
          return [{ type: "note", note: 1 }, publish({ waves: turn.notes }), reply({})];
        case "decline":
          return [refuse("ALREADY_DONE")];
        case "leave":
          return [reply({}), { type: "stop" }];
        case "poison":
          throw new Error("poison");
        case "answered":
        case "part":
        case "waits":
        case "reminded":
          return [];
      }
    },
    evolve(state, event) {
      if (event.type === "forgotten") return { ...state, floor: event.through };
      if (event.position !== state.count + 1) {
        probe.broken("replay-is-gapless", `a ledger at ${state.count} was given the event ${event.position}`);
      }
      return {
        ...state,
        count: event.position,
        chain: mix(state.chain, event.token),
        recent: [...state.recent.slice(-recentMax + 1), [event.position, event.token] as const],
      };
    },
    record: (event) =>
      event.type === "appended"
        ? [{ put: padded(event.position), value: event.token }]
        : [{ deleteFrom: padded(0), deleteTo: padded(event.through + 1) }],
  };
}

// --- relay: asks and tells others ------------------------------------------------------------------------------------

type RelayMessage =
  | { readonly type: "forward"; readonly token: string; readonly to: ActorId; readonly timeoutMs: number }
  | { readonly type: "announce"; readonly token: string; readonly to: ActorId }
  | { readonly type: "chain"; readonly path: readonly ActorId[]; readonly timeoutMs: number };

type RelayEvent = { readonly type: "done"; readonly what: string };

type RelayTag = { readonly replyTo: ReplyTo; readonly token?: string };

function relay(): Behavior<number, RelayMessage, RelayEvent> {
  const answer = (tag: RelayTag, result: { ok: boolean; value?: unknown; error?: Failure }): Effect<never, never> =>
    result.error === undefined
      ? reply(result.value, tag.replyTo)
      : refuse(result.error.code, { because: result.error.details?.["because"], relayed: true }, tag.replyTo);
  return {
    kind: "relay",
    role: "chat",
    initial: () => 0,
    decide(_state, message: RelayMessage | Signal, turn): readonly Effect<RelayEvent, never>[] {
      switch (message.type) {
        case "forward": {
          const { token, to, timeoutMs } = message;
          const tag = { replyTo: turn.replyTo, token };
          const append: Message = { type: "append", tokens: [token] };
          return [{ type: "ask", to, message: append, tag, timeoutMs, operationId: token }];
        }
        case "announce":
          return [
            persist({ type: "done", what: message.token }),
            { type: "tell", to: message.to, message: { type: "caused", token: message.token } },
            reply({}),
          ];
        case "chain": {
          const [next, ...path] = message.path;
          if (next === undefined) return [reply({ end: true })];
          const { timeoutMs } = message;
          const tag = { replyTo: turn.replyTo };
          return [{ type: "ask", to: next, message: { type: "chain", path, timeoutMs }, tag, timeoutMs }];
        }
        case "answered": {
          const tag = message.tag as RelayTag;
          const kept = tag.token !== undefined && message.result.ok ? [persist({ type: "done", what: "relayed" })] : [];
          return [...(kept as Effect<RelayEvent, never>[]), answer(tag, message.result)];
        }
        case "records":
        case "part":
        case "waits":
        case "reminded":
          return [];
      }
    },
    evolve: (state) => state + 1,
  };
}

// --- alarm: reminders ------------------------------------------------------------------------------------------------

/** `delayMs`: as far ahead as it may be. */
interface Armed {
  readonly dueMs: number;
  readonly delayMs: number;
  readonly ringsLeft: number;
}

interface AlarmState {
  readonly armed: Readonly<Record<string, Armed>>;
  readonly rung: readonly string[];
}

type AlarmMessage =
  | { readonly type: "set"; readonly id: string; readonly delayMs: number; readonly rings: number }
  | { readonly type: "unset"; readonly id: string }
  | { readonly type: "list" };

type AlarmEvent =
  | {
      readonly type: "armed";
      readonly id: string;
      readonly dueMs: number;
      readonly delayMs: number;
      readonly rings: number;
    }
  | { readonly type: "rang" | "unarmed"; readonly id: string };

/** Answer to `list`. */
export interface AlarmList {
  readonly armed: readonly string[];
  readonly rung: readonly string[];
}

function alarm(probe: Probe): Behavior<AlarmState, AlarmMessage, AlarmEvent> {
  return {
    kind: "alarm",
    role: "chat",
    initial: () => ({ armed: {}, rung: [] }),
    decide(state, message: AlarmMessage | Signal, turn): readonly Effect<AlarmEvent, never>[] {
      switch (message.type) {
        case "set": {
          const { id, rings } = message;
          const { delayMs } = message;
          const dueMs = turn.nowMs + delayMs;
          return [
            persist({ type: "armed", id, dueMs, delayMs, rings }),
            { type: "remind", id, dueMs },
            reply({ dueMs }),
          ];
        }
        case "unset":
          return state.armed[message.id] === undefined
            ? [refuse("NOT_FOUND")]
            : [persist({ type: "unarmed", id: message.id }), { type: "forget", id: message.id }, reply({})];
        case "list":
          return [reply({ armed: Object.keys(state.armed), rung: state.rung } satisfies AlarmList)];
        case "reminded": {
          const armed = state.armed[message.id];
          if (armed === undefined) return [{ type: "forget", id: message.id }];
          // It rings in between, in case that a clock was ahead when it was set: only then it is due now.
          const leftMs = armed.dueMs - turn.nowMs;
          if (leftMs > 0 && leftMs <= armed.delayMs) return [];
          probe.rang(turn.self, message.id, armed.dueMs, turn.nowMs);
          // It comes again until it is forgotten; some are forgotten only after several rings.
          const rang = persist({ type: "rang" as const, id: message.id });
          if (armed.ringsLeft <= 1) return [rang, { type: "forget", id: message.id }];
          // Its next ring is reckoned from now, not by the clock that was ahead.
          return leftMs > 0 ? [rang, { type: "remind", id: message.id, dueMs: turn.nowMs }] : [rang];
        }
        case "answered":
        case "records":
        case "part":
        case "waits":
          return [];
      }
    },
    evolve(state, event) {
      if (event.type === "armed") {
        const armed = {
          ...state.armed,
          [event.id]: { dueMs: event.dueMs, delayMs: event.delayMs, ringsLeft: event.rings },
        };
        return { ...state, armed };
      }
      const { [event.id]: old, ...others } = state.armed;
      if (event.type === "unarmed") return { ...state, armed: others };
      const ringsLeft = (old?.ringsLeft ?? 1) - 1;
      if (old !== undefined && ringsLeft > 0)
        return { ...state, armed: { ...others, [event.id]: { ...old, ringsLeft } } };
      return { armed: others, rung: [...state.rung, event.id] };
    },
  };
}

// --- writer: calls of an engine --------------------------------------------------------------------------------------

interface WriterState {
  readonly open: Readonly<Record<string, { readonly prompt: string; readonly attempt: number }>>;
  readonly finished: Readonly<Record<string, WriterEnd>>;
}

/** How a text ended; `text` is what came before the end. */
export interface WriterEnd {
  readonly prompt: string;
  readonly end: GenerationAnswer["end"] | "failed";
  readonly text: string;
}

type WriterMessage =
  | { readonly type: "write"; readonly id: string; readonly prompt: string }
  | { readonly type: "cancel"; readonly id: string }
  | { readonly type: "list" };

type WriterEvent =
  | { readonly type: "started"; readonly id: string; readonly prompt: string; readonly attempt: number }
  | { readonly type: "finished"; readonly id: string; readonly end: WriterEnd };

/** Answer to `list`. */
export interface WriterList {
  readonly open: readonly string[];
  readonly finished: Readonly<Record<string, WriterEnd>>;
}

/** Attempts at one text before it counts as failed. */
const attemptsMax = 4;

const callFor = (id: string, prompt: string, attempt: number): CallEffect => ({
  type: "call",
  engine: "generate",
  request: { model: "", messages: [{ role: "user", content: prompt }], sampling: {} },
  tag: `${id}~${attempt}`,
  timeoutMs: 60_000,
});

type Drafts = Readonly<Record<string, string>>;
interface Draft {
  readonly tag: string;
  readonly text: string;
}

function writer(probe: Probe): Behavior<WriterState, WriterMessage, WriterEvent, Drafts, Draft> {
  const onSaid = (
    state: WriterState,
    said: Extract<Signal, { type: "part" | "answered" }>,
    drafts: Drafts,
  ): readonly Effect<WriterEvent, Draft>[] => {
    const tag = said.tag as string;
    const [id = "", attemptText] = tag.split("~");
    const open = state.open[id];
    if (open === undefined || open.attempt !== Number(attemptText)) {
      probe.broken("call-ends-once", `${said.type} of ${tag} came after its end`);
      return [];
    }
    if (said.type === "part") {
      if (said.engine !== "generate") return [];
      const draft = { tag, text: said.part.text };
      return [{ type: "note", note: draft }, publish(draft)];
    }
    const { result } = said;
    if (!result.ok && open.attempt < attemptsMax) {
      const attempt = open.attempt + 1;
      const started = persist({ type: "started" as const, id, prompt: open.prompt, attempt });
      return [started, callFor(id, open.prompt, attempt)];
    }
    const end = result.ok ? (result.value as GenerationAnswer).end : "failed";
    probe.ended(id);
    return [persist({ type: "finished", id, end: { prompt: open.prompt, end, text: drafts[tag] ?? "" } })];
  };
  return {
    kind: "writer",
    role: "ai",
    initial: () => ({ open: {}, finished: {} }),
    notes: {
      initial: () => ({}),
      evolve: (drafts, { tag, text }) => ({ ...drafts, [tag]: (drafts[tag] ?? "") + text }),
    },
    pending: (state) => Object.keys(state.open).length > 0,
    recover: (state) => Object.entries(state.open).map(([id, { prompt, attempt }]) => callFor(id, prompt, attempt)),
    decide(state, message: WriterMessage | Signal, turn): readonly Effect<WriterEvent, Draft>[] {
      switch (message.type) {
        case "write": {
          const { id, prompt } = message;
          return [persist({ type: "started", id, prompt, attempt: 1 }), callFor(id, prompt, 1), reply({})];
        }
        case "cancel": {
          const open = state.open[message.id];
          if (open === undefined) return [refuse("NOT_FOUND")];
          return [{ type: "cancel", tag: `${message.id}~${open.attempt}` }, reply({})];
        }
        case "list":
          return [reply({ open: Object.keys(state.open), finished: state.finished } satisfies WriterList)];
        case "part":
        case "answered":
          return onSaid(state, message, turn.notes);
        case "records":
        case "waits":
        case "reminded":
          return [];
      }
    },
    evolve(state, event) {
      if (event.type === "started") {
        return { ...state, open: { ...state.open, [event.id]: { prompt: event.prompt, attempt: event.attempt } } };
      }
      const { [event.id]: _ended, ...open } = state.open;
      return { open, finished: { ...state.finished, [event.id]: event.end } };
    },
  };
}

/** The kinds of the first workload. */
export const probeBehaviors = (probe: Probe): readonly AnyBehavior[] => [
  ledger(probe),
  relay(),
  alarm(probe),
  writer(probe),
];
