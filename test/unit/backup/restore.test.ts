import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { createPacing } from "../../../node/backup/index.ts";
import { createBackups, type Backups, type OwnedSlot } from "../../../node/backup/tasks/backups.ts";
import { endRestore, keepFiles, restore, type Restored } from "../../../node/backup/restore/restore.ts";
import { seal } from "../../../node/data-folder/seal.ts";
import { markFile, journalFolder } from "../../../node/data-folder/index.ts";
import { readHome } from "../../../node/data-folder/home.ts";
import { actorBlobPrefix, blobLimits, hashOf, openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { anchorOf, createClusterKeys, rootKeysOf, type ClusterKeys } from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { createRandom, openFiles, openLevelStore } from "../../../node/platform/index.ts";
import type { SlotRecord } from "../../../node/ports/index.ts";
import type { DumpedAnswers } from "../../../node/kernel/answers.ts";
import { openJournal, readFormat, type Journal, type SideOp } from "../../../node/storage/index.ts";
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  slotOf,
  type BackupResults,
  type BackupTask,
  type Result,
  type ActorId,
  type SlotId,
} from "../../../protocols/index.ts";
import { behaviors } from "../../../actors/index.ts";
import { user } from "../../../actors/user/index.ts";
import { everyEngine } from "../../../runtimes/engine.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { depth, examples } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { isPack, valueIn } from "./world.ts";
import { append, draft, must, openAs, RowStore, snapshot, trim } from "../storage/fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { moment } from "../../waits.ts";
import { FileDisk } from "../../world/index.ts";

type Wish = Parameters<typeof restore>[0];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const root = rootKeysOf(Buffer.alloc(32, 1));
const none: DumpedAnswers = { old: [], oldAtMs: 0, young: [], youngAtMs: 0, youngBytes: 0 };

async function makeKit(keys: ClusterKeys): Promise<void> {
  const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
  const records = valueIn(await keys.beginKit(to));
  const anchor = anchorOf("c1", records.at(-1)!, root);
  valueIn(await keys.confirmKit({ ...to, verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1, anchor })); // prettier-ignore
}

/** What makes an account with a picture. */
function accountWith(displayName: string, hash: string): unknown[] {
  const profile = (more: object) => ({
    type: "profileSet",
    view: { displayName, theme: "system", createdAtMs: 1, admin: false, ...more },
  });
  return [
    { type: "created", at: 1, passwordHash: "x", event: profile({}) },
    { type: "happened", at: 2, event: profile({ avatar: { hash } }) },
  ];
}

/** What an actor is, in a journal: its state as folded there, its answers, and all that it keeps beside. */
async function contentOf(journal: Journal, slot: SlotId, actor: ActorId) {
  const log = await journal.openSlot(slot);
  const all = { from: "", to: "~", limit: 1_000 };
  const beside = await Promise.all(
    (["record", "reminder", "wake"] as const).map((space) => log.reader.readSide(space, actor, all)),
  );
  return { ...(await log.reader.recover(actor)), beside };
}

describe("a folder that is restored", () => {
  const world = flowingWorld();

  it("keeps more files than a node takes: many nodes had them", async () => {
    const target = new RowStore();
    const rows = Array.from({ length: blobLimits.referencesMax }, (_, at) => {
      const key = `${actorBlobPrefix}${at.toString(16).padStart(64, "0")}/room/lobby`;
      return { type: "put" as const, key, value: seal(key, { atMs: 1 }) };
    });
    await target.batch(rows);
    const disk = new FileDisk(world);
    const blobs = await openBlobStore({ files: disk.open({ life: 1, alive: true }), meter: quietMeter });
    const keep = await keepFiles({ target, blobs, ports: { clock: world.clock() } });
    const bytes = Buffer.from("one more");
    await keep("room/lobby", hashOf(bytes), bytes);
    expect(await blobs.has(hashOf(bytes))).to.equal(bytes.length);
  });
});

