/** A run trusts nothing that an earlier snapshot refers to: what is lost is stored again where it lives, and what is
 *  not is said. */
import { expect } from "chai";
import { openRepository, prune, recall, runBackup, verify } from "../../../node/backup/index.ts";
import { type RunReport } from "../../../node/backup/run/run.ts";
import { shownSnapshots } from "../../../node/backup/shown.ts";
import { failure, failureOf, refused, type ActorId } from "../../../protocols/index.ts";
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { Actors, backupsOf } from "./world.ts";

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };

class Life {
  readonly backups = backupsOf();
  readonly actors = new Actors();

  constructor() {
    for (let n = 0; n < 30; n += 1)
      this.actors.change(`room/${n % 5}` as ActorId, {
        [`message/${String(n).padStart(3, "0")}`]: { text: `text ${n} `.repeat(9) },
      });
  }

  run(full = false): Promise<RunReport> {
    return runBackup(this.backups.ports, openRepository(this.backups.ports, { begins: true }), this.actors, {
      ...idle,
      full,
    });
  }

  /** Stripes of packs and of the manifest that the newest snapshot refers to. */
  async stripes(): Promise<{ readonly packs: readonly string[]; readonly root: string; readonly cursors: string }> {
    const repository = openRepository(this.backups.ports);
    const newest = (await repository.state()).snapshots.at(-1)!;
    const leaf = await repository.load(newest.root!);
    if ("children" in leaf) return expect.fail("one leaf is enough for so few");
    const packs = new Set(leaf.units.flatMap(({ fragments }) => fragments.map(({ stripe }) => stripe.id)));
    return { packs: [...packs], root: newest.root!.stripe.id, cursors: newest.cursors.stripe.id };
  }

  /** Where the list of snapshots is. */
  async catalog(): Promise<string> {
    return (await openRepository(this.backups.ports).state()).head!.catalog.stripe.id;
  }

  /** Holders know what refers to them. */
  prune(last: number) {
    const { stripes, made, held } = this.backups.store;
    Object.assign(stripes, {
      async *referred() {
        for (const { ref } of made) if (held.has(ref.id)) yield ref;
      },
    });
    return prune(this.backups.ports, openRepository(this.backups.ports), { last }, { ...idle, apply: true });
  }

  lose(...stripes: readonly string[]): void {
    for (const id of stripes) expect(this.backups.store.held.delete(id)).to.equal(true);
  }

  /** What a recall of a snapshot brings back, and how many units it could not. */
  async recalled(snapshot: number) {
    const texts: string[] = [];
    let lost = 0;
    const sink = {
      write: async (_: unknown, content: Uint8Array) =>
        void texts.push(...decodeRows(content).map(([, value]) => (value as { text: string }).text)),
    };
    const failed = await recall(this.backups.ports, openRepository(this.backups.ports), { snapshot }, sink, {
      ...idle,
      lost: () => void (lost += 1),
    }).then(
      () => undefined,
      (error: unknown) => failureOf(error).code,
    );
    return { texts: texts.sort(), lost, failed };
  }

  get living(): readonly string[] {
    return [...this.actors.rows().values()]
      .flatMap((rows) => rows.map(([, value]) => (value as { text: string }).text))
      .sort();
  }

  async marks(): Promise<readonly (number | undefined)[]> {
    const shown = await shownSnapshots(this.backups.ports, openRepository(this.backups.ports));
    return shown.map(({ lostUnits }) => lostUnits);
  }

  check(depth: "manifest" | "data" = "data") {
    return (async () => {
      const repository = openRepository(this.backups.ports);
      const { snapshots } = await repository.state();
      return verify(this.backups.ports, repository, snapshots, { ...idle, depth });
    })();
  }
}

