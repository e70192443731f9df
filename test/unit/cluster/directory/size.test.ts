import { expect } from "chai";
import fc from "fast-check";
import { createEmbeddedDirectory, directoryLimits } from "../../../../node/cluster/directory/index.ts";
import { rowBytes } from "../../../../node/cluster/directory/deciding.ts";
import { LeaderRoom } from "../../../../node/cluster/directory/raft/leader-room.ts";
import { RaftLog } from "../../../../node/cluster/directory/raft/log.ts";
import { ReplicatedRows, type Asked } from "../../../../node/cluster/directory/raft/rows.ts";
import { voterMessageOut } from "../../../../node/cluster/directory/raft/shape.ts";
import { bytesOfRows, SizedRows } from "../../../../node/cluster/directory/sized-rows.ts";
import type { Directory, DirectoryRow } from "../../../../node/ports/index.ts";
import { decode, encode, failureOf } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { names, Voters } from "./voters-fixture.ts";

/** What one row of a directory of these tests takes, whose value is so long. */
const taken = (key: string, length: number): number => rowBytes(key, encode("x".repeat(length)).length);
const text = (length: number): string => "x".repeat(length);

const changeOf = (key: string, length: number) => ({ key, bytes: encode(text(length)), revision: 0, guard: undefined });

const refusalOf = (work: Promise<unknown>): Promise<{ readonly code: string; readonly details?: object | undefined }> =>
  work.then(() => ({ code: "nothing" }), failureOf);

/** Fills a directory that may have two rows of 100, and shows what goes on when it is full. */
async function showFull(directory: Directory, rowsBytesMax: number): Promise<void> {
  const first = (await directory.compareAndSet("a", text(100), 0)).row as DirectoryRow;
  const second = (await directory.compareAndSet("b", text(100), 0)).row as DirectoryRow;
  const refusal = await refusalOf(directory.compareAndSet("c", 1, 0));
  expect(refusal).to.deep.include({ code: "DIRECTORY_FULL", outcome: "not_started" });
  expect(refusal.details).to.deep.equal({ rows: 2, rowsMax: 100_000, bytes: 2 * taken("a", 100), rowsBytesMax });
  const larger = await refusalOf(directory.compareAndSet("a", text(101), first.revision));
  expect(larger).to.include({ code: "DIRECTORY_FULL" });
  // What does not come about anyhow is no matter of room.
  expect(await directory.compareAndSet("a", text(200), 0)).to.deep.equal({ applied: false, row: first });
  // As large as before, smaller, or gone: that is never refused.
  const same = await directory.compareAndSet("a", text(99) + "y", first.revision);
  expect(same.applied).to.equal(true);
  expect((await directory.compareAndSet("a", text(60), same.row?.revision ?? 0)).applied).to.equal(true);
  expect(await refusalOf(directory.compareAndSet("c", text(40), 0))).to.include({ code: "DIRECTORY_FULL" });
  expect((await directory.compareAndSet("b", undefined, second.revision)).applied).to.equal(true);
  expect((await directory.compareAndSet("c", text(40), 0)).applied).to.equal(true);
}

