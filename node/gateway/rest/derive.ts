/** The routes of operations, each made of its row (`protocols/operations`): what is asked is checked, what the caller
 *  needs is the row's, and what was changed leaves an entry in the audit with what differs, and is told.
 *
 *      row ──► method, path, schemas, permission ──► handler ──► audit: before, after ──► answer */
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from "fastify";
import {
  allOperations,
  auditActionOf,
  failure,
  isForKeys,
  permissionOf,
  PlexusError,
  type Asker,
  type AuditAction,
  type ComposedHandlers,
  type Done,
  type NamedOperation,
  type Operation,
  type Result,
  wireLimits,
} from "../../../protocols/index.ts";
import { audited, changeOf, noteAccount, plainFacts, quietly, whoIs } from "../audited.ts";
import type { Access } from "../edge/http.ts";
import { wideJsonBounds } from "../edge/json.ts";
import type { GatewayLimits } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { askerOf, keyHeader } from "./asker.ts";
import type { Noted, OwnHandlers, Wire } from "./own.ts";

type Input = Readonly<Record<string, unknown>>;
type Handler = (input: Input, asker: Asker, wire: Wire) => Promise<Result<unknown> | Done<unknown> | Noted<unknown>>;

/** What operations need of a gateway. */
type OperationContext = Pick<
  GatewayContext,
  "log" | "audit" | "changed" | "clock" | "rights" | "publicUrl" | "limits" | "rates"
>;

/** Adds the route of each operation. A node that has no part for one answers NOT_FOUND. */
export function addOperations(
  app: FastifyInstance,
  at: OperationContext,
  handlers: Partial<ComposedHandlers & OwnHandlers>,
  operations: readonly NamedOperation[] = allOperations,
): void {
  // What several operations ask for is counted together.
  const takers = new Map<string, ReturnType<typeof takenBy>>();
  const takerOf = (rate: NonNullable<Operation["rate"]>): ReturnType<typeof takenBy> => {
    const known = takers.get(rate.of) ?? takenBy(at, rate);
    takers.set(rate.of, known);
    return known;
  };
  for (const operation of operations) {
    const { name, method, path, row } = operation;
    const handler = handlers[name as keyof typeof handlers] as Handler | undefined;
    const take = row.rate && takerOf(row.rate);
    app.route({
      method,
      url: path,
      ...doorOf(row, at.limits),
      schema: schemaOf(operation),
      async handler(request, reply) {
        if (handler === undefined)
          throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
        take?.(whoIs(request));
        const input = inputOf(operation, request);
        const asker = askerOf(at, request, row.once && { name, input });
        const answered = await handler(input, asker, { request, reply });
        const { operation: once } = asker;
        const answer = await ("result" in answered
          ? changedBy(at, request, { row, input, once, done: answered })
          : demand(answered));
        if (row.code !== undefined) void reply.code(row.code);
        if (row.cached) void reply.header("cache-control", "no-cache");
        return answer;
      },
    });
  }
}

/** Counts what one person asks for. Throws RATE_LIMITED. */
function takenBy(
  { rates, limits }: Pick<OperationContext, "rates" | "limits">,
  { of, act }: NonNullable<Operation["rate"]>,
): (by: string) => void {
  const rate = limits[`${of}Rate`];
  const taken = rates.limit(of, rate, "passes");
  return (by) => {
    const retryAfterMs = taken.take(by);
    const reason = `one person may ${act(rate.count)} in ${rate.windowMs / 1_000} s`;
    if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { reason, retryAfterMs }));
  };
}

/** What is written down of a change: what its row says of it, of which fields, and what became of it. */
interface Change {
  readonly audit: NonNullable<Operation["audit"]>;
  readonly input: Input;
  /** What a request that may be repeated is called: each repetition is in the audit under the same name. */
  readonly once: string | undefined;
  readonly done: Done<unknown> | Noted<unknown>;
}

/** Writes down what was changed, and tells it; then it is answered. */
async function changedBy(
  at: OperationContext,
  request: FastifyRequest,
  { row: { audit }, input, once, done }: Omit<Change, "audit"> & { readonly row: Operation },
): Promise<unknown> {
  const value =
    audit === undefined
      ? demand(done.result)
      : await (audit.about === "account" ? noteOwn : noteChange)(at, request, { audit, input, once, done });
  return "answer" in done ? done.answer() : value;
}

