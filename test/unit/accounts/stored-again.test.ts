import { expect } from "chai";
import { storedAgainLimits as limits } from "../../../node/accounts/limits.ts";
import { tellStoredAgain } from "../../../node/accounts/stored-again.ts";
import { failure, ok, refused, type ErrorCode } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";

/** A node with rooms and agents, of which some cannot be asked. */
function nodeWith(
  actors: readonly string[],
  away: Readonly<Record<string, ErrorCode>> = {},
  quarantined: readonly string[] = [],
) {
  const world = new World(1);
  const rows = new Map<string, Uint8Array>();
  const asked: string[] = [];
  const ended: unknown[] = [];
  const start = (version: string) =>
    tellStoredAgain({
      kernel: {
        async ask({ to, message }) {
          asked.push(`${message.type} ${to}`);
          const code = away[to];
          return code === undefined ? ok({}) : refused(failure(code));
        },
        async listActors({ kind, after = "", limit }) {
          const all = actors.filter((one) => one.startsWith(`${kind}/`) && one > after).toSorted();
          const page = all
            .slice(0, limit)
            .map((actor) => ({ actor, slot: "", status: quarantined.includes(actor) ? "quarantined" : "idle", mailbox: 0, restarts: 0 })); // prettier-ignore
          return { rows: page as never, more: all.length > limit };
        },
      },
      store: {
        location: "here",
        get: async (key) => rows.get(key),
        batch: async (ops) => {
          for (const op of ops) if (op.type === "put") rows.set(op.key, op.value);
        },
      },
      clock: world.clock(),
      log: { ...quietLog, info: (event, facts) => void (event === "storage.counted" && ended.push(facts)) },
      version,
    });
  return { world, asked, ended, start };
}

describe("what people keep, told again by all rooms and agents of a node", () => {
  const rooms = Array.from({ length: limits.pageActors + 30 }, (_, at) => `room/r${String(at).padStart(4, "0")}`);
  const all = [...rooms, "agent/ada.aide"];

  it("is told once after an update, slowly, and again only when it is due, or of another release", async () => {
    const node = nodeWith([...all, "user/ada"]);
    let running = node.start("1");
    await node.world.pass(limits.firstMs - 1_000);
    expect(node.asked).to.deep.equal([]);
    await node.world.pass(11_000);
    expect(node.asked.length).to.be.within(1, 11_000 / limits.pauseMs);
    await node.world.pass(limits.lookMs);
    expect(node.asked).to.deep.equal(all.map((actor) => `tellStored ${actor}`));
    expect(node.ended).to.deep.equal([{ rooms: rooms.length, agents: 1, missed: 0 }]);
    running.stop();
    running = node.start("1");
    await node.world.pass(limits.againMs / 2);
    expect(node.ended).to.have.length(1);
    await node.world.pass(limits.againMs);
    expect(node.ended).to.have.length(2);
    await node.world.pass(limits.everyMs / 2);
    expect(node.ended).to.have.length(2);
    await node.world.pass(limits.everyMs);
    expect(node.ended).to.have.length(3);
    running.stop();
    running = node.start("2");
    await node.world.pass(limits.firstMs + limits.lookMs);
    expect(node.ended).to.have.length(4);
    running.stop();
  });

  it("is told a day after an update by rooms that came from a node of the version before meanwhile", async () => {
    const actors = ["room/a"];
    const node = nodeWith(actors, { "room/a": "SLOT_UNAVAILABLE" });
    const running = node.start("1");
    await node.world.pass(limits.firstMs + limits.lookMs);
    actors.push("room/came");
    await node.world.pass(limits.againMs + limits.lookMs);
    expect(node.asked.filter((one) => one.endsWith("room/came"))).to.have.length(1);
    // What cannot be asked is asked each day, and the others with it no more often than before.
    await node.world.pass(3 * limits.againMs);
    expect(node.asked.filter((one) => one.endsWith("room/came"))).to.have.length(1);
    expect(node.asked.filter((one) => one.endsWith("room/a")).length).to.be.within(4, 5);
    running.stop();
  });

  it("is not told sooner again for one that is quarantined", async () => {
    const node = nodeWith(["room/a", "room/b"], { "room/b": "ACTOR_QUARANTINED" }, ["room/b"]);
    const running = node.start("1");
    await node.world.pass(limits.firstMs + limits.lookMs);
    expect(node.ended).to.deep.equal([{ rooms: 1, agents: 0, missed: 0 }]);
    await node.world.pass(2 * limits.againMs);
    expect(node.ended, "once more after an update").to.have.length(2);
    await node.world.pass(3 * limits.againMs);
    expect(node.ended).to.have.length(2);
    running.stop();
  });

  it("is told sooner again where something could not be asked, and begins anew where the node ended", async () => {
    const node = nodeWith(["room/a", "room/b", "room/c"], { "room/b": "SLOT_UNAVAILABLE", "room/c": "NOT_FOUND" });
    const first = node.start("1");
    await node.world.pass(limits.firstMs + limits.pauseMs / 2);
    first.stop();
    expect(node.asked).to.deep.equal(["tellStored room/a"]);
    await node.world.pass(limits.everyMs);
    expect(node.ended).to.deep.equal([]);
    const next = node.start("1");
    await node.world.pass(limits.firstMs + limits.lookMs);
    expect(node.ended).to.deep.equal([{ rooms: 3, agents: 0, missed: 1 }]);
    await node.world.pass(limits.againMs);
    expect(node.ended[1], "all, a day after an update").to.deep.equal({ rooms: 3, agents: 0, missed: 1 });
    const before = node.asked.length;
    await node.world.pass(limits.againMs);
    expect(node.ended[2]).to.deep.equal({ rooms: 1, agents: 0, missed: 1 });
    expect(node.asked.slice(before), "those alone that were missed").to.deep.equal(["tellStored room/b"]);
    // All are asked when it is their time, however often some were missed meanwhile.
    await node.world.pass(limits.everyMs);
    expect(node.ended.filter((one) => (one as { readonly rooms: number }).rooms === 3)).to.have.length(3);
    next.stop();
  });
});
