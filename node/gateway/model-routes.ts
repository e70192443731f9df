import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  auditTexts,
  type ModelRoute,
  explainModelRoute,
  failure,
  modelRouteParams,
  PlexusError,
  setModelRoute,
  type ChatMessage,
} from "../../protocols/index.ts";
import type { ModelRoutes } from "../cluster/model-routes.ts";
import { audited, audits, changeOf } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

/** A route as the audit says it: as much as a fact may have. */
const shownRoute = (route: ModelRoute | undefined): { readonly says: string } | undefined =>
  route && { says: JSON.stringify(route).slice(0, auditTexts.fact) };

/** Adds the routes under /api/v1/admin/model-routes: names that stand for several models, for admins. */
export function addModelRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["cluster"];
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
          "`steps` are tried one after the other; the models of a step share the calls as `balance` says. `shadow` gets so many of a hundred calls as well, and what it answers is thrown away. The first of `kinds` whose rule a question meets answers it in place of `steps`. With `ensemble` the models of the first step answer together. `cache` keeps answers, each for the person who asked unless it is `shared`.",
        tags,
        params: modelRouteParams,
        body: setModelRoute,
      },
    },
    (request) => {
      const { route: name } = request.params;
      const before = routes()
        .current()
        .find((one) => one.name === name);
      const set = routes().set({ name, ...request.body });
      return audited(at, request, { route: name }, set, (now) => changeOf(shownRoute(before), shownRoute(now)));
    },
  );

  app.post<{ Params: Static<typeof modelRouteParams>; Body: Static<typeof explainModelRoute> }>(
    "/admin/model-routes/:route/explain",
    {
      config: { access: "admin" },
      schema: {
        summary:
          "What a route would do with a question of nobody's, and why; only models that its rules need are asked",
        tags,
        params: modelRouteParams,
        body: explainModelRoute,
      },
    },
    async ({ params: { route: name }, body: { text, tools, media, json, rulesOnly = false } }) => {
      const shown = { type: "image", mediaType: "image/png", bytes: new Uint8Array() } as const;
      const message: ChatMessage = { role: "user", content: text, ...(media === true && { media: [shown] }) };
      const question = {
        messages: [message],
        ...(tools === true && { tools: [{ name: "any" }] }),
        ...(json === true && { format: { type: "json" } as const }),
      };
      const explained = await at.explainRoute?.(name, question, { rulesOnly });
      if (explained === undefined) throw new PlexusError(failure("NOT_FOUND", { route: name }));
      return explained;
    },
  );

  app.get(
    "/admin/quality",
    {
      config: { access: "admin" },
      schema: {
        summary: "How good the answers of models are: the last hours beside the week before, and what got worse",
        tags,
      },
    },
    () => {
      if (at.quality === undefined)
        throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
      return at.quality.view();
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
      return audited(at, request, { route: name }, routes().remove(name), (was) => changeOf(shownRoute(was), undefined)); // prettier-ignore
    },
  );
}
