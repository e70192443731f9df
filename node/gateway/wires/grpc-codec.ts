/** What gRPC has on the wire: messages of `protocols/grpc/plexus.proto`, and plain values inside.
 *
 *  `google.protobuf.Struct` and `Value` are read from and written to plain values at once: protobufjs would make an
 *  object of each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import {
  clientCommands,
  failure,
  ok,
  ownKinds,
  PlexusError,
  refused,
  type ClientFrame,
  type Failure,
  type JsonBounds,
  type NamedCommand,
  type NodeFrame,
  type Result,
} from "../../../protocols/index.ts";
import { excessFailure } from "../edge/json.ts";
import { statusOf } from "../edge/refusals.ts";
import { protoExcess } from "./grpc-meter.ts";

/** Where the description is. */
export const protoPath = fileURLToPath(new URL("../../../protocols/grpc/plexus.proto", import.meta.url));

const { Reader, Writer } = protobuf;
const root = new protobuf.Root();
root.loadSync(protoPath);
root.resolveAll();
const typeOf = (name: string): protobuf.Type => root.lookupType(name.includes(".") ? name : `plexus.v1.${name}`);

/** JSON from clients may be nested as deep. */
const depthMax = 16;

type Plain = Readonly<Record<string, unknown>>;

function writeStruct(fields: Plain, writer: protobuf.Writer): protobuf.Writer {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    writer.uint32(10).fork().uint32(10).string(name).uint32(18).fork();
    writeValue(value, writer).ldelim().ldelim();
  }
  return writer;
}

function writeValue(value: unknown, writer: protobuf.Writer): protobuf.Writer {
  if (typeof value === "string") return writer.uint32(26).string(value);
  // What JSON has no word for is nothing there, too.
  if (typeof value === "number" && Number.isFinite(value)) return writer.uint32(17).double(value);
  if (typeof value === "boolean") return writer.uint32(32).bool(value);
  if (Array.isArray(value)) {
    writer.uint32(50).fork();
    for (const one of value) writeValue(one, writer.uint32(10).fork()).ldelim();
    return writer.ldelim();
  }
  if (typeof value === "object" && value !== null)
    return writeStruct(value as Plain, writer.uint32(42).fork()).ldelim();
  return writer.uint32(8).int32(0);
}

/** Calls back with each field's tag, as far as `reader` may be read. */
function eachField(reader: protobuf.Reader, bytes: number, read: (tag: number) => boolean): void {
  const end = reader.pos + bytes;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!read(tag)) reader.skipType(tag & 7);
  }
}

function readStruct(reader: protobuf.Reader, bytes: number, depth: number): Plain {
  const fields: Record<string, unknown> = {};
  eachField(reader, bytes, (tag) => {
    if (tag !== 10) return false;
    let name = "";
    let value: unknown = null;
    eachField(reader, reader.uint32(), (inner) => {
      if (inner === 10) name = reader.string();
      else if (inner === 18) value = readValue(reader, reader.uint32(), depth + 1);
      else return false;
      return true;
    });
    // It would reach a prototype if somebody copied it key by key.
    if (name === "__proto__" || name === "constructor") throw new Error("a forbidden key");
    fields[name] = value;
    return true;
  });
  return fields;
}

function readValue(reader: protobuf.Reader, bytes: number, depth: number): unknown {
  if (depth > depthMax) throw new Error(`nested deeper than ${depthMax}`);
  let value: unknown = null;
  eachField(reader, bytes, (tag) => {
    if (tag === 8) reader.int32();
    else if (tag === 17) value = reader.double();
    else if (tag === 26) value = reader.string();
    else if (tag === 32) value = reader.bool();
    else if (tag === 42) value = readStruct(reader, reader.uint32(), depth + 1);
    else if (tag === 50) {
      const list: unknown[] = [];
      eachField(reader, reader.uint32(), (inner) => {
        if (inner !== 10) return false;
        list.push(readValue(reader, reader.uint32(), depth + 1));
        return true;
      });
      value = list;
    } else return false;
    return true;
  });
  return value;
}

