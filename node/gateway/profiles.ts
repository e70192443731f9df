/** Profiles of nodes, for admins: one is begun, watched as a task, and read. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  PlexusError,
  failure,
  profileParams,
  takeProfile,
  v8ProfileOf,
  type Profile,
  type Result,
  type TakeProfile,
} from "../../protocols/index.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** What nodes have of them. */
export interface ProfileControl {
  /** Errors: NOT_FOUND, LIMIT_REACHED; of the way to the node: UNREACHABLE, PEER_LOST. */
  take(wish: TakeProfile, by: string): Promise<Result<{ readonly id: string }>>;
  /** Error: NOT_FOUND, also of one that is being taken. */
  read(id: string): Promise<Result<Profile>>;
}

/** Adds the routes under /api/v1/admin/profiles. */
export function addProfileRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const seen = { access: "admin", permission: "cluster.administer" } as const;
  const control = (): ProfileControl => {
    if (at.profiles === undefined)
      throw new PlexusError(failure("NOT_FOUND", { reason: "this node takes no profiles" }));
    return at.profiles;
  };

  app.post<{ Body: TakeProfile }>(
    "/admin/profiles",
    {
      config: audits("takeProfile"),
      schema: {
        summary: "Begins to look at what a node does, or at what its code keeps in memory",
        description:
          "The answer has the id of a task (`/admin/tasks/:id`). The node goes on, a little slower. One runs at a time on a node, which keeps the newest four results in its memory. They have names of functions and files of Plexus, and nothing of people.",
        tags,
        body: takeProfile,
      },
    },
    (request) => audited(at, request, { ...request.body }, control().take(request.body, whoIs(request))),
  );

  app.get<{ Params: Static<typeof profileParams> }>(
    "/admin/profiles/:id",
    {
      config: seen,
      schema: { summary: "A profile that was taken, as a tree of calls", tags, params: profileParams },
    },
    async ({ params }): Promise<Profile> => demand(await control().read(params.id)),
  );

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
