import { expect } from "chai";
import fc from "fast-check";
import { backupLimits, fileType, openRepository, planRecall, prune, recall, runBackup, verify, type RecallQuery } from "../../../node/backup/index.ts"; // prettier-ignore
import type { ActorId } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { Actors, backupsOf } from "./world.ts";

type Backups = ReturnType<typeof backupsOf>;

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const run = ({ ports, repository }: Backups, source: Actors) => runBackup(ports, repository, source, idle);
const ada = "user/ada" as ActorId;
const helper = "agent/ada.helper" as ActorId;
const eve = "agent/eve.helper" as ActorId;

const bytesOf = (name: string, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + name.charCodeAt(name.length - 1)) % 251);

/** The files that a query brings back, by actor and name. */
async function filesOf({ ports }: Backups, query: RecallQuery = {}): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  const lost = () => undefined;
  await recall(ports, openRepository(ports), query, {
    async write({ name: { thread, type, bucket } }, content) {
      if (type !== fileType) return;
      const place = `${thread} ${bucket}`;
      found[place] = new Uint8Array(Buffer.concat([found[place] ?? new Uint8Array(), content]));
    },
  }, { ...idle, lost }); // prettier-ignore
  return found;
}

describe("files in backups", () => {
  it("come back as each moment had them, are read once, and go with the last snapshot that has them", async () => {
    const step = fc.oneof(
      fc.record({ actor: fc.constantFrom(ada, helper, eve), names: fc.uniqueArray(fc.nat(5), { maxLength: 4 }) }),
      fc.constantFrom("backup" as const, "trim" as const, "prune" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const [backups, actors] = [backupsOf(), new Actors()];
        // Of no piece, of one, of exactly two, of many.
        for (const [at, length] of [0, 10, 600, 601, 3_000, 299].entries())
          actors.files.set(`file${at}`, bytesOf(`file${at}`, length));
        const moments = new Map<number, Record<string, Uint8Array>>();
        const had = new Set<string>();
        for (const one of [...steps, "backup" as const]) {
          if (one === "trim") actors.trimmed = (await actors.open()).at.seq;
          else if (one === "prune") {
            const { removed } = await prune(backups.ports, backups.repository, { last: 1 }, { ...idle, apply: true });
            for (const number of removed) moments.delete(number);
          } else if (one === "backup") {
            const now = Object.fromEntries(
              [...actors.names].flatMap(([actor, names]) =>
                names.map((name) => [`${actor} ${name}`, actors.files.get(name) as Uint8Array]),
              ),
            );
            const unknown = Object.keys(now).filter((place) => !had.has(place)).length;
            actors.fileReads = 0;
            moments.set((await run(backups, actors)).snapshot.number, now);
            expect(actors.fileReads).to.equal(unknown);
            had.clear();
            for (const place of Object.keys(now)) had.add(place);
          } else actors.refer(one.actor, ...one.names.map((name) => `file${name}`));
        }
        for (const [snapshot, files] of moments) expect(await filesOf(backups, { snapshot })).to.deep.equal(files);
        const { snapshots } = await backups.repository.state();
        const found = await verify(backups.ports, openRepository(backups.ports), snapshots, { ...idle, depth: "data" });
        expect([found.lost.total, found.lostUnits.total]).to.deep.equal([0, 0]);
        expect(backups.store.held.size).to.equal(found.stripes + 1);
      }),
      { numRuns: depth(30, 400) },
    );
  });

  it("that are not there are named, and looked for again though nothing has changed", async () => {
    const [backups, actors] = [backupsOf(), new Actors()];
    actors.change(ada, { "setting/theme": "dark" });
    await run(backups, actors);
    actors.refer(helper, "file1", "file2");
    actors.files.set("file2", bytesOf("file2", 700));
    const first = await run(backups, actors);
    expect(first.missedFiles.total).to.equal(1);
    const [missed] = first.missedFiles.named;
    expect([missed?.actor, missed?.hash, missed?.error.code]).to.deep.equal([helper, "file1", "NOT_FOUND"]);
    expect(first.snapshot.missed).to.deep.equal(["agent/ada.helper/files/file1"]);
    expect(Object.keys(await filesOf(backups))).to.deep.equal(["agent/ada.helper file2"]);
    actors.files.set("file1", bytesOf("file1", 5));
    actors.fileReads = 0;
    const second = await run(backups, actors);
    expect([second.missedFiles.total, second.snapshot.missed, actors.fileReads]).to.deep.equal([0, [], 1]);
    expect(Object.keys(await filesOf(backups)).toSorted()).to.deep.equal([
      "agent/ada.helper file1",
      "agent/ada.helper file2",
    ]);
    actors.fileReads = 0;
    expect(await run(backups, actors)).to.include({ changedUnits: 0 });
    expect(actors.fileReads).to.equal(0);
  });

  it("have memory of their own only once, however many actors there are without any", async () => {
    const shared = globalThis.SharedArrayBuffer;
    const bytesFor = async (count: number): Promise<number> => {
      const [backups, actors] = [backupsOf(backupLimits), new Actors()];
      for (let n = 0; n < count; n += 1) actors.change(`user/u${n}` as ActorId, { "setting/theme": "dark" });
      let made = 0;
      globalThis.SharedArrayBuffer = class extends shared {
        constructor(bytes = 0) {
          super(bytes);
          made += bytes;
        }
      };
      try {
        await run(backups, actors);
      } finally {
        globalThis.SharedArrayBuffer = shared;
      }
      return made;
    };
    expect((await bytesFor(200)) - (await bytesFor(20))).to.be.below(20 * 64 * 1024);
  });

  it("are the owner's: recalled with the person, whatever the date, and gone with the person's keys", async () => {
    const [backups, actors] = [backupsOf(), new Actors()];
    for (const name of ["face", "map", "other"]) actors.files.set(name, bytesOf(name, 400));
    actors.change(helper, { "turn/1": { atMs: 1_795_000_000_000, text: "see" } });
    actors.refer(ada, "face");
    actors.refer(helper, "map");
    actors.refer(eve, "other");
    await run(backups, actors);
    expect(Object.keys(await filesOf(backups, { person: ada })).toSorted()).to.deep.equal([
      "agent/ada.helper map",
      "user/ada face",
    ]);
    const dated = { thread: helper, fromMs: 1_794_000_000_000, toMs: 1_796_000_000_000 };
    expect(Object.keys(await filesOf(backups, dated))).to.deep.equal(["agent/ada.helper map"]);
    const { rows } = await planRecall(backups.repository, { person: ada, type: "turn" });
    expect(rows).to.equal(1);
    backups.keys.erased.add(ada);
    expect(Object.keys(await filesOf(backups))).to.deep.equal(["agent/eve.helper other"]);
  });
});
