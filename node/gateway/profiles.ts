/** The file of a profile of a node, for admins. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { PlexusError, failure, profileParams, v8ProfileOf } from "../../protocols/index.ts";
import type { ProfileControl } from "../ports/index.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./edge/refusals.ts";

/** Adds `GET /api/v1/admin/profiles/:id/v8`. */
export function addProfileRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const seen = { access: "admin", permission: "cluster.administer" } as const;
  const control = (): ProfileControl => {
    if (at.profiles === undefined)
      throw new PlexusError(failure("NOT_FOUND", { reason: "this node takes no profiles" }));
    return at.profiles;
  };

  app.get<{ Params: Static<typeof profileParams> }>(
    "/admin/profiles/:id/v8",
    {
      config: seen,
      schema: {
        summary: "The same in the format of V8, which the developer tools of browsers open",
        description: "Save it as `.cpuprofile` or `.heapprofile`.",
        tags,
        params: profileParams,
      },
    },
    async ({ params }, reply) => {
      const profile = demand(await control().read(params.id));
      const name = `${profile.node.replaceAll(/[^\w.-]/g, "_")}-${profile.begunAtMs}.${profile.of}profile`;
      void reply.header("content-disposition", `attachment; filename="${name}"`);
      return v8ProfileOf(profile);
    },
  );
}
