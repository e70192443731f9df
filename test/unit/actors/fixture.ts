/** Runs actors against each other in memory, one turn at a time and always in the same order: an interpreter of effects
 *  without disk, network or clock. What a test may do besides sending commands: let time pass, cut actors off, crash
 *  one between two turns (what was durable stays, everything else is gone), and play the model.
 *
 *  Everything persisted is checked to be plain data and is frozen, so a behavior that mutates an argument throws. */
import { expect } from "chai";
import {
  allCommands,
  decode,
  encode,
  failure,
  ok,
  parseActorId,
  powerNeeded,
  refused,
  type ActorId,
  type CallPlace,
  type EngineRequest,
  type ErrorCode,
  type Failure,
  type GenerationRequest,
  type Result,
  type ScanAnswer,
  type Session,
  type Shown,
} from "../../../protocols/index.ts";
import type {
  ActorRecord as Row,
  AnyBehavior,
  Effect,
  Message,
  RecordOp,
  RecordRange,
  ReplyTo,
  Sender,
  Signal,
} from "../../../actors/behavior.ts";
import { behaviors } from "../../../actors/index.ts";
import { ended, failed, text, type Spoken } from "../../fixtures/engine-answers.ts";

export interface Published {
  readonly topic: ActorId;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly at: number | undefined;
}

interface Envelope {
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message | Signal;
  readonly replyTo?: ReplyTo;
  readonly operation?: string;
  /** Signals reach only the life that asked for them. */
  readonly incarnation?: number;
}

/** An actor in memory, and below the line what its disk holds. */
interface Living {
  readonly behavior: AnyBehavior;
  state: unknown;
  notes: unknown;
  incarnation: number;
  readonly journal: unknown[];
  readonly records: Map<string, unknown>;
  readonly reminders: Map<string, { dueMs: number; ringAtMs: number; pauseMs: number }>;
  readonly answers: Map<string, Result<unknown>>;
}

interface Waiting {
  readonly settle: (result: Result<unknown>) => void;
  settled: boolean;
  readonly timeoutAtMs: number;
}

/** Frozen values found plain: what they hold was looked at, too. */
const knownPlain = new WeakSet<object>();

/** Throws unless `value` is plain data that the codec gives back as it was. */
export function expectPlain(value: unknown, path = "value"): void {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return;
  if (typeof value === "object" && knownPlain.has(value)) return;
  if (typeof value === "object" && Object.isFrozen(value)) knownPlain.add(value);
  if (Array.isArray(value)) {
    value.forEach((item, index) => expectPlain(item, `${path}[${index}]`));
    return;
  }
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype)
    throw new Error(`${path} is not plain data: ${typeof value}`);
  for (const [key, item] of Object.entries(value)) expectPlain(item, `${path}.${key}`);
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** The table of commands, by kind and name. */
const rowsOfCommands = new Map(allCommands.map(({ kind, name, row }) => [`${kind} ${name}`, row]));

/** What a gateway says of the operator. */
const byOperator = { as: "operator" } as const;

export class Fixture {
  nowMs = 1_000_000;
  readonly published: Published[] = [];
  readonly generations: { readonly actor: ActorId; readonly request: GenerationRequest; open: boolean }[] = [];
  #scans: { readonly actor: ActorId; readonly request: EngineRequest<"scan"> }[] = [];
  readonly cancelled: string[] = [];
  /** Everything sent by ask or tell, in order. */
  readonly sent: { readonly from: ActorId; readonly to: ActorId; readonly message: Message }[] = [];
  readonly #living = new Map<ActorId, Living>();
  readonly #unreachable = new Map<ActorId, ErrorCode>();
  #queue: ({ readonly turn: Envelope } | { readonly leave: Effect; readonly of: ActorId; readonly life: number })[] =
    [];
  readonly #waiting = new Map<number, Waiting>();
  #correlation = 0;

  // --- what tests do -------------------------------------------------------------------------------------------------

  /** Sends a command and lets everything it causes happen. */
  do(from: Sender, to: ActorId, message: Message, operation?: string): Result<unknown> {
    const answer = this.begin(from, to, message, operation);
    this.settle();
    return answer() ?? refused(failure("ASK_TIMEOUT"));
  }

