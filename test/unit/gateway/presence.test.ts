import { expect } from "chai";
import fc from "fast-check";
import type { Subscriber } from "../../../node/gateway/feeds/subscriber.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createPresence, type PresencePart } from "../../../node/gateway/presence/index.ts";
import type { Told } from "../../../node/gateway/presence/telling.ts";
import {
  failure,
  ok,
  refused,
  type NodeFrame,
  type PersonStatus,
  type Presence,
  type Result,
} from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { World } from "../../world/index.ts";
import { connectClient, startFixture, type Client, type Fixture } from "./fixture.ts";

/** One client of a person, with what it was told. */
interface Connection {
  readonly subscriber: Subscriber;
  readonly told: (readonly Presence[])[];
  congested: boolean;
}

function connectionOf(user: string, status?: PersonStatus, kind: "session" | "key" = "session"): Connection {
  const told: (readonly Presence[])[] = [];
  const connection = { told, congested: false };
  const subscriber = {
    user,
    person: { noted: undefined as { readonly status: PersonStatus | undefined } | undefined },
    caller: { kind, ...(status && { status }) },
    open: true,
    get congested() {
      return connection.congested;
    },
    send: (frame: NodeFrame) => void ("presence" in frame && told.push(frame.presence)),
  };
  return Object.assign(connection, { subscriber: subscriber as unknown as Subscriber });
}

interface Node {
  presence: PresencePart;
}

interface Cluster {
  readonly world: World;
  readonly nodes: readonly Node[];
  /** Messages that nodes sent, and the people in them. */
  readonly sent: { messages: number; rows: number };
  /** Messages between two nodes get lost from now on, or no more. */
  readonly cut: (one: number, other: number, isCut: boolean) => void;
  /** What each node takes for up is another. */
  readonly see: (node: number, up: readonly number[]) => void;
  /** A node begins anew, and knows nobody. */
  readonly restart: (node: number) => void;
  readonly pass: (ms: number) => Promise<void>;
  /** How somebody is, as asked at a node. */
  readonly of: (node: number, user: string) => Presence["here"];
}

function openCluster(count: number): Cluster {
  const world = new World(1);
  const clock = world.clock();
  const all = [...Array(count).keys()];
  const heard: ((node: string, told: Told) => { readonly era: string })[] = [];
  const seen = all.map((one) => all.filter((other) => other !== one));
  const listeners: (() => void)[] = [];
  const lost = new Set<string>();
  const sent = { messages: 0, rows: 0 };
  let ids = 0;
  const start = (own: number): PresencePart =>
    createPresence({
      clock,
      random: { number: () => 0.5, bytes: (bytes: number) => new Uint8Array(bytes) },
      limits: gatewayLimits,
      newId: () => `era ${(ids += 1)}`,
      presencePeers: {
        up: () => (seen[own] as number[]).map(String),
        onChange(listener) {
          listeners[own] = listener;
          return () => undefined;
        },
        tell(node, told) {
          sent.messages += 1;
          sent.rows += told.rows.length;
          const { promise, resolve } = Promise.withResolvers<Result<{ readonly era: string }>>();
          const isLost = (): boolean => lost.has(`${own} ${node}`);
          clock.after(gatewayLimits.presenceTimeoutMs, () => resolve(refused(failure("PEER_LOST"))));
          clock.after(5, () => {
            const answer = isLost() ? undefined : heard[Number(node)]?.(String(own), told);
            // The answer may get lost alone.
            if (answer !== undefined) clock.after(5, () => void (isLost() || resolve(ok(answer))));
          });
          return promise;
        },
        serve: (listener) => void (heard[own] = listener),
      },
    });
  const nodes = all.map((own): Node => ({ presence: start(own) }));
  const asking = connectionOf("asker").subscriber;
  return {
    world,
    nodes,
    sent,
    cut(one, other, isCut) {
      for (const way of [`${one} ${other}`, `${other} ${one}`])
        if (isCut) lost.add(way);
        else lost.delete(way);
    },
    see(node, up) {
      seen[node] = [...up];
      listeners[node]?.();
    },
    restart(node) {
      const at = nodes[node] as Node;
      at.presence.stop();
      at.presence = start(node);
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= 250) {
        world.elapse(Math.min(250, left));
        for (let turn = 0; turn < 12; turn += 1) await Promise.resolve();
      }
    },
    of(node, user) {
      const at = nodes[node] as Node;
      const here = at.presence.look(asking, [user])[0]?.here ?? "offline";
      at.presence.look(asking, []);
      return here;
    },
  };
}

