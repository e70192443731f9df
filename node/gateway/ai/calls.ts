/** Calls of engines for requests: each has a place, an end, and a client who may go away.
 *
 *      request ─► a place of its person (at most `callsPerPersonMax`; others wait, the person's keys take turns)
 *                   └─► engine ─► parts … ─► answer, or its failure; the place is free again
 *                          ▲ cancelled when nobody needs it: the client is gone, or another call has failed */
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  cacheUses,
  failure,
  failureOf,
  PlexusError,
  type AnswerFrom,
  type CacheWish,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type Failure,
  type GenerationPart,
  type Said,
  type TraceContext,
  type Unfit,
} from "../../../protocols/index.ts";
import { engineOf, type Running } from "../../../runtimes/engine.ts";
import { FairQueue } from "../../../runtimes/fair-queue.ts";
import { callerOf } from "../edge/http.ts";
import type { CallNotices, GatewayContext } from "../options.ts";
import { Interest } from "./interest.ts";
import { withoutPlaces } from "./places.ts";
import type { Caller } from "../identity/callers.ts";

/** Who asks, and until when. */
export interface Asking {
  readonly caller: Caller;
  readonly interest: Interest;
  /** Where the request comes from. */
  readonly address?: string | undefined;
  /** What it wants of answers that routes keep. */
  readonly cache?: CacheWish;
  /** Is told where the answer comes from, before anything of it is sent. */
  readonly told?: (from: AnswerFrom) => void;
  /** Is told which budgets are near their end, before that as well. */
  readonly near?: (budgets: CallNotices["budgets"]) => void;
  /** Is told what of the answer does not fit its schemas. */
  readonly unfit?: (faults: readonly Unfit[]) => void;
  /** Is told when a call of it has its place: then it is worked on, and nobody is refused for want of one. */
  readonly placed?: () => void;
  /** The step of a trace that asks. */
  readonly trace?: TraceContext | undefined;
}

/** A request of an engine without what every call is given. */
export type Asked<Name extends EngineName> = Omit<
  EngineRequest<Name>,
  "id" | "timeoutMs" | "silenceMs" | "person" | "key"
>;

/** Runs calls. */
export interface Calls {
  /** Runs one to its end. Rejects with a PlexusError. What another node says counts, too, and may be more than any
   *  answer: TOO_LARGE. */
  run<Name extends EngineName>(
    asking: Asking,
    engine: Name,
    request: Asked<Name>,
    onPart?: (part: EnginePart<Name>) => void,
  ): Promise<EngineAnswer<Name>>;
}

/** Runs `work` for as long as the client of the request is there. */
export async function whileAsked<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const cache = cacheUseOf(request);
  const { socket } = request.raw;
  const interest = new Interest();
  const leave = (): void => interest.lose();
  if (socket.destroyed) leave();
  else socket.on("close", leave);
  try {
    const told = (from: AnswerFrom): void => tellFrom(reply, from);
    const near = (budgets: CallNotices["budgets"]): void => tellBudgets(reply, budgets);
    const caller = callerOf(request);
    const unfit = (faults: readonly Unfit[]): void => tellUnfit(reply, faults);
    const { address } = request;
    const asking = { caller, address, interest, told, near, unfit, trace: request.span?.context };
    return await work(cache === undefined ? asking : { ...asking, cache });
  } finally {
    socket.off("close", leave);
  }
}

/** The header `x-plexus-cache` of a request. Error: BAD_REQUEST. */
function cacheUseOf({ headers }: FastifyRequest): CacheWish | undefined {
  const use = headers["x-plexus-cache"];
  if (use === undefined || cacheUses.some((one) => one === use)) return use as CacheWish | undefined;
  throw new PlexusError(
    failure("BAD_REQUEST", { header: "x-plexus-cache", problem: `must be ${cacheUses.join(", ")}` }),
  );
}

/** Names of models may have letters that a header may not. */
const headerText = (text: string): string => text.replaceAll(/[^!-~]+/g, (other) => encodeURIComponent(other));

function tellBudgets(reply: FastifyReply, budgets: CallNotices["budgets"]): void {
  if (!reply.sent) reply.headers(nearOf(budgets));
}

/** Which budgets are near their end, as a header says it. */
export function nearOf(budgets: CallNotices["budgets"]): Readonly<Record<string, string>> {
  const near = budgets.map(
    ({ budget, percent, resetsAtMs }) => `${budget}; used=${percent}; resets=${new Date(resetsAtMs).toISOString()}`,
  );
  return near.length === 0 ? {} : { "x-plexus-budget": near.join(", ") };
}

