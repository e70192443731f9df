import { expect } from "chai";
import { createFolderHeads, openRepository, prune, runBackup, type BackupPorts, type Heads } from "../../../node/backup/index.ts"; // prettier-ignore
import { failure, failureOf, PlexusError, refused, type ActorId, type StripeRef } from "../../../protocols/index.ts";
import { FileDisk, World } from "../../world/index.ts";
import { Actors, backupsOf } from "./world.ts";

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const lobby = "room/lobby" as ActorId;
const away = new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => failureOf(error).code,
  );

/** Backups whose holders remember until when each stripe is kept, with heads that tell whether all is kept for good. */
function openFixture() {
  const backups = backupsOf();
  const ends = new Map<string, number>();
  const refs = new Map<string, StripeRef>();
  const fault = { keepsForGood: true, answers: true, releases: true };
  let settled = 0;
  const inner = backups.ports.stripes;
  const stripes: BackupPorts["stripes"] = {
    ...inner,
    async put(bytes, how) {
      const put = await inner.put(bytes, how);
      if (put.ok) ends.set(put.value.id, backups.ports.clock.nowMs() + (how.lifeMs ?? Infinity));
      if (put.ok) refs.set(put.value.id, put.value);
      return put;
    },
    async keep(ref, owner, lifeMs = Infinity) {
      if (lifeMs === Infinity && !fault.keepsForGood) return refused(failure("HOLDERS_TOO_FEW"));
      ends.set(ref.id, Math.max(ends.get(ref.id) ?? 0, backups.ports.clock.nowMs() + lifeMs));
      return inner.keep(ref, owner);
    },
    async release(ref, owner) {
      if (!fault.releases) return refused(failure("SLOT_UNAVAILABLE"));
      ends.delete(ref.id);
      return inner.release(ref, owner);
    },
    async *referred() {
      for (const [id, endMs] of ends) if (endMs === Infinity) yield refs.get(id) as StripeRef;
    },
  };
  const heads: Heads = {
    read: () => backups.heads.read(),
    async commit(head, number) {
      if (backups.heads.number === number) return Buffer.from(head).equals(backups.heads.bytes as Uint8Array);
      const took = await backups.heads.commit(head, number);
      if (!fault.answers) throw away;
      return took;
    },
    settled: { read: async () => settled, tell: async (number) => void (settled = number) },
  };
  const ports: BackupPorts = { ...backups.ports, stripes, heads };
  const actors = new Actors();
  let said = 0;
  const say = (): void =>
    actors.change(lobby, { [`message/${String((said += 1)).padStart(4, "0")}`]: { text: `said ${said} `.repeat(40) } });
  const run = () => runBackup(ports, openRepository(ports), actors, idle);
  return { ...backups, ports, ends, fault, say, run, isSettled: () => settled === backups.heads.number };
}

/** Stripes that are kept until some time, and for good. */
const kept = ({ ends }: { ends: ReadonlyMap<string, number> }) => {
  const forGood = [...ends.values()].filter((endMs) => endMs === Infinity).length;
  return { forGood, forNow: ends.size - forGood };
};

describe("what a head leads to", () => {
  it("is kept for good only behind the head, and by the next run where the first one did not come to that", async () => {
    const at = openFixture();
    at.say();
    at.fault.keepsForGood = false;
    const { snapshot } = await at.run();
    expect([snapshot.number, at.isSettled(), kept(at).forGood]).to.deep.equal([1, false, 0]);
    at.say();
    await at.run();
    at.fault.keepsForGood = true;
    at.say();
    await at.run();
    expect(at.isSettled()).to.equal(true);
    const { snapshots } = await openRepository(at.ports).state();
    const { units } = snapshots[0]!;
    expect(units).to.be.above(0);
    expect(kept(at).forNow).to.equal(0);
  });

  it("is not given up when nobody knows whether the head is there", async () => {
    const at = openFixture();
    at.say();
    at.fault.answers = false;
    // The answer to the second attempt is that it is there.
    expect((await at.run()).snapshot.number).to.equal(1);
    const { number, bytes } = at.heads;
    at.say();
    const ports = { ...at.ports, heads: { ...at.ports.heads, commit: async () => Promise.reject(away) } };
    const before = at.ends.size;
    const actors = new Actors();
    actors.change(lobby, { "message/0001": { text: "said" } });
    expect(await code(runBackup(ports, openRepository(ports), actors, idle))).to.equal("DIRECTORY_UNAVAILABLE");
    expect([at.heads.number, at.heads.bytes]).to.deep.equal([number, bytes]);
    // They expire.
    expect(at.ends.size).to.be.above(before);
    expect(kept(at).forNow).to.equal(at.ends.size - before);
  });

  it("is all that is kept in the end: what a removal could not release, the next one does", async () => {
    const at = openFixture();
    for (let n = 0; n < 4; n += 1) {
      at.say();
      await at.run();
    }
    at.fault.releases = false;
    const first = await prune(at.ports, openRepository(at.ports), { last: 1 }, { ...idle, apply: true });
    expect([first.removed, first.unheard > 0]).to.deep.equal([[1, 2, 3], true]);
    at.fault.releases = true;
    const again = await prune(at.ports, openRepository(at.ports), { last: 1 }, { ...idle, apply: true });
    expect([again.removed, again.unheard, again.stripes >= first.stripes]).to.deep.equal([[], 0, true]);
    const third = await prune(at.ports, openRepository(at.ports), { last: 1 }, { ...idle, apply: true });
    expect(third.stripes).to.equal(0);
    const { snapshots } = await openRepository(at.ports).state();
    expect(snapshots).to.have.length(1);
    expect(kept(at).forNow).to.equal(0);
  });

  it("stays in folders when a head came to the first of them and not to the others", async () => {
    const world = new World(1);
    const disks = [new FileDisk(world), new FileDisk(world)];
    const folders = disks.map((disk) => disk.open({ life: 1, alive: true }));
    const heads = createFolderHeads(folders);
    const stop = world.flow();
    expect(await heads.commit(Buffer.from("one"), 1)).to.equal(true);
    (disks[1] as FileDisk).weather.full = true;
    expect(await code(heads.commit(Buffer.from("two"), 2))).to.not.equal("done");
    (disks[1] as FileDisk).weather.full = false;
    expect(await heads.commit(Buffer.from("two"), 2)).to.equal(true);
    expect(await heads.commit(Buffer.from("another"), 2)).to.equal(false);
    for (const files of folders)
      expect(Buffer.from((await createFolderHeads([files]).read()) ?? "").toString()).to.equal("two");
    await stop();
  });

  it("is not called damaged by somebody who took the keys before its epoch began", async () => {
    const { ports, say, run } = openFixture();
    say();
    await run();
    const later = { ...ports, keys: { ...ports.keys, epoch: 2 } };
    await prune(later, openRepository(later), { last: 1 }, { ...idle, apply: true });
    say();
    const actors = new Actors();
    actors.change(lobby, { "message/0009": { text: "said" } });
    await runBackup(later, openRepository(later), actors, idle);
    expect(await code(openRepository(ports).state())).to.equal("KEY_MISSING");
    expect(await code(openRepository(later).state())).to.equal("done");
  });
});