/** Long enough for what was lost to be said again. */
const quietMs = 3 * gatewayLimits.presenceCheckMs + gatewayLimits.presenceGraceMs;

describe("gateway: presence", () => {
  it("of somebody at one node is known at the others within two seconds, and costs those nothing who do not look", async () => {
    const { nodes, pass, of, sent } = openCluster(3);
    await pass(2_000);
    const looker = connectionOf("ben");
    const other = connectionOf("cleo");
    nodes[2]?.presence.came(looker.subscriber);
    nodes[2]?.presence.came(other.subscriber);
    expect(nodes[2]?.presence.look(looker.subscriber, ["ada"])).to.deep.equal([]);
    await pass(2_000);
    const before = sent.messages;
    const ada = connectionOf("ada", { text: "reading" });
    nodes[0]?.presence.came(ada.subscriber);
    await pass(2_000);
    expect(looker.told).to.deep.equal([[{ user: "ada", here: "active", status: { text: "reading" } }]]);
    expect(other.told).to.deep.equal([]);
    expect(sent.messages - before, "one message to each other node").to.equal(2);
    nodes[0]?.presence.here(ada.subscriber, false);
    await pass(2_000);
    expect(looker.told.at(-1)).to.deep.equal([{ user: "ada", here: "away", status: { text: "reading" } }]);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["away", "away"]);
  });

  it("is that of the most active client, wherever it is", async () => {
    const { nodes, pass, of } = openCluster(2);
    const [phone, desk] = [connectionOf("ada"), connectionOf("ada")];
    nodes[0]?.presence.came(phone.subscriber);
    nodes[1]?.presence.came(desk.subscriber);
    nodes[0]?.presence.here(phone.subscriber, false);
    await pass(2_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["active", "active"]);
    nodes[1]?.presence.went(desk.subscriber);
    await pass(gatewayLimits.presenceGraceMs + 3_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["away", "away"]);
  });

  it("lasts over a page that is loaded anew", async () => {
    const { nodes, pass } = openCluster(1);
    const looker = connectionOf("ben");
    const ada = connectionOf("ada");
    nodes[0]?.presence.came(ada.subscriber);
    nodes[0]?.presence.look(looker.subscriber, ["ada"]);
    await pass(2_000);
    looker.told.length = 0;
    nodes[0]?.presence.went(ada.subscriber);
    await pass(3_000);
    nodes[0]?.presence.came(connectionOf("ada").subscriber);
    await pass(20_000);
    expect(looker.told).to.deep.equal([]);
  });

  it("is hidden by choice, with the status, and shown again when that ends", async () => {
    const { nodes, pass, of, world } = openCluster(2);
    const nowMs = world.clock().nowMs();
    const ada = connectionOf("ada", { text: "in a meeting", hidden: true });
    nodes[0]?.presence.came(ada.subscriber);
    await pass(2_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["offline", "offline"]);
    nodes[0]?.presence.says("ada", { hidden: true, untilMs: nowMs + 60_000 });
    await pass(2_000);
    expect(of(1, "ada")).to.equal("offline");
    await pass(60_000 + gatewayLimits.presenceCheckMs + 2_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["active", "active"]);
  });

  it("is hidden also where a tab signs in that was checked before, and where no connection is left for a moment", async () => {
    const { nodes, pass, of } = openCluster(2);
    const ada = connectionOf("ada");
    nodes[0]?.presence.came(ada.subscriber);
    nodes[0]?.presence.says("ada", { hidden: true });
    const late = connectionOf("ada");
    late.subscriber.person.noted = { status: { hidden: true } };
    nodes[0]?.presence.came(late.subscriber);
    await pass(2_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["offline", "offline"]);
    nodes[0]?.presence.says("ada", undefined);
    await pass(2_000);
    for (const { subscriber } of [ada, late]) nodes[0]?.presence.went(subscriber);
    nodes[0]?.presence.says("ada", { hidden: true });
    await pass(2_000);
    expect([of(0, "ada"), of(1, "ada")]).to.deep.equal(["offline", "offline"]);
  });

  it("says nothing of programs with a person's key", async () => {
    const { nodes, pass, of } = openCluster(1);
    nodes[0]?.presence.came(connectionOf("ada", undefined, "key").subscriber);
    await pass(2_000);
    expect(of(0, "ada")).to.equal("offline");
  });

  it("costs one change a second, however often a client says that it is there", async () => {
    const { nodes, pass, sent } = openCluster(2);
    const ada = connectionOf("ada");
    const looker = connectionOf("ben");
    nodes[0]?.presence.came(ada.subscriber);
    nodes[1]?.presence.came(looker.subscriber);
    nodes[1]?.presence.look(looker.subscriber, ["ada"]);
    await pass(2_000);
    const before = { ...sent };
    looker.told.length = 0;
    for (let step = 0; step < 20; step += 1)
      for (let times = 0; times < 51; times += 1) {
        nodes[0]?.presence.here(ada.subscriber, times % 2 === step % 2);
        if (times % 10 === 0) await pass(100);
      }
    expect(sent.rows - before.rows).to.be.at.most(16);
    expect(looker.told.length).to.be.at.most(16);
  });

  it("of ten thousand who come back at once goes to each other node in a few messages, and to nobody who does not look", async () => {
    const { nodes, pass, sent, of } = openCluster(2);
    await pass(2_000);
    const before = sent.messages;
    for (let one = 0; one < 10_000; one += 1) nodes[0]?.presence.came(connectionOf(`person-${one}`).subscriber);
    // A message waits for the answer to the one before.
    await pass(15_000);
    expect(sent.messages - before).to.be.at.most(Math.ceil(10_000 / gatewayLimits.presenceRowsMax) + 3);
    expect([of(1, "person-0"), of(1, "person-9999")]).to.deep.equal(["active", "active"]);
  });

  it("waits for a client that reads slowly, and then tells it how people are by then", async () => {
    const { nodes, pass } = openCluster(1);
    const looker = connectionOf("ben");
    const ada = connectionOf("ada");
    nodes[0]?.presence.look(looker.subscriber, ["ada"]);
    looker.congested = true;
    nodes[0]?.presence.came(ada.subscriber);
    await pass(2_000);
    nodes[0]?.presence.here(ada.subscriber, false);
    await pass(2_000);
    expect(looker.told).to.deep.equal([]);
    looker.congested = false;
    await pass(2_000);
    expect(looker.told).to.deep.equal([[{ user: "ada", here: "away" }]]);
  });

  it("is the same at all nodes after any history of people, cut links, nodes taken for down, and restarts", async function () {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("come" as const), node: fc.nat(2), user: fc.nat(3) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("go" as const), node: fc.nat(2), user: fc.nat(3) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("here" as const),
          node: fc.nat(2),
          user: fc.nat(3),
          active: fc.boolean(),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("cut" as const), node: fc.nat(2), other: fc.nat(2), is: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("down" as const), node: fc.nat(2), other: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), node: fc.nat(2) }) },
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(250, 1_000, 7_000, 40_000) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (plan) => {
        const { nodes, pass, of, cut, see, restart } = openCluster(3);
        const others = (node: number) => [0, 1, 2].filter((one) => one !== node);
        /** Connections by node and person, with whether each is used. */
        const open = nodes.map(() => new Map<string, { readonly connection: Connection; active: boolean }[]>());
        for (const one of plan)
          if (one.do === "wait") await pass(one.ms);
          else if (one.do === "cut") cut(one.node, one.other, one.is);
          else if (one.do === "down")
            see(
              one.node,
              others(one.node).filter((other) => other !== one.other),
            );
          else if (one.do === "restart") {
            restart(one.node);
            open[one.node]?.clear();
          } else {
            const { presence } = nodes[one.node] as Node;
            const user = `person-${one.user}`;
            const known = open[one.node]?.get(user) ?? [];
            if (one.do === "come") {
              const connection = connectionOf(user);
              presence.came(connection.subscriber);
              open[one.node]?.set(user, [...known, { connection, active: true }]);
            } else if (one.do === "go") {
              const gone = known.shift();
              if (gone !== undefined) presence.went(gone.connection.subscriber);
            } else {
              const last = known.at(-1);
              if (last === undefined) continue;
              presence.here(last.connection.subscriber, one.active);
              last.active = one.active;
            }
          }
        for (const node of [0, 1, 2]) {
          see(node, others(node));
          for (const other of others(node)) cut(node, other, false);
        }
        await pass(quietMs);
        for (const user of [0, 1, 2, 3].map((one) => `person-${one}`)) {
          const all = open.flatMap((people) => people.get(user) ?? []);
          const is = all.some(({ active }) => active) ? "active" : all.length > 0 ? "away" : "offline";
          for (const node of [0, 1, 2]) expect(of(node, user), `${user} at node ${node}`).to.equal(is);
        }
      }),
      { numRuns: depth(60, 2_000) },
    );
  });
});

