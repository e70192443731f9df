import { expect } from "chai";
import { openRepository, prune, recall, runBackup, countAnew, type BackupPorts } from "../../../node/backup/index.ts";
import { unitsOf } from "../../../node/backup/format/tree.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { anchorOf, createClusterKeys, rootKeysOf, type ClusterKeys } from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failure, failureOf, PlexusError, type ActorId } from "../../../protocols/index.ts";
import { decodeRows, tenantOf, type Snapshot, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";
import { Actors, backupsOf, smallLimits, valueIn } from "./world.ts";

const lobby = "room/lobby" as ActorId;
const mill = "room/mill" as ActorId;
const ada = "user/ada" as ActorId;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const idle = {
  signal: new AbortController().signal,
  progress: () => undefined,
  pace: (): Promise<void> => Promise.resolve(),
};
const place = "ann:/mnt/backup";

describe("backups whose keys may be in the wrong hands", () => {
  let directory: Directory;
  let keys: ClusterKeys;
  let backups: ReturnType<typeof backupsOf>;
  let nowMs = 1;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined, soon: () => undefined };

  beforeEach(async () => {
    const embedded = createEmbeddedDirectory({ store: new RowStore() });
    await embedded.opened();
    directory = embedded;
    nowMs = 1;
    const disk = diskKeyOf(Buffer.alloc(32, 7));
    const diskKey = { read: async () => disk, make: async () => disk };
    keys = createClusterKeys({ cluster: "c1", directory, store: new RowStore(), diskKey, clock, log: quietLog });
    const root = rootKeysOf(Buffer.alloc(32, 1));
    const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
    const anchor = anchorOf("c1", valueIn(await keys.beginKit(to)).at(-1)!, root);
    const sheet = { verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1, anchor };
    valueIn(await keys.confirmKit({ ...to, ...sheet }));
    backups = backupsOf(smallLimits);
  });

  const ports = async (): Promise<BackupPorts> => ({ ...backups.ports, keys: valueIn(await keys.backupKeys()) });
  const run = async (source: Actors, options = idle) => {
    const now = await ports();
    const repository = openRepository(now);
    await runBackup(now, repository, source, options);
    await countAnew(now, repository, place);
  };
  const newest = async (): Promise<readonly UnitEntry[]> => {
    const repository = openRepository(await ports());
    const { root, units, bytes } = (await repository.state()).snapshots.at(-1) as Snapshot;
    const all: UnitEntry[] = [];
    for await (const entry of unitsOf(repository, root && { link: root, units, bytes })) all.push(entry);
    return all;
  };
  const rows = async (): Promise<readonly unknown[]> => {
    const now = await ports();
    const found: unknown[] = [];
    const write = async ({ name }: Pick<UnitEntry, "name">, content: Uint8Array): Promise<void> =>
      void found.push(name.thread, ...decodeRows(content));
    await recall(now, openRepository(now), {}, { write }, idle);
    return found;
  };
  const chat = (): Actors => {
    const actors = new Actors();
    const at = (n: number) => ({
      atMs: Date.UTC(2026, 10, 1) + n * 1_000,
      author: ada,
      text: `message ${n}`.repeat(9),
    });
    for (let n = 0; n < 40; n += 1) actors.change(n % 2 === 0 ? lobby : mill, { [`message/${100 + n}`]: at(n) });
    actors.change(ada, { "setting/theme": "dark" });
    return actors;
  };

  it("are encrypted anew by the next run, whatever changed, and bring back the same; the queue is empty when no snapshot is left of them", async () => {
    const actors = chat();
    await run(actors);
    const before = await rows();
    valueIn(await keys.rotate({ compromised: true }));
    expect((await keys.status()).reencrypt).to.deep.equal([1]);
    // What is no longer in any journal, too.
    actors.records.delete(mill);
    await run(actors);
    expect(new Set((await newest()).map(({ epoch }) => epoch))).to.deep.equal(new Set([2]));
    expect(await rows()).to.deep.equal(before);
    // The first snapshot still refers to them.
    const status = await keys.status();
    expect(status.reencrypt).to.deep.equal([1]);
    expect(status.reencryptLeft![place]).to.be.above(5);
    const now = await ports();
    const repository = openRepository(now);
    await prune(now, repository, { last: 1 }, { ...idle, apply: true });
    await countAnew(now, repository, place);
    const after = await keys.status();
    expect([after.reencrypt, after.reencryptLeft]).to.deep.equal([undefined, undefined]);
    expect(await rows()).to.deep.equal(before);
    // With nothing to be made anew, nothing is stored twice.
    const puts = backups.store.made.length;
    await run(actors);
    expect(backups.store.made.length - puts).to.be.below(4);
  });

  it("lose what was erased: its units go out of the next snapshot", async () => {
    const actors = chat();
    await run(actors);
    expect(valueIn(await keys.erase(ada))).to.equal(1);
    valueIn(await keys.rotate({ compromised: true }));
    await run(actors);
    const left = await newest();
    expect(left.some(({ name }) => tenantOf(name) === ada)).to.equal(false);
    expect(left.length).to.be.above(5);
    expect(await rows())
      .to.include(lobby)
      .and.not.include(ada);
  });

  it("are as they were when the run that makes them anew ends early, and the next one goes on", async () => {
    const actors = chat();
    await run(actors);
    const before = await rows();
    valueIn(await keys.rotate({ compromised: true }));
    const abort = new AbortController();
    let pages = 0;
    const pace = async (): Promise<void> => {
      pages += 1;
      if (pages === 4) abort.abort(new PlexusError(failure("CANCELLED")));
    };
    const ended = await run(actors, { ...idle, signal: abort.signal, pace }).catch((error: unknown) =>
      failureOf(error),
    );
    expect(ended).to.have.property("code", "CANCELLED");
    expect(new Set((await newest()).map(({ epoch }) => epoch))).to.deep.equal(new Set([1]));
    expect(await rows()).to.deep.equal(before);
    await run(actors);
    expect(new Set((await newest()).map(({ epoch }) => epoch))).to.deep.equal(new Set([2]));
    expect(await rows()).to.deep.equal(before);
  });

  const counted = async (at: string, units: ReadonlyMap<number, number>): Promise<unknown> =>
    valueIn(await keys.backupKeys()).counted!(at, units);

  it("stay in the queue where a place was counted before the keys were suspected", async () => {
    valueIn(await keys.rotate({ compromised: true }));
    await counted("other", new Map([[1, 0]]));
    expect((await keys.status()).reencrypt).to.equal(undefined);
    valueIn(await keys.rotate({ compromised: true }));
    expect((await keys.status()).reencrypt).to.deep.equal([1, 2]);
    // It has looked for the first epoch alone.
    await counted("other", new Map([[1, 0]]));
    expect((await keys.status()).reencrypt).to.deep.equal([2]);
    await counted(place, new Map([[2, 3]]));
    await counted("other", new Map([[2, 0]]));
    expect((await keys.status()).reencryptLeft).to.deep.equal({ other: 0, [place]: 3 });
    await counted(place, new Map([[2, 0]]));
    expect((await keys.status()).reencrypt).to.equal(undefined);
  });

  it("are forgotten where their keys were erased: a task that has them in memory opens nothing soon after", async () => {
    const task = valueIn(await keys.backupKeys());
    await task.ensure([ada]);
    const unit = { tenant: ada, unit: "u1", epoch: 1 };
    const sealed = task.seal(unit, Buffer.alloc(32, 5));
    valueIn(await keys.erase(ada));
    expect(task.open(unit, sealed)).to.have.length(32);
    nowMs += 61_000;
    // It looks again beside what it does.
    task.open(unit, sealed);
    await directory.list("keys/ring/");
    await new Promise((done) => setImmediate(done));
    expect(() => task.open(unit, sealed)).to.throw("KEY_MISSING");
  });

  it("are forgotten at last where the directory does not answer", async () => {
    const task = valueIn(await keys.backupKeys());
    await task.ensure([ada]);
    const unit = { tenant: ada, unit: "u1", epoch: 1 };
    const sealed = task.seal(unit, Buffer.alloc(32, 5));
    directory.list = async () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE")));
    nowMs += 600_000;
    expect(task.open(unit, sealed)).to.have.length(32);
    nowMs += 2_000;
    expect(() => task.open(unit, sealed)).to.throw("KEY_MISSING");
  });
});
