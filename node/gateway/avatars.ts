import type { FastifyInstance } from "fastify";
import {
  actorId,
  failure,
  PlexusError,
  schema,
  wireLimits,
  type Avatar,
  type UserCard,
} from "../../protocols/index.ts";
import type { ActorBlobs } from "../ports.ts";
import { callerOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import { pictureIn } from "./picture.ts";
import { createRateLimit } from "./rates.ts";
import { demand } from "./refusals.ts";
import { untilRead } from "./routes.ts";

const formats = ["png", "jpeg", "webp"] as const;
const { avatarBytesMax, avatarSideMax } = wireLimits;

/** What an upload is, as a fact; what may not be one is refused. */
function readAvatar(body: unknown): Omit<Avatar, "hash"> {
  const picture = Buffer.isBuffer(body) ? pictureIn(body) : undefined;
  const problem =
    picture === undefined
      ? "not a whole PNG, JPEG or WebP picture"
      : picture.moves
        ? "the picture moves"
        : picture.width < 1 || picture.height < 1
          ? "the picture has no size"
          : undefined;
  if (problem !== undefined) throw new PlexusError(failure("BAD_REQUEST", { path: "", problem }));
  const { format, width, height } = picture as NonNullable<typeof picture>;
  if (Math.max(width, height) > avatarSideMax)
    throw new PlexusError(failure("TOO_LARGE", { width, height, avatarSideMax }));
  return { size: (body as Buffer).length, format };
}

/** Adds the routes for people's pictures: their bytes are blobs, what is one's picture is in the user's journal. */
export function addAvatarRoutes(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  const { kernel, limits, clock, random } = at;
  const uploads = createRateLimit(limits.avatarRate, limits.rateRows, clock, random);
  const tags = ["user"];

  app.register(async (scope) => {
    // For this route alone: everything else takes JSON.
    scope.addContentTypeParser(
      formats.map((format) => `image/${format}`),
      { parseAs: "buffer" },
      (_request, body, done) => done(null, body),
    );
    scope.put(
      "/me/avatar",
      {
        bodyLimit: avatarBytesMax,
        config: { access: "user", bytesMax: avatarBytesMax },
        schema: {
          summary: "Replaces the caller's picture: a PNG, JPEG or WebP that does not move",
          tags,
          consumes: formats.map((format) => `image/${format}`),
        },
        // Before a byte of it is taken.
        async onRequest(request) {
          const retryAfterMs = uploads.take(callerOf(request).user);
          if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
        },
      },
      async (request) => {
        const { actor } = callerOf(request);
        const avatar = readAvatar(request.body);
        const commit = (hash: string) =>
          kernel.ask({
            to: actor,
            from: "gateway",
            message: { ...avatar, type: "setAvatar", hash },
            timeoutMs: limits.askTimeoutMs,
          });
        return demand(await blobs.put(actor, request.body as Buffer, commit));
      },
    );
  });

  app.get<{ Params: { user: string; hash: string } }>(
    "/people/:user/avatar/:hash",
    {
      config: { access: "user" },
      schema: {
        summary: "The picture of somebody: the one that has this hash, as long as it is theirs",
        tags,
        params: schema.object({ user: schema.userName, hash: schema.blobHash }),
        produces: formats.map((format) => `image/${format}`),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { user, hash } = request.params;
      const to = actorId("user", user);
      const asked = await kernel.ask({
        to,
        from: caller.actor,
        message: { type: "card" },
        timeoutMs: limits.askTimeoutMs,
      });
      const { avatar } = demand(asked) as UserCard;
      if (avatar?.hash !== hash) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
      const etag = `"${hash}"`;
      reply.headers({
        etag,
        // What has this name never changes. Only who is signed in may have it, so no cache between.
        "cache-control": "private, max-age=31536000, immutable",
        "content-type": `image/${avatar.format}`,
        "content-disposition": `inline; filename="${user}.${avatar.format}"`,
        // Opened by itself, it is a document of nobody's.
        "content-security-policy": "default-src 'none'; sandbox",
      });
      if (request.headers["if-none-match"] === etag) return reply.code(304).send();
      return reply.send(demand(await untilRead(at, reply, avatar.size, () => blobs.read(to, hash))));
    },
  );
}
