/** A cluster of whole peers in one process, each with a gateway, and the real command line that is typed at one of
 *  them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { behaviors } from "../../../../actors/index.ts";
import { writeControlFile } from "../../../../cli/cluster/control.ts";
import { describeFailure } from "../../../../cli/terminal/output.ts";
import { createProgram } from "../../../../cli/program.ts";
import type { Peer } from "../../../../node/composition/peer.ts";
import type { MemberRecord } from "../../../../node/ports/index.ts";
import { createPacing, type ClusterBackups, createTickets, type BackupControl } from "../../../../node/backup/index.ts";
import { openClusterBackups } from "../../../../node/backup/tasks/cluster.ts";
import { choosePlace } from "../../../../node/bulk/shards/placing.ts";
import { escrowFile } from "../../../../node/data-folder/index.ts";
import { openKeys, openKnownKeys } from "../../../../node/keys/among-nodes.ts";
import { SealedStore, type ClusterKeys } from "../../../../node/keys/index.ts";
import { failure, failureOf, refused, type Failure, type Role } from "../../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { makePeer, quickLimits } from "../../../fixtures/peers.ts";
import { Network, simulatedClock, type Pulse, type World } from "../../../world/index.ts";
import { createWorld } from "../../../fixtures/flowing.ts";
import { controlToken, openGateway, plainOptions } from "../../gateway/asking.ts";
import { gatewayLimits } from "../../../../node/gateway/index.ts";
import { type GatewayOptions } from "../../../../node/gateway/options.ts";
import { createRandom } from "../../../../node/platform/index.ts";
import { operationsOf } from "../../../../node/composition/operations.ts";
import { RowStore } from "../../storage/fixture.ts";
import { collected } from "../fixture.ts";

/** So much of the simulated time passes with a turn of the event loop while a command runs: what a node waits for takes
 *  seconds of it. */
const msPerTurn = 20;

/** Nodes by their names. The first one founds the cluster and keeps its directory. */
export type Nodes = Readonly<Record<string, readonly Role[]>>;

interface Living {
  readonly peer: Peer;
  readonly pulse: Pulse;
  readonly store: FillingStore;
  readonly backups: ClusterBackups;
  readonly keys: ClusterKeys;
}

/** A disk that can be full. */
class FillingStore extends RowStore {
  full = false;
  override batch(ops: Parameters<RowStore["batch"]>[0]): Promise<void> {
    const refusal = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    return this.full ? Promise.reject(refusal) : super.batch(ops);
  }
}

/** What came of a command line. */
export interface Ended {
  readonly code: number | undefined;
  readonly text: string;
  /** As it is printed. */
  readonly refusal: string;
  readonly failure: Failure | undefined;
}

/** What a stalled machine does is shown elsewhere. */
const limits = { ...quickLimits, membership: { ...quickLimits.membership, stallMs: 1_000_000 } };

export class WalkedCluster {
  readonly world: World = createWorld();
  readonly #network = new Network(this.world);
  readonly #nodes: Nodes;
  readonly #living = new Map<string, Living>();
  readonly #stores = new Map<string, FillingStore>();
  readonly #members = new Map<string, readonly MemberRecord[]>();
  #lives = 0;
  /** Where keys of disks and kits lie. */
  readonly #folder: string;

  private constructor(nodes: Nodes, folder: string) {
    this.#nodes = nodes;
    this.#folder = folder;
  }

