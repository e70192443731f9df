import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { failure, modelRouteParams, PlexusError, setModelRoute } from "../../protocols/index.ts";
import type { ModelRoutes } from "../cluster/model-routes.ts";
import { audited, audits } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

/** Adds the routes under /api/v1/admin/model-routes: names that stand for several models, for admins. */
export function addModelRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["cluster"];
  const { log } = at;
  const routes = (): ModelRoutes => {
    if (at.modelRoutes === undefined)
      throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.modelRoutes;
  };

  app.get(
    "/admin/model-routes",
    { config: { access: "admin" }, schema: { summary: "Names that stand for several models", tags } },
    async () => ({ routes: routes().current() }),
  );

  app.put<{ Params: Static<typeof modelRouteParams>; Body: Static<typeof setModelRoute> }>(
    "/admin/model-routes/:route",
    {
      config: audits("setModelRoute"),
      schema: {
        summary: "Makes a name stand for models",
        description:
          "`steps` are tried one after the other; the models of a step share the calls by weight. `shadow` gets so many of a hundred calls as well, and what it answers is thrown away.",
        tags,
        params: modelRouteParams,
        body: setModelRoute,
      },
    },
    (request) => {
      const { route: name } = request.params;
      return audited(log, request, { route: name }, routes().set({ name, ...request.body }));
    },
  );

  app.delete<{ Params: Static<typeof modelRouteParams> }>(
    "/admin/model-routes/:route",
    {
      config: audits("removeModelRoute"),
      schema: { summary: "Ends a route; answers with it as it was", tags, params: modelRouteParams },
    },
    (request) => {
      const { route: name } = request.params;
      return audited(log, request, { route: name }, routes().remove(name));
    },
  );
}
