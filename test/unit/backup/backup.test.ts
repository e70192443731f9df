import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { failure, failureOf, refused, type ActorId, type BackupHold } from "../../../protocols/index.ts";
import {
  noSnapshot,
  openRepository,
  planRecall,
  prune,
  recall,
  runBackup,
  verify,
  type BackupPorts,
  type RecallQuery,
} from "../../../node/backup/index.ts";
import { keptSnapshots } from "../../../node/backup/upkeep/retention.ts";
import { type RunReport } from "../../../node/backup/run/run.ts"; // prettier-ignore
import { createSealer, decodeRows } from "../../../runtimes/backup/index.ts";
import { depth } from "../../depth.ts";
import { Actors, backupsOf, smallLimits } from "./world.ts";

type Backups = ReturnType<typeof backupsOf>;
type Rows = ReadonlyMap<string, readonly (readonly [string, unknown])[]>;

const signal = new AbortController().signal;
const idle = { signal, progress: () => undefined, pace: async () => undefined };

const run = ({ ports, repository }: Backups, source: Actors): Promise<RunReport> =>
  runBackup(ports, repository, source, idle);

/** What a query brings back, by actor and type. */
async function rowsOf({ ports }: Backups, query: RecallQuery = {}): Promise<Rows> {
  const found = new Map<string, (readonly [string, unknown])[]>();
  // As another node would read it: with nothing in memory.
  await recall(ports, openRepository(ports), query, {
    async write({ name }, content) {
      const place = `${name.thread} ${name.type}`;
      found.set(place, [...(found.get(place) ?? []), ...decodeRows(content)]);
    },
  }, idle); // prettier-ignore
  return found;
}

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => failureOf(error).code,
  );

const day = 24 * 3_600_000;
const start = Date.UTC(2026, 10, 1);
const message = (n: number, author = "user/ada", atMs = start + n * 1_000) => ({
  seq: n,
  author,
  atMs,
  text: `message ${n} `.repeat(8),
});
const key = (n: number): string => `message/${String(n).padStart(6, "0")}`;
const lobby = "room/lobby" as ActorId;
const ada = "user/ada" as ActorId;

function chat(count: number): Actors {
  const actors = new Actors();
  for (let n = 0; n < count; n += 1)
    actors.change(lobby, { [key(n)]: message(n, n % 3 === 0 ? "user/bob" : "user/ada", start + n * (day / 10)) });
  actors.change(ada, { "setting/theme": "dark" });
  return actors;
}