/** Makes protobufjs take plain values for a type. */
function plainly(
  name: string,
  write: (value: never, writer: protobuf.Writer) => protobuf.Writer,
  read: (reader: protobuf.Reader, bytes: number, depth: number) => unknown,
): void {
  const same = (value: unknown) => value;
  Object.assign(typeOf(`google.protobuf.${name}`), {
    encode: (value: never, writer: protobuf.Writer = Writer.create()) => write(value, writer),
    decode: (from: protobuf.Reader | Uint8Array, bytes?: number) => {
      const reader = from instanceof Reader ? from : Reader.create(from);
      return read(reader, bytes ?? reader.len - reader.pos, 0);
    },
    toObject: same,
    fromObject: same,
  });
}
plainly("Struct", (value: Plain, writer) => writeStruct(value, writer), readStruct);
plainly("Value", (value: unknown, writer) => writeValue(value, writer), readValue);

/** A message as a plain object, with what a sender leaves out because it is the default. What may be absent is
 *  absent. */
const plainOf = (type: protobuf.Type, bytes: Uint8Array): Record<string, unknown> =>
  unwrapped(type, type.toObject(type.decode(bytes), { longs: Number, defaults: true }));

/** Takes away what protobuf alone has: lists that may be absent have a message around them, and what is absent is
 *  null. */
function unwrapped(type: protobuf.Type, value: Record<string, unknown>): Record<string, unknown> {
  for (const [name, of] of Object.entries(value)) {
    if (of === null) delete value[name];
    const inner = type.fields[name]?.resolvedType;
    if (of === null || !(inner instanceof protobuf.Type) || inner.fullName.startsWith(".google.")) continue;
    if (!Array.isArray(of)) value[name] = unwrapped(inner, of as Record<string, unknown>);
    else for (const one of of as Record<string, unknown>[]) unwrapped(inner, one);
    const isList = inner.name.endsWith("List") && inner.fieldsArray.length === 1;
    if (isList) value[name] = (value[name] as { readonly values: unknown }).values;
  }
  return value;
}

/** Reads a message from outside, which is counted before it is made. Errors: BAD_REQUEST; TOO_LARGE with the limit. */
function read<T>(
  type: protobuf.Type,
  bytes: Uint8Array,
  bounds: JsonBounds,
  make: (fields: Record<string, unknown>) => T,
): Result<T> {
  try {
    const excess = protoExcess(type, bytes, bounds);
    return excess === undefined ? ok(make(plainOf(type, bytes))) : refused(excessFailure(excess, bounds));
  } catch (error) {
    return refused(
      failure("BAD_REQUEST", {
        path: "",
        problem: `not a message of this method: ${String((error as Error).message).slice(0, 100)}`,
      }),
    );
  }
}

const pascal = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** A command as a method. */
export interface CommandMethod extends NamedCommand {
  readonly path: string;
  /** `room.post`, as a frame names it. */
  readonly do: string;
  /** Reads a request, as the frame that asks the same. Errors: BAD_REQUEST, TOO_LARGE. */
  read(bytes: Uint8Array, bounds: JsonBounds): Result<ClientFrame>;
  write(answer: unknown): Buffer;
}

/** Encodes one message. */
function encoderOf(type: protobuf.Type): (value: unknown) => Buffer {
  return (value) => type.encode(value as Plain).finish() as Buffer;
}

/** What a message of a command says, as a frame. */
function commandFrame({ kind, name }: NamedCommand, id: number, fields: Record<string, unknown>): ClientFrame {
  const { to, operationId, ...rest } = fields as { to?: string; operationId?: string };
  const isOwn = ownKinds.has(kind) && (to === undefined || to === "");
  return {
    id,
    do: `${kind}.${name}`,
    ...(!isOwn && { to: to ?? "" }),
    ...(operationId !== undefined && { operationId }),
    with: rest,
  };
}

