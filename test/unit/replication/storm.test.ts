import { expect } from "chai";
import type { ServedLog } from "../../../node/kernel/api.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import type { ActorId } from "../../../protocols/index.ts";
import { Cluster, slot } from "./fixture.ts";

const holders = ["a", "b", "c"] as const;
const actors: readonly ActorId[] = ["pad/x", "pad/y"];

/** What clients were told and what a kernel would keep: per actor the texts in the order in which they were
 *  appended. */
class Storm {
  readonly cluster: Cluster;
  readonly acknowledged = new Map<ActorId, string[]>(actors.map((actor) => [actor, []]));
  /** Texts whose fate nobody knows. */
  readonly unknown = new Set<string>();
  #number = 0;
  readonly #down = new Set<NodeId>();

  constructor(seed: number) {
    this.cluster = new Cluster(seed, {
      limits: {
        catchUpBytesMax: 300,
        inlineSnapshotBytesMax: 200,
        partBytesMax: 150,
        unackedBytesMax: 2_000,
        catchUpUnackedBytesMax: 1_000,
      },
    });
  }

  async begin(): Promise<void> {
    await this.cluster.start(["d", ...holders]);
    await this.cluster.open("a");
    await this.cluster.want("a", holders);
    await this.cluster.untilRecord(({ inSync }) => inSync.length === 3);
  }

  /** The slot's log where its owner is, if it serves within a while. */
  async #log(): Promise<ServedLog | undefined> {
    const { owner } = await this.cluster.record();
    if (this.#down.has(owner)) return undefined;
    const opening = this.cluster.peer(owner).replication.open(slot, () => undefined);
    return this.cluster.settle(opening, 4_000).catch(() => undefined);
  }

  /** Several at once; waits for their fate for so long. */
  async append(patienceMs = 1_000): Promise<void> {
    const log = await this.#log();
    if (log === undefined) return;
    const { dice } = this.cluster.world;
    const count = 1 + dice.below(6);
    let open = count;
    for (let index = 0; index < count; index += 1) {
      const actor = dice.pick(actors);
      const text = `${(this.#number += 1)}`;
      this.unknown.add(text);
      const side = [{ space: "record" as const, put: `k${dice.below(8)}`, value: text }];
      const done = (error: unknown): void => {
        open -= 1;
        if (error !== undefined) return;
        this.acknowledged.get(actor)?.push(text);
        this.unknown.delete(text);
      };
      try {
        log.append({ atMs: 1, actor, events: [{ text }], answers: [], side }, done);
      } catch {
        open -= 1;
      }
    }
    await this.cluster.until(() => open === 0, patienceMs).catch(() => undefined);
  }

