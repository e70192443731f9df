/** What came of requests, as the dashboard shows it: by route, by kind of actor, by key (node/observe/requests.ts). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { parseActorId, PlexusError, type Failure, type Result } from "../../../protocols/index.ts";
import type { RequestEnd } from "../../ports/index.ts";
import type { Caller } from "../identity/callers.ts";
import type { GatewayContext } from "../options.ts";
import { statusOf } from "./refusals.ts";

type Counting = Pick<GatewayContext, "counts" | "clock">;

/** How a request counts that was answered with this status of HTTP. */
const endOf = (status: number): RequestEnd => {
  if (status < 400) return status === 304 ? "unchanged" : "done";
  if (status === 429) return "limited";
  return status >= 500 ? "failed" : "refused";
};

const endOfResult = (result: Result<unknown>): RequestEnd => endOf(result.ok ? 200 : statusOf(result.error));

/** Counts a request by its route, and by the key that asked. */
export function countRequest(
  { counts }: Pick<Counting, "counts">,
  asked: { readonly route: string; readonly caller: Caller | undefined; readonly tookMs: number },
  end: RequestEnd,
): void {
  const { route, caller, tookMs } = asked;
  counts?.took("route", route, tookMs, end);
  if (caller?.kind === "key") counts?.took("key", `${caller.user}/${caller.session}`, tookMs, end);
  if (caller?.kind === "control") counts?.took("key", caller.actor, tookMs, end);
}

/** Callers who were not let in: their requests count, too. */
const turnedAway = new WeakMap<FastifyRequest, Caller>();

/** Remembers who is not let in; what the request is answered with. */
export function turnAway(request: FastifyRequest, caller: Caller, reason: Failure): PlexusError {
  turnedAway.set(request, caller);
  return new PlexusError(reason);
}

/** Counts a request of HTTP that has been answered. */
export function countResponse(at: Pick<Counting, "counts">, request: FastifyRequest, reply: FastifyReply): void {
  const route = `${request.method} ${request.routeOptions.url ?? "none"}`;
  const caller = request.caller ?? turnedAway.get(request);
  countRequest(at, { route, caller, tookMs: reply.elapsedTime }, endOf(reply.statusCode));
}

/** Counts what an actor was asked, by the actor's kind. `sinceMs`: when, by the monotonic clock. */
export function countAsk({ counts, clock }: Counting, to: string, sinceMs: number, result: Result<unknown>): void {
  const kind = parseActorId(to)?.kind;
  if (kind !== undefined) counts?.took("kind", kind, clock.monotonicMs() - sinceMs, endOfResult(result));
}

/** Counts a command of a wire that has no routes: by its own name. */
export function countCommand(
  at: Counting,
  asked: { readonly route: string; readonly caller: Caller | undefined; readonly sinceMs: number },
  result: Result<unknown>,
): void {
  const { sinceMs, ...rest } = asked;
  countRequest(at, { ...rest, tookMs: at.clock.monotonicMs() - sinceMs }, endOfResult(result));
}
