/** A node serves people and programs: the gateway, opened for a peer, and the lists that it looks into before. */
import { readFile, stat } from "node:fs/promises";
import { availableParallelism, hostname } from "node:os";
import { hostAddress, isEverywhere, parseControl, type Config } from "../../config/index.ts";
import { failure, ok, PlexusError, refused, type Result } from "../../protocols/index.ts";
import { archivesOf, createTickets } from "../backup/index.ts";
import { signUpInvitations } from "../cluster/facts/sign-up-invitations.ts";
import { inPieces } from "../pieces.ts";
import { createGateway, gatewayLimits, leakListIn, type LeakList } from "../gateway/index.ts";
import { createProviders } from "../identity/index.ts";
import type { Mesh } from "../cluster/mesh/index.ts";
import { outwardAddresses, readSource } from "../platform/index.ts";
import { auditPageOf, auditRange } from "../../actors/role-manager/index.ts";
import type { FirstAdmin } from "../accounts/index.ts";
import { auditInCopy } from "../audit/index.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { MeshPort } from "../cluster/mesh/port.ts";
import { createPolicy } from "../scanning/index.ts";
import type { Stops } from "../stops.ts";
import { followPlaces, shareLists, watchThreats, type Threats } from "../threats/index.ts";
import { within } from "../waiting.ts";
import { operationsOf, type OperationParts } from "./operations.ts";
import { patientLimits } from "./patience.ts";
import type { Peer } from "./peer.ts";
import { placeIn } from "./joining.ts";
import { placesOf, webAddressFor } from "../cluster/membership/index.ts";
import { memberIn } from "../cluster/facts/members.ts";

/** How long another node may take to say what it keeps of a response. */
const responseTimeoutMs = 5_000;

type GatewayOptions = Parameters<typeof createGateway>[0];

/** What the gateway takes as it is, where the node has it. */
type TakenOver = Pick<OperationParts, "watch"> &
  Pick<
    GatewayOptions,
    | "tls"
    | "blobs"
    | "opener"
    | "models"
    | "tracer"
    | "changed"
    | "profiles"
    | "audit"
    | "auditControl"
    | "threats"
    | "secrets"
    | "mail"
    | "push"
    | "digests"
    | "branding"
  >;

/** How entries of the cluster's audit lie beside their actor. */
const auditRecords = { range: auditRange, pageOf: auditPageOf };

/** What a node's status is read from. */
interface StatusParts {
  readonly machine: Machine;
  readonly identity: Identity;
  readonly peer: Peer;
  readonly meshPort: MeshPort;
  readonly name: string;
}