describe("backups", () => {
  it("bring back every snapshot as its moment was, whatever happened between them", async () => {
    const names = fc.constantFrom<ActorId[]>("room/a" as ActorId, "room/b" as ActorId, "user/ada" as ActorId);
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ actor: names, type: fc.constantFrom("message", "event", "m"), at: fc.nat(30), value: fc.option(fc.string({ maxLength: 120 })), days: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.constant("backup" as const) },
      { weight: 1, arbitrary: fc.constantFrom("trim" as const, "epoch" as const, "prune" as const) },
    ); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const [backups, actors] = [backupsOf(), new Actors()];
        const moments = new Map<number, Rows>();
        for (const one of [...steps, "backup" as const]) {
          if (one === "trim") actors.trimmed = (await actors.open()).at.seq;
          else if (one === "epoch") actors.epoch += 1;
          else if (one === "prune") {
            const { removed } = await prune(backups.ports, backups.repository, { last: 2 }, { ...idle, apply: true });
            for (const number of removed) moments.delete(number);
          } else if (one === "backup") moments.set((await run(backups, actors)).snapshot.number, actors.rows());
          else {
            const value = one.value === null ? undefined : { atMs: start + one.days * day, text: one.value };
            actors.change(one.actor, { [`${one.type}/${String(one.at).padStart(3, "0")}`]: value });
          }
        }
        for (const [snapshot, rows] of moments) expect(await rowsOf(backups, { snapshot })).to.deep.equal(rows);
        // Nothing is kept that no snapshot needs, and everything that is needed is kept for good.
        const { snapshots } = await backups.repository.state();
        expect(snapshots.map(({ number }) => number)).to.deep.equal([...moments.keys()]);
        const found = await verify(backups.ports, openRepository(backups.ports), snapshots, { ...idle, depth: "data" });
        expect([found.lost.total, found.lostUnits.total, found.weak]).to.deep.equal([0, 0, 0]);
        expect(backups.store.held.size).to.equal(found.stripes + 1);
        expect([...backups.store.held.values()].every(({ kept }) => kept)).to.equal(true);
      }),
      { numRuns: depth(25, 400) },
    );
  });

  it("store once what an actor says in several types, a first time and with each run, and bring each back as it was", async () => {
    const limits = { ...smallLimits, unitBytes: 20_000, pageRows: 40, pageBytes: 16_000, packBytes: 200_000 };
    /** What comes back at each moment, and how many bytes were stored of the first run and of the others. */
    const storedOf = async (together: boolean): Promise<{ readonly first: number; readonly later: number }> => {
      const [backups, actors] = [backupsOf(limits), new Actors()];
      const { sealer } = backups.ports;
      const ports = { ...backups.ports, sealer: { ...sealer, cut: (...[rows, tasks, how]: Parameters<typeof sealer.cut>) => sealer.cut(rows, tasks, { ...how, together: how.together && together }) } }; // prettier-ignore
      const say = (from: number, to: number): void => {
        for (let n = from; n < to; n += 1) {
          const text = createHash("sha512").update(`${n}`).digest("base64");
          const said = { ...message(n, "user/ada", start + n * 60_000), text };
          actors.change(lobby, { [key(n)]: said, [`event/${key(n)}`]: { type: "posted", message: said } });
        }
      };
      const moments: Rows[] = [];
      const stored: number[] = [];
      for (const [from, to] of [[0, 70], [70, 140], [140, 150], [150, 160], [160, 170], [170, 180]] as const) {
        say(from, to);
        moments.push(actors.rows());
        stored.push((await runBackup(ports, backups.repository, actors, idle)).storedBytes);
      } // prettier-ignore
      for (const [at, rows] of moments.entries())
        expect(await rowsOf(backups, { snapshot: at + 1 })).to.deep.equal(rows);
      for (const type of ["message", "event"])
        expect([...(await rowsOf(backups, { thread: lobby, type })).keys()]).to.deep.equal([`room/lobby ${type}`]);
      const [first = 0, ...others] = stored;
      return { first, later: others.reduce((sum, one) => sum + one, 0) };
    };
    const [once, twice] = [await storedOf(true), await storedOf(false)];
    expect(once.first).to.be.below(0.65 * twice.first);
    expect(once.later).to.be.below(0.65 * twice.later);
  });

  it("store only what changed, and read only from there on", async () => {
    const [backups, actors] = [backupsOf(), chat(200)];
    const first = await run(backups, actors);
    expect(first.changedUnits).to.be.above(20);
    actors.reads = 0;
    expect(await run(backups, actors)).to.include({ changedUnits: 0, storedBytes: 0 });
    expect(actors.reads).to.equal(0);
    actors.change(lobby, { [key(200)]: message(200, "user/ada", start + 20 * day) });
    expect((await run(backups, actors)).changedUnits).to.equal(1);
    expect(actors.reads).to.be.below(6);
    // A message of long ago: its unit is another, all behind it are as they were.
    actors.change(lobby, { [key(50)]: message(50, "user/eve", start + 5 * day) });
    expect((await run(backups, actors)).changedUnits).to.equal(1);
  });

  it("never use a key or a pack twice for the fragments of a unit", async () => {
    const backups = backupsOf();
    await run(backups, chat(60));
    const { keys, store, repository } = backups;
    const used = keys.sealed.map((one) => Buffer.from(one).toString("hex"));
    expect(new Set(used).size).to.equal(used.length);
    const root = (await repository.state()).snapshots[0]?.root;
    const node = await repository.load(root!);
    if ("children" in node) expect.fail("one leaf is enough for so few");
    for (const { fragments } of node.units) {
      expect(new Set(fragments.map(({ stripe }) => stripe.id)).size).to.equal(smallLimits.fragments);
    }
    // What holders have says nothing of what is in it.
    for (const { bytes } of store.made) {
      const text = Buffer.from(bytes).toString("latin1");
      expect(/lobby|message|ada|harbour/.test(text)).to.equal(false);
    }
  });

  it("read each pack about once for all that is in it, however many packs and threads there are", async () => {
    const [backups, actors] = [backupsOf(), chat(60)];
    for (let n = 0; n < 120; n += 1) actors.change(`user/u${n}` as ActorId, { "note/1": "x".repeat(n * 3) });
    await run(backups, actors);
    const packs = backups.store.made.filter(({ bytes }) =>
      Buffer.from(bytes.subarray(0, 8)).equals(Buffer.from("PLEXPACK")),
    );
    expect(packs.length).to.be.above(30);
    const ids = new Set(packs.map(({ ref }) => ref.id));
    let reads = 0;
    const { stripes } = backups.ports;
    const counted = {
      ...stripes,
      read: (ref: Parameters<typeof stripes.read>[0]) => ((reads += ids.has(ref.id) ? 1 : 0), stripes.read(ref)),
    };
    const ports = { ...backups.ports, stripes: counted, limits: { ...backups.ports.limits, recalledUnits: 10_000 } };
    const repository = openRepository(ports);
    expect(await rowsOf({ ...backups, ports, repository })).to.deep.equal(actors.rows());
    expect(reads).to.be.below(packs.length * 1.5);
  });

  it("bring back a thread, a person, a type or a time, and say before what it comes to", async () => {
    const [backups, actors] = [backupsOf(), chat(100)];
    actors.change("room/other" as ActorId, { [key(1)]: message(1) });
    await run(backups, actors);
    const rows = actors.rows();
    const messages = (rows.get("room/lobby message") ?? []) as readonly (readonly [
      string,
      ReturnType<typeof message>,
    ])[];
    expect(await rowsOf(backups, { thread: lobby })).to.deep.equal(new Map([["room/lobby message", messages]]));
    expect(await rowsOf(backups, { type: "setting" })).to.deep.equal(
      new Map([["user/ada setting", rows.get("user/ada setting")]]),
    );
    const bob = messages.filter(([, { author }]) => author === "user/bob");
    expect(await rowsOf(backups, { person: "user/bob" })).to.deep.equal(new Map([["room/lobby message", bob]]));
    expect([...(await rowsOf(backups, { person: ada })).keys()]).to.have.members([
      "room/lobby message",
      "room/other message",
      "user/ada setting",
    ]);
    const [fromMs, toMs] = [start + 3.25 * day, start + 5.5 * day];
    const between = messages.filter(([, { atMs }]) => atMs >= fromMs && atMs < toMs);
    expect(between.length).to.be.within(20, 25);
    expect(await rowsOf(backups, { thread: lobby, fromMs, toMs })).to.deep.equal(
      new Map([["room/lobby message", between]]),
    );
    const plan = await planRecall(backups.repository, { thread: lobby, fromMs, toMs });
    expect(plan.rows).to.be.within(between.length, between.length + 10);
    expect(plan).to.include({ threads: 1 });
    expect(plan.stripeBytes).to.be.below((await planRecall(backups.repository, {})).stripeBytes);
    expect(await code(planRecall(backups.repository, { snapshot: 9 }))).to.equal("NOT_FOUND");
    const said = (wanted: object) =>
      planRecall(backups.repository, wanted).then(
        () => "",
        (thrown: unknown) => failureOf(thrown).message,
      );
    expect(await said({ snapshot: 9 })).to.equal(
      "There is no snapshot 9. The snapshots that there are: `plexus backup list`.",
    );
    expect(await said({ atMs: 1 })).to.match(/^There is no snapshot of that time or earlier: the first one is of \d/);
    expect(noSnapshot([], {}).message).to.match(/There is no backup yet\. Make the first one: `plexus backup run`/);
    expect(await code(planRecall(backups.repository, { atMs: 1 }))).to.equal("NOT_FOUND");
  });

  it("leave nothing and change nothing when a run fails or is ended, wherever", async () => {
    for (let failsAt = 1; failsAt < 60; failsAt += 3) {
      const [backups, actors] = [backupsOf(), chat(30)];
      await run(backups, actors);
      const [moment, held] = [actors.rows(), backups.store.held.size];
      for (let n = 30; n < 60; n += 1) actors.change(lobby, { [key(n)]: message(n) });
      backups.store.fault.failsAt = backups.store.made.length + failsAt;
      const result = await code(run(backups, actors));
      if (result === "done") return expect(failsAt).to.be.above(10);
      expect(result).to.equal("DISK_FULL");
      expect(backups.store.held.size).to.equal(held);
      expect(await rowsOf(backups)).to.deep.equal(moment);
      const ended = new AbortController();
      ended.abort();
      backups.store.fault.failsAt = Infinity;
      const { ports, repository } = backups;
      expect(await code(runBackup(ports, repository, actors, { ...idle, signal: ended.signal }))).to.not.equal("done");
      expect(backups.store.held.size).to.equal(held);
      await run(backups, actors);
      expect(await rowsOf(backups)).to.deep.equal(actors.rows());
    }
    expect.fail("a run takes fewer puts");
  });

  it("refuse the second of two runs that began from the same snapshot", async () => {
    const [backups, actors] = [backupsOf(), chat(5)];
    const other = { ...backups, repository: openRepository(backups.ports) };
    const results = await Promise.all([code(run(backups, actors)), code(run(other, actors))]);
    expect(results.toSorted()).to.deep.equal(["BACKUP_CHANGED", "done"]);
    expect(await rowsOf(backups)).to.deep.equal(actors.rows());
  });

  it("name a slot that could not be read, keep what they had of it, and catch up", async () => {
    const [backups, actors] = [backupsOf(), chat(5)];
    await run(backups, actors);
    const before = actors.rows();
    actors.change(lobby, { [key(5)]: message(5) });
    actors.unavailable = true;
    const { snapshot, missed } = await run(backups, actors);
    expect(snapshot.missed).to.deep.equal([actors.slot]);
    expect(missed[0]?.error.code).to.equal("SLOT_UNAVAILABLE");
    expect(await rowsOf(backups)).to.deep.equal(before);
    actors.unavailable = false;
    await run(backups, actors);
    expect(await rowsOf(backups)).to.deep.equal(actors.rows());
  });

  it("notice what is lost or changed at holders, name it, and bring back the rest", async () => {
    const [backups, actors] = [backupsOf(), chat(100)];
    await run(backups, actors);
    const { snapshots } = await backups.repository.state();
    const look = (level: "manifest" | "shards" | "data") =>
      verify(backups.ports, openRepository(backups.ports), snapshots, { ...idle, depth: level });
    const pack = backups.store.made.find(({ bytes }) => Buffer.from(bytes).toString("latin1").startsWith("PLEXPACK"))!;
    const held = backups.store.held.get(pack.ref.id)!;
    held.bytes[held.bytes.length >> 1] = (held.bytes[held.bytes.length >> 1] as number) ^ 1;
    expect((await look("shards")).lost.named.map(({ stripe }) => stripe)).to.deep.equal([pack.ref.id]);
    expect((await look("data")).lostUnits.total).to.equal(1);
    backups.store.held.delete(pack.ref.id);
    expect((await look("manifest")).lost.named.map(({ stripe }) => stripe)).to.deep.equal([pack.ref.id]);
    const { lostUnits, units } = await look("data");
    const lost: string[] = [];
    const found = await recall(backups.ports, openRepository(backups.ports), {}, { write: async () => undefined }, {
      ...idle,
      lost: ({ name }) => void lost.push(`${name.thread} ${name.bucket} ${name.part}`),
    }); // prettier-ignore
    expect(lost).to.deep.equal(lostUnits.named.map(({ name }) => `${name.thread} ${name.bucket} ${name.part}`));
    expect(found.units).to.equal(units - lost.length);
    expect(found.units).to.be.above(0);
    const node = backups.store.made.findLast(
      ({ bytes, ref }) => ref.id === snapshots[0]?.root?.stripe.id && bytes.length > 0,
    )!;
    backups.store.held.delete(node.ref.id);
    expect((await look("manifest")).lost.named.map(({ stripe }) => stripe)).to.include(node.ref.id);
  });

  it("give nothing of a tenant whose keys were erased, and everything of the others", async () => {
    const [backups, actors] = [backupsOf(), chat(10)];
    await run(backups, actors);
    backups.keys.erased.add(ada);
    expect(await code(rowsOf(backups))).to.equal("KEY_MISSING");
    expect([...(await rowsOf(backups, { thread: lobby })).keys()]).to.deep.equal(["room/lobby message"]);
  });

  it("refuse a head that is older, or of others", async () => {
    const [backups, actors] = [backupsOf(), chat(5)];
    await run(backups, actors);
    const old = backups.heads.bytes;
    const before = (await backups.repository.state()).head!;
    actors.change(lobby, { [key(9)]: message(9) });
    await run(backups, actors);
    const after = (await backups.repository.state()).head!;
    expect(after).to.include({ number: before.number + 1, previous: before.hash });
    backups.heads.bytes = old;
    // The catalog of that head was given up with it.
    expect(await code(backups.repository.state())).to.equal("STRIPE_LOST");
    const other = backupsOf();
    other.heads.bytes = backups.heads.bytes;
    expect(await code(openRepository({ ...other.ports, cluster: "elsewhere" }).state())).to.equal("BACKUP_DAMAGED");
  });

  it("do in threads what they do here", async () => {
    const sealer = createSealer({ threads: 1, idleMs: 100 });
    try {
      const backups = backupsOf({ ...smallLimits, unitBytes: 20_000, pageRows: 200, packBytes: 50_000 });
      const threaded = { ...backups, ports: { ...backups.ports, sealer } };
      const actors = chat(150);
      await run(threaded, actors);
      expect(await rowsOf(threaded, { person: "user/bob" })).to.deep.equal(
        await rowsOf(backups, { person: "user/bob" }),
      );
      expect(await rowsOf(threaded)).to.deep.equal(actors.rows());
      for (const one of backups.store.held.values())
        one.bytes = one.bytes.map((byte, at) => (at === one.bytes.length >> 1 ? byte ^ 1 : byte));
      expect(await code(rowsOf({ ...threaded }))).to.equal("BACKUP_DAMAGED");
    } finally {
      await sealer.close();
    }
  });

  it("keep the newest of each period, and say why", () => {
    const hourly = Array.from({ length: 24 * 40 }, (_, n) => ({ number: n + 1, atMs: start + n * 3_600_000 }));
    const nowMs = start + 40 * day;
    const numbers = (retention: Parameters<typeof keptSnapshots>[1]) =>
      [...keptSnapshots(hourly, retention, nowMs).keys()].sort((one, other) => one - other);
    expect(numbers({})).to.deep.equal([960]);
    expect(numbers({ last: 3 })).to.deep.equal([958, 959, 960]);
    expect(numbers({ daily: 3 })).to.deep.equal([912, 936, 960]);
    expect(numbers({ hourly: 2, daily: 1 })).to.deep.equal([959, 960]);
    expect(numbers({ monthly: 5 })).to.deep.equal([720, 960]);
    expect(numbers({ withinMs: 2.5 * 3_600_000 })).to.deep.equal([959, 960]);
    // 2026-11-01 is a Sunday: its week ends with it.
    expect(numbers({ weekly: 10 })[0]).to.equal(24);
    expect(keptSnapshots(hourly, { last: 1, daily: 1 }, nowMs).get(960)).to.deep.equal(["newest", "last", "daily"]);
    expect([...keptSnapshots([], { last: 3 }, nowMs)]).to.deep.equal([]);
    const held = new Set([7, 960]);
    expect([...keptSnapshots(hourly, { last: 1 }, nowMs, { held })]).to.deep.equal([
      [960, ["newest", "held", "last"]],
      [7, ["held"]],
    ]);
  });

  it("keep a snapshot of each local day, over the changes of the clock of every time zone", () => {
    const zones = ["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Chatham", "UTC"]; // prettier-ignore
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: Date.parse("2011-01-01T00:00Z"), max: Date.parse("2030-01-01T00:00Z") }),
        fc.integer({ min: 15, max: 200 }),
        fc.integer({ min: 1, max: 40 }),
        (timeZone, endMs, stepMinutes, daily) => {
          const many = Array.from({ length: 400 }, (_, n) => ({
            number: n + 1,
            atMs: endMs - (399 - n) * stepMinutes * 60_000,
          }));
          // Another way to the day: what a clock of that zone shows.
          const dayOf = (atMs: number): string => new Date(atMs).toLocaleDateString("en-CA", { timeZone });
          const newestOf = new Map(many.map(({ number, atMs }) => [dayOf(atMs), number]));
          const wanted = [...newestOf.values()].slice(-daily);
          const kept = keptSnapshots(many, { daily }, endMs, { timeZone });
          expect([...kept.keys()].sort((a, b) => a - b)).to.deep.equal(wanted);
        },
      ),
      { numRuns: depth(40, 1_000) },
    );
  });

  it("keep both of the hour that comes twice, and no day too few where the clocks change at midnight", () => {
    const at = (...texts: readonly string[]) => texts.map((text, n) => ({ number: n + 1, atMs: Date.parse(text) }));
    const numbers = (...of: Parameters<typeof keptSnapshots>) => [...keptSnapshots(...of).keys()].sort((a, b) => a - b);
    const twice = at("2026-10-25T00:30Z", "2026-10-25T01:30Z");
    const nowMs = Date.parse("2026-11-01T00:00Z");
    expect(numbers(twice, { hourly: 5 }, nowMs, { timeZone: "Europe/Vienna" })).to.deep.equal([1, 2]);
    // Of two local days, one day of UTC.
    const evening = at("2026-03-28T22:30Z", "2026-03-28T23:30Z", "2026-03-29T21:30Z");
    expect(numbers(evening, { daily: 2 }, nowMs, { timeZone: "Europe/Vienna" })).to.deep.equal([1, 3]);
    expect(numbers(evening, { daily: 2 }, nowMs)).to.deep.equal([2, 3]);
    // Apia had no 30 December 2011.
    const apia = at("2011-12-29T12:00Z", "2011-12-30T09:59Z", "2011-12-30T10:00Z");
    expect(numbers(apia, { daily: 9 }, nowMs, { timeZone: "Pacific/Apia" })).to.deep.equal([2, 3]);
  });

  it("count none that is dated in the future, and let it go once one with a right date follows", () => {
    const right = fc.record({ last: fc.nat(6), daily: fc.nat(20), weekly: fc.nat(6), monthly: fc.nat(3) });
    const made = fc.array(fc.option(fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(right, made, (retention, aheads) => {
        const nowMs = start + 60 * day;
        const all = aheads.map((years, n) => ({
          number: n + 1,
          atMs: years === null ? start + n * day : nowMs + years * 365 * day,
        }));
        const dated = all.filter((_, n) => aheads[n] === null);
        const lastRight = dated.at(-1)?.number ?? 0;
        const kept = keptSnapshots(all, retention, nowMs);
        // The others stay as if none were dated ahead.
        for (const [number, why] of keptSnapshots(dated, retention, nowMs)) {
          const others = why.filter((one) => one !== "newest");
          if (others.length > 0) expect(kept.get(number)).to.include.members(others);
        }
        for (const { number } of all.filter((_, n) => aheads[n] !== null))
          expect(kept.has(number)).to.equal(number > lastRight);
      }),
    );
    // Whose clock is behind removes nothing by it.
    const some = [1, 2, 3].map((number) => ({ number, atMs: start + number * day }));
    expect([...keptSnapshots(some, { last: 1 }, start - 300 * day).keys()]).to.have.members([1, 2, 3]);
    // A date ahead that has come to pass is bounded by what was made after it.
    const passed = [0, 500, 1, 2].map((days, n) => ({ number: n + 1, atMs: start + days * day }));
    expect([...keptSnapshots(passed, { daily: 3 }, start + 600 * day).keys()]).to.have.members([1, 3, 4]);
  });

  it("keep what is held, whatever the retention says: a snapshot, or those that contain a person or an actor", async () => {
    const [backups, actors] = [backupsOf(), chat(5)];
    const hold = (on: BackupHold["on"]): BackupHold => ({ id: "h", on, reason: "case 12", by: "ada", atMs: start });
    await run(backups, actors);
    actors.change("user/bob" as ActorId, { "setting/theme": "light" });
    await run(backups, actors);
    actors.change("room/late" as ActorId, { [key(1)]: message(1) });
    for (let n = 3; n <= 5; n += 1) await run(backups, actors);
    const { ports, repository } = backups;
    const removed = async (...on: readonly BackupHold["on"][]) =>
      (await prune(ports, repository, { last: 1 }, { ...idle, apply: false, holds: on.map(hold) })).removed;
    expect(await removed()).to.deep.equal([1, 2, 3, 4]);
    expect(await removed({ snapshot: 2 })).to.deep.equal([1, 3, 4]);
    expect(await removed({ person: "user/bob" })).to.deep.equal([1]);
    expect(await removed({ thread: "user/bob" })).to.deep.equal([1]);
    expect(await removed({ thread: "room/late" }, { snapshot: 1 })).to.deep.equal([2]);
    expect(await removed({ thread: "room/lobby" })).to.deep.equal([]);
    expect(await removed({ person: "user/nobody" }, { thread: "room/l" })).to.deep.equal([1, 2, 3, 4]);

    await prune(ports, repository, { last: 1 }, { ...idle, apply: true, holds: [hold({ snapshot: 2 })] });
    const { snapshots } = await repository.state();
    expect(snapshots.map(({ number }) => number)).to.deep.equal([2, 5]);
    // What it has can still be read: its keys and stripes are there.
    const found = await verify(ports, openRepository(ports), snapshots, { ...idle, depth: "data" });
    expect([found.lost.total, found.lostUnits.total]).to.deep.equal([0, 0]);
    // What is lost might be held; what cannot be read now says nothing.
    const { root } = snapshots[0]!;
    const held = { ...idle, apply: true, holds: [hold({ person: "user/bob" })] };
    const read = ports.stripes.read.bind(ports.stripes);
    const away: BackupPorts = { ...ports, stripes: { ...ports.stripes, read: async (ref) => (ref.id === root!.stripe.id ? refused(failure("HOLDERS_TOO_FEW")) : read(ref)) } }; // prettier-ignore
    expect(await code(prune(away, openRepository(away), { last: 1 }, held))).to.equal("HOLDERS_TOO_FEW");
    backups.store.held.delete(root!.stripe.id);
    expect((await prune(ports, openRepository(ports), { last: 1 }, held)).removed).to.deep.equal([]);
  });
});
