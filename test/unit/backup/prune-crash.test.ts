import { expect } from "chai";
import { openRepository, type BackupPorts, type BackupStripes } from "../../../node/backup/index.ts";
import { markStripes } from "../../../node/backup/format/marking.ts";
import { backupActor, type ActorId, type BackupResults, type ClusterBackupTask, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { depth, isAll } from "../../depth.ts";
import { Cluster, ownSlot } from "./cluster-fixture.ts";

/** A node whose process ends at one of the steps of a prune: at a call of holders or of the directory, before it is
 *  made or once it was carried out. */
interface Death {
  readonly step: number;
  readonly when: "before" | "behind";
}

/** Three snapshots, each of which changed something. */
async function backedUp(seed: number): Promise<Cluster> {
  const cluster = new Cluster(seed, 3);
  await cluster.start();
  for (const text of ["one", "two", "three"]) {
    const slot = cluster.slots.get("chat/1" as SlotId);
    slot?.change("room/r1" as ActorId, { "message/0": { text: text.repeat(40) }, [`message/${text}`]: { text } });
    expect((await cluster.ended(cluster.begin())).state).to.equal("done");
  }
  return cluster;
}

/** Lets the node die that runs what comes. `steps`: how many there were. */
function dieAt(cluster: Cluster, { step, when }: Death) {
  const owner = cluster.owners.get(ownSlot) as string;
  const ports = cluster.ports.get(owner) as BackupPorts;
  const count = { steps: 0 };
  const dying =
    <Asked extends readonly unknown[], Answer>(work: (...asked: Asked) => Promise<Answer>) =>
    async (...asked: Asked): Promise<Answer> => {
      count.steps += 1;
      if (count.steps !== step) return work(...asked);
      if (when === "behind") await work(...asked);
      cluster.crash(owner, "n2");
      return new Promise(() => undefined);
    };
  const { stripes, heads } = ports;
  const dyingStripes: BackupStripes = {
    ...stripes,
    put: dying((...asked: Parameters<BackupStripes["put"]>) => stripes.put(...asked)),
    keep: dying((...asked: Parameters<BackupStripes["keep"]>) => stripes.keep(...asked)),
    release: dying((...asked: Parameters<BackupStripes["release"]>) => stripes.release(...asked)),
  };
  const { settled } = heads;
  Object.assign(ports, {
    stripes: dyingStripes,
    heads: {
      ...heads,
      commit: dying((head: Uint8Array, number: number) => heads.commit(head, number)),
      ...(settled && {
        settled: { read: () => settled.read(), tell: dying((number: number) => settled.tell(number)) },
      }),
    },
  });
  return count;
}

const pruned = (cluster: Cluster): Promise<ClusterBackupTask> =>
  cluster.ended(cluster.begin({ sort: "prune", keep: { last: 1 }, apply: true }));

/** What holders keep for backups without an end, and what the newest head leads to. */
async function keptAndNeeded(cluster: Cluster) {
  const ports = cluster.ports.get("n3") as BackupPorts;
  const repository = openRepository(ports);
  const needed = async (): Promise<readonly string[]> => {
    const { snapshots, head } = await repository.state();
    const marked = await markStripes(repository, snapshots, { signal: new AbortController().signal });
    return [...new Set([...marked.keys(), head?.catalog.stripe.id ?? ""])].toSorted();
  };
  const kept = new Set<string>();
  for (const holder of cluster.shards.all())
    for (const { stripe, references } of cluster.shards.holders.inventory(holder))
      if (references.some((one) => one.owner === backupActor && one.expiresAtMs === undefined)) kept.add(stripe.id);
  return { kept: [...kept].toSorted(), needed: await cluster.world.settle(needed()) };
}

describe("a prune of the cluster whose node dies", () => {
  it("loses nothing that the snapshot needs and leaves nothing for ever, whatever step that was", async () => {
    let [deaths, step] = [0, 1];
    for (let isOver = false; !isOver; step += depth(isAll ? 9 : 27, 1)) {
      for (const when of ["before", "behind"] as const) {
        const at = `died at ${step}, ${when}`;
        const cluster = await backedUp(3);
        const count = dieAt(cluster, { step, when });
        const task = await pruned(cluster);
        isOver = count.steps < step;
        if (isOver) break;
        deaths += 1;
        expect([task.state, task.turn], at).to.deep.equal(["done", 2]);
        expect((task.result as BackupResults["prune"]).removed, at).to.deep.equal([1, 2]);
        expect(
          (await cluster.snapshots("n3")).map(({ number }) => number),
          at,
        ).to.deep.equal([3]);
        const checked = await cluster.ended(cluster.begin({ sort: "verify", depth: "data" }));
        expect(checked.result, at).to.deep.include({
          snapshots: 1,
          lost: { total: 0, named: [] },
          lostUnits: { total: 0, named: [] },
        });
        expect(await cluster.texts("n3"), at).to.deep.equal(cluster.written);
        // Its holder's node is back, and hears from the next prune what it missed.
        await cluster.world.settle(cluster.shards.start("n1"));
        await cluster.world.pass(3_000);
        expect((await pruned(cluster)).state, at).to.equal("done");
        await cluster.world.pass(3_000);
        const { kept, needed } = await keptAndNeeded(cluster);
        expect(kept, at).to.deep.equal(needed);
      }
    }
    expect(deaths, "deaths").to.be.above(3);
  });
});
