/** The routes of operations, each made of its row (`protocols/operations`): what is asked is checked, what the caller
 *  needs is the row's, and what was changed leaves an entry in the audit with what differs, and is told.
 *
 *      row ──► method, path, schemas, permission ──► handler ──► audit: before, after ──► answer */
import { hash } from "node:crypto";
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  allOperations,
  auditActionOf,
  failure,
  isForKeys,
  permissionOf,
  PlexusError,
  type Asker,
  type ComposedHandlers,
  type Done,
  type GatewayOperation,
  type NamedOperation,
  type Operation,
  type OperationHandlers,
  type Result,
  wireLimits,
} from "../../../protocols/index.ts";
import { audited, changeOf, plainFacts, quietly, whoIs } from "../audited.ts";
import type { Access } from "../edge/http.ts";
import { wideJsonBounds } from "../edge/json.ts";
import type { GatewayLimits } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { askerOf, keyHeader } from "./asker.ts";

type Input = Readonly<Record<string, unknown>>;
type Handler = (input: Input, asker: Asker, wire: Wire) => Promise<Result<unknown> | Done<unknown>>;

/** The request and its answer, for what the gateway itself does: cookies, devices, answers of two kinds. */
export interface Wire {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** The handlers that the gateway itself has. */
export type OwnHandlers = {
  readonly [Name in GatewayOperation]: (
    ...args: [...Parameters<OperationHandlers[Name]>, Wire]
  ) => ReturnType<OperationHandlers[Name]>;
};

/** What operations need of a gateway. */
type OperationContext = Pick<GatewayContext, "log" | "audit" | "changed" | "clock" | "rights" | "publicUrl" | "limits">;

/** Adds the route of each operation. A node that has no part for one answers NOT_FOUND. */
export function addOperations(
  app: FastifyInstance,
  at: OperationContext,
  handlers: Partial<ComposedHandlers & OwnHandlers>,
  operations: readonly NamedOperation[] = allOperations,
): void {
  for (const operation of operations) {
    const { name, method, path, row } = operation;
    const handler = handlers[name as keyof typeof handlers] as Handler | undefined;
    app.route({
      method,
      url: path,
      ...doorOf(row, at.limits),
      schema: schemaOf(operation),
      async handler(request, reply) {
        if (handler === undefined)
          throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
        const input = inputOf(operation, request);
        const answered = await handler(input, askerOf(at, request, row.once && { name, input }), { request, reply });
        const isChange = "result" in answered;
        const answer = await (isChange ? changedBy(at, request, { row, input, done: answered }) : demand(answered));
        if (row.code !== undefined) void reply.code(row.code);
        if (row.cached && isKnown(request, reply, answer)) return reply.code(304).send();
        return answer;
      },
    });
  }
}

/** Whether a program has this answer already, which is told by what it calls it. */
function isKnown({ headers }: FastifyRequest, reply: FastifyReply, answer: unknown): boolean {
  const etag = `"${hash("sha256", JSON.stringify(answer)).slice(0, 32)}"`;
  void reply.headers({ etag, "cache-control": "no-cache" });
  return headers["if-none-match"] === etag;
}

/** Writes down what was changed, and tells it. */
async function changedBy(
  at: OperationContext,
  request: FastifyRequest,
  { row: { audit }, input, done }: { readonly row: Operation; readonly input: Input; readonly done: Done<unknown> },
): Promise<unknown> {
  if (audit === undefined) return demand(done.result);
  const { result, before, after, action, told } = done;
  // The table has typed both by the row's own fields.
  const facts = { ...audit.facts(input as never), ...done.facts, ...(action && { action }) };
  const named = action ?? audit.action;
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
  const { permission, proves, audit, large, errors } = row;
  const config = {
    access: accessTo(row),
    ...(permission !== "anyone" && { permission }),
    ...(audit && { audit: audit.action }),
    ...(proves && { proves }),
    ...(errors && { errors }),
  };
  if (large === undefined) return { config };
  // Of a stripe the bytes as text, and what is around them.
  const bytesMax = large === "stripe" ? 2 * wireLimits.stripePutBytesMax : limits.keysBodyBytesMax;
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
    response: { 200: answer },
  };
}

/** All fields of a request whose parts were checked. What no row takes is left out. */
function inputOf(operation: NamedOperation, request: FastifyRequest): Input {
  const place = placeOfFields(operation);
  return { ...(place !== undefined && (request[place] as object)), ...(request.params as object) };
}
