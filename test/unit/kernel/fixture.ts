/** A kernel on a simulated clock and disk, with kinds made for the tests. Its time passes by itself, whenever nothing
 *  else is to be done. */
import { everyEngine, type Engine } from "../../../runtimes/engine.ts";
import {
  note,
  persist,
  publish,
  refuse,
  reply,
  type AnyBehavior,
  type Behavior,
  type Effect,
  type Message,
} from "../../../actors/behavior.ts";
import { createKernel, OpenAsks, type Kernel, type KernelLimits } from "../../../node/kernel/index.ts";
import type { Store } from "../../../node/ports/index.ts";
import { openJournal, type Journal } from "../../../node/storage/index.ts";
import { type JournalLimits } from "../../../node/storage/limits.ts";
import { quietLog, quietMeter as meter } from "../../fixtures/quiet.ts";
import { Disk, simulatedClock, World, type Pulse } from "../../world/index.ts";
import { createSoloRouting, type SoloRouting } from "./routing.ts";
import { createSoloSlots, type SoloSlots } from "./slots.ts";
import { assert, type ActorId, type GenerationRequest, type Result } from "../../../protocols/index.ts";
import type { Spoken } from "../../fixtures/engine-answers.ts";

interface PadState {
  readonly lines: readonly string[];
  readonly open: boolean;
}
type PadEvent = { readonly type: "added"; readonly line: string } | { readonly type: "marked"; readonly open: boolean };

/** Adds lines; fails, asks, reminds and generates when told to. `recovered` is published when it comes into memory. */
const pad: Behavior<PadState, Message, PadEvent, { count: number }, { by: number }> = {
  kind: "pad",
  role: "chat",
  accepts: (message) => message.type !== "garbage",
  initial: () => ({ lines: [], open: false }),
  decide(state, message, turn): Effect<PadEvent, { by: number }>[] {
    const text = "text" in message ? String(message["text"]) : "";
    switch (message.type) {
      case "add":
        return [
          persist<PadEvent>({ type: "added", line: text }),
          publish({ line: text }, state.lines.length + 1),
          reply(state.lines.length + 1),
        ];
      case "addLater":
        return [{ type: "read", range: { from: "line/", to: "line0", limit: 5 }, tag: { text, to: turn.replyTo } }];
      case "records": {
        const tag = message.tag as { text?: string; to?: Parameters<typeof reply>[1] };
        if (tag.text === undefined) return [reply(message.records, tag.to)];
        return [persist<PadEvent>({ type: "added", line: tag.text }), reply(state.lines.length + 1, tag.to)];
      }
      case "hint":
        return [publish({ hint: text })];
      case "never":
        return [];
      case "lines":
        return [reply(state.lines)];
      case "records?":
        return [{ type: "read", range: { from: "line/", to: "line0", limit: 100 }, tag: { to: turn.replyTo } }];
      case "whisper":
        return [note({ by: 1 }), reply(turn.notes.count + 1)];
      case "refuse":
        return [refuse("FORBIDDEN", { text })];
      case "boom":
        throw new Error(`boom ${text}`);
      case "break":
        assert(false, "a pad keeps its promises");
      case "huge":
        return [persist<PadEvent>({ type: "added", line: "x".repeat(2_000_000) }), reply(0)];
      case "mark":
        return [persist<PadEvent>({ type: "marked", open: text === "open" }), reply(null)];
      case "askOther":
        return [
          {
            type: "ask",
            to: text as ActorId,
            message: (message as { inner?: Message }).inner ?? { type: "lines" },
            tag: turn.replyTo,
            timeoutMs: 500,
          },
        ];
      case "answered":
        if (message.tag === "g") return [persist<PadEvent>({ type: "added", line: JSON.stringify(message.result) })];
        return message.tag === "drop" ? [] : [reply(message.result, message.tag as Parameters<typeof reply>[1])];
      case "tellOther":
        return [
          {
            type: "tell",
            to: text as ActorId,
            message: (message as { inner?: Message }).inner ?? { type: "add", text: "told" },
            operationId: "t1",
          },
          reply(null),
        ];
      case "remind":
        return [{ type: "remind", id: "bell", dueMs: turn.nowMs + Number(text) }, reply(null)];
      case "reminded":
        return [
          persist<PadEvent>({ type: "added", line: `rang ${String(message.id)}` }),
          { type: "forget", id: String(message.id) },
        ];
      case "generate":
        return [
          {
            type: "call",
            engine: "generate",
            request: { model: "", messages: [], sampling: {} },
            tag: "g",
            timeoutMs: 1000,
          },
          reply(null),
        ];
      case "cancel":
        return [{ type: "cancel", tag: "g" }, reply(null)];
      case "part":
        return [persist<PadEvent>({ type: "added", line: JSON.stringify(message.part) })];
      case "leave":
        return [reply(null), { type: "stop" }];
      default:
        return [reply(message.type)];
    }
  },
  evolve(state, event) {
    if (event.type === "marked") return { ...state, open: event.open };
    if (event.line === "cannot be folded") throw new Error("cannot be folded");
    return { ...state, lines: [...state.lines, event.line] };
  },
  record: (event) => (event.type === "added" ? [{ put: `line/${event.line.slice(0, 20)}`, value: event }] : []),
  recover: () => [publish("recovered")],
  pending: (state) => state.open,
  notes: { initial: () => ({ count: 0 }), evolve: (notes, change) => ({ count: notes.count + change.by }) },
};

