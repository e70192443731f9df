import { expect } from "chai";
import fc from "fast-check";
import { createExchange, type Exchange } from "../../../node/cluster/exchange/index.ts";
import { changeSlot } from "../../../node/cluster/facts/records.ts";
import { replicationLimits } from "../../../node/replication/index.ts";
import { encodeChunk, encodeEntry, genesisChecksum } from "../../../node/storage/layout.ts";
import { decode, encode, failure, refused, type SlotId } from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody, MeshCall, Standing } from "../../../protocols/mesh/index.ts";
import { simulatedClock } from "../../world/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Cluster, entry, slot } from "./fixture.ts";

const neighbour: SlotId = "chat/8";

/** A node of the mesh that says what it likes, to `to`. */
async function joinStranger(cluster: Cluster, name: string, to: string): Promise<Exchange> {
  const { world, network } = cluster;
  const pulse = { life: 1, alive: true };
  const transport = network.attach(name, pulse);
  const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
  const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
  await cluster.until(() => exchange.peers().includes(to));
  return exchange;
}

describe("an owner", () => {
  it("believes nobody but those in sync that there is a later one, or that they have what it wrote", async () => {
    const cluster = new Cluster(1);
    await cluster.start(["d", "a", "b"]);
    const log = await cluster.open("a");
    await cluster.want("a", ["a", "b"]);
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    const stranger = await joinStranger(cluster, "z", "a");
    const at = { epoch: log.epoch, seq: 1_000, checksum: 1 };
    stranger.send("a", "replica.refused", { slot, epoch: log.epoch, fence: 1_000_000, reason: "a lie" });
    stranger.send("a", "replica.synced", { slot, epoch: log.epoch, incarnation: 1, at, gap: false });
    await cluster.pass(1_000);
    await cluster.append(log, "one");
    // Nor when it is to copy the slot, and says the same when it is asked how it stands.
    let asked = false;
    stranger.on("replica.query", () => {
      asked = true;
      stranger.send("a", "replica.refused", { slot, epoch: log.epoch, fence: 1_000_000, reason: "a lie" });
      return refused(failure("FENCED", { slot, fence: 1_000_000 }));
    });
    await cluster.want("a", ["a", "b", "z"]);
    await cluster.until(() => asked);
    await cluster.pass(1_000);
    await cluster.append(log, "two");
    expect((await cluster.record()).epoch).to.equal(log.epoch);
  });
});

/** What a copy says to messages that are late, wrong or meant for somebody else: no, and nothing on its disk
 *  changes. */
