/** A node serves people and programs: the gateway, opened for a peer. */
import { hostname } from "node:os";
import type { Config } from "../../config/index.ts";
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import { createGateway } from "../gateway/index.ts";
import type { Mesh } from "../mesh/index.ts";
import { auditInCopy, type FirstAdmin } from "./cluster-memory.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { MeshPort } from "./mesh-port.ts";
import type { Peer } from "./peer.ts";
import { placesOf } from "./web-address.ts";

/** How long another node may take to say what it keeps of a response. */
const responseTimeoutMs = 5_000;

type GatewayOptions = Parameters<typeof createGateway>[0];

/** Opens the gateway. Error: CONFIG_INVALID (port taken, no such address). */
export function serveClients(
  config: Config,
  at: Pick<
    GatewayOptions,
    | "blobs"
    | "models"
    | "endpoints"
    | "inference"
    | "shards"
    | "disk"
    | "keys"
    | "backups"
    | "changed"
    | "adminCodeHash"
    | "webFolder"
    | "controlToken"
  > & {
    /** What the cluster calls the node. */
    readonly name: string;
    readonly machine: Machine;
    readonly identity: Identity;
    readonly peer: Peer;
    readonly meshPort: MeshPort;
    readonly firstAdmin: FirstAdmin;
  },
): ReturnType<typeof createGateway> {
  const { machine, identity, peer, meshPort, firstAdmin } = at;
  const { clock, random, log, meter, metrics, descriptors, version, startedAtMs } = machine;
  const { node, journal, store } = identity;
  const others = () => peer.membership.members().members.filter((one) => one.node !== node);
  return createGateway({
    kernel: peer.kernel,
    actors: peer.actors,
    engines: peer.engines,
    modelRoutes: peer.modelRoutes,
    explainRoute: peer.explainRoute,
    budgets: { ...peer.budgets, ...peer.usage },
    quality: peer.quality,
    serving: () => peer.calls.explain(),
    hub: peer.hub,
    cluster: peer.control,
    ...(at.blobs && { blobs: at.blobs }),
    ...(at.models && { models: at.models }),
    ...(at.inference && { inference: at.inference }),
    ...(at.disk && { disk: at.disk }),
    ...(at.shards && { shards: at.shards }),
    ...(at.keys && { keys: at.keys }),
    ...(at.backups && { backups: at.backups }),
    ...(at.endpoints && { endpoints: at.endpoints }),
    ...(at.changed && { changed: at.changed }),
    auditCopy: (query) => auditInCopy({ journal, table: peer.table, node }, query),
    name: at.name,
    responsePeers: {
      nodes: () => others().map((one) => one.node),
      read: (other, of) => peer.exchange.call(other, "response.read", of, responseTimeoutMs),
      end: (other, of) => peer.exchange.call(other, "response.end", of, responseTimeoutMs),
      serve(own) {
        peer.exchange.on("response.read", (of) => own.read(of));
        peer.exchange.on("response.end", (of) => own.end(of));
      },
    },
    peers: () => placesOf(others().filter((one) => peer.membership.isUp(one.node))),
    reach: {
      degraded: () => peer.reach.degraded(),
      onChange: (listener) => peer.reach.onChange(listener),
      others: () => placesOf(others()),
    },
    clock,
    random,
    log,
    meter,
    host: config.host,
    port: config.port,
    descriptors: descriptors.web,
    hosts: hostNames(config),
    allowedOrigins: config.allowedOrigins,
    ...(config.metricsListen !== undefined && { metricsListen: listenAddress(config.metricsListen) }),
    trustedProxies: config.trustedProxies,
    node,
    version,
    signUp: config.signUp,
    adminNeeded: () => firstAdmin.needed(),
    adminCodeHash: at.adminCodeHash,
    metricsText: () => metrics.text(),
    readiness: () => readiness(peer, node),
    status() {
      const { active, quarantined, slotsOpen, slotsQuarantined } = peer.kernel.status();
      return {
        version,
        node,
        name: at.name,
        ...(meshPort.mesh && { mesh: meshAddresses(meshPort.mesh) }),
        startedAtMs,
        uptimeMs: clock.nowMs() - startedAtMs,
        roles: peer.membership.members().members.find((one) => one.node === node)?.roles ?? config.roles,
        joined: peer.membership.joined,
        ...(!peer.control.directoryAnswers() && { directoryAway: peer.directoryAway() }),
        models: peer.engines.generate.models(),
        actors: { active, quarantined },
        slots: { open: slotsOpen, quarantined: slotsQuarantined },
        journal: { ...journal.written, location: store.location },
        eventLoopLagMs: metrics.lagMs(),
        memoryBytes: machine.memoryBytes(),
      };
    },
    ...(at.webFolder !== undefined && { webFolder: at.webFolder }),
    ...(at.controlToken !== undefined && { controlToken: at.controlToken }),
  });
}

/** Names by which people and programs may call this node: those that it was told, and those of its machine. */
function hostNames({ host, allowedHosts, mesh }: Config): readonly string[] {
  const machine = hostname();
  const [label = machine] = machine.split(".");
  const announced = mesh.announce.flatMap((address) => /^\/dns[46]?\/([^/]+)\//.exec(address)?.[1] ?? []);
  return [host, ...allowedHosts, ...announced, machine, label, `${label}.local`].filter((name) => name !== "");
}

function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) };
}

/** Where a node is reached by others, each address with the id that must answer there. */
const meshAddresses = (mesh: Mesh): readonly string[] =>
  mesh.addresses().map((address) => `${address}/p2p/${mesh.peer}`);

/** Ready once it has joined, while no slot that it owns is known to be unavailable: failed here, or waiting for a copy that
 *  is down. Not less so while the directory is away: what is placed goes on. */
async function readiness({ kernel, control, membership }: Peer, node: string): Promise<Result<unknown>> {
  if (!membership.joined) {
    const reason = "this node has not joined since it started, so it serves nothing yet";
    return refused(failure("DIRECTORY_AWAY", { reason }));
  }
  const rows = await control.slots();
  const blocked = (rows.ok ? rows.value : []).filter(({ owner, status }) => owner === node && status === "blocked");
  const slots = new Set([...kernel.status().slotsQuarantined, ...blocked].map(({ slot }) => slot));
  return slots.size === 0 ? ok({}) : refused(failure("SLOT_UNAVAILABLE", { slots: [...slots] }));
}
