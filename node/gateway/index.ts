/** The gateway: where people and programs reach a node, and where everything from outside is refused or understood.
 *
 *      browser, CLI ──HTTP──► http.ts ─► routes.ts, admin.ts ──────┐
 *      any client ────/ws───► wires/sockets.ts ─► requests.ts ─────┼─► kernel.ask ─► actors
 *      AI client ─/v1, /api─► ai/ ─► engines                       │                   │ publish
 *                                                                  │                   ▼
 *      a thousand subscribers ◄── one shared frame ◄── feeds.ts ◄──┴───────────────── hub
 *
 *  What stays connected is a subscriber (subscriber.ts), admitted by subscribers.ts, on a wire that nothing but this file knows:
 *  a WebSocket (wires/sockets.ts), or server-sent events (wires/events.ts). A further wire is a file there and its line here.
 *
 *  It holds no truth. Who somebody is, who may read a room, what was said: actors answer that, and the gateway carries
 *  the question with the name it has checked. What it owns is the edge: tokens and passwords (accounts.ts), schemas
 *  (commands.ts, refusals.ts), its own name (hosts.ts), limits (limits.ts, rates.ts, guesses.ts, addresses.ts), and the promise that a
 *  client's event stream has no gap and no duplicate across reconnects (feeds.ts). Nobody can take from others what they need:
 *  connections have one governor (entrance.ts), and so has what waits to be read (outflow.ts).
 *
 *  Read http.ts for one request's way in, then feeds.ts for one event's way out. */
import type { AddressInfo } from "node:net";
import cookie from "@fastify/cookie";
import { apiPrefix } from "../../protocols/index.ts";
import { createAccounts } from "./accounts.ts";
import { createAddresses } from "./addresses.ts";
import { addAdminRoutes } from "./admin.ts";
import { addAiRoutes } from "./ai/index.ts";
import { addAgentUploadRoutes } from "./agent-uploads.ts";
import { addAvatarRoutes } from "./avatars.ts";
import { addClusterRoutes } from "./cluster.ts";
import { addInferenceRoutes } from "./inference.ts";
import { addEndpointRoutes } from "./endpoints.ts";
import { addDisk } from "./disk.ts";
import { addKeys } from "./keys.ts";
import { addModelRoutes } from "./model-routes.ts";
import { addBackups } from "./backups.ts";
import { addBackupGuards } from "./backup-guards.ts";
import { addBudgets } from "./budgets.ts";
import { addShardRoutes } from "./shards.ts";
import { addStripeRoutes } from "./stripes.ts";
import { addUsage } from "./usage.ts";
import { addHealthRoutes } from "./health.ts";
import { createEntrance } from "./entrance.ts";
import { createHostCheck } from "./hosts.ts";
import { addEntrance, createHttp } from "./http.ts";
import { gatewayLimits } from "./limits.ts";
import { listenForMetrics, type MetricsListener } from "./metrics.ts";
import { createOutflow } from "./outflow.ts";
import type { Gateway, GatewayOptions, GatewayContext } from "./options.ts";
import { addStoreRoutes } from "./model-store.ts";
import { listNodes } from "./nodes.ts";
import { createRateLimit } from "./rates.ts";
import { addRoutes } from "./routes.ts";
import { createSubscribers } from "./subscribers.ts";
import { addEvents } from "./wires/events.ts";
import { addSockets } from "./wires/sockets.ts";
import { createIds } from "./tokens.ts";

export { gatewayLimits, type GatewayLimits } from "./limits.ts";
export type { Gateway, GatewayOptions } from "./options.ts";
export { adminCodeHash } from "./tokens.ts";

