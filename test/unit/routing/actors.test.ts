import { expect } from "chai";
import fc from "fast-check";
import type { ActorFilter, ClusterActors, Kernel } from "../../../node/kernel/api.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { mergePages, type NodePage } from "../../../node/routing/actors.ts";
import { createClusterActors, routingLimits } from "../../../node/routing/index.ts";
import { failure, ok, refused, slotOf, type ActorDetail, type ActorId, type ActorRow, type Result, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { World } from "../../world/index.ts";
import { Net } from "./net.ts";

const rowOf = (actor: ActorId, more: Partial<ActorRow> = {}): ActorRow => ({
  actor,
  slot: slotOf("chat", actor),
  status: "idle",
  mailbox: 0,
  restarts: 0,
  ...more,
});

const pageOf = (rows: readonly ActorRow[], { kind, status, after, limit }: ActorFilter) => {
  const chosen = rows
    .filter((row) => kind === undefined || row.actor.startsWith(`${kind}/`))
    .filter((row) => status === undefined || row.status === status)
    .filter((row) => after === undefined || row.actor > after)
    .toSorted((one, other) => (one.actor < other.actor ? -1 : 1));
  return { rows: chosen.slice(0, limit), more: chosen.length > limit };
};

/** A kernel as an admin's question knows it: has the actors it was given. */
class Host {
  readonly actors: ClusterActors;
  readonly rows: ActorRow[] = [];
  readonly released: ActorId[] = [];
  readonly filters: ActorFilter[] = [];
  /** Replaces the answer of a list. */
  answer: (() => Promise<unknown>) | undefined;

  constructor(net: Net, node: NodeId, limits = {}) {
    const has = (actor: ActorId): Result<ActorRow> => {
      const row = this.rows.find((one) => one.actor === actor);
      return row === undefined ? refused(failure("NOT_FOUND", { actor })) : ok(row);
    };
    const kernel: Pick<Kernel, "listActors" | "showActor" | "release" | "slotOf"> = {
      slotOf: (actor) => (actor.startsWith("robot/") ? undefined : slotOf("chat", actor)),
      listActors: async (filter) => {
        this.filters.push(filter);
        if (this.answer !== undefined) return (await this.answer()) as Awaited<ReturnType<Kernel["listActors"]>>;
        return pageOf(this.rows, filter);
      },
      showActor: async (actor) => {
        const found = has(actor);
        const rest = { epoch: 1, entries: 2, reminders: [], deadLetters: [], stateBytes: 3 };
        return found.ok ? ok({ ...found.value, ...rest }) : found;
      },
      release: async (actor) => {
        const found = has(actor);
        if (!found.ok) return found;
        this.released.push(actor);
        return ok({ redelivered: 1 });
      },
    };
    const exchange = net.exchange(node);
    const [table, membership, clock] = [net.table(node), net.membership(node), net.clock()];
    this.actors = createClusterActors({ node, kernel, exchange, table, membership, clock, limits });
  }
}

const nodes = ["a", "b", "c"] as const;

class Fixture {
  readonly net: Net;
  readonly hosts: Readonly<Record<(typeof nodes)[number], Host>>;

  constructor(seed: number, limits = {}) {
    this.net = new Net(new World(seed), nodes);
    this.net.newsMs = 0;
    const host = (node: NodeId): Host => new Host(this.net, node, limits);
    this.hosts = { a: host("a"), b: host("b"), c: host("c") };
  }

  /** An actor at its owner. */
  async put(actor: ActorId, owner: (typeof nodes)[number], more: Partial<ActorRow> = {}): Promise<void> {
    this.hosts[owner].rows.push(rowOf(actor, more));
    this.net.own(slotOf("chat", actor), owner);
    await this.pass(1);
  }

  async pass(forMs: number): Promise<void> {
    const untilMs = this.net.world.nowMs + forMs;
    await this.net.world.run(() => this.net.world.nowMs >= untilMs, untilMs);
  }

  async settle<T>(promise: Promise<T>, withinMs = 10_000): Promise<T> {
    let value: { readonly it: T } | undefined;
    void promise.then((it) => (value = { it }));
    // What needs no time is over before time goes on.
    await new Promise((resolve) => void setImmediate(resolve));
    await this.net.world.run(() => value !== undefined, this.net.world.nowMs + withinMs);
    expect(value, "no answer in time").to.not.equal(undefined);
    return (value as unknown as { readonly it: T }).it;
  }

  list(filter: Partial<ActorFilter> = {}): ReturnType<ClusterActors["list"]> {
    return this.settle(this.hosts.a.actors.list({ limit: 100, ...filter }));
  }
}

const ids = (rows: readonly ActorRow[]): readonly string[] => rows.map(({ actor }) => actor);

describe("a list of the cluster's actors", () => {
  async function three(limits = {}): Promise<Fixture> {
    const fixture = new Fixture(1, limits);
    await fixture.put("room/d", "a");
    await fixture.put("room/b", "b", { status: "quarantined" });
    await fixture.put("user/ada", "b", { status: "active", lastActiveAtMs: 5 });
    await fixture.put("room/c", "c");
    await fixture.put("room/a", "c", { status: "active" });
    return fixture;
  }

  it("has those of all nodes in the order of ids, each with its node, whichever node is asked", async () => {
    const fixture = await three();
    for (const host of Object.values(fixture.hosts)) {
      const page = await fixture.settle(host.actors.list({ limit: 100 }));
      expect(page).to.have.keys(["rows", "more"]).and.to.include({ more: false });
      expect(page.rows.map(({ actor, node }) => `${actor} ${node}`)).to.deep.equal([
        "room/a c",
        "room/b b",
        "room/c c",
        "room/d a",
        "user/ada b",
      ]);
      expect(page.rows.at(-1)).to.deep.include({ status: "active", lastActiveAtMs: 5 });
    }
  });

  it("is filtered, and continued where a page ended", async () => {
    const fixture = await three();
    expect(ids((await fixture.list({ kind: "user" })).rows)).to.deep.equal(["user/ada"]);
    expect(ids((await fixture.list({ status: "quarantined" })).rows)).to.deep.equal(["room/b"]);
    const first = await fixture.list({ limit: 2 });
    expect([ids(first.rows), first.more]).to.deep.equal([["room/a", "room/b"], true]);
    const second = await fixture.list({ limit: 2, after: "room/b" });
    expect([ids(second.rows), second.more]).to.deep.equal([["room/c", "room/d"], true]);
    const last = await fixture.list({ limit: 2, after: "room/d" });
    expect([ids(last.rows), last.more]).to.deep.equal([["user/ada"], false]);
  });

  it("asks no node for more than a page", async () => {
    const fixture = await three({ actorRowsMax: 1 });
    const page = await fixture.list({ limit: 100 });
    expect(Object.values(fixture.hosts).flatMap(({ filters }) => filters.map(({ limit }) => limit))).to.deep.equal([
      1, 1, 1,
    ]);
    expect([ids(page.rows), page.more]).to.deep.equal([["room/a"], true]);
  });

  it("names the nodes that are down", async () => {
    const fixture = await three();
    fixture.net.cut("a", "b");
    const page = await fixture.list();
    expect(page.unanswered).to.deep.equal(["b"]);
    expect(ids(page.rows)).to.deep.equal(["room/a", "room/c", "room/d"]);
  });

  it("names an owner that is no member any more", async () => {
    const fixture = await three();
    fixture.net.own("chat/1" as SlotId, "gone");
    await fixture.pass(1);
    expect((await fixture.list()).unanswered).to.deep.equal(["gone"]);
  });

  it("waits for nobody longer than a while, not even for its own kernel", async () => {
    const fixture = await three();
    fixture.hosts.a.answer = () => new Promise(() => undefined);
    fixture.hosts.c.answer = () => new Promise(() => undefined);
    const fromMs = fixture.net.world.nowMs;
    const page = await fixture.list();
    expect(fixture.net.world.nowMs - fromMs).to.be.closeTo(routingLimits.actorsTimeoutMs, 20);
    expect(page.unanswered).to.deep.equal(["a", "c"]);
    expect(ids(page.rows)).to.deep.equal(["room/b", "user/ada"]);
  });

  it("takes an answer that is none for no answer", async () => {
    const fixture = await three();
    for (const wrong of [undefined, { rows: "all" }, { rows: [{ actor: "Room/!" }], more: false }]) {
      fixture.hosts.b.answer = async () => wrong;
      expect((await fixture.list()).unanswered).to.deep.equal(["b"]);
    }
    fixture.hosts.b.answer = async () => {
      throw new Error("broken");
    };
    expect((await fixture.list()).unanswered).to.deep.equal(["b"]);
  });

  it("is refused by a node that makes too many already, and says so", async () => {
    const fixture = await three({ actorListsMax: 1 });
    const blocked = Promise.withResolvers<unknown>();
    fixture.hosts.b.answer = () => blocked.promise;
    const slow = fixture.hosts.c.actors.list({ limit: 9 });
    await fixture.pass(50);
    const page = await fixture.list();
    expect(page.unanswered).to.deep.equal(["b"]);
    blocked.resolve({ rows: [], more: false });
    expect(await fixture.settle(slow)).to.not.have.property("unanswered");
    fixture.hosts.b.answer = undefined;
    expect(await fixture.list()).to.not.have.property("unanswered");
  });
});

describe("pages of several nodes", () => {
  const key = fc.integer({ min: 0, max: 40 }).map((number): ActorId => `room/r${String(number).padStart(2, "0")}`);

  it("merge so that following them gives every actor once, in order, until there is no more", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(key, { maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 8 }),
        (held, limit, pageMax) => {
          const seen: string[] = [];
          let after: string | undefined;
          for (let more = true; more;) {
            const filter = { limit, ...(after !== undefined && { after }) };
            const pages = held.map((actors, index): NodePage => {
              const rows = actors.map((actor) => rowOf(actor));
              return { node: `n${index}`, ...pageOf(rows, { ...filter, limit: Math.min(limit, pageMax) }) };
            });
            const page = mergePages(pages, filter, () => "n0");
            expect(page.rows.length).to.be.at.most(limit);
            if (page.more) expect(page.rows.length).to.be.at.least(1);
            seen.push(...ids(page.rows));
            after = seen.at(-1);
            ({ more } = page);
          }
          expect(seen).to.deep.equal([...new Set(held.flat())].toSorted());
        },
      ),
    );
  });

  it("believe the owner about an actor that two of them have", () => {
    const page = (node: NodeId, mailbox: number): NodePage => ({
      node,
      rows: [rowOf("room/a", { mailbox })],
      more: false,
    });
    for (const pages of [[page("a", 1), page("b", 2)], [page("b", 2), page("a", 1)]])
      expect(mergePages(pages, { limit: 5 }, () => "b").rows).to.deep.equal([{ ...rowOf("room/a", { mailbox: 2 }), node: "b" }]); // prettier-ignore
  });
});

