/** Several real nodes, each in a process of its own, that joined one another by invitation.
 *
 *  With PLEXUS_CLUSTER_LOGS=FOLDER each node writes its log there, at the level that PLEXUS_LOG_LEVEL says, and the data
 *  folders stay. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ClusterNodeRow, ClusterSlotRow, ClusterSummary } from "../../protocols/index.ts";
import { lastingPort } from "../ports.ts";
import { createDataFolder, NodeProcess } from "./node-process.ts";

export interface NodeSpec {
  readonly name: string;
  readonly roles: string;
  readonly flags?: readonly string[];
  /** Given to it by its invitation. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Goes before the command that starts it. */
  readonly launcher?: readonly string[];
}

/** A node that holds people and rooms, and decides nothing. Without the role ai it has no inference host, which costs a
 *  quarter of its start. */
export const worker = (name: string): NodeSpec => ({ name, roles: "chat,gateway" });

/** The same with agents and their models. */
export const workerWithAi = (name: string): NodeSpec => ({ name, roles: "chat,ai,gateway" });

/** A node that decides and holds no actors. */
export const manager: NodeSpec = { name: "manager", roles: "manager,gateway" };

/** Where a node runs: what starts it there, and what it has to be told of the place. */
export interface Seat {
  readonly launcher: readonly string[];
  readonly flags: readonly string[];
}

/** Gives each node its place in a network. */
export interface Seating {
  seat(name: string, process: () => NodeProcess | undefined): Promise<Seat>;
}

/** The first has a port that nobody takes meanwhile; the others take that of their last start again, if they can. */
const onLoopback = (): Seating => {
  let port: Promise<number> | undefined;
  return {
    async seat() {
      const own = port === undefined ? await (port = lastingPort()) : 0;
      return { launcher: [], flags: ["--mesh-port", String(own)] };
    },
  };
};

const logFolder = process.env["PLEXUS_CLUSTER_LOGS"];

let clusters = 0;

const keptLog = (cluster: number, name: string): readonly string[] => {
  if (logFolder === undefined) return [];
  mkdirSync(logFolder, { recursive: true });
  return ["sh", "-c", 'log=$0; exec "$@" 2>>"$log"', join(logFolder, `${process.pid}-${cluster}-${name}.log`)];
};

export class ClusterProcesses {
  /** Those that belong to it, up or not. */
  readonly nodes: NodeProcess[] = [];
  readonly names: string[] = [];
  readonly #seating: Seating;
  readonly #number = (clusters += 1);
  readonly #started: NodeProcess[] = [];
  readonly #folders: Awaited<ReturnType<typeof createDataFolder>>[] = [];

  private constructor(seating: Seating) {
    this.#seating = seating;
  }

  /** Starts the first as the founder, then the others at the same time. */
  static async start(specs: readonly NodeSpec[], seating: Seating = onLoopback()): Promise<ClusterProcesses> {
    const cluster = new ClusterProcesses(seating);
    try {
      const [founder, ...others] = specs;
      if (founder !== undefined) await cluster.add(founder);
      const joined = await Promise.allSettled(others.map((spec) => cluster.add(spec)));
      for (const one of joined) if (one.status === "rejected") throw one.reason;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get first(): NodeProcess {
    return this.node(0);
  }

  node(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  named(name: string): NodeProcess {
    return this.node(this.names.indexOf(name));
  }

  /** Admits one more node and starts it. */
  async add({ name, roles, flags = [], labels = {}, launcher = [] }: NodeSpec): Promise<NodeProcess> {
    const isFirst = this.names.length === 0;
    const place = this.names.push(name) - 1;
    const folder = await createDataFolder();
    this.#folders.push(folder);
    const seat = await this.#seating.seat(name, () => this.nodes[this.names.indexOf(name)]);
    const own = ["--model", "echo", "--context-tokens", "100000", "--name", name, "--role", roles, ...seat.flags];
    const join = isFirst ? [] : ["--join", await this.invite(roles, labels)];
    const node = new NodeProcess(
      folder.path,
      [...own, ...flags, ...join],
      [...keptLog(this.#number, name), ...seat.launcher, ...launcher],
    );
    this.#started.push(node);
    this.nodes[place] = node;
    await node.start();
    return node;
  }

  /** Counts a node no longer; whoever asks for any node does not get this one. */
  forget(name: string): void {
    const index = this.names.indexOf(name);
    this.names.splice(index, 1);
    this.nodes.splice(index, 1);
  }

  async invite(roles: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    const body = { roles: roles.split(","), labels };
    const answer = await this.admin("POST", "/api/v1/admin/cluster/invitations", body);
    return (answer as { token: string }).token;
  }

  /** Asks as the operator of one node; throws what it refuses. */
  async admin(method: string, path: string, body?: unknown, node: NodeProcess = this.first): Promise<unknown> {
    const answer = await node.http(method, path, body, await node.controlToken());
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Moves `actors/KIND/KEY` or `slots/ROLE/NUMBER` to the node of that name. */
  move(subject: string, to: string, timeoutMs = 20_000): Promise<unknown> {
    return this.admin("POST", `/api/v1/admin/cluster/${subject}/move`, { to, timeoutMs });
  }

  async slots(node?: NodeProcess): Promise<readonly ClusterSlotRow[]> {
    const answer = await this.admin("GET", "/api/v1/admin/cluster/slots", undefined, node);
    return (answer as { slots: readonly ClusterSlotRow[] }).slots;
  }

  async members(): Promise<readonly ClusterNodeRow[]> {
    return ((await this.admin("GET", "/api/v1/admin/cluster/summary")) as ClusterSummary).nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((node) => node.end("SIGKILL")));
    if (logFolder === undefined) for (const folder of this.#folders) await folder[Symbol.asyncDispose]();
  }
}
