import { expect } from "chai";
import { openRepository, prune, recall, runBackup, type BackupPorts } from "../../../node/backup/index.ts";
import { failure, PlexusError, type ActorId, type BackupResults, type BackupWish, type RoomMessage, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { depth } from "../../depth.ts";
import { fixtureWith } from "../actors/fixture.ts";
import { Cluster, ownSlot } from "./cluster-fixture.ts";
import { Actors, backupsOf } from "./world.ts";

const lobby = "room/lobby" as ActorId;
const messages = 24;
const place = (more: object = {}): BackupWish => ({ sort: "place", query: { thread: lobby }, recall: "recall0001", existing: "again", ...more }); // prettier-ignore
const placed = ({ result }: { readonly result?: unknown }) => result as BackupResults["place"];

/** A cluster with a room, and a backup of it. */
async function backedUp(seed: number): Promise<Cluster> {
  const people = fixtureWith("ada");
  people.ok("user/ada", lobby, { type: "create" });
  for (let n = 0; n < messages; n += 1) people.ok("user/ada", lobby, { type: "post", text: `message ${n}` });
  const cluster = new Cluster(seed, 4, people);
  const slot = cluster.slots.get("chat/1" as SlotId) as Actors;
  for (const { key, value } of people.records(lobby, "message/")) slot.change(lobby, { [key]: value });
  await cluster.start();
  expect((await cluster.ended(cluster.begin())).state).to.equal("done");
  return cluster;
}

const back = (cluster: Cluster): readonly number[] =>
  cluster.actor.records(lobby, "message/").flatMap(({ value }) => (value as RoomMessage).restored?.seq ?? []);
const all = Array.from({ length: messages }, (_, index) => index + 1);

describe("a recall into place as a task of the cluster", function () {
  it("goes on at another node from its mark, counts everything once, and is taken back", async () => {
    for (let moment = 1; moment <= 12; moment += depth(5, 1)) {
      const cluster = await backedUp(moment);
      let [restores, asked] = [0, 0];
      const after: string[] = [];
      cluster.placed = (node, { type }) => {
        asked += 1;
        if (asked === moment) return cluster.crash(node, "n3");
        if (asked > moment) after.push(type);
        if (type === "restore") restores += 1;
      };
      const task = await cluster.ended(cluster.begin(place()));
      expect([task.state, task.turn, task.runner?.split(".")[0]], `${moment}`).to.deep.equal(["done", 2, "n3"]);
      expect(back(cluster).toSorted((one, other) => one - other)).to.deep.equal(all);
      const { restored, found, threads } = placed(task);
      // What came between the mark and the end is found as done.
      expect([restored + found.done, threads]).to.deep.equal([messages, 1]);
      const undone = await cluster.ended(cluster.begin({ sort: "withdraw", query: {}, recall: "recall0001" }));
      expect((undone.result as BackupResults["withdraw"]).removed).to.equal(messages);
    }
  });

  it("leaves out what its mark has settled: stretches before it are not looked at again", async () => {
    const cluster = await backedUp(21);
    const looked: number[] = [];
    let stretches = 0;
    cluster.placed = (node, message) => {
      if (message.type !== "entries") return;
      const { of, from } = message as unknown as { readonly of: string; readonly from: number };
      if (of !== "message") return;
      looked.push(from);
      stretches += 1;
      if (stretches === 4) cluster.crash(node, "n3");
    };
    const task = await cluster.ended(cluster.begin(place()));
    expect([task.state, task.turn, back(cluster).length]).to.deep.equal(["done", 2, messages]);
    expect(
      looked.filter((from) => from === looked[0]),
      "the first stretch",
    ).to.have.length(1);
    expect(placed(task).found.done).to.be.below(messages / 2);
  });

  it("says in a dry run how much comes and how long it takes, and changes nothing", async () => {
    const cluster = await backedUp(31);
    const task = await cluster.ended(cluster.begin(place({ dryRun: true })));
    expect(placed(task)).to.deep.include({ restored: messages, dryRun: true, threads: 1 });
    expect(placed(task).takesMs).to.be.at.least((messages * 1_000) / 100);
    expect(back(cluster)).to.deep.equal([]);
    const some = await cluster.ended(cluster.begin(place({ query: { thread: lobby, type: "turn" }, dryRun: true })));
    expect(placed(some).restored, "another type").to.equal(0);
  });

  it("is cancelled in the middle, and goes on under its id", async () => {
    const cluster = await backedUp(41);
    let id = "";
    let restores = 0;
    cluster.placed = (_, { type }) => {
      if (type !== "restore") return;
      restores += 1;
      if (restores === 2) cluster.actor.ok("gateway", "backup/cluster", { type: "cancel", task: id, by: "ada" });
    };
    id = cluster.begin(place());
    expect((await cluster.ended(id)).state).to.equal("cancelled");
    const some = back(cluster).length;
    expect(some).to.be.within(1, messages - 1);
    const task = await cluster.ended(cluster.begin(place()));
    expect(placed(task).restored).to.equal(messages - some);
    expect(back(cluster).toSorted((one, other) => one - other)).to.deep.equal(all);
  });

  it("keeps a prune waiting, also while nobody runs it", async () => {
    const cluster = await backedUp(51);
    cluster.slots.get("chat/2" as SlotId)?.change("room/r2" as ActorId, { "message/9": { text: "more" } });
    expect((await cluster.ended(cluster.begin())).state).to.equal("done");
    let pruning = "";
    cluster.placed = (node, { type }) => {
      if (type !== "restore" || pruning !== "") return;
      pruning = cluster.begin({ sort: "prune", keep: { last: 1 }, apply: true });
      cluster.crash(node, "n3");
    };
    const id = cluster.begin(place({ query: { thread: lobby, snapshot: 1 } }));
    const recalled = await cluster.ended(id);
    expect(cluster.look(pruning).startedAtMs ?? Infinity).to.be.at.least(recalled.endedAtMs as number);
    expect([recalled.state, recalled.turn, back(cluster).length]).to.deep.equal(["done", 2, messages]);
    expect(((await cluster.ended(pruning)).result as BackupResults["prune"]).removed).to.deep.equal([1]);
  });
});

describe("a prune whose runner dies", function () {
  it("says what it has removed, whoever ends it, and removes nothing more", async () => {
    for (const moment of ["before", "behind"] as const) {
      const cluster = await backedUp(moment.length);
      for (const text of ["two", "three"]) {
        cluster.slots.get("chat/2" as SlotId)?.change("room/r2" as ActorId, { [`message/${text}`]: { text } });
        expect((await cluster.ended(cluster.begin())).state).to.equal("done");
      }
      const owner = cluster.owners.get(ownSlot) as string;
      const ports = cluster.ports.get(owner) as BackupPorts;
      const heads = { ...ports.heads };
      let commits = 0;
      Object.assign(ports.heads, {
        commit: async (head: Uint8Array, number: number) => {
          commits += 1;
          if (moment === "before") {
            cluster.crash(owner, "n3");
            return new Promise(() => undefined);
          }
          await heads.commit(head, number);
          cluster.crash(owner, "n3");
          return new Promise(() => undefined);
        },
      });
      const task = await cluster.ended(cluster.begin({ sort: "prune", keep: { last: 1 }, apply: true }));
      expect([task.state, task.turn, commits]).to.deep.equal(["done", 2, 1]);
      const { removed, kept, stripes } = task.result as BackupResults["prune"];
      expect([removed, kept.map(({ snapshot }) => snapshot)], moment).to.deep.equal([[1, 2], [3]]);
      expect(stripes).to.be.above(0);
      expect((await cluster.snapshots("n2")).map(({ number }) => number)).to.deep.equal([3]);
      const checked = await cluster.ended(cluster.begin({ sort: "verify", depth: "data" }));
      expect(checked.result).to.deep.include({ snapshots: 1, lost: { total: 0, named: [] } });
    }
  });

  it("is told so too where the answer to its commit is lost", async () => {
    const { ports, heads } = backupsOf();
    const source = new Actors();
    const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
    for (const text of ["one", "two"]) {
      source.change(lobby, { [`message/${text}`]: { text } });
      await runBackup(ports, openRepository(ports), source, idle);
    }
    const mute = {
      read: () => heads.read(),
      async commit(head: Uint8Array, number: number): Promise<boolean> {
        await heads.commit(head, number);
        throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
      },
    };
    const silent = { ...ports, heads: mute };
    const report = await prune(silent, openRepository(silent), { last: 1 }, { ...idle, apply: true });
    expect(report.removed).to.deep.equal([1]);
  });
});

describe("whoever takes what is recalled", () => {
  it("is told of its own faults: a listener or a sink that throws ends the recall, and no unit is called lost", async () => {
    const { ports, repository } = backupsOf();
    const source = new Actors();
    for (let n = 0; n < 9; n += 1) source.change(lobby, { [`message/${n}`]: { text: "x".repeat(80) } });
    const signal = new AbortController().signal;
    await runBackup(ports, repository, source, { signal, progress: () => undefined, pace: async () => undefined });
    const fault = new Error("no room for it");
    const lost: unknown[] = [];
    const told = { signal, progress: () => undefined, lost: (...of: unknown[]) => void lost.push(of) };
    const thrower = (): never => {
      throw fault;
    };
    const code = async (work: Promise<unknown>) => work.catch((error: unknown) => error);
    const sink = { write: async () => undefined };
    expect(await code(recall(ports, repository, {}, sink, { ...told, progress: thrower }))).to.equal(fault);
    expect(await code(recall(ports, repository, {}, { write: async () => thrower() }, told))).to.equal(fault);
    expect(lost).to.deep.equal([]);
    const damaged = { write: async () => Promise.reject(new PlexusError(failure("BACKUP_DAMAGED"))) };
    expect(await code(recall(ports, repository, {}, damaged, told))).to.deep.include({ units: 0 });
    expect(lost.length).to.be.above(1);
  });
});