describe("one actor of the cluster", () => {
  const shown = async (fixture: Fixture, actor: ActorId): Promise<Result<ActorDetail>> =>
    fixture.settle(fixture.hosts.a.actors.show(actor));
  const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);

  it("is shown and released where it is", async () => {
    const fixture = new Fixture(2);
    await fixture.put("room/b", "b");
    const answer = await shown(fixture, "room/b");
    expect(answer.ok && answer.value).to.deep.include({ actor: "room/b", node: "b", entries: 2 });
    expect(await fixture.settle(fixture.hosts.c.actors.release("room/b", true))).to.deep.equal(ok({ redelivered: 1 }));
    expect(fixture.hosts.b.released).to.deep.equal(["room/b"]);
  });

  it("is found at its new owner, though this node has not heard of it", async () => {
    const fixture = new Fixture(3);
    await fixture.put("room/b", "b");
    fixture.net.newsMs = 10_000;
    fixture.hosts.c.rows.push(rowOf("room/b", { mailbox: 7 }));
    fixture.net.own(slotOf("chat", "room/b"), "c", {}, ["b", "c"]);
    const answer = await shown(fixture, "room/b");
    expect(answer.ok && answer.value).to.include({ mailbox: 7, node: "c" });
  });

  it("is looked for once more and no longer", async () => {
    const fixture = new Fixture(4);
    await fixture.put("room/b", "b");
    // Each says that the other has it.
    fixture.net.newsMs = 10_000;
    const slot = slotOf("chat", "room/b");
    fixture.net.own(slot, "c", {}, ["b"]);
    fixture.net.own(slot, "a", {}, ["c"]);
    expect(codeOf(await shown(fixture, "room/b"))).to.equal("MOVED");
  });

  it("is said to be away while its node is", async () => {
    const fixture = new Fixture(5);
    await fixture.put("room/b", "b");
    fixture.net.cut("a", "b");
    const answer = await shown(fixture, "room/b");
    expect(answer).to.have.nested.property("error.code", "SLOT_UNAVAILABLE");
    expect(answer).to.have.nested.property("error.details.node", "b");
    expect(codeOf(await fixture.settle(fixture.hosts.a.actors.release("room/b", true)))).to.equal("SLOT_UNAVAILABLE");
    expect(fixture.hosts.b.released).to.deep.equal([]);
  });

  it("is not found where nobody has it, and no slot is made by asking", async () => {
    const fixture = new Fixture(6);
    await fixture.put("room/b", "b");
    expect(codeOf(await shown(fixture, "robot/r"))).to.equal("NOT_FOUND");
    expect(codeOf(await shown(fixture, "room/nobody"))).to.equal("NOT_FOUND");
    expect(fixture.net.records.size).to.equal(1);
  });

  it("is refused in the words of its owner", async () => {
    const fixture = new Fixture(7);
    await fixture.put("room/b", "b");
    fixture.hosts.b.rows.length = 0;
    expect(codeOf(await shown(fixture, "room/b"))).to.equal("NOT_FOUND");
    expect(codeOf(await fixture.settle(fixture.hosts.a.actors.release("room/b", true)))).to.equal("NOT_FOUND");
  });
});