  /** The answer of a command that must be accepted. */
  ok<T = Record<string, unknown>>(from: Sender, to: ActorId, message: Message, operation?: string): T {
    const result = this.do(from, to, message, operation);
    if (!result.ok) throw new Error(`${message.type} was refused: ${result.error.code}`);
    return result.value as T;
  }

  /** The code with which a command is refused. */
  code(from: Sender, to: ActorId, message: Message): ErrorCode | "accepted" {
    const result = this.do(from, to, message);
    return result.ok ? "accepted" : result.error.code;
  }

  /** Puts a command into the queue; the returned function gives the answer, once there is one. */
  begin(from: Sender, to: ActorId, message: Message, operation?: string): () => Result<unknown> | undefined {
    let answer: Result<unknown> | undefined;
    const replyTo = this.#waitFor((result) => (answer = result), Infinity, operation && `${from}|${operation}`);
    // As a gateway of this version has it; tests that are about what it says say so themselves.
    const row = rowsOfCommands.get(`${to.slice(0, to.indexOf("/"))} ${message.type}`);
    const needed = from === "gateway" && row !== undefined ? powerNeeded(row, message) : undefined;
    const shown = needed === "account.secure" ? this.#byPerson(to) : byOperator;
    const said = needed === undefined ? message : { shown, ...message };
    this.#send({ to, from, message: said, replyTo, ...(replyTo.operation && { operation: replyTo.operation }) });
    return () => answer;
  }