/** Opens the gateway. Error: CONFIG_INVALID (port taken, no such address). */
export async function serveClients(
  live: () => Config,
  at: TakenOver &
    Pick<GatewayOptions, "adminCodeHash" | "webFolder" | "controlToken"> &
    Omit<OperationParts, "clock" | "limits" | "random" | "tickets"> & {
      readonly machine: Machine;
      readonly identity: Identity;
      readonly peer: Peer;
      readonly meshPort: MeshPort;
      readonly firstAdmin: FirstAdmin;
      /** Where people find the page, by this node's own configuration. */
      readonly ownPublicUrl: string | undefined;
    },
): ReturnType<typeof createGateway> {
  const { backups, ...taken } = at;
  const { machine, identity, peer, meshPort, firstAdmin } = taken;
  const config = live();
  const files = (): Config["files"] => live().files;
  const ownAddresses = outwardAddresses();
  const { clock, random, log, meter, metrics, descriptors, version } = machine;
  const { node, journal } = identity;
  const others = () => peer.membership.members().members.filter((one) => one.node !== node);
  const up = () => others().filter((one) => peer.membership.isUp(one.node));
  const leaks = config.leakedPasswords === undefined ? undefined : await readLeaks(config.leakedPasswords, clock);
  if (leaks !== undefined) log.info("passwords.leaked", { file: config.leakedPasswords, passwords: leaks.size });
  const limits = limitsOf(config);
  const tickets = createTickets(clock, limits);
  const auditCopy: OperationParts["auditCopy"] = (query) =>
    auditInCopy({ journal, table: peer.table, node, records: auditRecords }, query);
  const invitations = signUpInvitations(peer.directory);
  return createGateway({
    ...taken,
    ...(at.watch?.placeOf && { placeOf: at.watch.placeOf }),
    limits,
    ...ofPeer(peer),
    ...listensOf(config),
    labels: () => memberIn(peer.membership, node)?.labels ?? {},
    operations: operationsOf(peer, { ...at, files, auditCopy, invitations, clock, random, limits, tickets }),
    ...guardsOf({ ...at, live }),
    ...(backups && { backups: archivesOf(backups, tickets) }),
    serviceTokens: { node, keys: peer.tokenKeys },
    ...othersOf(peer, { others, up }),
    peers: () => placesOf(up()),
    reach: reachOf(peer, () => placesOf(others())),
    clock,
    random,
    log,
    meter,
    descriptors: descriptors.web,
    // These may change while the node runs.
    get allowedOrigins() {
      return live().allowedOrigins;
    },
    get adminAddresses() {
      return live().adminAddresses;
    },
    get signUp() {
      return live().signUp;
    },
    get signUpDomains() {
      return live().signUpDomains;
    },
    node,
    version,
    // It may be set while the node runs.
    publicUrl: () => at.mail?.publicUrl,
    outwardUrl: (url) =>
      webAddressFor(url, {
        everywhere: isEverywhere(config.host),
        mesh: meshPort.mesh?.addresses() ?? [],
        own: ownAddresses,
        publicUrl: at.ownPublicUrl,
      }),
    identities: {
      rows: peer.identityProviders,
      providers: createProviders({ fetch, nowMs: () => clock.nowMs(), random: (bytes) => random.bytes(bytes) }),
    },
    invitations,
    ...(leaks && { leaked: (password: string) => leaks.has(password) }),
    adminNeeded: () => firstAdmin.needed(),
    metricsText: () => metrics.text(),
    readiness: () => readiness(peer, node),
    status: () => statusOf(at, config.roles),
  });
}

/** What it takes of the peer as it is. */
const ofPeer = ({ kernel, engines, clusterRoles, controlTokens, quality, hub, control, routing }: Peer) => ({
  kernel,
  engines,
  clusterRoles,
  controlTokens,
  quality,
  hub,
  cluster: control,
  signedIn: (user: string, tokenHash: string) => routing.signedIn(user, tokenHash),
});

/** Where it listens, and by which names it may be called. */
function listensOf(config: Config) {
  const { control, grpc, metricsListen, port, trustedProxies } = config;
  const named = control === undefined ? undefined : parseControl(control);
  return {
    host: hostAddress(config.host),
    port,
    hosts: hostNames(config),
    trustedProxies,
    ...(named && { controlListen: "host" in named ? { ...named, host: hostAddress(named.host) } : named }),
    ...(metricsListen !== undefined && { metricsListen: placeIn(metricsListen) }),
    ...(grpc !== undefined && { grpcListen: placeIn(grpc) }),
  };
}

/** Half of the processors at most hash passwords: those who are signed in have the others, however many sign in. */
function limitsOf(config: Config): typeof gatewayLimits {
  const usual = { ...gatewayLimits, ...patientLimits(config.limits.patience).gateway };
  const passwordsAtOnce = Math.max(1, Math.min(usual.passwordsAtOnce, Math.floor(availableParallelism() / 2)));
  return { ...usual, passwordsAtOnce };
}

