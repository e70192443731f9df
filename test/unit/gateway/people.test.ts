import { expect } from "chai";
import type { Feeds } from "../../../node/gateway/feeds/feeds.ts";
import type { Watcher } from "../../../node/gateway/feeds/watcher.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createHub } from "./hub.ts";
import { createPeople, type People, type Questions } from "../../../node/gateway/feeds/people.ts";
import type { Subscriber } from "../../../node/gateway/feeds/subscriber.ts";
import { failure, ok, refused, type Failure } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";

/** A connection of a session, and why it was ended. */
function connectionOf(session: string) {
  const ended: string[] = [];
  const connection = { watching: false, caller: { session }, bye: ({ code }: Failure) => void ended.push(code) };
  return { ended, connection: connection as unknown as Subscriber };
}

/** Whatever waits for a promise goes on. */
async function pass(): Promise<void> {
  for (let count = 0; count < 50; count += 1) await Promise.resolve();
}

function openFixture() {
  const hub = createHub();
  const watched = new Map<string, Watcher>();
  const gaps: (() => void)[] = [];
  const feeds = {
    watch: (topic: string, watcher: Watcher) => void watched.set(topic, watcher),
    unwatch: (topic: string) => void watched.delete(topic),
  } as Partial<Feeds> as Feeds;
  const ask: { -readonly [Name in keyof Questions]: Questions[Name] } = {
    describe: async () => ok({ rooms: ["den"] }),
    sessions: async () => ok({ sessions: [{ id: "s" }] }),
    summary: async () => refused(failure("NOT_A_MEMBER")),
  };
  const follow: typeof hub.follow = (topic, follower, onGap) => {
    if (onGap) gaps.push(onGap);
    return hub.follow(topic, follower);
  };
  const world = new World(1);
  const clock = world.clock();
  const at = {
    hub: { ...hub, follow },
    clock,
    log: quietLog,
    limits: gatewayLimits,
    presence: { says: () => undefined },
  };
  const people = createPeople(
    at,
    feeds,
    {
      describe: (user) => ask.describe(user),
      sessions: (user) => ask.sessions(user),
      summary: (user, room) => ask.summary(user, room),
    },
    { rolesChanged: () => undefined, mayRead: () => true },
  );
  return { hub, people, ask, watched, gap: () => gaps.at(-1)?.(), world };
}

/** Somebody comes and wants to hear of rooms. */
async function watchAs(people: People): Promise<void> {
  const { connection } = connectionOf("s");
  const person = people.arrive("ada");
  people.arrived(person, connection);
  await people.watch(person, connection);
}

