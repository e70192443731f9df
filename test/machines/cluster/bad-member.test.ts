import { expect } from "chai";
import type { MeshBody, MeshName } from "../../../protocols/mesh/index.ts";
import {
  encode,
  slotOf,
  type ActorId,
  type ClusterSlotRow,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { BadMember } from "../../fixtures/processes/cluster-bad-member.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, manager, workerWithAi } from "../../fixtures/processes/cluster-processes.ts";
import { slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";

/** A member that says that it is up may be asked to copy something, which it never does: that much it may hold up. */
const others = (cluster: ClusterProcesses, bad: BadMember, phase: string): Promise<readonly ClusterSlotRow[]> =>
  until(`${phase}: the others are well`, async () => {
    const down = (await cluster.members()).filter(({ node, up }) => !up && node !== bad.node);
    const slots = await cluster.slots();
    const notOk = slots.filter(({ status, want }) => status !== "ok" && want?.replicas.includes(bad.node) !== true);
    if (down.length + notOk.length > 0) throw new Error(JSON.stringify([...down, ...notOk]).slice(0, 2_000));
    return slots;
  });

type Lie = { readonly [Name in MeshName]: readonly [Name, MeshBody<Name>] }[MeshName];

/** What only the owner of a slot, or one of its copies, may say: with an epoch that is over, that holds, or that is far
 *  ahead. */
function liesOf({ slot, epoch: now }: ClusterSlotRow): readonly Lie[] {
  const body = { slot: slot as SlotId };
  const at = { epoch: now, seq: 1_000_000, checksum: 1 };
  return [Math.max(1, now - 1), now, now + 1, 1_000_000].flatMap((epoch): Lie[] => {
    const copy = { ...body, epoch, incarnation: 1 };
    return [
      ...(epoch < now ? [["replica.query", { ...body, epoch }] as const] : []),
      ["replica.append", { ...copy, from: at, chunks: [[1, new Uint8Array(40)]], snapshots: [], trim: 0, mark: 0 }],
      [
        "replica.append",
        { ...copy, from: { epoch: 0, seq: 0, checksum: 0 }, chunks: [], snapshots: [], trim: 9_999_999, mark: 0 },
      ],
      ["replica.synced", { ...copy, at, gap: false }],
      ["replica.refused", { ...body, epoch, fence: 1_000_000, reason: "no" }],
      ["replica.fetch", { ...body, epoch, after: { epoch: 0, seq: 0, checksum: 0 } }],
      ["replica.snapshot", { ...copy, actor: "room/lobby", seq: 5, sending: 1, data: new Uint8Array(9), last: true }],
      ["transfer.begin", copy],
      ["transfer.rows", { ...copy, from: "a", to: "z", sending: 1, data: new Uint8Array(9), last: true }],
      ["transfer.finish", { ...copy, head: { last: at, baseSeq: 0, baseChecksum: 0 } }],
    ];
  });
}

function liesAbout(room: string): readonly Lie[] {
  const actor = `room/${room}` as ActorId;
  const slot = slotOf("chat", actor);
  const post = { type: "post", text: "nobody wrote this" };
  const event = { type: "posted", message: { seq: 1, text: "nobody said this", author: "ada", atMs: 1 } };
  return [
    [
      "routing.answers",
      { answers: [...Array(200).keys()].map((index) => [-1 - index, { ok: true, value: { seq: 1 } }, true, 0]) },
    ],
    ["routing.events", { events: [1, 2, 5_000].map((at) => [actor, at, 1_000, event]), gaps: [actor] }],
    ["routing.followed", { topics: [[actor, 1]], refused: [[actor, 2]] }],
    // From somebody who is not in the room, and for an actor that does not live in this slot.
    [
      "routing.envelopes",
      {
        slot,
        session: 1,
        epoch: 1_000,
        refusals: 0,
        envelopes: [[-1, actor, "user/mallory", post, "made-up", true, []]],
      },
    ],
    [
      "routing.envelopes",
      {
        slot: "chat/1",
        session: 1,
        epoch: 1_000,
        refusals: 0,
        envelopes: [[-2, actor, "user/mallory", post, "made-up-2", true, []]],
      },
    ],
    ["engine.generate.said", { run: 1, parts: [{ text: "lies", tokens: 1 }] }],
    ["directory.change", { key: `slot/${slot}`, value: new Uint8Array([1]), revision: 1 }],
    ["directory.changed", { watch: 1, number: 1, changes: [[`slot/${slot}`, 1]] }],
    ["directory.ended", { watch: 1 }],
    ["directory.page", { cursor: 77 }],
    ["beat", { incarnation: Number.MAX_SAFE_INTEGER, view: Number.MAX_SAFE_INTEGER }],
  ] as Lie[];
}

/** Sends what was acknowledged before once more, as somebody would who has recorded it: twice in one session, and in
 *  another. Nobody vouches for the writer at that member, so it is refused; before the cluster asks for that, it gets
 *  the first answer. */
async function replay(cluster: ClusterProcesses, load: Load, bad: BadMember): Promise<void> {
  const writer = "ada";
  const room = rooms[0];
  const acknowledged = load.acknowledged.get(`${room} ${writer}`)?.at(-1);
  if (acknowledged === undefined) throw new Error(`${writer} was acknowledged nothing in ${room}`);
  const { text, operationId, seq } = acknowledged;
  const { slot, owner, epoch } = slotOfRoom(await cluster.slots(), room);
  const answers = new Map<number, unknown>();
  bad.exchange.on("routing.answers", (body) => {
    for (const [correlation, answer] of body.answers) answers.set(correlation, answer);
  });
  const envelope = (correlation: number): MeshBody<"routing.envelopes">["envelopes"][number] => {
    const message = { type: "post", text };
    return [correlation, `room/${room}`, `user/${writer}`, message, `user/${writer}|${operationId}`, false, []];
  };
  const head = { slot: slot as SlotId, epoch, refusals: 0 };
  bad.exchange.send(owner, "routing.envelopes", { ...head, session: 7, envelopes: [envelope(-1), envelope(-2)] });
  bad.exchange.send(owner, "routing.envelopes", { ...head, session: 8, envelopes: [envelope(-3)] });
  await until("what was replayed is answered", () => {
    bad.beat();
    expect([...answers.keys()]).to.include.members([-1, -2, -3]);
  });
  for (const correlation of [-1, -2, -3]) {
    const answer = answers.get(correlation) as Result<{ readonly seq: number }>;
    if (answer.ok) expect(answer.value.seq).to.equal(seq);
    else expect(answer.error.code).to.equal("IDENTITY_UNPROVEN");
  }
}

describe("a cluster of real processes with a member that lies", () => {
  it("goes on, and believes nothing", async function () {
    await using cluster = await ClusterProcesses.start([manager, ...["one", "two", "three"].map(workerWithAi)]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    const before = await healthy(cluster, "before the bad one");
    await using bad = await BadMember.join(cluster, "mallory", "gateway");
    const peers = bad.peers();

    const parted = new Set<string>();
    const allParted = (): void => {
      if (parted.size < peers.length) throw new Error(`parted from ${parted.size} of ${peers.length}`);
    };
    bad.exchange.onPeer({ disconnected: (peer) => void parted.add(peer) });
    for (const lie of [...before.flatMap(liesOf), ...rooms.flatMap(liesAbout)]) {
      const [name, body] = lie as [MeshName, MeshBody<MeshName>];
      for (const peer of peers) bad.exchange.send(peer, name, body);
    }
    bad.beat();
    // What an owner may say whose epoch is over, or a later version, is no reason to part.
    bad.babble("control", ["beat.later", 7, {}]);
    bad.babble("control", ["beat", 0, { incarnation: 1, view: 1, later: "more" }]);
    await everybodyWrites(load, "after lies");
    expect([...parted]).to.deep.equal([]);
    await replay(cluster, load, bad);
    // Who takes himself for an owner that the directory does not know is parted from.
    for (const peer of peers)
      for (const { slot, epoch } of before)
        bad.exchange.send(peer, "replica.query", { slot: slot as SlotId, epoch: epoch + 1_000_000 });
    await until("all have parted from it", allParted);
    await everybodyWrites(load, "after false claims");
    const after = await others(cluster, bad, "after lies");
    for (const { slot, owner, inSync, epoch } of after) {
      const was = before.find((row) => row.slot === slot);
      expect([owner, ...inSync], slot).to.not.include(bad.node);
      expect(epoch, slot).to.be.below((was?.epoch ?? 1) + 1_000);
      // Nobody gave anything up because of it.
      if (owner === was?.owner) expect(epoch, slot).to.equal(was.epoch);
    }

    await until("it is back", () => {
      if (bad.peers().length < peers.length) throw new Error(`connected to ${bad.peers().length}`);
    });
    parted.clear();
    for (const channel of ["control", "message", "bulk"] as const)
      for (const frame of ["garbage", ["no.such.message", 0, {}], ["beat", 0, { incarnation: "one" }], [1, 2], null])
        bad.babble(channel, frame);
    await until("the bad one is turned out", allParted);
    await everybodyWrites(load, "after garbage");
    await until("the bad one is evicted", () => cluster.admin("DELETE", "/api/v1/admin/cluster/nodes/mallory"));
    await healthy(cluster, "without the bad one");
    await everybodyWrites(load, "without the bad one");
    await load.end();
    await check(load);
  });

  it("goes on, and no client but its own notices, when it answers and publishes nonsense", async function () {
    await using cluster = await ClusterProcesses.start([manager, ...["one", "two"].map(workerWithAi)]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    // Before it comes: a new account may fall into a slot that is given to it.
    const zoe = await cluster.first.signUp("zoe");
    const used = new Set((await healthy(cluster, "before the bad one")).map(({ slot }) => slot));
    await using bad = await BadMember.join(cluster, "mallory", "chat,ai,gateway");
    // It takes a slot that nobody has used, and a client asks for a room in it.
    const index = [...Array(1_000).keys()].find((one) => !used.has(slotOf("chat", `room/mine-${one}`)));
    const topic = `room/mine-${index}` as const;
    const slot = slotOf("chat", topic);
    const record = { slot, epoch: 1, owner: bad.node, inSync: [bad.node], learners: [] };
    const keeper = (await cluster.members()).find(({ directory }) => directory)?.node ?? "";
    const row = { key: `slot/${slot}`, value: encode(record), revision: 0 };
    expect(await bad.exchange.call(keeper, "directory.change", row, 10_000)).to.have.nested.property(
      "value.applied",
      true,
    );
    // From here on it is parted from again and again.
    bad.talkNonsense();
    const victim = new ChatClient(() => cluster.named("one").url, zoe);
    try {
      const asks = ["placement.load", "replica.query", "routing.envelopes", "routing.follow", "transfer.begin"] as const; // prettier-ignore
      await until("the bad one was asked everything", () => {
        bad.beat();
        victim.follow(topic);
        const short = asks.filter((name) => (bad.asked.get(name) ?? 0) < 3);
        if (short.length > 0) throw new Error(`not ${short.join(", ")}; ${JSON.stringify([...bad.asked])}`);
      });
    } finally {
      victim.close();
    }
    await everybodyWrites(load, "after nonsense");
    await load.end();
    await check(load);
    for (const { pid } of cluster.nodes) expect(process.kill(pid, 0)).to.equal(true);
  });
});