/** What looks at what people do, and what stands before it. */
const guardsOf = ({ peer, machine, live }: StatusParts & { readonly live: () => Config }) => ({
  budgets: peer.usage,
  ...(peer.activity && { activity: peer.activity }),
  counts: machine.memory.requests,
  sharedLinks: () => live().sharedLinks,
  scanning: createPolicy(() => live().files, peer.calls.engines.scan, peer.listed),
});

/** The other nodes, as parts of the gateway need them. */
function othersOf(
  { exchange, membership }: Pick<Peer, "exchange" | "membership">,
  { others, up }: Readonly<Record<"others" | "up", () => readonly { readonly node: string }[]>>,
): Required<Pick<GatewayOptions, "ratePeers" | "presencePeers" | "responsePeers">> {
  const named = (members: readonly { readonly node: string }[]): readonly string[] => members.map(({ node }) => node);
  const onChange = (listener: () => void): (() => void) => membership.onChange(listener);
  return {
    ratePeers: {
      count: () => others().length + 1,
      up: () => named(up()),
      onChange,
      tell: (other, rows) => exchange.call(other, "rates.tell", { rows: [...rows] }, gatewayLimits.rateTellTimeoutMs),
      serve: (heard) =>
        exchange.on("rates.tell", ({ rows }) => {
          heard(rows);
          return ok(null);
        }),
    },
    presencePeers: {
      up: () => named(up()),
      onChange,
      tell: (other, told) => exchange.call(other, "presence.tell", told, gatewayLimits.presenceTimeoutMs),
      serve: (heard) => exchange.on("presence.tell", (told, other) => ok(heard(other, told))),
    },
    responsePeers: {
      nodes: () => named(others()),
      read: (other, of) => exchange.call(other, "response.read", of, responseTimeoutMs),
      items: (other, of) => exchange.call(other, "response.items", of, responseTimeoutMs),
      end: (other, of) => exchange.call(other, "response.end", of, responseTimeoutMs),
      serve(own) {
        exchange.on("response.read", (of) => own.read(of));
        exchange.on("response.items", (of) => own.items(of));
        exchange.on("response.end", (of) => own.end(of));
      },
    },
  };
}

/** Longest wait for the lists of refused addresses; then clients are served, and those lists hold when they come. */
const listsWaitMs = 5_000;

/** Where addresses are, by the file that the configuration names; undefined: it names none. */
export function openPlaces(
  { addressPlaces }: Pick<Config, "addressPlaces">,
  { clock, log, stops }: Pick<Machine, "clock" | "log"> & { readonly stops: Stops },
): ReturnType<typeof followPlaces> | undefined {
  if (addressPlaces === undefined) return undefined;
  const places = followPlaces(addressPlaces, { read: readSource, clock, log });
  stops.add(() => places.stop());
  return places;
}

/** Reads the lists of threats of this node and of the cluster; waits for them, but not for long. */
export async function openThreats(
  { blockLists }: Pick<Config, "blockLists">,
  at: Pick<Machine, "clock" | "log" | "meter"> & { readonly peer: Peer; readonly stops: Stops },
): Promise<Threats> {
  const { peer, clock, log, meter, stops } = at;
  const { lists } = peer.auditRules;
  const { exchange, membership } = peer;
  const shared = shareLists({
    exchange,
    membership,
    lists: () => lists.current().map(({ source }) => source),
    onChange: (listener) => void lists.onChange(listener),
  });
  const threats = watchThreats({ sources: blockLists, shared, read: readSource, clock, log, meter });
  stops.add(() => threats.stop());
  await within(clock, listsWaitMs, threats.first);
  return threats;
}

/** A larger file would take too long to read at each start: a hash takes 43 bytes, so these are six million. */
const leaksBytesMax = 256 * 1024 * 1024;

