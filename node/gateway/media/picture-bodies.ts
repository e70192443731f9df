/** Pictures as bodies of requests and answers: which are taken, and how they are served. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import { failure, PlexusError, type ActorId, type Permission } from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { untilRead } from "../commands/calls.ts";
import { waiting } from "../commands/routes.ts";
import { callerOf } from "../edge/http.ts";
import type { Rate } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { admitQuota } from "../quotas.ts";
import { demand } from "../edge/refusals.ts";
import { isNamed } from "../edge/unchanged.ts";
import { pictureIn, type Picture } from "../../../runtimes/opened/index.ts";

const formats = ["png", "jpeg", "webp"] as const;

/** Their types, for descriptions of routes. */
export const pictureTypes: readonly string[] = formats.map((format) => `image/${format}`);

/** Has the routes of this scope take pictures as they are: everything else takes JSON. */
export const takePictures = (scope: FastifyInstance): void => {
  scope.addContentTypeParser([...pictureTypes], { parseAs: "buffer" }, (_request, body, done) => done(null, body));
};

/** What every upload route has: how large a picture may be, and people who upload too often are refused before a byte
 *  of it is taken. */
export function pictureUpload(
  at: Pick<GatewayContext, "rates" | "budgets">,
  {
    name,
    rate,
    bytesMax,
    permission,
  }: { readonly name: string; readonly rate: Rate; readonly bytesMax: number; readonly permission: Permission },
) {
  const uploads = at.rates.limit(name, rate);
  return {
    bodyLimit: bytesMax,
    config: { access: "user", permission, bytesMax },
    async onRequest(request: FastifyRequest): Promise<void> {
      const retryAfterMs = uploads.take(callerOf(request).user);
      if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
    },
    async preHandler(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      const bytes = Buffer.isBuffer(request.body) ? request.body.length : 0;
      const admission = demand(await admitQuota(at, callerOf(request), "bytes", bytes));
      if (admission === undefined) return;
      const over = (): void => admission.over(reply.raw.statusCode < 400 && reply.raw.writableFinished ? bytes : 0);
      // The uploading client may have gone while the ledger was asked.
      if (reply.raw.closed) over();
      else reply.raw.once("close", over);
    },
  } as const;
}

/** What an upload is. Errors: BAD_REQUEST, TOO_LARGE, as a PlexusError. */
export function readPicture(
  body: unknown,
  sideMax: Readonly<Record<string, number>>,
): Omit<Picture, "moves"> & { size: number } {
  const picture = Buffer.isBuffer(body) ? pictureIn(body) : undefined;
  const bad = (problem: string) => new PlexusError(failure("BAD_REQUEST", { path: "", problem }));
  if (picture === undefined) throw bad("not a whole PNG, JPEG or WebP picture");
  if (picture.moves) throw bad("the picture moves");
  const { format, width, height } = picture;
  if (width < 1 || height < 1) throw bad("the picture has no size");
  if (Math.max(width, height) > Math.max(...Object.values(sideMax)))
    throw new PlexusError(failure("TOO_LARGE", { width, height, ...sideMax }));
  return { format, width, height, size: (body as Buffer).length };
}

/** Bytes of a person or an agent that are served: pictures, sounds. */
interface Kept {
  readonly of: ActorId;
  readonly hash: string;
  readonly size: number;
  readonly mediaType: string;
  readonly name: string;
}

/** Adds a route that answers with such bytes. `find` looks whether the caller may have them. */
export function addKept<Of>(
  app: FastifyInstance,
  path: string,
  {
    permission,
    ...schema
  }: { readonly permission: Permission } & Pick<FastifySchema, "summary" | "tags" | "params" | "produces">,
  {
    at,
    blobs,
    find,
  }: {
    readonly at: GatewayContext;
    readonly blobs: Pick<ActorBlobs, "read">;
    readonly find: (request: FastifyRequest & Of) => Promise<Kept>;
  },
): void {
  app.get(path, { config: { access: "user", permission }, schema }, async (request, reply) => {
    const { of, hash, size, mediaType, name } = await find(request as FastifyRequest & Of);
    const etag = `"${hash}"`;
    reply.headers({
      etag,
      // What has this name never changes. Only who is signed in may have it, so no cache between.
      "cache-control": "private, max-age=31536000, immutable",
      "content-type": mediaType,
      "content-disposition": `inline; filename="${name}"`,
      // Opened by itself, it is a document of nobody's.
      "content-security-policy": "default-src 'none'; sandbox",
    });
    if (isNamed(request.headers["if-none-match"], etag)) return reply.code(304).send();
    return reply.send(demand(await untilRead(at, waiting(reply), size, () => blobs.read(of, hash))));
  });
}