  /** Starts the nodes one after the other, and waits until all see all. */
  static async start(nodes: Nodes): Promise<WalkedCluster> {
    const cluster = new WalkedCluster(nodes, await mkdtemp(join(tmpdir(), "plexus-walk-")));
    const names = Object.keys(nodes);
    for (const name of names) await cluster.begin(name);
    await cluster.world.until(() => cluster.#calm(), 120_000);
    return cluster;
  }

  #calm(): boolean {
    return [...this.#living.values()].every(({ peer }) =>
      Object.keys(this.#nodes).every((name) => peer.membership.isUp(`id-${name}`)),
    );
  }

  peer(name: string): Peer {
    return (this.#living.get(name) as Living).peer;
  }

  /** Starts a node on what its disk has. */
  async begin(name: string): Promise<void> {
    const [founder] = Object.keys(this.#nodes);
    this.#lives += 1;
    const pulse: Pulse = { life: this.#lives, alive: true };
    const store = this.#stores.get(name) ?? new FillingStore();
    this.#stores.set(name, store);
    const { peer, start } = await makePeer({
      world: this.world,
      network: this.#network,
      pulse,
      offsetMs: 0,
      node: `id-${name}`,
      name,
      roles: this.#nodes[name] ?? [],
      store,
      behaviors,
      policy: { replicas: 2, minInSync: 1 },
      limits,
      founder: `id-${founder}`,
      host: this.#living.get(founder ?? "")?.peer,
      known: this.#members.get(name),
    });
    peer.membership.onChange(() => void this.#members.set(name, peer.membership.members().members));
    await start();
    this.#living.set(name, { peer, pulse, store, ...this.#backUp(name, { peer, pulse, store }) });
  }

  /** The node works on backups as a node does, and asks where a stripe would go. Nothing is stored. */
  #backUp(name: string, { peer, pulse, store }: Pick<Living, "peer" | "pulse" | "store">) {
    const clock = simulatedClock(this.world, { offsetMs: 0 }, pulse);
    const machine = { clock, random: this.world.dice, log: quietLog, meter: quietMeter };
    const identity = { node: `id-${name}`, cluster: "c1", store: new SealedStore(store, { state: "plain" }) };
    const at = { machine, identity, peer, audit: { write: async () => undefined }, tell: () => undefined } as never;
    const files = { keyFile: join(this.#folder, `${name}.key`), sealedFile: escrowFile(join(this.#folder, name)) };
    const keys = openKeys({ name, ...files }, at, openKnownKeys(at));
    const groups = () => peer.groups.current();
    const conditionOf = () => ({ reliability: 1, freeBytes: 1e12 });
    const put = async (bytes: Uint8Array, { class: of }: { readonly class: string }) => {
      const place = choosePlace({ ...peer, groups, conditionOf } as never, { class: of, bytes: bytes.length });
      return place.ok ? refused(failure("LIMIT_REACHED", { reason: "nothing is stored here" })) : place;
    };
    const backups = openClusterBackups({
      machine,
      identity,
      peer,
      keys,
      shards: { stripes: { put } },
      blobs: noBlobs,
      surveyHolders: () => Promise.reject(new Error("nobody comes this far")),
      pacing: createPacing({ clock }),
      scratch: "",
      drills: { start: () => Promise.reject(new Error("nobody comes this far")), failed: () => undefined },
      ended: () => undefined,
    } as unknown as Parameters<typeof openClusterBackups>[0]);
    return { backups, keys };
  }

  /** A recovery kit is made at a node. */
  async makeKit(name: string): Promise<void> {
    await this.at(name, async (run) => {
      const { refusal } = await run("backup", "kit", "make", "--to", join(this.#folder, "kit"));
      if (refusal !== "") throw new Error(refusal);
    });
  }

  /** Ends a node's process without a word. */
  kill(name: string): void {
    const living = this.#living.get(name);
    if (living === undefined) return;
    living.pulse.alive = false;
    this.#living.delete(name);
    this.#network.ended(`id-${name}`, true);
  }

  /** The disk of a node takes nothing any more. */
  fill(name: string): void {
    (this.#stores.get(name) as FillingStore).full = true;
  }

  /** Whether the process of each node runs. */
  get isWhole(): boolean {
    return this.#living.size === Object.keys(this.#nodes).length;
  }

  pass(forMs: number): Promise<void> {
    return this.world.pass(forMs);
  }

  /** Uses the command line at a node. */
  async at<T>(name: string, use: (run: (...words: readonly string[]) => Promise<Ended>) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), "plexus-walk-"));
    const { gateway } = await openGateway(this.#settings(name));
    const stop = this.world.flow(msPerTurn);
    try {
      await writeControlFile(folder, { url: gateway.url, controlToken, pid: process.pid });
      return await use((...words) => typed(words, folder));
    } finally {
      await gateway.stop(1_000);
      await stop();
      await rm(folder, { recursive: true });
    }
  }

  #settings(name: string): GatewayOptions {
    const { peer, pulse } = this.#living.get(name) as Living;
    const clock = simulatedClock(this.world, { offsetMs: 0 }, pulse);
    return {
      kernel: peer.kernel,
      engines: peer.engines,
      hub: peer.hub,
      clock,
      ...plainOptions(),
      node: `id-${name}`,
      name,
      cluster: peer.control,
      operations: operationsOf(peer, {
        name,
        clock,
        random: createRandom(),
        limits: gatewayLimits,
        backups: folders(name, (this.#living.get(name) as Living).backups),
        keys: (this.#living.get(name) as Living).keys,
        tickets: createTickets(clock, gatewayLimits),
      }),
    } as GatewayOptions;
  }

  async stop(): Promise<void> {
    for (const name of this.#living.keys()) this.kill(name);
    await this.world.pass(10);
    await rm(this.#folder, { recursive: true });
  }
}

const noBlobs = { put: async () => refused(failure("NOT_FOUND")), read: async () => refused(failure("NOT_FOUND")) };

/** No folder for backups is offered. */
const folders = (name: string, backups: ClusterBackups): BackupControl =>
  ({ places: () => ({ node: { id: `id-${name}`, name }, offered: [] }), ofCluster: () => backups.list() }) as never;

/** Types a command at the machine whose data folder this is. */
async function typed(words: readonly string[], folder: string): Promise<Ended> {
  const output = collected(200);
  let code: number | undefined;
  const program = await createProgram("1", { output, onExit: (given) => void (code = given) }, words);
  const thrown: unknown = await program.parseAsync([...words, "--data", folder], { from: "user" }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const failure = thrown === undefined ? undefined : failureOf(thrown);
  if (failure?.code === "INTERNAL") throw thrown;
  const text = [...output.out, ...output.err].join("\n");
  return { code, text, refusal: failure === undefined ? "" : describeFailure(failure, false), failure };
}
