import { expect } from "chai";
import { roleManager } from "../../../actors/role-manager/index.ts";
import { watch } from "../../../actors/watch/index.ts";
import type { Peer } from "../../../node/composition/peer.ts";
import { tellCluster } from "../../../node/audit/index.ts";
import { openWatch } from "../../../node/watch/index.ts";
import {
  ok,
  watchActor,
  type AlertPage,
  type AuditEvent,
  type AuditRecord,
  type Role,
} from "../../../protocols/index.ts";
import { makePeer } from "../../fixtures/peers.ts";
import { Network, World, type Pulse } from "../../world/index.ts";
import { RowStore } from "../storage/fixture.ts";

const names = ["n0", "n1", "n2", "n3"] as const;
/** The directory is at one that never has the watch, so that whoever has it can die. */
const rolesOf = (node: string): readonly Role[] => (node === "n0" ? ["chat"] : ["manager"]);
const logOf = (node: string): string => `${"abcd"[Number(node.slice(1))]}`.repeat(16) + "-00000001";
const refusals = 25;

/** Nodes on one network in one process, each with a watch; logs of the audit are at all of them. */
class Cluster {
  readonly world: World;
  readonly logs = new Map<string, AuditRecord[]>(names.map((node) => [logOf(node), []]));
  /** What living nodes have written. */
  readonly written: AuditEvent[] = [];
  readonly deadLetters = new Map<string, number>();
  readonly #network: Network;
  readonly #nodes = new Map<string, { readonly peer: Peer; readonly pulse: Pulse }>();

  constructor(seed: number) {
    this.world = new World(seed);
    this.#network = new Network(this.world);
  }

  async start(): Promise<void> {
    for (const [life, node] of names.entries()) await this.#begin(node, life + 1);
    await this.world.until(() => this.watching() !== undefined, 60_000);
  }

  async #begin(node: string, life: number): Promise<void> {
    const pulse: Pulse = { life, alive: true };
    const { peer, ports, start } = await makePeer({
      world: this.world,
      network: this.#network,
      pulse,
      offsetMs: 1_700_000_000_000,
      node,
      name: node,
      roles: rolesOf(node),
      store: new RowStore(),
      behaviors: [watch, roleManager],
      policy: { replicas: 3, minInSync: 2 },
      founder: "n0",
      host: this.#nodes.get("n0")?.peer,
    });
    expect(await start()).to.deep.include({ ok: true });
    this.#nodes.set(node, { peer, pulse });
    openWatch({
      machine: ports,
      node,
      name: node,
      peer,
      secrets: { open: () => Promise.resolve(undefined) },
      audit: {
        logs: () => Promise.resolve([...this.logs].map(([log, entries]) => ({ log, from: 1, seq: entries.length }))),
        readLog: (log, after, limit) => Promise.resolve((this.logs.get(log) ?? []).slice(after, after + limit)),
        write: (event) => (pulse.alive && this.written.push(event), Promise.resolve()),
        async *read() {},
      },
      disk: () => undefined,
      tell: (action, facts) => tellCluster(peer.kernel, { action, by: node, facts, tell: { people: [], admins: true } }),
      post: () => Promise.reject(new Error("no playbook posts here")),
      totals: (wanted) => Promise.resolve(new Map(wanted.map((name) => [name, name === "dead_letters" ? (this.deadLetters.get(node) ?? 0) : 0]))),
      mail: { isSet: () => false, send: () => Promise.resolve(ok({})), post: () => ok({}) },
    });
  } // prettier-ignore

  get #living() {
    return [...this.#nodes].filter(([, { pulse }]) => pulse.alive);
  }

  /** The node that has the watch, as the living see it. */
  watching(): string | undefined {
    return this.#living.map(([, { peer }]) => peer.routing.ownerOf(watchActor)).find((owner) => owner !== undefined);
  }

  /** Ends its process without a word. */
  kill(node: string): void {
    const { pulse } = this.#nodes.get(node) as { readonly pulse: Pulse };
    pulse.alive = false;
    this.#network.ended(node, true);
  }

  refuse(node: string, user: string): void {
    const log = logOf(node);
    const entries = this.logs.get(log) as AuditRecord[];
    entries.push({ log, seq: entries.length + 1, atMs: 1_700_000_000_000 + Math.floor(this.world.nowMs), node, action: "signIn", by: "stranger", target: `user/${user}`, outcome: "SIGN_IN_FAILED", prev: "" }); // prettier-ignore
  }

  async alerts(): Promise<AlertPage["alerts"]> {
    const [living] = this.#living;
    const peer = living?.[1].peer as Peer;
    const answer = await this.world.settle(
      peer.kernel.ask({ to: watchActor, from: "node", message: { type: "alerts", limit: 100 }, timeoutMs: 10_000 }),
    );
    return answer.ok ? (answer.value as AlertPage).alerts : [];
  }

  async stop(): Promise<void> {
    for (const [node] of this.#living) this.kill(node);
    await this.world.pass(10);
  }
}

describe("the watch, when the node that watches dies", function () {
  for (const seed of [1, 2, 3])
    it(`is taken over: no alert is lost and none is there twice, of entries and of counts (seed ${seed})`, async () => {
      const cluster = new Cluster(seed);
      const { world } = cluster;
      await cluster.start();
      // The watch has begun: what comes now is judged.
      await world.pass(3_000);
      const first = cluster.watching() as string;
      const dies = world.dice.below(refusals - 2) + 1;
      for (let at = 0; at < refusals; at += 1) {
        // Each node's log is about one person, so that how often it is found does not hang on the order of logs.
        for (const node of names) cluster.refuse(node, `of-${node}`);
        cluster.deadLetters.set("n0", 3 * (at + 1));
        if (at === dies) cluster.kill(first);
        await world.pass(world.dice.between(200, 1_800));
      }
      // Counts are read every ten seconds; the watch is elsewhere by then.
      await world.pass(25_000);
      expect(cluster.watching()).to.not.equal(first);
      const found = (await cluster.alerts()).map(({ source, about, count }) => [source, about, count].join(" "));
      const expected = names.map((node) => `detector/refused-person user/of-${node} 2`);
      expect(found.toSorted()).to.eql([...expected, "detector/undelivered-rise node/n0 1"].toSorted());
      for (const node of names)
        expect(
          cluster.written.some(({ action, target }) => action === "alert" && target === `user/of-${node}`),
        ).to.equal(true);
      await cluster.stop();
    });
});
