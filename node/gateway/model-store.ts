import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  failure,
  modelParams,
  ok,
  PlexusError,
  pullModel,
  pullParams,
  wantedModels,
  withoutSecrets,
  type ModelsView,
  type PullModel,
  type Result,
} from "../../protocols/index.ts";
import type { Accounts, Caller } from "./accounts.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import { presentedToken } from "./callers.ts";
import type { GatewayContext, GatewayOptions } from "./options.ts";
import { asTask } from "./tasks.ts";
import { demand } from "./refusals.ts";

type Models = NonNullable<GatewayOptions["models"]>;

/** Adds the routes under /api/v1/admin/models, for admins and for the operator's control token: the models on the disk of this node, what it
 *  pulls, and which models the cluster wants. */
export function addStoreRoutes(
  app: FastifyInstance,
  at: GatewayContext,
  { store, wanted, accounts }: Models & { readonly accounts: Pick<Accounts, "authenticate"> },
): void {
  const { limits, clock } = at;
  const config = { access: "admin" } as const;
  const tags = ["models"];
  const view = (): ModelsView => ({
    node: at.name ?? at.node,
    models: store.list(),
    pulls: store.pulls(),
    refused: store.refused(),
    wanted: wanted.current(),
    damaged: store.damaged(),
  });
  const found = (name: string) => {
    const model = store.get(name);
    if (model === undefined) throw new PlexusError(failure("NOT_FOUND", { model: name }));
    return model;
  };

  app.get(
    "/admin/models",
    { config, schema: { summary: "The models on this node's disk, and what it pulls", tags } },
    async () => view(),
  );

  app.get<{ Params: Static<typeof modelParams> }>(
    "/admin/models/:name",
    { config, schema: { summary: "One model with its card and its files", tags, params: modelParams } },
    async ({ params }) => found(params.name),
  );

  app.post<{ Body: PullModel }>(
    "/admin/models/pulls",
    {
      config: audits("pullModel"),
      schema: {
        summary: "Begins to pull a model, or finds the pull of the same that is under way",
        description:
          "Answers at once; `GET /admin/models/pulls/{id}` or the events tell how it goes. LICENCE_NOT_ACCEPTED in `error` shows a licence: repeat with `acceptLicence`.",
        tags,
        body: pullModel,
      },
    },
    async (request, reply) => {
      const { source, name, acceptLicence = false } = request.body;
      const facts = { source: withoutSecrets(source), name, acceptLicence };
      const begun = await audited(at, request, facts, Promise.resolve(store.pull(request.body, whoIs(request))));
      const told = { source: facts.source, ...(name !== undefined && { name }), acceptLicence: String(acceptLicence) };
      at.changed?.("pullModel", told, whoIs(request));
      void reply.code(202);
      return begun;
    },
  );

  app.get<{ Params: Static<typeof pullParams> }>(
    "/admin/models/pulls/:id",
    { config, schema: { summary: "How a pull goes", tags, params: pullParams } },
    async ({ params: { id } }) => {
      const pull = store.pulls().find((one) => one.id === id);
      if (pull === undefined) throw new PlexusError(failure("NOT_FOUND", { pull: id }));
      return pull;
    },
  );

  app.delete<{ Params: Static<typeof pullParams> }>(
    "/admin/models/pulls/:id",
    {
      config: audits("cancelPull"),
      schema: { summary: "Ends a pull; what it has fetched stays for the next one", tags, params: pullParams },
    },
    async (request) => {
      const { id } = request.params;
      return await audited(at, request, { pull: id }, Promise.resolve(store.cancel(id)));
    },
  );

  app.delete<{ Params: Static<typeof modelParams> }>(
    "/admin/models/:name",
    {
      config: audits("removeModel"),
      schema: { summary: "Removes a model from this node's disk", tags, params: modelParams },
    },
    async (request) => {
      const { name } = request.params;
      await audited(at, request, { model: name }, store.remove(name));
      at.changed?.("removeModel", { model: name }, whoIs(request));
      return {};
    },
  );

  app.post<{ Params: Static<typeof modelParams> }>(
    "/admin/models/:name/verify",
    {
      config,
      schema: {
        summary: "Reads all files of a model and compares them with its manifest",
        description: "Takes seconds a gigabyte. A damaged file is put apart; pulling the model again mends it.",
        tags,
        params: modelParams,
      },
    },
    async (request) => {
      const { name } = request.params;
      const path = `/api/v1/admin/models/${encodeURIComponent(name)}/verify`;
      const again = { method: "POST", path, body: {} } as const;
      return demand(await asTask(at, request, { what: `Check of ${name}`, again }, store.verify(name)));
    },
  );

  app.put<{ Body: Static<typeof wantedModels> }>(
    "/admin/models/wanted",
    {
      config: audits("setWantedModels"),
      schema: {
        summary: "Which models the cluster keeps, and on how many nodes",
        description: "Replaces the list. Nodes with the role ai pull what they should have; none removes anything.",
        tags,
        body: wantedModels,
      },
    },
    async (request) => {
      const { models } = request.body;
      const names = models.map(({ name }) => name).join(",");
      if (new Set(models.map(({ name }) => name)).size !== models.length)
        throw new PlexusError(failure("BAD_REQUEST", { path: "/models", problem: "a name is there twice" }));
      const before = wanted.current().map(({ name }) => name).join(","); // prettier-ignore
      const set = wanted.set(models).then(() => ok(null));
      await audited(at, request, { models: names }, set, () => changeOf({ models: before }, { models: names }));
      at.changed?.("setWantedModels", { models: names }, whoIs(request));
      return { wanted: wanted.current() };
    },
  );

  const streams = new Set<ServerResponse>();
  app.get(
    "/admin/models/events",
    {
      config,
      // It would take a place and never be answered.
      exposeHeadRoute: false,
      schema: {
        summary: "Models and pulls of this node as they change (server-sent events)",
        description: "Each event is named `models` and has what `GET /admin/models` answers.",
        tags,
      },
    },
    async (request, reply) => {
      if (streams.size >= limits.modelStreamsMax)
        throw new PlexusError(failure("OVERLOADED", { limit: "modelStreamsMax" }));
      reply.hijack();
      const stream = reply.raw;
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) stream.setHeader(name, value);
      stream.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        // A proxy that buffers would keep back what is live.
        "x-accel-buffering": "no",
      });
      const send = (): void => {
        // Who reads slowly misses what is old: each event has the whole state.
        if (stream.writableLength === 0) stream.write(`event: models\ndata: ${JSON.stringify(view())}\n\n`);
      };
      // Also what a slow reader has missed, and a sign of life for proxies.
      let cancelBeat = (): void => undefined;
      const beat = (): void => {
        send();
        cancelBeat = clock.after(limits.beatMs, beat);
      };
      const ends = [store.watch(send), wanted.onChange(send), whileAdmin(request, () => stream.end())];
      streams.add(stream);
      stream.once("close", () => {
        streams.delete(stream);
        cancelBeat();
        for (const end of ends) end();
      });
      beat();
    },
  );
  app.addHook("preClose", async () => {
    for (const stream of streams) stream.end();
  });

  /** Looks again and again whether who reads a stream may still, and tells when not. The operator always may. */
  function whileAdmin(request: FastifyRequest, end: () => void): () => void {
    const presented = presentedToken(request.raw);
    // By a client certificate: the connection ends with it.
    if (request.caller === null || presented === undefined) return () => undefined;
    let cancel = (): void => undefined;
    let ended = false;
    const look = async (): Promise<void> => {
      const known = at.control?.has(request.raw) === true ? at.control.caller(request.raw) : undefined;
      tell(known ?? (await accounts.authenticate(presented.token, request.address)));
    };
    const tell = (known: Result<Caller>): void => {
      if (ended) return;
      // Where nobody can say now it goes on: what is not known to be revoked is looked at again.
      const isOut = known.ok && at.rights.refusal(known.value, "cluster.see", request.address) !== undefined;
      if (known.ok ? isOut : known.error.code === "UNAUTHENTICATED") end();
      else cancel = clock.after(limits.streamCheckMs, () => void look());
    };
    cancel = clock.after(limits.streamCheckMs, () => void look());
    return () => {
      ended = true;
      cancel();
    };
  }
}