/** Reads the list of leaked passwords. Error: CONFIG_INVALID. */
async function readLeaks(file: string, clock: Parameters<typeof inPieces>[1]): Promise<LeakList> {
  const invalid = (reason: string) => new PlexusError(failure("CONFIG_INVALID", { field: "leakedPasswords", reason }));
  const { size } = await stat(file).catch((error: Error) => {
    throw invalid(error.message);
  });
  if (size > leaksBytesMax) throw invalid(`the file is larger than ${leaksBytesMax} bytes`);
  return inPieces(leakListIn(await readFile(file, "utf8")), clock);
}

/** Whether this node is cut off, and where clients may go on then. */
const reachOf = ({ reach }: Pick<Peer, "reach">, others: () => ReturnType<typeof placesOf>) => ({
  degraded: () => reach.degraded(),
  onChange: (listener: () => void) => reach.onChange(listener),
  others,
});

/** Names by which people and programs may call this node: those that it was told, and those of its machine. */
function hostNames({ host, allowedHosts, mesh }: Config): readonly string[] {
  const machine = hostname();
  const [label = machine] = machine.split(".");
  const announced = mesh.announce.flatMap((address) => /^\/dns[46]?\/([^/]+)\//.exec(address)?.[1] ?? []);
  return [host, ...allowedHosts, ...announced, machine, label, `${label}.local`].filter((name) => name !== "");
}

/** Where a node is reached by others, each address with the id that must answer there. */
const meshAddresses = (mesh: Mesh): readonly string[] =>
  mesh.addresses().map((address) => `${address}/p2p/${mesh.peer}`);

/** What a node that is ready says of a directory that does not answer, or takes no change. */
function directoryWords(peer: Peer): { readonly directory?: string } {
  const away = peer.control.directoryAnswers() ? undefined : (peer.directoryAway().because ?? "no answer");
  if (away !== undefined) return { directory: `does not answer: ${away}` };
  const refusal = peer.directoryRefusal();
  return refusal === undefined ? {} : { directory: `takes no change: ${refusal}` };
}

/** What the node says of itself. `roles`: those of its configuration, while it is no member yet. */
function statusOf(
  { machine, identity, peer, meshPort, name }: StatusParts,
  roles: Config["roles"],
): ReturnType<GatewayOptions["status"]> {
  const { version, startedAtMs } = machine;
  const { node } = identity;
  const { active, quarantined, slotsOpen, slotsQuarantined } = peer.kernel.status();
  return {
    version,
    node,
    name,
    ...(meshPort.mesh && { mesh: meshAddresses(meshPort.mesh) }),
    startedAtMs,
    uptimeMs: machine.clock.nowMs() - startedAtMs,
    roles: memberIn(peer.membership, node)?.roles ?? roles,
    joined: peer.membership.joined,
    ...(!peer.control.directoryAnswers() && { directoryAway: peer.directoryAway() }),
    models: peer.engines.generate.models(),
    actors: { active, quarantined },
    slots: { open: slotsOpen, quarantined: slotsQuarantined },
    journal: { ...identity.journal.written, location: identity.store.location },
    eventLoopLagMs: machine.metrics.lagMs(),
    memoryBytes: machine.memoryBytes(),
  };
}

/** Ready once it has joined, while no slot that it owns is known to be unavailable: failed here, or waiting for a copy
 *  that is down. Not less so while the directory is away: what is placed goes on. */
async function readiness(peer: Peer, node: string): Promise<Result<{ readonly directory?: string }>> {
  const { kernel, control, membership } = peer;
  if (!membership.joined) {
    const reason = "this node has not joined the cluster since it started, so it serves nothing yet";
    return refused(failure("DIRECTORY_AWAY", { reason }));
  }
  const rows = await control.slots();
  const blocked = (rows.ok ? rows.value : []).filter(({ owner, status }) => owner === node && status === "blocked");
  const slots = new Set([...kernel.status().slotsQuarantined, ...blocked].map(({ slot }) => slot));
  return slots.size === 0 ? ok(directoryWords(peer)) : refused(failure("SLOT_UNAVAILABLE", { slots: [...slots] }));
}