/** Starts listening. Rejects when the address is taken. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  let url = "";
  const all = { ...gatewayLimits, ...options.limits };
  const at: GatewayContext = {
    ...options,
    limits: all,
    outflow: createOutflow({ ...options, limits: all }),
    newId: createIds(options.random),
    isOurs: createHostCheck(options.hosts ?? [], options.log),
    addresses: createAddresses(options.trustedProxies ?? [], (address) => {
      const help = `If this is a proxy of yours, name it: --trusted-proxy ${address}. Until then its clients count as one.`;
      options.log.warn("gateway.proxy.unnamed", { address, help });
    }),
    nodes: () => {
      const own = { name: options.name ?? options.node, url };
      // A node that is cut off takes others for down that are not.
      const cutOff = options.reach?.degraded() !== undefined;
      return listNodes(own, (cutOff ? options.reach?.others() : options.peers?.()) ?? [], at.limits.nodesListedMax);
    },
    degraded() {
      const reason = options.reach?.degraded();
      if (reason === undefined) return undefined;
      const [, ...nodes] = at.nodes();
      return { reason, nodes };
    },
  };
  const { limits, clock, random } = at;
  const accounts = createAccounts(at);
  const commands = createRateLimit(limits.commandRate, limits.rateRows, clock, random);
  const app = await createHttp(at, accounts, commands);
  const entrance = createEntrance(app.server, {
    ...at,
    descriptors: at.descriptors ?? limits.tcpConnectionsMax,
    isProxy: (address) => at.addresses.isProxy(address),
  });
  addEntrance(app, entrance);
  const subscribers = createSubscribers(at, { accounts, entrance });
  const sockets = addSockets(app.server, at, { subscribers, commands, entrance });
  addHealthRoutes(app, at, accounts);
  await app.register(
    async (api) => {
      await api.register(cookie);
      addRoutes(api, at, accounts);
      addEvents(api, at, { subscribers, commands });
      addAdminRoutes(api, at, { url: () => url, connections: () => subscribers.count() });
      addClusterRoutes(api, at);
      addModelRoutes(api, at);
      addDisk(api, at);
      addKeys(api, at);
      addUsage(api, at);
      addShardRoutes(api, at);
      if (at.shards !== undefined) addStripeRoutes(api, at, at.shards);
      addBackupGuards(api, at);
      if (at.backups !== undefined) addBackups(api, at, at.backups);
      addBudgets(api, at);
      if (at.blobs !== undefined) addAvatarRoutes(api, at, at.blobs);
      if (at.blobs !== undefined) addAgentUploadRoutes(api, at, at.blobs);
      if (at.endpoints !== undefined) addEndpointRoutes(api, at, at.endpoints);
      if (at.models !== undefined) addStoreRoutes(api, at, { ...at.models, accounts });
      if (at.inference !== undefined) addInferenceRoutes(api, at, at.inference);
    },
    { prefix: apiPrefix },
  );
  addAiRoutes(app, at);
  const cut = (): void => {
    subscribers.cut();
    sockets.cut();
  };
  let metrics: MetricsListener | undefined;
  try {
    if (at.metricsListen !== undefined) metrics = await listenForMetrics(at.metricsListen, at, at.isOurs);
    await app.listen({ host: at.host, port: at.port });
  } catch (error) {
    await metrics?.stop();
    cut();
    await app.close();
    throw error;
  }
  const address = app.server.address() as AddressInfo;
  // A wildcard address is where we listen, not where anybody can go.
  const host = address.address === "0.0.0.0" || address.address === "::" ? "localhost" : address.address;
  url = `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;

  if (metrics !== undefined) at.log.info("metrics.listening", { url: metrics.url });
  return {
    url,
    ...(metrics !== undefined && { metricsUrl: metrics.url }),
    connections: () => subscribers.count(),
    async stop(deadlineMs) {
      subscribers.close();
      const closed = app.close();
      app.server.closeIdleConnections();
      const cancel = clock.after(deadlineMs, () => {
        cut();
        app.server.closeAllConnections();
      });
      await closed;
      cancel();
      cut();
      accounts.stop();
      await metrics?.stop();
    },
  };
}
