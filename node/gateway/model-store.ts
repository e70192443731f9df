import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure, PlexusError, type Result } from "../../protocols/index.ts";
import { viewOfStore } from "../cluster/facts/wanted-models.ts";
import type { Accounts } from "./identity/accounts.ts";
import { presentedToken, type Caller } from "./identity/callers.ts";
import type { GatewayContext, GatewayOptions } from "./options.ts";

type Models = NonNullable<GatewayOptions["models"]>;

/** Adds the stream of how this node's models stand, for admins and for the operator's control token. */
export function addStoreStream(
  app: FastifyInstance,
  at: GatewayContext,
  { accounts, ...parts }: Models & { readonly accounts: Pick<Accounts, "authenticate"> },
): void {
  const { limits, clock } = at;
  const config = { access: "admin" } as const;
  const tags = ["models"];
  const { store, wanted, striped } = parts;
  const view = () => viewOfStore(parts, at.name ?? at.node);
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
        // A slow reader misses what is old: each event has the whole state.
        if (stream.writableLength === 0) stream.write(`event: models\ndata: ${JSON.stringify(view())}\n\n`);
      };
      // Also what a slow reader has missed, and a sign of life for proxies.
      let cancelBeat = (): void => undefined;
      const beat = (): void => {
        send();
        cancelBeat = clock.after(limits.beatMs, beat);
      };
      const ends = [
        store.watch(send),
        wanted.onChange(send),
        ...(striped ? [striped.onChange(send)] : []),
        whileAdmin({ at, accounts }, request, () => stream.end()),
      ];
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
}

/** Looks again and again whether who reads a stream may still, and tells when not. The operator always may. */
function whileAdmin(
  { at, accounts }: { readonly at: GatewayContext; readonly accounts: Pick<Accounts, "authenticate"> },
  request: FastifyRequest,
  end: () => void,
): () => void {
  const { clock, limits } = at;
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