const methodOf = ({ kind, name }: NamedCommand): protobuf.Method | undefined => {
  const service = root.lookup(`plexus.v1.${pascal(kind)}Service`) as protobuf.Service | null;
  return service?.methods[pascal(name)];
};

/** The methods of commands. Asked for when a node listens, and not before: the program that writes the file anew for a
 *  new command loads this module, too. Throws CONFIG_INVALID where the file lacks one. */
export function commandMethodsOf(commands: readonly NamedCommand[]): readonly CommandMethod[] {
  const lacking = commands.filter((command) => methodOf(command) === undefined);
  if (lacking.length > 0) {
    const names = lacking.map(({ kind, name }) => `${kind}.${name}`).join(", ");
    const reason =
      `protocols/grpc/plexus.proto has no method for ${names}: it is of another version than the rest of Plexus. ` +
      "Install the release again; in a checkout run `node test/tidy/proto.ts --write`";
    throw new PlexusError(failure("CONFIG_INVALID", { field: "grpc", reason }));
  }
  return commands.map((command) => {
    const { kind, name } = command;
    const { requestType, responseType } = methodOf(command) as protobuf.Method;
    const request = typeOf(requestType);
    return {
      ...command,
      path: `/plexus.v1.${pascal(kind)}Service/${pascal(name)}`,
      do: `${kind}.${name}`,
      read: (bytes, bounds) => read(request, bytes, bounds, (fields) => commandFrame(command, 0, fields)),
      write: encoderOf(typeOf(responseType)),
    };
  });
}

/** A route of admins as a method. */
interface AdminMethod {
  readonly path: string;
  /** Reads a request, as the request of HTTP that asks the same. Errors: BAD_REQUEST, TOO_LARGE. */
  read(bytes: Uint8Array, bounds: JsonBounds): Result<RouteCall>;
  /** Writes what the route answered. */
  write(answer: unknown): Buffer;
}

/** Where what of a route's request goes: a line of `protocols/grpc/routes.json`. */
interface RouteRow {
  readonly method: string;
  /** Like `/api/v1/admin/tasks/{id}`. */
  readonly path: string;
  readonly query?: readonly string[];
  readonly body?: readonly string[] | "body";
}

/** Error: an empty name in the path, which would be another route. */
function routeCallOf({ method, path, query = [], body }: RouteRow, fields: Record<string, unknown>): RouteCall {
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const said = String((fields[name] ?? "") as string | number);
    if (said === "") throw new Error(`${name} is missing`);
    return encodeURIComponent(said);
  });
  const asked = new URLSearchParams(
    query.flatMap((name) => {
      const said = fields[name] as string | number | boolean | readonly string[] | undefined;
      return said === undefined ? [] : [said].flat().map((one) => [name, String(one)]);
    }),
  );
  const carried = (names: readonly string[]): Plain =>
    Object.fromEntries(names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])));
  return {
    method,
    path: asked.size === 0 ? place : `${place}?${asked.toString()}`,
    ...(body !== undefined && { body: body === "body" ? (fields["body"] ?? {}) : carried(body) }),
  };
}

const routeRows = JSON.parse(readFileSync(join(protoPath, "../routes.json"), "utf8")) as Readonly<
  Record<string, RouteRow>
>;

/** Every route of admins that answers JSON. */
export const adminMethods: readonly AdminMethod[] = Object.entries(routeRows).map(([name, row]) => {
  const method = root.lookupService("plexus.v1.AdminService").methods[name] as protobuf.Method;
  const request = typeOf(method.requestType);
  return {
    path: `/plexus.v1.AdminService/${name}`,
    read: (bytes, bounds) => read(request, bytes, bounds, (fields) => routeCallOf(row, fields)),
    write: encoderOf(typeOf(method.responseType)),
  };
});

const clientFrameType = typeOf("ClientFrame");
const commandsByField = new Map(clientCommands.map((command) => [`${command.kind}${pascal(command.name)}`, command]));

