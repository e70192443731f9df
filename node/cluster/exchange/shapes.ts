/** What arrives from a peer, checked against the rows of `protocols/mesh`. */
import type { TSchema } from "typebox";
import { checkOf, type Check } from "../../../protocols/wire/check.ts";
import { refused, type Result } from "../../../protocols/index.ts";
import { failed, meshMessages, type Channel, type MeshCall } from "../../../protocols/mesh/index.ts";

interface Shape {
  readonly schema: object;
  readonly check: Check;
}
interface Row {
  readonly channel: Channel;
  readonly body: Shape;
  /** Of calls only. */
  readonly answer: Shape | undefined;
}
const shapeOf = (schema: TSchema): Shape => ({ schema, check: checkOf(schema) });
const rows = new Map<string, Row>();
for (const [name, row] of Object.entries(meshMessages)) {
  const answer = "answer" in row ? shapeOf(row.answer) : undefined;
  rows.set(name, { channel: row.channel, body: shapeOf(row.schema), answer });
}
const failedCheck = checkOf(failed);

/** Without the fields that a later version may have added; undefined when it does not fit. */
function fitting({ schema, check }: Shape, said: unknown): unknown {
  if (check.Check(said)) return said;
  const known = knownFields(schema, said);
  return check.Check(known) ? known : undefined;
}

/** A body without the fields that a schema does not know and is closed to. Lists are left as they are: what stands in
 *  them is told by its place. */
function knownFields(schema: object, body: unknown): unknown {
  const { properties, additionalProperties } = schema as {
    readonly properties?: Readonly<Record<string, object>>;
    readonly additionalProperties?: unknown;
  };
  if (properties === undefined || additionalProperties !== false) return body;
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const fields = Object.entries(properties).filter(([field]) => Object.hasOwn(body, field));
  return Object.fromEntries(
    fields.map(([field, inner]) => [field, knownFields(inner, (body as Readonly<Record<string, unknown>>)[field])]),
  );
}

/** The channel of a message; undefined for one of a later version. */
export const channelOf = (name: string): Channel | undefined => rows.get(name)?.channel;

/** What a peer said in a message, without the fields that a later version may have added; undefined when it does not
 *  fit. */
export function saidIn(name: string, body: unknown): unknown {
  const row = rows.get(name);
  return row && fitting(row.body, body);
}

/** Whether a peer of this version would take a message as it is. */
export const fits = (name: string, body: unknown): boolean => rows.get(name)?.body.check.Check(body) ?? false;

/** What a peer sent as the answer to a call; undefined when it is none. */
export function answerOf(name: MeshCall, body: unknown): Result<unknown> | undefined {
  const shape = rows.get(name)?.answer;
  const { ok, value, error } = (body ?? {}) as { ok?: unknown; value?: unknown; error?: unknown };
  if (ok === false) return failedCheck.Check(error) ? refused(error) : undefined;
  if (ok !== true || shape === undefined) return undefined;
  const said = fitting(shape, value);
  return said === undefined ? undefined : { ok: true, value: said };
}