/** What the audit calls a change, and what its entry says. The table has typed both by the row's own fields. */
function saidOf({ audit, input, once, done: { facts, action } }: Change): { named: AuditAction; facts: Input } {
  const said = {
    ...audit.facts(input as never),
    ...facts,
    ...(action && { action }),
    ...(once && { operation: once }),
  };
  return { named: action ?? audit.action, facts: said };
}

/** Writes down what was done to an account, and no more of it than that. */
async function noteOwn(at: OperationContext, request: FastifyRequest, change: Change): Promise<unknown> {
  const { named, facts } = saidOf(change);
  const { done } = change;
  const { result } = done;
  const user = request.caller?.user ?? String(facts["user"]);
  if (result.ok && "entry" in done && done.entry !== undefined) await done.entry();
  else await noteAccount(at, request, named, user, result.ok ? undefined : result.error.code);
  return demand(result) ?? {};
}

/** Writes down what was done in the cluster, to what, and what differs. */
async function noteChange(at: OperationContext, request: FastifyRequest, change: Change): Promise<unknown> {
  const { audit, input, done } = change;
  const { result, before, after, told } = done;
  const { named, facts } = saidOf(change);
  const isQuiet = told === false && (audit.quiet !== undefined || auditActionOf(named)?.power === "none");
  const heard = told === false ? undefined : told;
  const by = isQuiet || heard?.tell?.admins === true ? quietly(at) : at;
  const answer = await audited(by, request, facts, Promise.resolve(result), () => changeOf(before, after));
  if (isQuiet) return answer;
  const remembered = heard?.facts ?? audit.remembers?.(input as never, plainFacts(facts));
  if (remembered !== undefined) at.changed?.(heard?.action ?? named, remembered, whoIs(request), heard?.tell);
  return answer;
}

/** Whom an operation is for, by what it needs. */
function accessTo({ permission, person }: Operation): Access {
  if (permission === "anyone") return "anyone";
  if (permissionOf(permission).has.includes("admin")) return "admin";
  return person === true || !isForKeys(permission) ? "person" : "user";
}

/** What stands before an operation: who is let in, and what the body may be. Pure. */
export function doorOf(
  row: Operation,
  limits: GatewayLimits,
): { readonly config: FastifyContextConfig; readonly bodyLimit?: number } {
  const { permission, proves, audit, large, errors, looks, control, form } = row;
  const config = {
    access: accessTo(row),
    ...(permission !== "anyone" && { permission }),
    ...(audit && { audit: audit.action }),
    ...(looks && { looks }),
    ...(control && { control }),
    ...(proves && { proves }),
    ...(form && { crossSite: true as const }),
    errors,
  };
  if (large === undefined) return { config };
  const bytesMax = {
    // The bytes as text, and what is around them.
    stripe: 2 * wireLimits.stripePutBytesMax,
    picture: 2 * wireLimits.emojiFileBytesMax,
    keys: limits.keysBodyBytesMax,
  }[large];
  const json = large === "keys" && { json: wideJsonBounds(limits) };
  return { config: { ...config, bytesMax, ...json }, bodyLimit: bytesMax };
}

/** Where a request has its fields; undefined: it takes none. */
function placeOfFields({ method, row }: NamedOperation): "query" | "body" | undefined {
  if (row.fields === undefined) return undefined;
  return method === "GET" || method === "DELETE" ? "query" : "body";
}

const isEmpty = ({ properties }: { readonly properties?: object }): boolean =>
  properties !== undefined && Object.keys(properties).length === 0;

/** What the route checks, and what the description of the interface says of it. Pure. */
export function schemaOf(operation: NamedOperation): object {
  const { name, row } = operation;
  const { params, fields, answer, summary, description, tags } = row;
  const place = placeOfFields(operation);
  return {
    summary,
    ...(description !== undefined && { description }),
    operationId: name,
    tags,
    ...(row.permission === "anyone" && { security: [] }),
    ...(row.once && { headers: keyHeader }),
    ...(!isEmpty(params) && { params }),
    ...(place !== undefined && { [place === "query" ? "querystring" : place]: fields }),
    response: { 200: answer, ...(row.also && { [row.also]: answer }) },
  };
}

/** All fields of a request whose parts were checked. What no row takes is left out. */
function inputOf(operation: NamedOperation, request: FastifyRequest): Input {
  const place = placeOfFields(operation);
  return { ...(place !== undefined && (request[place] as object)), ...(request.params as object) };
}
