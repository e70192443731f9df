import type { FastifyInstance } from "fastify";
import {
  actorId,
  failure,
  PlexusError,
  schema,
  storedPlaces,
  wireLimits,
  type UserCard,
} from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { addKept, pictureTypes, pictureUpload, readPicture, takePictures } from "./picture-bodies.ts";
import { demand } from "../edge/refusals.ts";
import { withinStorage } from "../quotas.ts";

const { avatarBytesMax, avatarSideMax } = wireLimits;

/** Adds the routes for people's pictures: their bytes are blobs, what is one's picture is in the user's journal. */
export function addAvatarRoutes(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  const { kernel, limits } = at;
  const upload = pictureUpload(at, {
    name: "avatar",
    rate: limits.avatarRate,
    bytesMax: avatarBytesMax,
    permission: "account.use",
  });
  const tags = ["user"];

  app.register(async (scope) => {
    takePictures(scope);
    scope.put(
      "/me/avatar",
      {
        ...upload,
        schema: {
          summary: "Replaces the caller's picture: a PNG, JPEG or WebP that does not move",
          tags,
          consumes: pictureTypes,
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const { actor } = caller;
        const { size, format } = readPicture(request.body, { avatarSideMax });
        const set = (hash: string) => () =>
          kernel.ask({
            to: actor,
            from: "gateway",
            message: { type: "setAvatar", size, format, hash },
            timeoutMs: limits.askTimeoutMs,
          });
        const commit = (hash: string) => {
          const id = `${storedPlaces.picture}/${hash}`;
          return withinStorage(at, caller, { id, room: "picture", bytes: size, isOwn: true }, set(hash));
        };
        return demand(await blobs.put(actor, request.body as Buffer, commit));
      },
    );
  });

  addKept<{ params: { user: string; hash: string } }>(
    app,
    "/people/:user/avatar/:hash",
    {
      permission: "account.see",
      summary: "The picture of somebody: the one that has this hash, as long as it is theirs",
      tags,
      params: schema.object({ user: schema.userName, hash: schema.blobHash }),
      produces: pictureTypes,
    },
    {
      at,
      blobs,
      async find(request) {
        const { user, hash } = request.params;
        const of = actorId("user", user);
        const asked = await kernel.ask({
          to: of,
          from: callerOf(request).actor,
          message: { type: "card" },
          timeoutMs: limits.askTimeoutMs,
        });
        const { avatar } = demand(asked) as UserCard;
        if (avatar?.hash !== hash) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
        const { size, format } = avatar;
        return { of, hash, size, mediaType: `image/${format}`, name: `${user}.${format}` };
      },
    },
  );
}