describe("gateway: people", () => {
  it("follow what can be a room, and nothing else that the node with their actor says", async () => {
    const { hub, people, watched } = openFixture();
    await watchAs(people);
    for (const room of [undefined, null, 7, "", "../lobby", "Lobby", "attic"])
      hub.publish("user/ada", { type: "roomJoined", room }, 1, 1);
    expect([...watched.keys()]).to.deep.equal(["room/den", "room/attic"]);
  });

  it("do not stay when their session ended in a gap, however long nobody can say so", async () => {
    const { people, ask, gap, world } = openFixture();
    const [stays, goes] = [connectionOf("s"), connectionOf("stolen")];
    const person = people.arrive("ada");
    people.arrived(person, stays.connection);
    people.arrived(people.arrive("ada"), goes.connection);
    let isAway = true;
    const { sessions } = ask;
    ask.sessions = async (user) => (isAway ? refused(failure("SLOT_UNAVAILABLE")) : sessions(user));
    gap();
    gap();
    await pass();
    expect([stays.ended, goes.ended, world.pending]).to.deep.equal([[], [], 1]);
    isAway = false;
    world.elapse(gatewayLimits.catchUpRetryMs);
    await pass();
    expect([stays.ended, goes.ended, world.pending]).to.deep.equal([[], ["UNAUTHENTICATED"], 0]);
  });

  it("are served for a minute at most while nobody can say whether their sessions have ended", async () => {
    const { people, ask, gap, world } = openFixture();
    const one = connectionOf("s");
    people.arrived(people.arrive("ada"), one.connection);
    ask.sessions = async () => refused(failure("SLOT_UNAVAILABLE"));
    gap();
    await pass();
    let servedMs = 0;
    while (one.ended.length === 0) {
      world.elapse(500);
      servedMs += 500;
      await pass();
      expect(servedMs).to.be.at.most(gatewayLimits.sessionUnconfirmedMs + gatewayLimits.sweepMs);
    }
    expect(servedMs).to.be.at.least(gatewayLimits.sessionUnconfirmedMs);
    expect(one.ended[0]).to.equal("SLOT_UNAVAILABLE");
  });

  it("are asked about once they are there when the gap came during their arrival", async () => {
    const { people, gap, ask } = openFixture();
    const late = connectionOf("stolen");
    const person = people.arrive("ada");
    let asked = 0;
    const { sessions } = ask;
    ask.sessions = (user) => {
      asked += 1;
      return sessions(user);
    };
    gap();
    await pass();
    // It would be asked in the name of somebody who is not proven.
    expect(asked).to.equal(0);
    people.arrived(person, late.connection);
    await pass();
    expect(late.ended).to.deep.equal(["UNAUTHENTICATED"]);
  });

  it("follow the rooms that they are in after a gap, and no other", async () => {
    const { people, ask, watched, gap } = openFixture();
    await watchAs(people);
    ask.describe = async () => ok({ rooms: ["attic"] });
    gap();
    await pass();
    expect([...watched.keys()]).to.deep.equal(["room/attic"]);
  });

  it("do not follow a room that they left while the account was asked, whichever question that was", async () => {
    const { hub, people, ask, watched, gap } = openFixture();
    let position = 0;
    const says = (type: string) => hub.publish("user/ada", { type, room: "den" }, (position += 1), 1);
    const { describe: answer } = ask;
    const meanwhile = (...types: string[]) => {
      ask.describe = async (user) => {
        for (const type of types) says(type);
        return answer(user);
      };
    };
    meanwhile("roomLeft");
    await watchAs(people);
    expect([...watched.keys()], "the first question").to.deep.equal([]);
    meanwhile("roomLeft", "roomJoined");
    gap();
    await pass();
    expect([...watched.keys()], "who comes back is back").to.deep.equal(["room/den"]);
    meanwhile("roomLeft");
    gap();
    await pass();
    expect([...watched.keys()], "the question after a gap").to.deep.equal([]);
  });

  it("leave a room when the room says so, before their own account does", async () => {
    const { hub, people, watched } = openFixture();
    await watchAs(people);
    watched.get("room/den")?.left("room/den");
    expect([...watched.keys()]).to.deep.equal([]);
    hub.publish("user/ada", { type: "roomJoined", room: "den" }, 1, 1);
    expect([...watched.keys()]).to.deep.equal(["room/den"]);
  });

  it("are told that they watch only when they do, each connection of them", async () => {
    const { people, ask } = openFixture();
    const answer = Promise.withResolvers<Awaited<ReturnType<Questions["describe"]>>>();
    ask.describe = () => answer.promise;
    const [one, two] = [connectionOf("s"), connectionOf("s")];
    const person = people.arrive("ada");
    people.arrived(person, one.connection);
    people.arrived(people.arrive("ada"), two.connection);
    const told = Promise.all([people.watch(person, one.connection), people.watch(person, two.connection)]);
    answer.resolve(refused(failure("SLOT_UNAVAILABLE")));
    expect((await told).map((result) => result.ok)).to.deep.equal([false, false]);
  });

  it("have as newest what they have not read", async () => {
    const { people, ask, watched } = openFixture();
    await watchAs(people);
    const newest = () => watched.get("room/den")?.newest("room/den");
    const last = { author: "user/bob", atMs: 7 };
    ask.summary = async (user, room) =>
      ok({ messageSeq: user === "ada" && room === "den" ? 5 : 0, unread: 2, mentioned: true, last });
    const news = { seq: 5, author: "user/bob", atMs: 7, mentions: ["user/ada"] };
    expect(await newest()).to.deep.equal({ ok: true, value: news });
    ask.summary = async () => ok({ messageSeq: 5, unread: 0, mentioned: false, last });
    expect(await newest()).to.deep.equal({ ok: true, value: undefined });
  });
});
