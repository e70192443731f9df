import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  modelOrderNames,
  modelOrders,
  orderModel,
  orderParams,
  suggestModelsFor,
  viewInference,
  type InferenceView,
} from "../../protocols/index.ts";
import type { InferenceControl } from "../ports.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Adds the routes under /api/v1/admin/inference, for admins and for the operator's control token: which models are in memory on which node, what
 *  they take and why, and what is ordered of them. */
export function addInferenceRoutes(app: FastifyInstance, at: GatewayContext, control: InferenceControl): void {
  const tags = ["models"];

  app.get<{ Querystring: Static<typeof viewInference> }>(
    "/admin/inference",
    {
      config: { access: "admin" },
      schema: {
        summary: "Models in the memory of each node: state, memory, threads, calls, speed, and why",
        description: "A node that does not answer is there with its `error`.",
        tags,
        querystring: viewInference,
      },
    },
    async ({ query }): Promise<InferenceView> => ({ nodes: demand(await control.view(query.node)) }),
  );

  app.get<{ Querystring: Static<typeof suggestModelsFor> }>(
    "/admin/inference/suggestions",
    {
      config: { access: "admin" },
      schema: {
        summary: "Which models fit a node's machine, how fast they would be, and where they are",
        description: "`measure` runs a model of random weights for a moment, once while the node runs; without it speeds are there once that was done.",
        tags,
        querystring: suggestModelsFor,
      },
    },
    async ({ query: { node, measure = false } }) =>
      demand(await control.suggest({ ...(node !== undefined && { node }), measure })),
  ); // prettier-ignore

  for (const order of modelOrderNames) {
    const { audit, summary } = modelOrders[order];
    app.post<{ Params: Static<typeof orderParams>; Body: Static<typeof orderModel> }>(
      `/admin/inference/:model/${order}`,
      {
        config: audits(audit),
        schema: {
          summary,
          description:
            "Answers at once with the model as it is then; `GET /admin/inference` tells how it goes on. `unload` of a model with calls is refused with MODEL_BUSY, unless it is to `drain`.",
          tags,
          params: orderParams,
          body: orderModel,
        },
      },
      async (request) => {
        const { model } = request.params;
        const { node = at.name ?? at.node, drain = false } = request.body;
        const facts = { model, node, ...(order === "unload" && { drain }) };
        const resident = await audited(at, request, facts, control.order({ model, order, ...request.body }));
        at.changed?.(audit, { model, node }, whoIs(request));
        return resident;
      },
    );
  }
}
