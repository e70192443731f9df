/** Files in rooms: how they come in, and how they are read.
 *
 *      POST, PATCH ─► cut into parts ─► sealed ─► blobs of the room ─► the room says so       by tus: `uploads.ts`
 *                        └ the first one says what it is (`file-types.ts`); pictures: `metadata.ts`
 *      GET, Range ─► the room: may this person read it, and where is it ─► parts, opened      `reading.ts`
 *
 *  Nothing is remembered here but which requests run: any node goes on with an upload, and reads what another took.
 *  Decision 0227. */
import type { FastifyInstance } from "fastify";
import type { ActorBlobs } from "../../ports/index.ts";
import type { GatewayContext } from "../options.ts";
import { fileRoute, previewRoute } from "./reading.ts";
import { takeBytes, uploadRoutes } from "./uploads.ts";

/** Adds the routes for files in rooms. */
export function addFileRoutes(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  app.register(async (scope) => {
    takeBytes(scope);
    for (const route of [...uploadRoutes(at, blobs), fileRoute(at, blobs), previewRoute(at, blobs)]) scope.route(route);
  });
}
