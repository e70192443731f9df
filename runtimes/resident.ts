/** One model of a node: where it is, and what is told of it. `residency.ts` moves it; here it is put into words.
 *  Pure. */
import type { Failure, ModelInMemory, Result } from "../protocols/index.ts";
import type { LoadPlan, ModelSpec } from "./adapter.ts";
import type { MeasuredCalls } from "./admission.ts";
import type { LoadedFacts } from "./host/messages.ts";
import { takenBy, type Room, type Taken } from "./memory.ts";

/** Where a model is. */
export type Phase =
  | { readonly state: "idle" | "wanted" | "inspecting" }
  | {
      readonly state: "fitting";
      readonly plan: LoadPlan;
      /** How room is made, as it was looked at last. */
      readonly room?: Room;
    }
  | {
      readonly state: "loading";
      readonly sinceMs: number;
      /** How much of it is read, from 0 to 1; absent: nobody has said. */
      readonly share?: number;
    }
  | { readonly state: "ready" | "draining" | "unloading"; readonly facts: LoadedFacts }
  | {
      readonly state: "failed";
      readonly error: Failure;
      readonly sizeBytes: number;
      /** Only for want of room: what is pinned may leave. */
      readonly forRoom?: boolean;
    };

/** A model that the residency knows. */
export interface Model {
  readonly spec: ModelSpec;
  phase: Phase;
  pinned: boolean;
  /** Somebody else than a call wants it in memory. */
  ordered: boolean;
  /** It was ordered when the node started: no other model leaves for it. */
  yields: boolean;
  /** It is to leave as soon as it is there. */
  unwanted: boolean;
  removed: boolean;
  /** How it was to be loaded when that was last decided. */
  plan: LoadPlan | undefined;
  /** What is counted for it alone. */
  bytes: number;
  /** Files that it has mapped, which count once for all that have them. */
  shares: NonNullable<Taken["shares"]>;
  loadedMs: number;
  loadTookMs: number;
  usedMs: number;
  /** How long it stays from its last call; Infinity: until its room is needed. */
  keepAliveMs: number;
  /** The person who called it since it was loaded, if it was always the same. */
  caller: { readonly person: string } | "nobody" | "several";
  /** Hosts and workers that died with it, one soon after the other. */
  deaths: number;
  /** Ends the wait for the end of its keep-alive, or of its unload. */
  stopTimer: () => void;
  /** Told when it is settled: in memory, or failed. */
  readonly loads: ((result: Result<void>) => void)[];
  /** Told when it is out of memory. */
  readonly leaves: (() => void)[];
}

/** What is known of one model. */
export interface Resident extends MeasuredCalls {
  readonly spec: ModelSpec;
  /** What calls have to expect. */
  readonly state: "idle" | "loading" | "ready" | "failed";
  /** What those who look after the node are told. */
  readonly place: ModelInMemory["state"];
  /** Why it is there. */
  readonly because: string;
  readonly pinned: boolean;
  /** What is counted for it now. */
  readonly memoryBytes: number;
  readonly plan?: LoadPlan;
  /** How long it stays after its last call; undefined: until its room is needed. */
  readonly keepAliveMs: number | undefined;
  /** When it leaves, in milliseconds from now; undefined: nobody knows. */
  readonly leavesInMs: number | undefined;
  readonly facts?: LoadedFacts;
  /** On how many threads it computes, of how many that it may, and why not on more. */
  readonly threads?: { readonly now: number; readonly most: number; readonly because: string };
  /** What its calls have ended so far, of a model that is not out for it. */
  readonly strikes?: string;
  readonly error?: Failure;
  readonly sizeBytes?: number;
  /** How much of it is read, from 0 to 1, while it is loaded and its adapter says so. */
  readonly share?: number;
}

/** What a model is told by. */
interface Standing {
  readonly calls: MeasuredCalls;
  readonly nowMs: number;
  /** Models that get memory before it. */
  readonly before: readonly string[];
}