describe("gateway: presence on the wire", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  const heard = (client: Client, here: Presence["here"]) =>
    client.next((frame) => (frame as { readonly presence?: readonly Presence[] }).presence?.[0]?.here === here);

  it("is looked at, follows the status of an account, and ends with the connection", async () => {
    const { token } = await fixture.signUp("ada");
    const looker = await connectClient(fixture.url, (await fixture.signUp("ben")).token);
    expect((await looker.ask("look", undefined, { people: ["ada"] })).ok).to.deep.equal({ people: [] });
    const ada = await connectClient(fixture.url, token);
    await heard(looker, "active");
    expect((await ada.ask("here", undefined, { active: false })).ok).to.deep.equal({});
    await heard(looker, "away");
    const status = { text: "on a train", emoji: "🚆", doNotDisturb: true };
    const set = await fixture.request("PUT", "/api/v1/me/status", { token, body: status });
    expect(set.status).to.equal(200);
    expect(set.body).to.deep.include({ status });
    await looker.next(
      (frame) => (frame as { readonly presence?: readonly Presence[] }).presence?.[0]?.status?.text === "on a train",
    );
    const card = await fixture.request("GET", "/api/v1/people/ada", { token });
    expect(card.body).to.deep.include({ status });
    expect((await looker.ask("look", undefined, { people: ["ada"] })).ok).to.deep.equal({
      people: [{ user: "ada", here: "away", status }],
    });
    ada.socket.close();
    await heard(looker, "offline");
  });

  it("refuses what is no list of people, more of them than one may look at, and statuses that are none", async () => {
    const { token } = await fixture.signUp("cleo");
    const client = await connectClient(fixture.url, token);
    for (const fields of [{}, { people: ["No Name"] }, { people: Array.from({ length: 201 }, (_, one) => `p${one}`) }])
      expect((await client.ask("look", undefined, fields)).error?.code).to.equal("BAD_REQUEST");
    expect((await client.ask("here", undefined, {})).error?.code).to.equal("BAD_REQUEST");
    for (const body of [{ emoji: "abc" }, { text: "a\nb" }, { untilMs: 1 }, { text: "x".repeat(101) }, { other: 1 }])
      expect(
        (await fixture.request("PUT", "/api/v1/me/status", { token, body })).status,
        JSON.stringify(body),
      ).to.equal(400);
    const hidden = await fixture.request("PUT", "/api/v1/me/status", { token, body: { text: "secret", hidden: true } });
    expect(hidden.body).to.have.nested.property("status.hidden", true);
    expect((await fixture.request("GET", "/api/v1/people/cleo", { token })).body).to.not.have.property("status");
    const none = await fixture.request("PUT", "/api/v1/me/status", { token, body: {} });
    expect(none.body).to.not.have.property("status");
  });
});
