/** A cluster under measurement: members on the real mesh, each in a process of its own (`targets/member.ts`). */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { MemberRecord } from "../../node/ports/index.ts";
import type { Role } from "../../protocols/index.ts";
import type { MemberPlan } from "./targets/member.ts";
import { startServed, type Served } from "./benchmark.ts";
import { workspace } from "./processes.ts";

export interface ClusterPlan {
  /** Roles by the name of the node; the first keeps the directory. */
  readonly nodes: Readonly<Record<string, readonly Role[]>>;
  readonly replicas: number;
  /** What nodes with the role `ai` serve. */
  readonly echo?: NonNullable<MemberPlan["echo"]>;
  /** Whether members count the events that come from other nodes. */
  readonly count?: boolean;
}

export class BenchCluster {
  readonly names: readonly string[];
  readonly #plan: ClusterPlan;
  readonly #folder: string;
  readonly #members = new Map<string, Served>();
  readonly #starts = new Map<string, number>();
  #seed: readonly MemberRecord[] = [];

  private constructor(plan: ClusterPlan, folder: string) {
    this.#plan = plan;
    this.#folder = folder;
    this.names = Object.keys(plan.nodes);
  }

  /** Starts all members, and resolves when each sees each. */
  static async start(plan: ClusterPlan): Promise<BenchCluster> {
    const cluster = new BenchCluster(plan, await mkdtemp(join(workspace, "cluster-")));
    for (const name of cluster.names) await cluster.startMember(name);
    for (const name of cluster.names) await cluster.member(name).call("connected", { nodes: cluster.names });
    return cluster;
  }

  get host(): string {
    return this.names[0] as string;
  }

  member(name: string): Served {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  /** Starts a member for the first time, or again on its folder. */
  async startMember(name: string): Promise<void> {
    const roles = this.#plan.nodes[name] ?? [];
    const { replicas, echo } = this.#plan;
    const plan: MemberPlan = { node: name, roles, replicas, ...(echo && roles.includes("ai") && { echo }) };
    const member = await startServed("member.ts", [join(this.#folder, name), JSON.stringify(plan)]);
    this.#members.set(name, member);
    const starts = (this.#starts.get(name) ?? 0) + 1;
    this.#starts.set(name, starts);
    if (starts === 1 && name !== this.host) {
      const record = (await member.call("identity")) as MemberRecord;
      await this.member(this.host).call("admit", { record });
      this.#seed = [...this.#seed, { ...record, incarnation: 0, state: "active" }];
    }
    const given = { host: this.host, seed: this.#seed, starts, count: this.#plan.count ?? false };
    const record = (await member.call("start", given)) as MemberRecord;
    this.#seed = [...this.#seed.filter(({ node }) => node !== name), record];
  }

  async stop(): Promise<void> {
    // The host of the directory last: the others hand over through it.
    for (const name of [...this.names].reverse()) await this.#members.get(name)?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
