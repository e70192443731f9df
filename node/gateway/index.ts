/** The gateway: where people and programs reach a node, and where everything from outside is refused or understood.
 *
 *      browser, CLI ──HTTP──► http.ts ─► commands/, rest/, own/ ───┐
 *      any client ────/ws───► wires/sockets.ts ─► commands/ ───────┼─► kernel.ask ─► actors
 *      AI client ─/v1, /api─► ai/ ─► engines                       │                   │ publish
 *                                                                  │                   ▼
 *      a thousand subscribers ◄── one shared frame ◄── feeds.ts ◄──┴───────────────── hub
 *
 *  What stays connected is a subscriber (subscriber.ts), admitted by subscribers.ts, on a wire that nothing but this
 *  file knows: a WebSocket (wires/sockets.ts), a stream of gRPC (wires/grpc.ts), or server-sent events
 *  (wires/events.ts). A further wire is a file there and its line here.
 *
 *  Admins and their programs have a listener of their own (control.ts), which leads to the same routes. Both speak TLS
 *  where the operator gives certificates (tls.ts).
 *
 *  It holds no truth. Who somebody is, who may read a room, what was said: actors answer that, and the gateway carries
 *  the question with the name it has checked. What it owns is the edge: tokens and passwords (accounts.ts), schemas
 *  (commands/, refusals.ts), its own name (hosts.ts), limits (limits.ts, rates.ts, shared-rates.ts, guess-limit.ts,
 *  addresses.ts), and the promise that a client's event stream has no gap and no duplicate across reconnects
 *  (feeds.ts). Nobody can take from others what they need: connections have one governor (connections.ts), and so has
 *  what waits to be read (outputMemory.ts).
 *
 *  Read http.ts for one request's way in, then feeds.ts for one event's way out. */