describe("a copy refuses", () => {
  let cluster: Cluster;
  /** A stranger in the mesh that says what it likes. */
  let stranger: Exchange;
  let refusals: MeshBody<"replica.refused">[];
  let acknowledged: MeshBody<"replica.synced">[];
  let standing: Standing;

  const ask = async <Name extends MeshCall>(name: Name, body: MeshBody<Name>): Promise<string> => {
    const answer = await cluster.settle(stranger.call("b", name, body, 1_000));
    return answer.ok ? "ok" : answer.error.code;
  };
  const valueOf = async <Name extends MeshCall>(name: Name, body: MeshBody<Name>): Promise<MeshAnswer<Name>> => {
    const answer = await cluster.settle(stranger.call("b", name, body, 1_000));
    if (!answer.ok) throw new Error(answer.error.code);
    return answer.value;
  };
  /** Begins a transfer as the owner. */
  const begin = (incarnation = standing.incarnation): Promise<{ readonly incarnation: number }> =>
    valueOf("transfer.begin", { slot, epoch: 2, incarnation });
  /** Where a whole log that was transferred would end. */
  const headAt = (last: Standing["at"]) => ({ last, baseSeq: 0, baseChecksum: genesisChecksum(slot) });
  const disk = (): Record<string, string> => cluster.rows("b", /^(log|snap|side|head)\//);
  const incarnationOf = async (): Promise<number> =>
    (await cluster.settle(cluster.peer("b").journal.openSlot(slot))).incarnation;

  const join = (name: string): Promise<Exchange> => joinStranger(cluster, name, "b");
  /** The directory names the test itself as the owner. */
  const own = (epoch: number): Promise<void> =>
    cluster.decree((record) => ({ ...record, owner: "z", epoch, inSync: ["z", "b"] }));

  beforeEach(async () => {
    cluster = new Cluster(1);
    await cluster.start(["d", "a", "b"]);
    const log = await cluster.open("a");
    await cluster.want("a", ["a", "b"]);
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    for (const text of ["one", "two"])
      await cluster.append(log, text, { side: [{ space: "record", put: text, value: 1 }] });
    await cluster.pass(100);
    stranger = await join("z");
    refusals = [];
    acknowledged = [];
    stranger.on("replica.refused", (body) => void refusals.push(body));
    stranger.on("replica.synced", (body) => void acknowledged.push(body));
    await own(2);
    standing = await valueOf("replica.query", { slot, epoch: 2 });
    expect(standing).to.deep.include({ fence: 2, continues: 1, incomplete: false });
    expect(standing.at.seq).to.equal(2);
  });

  it("everything of who is not the owner that the directory names", async () => {
    const before = disk();
    stranger = await join("y");
    stranger.on("replica.refused", (body) => void refusals.push(body));
    stranger.on("replica.synced", (body) => void acknowledged.push(body));
    expect(await ask("replica.query", { slot, epoch: 1 })).to.equal("FENCED");
    // Who takes himself for the owner lies, and is parted from.
    for (const epoch of [2, 3, Number.MAX_SAFE_INTEGER]) {
      expect(await ask("replica.query", { slot, epoch })).to.equal("PEER_LOST");
      await cluster.until(() => stranger.peers().includes("b"));
    }
    const named = { slot, epoch: 2, incarnation: standing.incarnation };
    const run = { from: `side/record/${slot}/`, to: `side/record/${slot}0`, sending: 1 };
    const head = headAt(standing.at);
    const codes = [
      await ask("replica.fetch", { slot, epoch: 2, after: standing.at }),
      await ask("replica.snapshot", {
        ...named,
        actor: "pad/x",
        seq: 2,
        sending: 1,
        data: new Uint8Array(9),
        last: true,
      }),
      await ask("transfer.begin", named),
      await ask("transfer.rows", { ...named, ...run, data: encode([]), last: true }),
      await ask("transfer.finish", { ...named, head }),
    ];
    expect(new Set(codes)).to.deep.equal(new Set(["FENCED"]));
    stranger.send("b", "replica.append", { ...named, from: standing.at, chunks: [], snapshots: [], trim: 2, mark: 0 });
    await cluster.until(() => refusals.length === 1);
    expect(acknowledged).to.deep.equal([]);
    expect(disk()).to.deep.equal(before);
  });

  it("everything of who is not the owner that it knows of, while the directory is away", async () => {
    const before = disk();
    const liar = await join("y");
    const [a, b] = [await joinStranger(cluster, "x", "a"), liar];
    cluster.kill("d");
    await cluster.pass(100);
    for (const [to, as] of [
      ["a", a],
      ["b", b],
    ] as const)
      for (const epoch of [2, 3]) {
        const answer = await cluster.settle(as.call(to, "replica.query", { slot, epoch }, 10_000));
        expect(answer.ok ? "ok" : answer.error.code, to).to.equal("DIRECTORY_UNAVAILABLE");
      }
    expect(disk()).to.deep.equal(before);
    // The owner itself goes on.
    expect((await valueOf("replica.query", { slot, epoch: 2 })).at).to.deep.equal(standing.at);
  });

  it("to open, to read or to digest anything for who has not asked how it stands", async () => {
    const { journal } = cluster.peer("b");
    const known = await cluster.settle(journal.slots());
    const idle: SlotId = "chat/99";
    const named = { slot: idle, epoch: 77, incarnation: 1 };
    const leaves: [string, string, Uint8Array][] = [[`log/${slot}/`, `log/${slot}0`, new Uint8Array(16)]];
    expect(await ask("transfer.compare", { ...named, slot, mark: 0, leaves })).to.equal("FENCED");
    expect(await ask("transfer.begin", named)).to.equal("FENCED");
    expect(await ask("replica.fetch", { slot: idle, epoch: 77, after: standing.at })).to.equal("FENCED");
    stranger.send("b", "replica.append", { ...named, from: standing.at, chunks: [], snapshots: [], trim: 0, mark: 0 });
    await cluster.until(() => refusals.length === 1);
    expect(refusals[0]).to.include({ slot: idle, fence: 0 });
    expect(await cluster.settle(journal.slots())).to.deep.equal(known);
  });

  it("questions and fetches of an epoch below its fence", async () => {
    await own(5);
    await valueOf("replica.query", { slot, epoch: 5 });
    const before = disk();
    expect(await ask("replica.query", { slot, epoch: 4 })).to.equal("FENCED");
    expect(await ask("replica.fetch", { slot, epoch: 4, after: standing.at })).to.equal("FENCED");
    expect(await ask("replica.fetch", { slot, epoch: 6, after: standing.at })).to.equal("FENCED");
    expect(disk()).to.deep.equal(before);
  });

  it("a fetch after a position that it does not hold", async () => {
    const elsewhere = { ...standing.at, checksum: standing.at.checksum ^ 1 };
    expect(await ask("replica.fetch", { slot, epoch: 2, after: elsewhere })).to.equal("LOG_GAP");
    const genesis = { epoch: 0, seq: 0, checksum: genesisChecksum(slot) };
    const { chunks } = await valueOf("replica.fetch", { slot, epoch: 2, after: genesis });
    expect(chunks).to.have.length(2);
  });

  it("to confirm an epoch above which it is fenced, or a slot that nobody has asked it for", async () => {
    await own(5);
    await valueOf("replica.query", { slot, epoch: 5 });
    const slots: [SlotId, number][] = [
      [slot, 4],
      [slot, 5],
      [neighbour, 1],
    ];
    expect(await valueOf("replica.confirm", { slots })).to.deep.equal({ gone: [[slot, 5], [neighbour, 0]] }); // prettier-ignore
  });

  it("appends of another epoch, of another incarnation, and what does not fit", async () => {
    const piece = { slot, epoch: 2, incarnation: standing.incarnation, from: standing.at, chunks: [], snapshots: [], trim: 0, mark: 0 }; // prettier-ignore
    const before = disk();
    const [, [, chunk]] = Object.entries(before).filter(([key]) => key.startsWith("log/")) as [
      [string, string],
      [string, string],
    ];
    const bytes = Buffer.from(chunk, "base64");
    stranger.send("b", "replica.append", { ...piece, epoch: 1 });
    stranger.send("b", "replica.append", { ...piece, epoch: 3 });
    stranger.send("b", "replica.append", { ...piece, incarnation: standing.incarnation + 1 });
    await cluster.until(() => refusals.length === 3);
    expect(refusals.map(({ fence }) => fence)).to.deep.equal([2, 2, 2]);
    expect(acknowledged).to.deep.equal([]);
    stranger.send("b", "replica.append", { ...piece, chunks: [[9, bytes]] });
    await cluster.until(() => acknowledged.length === 1);
    stranger.send("b", "replica.append", { ...piece, chunks: [[3, bytes]] });
    await cluster.until(() => acknowledged.length === 2);
    stranger.send("b", "replica.append", { ...piece, from: { ...standing.at, seq: 7 } });
    await cluster.until(() => acknowledged.length === 3);
    expect(acknowledged.map(({ gap, at }) => [gap, at.seq])).to.deep.equal([
      [true, 2],
      [true, 2],
      [true, 2],
    ]);
    expect(disk()).to.deep.equal(before);
  });

  it("a snapshot of another epoch or incarnation, or one that it needs no more", async () => {
    const base = { slot, actor: "pad/x", seq: 2, sending: 1, data: new Uint8Array(20), last: true };
    const before = disk();
    expect(await ask("replica.snapshot", { ...base, epoch: 1, incarnation: standing.incarnation })).to.equal("FENCED");
    expect(await ask("replica.snapshot", { ...base, epoch: 2, incarnation: 99 })).to.equal("FENCED");
    await ask("replica.snapshot", { ...base, epoch: 2, incarnation: standing.incarnation, seq: 0 });
    await ask("replica.snapshot", { ...base, epoch: 2, incarnation: standing.incarnation, seq: 50 });
    expect(disk()).to.deep.equal(before);
  });

  it("to begin a transfer of another epoch or incarnation", async () => {
    const before = disk();
    for (const [epoch, incarnation] of [
      [1, 0],
      [3, 0],
      [2, 1],
      [2, 7],
    ] as const)
      expect(await ask("transfer.begin", { slot, epoch, incarnation: standing.incarnation + incarnation })).to.equal(
        "FENCED",
      );
    expect(disk()).to.deep.equal(before);
    expect(await incarnationOf()).to.equal(standing.incarnation);
  });

  it("what comes late of a transfer that was begun anew", async () => {
    const { incarnation: old } = await begin();
    const { incarnation } = await begin(old);
    expect(incarnation).to.equal(old + 1);
    const before = disk();
    const rows = {
      slot,
      epoch: 2,
      sending: 1,
      from: `side/record/${slot}/`,
      to: `side/record/${slot}0`,
      data: encode([]),
      last: true,
    };
    expect(await ask("transfer.begin", { slot, epoch: 2, incarnation: old })).to.equal("FENCED");
    expect(await ask("transfer.rows", { ...rows, incarnation: old })).to.equal("FENCED");
    const head = headAt(standing.at);
    expect(await ask("transfer.finish", { slot, epoch: 2, incarnation: old, head })).to.equal("FENCED");
    expect(disk()).to.deep.equal(before);
    // The transfer that is under way ends well: the rows are still there.
    expect(await ask("transfer.finish", { slot, epoch: 2, incarnation, head })).to.equal("ok");
    // And what comes of it twice does nothing.
    const after = disk();
    expect(await ask("transfer.rows", { ...rows, incarnation })).to.not.equal("ok");
    expect(disk()).to.deep.equal(after);
  });

  it("rows when no transfer was begun", async () => {
    const before = disk();
    const rows = { from: `side/record/${slot}/`, to: `side/record/${slot}0`, sending: 1, data: encode([]), last: true };
    const { incarnation } = standing;
    expect(await ask("transfer.rows", { slot, epoch: 2, incarnation, ...rows })).to.equal("LOG_GAP");
    const head = headAt(standing.at);
    expect(await ask("transfer.finish", { slot, epoch: 2, incarnation, head })).to.equal("FENCED");
    expect(disk()).to.deep.equal(before);
    expect(await valueOf("replica.query", { slot, epoch: 2 })).to.deep.equal(standing);
  });

  it("to end a transfer with rows that are not the log they are said to be", async () => {
    const { incarnation } = await begin();
    for (const last of [
      { ...standing.at, seq: 1 },
      { ...standing.at, seq: 3 },
      { ...standing.at, checksum: 1 },
    ]) {
      const head = headAt(last);
      expect(await ask("transfer.finish", { slot, epoch: 2, incarnation, head })).to.equal("DATA_DAMAGED");
      expect((await valueOf("replica.query", { slot, epoch: 2 })).incomplete).to.equal(true);
    }
  });

  const outside: readonly (readonly [from: string, to: string])[] = [
    [`side/record/${neighbour}/`, `side/record/${neighbour}0`],
    [`side/record/${slot}/`, `side/record/${neighbour}0`],
    [`side/record/${slot}/`, `side/recorda`],
    [`side/record/chat/70/`, `side/record/chat/700`],
    [`log/${slot}/`, `log/chat/70`.concat("0")],
    [`head/${slot}/`, `head/${slot}0`],
    [`head/${slot}`, `head/${slot}~`],
    ["meta/format", "meta/formatu"],
    ["directory/", "directory0"],
    ["", "~"],
    [`snap/${slot}0`, `snap/${slot}/`],
    [`snap/${slot}/../${neighbour}/`, `snap/${neighbour}0`],
  ];

  it("runs of keys that are not within the slot, to compare and to write", async () => {
    const { incarnation } = await begin();
    const before = disk();
    for (const [from, to] of outside) {
      const rows = encode([[from, new Uint8Array(1)]]);
      const named = { slot, epoch: 2, incarnation };
      const leaves: [string, string, Uint8Array][] = [[from, to, new Uint8Array(16)]];
      expect(await ask("transfer.compare", { ...named, mark: 0, leaves }), `${from} ${to}`).to.equal("BAD_REQUEST");
      expect(await ask("transfer.rows", { ...named, from, to, sending: 1, data: rows, last: true }), from).to.equal(
        "BAD_REQUEST",
      );
    }
    expect(disk()).to.deep.equal(before);
  });

  it("rows that are garbage, or lie outside their run", async () => {
    const { incarnation } = await begin();
    const before = disk();
    const run = { from: `side/record/${slot}/pad/`, to: `side/record/${slot}/pae`, sending: 1 };
    const wrong: readonly Uint8Array[] = [
      new Uint8Array(),
      Uint8Array.from([0xc1, 0xff, 0x00]),
      encode("text"),
      encode({ rows: [] }),
      encode([["key"]]),
      encode([[run.from, "not bytes"]]),
      encode([[7, new Uint8Array(1)]]),
      encode([[`head/${slot}`, new Uint8Array(1)]]),
      encode([
        [`${run.from}k`, new Uint8Array(1)],
        [run.to, new Uint8Array(1)],
      ]),
      encode([[`side/record/${slot}/`, new Uint8Array(1)]]),
    ];
    for (const data of wrong)
      expect(
        await ask("transfer.rows", { slot, epoch: 2, incarnation, ...run, data, last: true }),
        Buffer.from(data).toString("hex"),
      ).to.equal("BAD_FRAME");
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (data) => {
        const fits = (() => {
          try {
            return Array.isArray(decode(data)) && (decode(data) as unknown[]).length === 0;
          } catch {
            return false;
          }
        })();
        fc.pre(!fits);
        expect(await ask("transfer.rows", { slot, epoch: 2, incarnation, ...run, data, last: true })).to.equal(
          "BAD_FRAME",
        );
      }),
      { numRuns: 30 },
    );
    expect(disk()).to.deep.equal(before);
  });

  it("to compare with what another owner has marked, and with what nobody has compared for long", async () => {
    const [z, y] = [stranger, await join("y")];
    const { incarnation } = standing;
    const compare = async (as: Exchange, epoch: number, mark = 1): Promise<string | number> => {
      const body = { slot, epoch, incarnation, mark, leaves: [] };
      const answer = await cluster.settle(as.call("b", "transfer.compare", body, 1_000));
      return answer.ok ? (answer.value.at?.seq ?? 0) : answer.error.code;
    };
    const mark = async (epoch: number, chunks: [number, Uint8Array][]): Promise<void> => {
      const heard = acknowledged.length;
      const piece = { from: standing.at, chunks, snapshots: [], trim: 0, mark: 1 };
      stranger.send("b", "replica.append", { slot, epoch, incarnation, ...piece });
      await cluster.until(() => acknowledged.length > heard);
    };
    await mark(2, []);
    expect(await compare(z, 2)).to.equal(2);
    expect(await compare(z, 2, 2)).to.equal("NOT_FOUND");
    expect(await compare(z, 3)).to.equal("NOT_FOUND");
    await cluster.decree((record) => ({ ...record, owner: "y", inSync: ["y", "b"], epoch: 3 }));
    stranger = y;
    stranger.on("replica.synced", (body) => void acknowledged.push(body));
    await valueOf("replica.query", { slot, epoch: 3 });
    expect(await compare(y, 3)).to.equal("NOT_FOUND");
    const { bytes } = encodeChunk([encodeEntry(3, 3, entry("three"))], standing.at.checksum);
    await mark(3, [[3, bytes]]);
    expect([await compare(z, 2), await compare(y, 3)]).to.deep.equal([2, 3]);
    await cluster.pass(0.7 * replicationLimits.markAgeMaxMs);
    expect(await compare(z, 2)).to.equal(2);
    await cluster.pass(0.7 * replicationLimits.markAgeMaxMs);
    expect([await compare(z, 2), await compare(y, 3)]).to.deep.equal([2, "NOT_FOUND"]);
    await cluster.pass(1.1 * replicationLimits.markAgeMaxMs);
    expect(await compare(z, 2)).to.equal("NOT_FOUND");
  });

  /** A copy that takes so many bytes of parts, and a part of 400 of them. */
  const beginParts = async (partsBytesMax: number) => {
    cluster = new Cluster(2, { limits: { partsBytesMax } });
    await cluster.start(["a", "b"]);
    await cluster.open("a");
    stranger = await join("z");
    await cluster.decree((record) => ({ ...record, owner: "z", epoch: 2, inSync: ["z"], learners: ["b"] }));
    const { incarnation } = await valueOf("replica.query", { slot, epoch: 2 });
    const data = new Uint8Array(400);
    return { slot, epoch: 2, incarnation, actor: "pad/x", seq: 1, sending: 1, data, last: false };
  };

  it("parts that add up to more than it takes", async () => {
    const part = await beginParts(1_000);
    expect(await ask("replica.snapshot", part)).to.equal("ok");
    expect(await ask("replica.snapshot", part)).to.equal("ok");
    expect(await ask("replica.snapshot", part)).to.equal("TOO_LARGE");
    // It begins anew, and a peer that is gone leaves nothing behind.
    expect(await ask("replica.snapshot", part)).to.equal("ok");
    // Parts of another sending are of one that was given up: they are not put together.
    for (let sending = 2; sending < 70; sending += 1)
      expect(await ask("replica.snapshot", { ...part, sending })).to.equal("ok");
    cluster.network.break("z", "b");
    await cluster.pass(200);
    await cluster.until(() => stranger.peers().includes("b"));
    expect(await ask("replica.snapshot", { ...part, sending: 100 })).to.equal("ok");
  });

  it("those parts of which most are there when there are too many, and nobody else's", async () => {
    const part = await beginParts(1_000);
    const other: SlotId = neighbour;
    const owner = await join("y");
    const record = { slot: other, epoch: 2, owner: "y", inSync: ["y"], learners: ["b"] };
    await cluster.settle(changeSlot(cluster.peer("a").directory, record, 0));
    const asked = await cluster.settle(owner.call("b", "replica.query", { slot: other, epoch: 2 }, 1_000));
    if (!asked.ok) throw new Error(asked.error.code);
    const few = { ...part, slot: other, incarnation: asked.value.incarnation, data: new Uint8Array(300) };
    const asOther = async (last: boolean): Promise<string> => {
      const answer = await cluster.settle(owner.call("b", "replica.snapshot", { ...few, last }, 1_000));
      return answer.ok ? "ok" : answer.error.code;
    };
    for (let times = 0; times < 2; times += 1) expect(await ask("replica.snapshot", part)).to.equal("ok");
    expect(await asOther(false)).to.equal("ok");
    // A part of what was thrown away is no beginning.
    expect(await ask("replica.snapshot", { ...part, last: true })).to.equal("TOO_LARGE");
    expect(await ask("replica.snapshot", part)).to.equal("ok");
    expect(await asOther(true)).to.not.equal("TOO_LARGE");
  });

  it("no parts because of those that an owner before it has left behind", async () => {
    const part = await beginParts(1_000);
    for (let times = 0; times < 2; times += 1) expect(await ask("replica.snapshot", part)).to.equal("ok");
    await cluster.decree((record) => ({ ...record, epoch: 3 }));
    await valueOf("replica.query", { slot, epoch: 3 });
    const { actor, seq, ...rest } = part;
    const rows = { ...rest, epoch: 3, from: `side/record/${slot}/`, to: `side/record/${slot}0` };
    for (let times = 0; times < 2; times += 1) expect(await ask("transfer.rows", rows)).to.equal("ok");
    await cluster.decree((record) => ({ ...record, owner: "y", inSync: ["y"], epoch: 4 }));
    stranger = await join("y");
    await valueOf("replica.query", { slot, epoch: 4 });
    const next = { ...rest, actor, seq, epoch: 4 };
    for (let times = 0; times < 2; times += 1) expect(await ask("replica.snapshot", next)).to.equal("ok");
    // It is a new copy from here on: what was under way for the old one is over as well.
    const begun = await valueOf("transfer.begin", { slot, epoch: 4, incarnation: part.incarnation });
    const anew = { ...rows, epoch: 4, incarnation: begun.incarnation };
    for (let times = 0; times < 2; times += 1) expect(await ask("transfer.rows", anew)).to.equal("ok");
  });
});