export interface Fixture {
  readonly world: World;
  kernel: Kernel;
  journal: Journal;
  slots: SoloSlots;
  routing: SoloRouting;
  store: Store;
  readonly published: { topic: string; event: unknown; at: number | undefined }[];
  /** Lines of the log at the level info. */
  readonly logged: [event: string, facts?: Readonly<Record<string, unknown>>][];
  /** The same at the level warn. */
  readonly warned: [event: string, facts?: Readonly<Record<string, unknown>>][];
  /** Generations asked for; the test plays the model. */
  readonly generations: { request: GenerationRequest; say: (said: Spoken) => void; cancelled: boolean }[];
  /** Makes the next batches of the store fail. */
  failBatches: number;
  /** The disk has no room for more. */
  isFull: boolean;
  ask(
    to: string,
    type: string,
    more?: Record<string, unknown> & { operationId?: string; timeoutMs?: number; from?: string },
  ): Promise<Result<unknown>>;
  /** Lets time pass until `probe` gives true. */
  eventually(what: string, probe: () => boolean | Promise<boolean>): Promise<void>;
  /** Cuts the power, or stops the node cleanly, and starts it on the same disk. */
  restart(how?: "cleanly"): Promise<void>;
  end(): Promise<void>;
}

/** The disk for one life of the node: batches fail, and it is full, when the test says so. */
function openDisk(disk: Disk, pulse: Pulse, fixture: Fixture): Store {
  const store = disk.open(pulse);
  return {
    ...store,
    isFull: () => fixture.isFull,
    batch(ops, options) {
      if (fixture.failBatches === 0) return store.batch(ops, options);
      fixture.failBatches -= 1;
      return Promise.reject(new Error("disk full"));
    },
  };
}

export async function createFixture(
  limits: { kernel?: Partial<KernelLimits>; journal?: Partial<JournalLimits>; behaviors?: readonly AnyBehavior[] } = {},
): Promise<Fixture> {
  const lists = { published: [], logged: [], warned: [], generations: [] };
  const world = new World(1);
  const fixture = { world, ...lists, failBatches: 0, isFull: false } as unknown as Fixture;
  const disk = new Disk(world);
  let pulse: Pulse = { life: 1, alive: true };
  const log = {
    ...quietLog,
    info: (...line: Fixture["logged"][number]) => void fixture.logged.push(line),
    warn: (...line: Fixture["warned"][number]) => void fixture.warned.push(line),
  };
  const generate: Engine<"generate"> = {
    models: () => [],
    watch: () => () => undefined,
    call(request, say) {
      const generation = { request, say, cancelled: false };
      fixture.generations.push(generation);
      return { cancel: () => void (generation.cancelled = true) };
    },
  };
  const start = async (): Promise<void> => {
    const store = openDisk(disk, pulse, fixture);
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const identity = { cluster: "c1", node: "n1" };
    const journal = await openJournal({
      store,
      clock,
      log,
      meter,
      identity,
      ...(limits.journal && { limits: limits.journal }),
    });
    const slots = createSoloSlots(journal);
    const random = world.dice;
    const asks = new OpenAsks(random);
    const routing = createSoloRouting("n1", clock, asks, () => fixture.kernel);
    const publisher = {
      publish: (topic: string, event: unknown, at: number | undefined) =>
        void fixture.published.push({ topic, event, at }),
    };
    const behaviors = limits.behaviors ?? [pad as AnyBehavior];
    const pressure = {
      get queuedBytes() {
        return journal.queuedBytes;
      },
      pendingBytesMax: journal.limits.pendingBytesMax,
      full: () => journal.full,
      settled: () => journal.settled(),
    };
    const slotsWithWork = () => journal.slotsWithWork();
    const surroundings = { engines: everyEngine({ generate }), publisher, clock, random, log, meter };
    const ports = { node: "n1", behaviors, slots, routing, asks, pressure, slotsWithWork, ...surroundings };
    const kernel = createKernel({ ...ports, ...(limits.kernel && { limits: limits.kernel }) });
    Object.assign(fixture, { kernel, journal, slots, routing, store });
    await kernel.start();
  };
  fixture.ask = (to, type, more = {}) => {
    const { operationId, timeoutMs = 25_000, from = "user/ada", ...fields } = more;
    const message = { type, ...fields };
    const request = { to: to as ActorId, from: from as ActorId, message, timeoutMs };
    return fixture.kernel.ask(operationId === undefined ? request : { ...request, operationId });
  };
  fixture.eventually = async (what, probe) => {
    for (const endMs = world.nowMs + 60_000; !(await probe()); await world.sleep(1))
      if (world.nowMs > endMs) throw new Error(`did not happen: ${what}`);
  };
  fixture.restart = async (how) => {
    if (how === "cleanly") await fixture.kernel.stop(5_000);
    pulse.alive = false;
    disk.crash(true);
    pulse = { life: pulse.life + 1, alive: true };
    await start();
  };
  const stopTime = world.flow();
  let isOver = false;
  fixture.end = async () => {
    if (isOver) return;
    isOver = true;
    try {
      await fixture.kernel.stop(2_000);
    } finally {
      await stopTime();
    }
  };
  await start().catch(async (error: unknown) => {
    await stopTime();
    throw error;
  });
  return fixture;
}

/** What an ask came to: its value, or the code of its refusal. */
export const valueOf = (result: Result<unknown>): unknown => (result.ok ? result.value : result.error.code);
