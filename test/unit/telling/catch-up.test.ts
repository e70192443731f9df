import { expect } from "chai";
import type { CatchUp, FollowedThreads, RoomSummary } from "../../../protocols/index.ts";
import { handleCatchUp } from "../../../node/telling/index.ts";
import { tellingLimits } from "../../../node/telling/limits.ts";
import { startFixture, type Fixture } from "../gateway/fixture.ts";

describe("what somebody has missed", () => {
  let fixture: Fixture;
  let ada: string;
  let bob: string;

  const as =
    (token: string) =>
    async (method: string, path: string, body?: unknown): Promise<unknown> => {
      const answer = await fixture.request(method, `/api/v1${path}`, { token, body });
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 299);
      return answer.body;
    };
  const missed = async (token: string, query = ""): Promise<CatchUp> =>
    (await as(token)("GET", `/catchup${query}`)) as CatchUp;
  const post = (token: string, room: string, text: string, more: object = {}) =>
    as(token)("POST", `/rooms/${room}/messages`, { text, ...more });
  const read = (token: string, room: string, seq: number, more: object = {}) =>
    as(token)("PUT", `/rooms/${room}/read`, { seq, ...more });
  const why = ({ concerns }: CatchUp) => concerns.map(({ room, seq, why: reason }) => `${room} ${seq} ${reason}`);

  beforeEach(async () => {
    fixture = await startFixture();
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    for (const room of ["den", "attic", "hall"]) {
      await as(ada)("POST", "/rooms", { room, visibility: "public" });
      await as(bob)("POST", `/rooms/${room}/join`);
    }
  });
  afterEach(() => fixture.stop());

  it("is what is behind the markers: what concerns them first, then rooms with their first lines, then threads", async () => {
    await post(bob, "den", "who has the key?");
    for (const text of ["one", "two", "three", "four", "hello @bob"]) await post(ada, "den", text);
    await post(ada, "den", "under the mat", { replyTo: 1 });
    await post(ada, "den", "I think", { replyTo: 1, alsoInRoom: true });
    const all = await missed(bob);
    expect(why(all)).to.have.members(["den 6 mention", "den 7 answer", "den 8 answer"]);
    expect(all.rooms).to.have.length(1);
    expect(all.rooms[0]).to.deep.include({ room: "den", readSeq: 0, messageSeq: 8, unread: 6, mentioned: true });
    expect(all.rooms[0]?.lines.map(({ text }) => text)).to.deep.equal(["one", "two", "three"]);
    expect(all.threads).to.have.length(1);
    expect(all.threads[0]).to.deep.include({ room: "den", root: 1, lastSeq: 8, unread: 1, mentioned: false });
    expect((await missed(bob, "?lines=1")).rooms[0]?.lines.map(({ text }) => text)).to.deep.equal(["one"]);
    await read(bob, "den", 8);
    await read(bob, "den", 8, { thread: 1 });
    expect(await missed(bob)).to.deep.equal({ concerns: [], rooms: [], threads: [] });
  });

  it("comes back whole when its markers are put back where they were", async () => {
    await post(bob, "den", "who has the key?");
    await post(ada, "den", "hello @bob");
    await post(ada, "den", "@bob under the mat", { replyTo: 1 });
    await post(ada, "den", "I think", { replyTo: 1 });
    const before = await missed(bob);
    const [room, thread] = [before.rooms[0], before.threads[0]];
    await read(bob, "den", room?.messageSeq ?? 0);
    await read(bob, "den", thread?.lastSeq ?? 0, { thread: 1 });
    expect((await missed(bob)).concerns).to.deep.equal([]);
    await as(bob)("PUT", "/rooms/den/unread", { seq: (room?.readSeq ?? 0) + 1 });
    await as(bob)("PUT", "/rooms/den/unread", { seq: (thread?.readSeq ?? 0) + 1, thread: 1 });
    expect(await missed(bob)).to.deep.equal(before);
  });

  it("says of a muted room only what mentions them, and nothing of one of which nothing is told", async () => {
    for (const room of ["den", "attic", "hall"]) {
      await post(ada, room, "a kettle");
      await post(ada, room, "hello @bob");
    }
    await as(bob)("PATCH", "/me/sidebar", { muted: ["attic"] });
    await as(bob)("PATCH", "/me/notifications", { keywords: ["kettle"] });
    await as(bob)("PUT", "/me/notifications/rooms/hall", { level: "nothing" });
    const all = await missed(bob);
    expect(why(all)).to.have.members(["den 1 word", "den 2 mention", "attic 2 mention"]);
    expect(all.rooms.map(({ room }) => room)).to.have.members(["den", "attic"]);
    const attic = all.rooms.find(({ room }) => room === "attic");
    expect(attic?.lines.map(({ text }) => text)).to.deep.equal(["hello @bob"]);
  });

  it("says what is in a topic that they follow, and of a muted one only what mentions them", async () => {
    for (const topic of ["Boats", "Noise"]) await post(bob, "den", "begun", { topic });
    await as(bob)("PUT", "/rooms/den/topics/interest", { topic: "Boats", interest: "follow" });
    await as(bob)("PUT", "/rooms/den/topics/interest", { topic: "Noise", interest: "mute" });
    await as(bob)("PATCH", "/me/notifications", { keywords: ["kettle"] });
    await post(ada, "den", "a boat", { topic: "Boats" });
    await post(ada, "den", "a kettle", { topic: "Noise" });
    await post(ada, "den", "@bob a kettle", { topic: "Noise" });
    await post(ada, "den", "without a topic");
    const all = await missed(bob);
    expect(why(all)).to.have.members(["den 3 topic", "den 5 mention"]);
    expect(all.rooms[0]?.lines.map(({ text }) => text)).to.deep.equal(["a boat", "@bob a kettle", "without a topic"]);
    await as(bob)("PUT", "/rooms/den/topics/interest", { topic: "Boats", interest: "none" });
    expect(why(await missed(bob))).to.deep.equal(["den 5 mention"]);
  });

  it("says of the threads of a muted room, too, only what mentions them", async () => {
    await post(bob, "den", "a question");
    await post(bob, "den", "another");
    await post(ada, "den", "chatter", { replyTo: 1 });
    await post(ada, "den", "more chatter", { replyTo: 2 });
    await post(ada, "den", "@bob in it", { replyTo: 2 });
    await post(ada, "den", "hello @bob");
    await as(bob)("PATCH", "/me/sidebar", { muted: ["den"] });
    const all = await missed(bob);
    expect(all.threads.map(({ root, lines }) => [root, lines.map(({ text }) => text)])).to.deep.equal([
      [2, ["@bob in it"]],
    ]);
    expect(JSON.stringify(all)).not.to.include("chatter");
  });

  it("names a room with more threads, or with more that concerns them, than is shown", async () => {
    await post(bob, "den", "a question");
    await post(bob, "den", "another");
    for (const replyTo of [1, 2]) await post(ada, "den", "an answer", { replyTo });
    await post(ada, "hall", "hello @bob");
    const { kernel } = fixture;
    const at = { kernel, clock: fixture.settings.clock, limits: { askTimeoutMs: 5_000 } };
    const unseen = async (bounds: object) => {
      const answer = await handleCatchUp({ ...at, bounds })["catchUp.show"]({}, { actor: "user/bob" } as never);
      return answer.ok && (answer.value as CatchUp).unseen;
    };
    expect(await unseen({ catchUpThreadsMax: 1 })).to.deep.equal(["den"]);
    expect(await unseen({ catchUpConcernsMax: 1 })).to.deep.equal(["den"]);
    expect(await unseen({})).to.equal(undefined);
  });

  it("has nothing of what was deleted, and of a room that they are in no more", async () => {
    await post(ada, "den", "hello @bob, the secret");
    await post(ada, "attic", "hello @bob");
    await as(ada)("DELETE", "/rooms/den/messages/1");
    await as(ada)("DELETE", "/rooms/attic/members/user%2Fbob");
    const all = await missed(bob);
    expect(JSON.stringify(all)).not.to.match(/secret|attic/);
    expect(all.concerns).to.deep.equal([]);
  });

  it("lists the threads that they follow, in all rooms, the one that was written in last first", async () => {
    for (const room of ["den", "attic"]) {
      await post(bob, room, "a question");
      await post(ada, room, `an answer in the ${room}`, { replyTo: 1 });
      await post(ada, room, "of no concern");
      await post(ada, room, "to herself", { replyTo: 3 });
    }
    const list = async () => (await as(bob)("GET", "/catchup/threads")) as FollowedThreads;
    expect((await list()).threads.map(({ room, root, own }) => [room, root, own?.unread])).to.deep.equal([
      ["attic", 1, 1],
      ["den", 1, 1],
    ]);
    expect((await list()).threads[0]?.last.text).to.equal("an answer in the attic");
    await as(bob)("DELETE", "/rooms/den/threads/1/follow");
    await as(ada)("DELETE", "/rooms/attic/members/user%2Fbob");
    expect(await list()).to.deep.equal({ threads: [] });
  });

  it("is bounded, and says what it left out", async () => {
    for (const room of ["den", "attic", "hall"]) await post(ada, room, "hello @bob");
    await post(ada, "hall", `@bob ${"é".repeat(400)}`);
    for (let at = 0; at < 6; at += 1) await post(ada, "hall", "more");
    const { kernel } = fixture;
    const { clock } = fixture.settings;
    const at = { kernel, clock, limits: { askTimeoutMs: 5_000 } };
    const page = handleCatchUp({ ...at, bounds: { catchUpRoomsMax: 2, catchUpConcernsMax: 2 } });
    const answer = await page["catchUp.show"]({}, { actor: "user/bob" } as never);
    const all = (answer.ok ? answer.value : undefined) as CatchUp;
    expect(all).to.include({ left: 1 });
    expect(all.rooms).to.have.length(2);
    expect(all.concerns).to.have.length(2);
    const long = all.concerns.find(({ room, seq }) => room === "hall" && seq === 2);
    expect(long).to.include({ goesOn: true });
    expect(long?.text).to.have.length(tellingLimits.catchUpTextChars);
    const refused = await fixture.request("GET", "/api/v1/catchup?lines=41", { token: bob });
    expect(refused.body).to.have.nested.property("error.code", "BAD_REQUEST");
  });

  it("names a room with more than was looked at, and shows its first lines all the same", async () => {
    await post(ada, "den", "@bob first");
    for (let seq = 2; seq <= 230; seq += 1) await post(ada, "den", `line ${seq}`);
    const { kernel } = fixture;
    const { clock } = fixture.settings;
    const at = { kernel, clock, limits: { askTimeoutMs: 5_000 } };
    const page = handleCatchUp({ ...at, bounds: { catchUpLookedMax: 100 } });
    const answer = await page["catchUp.show"]({}, { actor: "user/bob" } as never);
    const all = (answer.ok ? answer.value : undefined) as CatchUp;
    expect(all).to.deep.include({ unseen: ["den"], concerns: [] });
    expect(all.rooms[0]?.lines[0]).to.include({ seq: 1, text: "@bob first" });
    expect(why(await missed(bob))).to.deep.equal(["den 1 mention"]);
    const list = (await as(bob)("GET", "/rooms")) as { rooms: RoomSummary[] };
    expect(list.rooms.find(({ room }) => room === "den")).to.include({ unread: 230, readSeq: 0 });
  });

  it("is asked for so often by one person, however they ask, and not less often by another", async () => {
    await fixture.stop();
    fixture = await startFixture({ limits: { catchUpRate: { count: 3, windowMs: 3_600_000 } } });
    [ada, bob] = [(await fixture.signUp("ada")).token, (await fixture.signUp("bob")).token];
    for (const path of ["/catchup", "/catchup/threads", "/catchup?lines=1"]) await as(ada)("GET", path);
    const refused = await fixture.request("GET", "/api/v1/catchup", { token: ada });
    expect([refused.status, refused.body.error.code]).to.deep.equal([429, "RATE_LIMITED"]);
    await missed(bob);
  });
});