import type { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import cookie from "@fastify/cookie";
import type { FastifyInstance } from "fastify";
import { apiPrefix } from "../../protocols/index.ts";
import { createAccounts, type Accounts } from "./identity/accounts.ts";
import { createAddresses, createAddressRule } from "./edge/addresses.ts";
import { createMounts } from "./edge/mount.ts";
import { handleStatus } from "./admin.ts";
import { addAiRoutes } from "./ai/index.ts";
import { addAgentUploadRoutes } from "./media/agent-uploads.ts";
import { addFileRoutes } from "./files/index.ts";
import { addAvatarRoutes } from "./media/avatars.ts";
import { createIdentityAccounts, type IdentityAccounts } from "./identity/identity-accounts.ts";
import { createIdentityAttempts, type IdentityAttempts } from "./identity/identity-attempts.ts";
import { handleIdentityLinks } from "./identity/identity-links.ts";
import { handleIdentityProviders } from "./identity/identity-providers.ts";
import { addIdentitySignIn } from "./identity/identity-sign-in.ts";
import { addExports, handleDeletion } from "./identity/endings.ts";
import { addApiDocs } from "./api-docs.ts";
import { createControlDoor, listenForControl, urlOf, type ControlListener } from "./control.ts";
import { addProfileRoutes } from "./profiles.ts";
import { addAuditRoutes } from "./audit.ts";
import { addHealthRoutes } from "./edge/health.ts";
import { createConnectionGovernor } from "./edge/connections.ts";
import { createHostCheck } from "./edge/hosts.ts";
import { addEntrance, createHttp } from "./edge/http.ts";
import { gatewayLimits } from "./limits.ts";
import { listenForMetrics, type MetricsListener } from "./edge/metrics.ts";
import { addDownloads } from "./media/downloads.ts";
import { createOwnEmoji } from "./media/own-emoji.ts";
import { handleAccount } from "./own/account.ts";
import { handleSignIn } from "./own/sign-in.ts";
import { handleFactors } from "./own/factors.ts";
import { handleFound } from "./own/found.ts";
import { handleGroups } from "./own/groups.ts";
import { addSharedPage, handleSharedLinks } from "./own/shared-links.ts";
import { handleModeration } from "./own/moderation.ts";
import { handleJoinLinks } from "./own/join-links.ts";
import { handleProgramKeys } from "./own/people.ts";
import { handleSteps } from "./own/steps.ts";
import { addOperations } from "./rest/derive.ts";
import type { OwnHandlers } from "./rest/own.ts";
import { addEmojiPictures, handleEmoji } from "./media/emoji.ts";
import { addBrandingLogo, handleBranding } from "./media/branding.ts";
import { handleMail } from "./identity/mail.ts";
import { createProofChecks } from "./identity/proofs.ts";
import { createOutputMemory } from "./edge/output-memory.ts";
import type { Gateway, GatewayOptions, GatewayContext, GatewayRoute } from "./options.ts";
import { addStoreStream } from "./model-store.ts";
import { listNodes } from "./nodes.ts";
import { createBodyPace } from "./edge/body-pace.ts";
import { createCommandRates } from "./edge/command-rates.ts";
import { createRights } from "./identity/rights.ts";
import { addCommandRoutes } from "./commands/routes.ts";
import { addServiceTokens, addTokenKeys, createServiceTokens } from "./identity/service-tokens.ts";
import { createRates } from "./edge/shared-rates.ts";
import { followFiles } from "./edge/tls.ts";
import { nameAnswers } from "./edge/unchanged.ts";
import { createSubscribers } from "./feeds/subscribers.ts";
import { addEvents } from "./wires/events.ts";
import type { GrpcListener } from "./wires/grpc.ts";
import { addSockets } from "./wires/sockets.ts";
import { handleDigest } from "./own/digest.ts";
import { handlePush } from "./own/push.ts";
import { tellThoseAway } from "./push/index.ts";
import { createDevice, createIds } from "./identity/tokens.ts";

export { gatewayLimits, type GatewayLimits } from "./limits.ts";
export { leakListIn, type LeakList } from "./identity/leaked.ts";
export { adminCodeHash, createIds } from "./identity/tokens.ts";
export { bytesOfFile, newFileKey, sealPart } from "./files/sealed.ts";
export { toldOf } from "./edge/refusals.ts";
export { tellByMail } from "./identity/mail.ts";
export { isRange } from "./identity/rights.ts";
export { createAddressRule } from "./edge/addresses.ts";
export type { DigestPort, MailPort, PushPort } from "./ports.ts";

const none: readonly string[] = [];

/** Whether admins may come from an address, as the list is now. */
function adminRule(options: Pick<GatewayOptions, "adminAddresses">): (address: string) => boolean {
  let known: readonly string[] = [];
  let rule: (address: string) => boolean = () => true;
  return (address) => {
    const { adminAddresses = [] } = options;
    if (adminAddresses !== known) {
      known = adminAddresses;
      rule = known.length === 0 ? () => true : createAddressRule(known);
    }
    return rule(address);
  };
}

/** How people come in, as the gateway has it. */
interface Entering {
  readonly accounts: Accounts;
  readonly attempts: IdentityAttempts;
  readonly people: IdentityAccounts;
}

const enteringOf = (at: GatewayContext, accounts: Accounts): Entering => ({
  accounts,
  attempts: createIdentityAttempts(at, accounts),
  people: createIdentityAccounts(at, accounts),
});

/** What the gateway itself answers of the operations. */
function ownHandlers(at: GatewayContext, entering: Entering): Partial<OwnHandlers> {
  const { accounts } = entering;
  const checks = createProofChecks(at, accounts);
  return {
    ...(at.branding && handleBranding(at.branding)),
    ...(at.mail && handleMail(at, accounts, at.mail)),
    ...handleProgramKeys(at, accounts),
    ...handleAccount(at, accounts),
    ...handleDigest(at),
    ...handlePush(at),
    ...handleDeletion(at),
    ...handleFound(at),
    ...handleGroups(at),
    ...(at.blobs && at.opener && handleEmoji(at, { blobs: at.blobs, opener: at.opener })),
    ...handleJoinLinks(at),
    ...handleModeration(at),
    ...handleSharedLinks(at),
    ...handleSignIn(at, accounts),
    ...handleSteps(at, accounts, checks),
    ...handleFactors(at, accounts, checks),
    ...handleIdentityLinks(at, entering),
    ...handleIdentityProviders(at),
  };
}

/** Pages that stand alone: the description of the interface, and what people share. */
function addPages(app: FastifyInstance, at: GatewayContext): void {
  addApiDocs(app, at);
  addSharedPage(app, at);
}

/** Adds what actors answer, and what no row makes of what people do with their accounts and of what admins do. */
function addAdminParts(api: FastifyInstance, at: GatewayContext, entering: Entering): void {
  const { accounts } = entering;
  addCommandRoutes(api, at);
  addExports(api, at);
  if (at.branding !== undefined) addBrandingLogo(api, at.branding);
  addIdentitySignIn(api, at, entering);
  if (at.auditControl !== undefined) addAuditRoutes(api, at, at.auditControl);
  addProfileRoutes(api, at);
  if (at.backups !== undefined) addDownloads(api, at, at.backups);
  if (at.blobs !== undefined) addAvatarRoutes(api, at, at.blobs);
  if (at.blobs !== undefined) addEmojiPictures(api, at, at.blobs);
  if (at.blobs !== undefined) addAgentUploadRoutes(api, at, at.blobs);
  if (at.blobs !== undefined) addFileRoutes(api, at, at.blobs);
  if (at.models !== undefined) addStoreStream(api, at, { ...at.models, accounts });
}

/** The door of admins' programs, where they have a listener. */
const controlDoorOf = ({ controlListen, grpcListen, controlTokens, clock, random }: GatewayOptions) =>
  (controlListen ?? grpcListen) && controlTokens
    ? createControlDoor({
        address: controlListen,
        tokens: controlTokens,
        clock,
        newPass: () => createDevice(random),
      })
    : undefined;

/** Starts listening. Rejects when the address is taken. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  let url = "";
  const outward = (): string => options.outwardUrl?.(url) ?? url;
  const routes: GatewayRoute[] = [];
  const all = { ...gatewayLimits, ...options.limits };
  const newId = createIds(options.random);
  const rates = createRates({ ...options, limits: all });
  const addresses = createAddresses(options.trustedProxies ?? [], (address) => {
    const help = `If this is your proxy, name it: --trusted-proxy ${address}. Until then its clients count as one.`;
    options.log.warn("gateway.proxy.unnamed", { address, help });
  });
  const at: GatewayContext = {
    ...options,
    get signUp() {
      return options.signUp;
    },
    get signUpDomains() {
      return options.signUpDomains ?? [];
    },
    limits: all,
    control: controlDoorOf(options),
    rates,
    commands: createCommandRates(rates, all),
    ownEmoji: createOwnEmoji({ ...options, limits: all }),
    pace: createBodyPace({ ...options, limits: all }),
    outputMemory: createOutputMemory({ ...options, limits: all }),
    rights: createRights({ ...options, limits: all }),
    declared: (route) => void routes.push(route),
    isAdminAddress: adminRule(options),
    origins: () => options.allowedOrigins ?? none,
    newId,
    tokens:
      options.serviceTokens && createServiceTokens({ ...options, options: options.serviceTokens, limits: all, newId }),
    isOurs: createHostCheck(options.hosts ?? [], options.log),
    addresses,
    mounts: createMounts({ publicUrl: () => options.publicUrl?.(), isProxy: (address) => addresses.isProxy(address) }),
    nodes: () => {
      const own = { name: options.name ?? options.node, url: outward() };
      // A node that is cut off takes others for down that are not.
      const cutOff = options.reach?.degraded() !== undefined;
      return listNodes(own, (cutOff ? options.reach?.others() : options.peers?.()) ?? [], at.limits.nodesListedMax);
    },
    degraded() {
      const reason = options.reach?.degraded();
      if (reason === undefined) return undefined;
      return { reason, nodes: at.nodes().slice(1) };
    },
  };
  const { limits, clock } = at;
  const accounts = createAccounts(at);
  const app = await createHttp(at, accounts);
  const entrance = createConnectionGovernor(app.server, {
    ...at,
    descriptors: at.descriptors ?? limits.tcpConnectionsMax,
    isProxy: (address) => at.addresses.isProxy(address),
  });
  const entrances: { control?: typeof entrance } = {};
  addEntrance(app, ({ raw }) => (at.control?.has(raw) === true ? (entrances.control ?? entrance) : entrance));
  const subscribers = createSubscribers(at, { accounts, entrance });
  const stopTelling = tellThoseAway(at, subscribers);
  const interfaces: { responses?: ReturnType<typeof addAiRoutes> } = {};
  const sockets = addSockets(app.server, at, { subscribers, entrance, responses: () => interfaces.responses });
  addHealthRoutes(app, at);
  addPages(app, at);
  await app.register(
    async (api) => {
      await api.register(cookie);
      nameAnswers(api);
      const facts = { url: outward, connections: () => subscribers.count() };
      const entering = enteringOf(at, accounts);
      addOperations(api, at, { ...at.operations, ...ownHandlers(at, entering), ...handleStatus(at, facts) });
      if (at.tokens !== undefined) addServiceTokens(api, at.tokens);
      addEvents(api, at, { subscribers });
      addAdminParts(api, at, entering);
    },
    { prefix: apiPrefix },
  );
  if (at.serviceTokens !== undefined) addTokenKeys(app, at, at.serviceTokens.keys);
  interfaces.responses = addAiRoutes(app, at);
  const cut = (): void => {
    subscribers.cut();
    sockets.cut();
  };
  let metrics: MetricsListener | undefined;
  let grpc: GrpcListener | undefined;
  let control: ControlListener | undefined;
  const unfollow = at.tls && followFiles(app.server as SecureServer, at.tls, "ignores");
  try {
    if (at.metricsListen !== undefined) metrics = await listenForMetrics(at.metricsListen, at, at.isOurs);
    await app.listen({ host: at.host, port: at.port });
    if (at.grpcListen !== undefined) {
      // Late: a node without it needs none of its packages.
      const { listenForGrpc } = await import("./wires/grpc.ts");
      grpc = await listenForGrpc(at.grpcListen, at, { app, accounts, subscribers });
    }
    if (at.controlListen !== undefined && at.control !== undefined) {
      const routing = (...[request, response]: Parameters<typeof app.routing>): void => app.routing(request, response);
      control = await listenForControl({ ...at, address: at.controlListen }, routing);
      const { server } = control;
      entrances.control = createConnectionGovernor(server, {
        ...at,
        // Beside those of the gateway, not among them.
        meter: { ...at.meter, gauge: (_, value) => at.meter.gauge("control_tcp_connections", value) },
        isLocal: at.control.isLocal,
        descriptors: limits.controlConnectionsMax,
        isProxy: (address) => at.addresses.isProxy(address),
      });
    }
  } catch (error) {
    await metrics?.stop();
    cut();
    rates.stop();
    await app.close();
    throw error;
  }
  url = urlOf(app.server.address() as AddressInfo, at.tls !== undefined);
  if (metrics !== undefined) at.log.info("metrics.listening", { url: metrics.url });
  if (grpc !== undefined) at.log.info("grpc.listening", { address: grpc.address });
  const order = ({ path, method }: GatewayRoute): string => `${path} ${method}`;
  routes.sort((one, other) => (order(one) < order(other) ? -1 : 1));
  return {
    url,
    routes: () => routes,
    ...(metrics !== undefined && { metricsUrl: metrics.url }),
    ...(grpc !== undefined && { grpcAddress: grpc.address }),
    ...(control !== undefined && { controlUrl: control.url }),
    connections: () => subscribers.count(),
    async stop(deadlineMs) {
      stopTelling();
      subscribers.close();
      unfollow?.();
      const closed = Promise.all([grpc?.stop(), app.close(), control?.close()]);
      app.server.closeIdleConnections();
      const cancel = clock.after(deadlineMs, () => {
        cut();
        grpc?.cut();
        app.server.closeAllConnections();
        control?.cut();
      });
      await closed;
      cancel();
      cut();
      accounts.stop();
      rates.stop();
      await metrics?.stop();
    },
  };
}