/** `look/people/0#pattern`: whose, where, and by which keyword. */
const wordsOf = (fault: Unfit | undefined): string =>
  fault === undefined ? "" : `${fault.tool ?? ""}${fault.at}#${fault.keyword}`;

/** Says in a header what of an answer does not fit its schemas, where nothing of it is sent yet. */
function tellUnfit(reply: FastifyReply, faults: readonly Unfit[]): void {
  if (reply.sent || reply.hasHeader("x-plexus-warning")) return;
  reply.header(
    "x-plexus-warning",
    faults
      .map((fault) => headerText(wordsOf(fault)))
      .join(", ")
      .slice(0, 1_000),
  );
}

/** Says in headers where an answer comes from. Of several choices the first says it. */
function tellFrom(reply: FastifyReply, from: AnswerFrom): void {
  if (reply.sent || reply.hasHeader("x-plexus-model") || reply.hasHeader("x-plexus-cache")) return;
  reply.headers(originOf(from));
}

/** Where an answer comes from, as headers say it. */
export const originOf = ({ model, cache, members, instead }: AnswerFrom): Readonly<Record<string, string>> => ({
  ...(model !== undefined && { "x-plexus-model": headerText(model) }),
  ...(cache !== undefined && { "x-plexus-cache": cache }),
  ...(instead === true && { "x-plexus-instead": "true" }),
  ...(members !== undefined && {
    "x-plexus-members": members.map((one) => `${headerText(one.model)}=${one.end}`).join(", "),
  }),
});

/** Runs several calls as one: when one fails, the others are cancelled. */
export function together<T>(
  asking: Asking,
  count: number,
  work: (asking: Asking, index: number) => Promise<T>,
): Promise<readonly T[]> {
  return count === 1 ? work(asking, 0).then((one) => [one]) : several(asking, count, work);
}

async function several<T>(
  asking: Asking,
  count: number,
  work: (asking: Asking, index: number) => Promise<T>,
): Promise<readonly T[]> {
  const all = { ...asking, interest: new Interest(asking.interest) };
  const each = Array.from({ length: count }, (_, index) =>
    work(all, index).catch((error: unknown) => {
      all.interest.lose();
      throw error;
    }),
  );
  const ends = await Promise.allSettled(each);
  // The first that failed says why; those that it ended say that they were cancelled.
  const faults = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  const fault = faults.find((reason) => failureOf(reason).code !== "CANCELLED") ?? faults[0];
  if (fault !== undefined) throw fault;
  return ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
}

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (reason: Failure) => void;
}

interface Call<Name extends EngineName> {
  readonly name: Name;
  readonly asked: Asked<Name>;
  readonly onPart: ((part: EnginePart<Name>) => void) | undefined;
}

interface Line {
  running: number;
  readonly waiting: FairQueue<Waiting>;
}

const gone = (): Failure => failure("BAD_REQUEST", { reason: "the client is gone" });

