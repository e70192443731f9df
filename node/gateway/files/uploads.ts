/** Uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, termination, expiration.
 *
 *      POST  ─ may this person post there, is there room ─► an upload of the room, at offset 0
 *      PATCH ─ takes the upload over ─► bytes ─► a part is full, or the request is over ─► kept everywhere ─► offset
 *      HEAD  ─ takes it over, too: what it answers stays the offset
 *
 *  What came before a connection died counts, as far as it is noticed here. A writer that was taken over is ended where
 *  it is on this node; elsewhere the room refuses its next part. `receiving.ts` has what happens to the bytes. */
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import {
  actorId,
  apiPrefix,
  cleaned,
  cut,
  failure,
  fileId,
  isKey,
  ownRoomKey,
  PlexusError,
  schema,
  textFault,
  wireLimits,
  type RoomUpload,
} from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { callerOf } from "../edge/http.ts";
import { whileItGoesOn } from "../edge/long-bodies.ts";
import { demand } from "../edge/refusals.ts";
import { refusalOf } from "../identity/roles.ts";
import { createReservations } from "../edge/rates.ts";
import type { Rate } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { admitQuota, withinStorage } from "../quotas.ts";
import { createKeeping } from "./keeping.ts";
import { receive, tooLong, Writers, type Keeping } from "./receiving.ts";
import { newFileKey, roomActor } from "./sealed.ts";

const { fileBytesMax, fileNameCharsMax, filePartBytes } = wireLimits;
const version = "1.0.0";
const path = "/files/uploads";
const tags = ["room"];
const bodyType = "application/offset+octet-stream";

const config = { access: "user", permission: "room.post" } as const;
const params = schema.object({ id: fileId });

/** What the routes have in common. */
interface Uploading {
  readonly at: GatewayContext;
  readonly writers: Writers;
  /** Begins an upload in the caller's name, within what they may keep. */
  readonly begin: (
    request: FastifyRequest,
    of: { readonly id: string; readonly room: string; readonly bytes: number },
    message: { readonly type: string },
  ) => Promise<RoomUpload>;
  /** Asks the room of a file in the caller's name. */
  readonly ask: (request: FastifyRequest, id: string, message: { readonly type: string }) => Promise<RoomUpload>;
  /** Keeps parts in a person's name. */
  readonly keeping: (by: string, upload: RoomUpload) => Keeping;
  /** The caller's own room, which has the files of conversations with their agents; it is begun where it is not there
   *  yet, for callers that may talk to this agent, and have it. */
  readonly own: (request: FastifyRequest, agent: string) => Promise<string>;
  /** Gives an upload up, in the caller's name. */
  readonly drop: (request: FastifyRequest, id: string) => Promise<void>;
  /** Bytes of a person that are written anew, because a request goes on within a part. */
  readonly rewritten: ReturnType<typeof createReservations>;
  /** Refuses people who ask or give up too often. */
  readonly seldom: (request: FastifyRequest) => Promise<void>;
}

/** Has the routes of this scope take bytes as they come. */
export const takeBytes = (scope: FastifyInstance): void => {
  scope.addContentTypeParser(bodyType, (_request, payload, done) => done(null, payload));
};

