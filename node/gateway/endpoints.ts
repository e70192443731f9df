import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  type Endpoint,
  endpointParams,
  searchEndpoints,
  searchParams,
  setEndpoint,
  testEndpoint,
  withoutSecrets,
  type EndpointsView,
  type SearchEndpoints,
  type TestEndpoint,
} from "../../protocols/index.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import type { GatewayContext, GatewayOptions } from "./options.ts";

type Endpoints = NonNullable<GatewayOptions["endpoints"]>;

/** Adds the routes under /api/v1/admin/endpoints: servers with models, for admins. A node asks no address for anybody else. */
export function addEndpointRoutes(app: FastifyInstance, at: GatewayContext, endpoints: Endpoints): void {
  const tags = ["models"];

  app.get(
    "/admin/endpoints",
    {
      config: { access: "admin" },
      schema: { summary: "Servers with models as this node sees them, and what it found", tags },
    },
    async (): Promise<EndpointsView> => ({ node: at.name ?? at.node, ...endpoints.view() }),
  );

  app.put<{ Params: Static<typeof endpointParams>; Body: Static<typeof setEndpoint> }>(
    "/admin/endpoints/:name",
    {
      config: audits("setEndpoint", "models.connect"),
      schema: {
        summary: "Adds a server with models for the whole cluster, or changes it",
        description:
          "Nodes with the role `ai` and these `labels` ask it, and offer its models as NAME/MODEL. `key` says where each of them has the key: a variable that ends in _API_KEY, or a file in keys/ of its data folder.",
        tags,
        params: endpointParams,
        body: setEndpoint,
      },
    },
    async (request) => {
      const { name } = request.params;
      const facts = { endpoint: name, adapter: request.body.adapter, url: withoutSecrets(request.body.url) };
      const before = endpoints.view().endpoints.find((one) => one.name === name);
      const shown = (one: Pick<Endpoint, "adapter" | "url"> | undefined) =>
        one && { adapter: one.adapter, url: withoutSecrets(one.url) };
      const done = endpoints.set({ name, ...request.body });
      const set = await audited(at, request, facts, done, (now) => changeOf(shown(before), shown(now)));
      return set;
    },
  );

  app.delete<{ Params: Static<typeof endpointParams> }>(
    "/admin/endpoints/:name",
    {
      config: audits("removeEndpoint", "models.connect"),
      schema: { summary: "Removes a server; answers with it as it was", tags, params: endpointParams },
    },
    async (request) => {
      const { name } = request.params;
      const removed = await audited(at, request, { endpoint: name }, endpoints.remove(name), (was) =>
        changeOf({ adapter: was.adapter, url: withoutSecrets(was.url) }, undefined),
      );
      return removed;
    },
  );

  app.post<{ Body: TestEndpoint }>(
    "/admin/endpoints/test",
    {
      config: audits("testEndpoint", "models.connect"),
      schema: {
        summary: "Tries a server from this node: reachable, key, models, speed",
        description: "Takes up to a minute. `speed: false` generates nothing, for providers that charge.",
        tags,
        body: testEndpoint,
      },
    },
    (request) => {
      const { name, endpoint } = request.body;
      const facts = { ...(name && { endpoint: name }), ...(endpoint && { url: withoutSecrets(endpoint.url) }) };
      return audited(at, request, facts, endpoints.test(request.body));
    },
  );

  app.post<{ Body: SearchEndpoints }>(
    "/admin/endpoints/searches",
    {
      config: audits("searchEndpoints"),
      schema: {
        summary: "Looks for servers with models: in a private range, or by the ways of the configuration",
        description: "Answers at once; `GET /admin/endpoints` tells how it goes and what was found.",
        tags,
        body: searchEndpoints,
      },
    },
    async (request, reply) => {
      const { range, ports } = request.body;
      const facts = { ...(range !== undefined && { range }), ...(ports && { ports: ports.join(",") }) };
      const begun = await audited(at, request, facts, Promise.resolve(endpoints.begin(request.body)));
      at.changed?.("searchEndpoints", facts, whoIs(request));
      void reply.code(202);
      return begun;
    },
  );

  app.delete<{ Params: Static<typeof searchParams> }>(
    "/admin/endpoints/searches/:id",
    {
      config: audits("cancelEndpointSearch"),
      schema: { summary: "Ends a search; what it found stays", tags, params: searchParams },
    },
    (request) => {
      const { id } = request.params;
      return audited(at, request, { search: id }, Promise.resolve(endpoints.cancel(id)));
    },
  );
}