describe("a restore", () => {
  const world = flowingWorld();
  const clock = world.clock();
  let top: string;
  beforeEach(async () => (top = await mkdtemp(join(tmpdir(), "plexus-restore-"))));
  afterEach(() => rm(top, { recursive: true, force: true }));

  /** A cluster, whose directory and keys its nodes share. */
  async function cluster() {
    const shared = new RowStore();
    const directory = createEmbeddedDirectory({ store: shared });
    const diskKey = {
      read: async () => diskKeyOf(Buffer.alloc(32, 9)),
      make: async () => diskKeyOf(Buffer.alloc(32, 9)),
    };
    const keys = createClusterKeys({ cluster: "c1", directory, store: shared, diskKey, clock, log: quietLog });
    await makeKit(keys);
    const owners = new Map<SlotId, string>();
    const files = new Map<string, Uint8Array>();
    const told: Readonly<Record<string, string>>[] = [];
    const node = async (name: string) => {
      const store = new RowStore();
      const journal = await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity: { cluster: "c1", node: name } }); // prettier-ignore
      const backups = createBackups({
        useCluster: () => Promise.reject(new Error("this node has folders alone")),
        data: join(top, "data"),
        cluster: "c1",
        node: name,
        keys,
        directory,
        replication: {
          owned: async () => (await journal.slots()).filter((slot) => owners.get(slot) === name),
          cut: async (slot) => (await journal.openSlot(slot)).cut(),
        },
        kernel: { ask: async () => refused(failure("NOT_FOUND")) },
        measured: () => undefined,
        blobs: {
          forget: async () => undefined,
          put: async () => refused(failure("NOT_FOUND")),
          read: async (_, hash) => (files.has(hash) ? ok(files.get(hash)!) : refused(failure("NOT_FOUND"))),
        },
        holds: async () => ok([]),
        slots: () => [...owners].map(([slot, owner]): OwnedSlot => ({ slot, owner })),
        noteFolder: async () => undefined,
        nameOf: (one) => one,
        drills: {
          start: async () => ({ readyMs: 1, rooms: 0, messages: 0, differs: [] }),
          failed: (facts) => void told.push(facts),
        },
        pacing: createPacing({ clock }),
        clock,
        random: createRandom(),
        log: quietLog,
      });
      const folder = join(top, `of-${name}`);
      return {
        journal,
        folder,
        async write(
          actor: ActorId,
          key: string,
          more: { epoch?: number; slot?: SlotId; events?: unknown[]; side?: readonly SideOp[] } = {},
        ) {
          const slot = more.slot ?? slotOf("chat", actor);
          owners.set(slot, name);
          const log = await openAs(journal, slot, more.epoch ?? 1);
          const side = more.side ?? [
            { space: "record" as const, put: key, value: { atMs: 1_795_000_000_000, text: `${actor} ${key}` } },
            { space: "reminder" as const, put: "again", value: { dueMs: 5 } },
          ];
          const events = more.events ?? [{ type: "put" }];
          must(
            await append(log, draft(actor, key, { side, events, answers: [[`op ${key}`, { ok: true, value: key }]] })),
          );
          return log;
        },
        backups,
        back: async () => void (await ended(backups, backups.run({ to: folder }))),
      };
    };
    return { node, keys, directory, files, told };
  }
  /** A task at its end, which must be a good one. */
  async function ended<Sort extends keyof BackupResults>(backups: Backups, begun: Result<BackupTask<Sort>>) {
    let task = valueIn(begun) as BackupTask;
    while (task.state === "running") {
      await moment();
      task = valueIn(backups.task(task.id));
    }
    expect(task.error).to.equal(undefined);
    return task.result as BackupResults[Sort];
  }
  const wishFor = (...from: readonly string[]): Wish => ({ from, to: join(top, "new") });
  const run = async (wish: Wish, by = root): Promise<Restored> => {
    const done = await restore(wish, by, { clock, random: createRandom(), log: quietLog, progress: () => undefined });
    await endRestore(wish.to);
    return done;
  };
  const codeOf = async (work: Promise<unknown>) =>
    work.then(
      () => "ok",
      (error: unknown) => failureOf(error).code,
    );
  /** The new folder, opened. */
  async function opened<Answer>(use: (at: { journal: Journal; store: Awaited<ReturnType<typeof openLevelStore>> }) => Promise<Answer>) {
    const store = await openLevelStore(journalFolder(join(top, "new")), { mark: markFile(join(top, "new")) });
    try {
      const format = await readFormat(store);
      const identity = { cluster: format!.cluster, node: format!.node };
      return await use({ store, journal: await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity }) });
    } finally {
      await store.close();
    }
  } // prettier-ignore

  it("gives every actor back as it was at the cut: state, answers, records and reminders, wherever snapshots and trims fell", async () => {
    const actors = ["catalog/a", "catalog/b", "catalog/c", "catalog/d"] as const;
    const step = fc.oneof(
      fc.record({ do: fc.constant("write" as const), actor: fc.constantFrom(...actors), key: fc.nat(5) }),
      fc.record({ do: fc.constantFrom("snapshot" as const, "trim" as const), actor: fc.constantFrom(...actors) }),
      fc.record({ do: fc.constant("back" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        await rm(top, { recursive: true, force: true });
        const at = await (await cluster()).node("ann");
        const changes = new Map<string, number>();
        const given = new Map<string, Set<string>>();
        for (const one of [...steps, { do: "back" as const }]) {
          if (one.do === "back") await at.back();
          else if (one.do === "write") {
            await at.write(one.actor, `row/${one.key}`);
            changes.set(one.actor, (changes.get(one.actor) ?? 0) + 1);
            given.set(one.actor, (given.get(one.actor) ?? new Set()).add(`op row/${one.key}`));
          } else if (changes.has(one.actor)) {
            const log = await at.journal.openSlot(slotOf("chat", one.actor));
            const seq = log.head.lastSeq;
            // Only where every actor of the slot has a snapshot may entries go.
            for (const other of actors.filter((name) => slotOf("chat", name) === log.slot && changes.has(name))) {
              const young = [...given.get(other)!].map(
                (operation) => [operation, { ok: true as const, value: "" }] as const,
              );
              must(
                await snapshot(log, other, seq, {
                  state: { changes: changes.get(other) },
                  answers: { ...none, young },
                }),
              );
            }
            if (one.do === "trim") must(await trim(log, seq));
          }
        }
        const done = await run(wishFor(at.folder));
        expect([done.lost, done.missing, done.stale, done.damaged]).to.deep.equal([[], [], [], []]);
        expect(done.actors).to.equal(changes.size);
        await opened(async ({ journal }) => {
          for (const [actor, count] of changes) {
            const slot = slotOf("chat", actor as ActorId);
            const [before, now] = [
              await contentOf(at.journal, slot, actor as ActorId),
              await contentOf(journal, slot, actor as ActorId),
            ];
            const body = now.snapshot?.body as { state: unknown; answers: DumpedAnswers };
            expect(body.state).to.deep.equal({ changes: count });
            expect(now.beside).to.deep.equal(before.beside);
            expect(body.answers.young.map(([operation]) => operation)).to.deep.equal([...given.get(actor)!]);
            expect(now.snapshot?.seq).to.equal((await at.journal.openSlot(slot)).head.lastSeq);
          }
        });
      }),
      { numRuns: depth(examples(6), 200) },
    );
  });

  it("brings back when accounts end: a deletion that was asked for, and a guest's time", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    const { nowMs } = world;
    const turn = { key: "", from: "gateway" as const, nowMs, notes: user.notes!.initial() };
    /** What is written of an actor that is told so. */
    const write = async (key: string, ...messages: readonly object[]): Promise<void> => {
      let state = user.initial(key);
      const events: unknown[] = [];
      const side: SideOp[] = [];
      for (const message of messages)
        for (const effect of user.decide(state, message as never, { ...turn, self: `user/${key}`, key })) {
          if (effect.type === "remind") side.push({ space: "reminder", put: effect.id, value: effect.dueMs });
          if (effect.type !== "persist") continue;
          events.push(effect.event);
          state = user.evolve(state, effect.event);
        }
      await at.write(`user/${key}`, key, { events, side });
    };
    const create = { type: "create", passwordHash: "x" };
    const dayMs = 24 * 3_600_000;
    await write("ada", create, { type: "beginDeletion", waitMs: 14 * dayMs, byAdmin: true, shown: { as: "operator" } });
    await write("gil", { ...create, guest: { lifeMs: 3 * dayMs } });
    await write("bob", create);
    await at.back();
    const done = await run(wishFor(at.folder));
    expect(done.actors).to.equal(3);
    const there = (days: number) =>
      opened(async ({ store }) => {
        const ports = { random: createRandom(), log: quietLog, meter: quietMeter, engines: everyEngine({}), behaviors };
        const { peer } = await startAlone({ ...ports, store, node: done.node, clock: { ...clock, nowMs: () => clock.nowMs() + days * dayMs } }); // prettier-ignore
        const wanted = days < 3 ? 3 : days < 14 ? 2 : 1;
        const found: string[] = [];
        const look = async (): Promise<number> => {
          found.length = 0;
          for (const key of ["ada", "bob", "gil"]) {
            const answer = await peer.kernel.ask({ to: `user/${key}`, from: "gateway", message: { type: "credentials" }, timeoutMs: 30_000 }); // prettier-ignore
            if (answer.ok) found.push(key);
            else expect(answer.error.code).to.equal("NOT_FOUND");
          }
          return found.length;
        };
        // Slots open one after the other, and each rings what is due in it.
        while ((await look()) > wanted) await moment();
        await peer.stop(5_000);
        return found.join(" ");
      });
    expect(await there(2)).to.equal("ada bob gil");
    expect(await there(3)).to.equal("ada bob");
    expect(await there(14)).to.equal("bob");
  });

  it("owns every slot in an epoch that no owner had, as a new node of the same cluster, with its keys and settings", async () => {
    const { node, keys, directory } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1", { epoch: 7 });
    await directory.compareAndSet("price/m", { name: "m", input: 1, output: 2 }, 0);
    await directory.compareAndSet("policy", { replicas: 3, minInSync: 2 }, 0);
    await directory.compareAndSet("member/n9", { node: "n9" }, 0);
    await at.back();
    valueIn(await keys.rotate({ compromised: false }));
    const done = await run(wishFor(at.folder));
    expect(done).to.deep.include({ cluster: "c1", settings: 1, policy: { replicas: 3, minInSync: 2 }, epochs: 1 });
    await opened(async ({ store }) => {
      const again = createEmbeddedDirectory({ store });
      const slot = slotOf("chat", "catalog/a");
      const record = (await again.read(`slot/${slot}`))?.value as SlotRecord;
      expect(record).to.deep.include({ owner: done.node, inSync: [done.node] });
      expect(record.epoch).to.be.greaterThan(7);
      expect(await readHome(store)).to.deep.include({
        cluster: "c1",
        members: [],
        directory: { kind: "embedded", host: done.node },
      });
      expect((await again.read("price/m"))?.value).to.deep.equal({ name: "m", input: 1, output: 2 });
      for (const key of ["policy", "member/n9"]) expect(await again.read(key)).to.equal(undefined);
      // The kit that there was is the kit, and a tenant's key is the one that it was.
      expect((await again.list("keys/ring/")).length).to.be.greaterThan(0);
      expect((await again.read("keys/root"))?.value).to.deep.equal((await directory.read("keys/root"))?.value);
    });
  });

  it("takes of each slot what the newest owner's folder has, and names the slots that no folder has", async () => {
    const { node } = await cluster();
    const [ann, bee] = [await node("ann"), await node("bee")];
    const [moved, stayed] = ["catalog/a", "catalog/b"] as const;
    await ann.write(moved, "row/1");
    await ann.write(stayed, "row/1");
    await ann.back();
    // The slot moves, and is backed up by its next owner alone.
    await bee.write(moved, "row/1", { epoch: 2 });
    await bee.write(moved, "row/2", { epoch: 2 });
    const gone = await node("cat");
    await gone.write("catalog/c", "row/1");
    await bee.back();
    await ann.back();
    const done = await run(wishFor(ann.folder, bee.folder));
    expect([done.missing, done.stale]).to.deep.equal([[slotOf("chat", "catalog/c")], []]);
    await opened(async ({ journal }) => {
      const { beside } = await contentOf(journal, slotOf("chat", moved), moved);
      expect(beside[0]?.map(({ key }) => key)).to.deep.equal(["row/1", "row/2"]);
      expect((await contentOf(journal, slotOf("chat", stayed), stayed)).beside[0]).to.have.length(1);
    });
    await rm(join(top, "new"), { recursive: true });
    // With ann's folder alone there is what ann had of it once, and that is said.
    const part = await run(wishFor(ann.folder));
    expect(part.stale).to.deep.equal([slotOf("chat", moved)]);
  });

  it("lets positions and mail leap, so that nobody's old number means something new, and leaves the old events", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    const view = { title: "Harbour", topic: "", visibility: "public", createdAtMs: 1, members: {} };
    const created = { type: "happened", at: 41, event: { type: "created", by: "user/ada", view } };
    await at.write("room/harbour", "message/1", { events: [created] });
    await at.write("room/harbour", "event/0000000000000041", { events: [] });
    await at.back();
    await run(wishFor(at.folder));
    await opened(async ({ journal }) => {
      const { snapshot: made, beside } = await contentOf(journal, slotOf("chat", "room/harbour"), "room/harbour");
      const { state } = made!.body as { state: { head: number; outbox: { next: number } } };
      expect(state.head).to.equal(41 + 2 ** 30);
      expect(state.outbox.next).to.equal(1 + 2 ** 30);
      expect(beside[0]?.map(({ key }) => key)).to.deep.equal(["message/1"]);
    });
  });

  it("brings nothing back whose key was erased, also not from a snapshot of before, and says so", async () => {
    const { node, keys } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1");
    await at.write("catalog/b", "row/1");
    await at.back();
    valueIn(await keys.erase("catalog/b"));
    await at.write("catalog/a", "row/2");
    await at.back();
    const done = await run({ ...wishFor(at.folder), snapshot: 1 });
    expect(done.erased).to.deep.equal({ units: 3, tenants: 1 });
    expect(done.lost).to.deep.equal([]);
    await opened(async ({ journal }) => {
      const { snapshot: made, beside } = await contentOf(journal, slotOf("chat", "catalog/b"), "catalog/b");
      expect([made, beside[0]]).to.deep.equal([undefined, []]);
    });
  });

  it("brings files of actors back, and names those that were gone when the backup was made", async () => {
    const { node, files } = await cluster();
    const at = await node("ann");
    const picture = Buffer.alloc(700_000, 7);
    const [hash, gone] = [hashOf(picture), "0".repeat(64)];
    files.set(hash, picture);
    await at.write("user/ada", "x/1", { events: accountWith("ada", hash) });
    await at.write("user/bob", "x/1", { events: accountWith("bob", gone) });
    await at.back();
    const done = await run(wishFor(at.folder));
    expect([done.files, done.missingFiles, done.lost]).to.deep.equal([1, [`user/bob/files/${gone}`], []]);
    const blobs = await openBlobStore({ files: await openFiles(join(top, "new", "blobs")), meter: quietMeter });
    expect(await blobs.check(hash)).to.equal(true);
    // Though nothing says how far the slot with the missing file was read.
    await opened(async ({ journal, store }) => {
      expect((await contentOf(journal, slotOf("chat", "user/bob"), "user/bob")).snapshot).not.to.equal(undefined);
      expect(await store.keys({ gte: "blob/", lt: "blob0", limit: 9 })).to.deep.equal([`blob/${hash}/user/ada`]);
    });
  });

  it("names each unit that a lost pack took with it, and brings the others", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1");
    await at.back();
    const blobs = async () =>
      (await readdir(join(at.folder, "blobs"), { recursive: true })).filter((name) => /\/[0-9a-f]{64}$/.test(name));
    const old = new Set(await blobs());
    await at.write("catalog/b", "row/1");
    await at.back();
    for (const name of await blobs()) {
      const file = join(at.folder, "blobs", name);
      if (!old.has(name) && isPack(await readFile(file))) await rm(file);
    }
    const done = await run(wishFor(at.folder));
    const names = done.lost.map(({ thread, type, bucket, error }) => [thread, type, bucket, error.code]);
    expect(names).to.have.deep.members([
      // The state, and the entries behind it.
      ["catalog/b", ".state", "", "STRIPE_LOST"],
      ["catalog/b", ".state", "", "STRIPE_LOST"],
      ["catalog/b", "row", "2026-11-18", "STRIPE_LOST"],
    ]);
    expect([done.actors, done.damaged]).to.deep.equal([1, []]);
  });

  it("refuses another kit, keys that were changed, a folder that is not empty, and begins again where one was broken off", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1");
    await at.back();
    const wish = wishFor(at.folder);
    expect(await codeOf(run(wish, rootKeysOf(Buffer.alloc(32, 2))))).to.equal("KEY_REFUSED");
    const file = join(at.folder, "keys.json");
    const carried = await readFile(file, "utf8");
    const changed = JSON.parse(carried) as { ring: string };
    const other = changed.ring.startsWith("A") ? "B" : "A";
    await writeFile(file, JSON.stringify({ ...changed, ring: other + changed.ring.slice(1) }));
    expect(await codeOf(run(wish))).to.equal("BACKUP_DAMAGED");
    await rm(file);
    expect(await codeOf(run(wish))).to.equal("NOT_FOUND");
    await writeFile(file, carried);
    expect(await readdir(top)).to.deep.equal(["of-ann"]);

    const abort = new AbortController();
    const progress = () => abort.abort(new PlexusError(failure("CANCELLED")));
    const broken = { clock, random: createRandom(), log: quietLog, signal: abort.signal, progress };
    expect(await codeOf(restore(wish, root, broken))).to.equal("CANCELLED");
    expect((await readdir(wish.to)).includes("restoring")).to.equal(true);
    await run(wish);
    expect((await readdir(wish.to)).includes("restoring")).to.equal(false);
    expect(await codeOf(run(wish))).to.equal("CONFIG_INVALID");
  });

  it("comes to the same wherever it was broken off, when the same command is typed again", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    for (const actor of ["catalog/a", "catalog/b"] as const)
      for (const row of ["row/1", "row/2"]) await at.write(actor, row);
    await at.back();
    const whole = await run(wishFor(at.folder));
    let broken = 0;
    for (let isBroken = true; isBroken;) {
      const wish = { ...wishFor(at.folder), to: join(top, `broken-${broken}`) };
      const abort = new AbortController();
      let left = broken;
      const progress = () => (left -= 1) < 0 && abort.abort(new PlexusError(failure("CANCELLED")));
      const parts = { clock, random: createRandom(), log: quietLog, signal: abort.signal, progress };
      isBroken = (await codeOf(restore(wish, root, parts))) === "CANCELLED";
      if (!isBroken) break;
      broken += 1;
      const { actors, bytes, lost, damaged } = await run(wish);
      expect({ actors, bytes, lost, damaged }, `broken off at ${broken}`).to.deep.equal({
        actors: whole.actors,
        bytes: whole.bytes,
        lost: [],
        damaged: [],
      });
    }
    expect(broken).to.be.above(1);
  });

  it("works from a copy as from the original; a copy takes only what is new, and each stripe by its name", async () => {
    const { node } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1");
    await at.back();
    const to = join(top, "copy");
    const first = await ended(at.backups, at.backups.copy({ from: at.folder, to }));
    expect(first).to.deep.include({ head: 1, snapshots: 1, lost: { total: 0, named: [] } });
    expect(first.copied).to.equal(first.stripes);
    await at.write("catalog/b", "row/1");
    await at.back();
    const second = await ended(at.backups, at.backups.copy({ from: at.folder, to }));
    expect(second.copied).to.be.within(1, second.stripes - 2);
    const nothing = await ended(at.backups, at.backups.copy({ from: at.folder, to }));
    expect([nothing.copied, nothing.head]).to.deep.equal([0, 2]);
    // One that is lost in the copy comes back with the next.
    for (const name of await readdir(join(to, "blobs"), { recursive: true })) {
      const file = join(to, "blobs", name);
      // A pack: the catalog of the head before is there as well, and needed no more.
      if (!/\/[0-9a-f]{64}$/.test(name) || !(await readFile(file)).subarray(0, 8).equals(Buffer.from("PLEXPACK")))
        continue;
      await rm(file);
      break;
    }
    expect((await ended(at.backups, at.backups.copy({ from: at.folder, to }))).copied).to.equal(1);

    const verified = await ended(at.backups, at.backups.verify({ from: to, depth: "data" }));
    expect([verified.snapshots, verified.lost.total, verified.lostUnits.total, verified.weak]).to.deep.equal([
      2, 0, 0, 0,
    ]);
    const list = valueIn(await at.backups.list({ from: to }));
    expect(list.snapshots.map(({ number }) => number)).to.deep.equal([1, 2]);
    await rm(at.folder, { recursive: true });
    const done = await run(wishFor(to));
    expect([done.actors, done.lost, done.checked.wrong]).to.deep.equal([2, [], []]);
    // Nobody backs up into a copy, and a folder of backups becomes none.
    const task = async (begun: Result<BackupTask>) => {
      let one = valueIn(begun);
      while (one.state === "running") {
        await moment();
        one = valueIn(at.backups.task(one.id));
      }
      return String(one.error?.details?.["reason"]);
    };
    expect(await task(at.backups.run({ to }))).to.match(/is a copy/);
    await at.back();
    expect(await task(at.backups.copy({ from: to, to: at.folder }))).to.match(/not a copy/);
  });

  it("is rehearsed in a scratch folder of which nothing stays, and admins hear of what would not come back", async () => {
    const { node, told } = await cluster();
    const at = await node("ann");
    await at.write("catalog/a", "row/1");
    await at.back();
    const scratch = join(top, "scratch");
    const good = await ended(at.backups, at.backups.drill({ from: at.folder, scratch }));
    expect(good).to.deep.include({ whole: true, actors: 1, compared: { units: 1, states: 1 } });
    expect([await readdir(scratch), told]).to.deep.equal([[], []]);

    for (const name of await readdir(join(at.folder, "blobs"), { recursive: true }))
      if (/\/[0-9a-f]{64}$/.test(name) && isPack(await readFile(join(at.folder, "blobs", name))))
        await rm(join(at.folder, "blobs", name));
    const bad = await ended(at.backups, at.backups.drill({ from: at.folder, scratch }));
    expect([bad.whole, bad.lost.total, await readdir(scratch)]).to.deep.equal([false, 3, []]);
    expect(told).to.deep.equal([{ from: at.folder, lost: "3", wrong: "0" }]);
    // Somebody's folder is not taken for a scratch folder, and stays as it is.
    await writeFile(join(scratch, "mine.txt"), "mine");
    let refused = valueIn(at.backups.drill({ from: at.folder, scratch })) as BackupTask;
    while (refused.state === "running") {
      await moment();
      refused = valueIn(at.backups.task(refused.id));
    }
    expect([refused.error?.code, await readdir(scratch), told.length]).to.deep.equal([
      "CONFIG_INVALID",
      ["mine.txt"],
      2,
    ]);
  });
});
