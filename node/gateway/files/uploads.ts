/** Uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, termination, expiration.
 *
 *      POST  ─ may this person post there, is there room ─► an upload of the room, at offset 0
 *      PATCH ─ takes the upload over ─► bytes ─► a part is full, or the request is over ─► kept everywhere ─► offset
 *      HEAD  ─ takes it over, too: what it answers stays the offset
 *
 *  What came before a connection died counts, as far as it is noticed here. A writer that was taken over is ended where it
 *  is on this node; elsewhere the room refuses its next part. */
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  apiPrefix,
  cleaned,
  cut,
  failure,
  fileId,
  isKey,
  PlexusError,
  schema,
  textFault,
  wireLimits,
  type FoundType,
  type RoomUpload,
} from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { callerOf } from "../edge/http.ts";
import { demand } from "../edge/refusals.ts";
import type { GatewayContext } from "../options.ts";
import { admitQuota } from "../quotas.ts";
import { newFileKey, readPart, roomActor, sealPart } from "./sealed.ts";
import { scrub, scrubbedFormat } from "./metadata.ts";
import { typeOf, unknownType } from "./types.ts";

const { fileBytesMax, fileNameCharsMax, filePartBytes, filePictureBytesMax } = wireLimits;
const version = "1.0.0";
const path = "/files/uploads";
const tags = ["room"];
const bodyType = "application/offset+octet-stream";

type OfUpload = FastifyRequest<{ Params: { id: string } }>;

/** Adds the routes. */
export function addUploads(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  const writers = new Writers(at.limits.fileWritersMax, at.limits.fileWritersPerPersonMax);
  const begun = at.rates.limit("file", at.limits.fileRate);
  const written = at.rates.limit("filePart", at.limits.filePartRate);
  const ask = <T>(request: FastifyRequest, id: string, message: { readonly type: string }): Promise<T> =>
    askRoom(at, id, { ...message, id, by: callerOf(request).actor }) as Promise<T>;
  const scrubbing = new Turns(at.limits.filePicturesMax);
  const keeping = (by: string, upload: RoomUpload): Keeping => ({
    read: (file, index) => readPart(blobs, file, index),
    scrub: (work) => scrubbing.take(work),
    async keep(index, part, found) {
      const { id, epoch } = upload;
      const sealed = sealPart(upload, index, { bytes: part, random: at.random });
      const fact = { type: "uploadPart", id, by, epoch, index, bytes: part.length, ...(found && { found }) };
      const commit = (hash: string) =>
        at.kernel.ask({
          to: roomActor(id),
          from: "gateway",
          message: { ...fact, part: hash },
          timeoutMs: at.limits.askTimeoutMs,
        });
      return demand(await blobs.put(roomActor(id), sealed, commit)) as RoomUpload;
    },
  });
  const config = { access: "user", permission: "room.post" } as const;
  const params = schema.object({ id: fileId });
  const limited = (rate: typeof begun) => async (request: FastifyRequest) => {
    const retryAfterMs = rate.take(callerOf(request).user);
    if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
  };

  app.register(async (scope) => {
    scope.addContentTypeParser(bodyType, (_request, payload, done) => done(null, payload));
    scope.addHook("onRequest", speakTus);
    scope.options(
      path,
      { config, schema: { summary: "What uploads of files can do: tus 1.0.0", tags } },
      async (_request, reply) =>
        reply
          .headers({
            "tus-version": version,
            "tus-extension": "creation,termination,expiration",
            "tus-max-size": fileBytesMax,
          })
          .code(204)
          .send(),
    );
    scope.post(
      path,
      {
        config: { ...config, errors: ["TOO_LARGE", "QUOTA_EXCEEDED", "LIMIT_REACHED", "ROOM_ARCHIVED"] },
        schema: {
          summary: "Begins the upload of a file for a room: tus 1.0.0",
          description:
            "`Upload-Length` says how long it is, `Upload-Metadata` its `filename` and the `room`. The answer's " +
            "`Location` takes the bytes by PATCH; its last part is the id that `post` takes in `files`.",
          tags,
        },
        onRequest: limited(begun),
      },
      async (request, reply) => {
        const asked = wantedOf(request);
        const id = `${at.newId()}.${asked.room}`;
        const { name, bytes, keeps } = asked;
        const key = newFileKey(at.random);
        const admission = demand(await admitQuota(at, callerOf(request), "bytes", bytes));
        let counted = 0;
        try {
          const upload = await ask<RoomUpload>(request, id, { type: "upload", name, bytes, key, ...keeps } as never);
          counted = bytes;
          void reply.header("location", `${request.mount}${apiPrefix}${path}/${id}`);
          return tell(reply.code(201), upload).send();
        } finally {
          admission?.over(counted);
        }
      },
    );
    scope.head(
      `${path}/:id`,
      { config, schema: { summary: "How many bytes of an upload are kept", tags, params } },
      async (request: OfUpload, reply) => {
        const { id } = request.params;
        await writers.end(id, callerOf(request).user);
        const upload = await ask<RoomUpload>(request, id, { type: "uploadTake" });
        return tell(reply, upload).header("upload-length", upload.bytes).header("cache-control", "no-store").send();
      },
    );
    scope.patch(
      `${path}/:id`,
      {
        config: { ...config, errors: ["CHANGED_MEANWHILE", "NOT_FOUND", "TOO_LARGE", "DISK_FULL", "OVERLOADED"] },
        schema: { summary: "Sends bytes of an upload", tags, params, consumes: [bodyType] },
        onRequest: limited(written),
      },
      async (request: OfUpload, reply) => {
        const { id } = request.params;
        const { user } = callerOf(request);
        const offset = numberIn(request, "upload-offset");
        const body = request.body as Readable | undefined;
        if (typeof body?.[Symbol.asyncIterator] !== "function") throw bad("content-type", `send ${bodyType}`);
        await writers.end(id, user);
        const upload = await ask<RoomUpload>(request, id, { type: "uploadTake", offset } as never);
        const announced = Number(request.headers["content-length"] ?? 0);
        if (upload.offset + announced > upload.bytes) throw tooLong(upload);
        const { actor } = callerOf(request);
        const after = await writers.write(id, { user, body }, (bytes) => receive(bytes, upload, keeping(actor, upload)));
        return tell(reply.code(204), after).send();
      },
    );
    scope.delete(
      `${path}/:id`,
      { config, schema: { summary: "Gives up an upload", tags, params } },
      async (request: OfUpload, reply) => {
        const { id } = request.params;
        await writers.end(id, callerOf(request).user);
        await ask(request, id, { type: "uploadDrop" });
        return reply.code(204).send();
      },
    );
  });
}