/** Reads a frame of a stream. Errors: BAD_REQUEST, TOO_LARGE. */
export function readClientFrame(bytes: Uint8Array, bounds: JsonBounds): Result<ClientFrame> {
  const decoded = read(clientFrameType, bytes, bounds, (fields) => fields);
  if (!decoded.ok) return decoded;
  const { id, ...said } = decoded.value as { id: number };
  const [one, more] = Object.entries(said) as [string, Record<string, unknown>][];
  if (one === undefined || more !== undefined)
    return refused(failure("BAD_REQUEST", { path: "/command", problem: "not one command that this node knows" }));
  const [name, fields] = one;
  const command = commandsByField.get(name);
  if (command !== undefined) return ok(commandFrame(command, id, fields));
  // What these say stands in `with`, as of commands.
  return ok(
    (name === "look" || name === "here" ? { id, do: name, with: fields } : { id, do: name, ...fields }) as ClientFrame,
  );
}

/** The id of a frame, where it is written first, as everybody does. */
export function idOfFrame(bytes: Uint8Array): number | undefined {
  try {
    const reader = Reader.create(bytes);
    return reader.uint32() === 8 ? Number(reader.int64()) : undefined;
  } catch {
    return undefined;
  }
}

const writeNodeFrame = encoderOf(typeOf("NodeFrame"));

/** A frame of a node, behind its length: several may stand one behind the other. */
export function encodeNodeFrame(frame: NodeFrame): Buffer {
  const bytes = writeNodeFrame(shaped(frame));
  const whole = Buffer.allocUnsafe(4 + bytes.length);
  whole.writeUInt32BE(bytes.length);
  bytes.copy(whole, 4);
  return whole;
}

function shaped(frame: NodeFrame): Plain {
  if ("re" in frame) return { answer: frame };
  if ("event" in frame) return { event: frame };
  if ("lost" in frame) return { lost: { topic: frame.topic, reason: frame.lost } };
  if ("presence" in frame) return { presence: { people: frame.presence } };
  if ("degraded" in frame) return { degraded: frame.degraded ?? {} };
  return frame;
}

/** The frames in what `encodeNodeFrame` has made. */
export function* framesIn(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

/** A request to a route, as it would be in HTTP. */
export interface RouteCall {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly operationId?: string;
}

const routeCallType = typeOf("RouteCall");
export const routePath = "/plexus.v1.RouteService/Call";
export const connectPath = "/plexus.v1.StreamService/Connect";

/** Errors: BAD_REQUEST, TOO_LARGE. */
export const readRouteCall = (bytes: Uint8Array, bounds: JsonBounds): Result<RouteCall> =>
  read(routeCallType, bytes, bounds, (fields) => fields as unknown as RouteCall);
export const writeRouteAnswer = encoderOf(typeOf("RouteAnswer"));

/** The code of gRPC for what HTTP has as a status. */
const codes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  410: status.FAILED_PRECONDITION,
  413: status.OUT_OF_RANGE,
  421: status.PERMISSION_DENIED,
  422: status.INVALID_ARGUMENT,
  426: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  500: status.INTERNAL,
  501: status.UNIMPLEMENTED,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
  507: status.RESOURCE_EXHAUSTED,
};

/** The code that carries a failure. What may have happened is never UNAVAILABLE: libraries of clients can be told to
 *  repeat that blindly. */
export function codeOf(reason: Failure): status {
  const code = codes[statusOf(reason)] ?? status.UNKNOWN;
  return reason.outcome === "unknown" && code === status.UNAVAILABLE ? status.UNKNOWN : code;
}

const failureType = typeOf("Failure");

/** A failure as details of a status: `google.rpc.Status` with one `plexus.v1.Failure`. */
export function statusDetails(reason: Failure): Buffer {
  const writer = Writer.create().uint32(8).int32(codeOf(reason)).uint32(18).string(reason.message);
  writer.uint32(26).fork().uint32(10).string("type.googleapis.com/plexus.v1.Failure");
  return writer.uint32(18).bytes(failureType.encode(reason).finish()).ldelim().finish() as Buffer;
}