  /** What a gateway says of the person of an account, in their newest session. */
  #byPerson(account: ActorId): Shown {
    type Held = { readonly account: { readonly sessions: readonly Session[] } | null };
    const { sessions } = this.stateOf<Held>(account).account ?? { sessions: [] };
    const session = sessions.findLast(({ kind }) => kind === "session")?.id;
    return { as: "session", provedAgoMs: 0, ...(session !== undefined && { session }) };
  }

  tell(from: Sender, to: ActorId, message: Message): void {
    this.#send({ to, from, message });
    this.settle();
  }

  /** Takes one step: a turn, or one effect that leaves an actor. False when nothing is left to do. */
  step(): boolean {
    const next = this.#queue.shift();
    if (next === undefined) return false;
    if ("turn" in next) this.#turn(next.turn);
    else this.#leave(next.leave, next.of);
    return true;
  }

  settle(stepsMax = 100_000): void {
    // An assertion takes longer than many steps.
    for (let steps = 0; this.step(); steps += 1)
      if (steps >= stepsMax) throw new Error(`it is not quiet after ${stepsMax} steps`);
  }

  /** Lets time pass: asks run out, reminders ring. */
  pass(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      this.settle();
      const dueMs = Math.min(
        ...[...this.#waiting.values()].map(({ timeoutAtMs }) => timeoutAtMs),
        ...[...this.#living.values()].flatMap(({ reminders }) => [...reminders.values()].map((one) => one.ringAtMs)),
      );
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.#timeOut();
      this.#ring();
    }
    this.nowMs = untilMs;
  }

  /** The reminders of an actor ring before their time, as they do when the clock was set back. */
  ringEarly(actor: ActorId): void {
    for (const [id, { dueMs }] of this.#live(actor).reminders) this.#signal(actor, { type: "reminded", id, dueMs });
  }

  /** Messages to the actor are refused with `code`, until `reach`. */
  cutOff(actor: ActorId, code: ErrorCode = "SLOT_UNAVAILABLE"): void {
    this.#unreachable.set(actor, code);
  }

  reach(actor: ActorId): void {
    this.#unreachable.delete(actor);
  }

  /** Loses the actor's memory, its mailbox and what has not left it yet, then brings it back from its journal. */
  crash(actor: ActorId): void {
    const living = this.#live(actor);
    this.#queue = this.#queue.filter((item) => ("turn" in item ? item.turn.to : item.of) !== actor);
    living.incarnation += 1;
    for (const generation of this.generations) if (generation.actor === actor) generation.open = false;
    this.#scans = this.#scans.filter((scan) => scan.actor !== actor);
    living.state = this.refold(actor);
    living.notes = living.behavior.notes?.initial();
    const effects = living.behavior.recover?.(living.state, this.#turnOf(actor, living, "node", undefined)) ?? [];
    expect(
      effects.some(({ type }) => type === "persist"),
      "recover persists nothing",
    ).to.equal(false);
    this.#perform(actor, living, effects, undefined);
  }

  /** The state that the journal folds to, through the codec. */
  refold(actor: ActorId): unknown {
    const { behavior, journal } = this.#live(actor);
    return journal.reduce<unknown>(
      (state, event) => freeze(behavior.evolve(state, decode(encode(event)))),
      behavior.initial(actor.slice(behavior.kind.length + 1)),
    );
  }

  /** Plays the model: says something of a generation that runs. */
  part(tag: string, said: Spoken): void {
    const generation = this.generations.find(({ request, open }) => request.id === tag && open);
    if (generation === undefined) return;
    if (said.type === "answered") generation.open = false;
    this.#signal(generation.actor, said.type === "part" ? { ...said, engine: "generate", tag } : { ...said, tag });
    this.settle();
  }

  /** Plays the model's queue: says where the call is. */
  place(tag: string, place: CallPlace): void {
    const generation = this.generations.find(({ request, open }) => request.id === tag && open);
    if (generation === undefined) return;
    this.#signal(generation.actor, { type: "waits", tag, place });
    this.settle();
  }

  /** Files that a scanner looks at. */
  get scans(): readonly EngineRequest<"scan">[] {
    return this.#scans.map(({ request }) => request);
  }

  /** Plays the scanner. */
  scanned(call: EngineRequest<"scan">, result: Result<ScanAnswer>): void {
    this.beginScanned(call, result);
    this.settle();
  }

  /** The same; what follows comes with the next steps. */
  beginScanned({ id }: EngineRequest<"scan">, result: Result<ScanAnswer>): void {
    const scan = this.#scans.find(({ request }) => request.id === id);
    if (scan === undefined) throw new Error(`${id} is not scanned`);
    this.#scans = this.#scans.filter((one) => one !== scan);
    this.#signal(scan.actor, { type: "answered", tag: id, result });
  }

  get running(): readonly GenerationRequest[] {
    return this.generations.filter(({ open }) => open).map(({ request }) => request);
  }

  /** The generation that somebody waits for; there must be exactly one. */
  get generation(): GenerationRequest {
    const [only, ...others] = this.running.filter(({ priority }) => priority === undefined);
    if (only === undefined || others.length > 0) throw new Error(`${others.length + (only ? 1 : 0)} generations run`);
    return only;
  }

  /** The one that nobody waits for, if it runs. */
  get besides(): GenerationRequest | undefined {
    return this.running.find(({ priority }) => priority !== undefined);
  }

  /** Plays the model: writes the texts, then ends. */
  answer(...texts: readonly string[]): void {
    const { id } = this.generation;
    texts.forEach((words) => this.part(id, text(words)));
    this.part(id, ended("complete", 5, texts.length));
  }

  fail(error: ErrorCode): void {
    this.part(this.generation.id, failed(failure(error)));
  }

  stateOf<T>(actor: ActorId): T {
    return this.#live(actor).state as T;
  }

  journalOf(actor: ActorId): readonly unknown[] {
    return this.#live(actor).journal;
  }

  notesOf<T>(actor: ActorId): T {
    return this.#live(actor).notes as T;
  }

  reminders(actor: ActorId): readonly string[] {
    return [...this.#live(actor).reminders.keys()];
  }

  records(actor: ActorId, prefix: string): readonly Row[] {
    return this.#read(actor, { from: prefix, to: `${prefix}\x7f`, limit: Infinity });
  }

  /** What a node of another version left. */
  putRecords(actor: ActorId, rows: readonly Row[]): void {
    for (const { key, value } of rows) this.#live(actor).records.set(key, value);
  }

  /** What is not there where a backup was restored. */
  dropRecords(actor: ActorId, prefix: string): void {
    const { records } = this.#live(actor);
    for (const key of records.keys()) if (key.startsWith(prefix)) records.delete(key);
  }

  /** Durable events of an actor's stream, as a follower gets them. */
  stream(topic: ActorId): readonly Published[] {
    return this.published.filter((one) => one.topic === topic && one.at !== undefined);
  }

  signals(topic: ActorId): readonly Published["event"][] {
    return this.published.filter((one) => one.topic === topic && one.at === undefined).map(({ event }) => event);
  }

  isPending(actor: ActorId): boolean {
    const { behavior, state } = this.#live(actor);
    return behavior.pending?.(state) ?? false;
  }

  get actors(): readonly ActorId[] {
    return [...this.#living.keys()];
  }

  // --- the interpreter -----------------------------------------------------------------------------------------------

  #live(actor: ActorId): Living {
    const known = this.#living.get(actor);
    if (known !== undefined) return known;
    const { kind, key } = parseActorId(actor) ?? { kind: "", key: "" };
    const behavior = behaviors.find((one) => one.kind === kind);
    if (behavior === undefined) throw new Error(`no kind for ${actor}`);
    const living: Living = {
      behavior,
      state: freeze(behavior.initial(key)),
      notes: behavior.notes?.initial(),
      incarnation: 1,
      journal: [],
      records: new Map(),
      reminders: new Map(),
      answers: new Map(),
    };
    this.#living.set(actor, living);
    return living;
  }

  #send(envelope: Envelope): void {
    this.#queue.push({ turn: envelope });
  }

  #signal(actor: ActorId, signal: Signal): void {
    this.#send({ to: actor, from: "node", message: signal, incarnation: this.#live(actor).incarnation });
  }

  #waitFor(
    settle: (result: Result<unknown>) => void,
    timeoutMs: number,
    operation?: string,
  ): ReplyTo & { readonly operation?: string } {
    this.#correlation += 1;
    this.#waiting.set(this.#correlation, { settle, settled: false, timeoutAtMs: this.nowMs + timeoutMs });
    return { node: "here", correlation: this.#correlation, ...(operation && { operation }) };
  }

  #answer(to: ReplyTo, result: Result<unknown>): void {
    const waiting = this.#waiting.get(to.correlation);
    if (waiting === undefined) return;
    this.#waiting.delete(to.correlation);
    waiting.settle(result);
  }

  #turnOf(actor: ActorId, living: Living, from: Sender, replyTo: ReplyTo | undefined) {
    const key = actor.slice(living.behavior.kind.length + 1);
    return { self: actor, key, nowMs: this.nowMs, from, notes: living.notes, ...(replyTo && { replyTo }) };
  }

  #turn({ to, from, message, replyTo, operation, incarnation }: Envelope): void {
    const refusal = this.#unreachable.get(to);
    if (refusal !== undefined && incarnation === undefined) {
      if (replyTo) this.#answer(replyTo, refused(failure(refusal)));
      return;
    }
    const living = this.#live(to);
    if (incarnation !== undefined && incarnation !== living.incarnation) return;
    const known = operation === undefined ? undefined : living.answers.get(operation);
    if (known !== undefined) {
      if (replyTo) this.#answer(replyTo, known);
      return;
    }
    const effects = living.behavior.decide(living.state, message, this.#turnOf(to, living, from, replyTo));
    this.#perform(to, living, effects, replyTo);
  }

  #perform(actor: ActorId, living: Living, effects: readonly Effect[], replyTo: ReplyTo | undefined): void {
    const durable = effects.some(({ type }) => type === "persist");
    for (const effect of effects) {
      if (effect.type === "persist") this.#persist(actor, living, effect.event);
      else if (effect.type === "note")
        living.notes = freeze(living.behavior.notes?.evolve(living.notes, effect.note as never));
      else if (effect.type === "remind")
        living.reminders.set(effect.id, { dueMs: effect.dueMs, ringAtMs: effect.dueMs, pauseMs: 10_000 });
      else if (effect.type === "forget") living.reminders.delete(effect.id);
      else {
        const to = "to" in effect && effect.to !== undefined ? effect.to : replyTo;
        if (durable && (effect.type === "reply" || effect.type === "refuse"))
          this.#remember(living, effect, to as ReplyTo);
        const addressed = effect.type === "reply" || effect.type === "refuse" ? { ...effect, to } : effect;
        this.#queue.push({ leave: addressed as Effect, of: actor, life: living.incarnation });
      }
    }
  }

  #persist(actor: ActorId, living: Living, event: unknown): void {
    expectPlain(event, "event");
    living.journal.push(freeze(event));
    living.state = freeze(living.behavior.evolve(living.state, event));
    expectPlain(living.state, "state");
    const key = actor.slice(living.behavior.kind.length + 1);
    for (const op of living.behavior.record?.(event, key) ?? []) this.#record(living, op);
  }

  #record(living: Living, op: RecordOp): void {
    if ("put" in op) living.records.set(op.put, op.value);
    else if ("delete" in op) living.records.delete(op.delete);
    else {
      const gone = [...living.records.keys()].filter((key) => key >= op.deleteFrom && key < op.deleteTo);
      expect(gone.length, "records deleted by one append").to.be.at.most(10_000);
      gone.forEach((key) => living.records.delete(key));
    }
  }

  #remember(living: Living, effect: Extract<Effect, { type: "reply" | "refuse" }>, to: ReplyTo | undefined): void {
    if (to?.operation !== undefined) living.answers.set(to.operation, resultOf(effect));
  }

  #leave(effect: Effect, actor: ActorId): void {
    switch (effect.type) {
      case "reply":
      case "refuse":
        if (effect.to !== undefined) this.#answer(effect.to, resultOf(effect));
        return;
      case "publish":
        this.published.push({ topic: actor, event: effect.event as Published["event"], at: effect.at });
        return;
      case "tell":
        this.sent.push({ from: actor, to: effect.to, message: effect.message });
        this.#send({ to: effect.to, from: actor, message: effect.message });
        return;
      case "ask": {
        this.sent.push({ from: actor, to: effect.to, message: effect.message });
        const { incarnation } = this.#live(actor);
        const operation = effect.operationId && `${actor}|${effect.operationId}`;
        const settle = (result: Result<unknown>): void => {
          if (this.#live(actor).incarnation === incarnation)
            this.#signal(actor, { type: "answered", tag: effect.tag, result });
        };
        const replyTo = this.#waitFor(settle, effect.timeoutMs, operation);
        this.#send({ to: effect.to, from: actor, message: effect.message, replyTo, ...(operation && { operation }) });
        return;
      }
      case "read":
        this.#signal(actor, { type: "records", tag: effect.tag, records: this.#read(actor, effect.range) });
        return;
      case "call": {
        if (effect.engine === "scan") {
          const { request, tag, timeoutMs } = effect;
          this.#scans.push({ actor, request: { ...request, id: tag, timeoutMs, key: actor } });
          return;
        }
        if (effect.engine !== "generate") throw new Error(`the fixture has no engine ${effect.engine}`);
        const { request, tag: id, timeoutMs } = effect;
        this.generations.push({ actor, request: { ...request, id, timeoutMs, key: actor }, open: true });
        return;
      }
      case "cancel":
        if (this.#scans.some(({ request }) => request.id === effect.tag)) {
          this.#scans = this.#scans.filter(({ request }) => request.id !== effect.tag);
          this.#signal(actor, { type: "answered", tag: effect.tag, result: refused(failure("CANCELLED")) });
          return;
        }
        if (!effect.tag.startsWith("scan/")) this.cancelled.push(effect.tag);
        return;
      default:
        throw new Error(`effect ${effect.type} does not leave an actor`);
    }
  }

  #read(actor: ActorId, { from, to, limit, reverse }: RecordRange): readonly Row[] {
    const keys = [...this.#live(actor).records.keys()].filter((key) => key >= from && key < to).toSorted();
    return (reverse ? keys.toReversed() : keys)
      .slice(0, limit)
      .map((key) => ({ key, value: this.#live(actor).records.get(key) }));
  }

  #timeOut(): void {
    for (const [correlation, waiting] of this.#waiting) {
      if (waiting.timeoutAtMs > this.nowMs) continue;
      this.#waiting.delete(correlation);
      waiting.settle(refused(failure("ASK_TIMEOUT")));
    }
  }

  #ring(): void {
    for (const [actor, { reminders }] of this.#living)
      for (const [id, reminder] of reminders) {
        if (reminder.ringAtMs > this.nowMs) continue;
        reminder.ringAtMs = this.nowMs + reminder.pauseMs;
        reminder.pauseMs *= 2;
        this.#signal(actor, { type: "reminded", id, dueMs: reminder.dueMs });
      }
  }
}

const resultOf = (effect: Extract<Effect, { type: "reply" | "refuse" }>): Result<unknown> =>
  effect.type === "reply" ? ok(effect.value) : refused(failure(effect.code, effect.details) as Failure);

/** A fixture in which these people have signed up. */
export function fixtureWith(...names: readonly string[]): Fixture {
  const fixture = new Fixture();
  for (const name of names) fixture.ok("gateway", `user/${name}`, { type: "create", passwordHash: `hash of ${name}` });
  return fixture;
}