async function askRoom(
  { kernel, limits }: GatewayContext,
  id: string,
  message: { readonly type: string; readonly by: string },
): Promise<unknown> {
  return demand(
    await kernel.ask({ to: roomActor(id), from: "gateway", message, timeoutMs: limits.askTimeoutMs }),
  );
}

const bad = (field: string, problem: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { path: `/headers/${field}`, problem }));

const tooLong = ({ bytes }: RoomUpload): PlexusError =>
  new PlexusError(failure("TOO_LARGE", { problem: "more bytes than were announced", bytes }));

/** Says which version it is, and takes no other. */
async function speakTus(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  void reply.header("tus-resumable", version);
  if (request.method === "OPTIONS" || request.headers["tus-resumable"] === version) return undefined;
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
  const room = said.get("room") ?? "";
  if (!isKey(room)) throw bad("upload-metadata", "name the `room`");
  const keeps = said.get("metadata") === "keep" ? { keeps: true } : {};
  return { bytes, room, name: fileNameOf(said.get("filename") ?? ""), keeps };
}

/** Pairs of a name and a text in base64. */
const metadataIn = (header: string): ReadonlyMap<string, string> =>
  new Map(
    header.split(",").map((pair) => {
      const [name = "", value = ""] = pair.trim().split(" ");
      return [name, Buffer.from(value, "base64").toString("utf8")] as const;
    }),
  );

/** What a file is called here: of a path the last part, without what no line may have. A name that is too long keeps its
 *  ending. */
export function fileNameOf(said: string): string {
  const last = cleaned(said.toWellFormed(), "line").split(/[/\\]/).at(-1)?.trim() ?? "";
  const [ending = ""] = /\.[^.\s]{1,16}$/.exec(last) ?? [];
  const name = last.length <= fileNameCharsMax ? last : `${cut(last, fileNameCharsMax - ending.length)}${ending}`;
  return name === "" || /^\.+$/.test(name) || textFault(name, "line") !== undefined ? "file" : name;
}

/** How parts are kept. */
interface Keeping {
  read(file: RoomUpload, index: number): Promise<Uint8Array>;
  keep(index: number, part: Uint8Array, found?: FoundType): Promise<RoomUpload>;
  /** Waits for its turn. */
  scrub<T>(work: () => Promise<T>): Promise<T>;
}

