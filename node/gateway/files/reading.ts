/** Files of messages, as members read them: whole, or a part by `Range`. */
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { Type } from "typebox";
import {
  failure,
  fileId,
  ok,
  PlexusError,
  roomOfFile,
  schema,
  wireLimits,
  type ErrorCode,
  type KeptFile,
} from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { untilRead } from "../commands/calls.ts";
import { waiting } from "../commands/routes.ts";
import { callerOf } from "../edge/http.ts";
import { demand } from "../edge/refusals.ts";
import { isNamed } from "../edge/unchanged.ts";
import type { GatewayContext } from "../options.ts";
import { bytesOf, roomActor } from "./sealed.ts";
import { isShown, unknownType } from "./file-types.ts";

/** From `start` on, before `end`. */
interface Part {
  readonly start: number;
  readonly end: number;
}

const fileErrors = [
  "NOT_A_MEMBER",
  "NOT_FOUND",
  "RATE_LIMITED",
  "FILE_BEING_CHECKED",
  "FILE_QUARANTINED",
] as const satisfies readonly ErrorCode[];

/** Parts of a file that one request holds: the one that is sent, and the one behind it. */
const partsHeld = 2;

/** The file that a request names; its room is asked for it in the person's name. Throws NOT_FOUND. */
function named({ kernel, limits }: Pick<GatewayContext, "kernel" | "limits">, request: FastifyRequest) {
  const { room, file: id } = request.params as { readonly room: string; readonly file: string };
  if (roomOfFile(id) !== room) throw new PlexusError(failure("NOT_FOUND", { file: id }));
  const message = { type: "file", by: callerOf(request).actor, id };
  const asked = { to: roomActor(id), from: "gateway", message, timeoutMs: limits.askTimeoutMs } as const;
  return { id, ask: async () => demand(await kernel.ask(asked)) as KeptFile };
}

/** The route. */
export function fileRoute(at: GatewayContext, blobs: ActorBlobs): RouteOptions {
  return {
    method: "GET",
    url: "/rooms/:room/files/:file",
    config: { access: "user", permission: "room.read", errors: fileErrors },
    schema: {
      summary: "A file of a message: for those who may read the message now",
      description:
        "Pictures, sounds and films are sent as what they are, all else to be saved; `?download` has everything " +
        "saved. `Range` and `If-Range` ask for a part.",
      tags: ["room"],
      params: schema.object({ room: schema.roomKey, file: fileId }),
      querystring: schema.object({ download: Type.Optional(Type.String({ maxLength: 8 })) }),
      produces: [unknownType],
    },
    async handler(request, reply) {
      const { ask } = named(at, request);
      const file = await ask();
      const held = Math.min(file.bytes, partsHeld * wireLimits.filePartBytes);
      demand(await untilRead(at, waiting(reply), held, async () => ok(file)));
      return send(request, reply, file, (part) => bytesOf(blobs, file, { ...part, askAgain: ask }));
    },
  };
}

/** The route of the small picture that the room's node has made of a file. */
export function previewRoute(at: GatewayContext, blobs: ActorBlobs): RouteOptions {
  return {
    method: "GET",
    url: "/rooms/:room/files/:file/preview",
    config: { access: "user", permission: "room.read", errors: fileErrors },
    schema: {
      summary: "A small picture of a file, where there is one",
      description: "Of a picture, or of the first page of a document: WebP. The message says whether there is one.",
      tags: ["room"],
      params: schema.object({ room: schema.roomKey, file: fileId }),
      produces: ["image/webp"],
    },
    async handler(request, reply) {
      const { id, ask } = named(at, request);
      const { preview, ...file } = await ask();
      if (preview === undefined) throw new PlexusError(failure("NOT_FOUND", { file: id }));
      const { part, ...made } = preview;
      const small: KeptFile = { ...file, ...made, name: `${file.name}.webp`, type: "image/webp", parts: [part] };
      demand(await untilRead(at, waiting(reply), small.bytes, async () => ok(small)));
      return send(request, reply, small, (wanted) =>
        bytesOf(blobs, small, { ...wanted, askAgain: async () => undefined }),
      );
    },
  };
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  file: KeptFile,
  read: (part: Part) => AsyncGenerator<Uint8Array>,
): Promise<FastifyReply> {
  const { range, "if-range": ifRange, "if-none-match": known } = request.headers;
  const etag = `"${file.id}"`;
  const isKnown = isNamed(known, etag);
  const asked = ifRange === undefined || ifRange === etag ? rangeIn(range, file.bytes) : undefined;
  const part = asked === undefined || asked === "outside" ? { start: 0, end: file.bytes } : asked;
  const isEmpty = request.method === "HEAD" || isKnown || asked === "outside";
  const bytes = isEmpty ? undefined : await begun(read(part));
  const isSaved = (request.query as { readonly download?: string }).download !== undefined || !isShown(file.type);
  void reply.headers({
    etag,
    // What has this name never changes; whether this person may have it is asked each time.
    "cache-control": "private, no-cache",
    "accept-ranges": "bytes",
    "content-type": isShown(file.type) ? file.type : unknownType,
    "content-disposition": dispositionOf(isSaved ? "attachment" : "inline", file.name),
    // Opened by itself, it is a document of nobody's.
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
  });
  if (isKnown) return reply.code(304).send();
  if (asked === "outside") {
    void reply.code(416).header("content-range", `bytes */${file.bytes}`);
    void reply.headers({ "content-type": "application/json", "content-disposition": "inline" });
    return reply.send({ error: failure("BAD_REQUEST", { field: "range", bytes: file.bytes }) });
  }
  if (asked !== undefined)
    void reply.code(206).header("content-range", `bytes ${part.start}-${part.end - 1}/${file.bytes}`);
  void reply.header("content-length", part.end - part.start);
  return reply.send(Readable.from(bytes ?? [], { objectMode: false }));
}

/** The same bytes, once the first of them are here: no head says before that they come. Errors: those of `bytes`. */
async function begun(bytes: AsyncGenerator<Uint8Array>): Promise<AsyncGenerator<Uint8Array>> {
  const first = await bytes.next();
  return (async function* all() {
    if (first.done !== true) yield first.value;
    yield* bytes;
  })();
}

/** The one part that is asked for. Undefined: all of it, also where several parts are asked for. */
export function rangeIn(header: string | undefined, bytes: number): Part | "outside" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes : Math.min(bytes, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < start) return undefined;
  return start < end ? { start, end } : "outside";
}

/** https://www.rfc-editor.org/rfc/rfc6266: for old readers a name of ASCII, for all others the name as it is. */
export function dispositionOf(how: "inline" | "attachment", name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${how}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