describe("the size of a directory", () => {
  const rowsBytesMax = 2 * taken("a", 100);

  it("is bounded where one node keeps it, and what makes it no larger is always taken", async () => {
    const limits = { ...directoryLimits, rowsBytesMax };
    const store = new MemoryStore();
    await showFull(createEmbeddedDirectory({ store, limits }), rowsBytesMax);
    // Counted anew from the disk it is the same.
    const again = createEmbeddedDirectory({ store, limits });
    await again.opened();
    expect(again.size().bytes).to.equal(taken("a", 60) + taken("c", 40));
    expect(again.size().byKind()).to.deep.equal({ a: taken("a", 60), c: taken("c", 40) });
  });

  it("lets rows of members and slots grow where nothing else may, and only so far", async () => {
    const limits = { ...directoryLimits, rowsBytesMax: 3 * taken("member/a", 100), growthBytesMax: 20 };
    const directory = createEmbeddedDirectory({ store: new MemoryStore(), limits });
    const write = (key: string, length: number, revision = 0) =>
      directory.compareAndSet(key, text(length), revision).then(
        ({ row }) => row?.revision ?? 0,
        (error: unknown) => failureOf(error).code,
      );
    const member = Number(await write("member/a", 100));
    const slot = Number(await write("slot/b/1", 100));
    const other = Number(await write("config/1", 100));
    expect(await write("config/1", 101, other), "what anybody may add to").to.equal("DIRECTORY_FULL");
    expect(await write("member/c", 1), "another member").to.equal("DIRECTORY_FULL");
    const again = await write("member/a", 111, member);
    expect(again, "it starts again, or is taken out").to.be.a("number");
    expect(await write("slot/b/1", 109, slot), "it fails over").to.be.a("number");
    expect(await write("member/a", 112, Number(again)), "as far as there is room").to.equal("DIRECTORY_FULL");
    expect(directory.size().bytes).to.equal(limits.rowsBytesMax + limits.growthBytesMax);
  });

  it("counts changes of one group one after the other where one node keeps it", async () => {
    const directory = createEmbeddedDirectory({
      store: new MemoryStore(),
      limits: { ...directoryLimits, rowsBytesMax },
    });
    const asked = ["a", "b", "c"].map((key) => refusalOf(directory.compareAndSet(key, text(100), 0)));
    expect((await Promise.all(asked)).map(({ code }) => code)).to.deep.equal(["nothing", "nothing", "DIRECTORY_FULL"]);
  });

  it("is bounded where voters keep it, before a change is in the log, whoever asks the leader", async () => {
    const voters = new Voters(1, { rowsBytesMax });
    const { world, client } = voters;
    const stopTime = world.flow();
    for (const name of names) await voters.open(name);
    while (voters.leading().length === 0) await world.sleep(10);
    await showFull(client, rowsBytesMax);
    // Many at once count one another: none of them is applied yet.
    const asked = ["d", "e", "f", "g"].map((key) => refusalOf(client.compareAndSet(key, text(30), 0)));
    const codes = (await Promise.all(asked)).map(({ code }) => code);
    expect(codes.filter((code) => code === "nothing")).to.have.length(1);
    expect(codes.filter((code) => code === "DIRECTORY_FULL")).to.have.length(3);
    const sizes = [...voters.voters.values()].map((voter) => voter.size()?.bytes);
    const [leading = ""] = voters.leading();
    const rows = await client.list("");
    expect(voters.voters.get(leading)?.size()?.bytes).to.equal(bytesOfRows(rows));
    expect(sizes).to.have.length(3);
    await voters.stop();
    await stopTime();
  });

  it("decides nothing on what is in the log: every voter applies that, whatever its version allows", async () => {
    // A leader of a version without the limit has taken this.
    const change = (key: string, length: number, revision = 0) => ({ ...changeOf(key, length), revision });
    const body = (data: Asked) => ({ type: "data", data }) as const;
    const rows = new ReplicatedRows({ revision: 0, rows: [] });
    for (const key of ["a", "b", "c"]) expect(rows.apply(change(key, 100)).type).to.equal("changed");
    // Its successor refuses more, takes less, and counts what is in its log and not applied yet.
    const room = new LeaderRoom({ rowsMax: 100_000, rowsBytesMax, growthBytesMax: 0 });
    const entries = [{ index: 4, term: 2, body: body({ ...change("c", 1, 3), bytes: undefined }) }];
    const log = new RaftLog<Asked>({ index: 3, term: 1, members: { voters: ["one"], learners: [] } }, []);
    const isFull = (one: ReturnType<typeof change>): boolean => room.isFull({ term: 2, log, rows, applied: 3 }, one);
    expect(isFull(change("d", 1))).to.equal(true);
    expect(isFull(change("a", 90, 1))).to.equal(false);
    log.append(entries);
    expect(isFull(change("d", 1))).to.equal(true);
    log.append([{ index: 5, term: 2, body: body(change("b", 40, 2)) }]);
    expect(isFull(change("d", 20))).to.equal(false);
    expect(isFull(change("d", 40))).to.equal(true);
    // One that will not fit by then needs no room.
    expect(isFull(change("b", 200, 2))).to.equal(false);
  });

  it("looks at its log anew when it leads again", () => {
    const room = new LeaderRoom({ rowsMax: 100_000, rowsBytesMax, growthBytesMax: 0 });
    const rows = new ReplicatedRows({ revision: 0, rows: [] });
    const log = new RaftLog<Asked>({ index: 0, term: 0, members: { voters: ["one"], learners: [] } }, []);
    const change = (key: string) => changeOf(key, 100);
    for (const [at, key] of ["a", "b"].entries())
      log.append([{ index: at + 1, term: 1, body: { type: "data", data: change(key) } }]);
    expect(room.isFull({ term: 1, log, rows, applied: 0 }, change("c"))).to.equal(true);
    // Another led in between, and replaced what was not committed.
    log.truncate(2);
    log.append([{ index: 2, term: 3, body: { type: "begin" } }]);
    expect(room.isFull({ term: 3, log, rows, applied: 0 }, change("c"))).to.equal(false);
  });

  it("is counted by each change as by what there is, and no less than what goes to another voter", () => {
    const key = fc.stringMatching(/^[!-~]{1,20}$/);
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value, fc.boolean()), { maxLength: 20 }), (changes) => {
        const rows = new SizedRows([]);
        for (const [at, [name, said, isGone]] of changes.entries())
          if (isGone) rows.delete(name);
          else rows.set({ key: name, value: decode(encode(said)), revision: at * 2 ** 40 }, encode(said).length);
        const all = [...rows.all.values()];
        expect(rows.bytes).to.equal(bytesOfRows(all));
        expect(new SizedRows(all).bytes).to.equal(rows.bytes);
        const mark = { index: 1, term: 1 };
        const state = { revision: 2 ** 50, rows: all };
        const snapshot = { ...mark, members: { voters: ["one"], learners: [] }, state };
        const sent = voterMessageOut({ type: "install", term: 1, snapshot, round: 1 });
        expect(sent.length).to.be.at.most(rows.bytes + 1_024);
      }),
    );
    // What is beside the rows has room: members and their places.
    const { rowsBytesMax: most, growthBytesMax, imageBytesMax } = directoryLimits;
    expect(most + growthBytesMax + 8 * 1024 * 1024).to.equal(imageBytesMax);
  });
});
