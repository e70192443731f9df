import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { createPacing } from "../../../node/backup/index.ts";
import { pathPart } from "../../../node/backup/places/recall-folder.ts";
import { createBackups, type Backups, type OwnedSlot } from "../../../node/backup/tasks/backups.ts";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { openJournal } from "../../../node/storage/index.ts";
import {
  failure,
  ok,
  refused,
  type BackupHold,
  type BackupResults,
  type BackupTask,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import { isAll } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { isPack, plainKeys, valueIn } from "./world.ts";
import { append, draft, identity, openAs, RowStore, slot } from "../storage/fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { moment } from "../../waits.ts";

const put = (key: string, value: unknown) => ({ space: "record" as const, put: key, value });

describe("backups into a folder", () => {
  const clock = flowingWorld().clock();
  let top: string;
  const open: Backups[] = [];
  const told: Readonly<Record<string, string>>[] = [];
  beforeEach(async () => (top = await mkdtemp(join(tmpdir(), "plexus-backups-"))));
  afterEach(async () => {
    for (const backups of open.splice(0)) await backups.stop();
    await rm(top, { recursive: true, force: true });
  });

  let holds: Result<readonly BackupHold[]> = ok([]);
  /** Pieces of work that were let through. */
  let pieces = 0;
  /** Asked before and behind each thing that a node does; what it never answers was killed there. */
  let step = (): Promise<void> => Promise.resolve();
  /** A node with one slot, in a cluster whose other slots others own. */
  async function node(name = "ann", cluster = "c1") {
    const store = new RowStore();
    const journal = await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity });
    const log = await openAs(journal, slot, 1);
    const others: OwnedSlot[] = [];
    let hold: Promise<unknown> = Promise.resolve();
    const keys = plainKeys();
    const files = new Map<string, Uint8Array>();
    const pacing = createPacing({ clock });
    const backups = createBackups({
      data: join(top, "data"),
      cluster,
      node: name,
      keys: { backupKeys: async () => ok(keys), carried: async () => ok(Buffer.from("keys")) },
      directory: { list: async () => [] },
      useCluster: () => Promise.reject(new Error("this node has folders alone")),
      replication: {
        owned: () => journal.slots(),
        cut: async () => {
          await hold;
          await step();
          return log.cut();
        },
      },
      kernel: { ask: async () => refused(failure("NOT_FOUND")) },
      measured: () => undefined,
      blobs: {
        forget: async () => undefined,
        put: async () => refused(failure("NOT_FOUND")),
        read: async (_, hash) => (files.has(hash) ? ok(files.get(hash) as Uint8Array) : refused(failure("NOT_FOUND"))),
      },
      holds: async () => holds,
      slots: () => [{ slot, owner: name }, ...others],
      noteFolder: () => step(),
      nameOf: (one) => one.toUpperCase(),
      drills: {
        start: async () => ({ readyMs: 1, rooms: 0, messages: 0, differs: [] }),
        failed: (facts) => void told.push(facts),
      },
      pacing: {
        ...pacing,
        // A spread has none of what its class does.
        part: (most, next, bytesOf) => pacing.part(most, next, bytesOf),
        percent: () => pacing.percent(),
        async piece(work) {
          pieces += 1;
          await step();
          const answer = await pacing.piece(work);
          await step();
          return answer;
        },
      },
      clock,
      random: createRandom(),
      log: quietLog,
    });
    open.push(backups);
    const write = (key: string, value: unknown) =>
      append(log, draft("room/a", key, { events: [], side: [put(key, value)] }));
    return { backups, others, write, log, files, holdUntil: (until: Promise<unknown>) => void (hold = until) };
  }

  async function ended<Sort extends keyof BackupResults>(
    backups: Backups,
    begun: Result<BackupTask<Sort>>,
  ): Promise<BackupTask<Sort>> {
    let task: BackupTask = valueIn(begun);
    while (task.state === "running") {
      await moment();
      task = valueIn(backups.task(task.id));
    }
    return task as BackupTask<Sort>;
  }

  it("name the slots of other nodes, and take over what those have of them from nobody", async () => {
    const { backups, others, write } = await node();
    await write("message/1", { text: "hello" });
    others.push({ slot: "chat/200" as SlotId, owner: "bee" }, { slot: "user/7" as SlotId, owner: "cat" });
    const { result } = await ended(backups, backups.run({ to: join(top, "b") }));
    expect(result?.missed.map(({ slot: missed, owner, error }) => [missed, owner, error.code])).to.deep.equal([
      ["chat/200", "BEE", "MOVED"],
      ["user/7", "CAT", "MOVED"],
    ]);
    const list = valueIn(await backups.list({ from: join(top, "b") }));
    expect(list.node).to.equal("ANN");
    expect(list.snapshots[0]?.missed).to.deep.equal(["chat/200", "user/7"]);
  });

  it("are of one node and cluster for each folder, and of no folder that has something else", async () => {
    const { backups, write } = await node();
    await write("message/1", { text: "hello" });
    const to = join(top, "b");
    expect(await ended(backups, backups.run({ to }))).to.include({ state: "done" });
    const reasonOf = async (of: Backups, begun: Result<BackupTask>) =>
      String((await ended(of, begun)).error?.details?.["reason"]);
    const other = (await node("bee")).backups;
    expect(await reasonOf(other, other.run({ to }))).to.match(/of the node ANN, and only that node can change them/);
    expect(await reasonOf(other, other.prune({ from: to, keep: { last: 1 }, apply: true }))).to.match(
      /of the node ANN/,
    );
    const foreign = (await node("ann", "c2")).backups;
    expect(await reasonOf(foreign, foreign.run({ to }))).to.match(/of another cluster/);
    await writeFile(join(top, "mine.txt"), "mine");
    expect(await reasonOf(backups, backups.run({ to: top }))).to.match(/not empty, and not a folder of backups/);
    const into = join(top, "data", "x");
    expect(await reasonOf(backups, backups.run({ to: into }))).to.match(/own data folder/);
    expect(await reasonOf(backups, backups.recall({ from: to, to: into, query: {} }))).to.match(/own data folder/);
    expect(await reasonOf(backups, backups.verify({ from: into + "/../../no", depth: "data" }))).to.match(/no backups/);
    expect((await readdir(top)).toSorted()).to.deep.equal(["b", "mine.txt"]);
  });

  it("lose nothing to a prune that a legal hold keeps, or while nobody can say what is held", async () => {
    const { backups, write } = await node();
    const to = join(top, "b");
    for (const [n, room] of ["a", "b", "c"].entries()) {
      await write(`message/${n}`, { text: room });
      await ended(backups, backups.run({ to }));
    }
    const hold: BackupHold = { id: "h", on: { snapshot: 1 }, reason: "r", by: "ada", atMs: 0 };
    const pruned = async (apply: boolean): Promise<BackupTask<"prune">> =>
      (await ended(backups, backups.prune({ from: to, keep: { last: 1 }, apply }))) as BackupTask<"prune">;
    holds = ok([hold]);
    expect((await pruned(false)).result?.removed, "of the cluster's own backups").to.deep.equal([1, 2]);
    holds = ok([{ ...hold, on: { thread: "room/a" } }]);
    expect((await pruned(true)).result?.removed).to.deep.equal([]);
    holds = refused(failure("SLOT_UNAVAILABLE"));
    expect((await pruned(true)).error?.code).to.equal("SLOT_UNAVAILABLE");
    holds = ok([]);
    expect((await pruned(true)).result?.removed).to.deep.equal([1, 2]);
  });

  it("step back behind people in a run, a check and a prune", async () => {
    const { backups, write } = await node();
    const to = join(top, "b");
    const within = async (work: () => Parameters<typeof ended>[1]): Promise<number> => {
      const before = pieces;
      expect((await ended(backups, work())).error).to.equal(undefined);
      return pieces - before;
    };
    await write("message/1", { text: "a" });
    expect(await within(() => backups.run({ to }))).to.be.above(0);
    await write("message/2", { text: "b" });
    expect(await within(() => backups.run({ to }))).to.be.above(0);
    expect(await within(() => backups.verify({ from: to, depth: "shards" }))).to.be.above(0);
    expect(await within(() => backups.prune({ from: to, keep: { last: 1 }, apply: true }))).to.be.above(0);
  });

  it("run one at a time, can be cancelled, and commit nothing then", async () => {
    const { backups, write, holdUntil } = await node();
    await write("message/1", { text: "hello" });
    const to = join(top, "b");
    const gate = Promise.withResolvers<void>();
    holdUntil(gate.promise);
    const begun = backups.run({ to });
    const second = backups.verify({ from: to, depth: "data" });
    expect(second.ok ? "begun" : second.error.code).to.equal("LIMIT_REACHED");
    // It is in the middle of its slot by then.
    while (Object.keys(valueIn(backups.task(valueIn(begun).id)).progress).length === 0) await moment();
    backups.cancel(valueIn(begun).id);
    gate.resolve();
    expect(await ended(backups, begun)).to.include({ state: "cancelled" });
    expect(valueIn(await backups.list({ from: to })).snapshots).to.deep.equal([]);
    expect((await ended(backups, backups.run({ to }))).result?.snapshot.number).to.equal(1);
    await backups.stop();
    const late = backups.run({ to });
    expect(late.ok ? "begun" : late.error.code).to.equal("STOPPING");
  });

  it("are made whole by the same command, whatever step they were killed at", async () => {
    const blobsIn = async (folder: string): Promise<number> =>
      (await readdir(join(folder, "blobs"), { recursive: true })).filter((name) => /\/[0-9a-f]{64}$/.test(name)).length;
    const filled = async () => {
      const one = await node();
      for (const text of ["a", "b", "c"]) await one.write(`message/${text}`, { text });
      return one.backups;
    };
    const whole = join(top, "whole");
    const undisturbed = await filled();
    const counts: number[] = [];
    for (let runs = 0; runs < 2; runs += 1) {
      expect(await ended(undisturbed, undisturbed.run({ to: whole }))).to.include({ state: "done" });
      counts.push(await blobsIn(whole));
    }
    let [left, at] = [0, 0];
    for (let isKilled = true; isKilled;) {
      at += at < 4 ? 1 : isAll ? 3 : 5;
      const to = join(top, `killed-${at}`);
      const dying = await filled();
      let steps = 0;
      isKilled = false;
      step = () => {
        steps += 1;
        isKilled ||= steps === at;
        return isKilled ? new Promise(() => undefined) : Promise.resolve();
      };
      const { id } = valueIn(dying.run({ to }));
      while (!isKilled && valueIn(dying.task(id)).state === "running") await moment();
      step = () => Promise.resolve();
      // A process that is dead ends nothing.
      if (isKilled) open.splice(open.indexOf(dying), 1);
      left += (await blobsIn(to).catch(() => 0)) > 0 ? 1 : 0;
      const next = await filled();
      expect(await ended(next, next.run({ to })), `killed at ${at}`).to.include({ state: "done" });
      const { snapshots } = valueIn(await next.list({ from: to }));
      expect(await blobsIn(to), `killed at ${at}`).to.equal(counts[snapshots.length - 1]);
      const { result } = await ended(next, next.verify({ from: to, depth: "data" }));
      expect(result, `killed at ${at}`).to.deep.include({ snapshots: snapshots.length, damaged: [] });
      const out = join(top, `out-${at}`);
      await ended(next, next.recall({ from: to, to: out, query: {} }));
      const lines = (await readFile(join(out, "room", "a", "message.jsonl"), "utf8")).trim().split("\n");
      expect(lines.map((line) => (JSON.parse(line) as [string, { text: string }])[1].text)).to.deep.equal([
        "a",
        "b",
        "c",
      ]);
    }
    expect(at, "steps").to.be.above(8);
    expect(left, "runs that left something").to.be.above(3);
  });

  it("say which records cannot be brought back, and bring the others", async () => {
    const { backups, write } = await node();
    const from = join(top, "b");
    await write("message/1", { text: "hello", atMs: 1_795_000_000_000 });
    await ended(backups, backups.run({ to: from }));
    const old = new Set(await readdir(join(from, "blobs"), { recursive: true }));
    await write("topic/1", { text: "new" });
    await ended(backups, backups.run({ to: from }));
    // The packs of the second run, which has the last of the record's units; what leads to them stays readable.
    let broken = 0;
    for (const name of await readdir(join(from, "blobs"), { recursive: true })) {
      if (old.has(name) || !/\/[0-9a-f]{64}$/.test(name)) continue;
      const bytes = await readFile(join(from, "blobs", name));
      if (!isPack(bytes)) continue;
      await rm(join(from, "blobs", name));
      broken += 1;
    }
    expect(broken).to.be.greaterThan(0);
    const to = join(top, "out");
    const { result } = await ended(backups, backups.recall({ from, to, query: {} }));
    expect(result?.lost.total).to.be.greaterThan(0);
    expect(result?.lost.named.map(({ type }) => type))
      .to.include("topic")
      .and.not.to.include("message");
    const line = JSON.parse(await readFile(join(to, "room", "a", "message.jsonl"), "utf8")) as unknown;
    expect(line).to.deep.equal(["message/1", { atMs: 1_795_000_000_000, text: "hello" }]);
    const about = JSON.parse(await readFile(join(to, "recall.json"), "utf8")) as { lost: { total: number } };
    expect(about.lost.total).to.equal(result?.lost.total);
  });

  it("have the files of people and agents, which a recall writes beside the records that name them", async () => {
    const { backups, log, files } = await node();
    // More than a unit has, and what no compression makes less of.
    const picture = new Uint8Array(randomBytes(900_000));
    const face = new Uint8Array(randomBytes(2_000));
    const [pictureName, faceName] = [hashOf(picture), hashOf(face)];
    files.set(pictureName, picture).set(faceName, face);
    const happened = (event: object) => ({ type: "happened", at: 1, event });
    const view = { displayName: "Ada", theme: "dark", createdAtMs: 1, admin: false };
    const user = [
      { type: "created", passwordHash: "x", at: 1, event: { type: "profileSet", view } },
      happened({ type: "profileSet", view: { ...view, avatar: { hash: faceName, size: 2_000, format: "png" } } }),
    ];
    const settings = { persona: "", model: "m", sampling: {}, createdAtMs: 1 };
    const agent = [
      { type: "created", createdAtMs: 1, at: 1, event: { type: "updated", view: settings } },
      { type: "attached", picture: { hash: pictureName, size: 900_000, format: "png", width: 1, height: 1 } },
    ];
    await append(log, draft("user/ada", "", { events: user }));
    await append(log, draft("agent/ada.helper", "", { events: agent }));
    const from = join(top, "b");
    const { result: run } = await ended(backups, backups.run({ to: from }));
    expect(run?.missedFiles).to.deep.equal({ total: 0, named: [] });
    const to = join(top, "out");
    await ended(backups, backups.recall({ from, to, query: { person: "user/ada" } }));
    expect(await readFile(join(to, "user/ada/files", faceName))).to.deep.equal(Buffer.from(face));
    expect((await readFile(join(to, "agent/ada.helper/files", pictureName))).equals(picture)).to.equal(true);
    // The picture that the agent has is gone, and so is the state of a broken one: both are named.
    files.clear();
    await append(log, draft("agent/ada.other", "", { events: agent }));
    await append(log, draft("agent/ada.broken", "", { events: [{ type: "created" }] }));
    const { result: second } = await ended(backups, backups.run({ to: from }));
    expect(second?.missedFiles.named.map(({ actor, hash }) => [actor, hash])).to.deep.equal([
      ["agent/ada.broken", "*"],
      ["agent/ada.other", pictureName],
    ]);
    expect(second?.snapshot.missed).to.deep.equal(["agent/ada.broken/files/*", `agent/ada.other/files/${pictureName}`]);
  });

  it("have the parts of files of rooms: of those that wait in the state, and of those that only records name", async () => {
    const { backups, log, files } = await node();
    const parts = [1, 2].map((seed) => new Uint8Array(randomBytes(300_000 + seed)));
    const [posted = "", waiting = ""] = parts.map((part) => hashOf(part));
    for (const part of parts) files.set(hashOf(part), part);
    const view = {
      room: "lobby",
      title: "",
      topic: "",
      visibility: "public",
      createdAtMs: 1,
      members: {},
      messageSeq: 0,
    };
    const upload = { by: "user/ada", id: "0.lobby", name: "a", bytes: 1, key: "k", offset: 1, epoch: 1, atMs: 1 };
    const begun = { is: "begun", upload: { ...upload, parts: [waiting] }, ended: [] };
    await append(
      log,
      draft("room/lobby", "", {
        events: [
          { type: "happened", at: 1, event: { type: "created", by: "user/ada", view: { ...view, pins: [] } } },
          { type: "readMarked", member: "", seq: 0, upload: begun },
        ],
        side: [put(`part/${posted}`, "1.lobby")],
      }),
    );
    const from = join(top, "files-of-rooms");
    const { result: run } = await ended(backups, backups.run({ to: from }));
    expect(run?.missedFiles).to.deep.equal({ total: 0, named: [] });
    files.clear();
    const again = join(top, "files-of-rooms-again");
    const { result: second } = await ended(backups, backups.run({ to: again }));
    expect(second?.missedFiles.named.map(({ hash }) => hash).toSorted()).to.deep.equal([posted, waiting].toSorted());
  });

  it("write names that stay in their folder", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: fc.constantFrom(".", "/", "\\", "a", "*", ":", "\0", " ") }),
        (name) => {
          expect(pathPart(name)).to.match(/^[^./\\:*\0 ][^/\\:*\0 ]*$/);
        },
      ),
    );
  });
});
