/** The routes of operations, each made of its row (`protocols/operations`): what is asked is checked, what the caller needs is the row's, and what was
 *  changed leaves an entry in the audit with what differs, and is told.
 *
 *      row ──► method, path, schemas, permission ──► handler ──► audit: before, after ──► answer */
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  allOperations,
  failure,
  isForKeys,
  permissionOf,
  PlexusError,
  type Asker,
  type Done,
  type NamedOperation,
  type Operation,
  type OperationHandlers,
  type Permission,
  type Result,
} from "../../../protocols/index.ts";
import { audited, changeOf, plainFacts, whoIs } from "../audited.ts";
import type { Access } from "../http.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../refusals.ts";

type Input = Readonly<Record<string, unknown>>;
type Handler = (input: Input, asker: Asker) => Promise<Result<unknown> | Done<unknown>>;

/** Adds the route of each operation. A node that has no part for one answers NOT_FOUND. */
export function addOperations(
  app: FastifyInstance,
  at: Pick<GatewayContext, "log" | "audit" | "changed">,
  handlers: Partial<OperationHandlers>,
): void {
  for (const operation of allOperations) {
    const { name, method, path, row } = operation;
    const handler = handlers[name] as Handler | undefined;
    app.route({
      method,
      url: path,
      config: {
        access: accessTo(row.permission),
        permission: row.permission,
        ...(row.audit && { audit: row.audit.action }),
      },
      schema: schemaOf(operation),
      async handler(request, reply) {
        if (handler === undefined)
          throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
        const input = inputOf(operation, request);
        const answered = await handler(input, { by: whoIs(request) });
        const answer = await ("result" in answered ? changedBy(at, request, { row, input, done: answered }) : demand(answered)); // prettier-ignore
        if (row.code !== undefined) void reply.code(row.code);
        return answer;
      },
    });
  }
}

/** Writes down what was changed, and tells it. */
async function changedBy(
  at: Pick<GatewayContext, "log" | "audit" | "changed">,
  request: FastifyRequest,
  { row: { audit }, input, done }: { readonly row: Operation; readonly input: Input; readonly done: Done<unknown> },
): Promise<unknown> {
  if (audit === undefined) return demand(done.result);
  const { result, before, after } = done;
  // The table has typed both by the row's own fields.
  const facts = { ...audit.facts(input as never), ...done.facts };
  const answer = await audited(at, request, facts, Promise.resolve(result), () => changeOf(before, after));
  const remembered = audit.remembers?.(input as never, plainFacts(facts));
  if (remembered !== undefined) at.changed?.(audit.action, remembered, whoIs(request));
  return answer;
}

/** Whom a route is for, by what it needs. */
const accessTo = (permission: Permission): Access =>
  permissionOf(permission).has.includes("admin") ? "admin" : isForKeys(permission) ? "user" : "person";

/** Where a request has its fields; undefined: it takes none. */
function placeOfFields({ method, row }: NamedOperation): "query" | "body" | undefined {
  if (isEmpty(row.fields)) return undefined;
  return method === "GET" || method === "DELETE" ? "query" : "body";
}

const isEmpty = ({ properties }: { readonly properties?: object }): boolean =>
  properties !== undefined && Object.keys(properties).length === 0;

/** What the route checks, and what the description of the interface says of it. */
function schemaOf(operation: NamedOperation): object {
  const { name, row } = operation;
  const { params, fields, answer, summary, description, tags } = row;
  const place = placeOfFields(operation);
  return {
    summary,
    ...(description !== undefined && { description }),
    operationId: name,
    tags,
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