/** The routes. */
export function uploadRoutes(at: GatewayContext, blobs: ActorBlobs): readonly RouteOptions[] {
  const { kernel, limits, random } = at;
  const said = (id: string, message: { readonly type: string }) =>
    kernel.ask({ to: roomActor(id), from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  const uploading: Uploading = {
    at,
    writers: new Writers(at),
    begin: async (request, of, message) => {
      const caller = callerOf(request);
      const named = { ...message, id: of.id, by: caller.actor };
      const begun = () => said(of.id, named);
      return demand(await withinStorage(at, caller, of, begun)) as RoomUpload;
    },
    ask: async (request, id, message) => {
      const named = { ...message, id, by: callerOf(request).actor };
      return demand(await said(id, named)) as RoomUpload;
    },
    keeping: createKeeping({ blobs, said, random, limits }),
    own: async (request, agent) => {
      const { user, actor } = callerOf(request);
      if (agent.split(".", 1)[0] !== user)
        throw new PlexusError(failure("FORBIDDEN", { reason: "only the agent's owner can do this" }));
      const reason = refusalOf(at, request, "agent.use");
      if (reason !== undefined) throw new PlexusError(reason);
      const shown = { type: "describe" };
      const of = actorId("agent", agent);
      demand(await kernel.ask({ to: of, from: actor, message: shown, timeoutMs: limits.askTimeoutMs }));
      const room = ownRoomKey(user);
      const message = { type: "create", visibility: "direct", with: actor } as const;
      const to = actorId("room", room);
      demand(await kernel.ask({ to, from: actor, message, timeoutMs: limits.askTimeoutMs }));
      return room;
    },
    drop: async (request, id) => {
      const dropped = await uploading.ask(request, id, { type: "uploadDrop" });
      // A node of the version before does not say what it was.
      await blobs.forget(roomActor(id), (dropped as Partial<RoomUpload>).parts ?? []);
    },
    seldom: limited(at, "fileState", limits.fileStateRate),
    rewritten: createReservations(limits.fileRewriteRate, limits.rateRows, at.clock, random),
  };
  return [creation(uploading), state(uploading), writing(uploading), ending(uploading)];
}

/** Refuses people who come too often. */
const limited = ({ rates }: GatewayContext, name: string, rate: Rate) => {
  const counted = rates.limit(name, rate);
  return async (request: FastifyRequest): Promise<void> => {
    const retryAfterMs = counted.take(callerOf(request).user);
    if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
  };
};

const creation = ({ at, begin, own }: Uploading): RouteOptions => ({
  method: "POST",
  url: path,
  config: {
    ...config,
    errors: ["TOO_LARGE", "QUOTA_EXCEEDED", "STORAGE_FULL", "LIMIT_REACHED", "ROOM_ARCHIVED", "SCANNER_MISSING"],
  },
  schema: {
    summary: "Begins the upload of a file for a room: tus 1.0.0",
    description:
      "`Upload-Length` says how long it is, `Upload-Metadata` its `filename` and the `room`, or the `agent` with " +
      "whom the conversation is that shows it. The answer's `Location` takes the bytes by PATCH; its last part is " +
      "the id that `post`, or `say`, takes in `files`.",
    tags,
  },
  onRequest: [speakTus, limited(at, "file", at.limits.fileRate)],
  async handler(request, reply) {
    const { room: named, agent, ...wanted } = wantedOf(request);
    const room = agent === undefined ? named : await own(request, agent);
    const id = `${at.newId()}.${room}`;
    const scan = at.scanning !== undefined && demand(at.scanning.mustScan());
    const message = { type: "upload", key: newFileKey(at.random), ...wanted, ...(scan && { scan }) };
    const admission = demand(await admitQuota(at, callerOf(request), "bytes", wanted.bytes));
    let counted = 0;
    try {
      const upload = await begin(request, { id, room, bytes: wanted.bytes }, message);
      counted = wanted.bytes;
      void reply.header("location", `${request.mount}${apiPrefix}${path}/${id}`);
      return tell(reply.code(201), upload).send();
    } finally {
      admission?.over(counted);
    }
  },
});

const state = ({ writers, ask, seldom }: Uploading): RouteOptions => ({
  method: "HEAD",
  url: `${path}/:id`,
  config,
  schema: { summary: "How many bytes of an upload are kept", tags, params },
  onRequest: [speakTus, seldom],
  async handler(request, reply) {
    const id = idOf(request);
    await writers.end(id, callerOf(request).user);
    const upload = await ask(request, id, { type: "uploadTake" });
    return tell(reply, upload).header("upload-length", upload.bytes).header("cache-control", "no-store").send();
  },
});

const writing = ({ at, writers, ask, keeping, rewritten }: Uploading): RouteOptions => ({
  method: "PATCH",
  url: `${path}/:id`,
  config: { ...config, errors: ["CHANGED_MEANWHILE", "NOT_FOUND", "TOO_LARGE", "DISK_FULL", "OVERLOADED"] },
  schema: { summary: "Sends bytes of an upload", tags, params, consumes: [bodyType] },
  onRequest: [speakTus, limited(at, "filePart", at.limits.filePartRate)],
  async handler(request, reply) {
    const id = idOf(request);
    const { user, actor } = callerOf(request);
    const offset = numberIn(request, "upload-offset");
    const message = { type: "uploadTake", offset };
    const again = offset % filePartBytes;
    const retryAfterMs = rewritten.wait(user, again);
    if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
    rewritten.take(user, again);
    const body = request.body as Readable | undefined;
    if (typeof body?.[Symbol.asyncIterator] !== "function") throw bad("content-type", `send ${bodyType}`);
    const after = await writers.write(id, { user, body }, async (bytes) => {
      const upload = await ask(request, id, message);
      const announced = Number(request.headers["content-length"] ?? 0);
      if (upload.offset + announced > upload.bytes) throw tooLong(upload);
      const parts = keeping(actor, upload);
      return whileItGoesOn(request.raw.socket, () => receive(bytes, upload, parts));
    });
    return tell(reply.code(204), after).send();
  },
});

const ending = ({ writers, drop, seldom }: Uploading): RouteOptions => ({
  method: "DELETE",
  url: `${path}/:id`,
  config,
  schema: { summary: "Gives up an upload", tags, params },
  onRequest: [speakTus, seldom],
  async handler(request, reply) {
    const id = idOf(request);
    await writers.end(id, callerOf(request).user);
    await drop(request, id);
    return reply.code(204).send();
  },
});

const idOf = ({ params: named }: FastifyRequest): string => (named as { readonly id: string }).id;

const bad = (field: string, problem: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { path: `/headers/${field}`, problem }));

/** Says which version it is, and takes no other. */
async function speakTus(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  void reply.header("tus-resumable", version);
  if (request.headers["tus-resumable"] === version) return undefined;
  const error = failure("BAD_REQUEST", { path: "/headers/tus-resumable", problem: `send ${version}` });
  return reply.code(412).header("tus-version", version).send({ error });
}

const tell = (reply: FastifyReply, { offset, expiresAtMs }: RoomUpload): FastifyReply =>
  reply.headers({ "upload-offset": offset, "upload-expires": new Date(expiresAtMs).toUTCString() });

function numberIn({ headers }: FastifyRequest, name: string): number {
  const said = headers[name];
  if (typeof said !== "string" || !/^\d{1,15}$/.test(said)) throw bad(name, "a whole number, 0 or more");
  return Number(said);
}

/** What is to come, as the headers say. Errors: BAD_REQUEST, TOO_LARGE, as PlexusErrors. */
function wantedOf(request: FastifyRequest) {
  const bytes = numberIn(request, "upload-length");
  if (bytes > fileBytesMax) throw new PlexusError(failure("TOO_LARGE", { bytes, fileBytesMax }));
  const said = metadataIn(String(request.headers["upload-metadata"] ?? ""));
  const agent = said.get("agent");
  const room = said.get("room") ?? "";
  if (!isKey(agent ?? room)) throw bad("upload-metadata", "name the `room`, or the `agent`");
  const keeps = said.get("metadata") === "keep" ? { keeps: true } : {};
  return { bytes, room, ...(agent !== undefined && { agent }), name: fileNameOf(said.get("filename") ?? ""), ...keeps };
}

/** Pairs of a name and a text in base64. */
const metadataIn = (header: string): ReadonlyMap<string, string> =>
  new Map(
    header.split(",").map((pair) => {
      const [name = "", value = ""] = pair.trim().split(" ");
      return [name, Buffer.from(value, "base64").toString("utf8")] as const;
    }),
  );

/** What a file is called here: of a path the last part, without what no line may have. A name that is too long keeps
 *  its ending. */
export function fileNameOf(said: string): string {
  const last = cleaned(said.toWellFormed(), "line").split(/[/\\]/).at(-1)?.trim() ?? "";
  const [ending = ""] = /\.[^.\s]{1,16}$/.exec(last) ?? [];
  const name = last.length <= fileNameCharsMax ? last : `${cut(last, fileNameCharsMax - ending.length)}${ending}`;
  return name === "" || /^\.+$/.test(name) || textFault(name, "line") !== undefined ? "file" : name;
}