/** What is known of a model now. */
export function residentOf(model: Model, { calls, nowMs, before }: Standing): Resident {
  const { phase, spec, pinned, keepAliveMs, plan } = model;
  const rests = phase.state === "ready" && !pinned && keepAliveMs !== Infinity && calls.running + calls.waiting === 0;
  return {
    spec,
    state: shown[phase.state],
    place: places[phase.state],
    because: reasonOf(model, { calls, nowMs, before }),
    pinned,
    memoryBytes: takenBy([model]),
    ...(plan && { plan }),
    keepAliveMs: keepAliveMs === Infinity ? undefined : keepAliveMs,
    leavesInMs: rests ? Math.max(0, model.usedMs + keepAliveMs - nowMs) : undefined,
    ...calls,
    ...("facts" in phase && { facts: phase.facts }),
    ...("share" in phase && { share: phase.share }),
    ...(phase.state === "failed" && { error: phase.error, sizeBytes: phase.sizeBytes }),
  };
}

/** What calls are told of a phase. */
const shown = {
  idle: "idle",
  wanted: "loading",
  inspecting: "loading",
  fitting: "loading",
  loading: "loading",
  ready: "ready",
  draining: "idle",
  unloading: "idle",
  failed: "failed",
} as const satisfies Record<Phase["state"], Resident["state"]>;

/** What admins are. */
const places = {
  ...shown,
  wanted: "waiting",
  fitting: "waiting",
  draining: "leaving",
  unloading: "leaving",
} as const satisfies Record<Phase["state"], Resident["place"]>;

/** Why a model is where it is, and what comes next. */
function reasonOf({ phase, pinned, keepAliveMs, unwanted }: Model, { calls, nowMs, before }: Standing): string {
  switch (phase.state) {
    case "idle":
      return pinned ? "it is pinned, and comes when its host is there" : "a call brings it into memory";
    case "wanted":
    case "inspecting":
      return before.length === 0 ? "its file is looked at" : `it is in line behind ${before.join(", ")}`;
    case "fitting":
      return waitReason(phase, before, nowMs);
    case "loading":
      return unwanted
        ? "nobody wants it any more: it gives back what it has read"
        : `it is being read since ${seconds(nowMs - phase.sinceMs)}`;
    case "ready":
      if (pinned) return "it is pinned: it stays whatever else needs the room";
      if (calls.running + calls.waiting > 0) return "it is called";
      return keepAliveMs === Infinity
        ? "it stays until its memory is needed"
        : `it leaves ${seconds(keepAliveMs)} after its last call`;
    case "draining":
      return `it leaves when what runs has ended (${counted(calls.running, "call")})`;
    case "unloading":
      return "it is leaving";
    case "failed":
      return causeOf(phase.error);
  }
}

function waitReason(
  { plan, room }: Extract<Phase, { state: "fitting" }>,
  before: readonly string[],
  nowMs: number,
): string {
  const needs = `it needs ${mebibytes(plan.memoryBytes)} MiB`;
  if (before.length > 0) return `${needs}, and is in line behind ${before.join(", ")}`;
  if (room?.type === "unload")
    return `${needs}; ${room.models.join(", ")} ${room.models.length === 1 ? "leaves" : "leave"} for it`;
  if (room?.type === "wait" && room.untilMs !== undefined)
    return (
      `${needs}, and what is in memory was loaded only now: it stays ` +
      `${seconds(Math.max(0, room.untilMs - nowMs))} more`
    );
  return `${needs}, and waits until others have left`;
}

/** Why a model failed, for people. */
export function causeOf({ details, message }: Failure): string {
  const reason = details?.["reason"];
  return typeof reason === "string" ? reason : message;
}

const seconds = (ms: number): string => (ms < 10_000 ? `${Math.ceil(ms / 100) / 10} s` : `${Math.ceil(ms / 1_000)} s`);
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** For people. */
export const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);