/** Takes bytes until there are no more, and keeps them part by part; also what came before the sender was gone. Errors:
 *  TOO_LARGE, those of the body and of `keep`. */
async function receive(body: AsyncIterable<Uint8Array>, upload: RoomUpload, at: Keeping): Promise<RoomUpload> {
  let now = upload;
  let index = Math.floor(upload.offset / filePartBytes);
  let kept = upload.offset % filePartBytes;
  let held = kept;
  const part = Buffer.allocUnsafe(Math.min(filePartBytes, upload.bytes - index * filePartBytes));
  if (held > 0) part.set(await at.read(upload, index));
  let isRefused = false;
  const flush = async (): Promise<void> => {
    if (held === kept || isRefused) return;
    isRefused = true;
    now = await keepPart(now, index, part.subarray(0, held), at);
    isRefused = false;
    kept = held;
    if (held < filePartBytes) return;
    index += 1;
    held = kept = 0;
  };
  try {
    for await (const chunk of body) {
      if (index * filePartBytes + held + chunk.length > upload.bytes) throw tooLong(upload);
      for (let from = 0; from < chunk.length;) {
        const some = chunk.subarray(from, from + filePartBytes - held);
        part.set(some, held);
        held += some.length;
        from += some.length;
        if (held === filePartBytes) await flush();
      }
    }
  } finally {
    await flush();
  }
  return now;
}

/** Keeps a part. The first one says what the file is; before the last one of a picture is kept, the picture is freed of
 *  what it says of place and camera: so what is whole has nothing of it any more. */
async function keepPart(upload: RoomUpload, index: number, part: Buffer, at: Keeping): Promise<RoomUpload> {
  const found = index === 0 ? typeOf(part) : undefined;
  const format = upload.keeps === true ? undefined : scrubbedFormat(found?.type ?? upload.type);
  if (format === undefined) return at.keep(index, part, found);
  const { bytes } = upload;
  if (bytes > filePictureBytesMax) {
    const problem = "it can be sent with all that it says of place and camera: `metadata keep`";
    throw new PlexusError(failure("TOO_LARGE", { bytes, filePictureBytesMax, problem }));
  }
  if (index * filePartBytes + part.length < bytes) return at.keep(index, part, found);
  return at.scrub(async () => {
    const had = Buffer.allocUnsafe(bytes);
    for (let before = 0; before < index; before += 1) had.set(await at.read(upload, before), before * filePartBytes);
    had.set(part, index * filePartBytes);
    const whole = Buffer.from(had);
    // What is not a whole picture is a file like others, as it came.
    if (!scrub(format, whole)) return at.keep(index, part, { type: unknownType });
    for (let before = 0; before < index; before += 1) {
      const [start, end] = [before * filePartBytes, (before + 1) * filePartBytes];
      const next = whole.subarray(start, end);
      if (!next.equals(had.subarray(start, end))) await at.keep(before, next);
    }
    return at.keep(index, whole.subarray(index * filePartBytes), found);
  });
}

/** So many at a time; the others wait, in order. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(max: number) {
    this.#free = max;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** The requests that send bytes now. */
class Writers {
  readonly #all = new Map<string, { readonly user: string; readonly body: Readable; readonly over: Promise<unknown> }>();
  readonly #max: number;
  readonly #perPersonMax: number;

  constructor(max: number, perPersonMax: number) {
    this.#max = max;
    this.#perPersonMax = perPersonMax;
  }

  /** Ends the one of an upload, if it is the person's; resolves when what it had is kept. */
  async end(id: string, user: string): Promise<void> {
    const writer = this.#all.get(id);
    if (writer?.user !== user) return;
    writer.body.destroy(new PlexusError(failure("CHANGED_MEANWHILE", { reason: "another request took over" })));
    await writer.over;
  }

  /** Runs one. Errors: OVERLOADED, RATE_LIMITED, those of the work. */
  async write<T>(
    id: string,
    { user, body }: { readonly user: string; readonly body: Readable },
    work: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    if (this.#all.size >= this.#max) throw new PlexusError(failure("OVERLOADED", { fileWritersMax: this.#max }));
    const own = [...this.#all.values()].filter((writer) => writer.user === user).length;
    if (own >= this.#perPersonMax)
      throw new PlexusError(failure("RATE_LIMITED", { fileWritersPerPersonMax: own, retryAfterMs: 1_000 }));
    const working = work(body);
    const writer = { user, body, over: working.catch(() => undefined) };
    this.#all.set(id, writer);
    try {
      return await working;
    } finally {
      if (this.#all.get(id) === writer) this.#all.delete(id);
    }
  }
}