describe("backups of which something is lost", () => {
  it("store again what was lost and still lives, though no slot has changed, and mark the snapshots that lack it", async () => {
    const life = new Life();
    await life.run();
    const { packs } = await life.stripes();
    life.lose(packs[0]!);
    const { snapshot, lost, storedBytes } = await life.run();
    expect(lost).to.deep.equal({ before: 1, units: 0, stripes: 0 });
    expect(storedBytes).to.be.above(0);
    expect(await life.recalled(snapshot.number)).to.deep.equal({ texts: life.living, lost: 0, failed: undefined });
    expect((await life.recalled(1)).lost).to.be.above(0);
    const [first, second] = await life.marks();
    expect(first).to.equal((await life.recalled(1)).lost);
    expect(second).to.equal(undefined);
  });

  it("come back from lost nodes of the tree, and lost cursors", async () => {
    for (const what of ["root", "cursors"] as const) {
      const life = new Life();
      await life.run();
      life.lose((await life.stripes())[what]);
      const { snapshot, lost } = await life.run();
      expect(lost, what).to.deep.equal({ before: 1, units: 0, stripes: 0 });
      expect(await life.recalled(snapshot.number), what).to.deep.equal({
        texts: life.living,
        lost: 0,
        failed: undefined,
      });
      expect((await life.marks())[0], what).to.be.above(0);
    }
  });

  it("say what cannot be brought back of a snapshot, as long as its slot cannot be read, and no longer", async () => {
    const life = new Life();
    await life.run();
    life.lose(...(await life.stripes()).packs);
    life.actors.unavailable = true;
    const broken = await life.run();
    expect(broken.missed).to.have.length(1);
    expect(broken.lost.units).to.equal(broken.snapshot.units);
    expect((await life.marks()).at(-1)).to.equal(broken.snapshot.units);
    expect((await life.recalled(broken.snapshot.number)).lost).to.equal(broken.lost.units);
    life.actors.unavailable = false;
    const mended = await life.run();
    expect(mended.lost).to.include({ units: 0, stripes: 0 });
    expect(await life.recalled(mended.snapshot.number)).to.deep.equal({
      texts: life.living,
      lost: 0,
      failed: undefined,
    });
  });

  it("read what a check called lost before they trust it, though it is there when they ask", async () => {
    const life = new Life();
    await life.run();
    const [pack = ""] = (await life.stripes()).packs;
    const { stripes } = life.backups.ports;
    const before = { ...stripes };
    // Its disk says that it is there, and gives something else.
    const bad = new Set([pack]);
    Object.assign(stripes, {
      inspect: async ({ id, group, scheme }: { id: string; group: string; scheme: object }, deep = false) => {
        const well = bad.has(id) && deep ? 0 : 1;
        return {
          ok: true,
          value: { id, group, scheme, shards: [{ index: 0, hash: id, state: "well" }], enough: 1, well },
        };
      },
      read: async (ref: { id: string }) =>
        bad.has(ref.id)
          ? { ok: false, error: { code: "STRIPE_LOST", outcome: "not-done", message: "" } }
          : before.read(ref as never),
    });
    expect((await life.run()).lost.before, "nobody has looked at it").to.equal(0);
    expect((await life.check()).damaged).to.have.length(2);
    const mended = await life.run();
    expect(mended.lost).to.deep.equal({ before: 1, units: 0, stripes: 0 });
    expect((await life.recalled(mended.snapshot.number)).lost).to.equal(0);
    expect((await life.marks()).at(-1)).to.equal(undefined);
  });

  it("store everything anew when they are told to", async () => {
    const life = new Life();
    const first = await life.run();
    expect((await life.run()).storedBytes).to.equal(0);
    const { packs } = await life.stripes();
    const full = await life.run(true);
    expect(full.storedBytes).to.equal(first.storedBytes);
    const after = await life.stripes();
    expect(after.packs.filter((id) => packs.includes(id))).to.deep.equal([]);
    life.lose(...packs);
    expect(await life.recalled(full.snapshot.number)).to.deep.equal({ texts: life.living, lost: 0, failed: undefined });
  });

  it("need no question of the stripes one by one where holders answer for many", async () => {
    const life = new Life();
    await life.run();
    const { stripes } = life.backups.ports;
    const before = { ...stripes };
    let [asked, inspected] = [0, 0];
    Object.assign(stripes, {
      standing: async (refs: readonly { id: string }[]) => {
        asked += 1;
        return new Set(refs.map(({ id }) => id).filter((id) => life.backups.store.held.has(id)));
      },
      inspect: (ref: never) => {
        inspected += 1;
        return before.inspect(ref);
      },
    });
    await life.run();
    expect({ asked, inspected }).to.deep.equal({ asked: 2, inspected: 0 });
  });

  it("begin another list where the list of snapshots is lost, say so, and have everything that lives", async () => {
    const life = new Life();
    await life.run();
    await life.run();
    life.lose(await life.catalog());
    const answer = await life.check().then(() => undefined, failureOf);
    expect([answer?.code, answer?.message]).to.deep.equal([
      "STRIPE_LOST",
      "The list of snapshots that head 2 leads to is lost. `plexus backup run` begins a new list, and stores everything again.",
    ]);
    const { snapshot, lost } = await life.run();
    expect([snapshot.number, lost.list]).to.deep.equal([3, true]);
    expect(await life.recalled(3)).to.deep.equal({ texts: life.living, lost: 0, failed: undefined });
    const next = await life.run();
    expect([next.snapshot.number, next.lost]).to.deep.equal([4, { before: 0, units: 0, stripes: 0 }]);
  });

  it("are not begun anew where the list of snapshots is only away", async () => {
    const life = new Life();
    await life.run();
    const catalog = await life.catalog();
    const { stripes } = life.backups.ports;
    const read = stripes.read.bind(stripes);
    stripes.read = async (ref) => (ref.id === catalog ? refused(failure("HOLDERS_TOO_FEW")) : read(ref));
    expect(await life.run().then(() => undefined, (error: unknown) => failureOf(error).code)).to.equal("HOLDERS_TOO_FEW"); // prettier-ignore
    stripes.read = read;
    expect((await life.run()).snapshot.number).to.equal(2);
  });

  it("are removed past lost nodes, and what these may have led to stays as long as their snapshot", async () => {
    const life = new Life();
    await life.run();
    const first = await life.stripes();
    await life.run(true);
    const second = await life.stripes();
    // What a snapshot that goes has lost keeps nothing.
    life.lose(first.root);
    expect(await life.prune(1)).to.deep.include({ removed: [1], isTorn: false });
    expect(life.backups.store.held.has(first.packs[0]!)).to.equal(false);
    // One that stays keeps what nobody leads to: the root may have.
    life.lose(second.root);
    life.actors.change("room/0" as ActorId, { "message/900": { text: "more" } });
    const { snapshot } = await life.run();
    expect(await life.prune(2)).to.deep.include({ removed: [], isTorn: true });
    for (const pack of second.packs) expect(life.backups.store.held.has(pack), pack).to.equal(true);
    expect(await life.prune(1)).to.deep.include({ removed: [2], isTorn: false });
    for (const pack of second.packs) expect(life.backups.store.held.has(pack), pack).to.equal(false);
    expect((await life.recalled(snapshot.number)).texts).to.deep.equal(life.living);
  });
});
