import type { FastifyInstance } from "fastify";
import { actorId, schema, wireLimits, type UploadedPicture } from "../../protocols/index.ts";
import type { ActorBlobs } from "../ports.ts";
import { callerOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import { isKnown, pictureTypes, pictureUpload, readPicture, takePictures } from "./picture-bodies.ts";
import { demand } from "./refusals.ts";
import { untilRead } from "./routes.ts";

const { pictureBytesMax, pictureSideMax } = wireLimits;

/** Adds the routes for pictures in conversations with agents: their bytes are blobs of the agent, and only its owner may have them. */
export function addAgentPictureRoutes(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  const { kernel, limits } = at;
  const upload = pictureUpload(at, { rate: limits.pictureRate, bytesMax: pictureBytesMax });
  const tags = ["agent"];
  const ask = async (request: Parameters<typeof callerOf>[0], agent: string, message: { readonly type: string }) =>
    demand(
      await kernel.ask({
        to: actorId("agent", agent),
        from: callerOf(request).actor,
        message,
        timeoutMs: limits.askTimeoutMs,
      }),
    );

  app.register(async (scope) => {
    takePictures(scope);
    scope.post<{ Params: { agent: string } }>(
      "/agents/:agent/pictures",
      {
        ...upload,
        schema: {
          summary: "Has a picture ready for a message to the agent: a PNG, JPEG or WebP that does not move",
          tags,
          params: schema.object({ agent: schema.key }),
          consumes: pictureTypes,
        },
      },
      async (request) => {
        const { agent } = request.params;
        // Only its owner is told what it is.
        await ask(request, agent, { type: "describe" });
        const picture = readPicture(request.body, { pictureSideMax });
        const to = actorId("agent", agent);
        const commit = (hash: string) =>
          kernel.ask({
            to,
            from: "gateway",
            message: { ...picture, type: "attach", hash },
            timeoutMs: limits.askTimeoutMs,
          });
        return demand(await blobs.put(to, request.body as Buffer, commit));
      },
    );
  });

  app.get<{ Params: { agent: string; hash: string } }>(
    "/agents/:agent/pictures/:hash",
    {
      config: { access: "user" },
      schema: {
        summary: "A picture of the conversation with an own agent, as long as it is kept",
        tags,
        params: schema.object({ agent: schema.key, hash: schema.blobHash }),
        produces: pictureTypes,
      },
    },
    async (request, reply) => {
      const { agent, hash } = request.params;
      const message = { type: "picture", hash };
      const { format, size } = (await ask(request, agent, message)) as UploadedPicture;
      if (isKnown(request, reply, { hash, format, name: "picture" })) return reply.code(304).send();
      return reply.send(demand(await untilRead(at, reply, size, () => blobs.read(actorId("agent", agent), hash))));
    },
  );
}