  /** The owner goes in the middle of its work, perhaps unheard by one of the others, and another takes its place. */
  async takeover(): Promise<void> {
    const { cluster } = this;
    const { dice } = cluster.world;
    const { owner, inSync } = await cluster.record();
    const others = inSync.filter((name) => name !== owner && !this.#down.has(name));
    if (others.length === 0 || this.#down.has(owner)) return;
    if (dice.chance(0.5)) cluster.network.cut(owner, dice.pick(others));
    await this.append(dice.between(0, 6));
    if (dice.chance(0.7)) {
      this.#down.add(owner);
      cluster.kill(owner, { silent: dice.chance(0.3) });
    }
    const to = dice.pick(others);
    if ((await cluster.record()).inSync.includes(to)) await cluster.failover(to);
    if (dice.chance(0.7)) cluster.network.heal();
    if (this.#down.has(owner) && dice.chance(0.7)) await this.#life(owner);
    await this.append();
  }

  /** As the kernel: everybody's state first, then the trim. */
  async compact(): Promise<void> {
    const log = await this.#log();
    if (log === undefined) return;
    const through = log.durableSeq;
    try {
      for (const actor of log.actorsBelow(through)) {
        const { snapshot, entries } = await this.cluster.settle(log.recover(actor));
        const last = entries.at(-1);
        if (last === undefined) continue;
        const texts = entries.flatMap(({ events }) => events.map((event) => (event as { text: string }).text));
        log.snapshot(actor, last.seq, [...((snapshot?.body as string[] | undefined) ?? []), ...texts], () => undefined);
      }
      log.trim(through, () => undefined);
    } catch {
      // It ended meanwhile.
    }
  }

  async disturb(): Promise<void> {
    const { cluster } = this;
    const { dice, nowMs } = cluster.world;
    const node = dice.pick(holders);
    const other = dice.pick(["d", ...holders]);
    const what = dice.weighted({ break: 4, cut: 2, heal: 3, kill: 2, life: 3, failover: 2, want: 2, sick: 1, well: 2 });
    cluster.world.note(() => `storm at ${nowMs}: ${what} ${node} ${other}`);
    if (what === "break" && node !== other) cluster.network.break(node, other);
    if (what === "cut" && node !== other) cluster.network.cut(node, other);
    if (what === "heal") cluster.network.heal();
    if (what === "kill" && !this.#down.has(node)) {
      this.#down.add(node);
      cluster.kill(node, { silent: dice.chance(0.3) });
    }
    if (what === "life" && this.#down.has(node)) await this.#life(node);
    if (what === "failover") {
      const { owner, inSync } = await cluster.record();
      if (inSync.includes(node) && owner !== node) await cluster.failover(node);
    }
    if (what === "want") await cluster.want(node, holders);
    if (what === "sick") cluster.peer(node).disk.weather.batchErrorChance = dice.pick([0.1, 1]);
    if (what === "well") for (const name of holders) cluster.peer(name).disk.weather.batchErrorChance = 0;
  }

  async #life(node: NodeId): Promise<void> {
    this.#down.delete(node);
    this.cluster.peer(node).disk.weather.batchErrorChance = 0;
    await this.cluster.settle(this.cluster.life(node));
  }

  /** Everybody is well again; resolves with the log of the owner once all are in sync. */
  async calm(): Promise<ServedLog> {
    const { cluster } = this;
    cluster.network.heal();
    for (const name of holders) cluster.peer(name).disk.weather.batchErrorChance = 0;
    for (const name of this.#down) await this.#life(name);
    const { owner } = await cluster.record();
    await cluster.want(owner, holders);
    for (let tries = 0; ; tries += 1) {
      const log = await this.#log();
      const { inSync } = await cluster.record();
      if (log !== undefined && inSync.length === 3) return log;
      if (tries > 60) throw new Error(`no calm: ${JSON.stringify(await cluster.record())}`);
      await cluster.pass(200);
    }
  }
}

describe("replication in a storm", () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    it(`loses and doubles nothing that was acknowledged, and all copies become the same (${seed})`, async () => {
      const storm = new Storm(seed);
      const { cluster } = storm;
      const { dice } = cluster.world;
      await storm.begin();
      for (let step = 0; step < 60; step += 1) {
        const what = dice.weighted({ append: 5, compact: 2, disturb: 2, takeover: 2, pass: 2 });
        if (what === "append") await storm.append();
        else if (what === "compact") await storm.compact();
        else if (what === "disturb") await storm.disturb();
        else if (what === "takeover") await storm.takeover();
        else await cluster.pass(dice.between(1, 800));
      }
      const log = await storm.calm();
      await cluster.append(log, "last");
      await cluster.pass(1_000);
      for (const actor of actors) {
        const { snapshot, entries } = await cluster.settle(log.recover(actor));
        const tail = entries.flatMap(({ events }) => events.map((event) => (event as { text: string }).text));
        const texts = [...((snapshot?.body as string[] | undefined) ?? []), ...tail].filter((text) => text !== "last");
        const known = new Set(storm.acknowledged.get(actor));
        expect(texts.filter((text) => known.has(text))).to.deep.equal(storm.acknowledged.get(actor));
        for (const text of texts) expect(known.has(text) || storm.unknown.has(text), text).to.equal(true);
      }
      const side = cluster.rows("a", /^side\//);
      for (const name of holders) {
        expect(cluster.rows(name, /^side\//), name).to.deep.equal(side);
        const again = await cluster.settle(cluster.peer(name).journal.reopen(slot));
        expect(again.position, name).to.deep.include({ seq: log.durableSeq });
        await cluster.settle(again.verify());
      }
    });
  }
});