/** Makes it. */
export function createCalls(at: GatewayContext): Calls {
  const { clock, limits } = at;
  const lines = new Map<string, Line>();

  /** Waits for a place of the caller's; resolves with the function that gives it back. */
  function place({ caller, interest }: Asking): Promise<() => void> | (() => void) {
    const line = lines.get(caller.user) ?? { running: 0, waiting: new FairQueue<Waiting>() };
    lines.set(caller.user, line);
    const leave = (): void => {
      line.running -= 1;
      const next = line.waiting.next();
      if (next !== undefined) next.begin();
      else if (line.running === 0) lines.delete(caller.user);
    };
    if (line.running < limits.callsPerPersonMax) {
      line.running += 1;
      return leave;
    }
    return new Promise((resolve, reject) => {
      const key = `${caller.kind}/${caller.session}`;
      const over = (): void => {
        cancelTimer();
        interest.keep(stop);
      };
      const waiting: Waiting = {
        begin() {
          over();
          line.running += 1;
          resolve(leave);
        },
        refuse(reason) {
          over();
          reject(new PlexusError(reason));
        },
      };
      const leaveLine = (reason: Failure): void => {
        line.waiting.leave(key, "", waiting);
        waiting.refuse(reason);
      };
      const stop = (): void => leaveLine(gone());
      const cancelTimer = clock.after(limits.completionTimeoutMs, () =>
        leaveLine(failure("GENERATION_TIMEOUT", { timeoutMs: limits.completionTimeoutMs })),
      );
      interest.whenLost(stop);
      const max = limits.callsWaitingPerPersonMax;
      const full = failure("RATE_LIMITED", { limit: "callsWaitingPerPersonMax", max, retryAfterMs: 1_000 });
      const joined = line.waiting.join(key, "", waiting, { max, perShareMax: max });
      if (joined.type === "full") waiting.refuse(full);
      else if (joined.type === "displaced") joined.item.refuse(full);
    });
  }

  /** Where a model is, and why it cannot be used, is for people who can do something about it. */
  function forCaller(error: Failure, { caller, address }: Pick<Asking, "caller" | "address">): Failure {
    return at.rights.refusal(caller, "cluster.see", address) === undefined ? error : withoutPlaces(error);
  }

  /** Runs a call that has a place, and leaves it. */
  function call<Name extends EngineName>(
    { caller, address, interest, cache, told, near, unfit, placed, trace }: Asking,
    { name, asked, onPart = () => undefined }: Call<Name>,
    leave: () => void,
  ): Promise<EngineAnswer<Name>> {
    const max = limits.completionTextBytesMax;
    let bytes = 0;
    let begun = false;
    return new Promise((resolve, reject) => {
      const request = {
        ...asked,
        id: `v1-${at.newId()}`,
        timeoutMs: limits.completionWholeMs,
        silenceMs: limits.completionTimeoutMs,
        // The caller takes the turn, also with somebody else's agent.
        person: caller.actor,
        key: `${caller.kind}/${caller.session}`,
        ...(trace !== undefined && { trace }),
        ...(cache !== undefined && asked.cache === undefined && { cache }),
      } as unknown as EngineRequest<Name>;
      const hear = (said: Said<Name>): void => {
        if (bytes > max) return;
        if (!begun) {
          begun = true;
          const notices = near && at.budgets?.noticesOf(request.id);
          if (notices !== undefined) near?.(notices.budgets);
        }
        if (said.type === "answered") {
          interest.keep(cancel);
          leave();
          if (said.result.ok && "from" in said.result.value) told?.(said.result.value.from as AnswerFrom);
          if (said.result.ok && "unfit" in said.result.value) {
            const faults = said.result.value.unfit as readonly Unfit[];
            at.log.info("answer.unfit", { model: asked.model, faults: faults.length, first: wordsOf(faults[0]) });
            unfit?.(faults);
          }
          if (said.result.ok) resolve(said.result.value as EngineAnswer<Name>);
          else reject(new PlexusError(forCaller(said.result.error, { caller, address })));
          return;
        }
        const part = said.part as EnginePart<Name>;
        if ("from" in part) told?.(part.from as AnswerFrom);
        bytes += sizeOf(part);
        if (bytes <= max) return onPart(part);
        run.cancel();
        interest.keep(cancel);
        leave();
        reject(new PlexusError(failure("TOO_LARGE", { limit: "completionTextBytesMax", max })));
      };
      let run: Running;
      try {
        run = engineOf(at.engines, name).call(request, hear);
      } catch (error) {
        leave();
        throw error;
      }
      // Nobody reads what would be written.
      const cancel = (): void => run.cancel();
      interest.whenLost(cancel);
      placed?.();
    });
  }

  return {
    // Without `async`: each promise more on the way of every call would be one for nothing.
    run(asking, name, asked, onPart) {
      if (asking.interest.lost) return Promise.reject(new PlexusError(gone()));
      const one = { name, asked, onPart };
      const placed = place(asking);
      // However long it waited, what follows has all of its time: a model may be silent as long behind a wait as
      // without one.
      return typeof placed === "function"
        ? call(asking, one, placed)
        : placed.then((leave) => call(asking, one, leave));
    },
  };
}

/** Bytes of a part, about. */
function sizeOf(part: EnginePart): number {
  if ("bytes" in part) return part.bytes.byteLength;
  const { thought, calls, pieces } = part as GenerationPart;
  let size = Buffer.byteLength(part.text);
  if (thought !== undefined) size += Buffer.byteLength(thought);
  if (pieces !== undefined) for (const one of pieces) size += Buffer.byteLength(one.arguments);
  if (calls !== undefined) for (const one of calls) size += Buffer.byteLength(one.arguments) + one.name.length;
  return size;
}
