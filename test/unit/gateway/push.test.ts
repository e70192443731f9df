import { expect } from "chai";
import fc from "fast-check";
import { importJWK, jwtVerify, type JWK } from "jose";
import { openPush } from "../../../node/composition/telling.ts";
import { isPublicAddress, postGuarded } from "../../../node/platform/index.ts";
import { tell, type ToldPerson } from "../../../protocols/telling/index.ts";
import type { PushDevice, PushMessage, PushView } from "../../../protocols/index.ts";
import {
  createBrowser,
  startPushService,
  type Browser,
  type Pushed,
  type PushService,
} from "../../fixtures/push-service.ts";
import { tlsPair } from "../../fixtures/tls-pair.ts";
import { depth } from "../../depth.ts";
import { until } from "../../waits.ts";
import { startFixture, type Fixture } from "./fixture.ts";

interface Rules {
  readonly level: string;
  readonly own: string | undefined;
  readonly muted: readonly string[];
  readonly keywords: readonly string[];
  readonly doNotDisturb: boolean;
}

/** What is posted. */
interface Said {
  readonly mentioned: boolean;
  readonly keyword: boolean;
  readonly reply: boolean;
  readonly alsoInRoom: boolean;
  readonly isOwn: boolean;
}

const isHere = (address: string): boolean => address === "127.0.0.1" || address === "::1";
const reach = { mayReach: isHere, ca: tlsPair.cert };

describe("notices to browsers whose page is closed", () => {
  let service: PushService;
  let fixture: Fixture;
  let ada: string, bob: string;
  let settings: { webPush: "on" | "off"; publicUrl?: string };
  let rows: () => Promise<unknown>;

  const as =
    (token: string) =>
    async (method: string, path: string, body?: unknown): Promise<unknown> => {
      const answer = await fixture.request(method, `/api/v1${path}`, { token, body });
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 299);
      return answer.body;
    };
  const post = (token: string, room: string, text: string, more: object = {}) =>
    as(token)("POST", `/rooms/${room}/messages`, { text, ...more });
  const subscribe = async (token: string, name: string, content?: string): Promise<Browser & { id: string }> => {
    const browser = createBrowser(`${service.origin}/${name}`);
    const { id } = (await as(token)("POST", "/me/push", { ...browser.place, name, content })) as PushDevice;
    return { ...browser, id };
  };
  const pushedTo = (name: string): readonly Pushed[] => service.pushed.filter(({ path }) => path === `/${name}`);
  const arrived = (name: string, count = 1): Promise<readonly Pushed[]> =>
    until(`${count} for ${name}`, () => {
      const all = pushedTo(name);
      if (all.length < count) throw new Error(`${all.length} came`);
      return all;
    });
  const read = (browser: Browser, { body }: Pushed): PushMessage => JSON.parse(browser.open(body)) as PushMessage;
  /** One that is loud: what should have come before it has come. */
  const afterAll = async (browser: Browser, name: string): Promise<readonly string[]> => {
    await post(ada, "last", "@bob the last");
    const isLast = (one: Pushed): boolean => read(browser, one).body === "@bob the last";
    const all = await until(`the last for ${name}`, () => {
      if (!pushedTo(name).some(isLast)) throw new Error("not yet");
      return pushedTo(name);
    });
    return all.filter((one) => !isLast(one)).map((one) => read(browser, one).body);
  };

  const begin = async (limits: object = {}): Promise<void> => {
    service = await startPushService();
    settings = { webPush: "on", publicUrl: "https://chat.example.org" };
    fixture = await startFixture({
      limits,
      open(peer, { clock, secrets, directory }) {
        rows = () => directory.read("keys/push");
        return { push: openPush({ live: () => settings, machine: { clock }, node: "test", peer, secrets, reach }) };
      },
    });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    for (const room of ["den", "attic", "last"]) {
      await as(ada)("POST", "/rooms", { room, title: `The ${room}`, visibility: "public" });
      await as(bob)("POST", `/rooms/${room}/join`);
    }
  };
  const stop = async (): Promise<void> => {
    await fixture.stop();
    await service.close();
  };
  beforeEach(() => begin());
  afterEach(stop);

  it("go by what a place is now: a room that was a direct conversation of several is told as a room", async () => {
    const cleo = (await fixture.signUp("cleo")).token;
    const browser = await subscribe(bob, "text", "text");
    const { room } = (await as(ada)("POST", "/rooms/direct", { people: ["user/bob", "user/cleo"] })) as {
      room: string;
    };
    await post(ada, room, "to you three");
    await arrived("text");
    await as(ada)("PUT", `/rooms/${room}/visibility`, { visibility: "private" });
    await post(ada, room, "to a room");
    await post(cleo, room, "to a room, too");
    expect(await afterAll(browser, "text")).to.deep.equal(["to you three"]);
  });

  it("tell of each message in a topic that is followed, and of a muted one mentions alone", async () => {
    await post(bob, "den", "begun", { topic: "Boats" });
    await post(bob, "attic", "begun", { topic: "Noise" });
    await as(bob)("PUT", "/rooms/den/topics/interest", { topic: "boats", interest: "follow" });
    await as(bob)("PUT", "/rooms/attic/topics/interest", { topic: "noise", interest: "mute" });
    await as(bob)("PUT", "/me/notifications/rooms/attic", { level: "all" });
    const browser = await subscribe(bob, "text", "text");
    await post(ada, "den", "of no concern", { topic: "Cars" });
    await post(ada, "den", "followed", { topic: "boats" });
    await post(ada, "attic", "muted", { topic: "Noise" });
    expect(await afterAll(browser, "text")).to.deep.equal(["followed"]);
    await post(ada, "attic", "muted, but @bob", { topic: "Noise" });
    await arrived("text", 3);
    await post(ada, "attic", "muted again", { topic: "Noise" });
    await post(ada, "attic", "of another topic", { topic: "Songs" });
    await arrived("text", 4);
    const all = pushedTo("text").map((one) => read(browser, one).body);
    expect(all.slice(2)).to.deep.equal(["muted, but @bob", "of another topic"]);
  });

  it("are encrypted for the browser, signed with the cluster's key, and say what the person has chosen", async () => {
    const { publicKey } = (await as(bob)("GET", "/me/push")) as PushView;
    const browsers = {
      nothing: await subscribe(bob, "nothing", "nothing"),
      sender: await subscribe(bob, "sender"),
      text: await subscribe(bob, "text", "text"),
    };
    await post(ada, "den", "hello @bob, the key is under the mat");
    const came = Object.fromEntries(
      await Promise.all(
        Object.entries(browsers).map(async ([name, browser]) => {
          const [first] = await arrived(name);
          return [name, read(browser, first as Pushed)] as const;
        }),
      ),
    );
    const tag = "plexus/bob/den";
    expect(came).to.deep.equal({
      nothing: { title: "Plexus", body: "There is something new for you.", tag: "plexus/bob/", path: "/catchup" },
      sender: { title: "ada in The den", body: "", tag, path: "/room/den?at=1" },
      text: { title: "ada in The den", body: "hello @bob, the key is under the mat", tag, path: "/room/den?at=1" },
    });
    const [{ headers, body } = {} as Pushed] = pushedTo("text");
    expect(body.toString("latin1")).to.not.include("mat");
    expect(headers).to.include({ "content-encoding": "aes128gcm", ttl: "86400", urgency: "high" });
    expect(headers["topic"]).to.match(/^[\w-]{32}$/);
    const [, token = "", key] = /^vapid t=(\S+), k=(\S+)$/.exec(String(headers["authorization"])) ?? [];
    expect(key).to.equal(publicKey);
    const point = Buffer.from(publicKey ?? "", "base64url");
    const half = (from: number): string => point.subarray(from, from + 32).toString("base64url");
    const jwk: JWK = { kty: "EC", crv: "P-256", x: half(1), y: half(33) };
    const currentDate = new Date(fixture.settings.clock.nowMs());
    const { payload } = await jwtVerify(token, await importJWK(jwk, "ES256"), {
      audience: service.origin,
      currentDate,
    });
    expect(payload.sub).to.equal("https://chat.example.org");
    expect((payload.exp ?? 0) * 1_000 - currentDate.getTime()).to.be.within(0, 24 * 3_600_000);
    // Of a room a later one has the same topic, so it takes the place of one that waits; of another room not.
    await post(ada, "den", "@bob again");
    await post(ada, "attic", "@bob elsewhere");
    const topics = (await arrived("text", 3)).map((one) => one.headers["topic"]);
    expect(new Set(topics).size).to.equal(2);
    expect(JSON.stringify(await rows()))
      .to.match(/"sealed"/)
      .and.not.match(/"d\\?"/);
  });

  it("come of what `tell` calls a notice, and of nothing else", async () => {
    const browser = await subscribe(bob, "text", "text");
    await as(bob)("PATCH", "/me/notifications", { keywords: ["kettle"] });
    await as(bob)("PATCH", "/me/sidebar", { muted: ["attic"] });
    await post(bob, "den", "a question"); // 1
    await post(ada, "den", "of no concern"); // 2
    await post(ada, "attic", "a kettle that is muted");
    await post(ada, "den", "to herself", { replyTo: 2 }); // 3
    await post(ada, "den", "bob is not called");
    expect(await afterAll(browser, "text")).to.deep.equal([]);
    await post(ada, "den", "an answer", { replyTo: 1 });
    await arrived("text", 2);
    await post(ada, "attic", "muted, and @bob");
    await arrived("text", 3);
    await post(ada, "den", "the kettle");
    const all = await arrived("text", 4);
    expect(all.slice(1).map((one) => read(browser, one))).to.deep.equal([
      { title: "ada in The den", body: "an answer", tag: "plexus/bob/den", path: "/room/den?panel=thread&seq=1" },
      { title: "ada in The attic", body: "muted, and @bob", tag: "plexus/bob/attic", path: "/room/attic?at=2" },
      { title: "ada in The den", body: "the kettle", tag: "plexus/bob/den", path: "/room/den?at=6" },
    ]);
    expect(all[3]?.headers["urgency"]).to.equal("normal");
    const far = fixture.settings.clock.nowMs() + 3_600_000;
    await as(bob)("PUT", "/me/status", { doNotDisturb: true, untilMs: far });
    await post(ada, "den", "@bob not now");
    await until("the status is known", async () => {
      const { body } = await fixture.request("GET", "/api/v1/people/bob", { token: ada });
      expect(body?.status).to.include({ doNotDisturb: true });
    });
    await as(bob)("PUT", "/me/status", {});
    expect(await afterAll(browser, "text")).to.not.include("@bob not now");
  });

  it("are those that `tell` calls for, over random rules and messages, when nobody is in sight", async () => {
    const cleo = (await fixture.signUp("cleo")).token;
    await as(cleo)("POST", "/rooms/last/join");
    const [browser, other] = [await subscribe(bob, "bob", "text"), await subscribe(cleo, "cleo", "text")];
    const rooms = ["r0", "r1", "r2"];
    for (const room of rooms) {
      await as(ada)("POST", "/rooms", { room, visibility: "public" });
      await as(bob)("POST", `/rooms/${room}/join`);
      await post(room === "r2" ? ada : bob, room, "a question");
    }
    // A thread that he follows, and has not begun.
    await post(bob, "r2", "what bob says to it", { replyTo: 1 });
    const bodies = (of: Browser, name: string) => pushedTo(name).map((one) => read(of, one).body);
    let turn = 0;
    const rarely = fc.nat(5).map((drawn) => drawn === 0);
    const level = fc.constantFrom("mentions", "all", "mentions", "nothing");
    const rules = fc.record({
      level,
      own: fc.option(level, { nil: undefined }),
      muted: fc.subarray(rooms, { maxLength: 1 }),
      keywords: fc.constantFrom<string[]>([], ["kettle"]),
      doNotDisturb: rarely,
    });
    const messages = fc.array(
      fc.record({
        mentioned: rarely,
        keyword: fc.boolean(),
        reply: fc.boolean(),
        alsoInRoom: fc.boolean(),
        isOwn: rarely,
      }),
      { minLength: rooms.length, maxLength: rooms.length },
    );
    const holds = async (said: Rules, all: readonly Said[]) => {
      await as(bob)("PATCH", "/me/sidebar", { muted: said.muted });
      await as(bob)("PATCH", "/me/notifications", { level: said.level, keywords: said.keywords });
      await as(bob)("PUT", "/me/notifications/rooms/r0", { ...(said.own && { level: said.own }) });
      await as(bob)("PUT", "/me/status", said.doNotDisturb ? { doNotDisturb: true } : {});
      const person = (await as(bob)("GET", "/me")) as ToldPerson;
      const wanted: string[] = [];
      for (const [at, message] of all.entries()) {
        const room = rooms[at] ?? "";
        const { mentioned, keyword, reply, isOwn } = message;
        // Of a line of a room a client that does not follow it hears only whether it answers one of theirs.
        const alsoInRoom = message.alsoInRoom && room !== "r2";
        const text = `${(turn += 1)}${mentioned ? " @bob" : ""}${keyword ? " kettle" : ""}`;
        await post(isOwn ? bob : ada, room, text, reply ? { replyTo: 1, ...(alsoInRoom && { alsoInRoom }) } : {});
        const has = keyword && said.keywords.length > 0;
        const seen = { room, isOwn, direct: false, mentioned, keyword: has, reply, threadOnly: reply && !alsoInRoom };
        if (tell(person, seen, fixture.settings.clock.nowMs()) === "notice") wanted.push(text);
      }
      // When the second of these has come, what was posted before the first was decided long ago.
      for (const part of ["first", "second"]) {
        await post(ada, "last", `@cleo ${turn} ${part}`);
        await until("cleo is told", () => expect(bodies(other, "cleo")).to.include(`@cleo ${turn} ${part}`));
      }
      const since = turn - all.length;
      expect(bodies(browser, "bob").filter((body) => Number.parseInt(body, 10) > since)).to.have.members(wanted);
    };
    await fc.assert(fc.asyncProperty(rules, messages, holds), { numRuns: depth(8, 100) });
  });

  it("do not come of what was read, deleted or closed to the person meanwhile, nor while they are here", async () => {
    const browser = await subscribe(bob, "text", "text");
    await post(ada, "den", "@bob read elsewhere");
    await as(bob)("PUT", "/rooms/den/read", { seq: 1 });
    await post(ada, "attic", "@bob deleted");
    await as(ada)("DELETE", "/rooms/attic/messages/1");
    expect(await afterAll(browser, "text")).to.deep.equal([]);
    await post(ada, "attic", "@bob a secret");
    await as(ada)("DELETE", "/rooms/attic/members/user%2Fbob");
    expect(await afterAll(browser, "text")).to.deep.equal([]);
  });

  it("do not come while the person uses the page somewhere", async () => {
    const cleo = (await fixture.signUp("cleo")).token;
    await as(cleo)("POST", "/rooms/den/join");
    const browser = await subscribe(bob, "bob", "text");
    await subscribe(cleo, "cleo", "text");
    const client = await fixture.connect(bob);
    await post(ada, "den", "@bob you are here, @cleo you are not");
    await arrived("cleo");
    client.socket.close();
    await client.closed;
    const bodies = (all: readonly Pushed[]) => all.map((one) => read(browser, one).body);
    await until("bob is away, and told", async () => {
      await post(ada, "den", "@bob now");
      expect(bodies(pushedTo("bob"))).to.include("@bob now");
    });
    expect(bodies(pushedTo("bob"))).to.not.include("@bob you are here, @cleo you are not");
  });

  it("end where the push service no longer knows the browser, and are tried again where it has no room", async () => {
    const browser = await subscribe(bob, "text", "text");
    service.answers.push({ status: 429, headers: { "retry-after": "30" } }, { status: 503 }, { status: 201 });
    await post(ada, "den", "@bob hello");
    const tries = await arrived("text", 3);
    expect(tries.map((one) => read(browser, one).body)).to.deep.equal(Array.from({ length: 3 }, () => "@bob hello"));
    service.answers.push({ status: 410 });
    await post(ada, "den", "@bob once more");
    await arrived("text", 4);
    await until("the browser is forgotten", async () =>
      expect(((await as(bob)("GET", "/me/push")) as PushView).devices).to.deep.equal([]),
    );
  });

  it("ask everything anew before each further try: what is over by then goes nowhere, and the rest says what holds by then", async () => {
    const other = (
      await fixture.request("POST", "/api/v1/sign-in", { body: { name: "bob", password: "correct horse" } })
    ).body as { token: string };
    const [one, two] = [await subscribe(other.token, "one", "text"), await subscribe(bob, "two", "text")];
    const gone = await subscribe(bob, "gone", "text");
    const names = ["one", "two", "gone"];
    /** The push service has no room for it; meanwhile something happens. */
    const tried = async (room: string, text: string, devices: number, meanwhile: () => Promise<unknown>) => {
      const before = service.pushed.length;
      for (let at = 0; at < devices; at += 1) service.answers.push({ status: 503 });
      await post(ada, room, text);
      await until("it was tried", () => expect(service.pushed.length - before).to.be.at.least(devices));
      await meanwhile();
    };
    await as(ada)("POST", "/rooms", { room: "nook", visibility: "public" });
    await as(bob)("POST", "/rooms/nook/join");
    await tried("den", "@bob deleted", 3, () => as(ada)("DELETE", "/rooms/den/messages/1"));
    await tried("attic", "@bob read", 3, () => as(bob)("PUT", "/rooms/attic/read", { seq: 1 }));
    await tried("nook", "@bob closed", 3, () => as(ada)("DELETE", "/rooms/nook/members/user%2Fbob"));
    await tried("den", "@bob first", 3, async () => {
      await as(bob)("DELETE", `/me/push/${gone.id}`);
      await as(ada)("PATCH", "/rooms/den/messages/2", { text: "@bob second" });
    });
    for (const name of ["one", "two"]) await arrived(name, 5);
    await tried("attic", "@bob still", 2, () => as(other.token)("POST", "/sign-out"));
    await arrived("two", 7);
    await afterAll(two, "two");
    const bodies = names.map((name, at) =>
      pushedTo(name).map((pushed) => read([one, two, gone][at] as Browser, pushed).body),
    );
    const first = ["@bob deleted", "@bob read", "@bob closed", "@bob first"];
    expect(bodies).to.deep.equal([
      [...first, "@bob second", "@bob still"],
      [...first, "@bob second", "@bob still", "@bob still", "@bob the last"],
      first,
    ]);
  });

  it("tell of a mention, whatever comes after it in the place, and of what came before where it is deleted", async () => {
    const browser = await subscribe(bob, "text", "text");
    const bodies = () => pushedTo("text").map((one) => read(browser, one).body);
    await post(ada, "den", "@bob fire!"); // 1
    await post(ada, "den", "@bob oops");
    await as(ada)("DELETE", "/rooms/den/messages/2");
    await arrived("text");
    await as(bob)("PUT", "/me/notifications/rooms/attic", { level: "all" });
    await post(ada, "attic", "@bob in the attic");
    await post(ada, "attic", "what else");
    await arrived("text", 2);
    await post(ada, "den", "@bob in a thread", { replyTo: 1 }); // 3
    await arrived("text", 3);
    await as(bob)("DELETE", "/rooms/den/threads/1/follow");
    await post(ada, "den", "@bob in a muted one", { replyTo: 1 }); // 4
    await arrived("text", 4);
    await post(ada, "den", "what else", { replyTo: 1 });
    expect(await afterAll(browser, "text")).to.have.length(4);
    expect(bodies().slice(0, 4)).to.deep.equal([
      "@bob fire!",
      "@bob in the attic",
      "@bob in a thread",
      "@bob in a muted one",
    ]);
    // What waits for a push service, too.
    service.answers.push({ status: 503 });
    await post(ada, "last", "@bob no room for it");
    await arrived("text", 6);
    await post(ada, "last", "@bob oops");
    await as(ada)("DELETE", "/rooms/last/messages/3");
    await arrived("text", 7);
    expect(bodies().slice(5)).to.deep.equal(["@bob no room for it", "@bob no room for it"]);
  });

  const twoOfThree = async (limits: object): Promise<Browser> => {
    await stop();
    await begin(limits);
    const cleo = (await fixture.signUp("cleo")).token;
    await as(cleo)("POST", "/rooms/den/join");
    const browser = await subscribe(bob, "bob-0", "text");
    for (const at of [1, 2]) await subscribe(bob, `bob-${at}`);
    for (const at of [0, 1, 2]) await subscribe(cleo, `cleo-${at}`);
    service.takesItsTime = true;
    return browser;
  };
  const opened = (count: number): Promise<void> =>
    until(`${count} are open`, () => void expect(service.open.length).to.be.at.least(count));

  it("that wait are bounded for all people of a node together", async () => {
    const browser = await twoOfThree({ pushesWaitingMax: 4, pushActsMax: 4 });
    await post(ada, "den", "@bob");
    await opened(3);
    await post(ada, "den", "@cleo");
    await opened(4);
    service.takesItsTime = false;
    for (const answer of service.open) answer();
    await afterAll(browser, "bob-0");
    expect(service.pushed.filter(({ path }) => path.startsWith("/cleo"))).to.have.length(1);
  });

  it("are given to push services a few at once, of all people together", async () => {
    await twoOfThree({ pushActsMax: 2 });
    await post(ada, "den", "@bob and @cleo");
    let most = 0;
    for (let answered = 0; answered < 6; answered += 1) {
      await opened(1);
      // Questions that are answered behind it: without a bound more would be open by then.
      for (const token of [ada, bob]) await as(token)("GET", "/me/push");
      most = Math.max(most, service.open.length);
      service.open.shift()?.();
    }
    expect(most).to.be.at.most(2);
    expect(new Set(service.pushed.map(({ path }) => path)).size).to.equal(6);
  });

  it("are as many as an account may have, of sessions that are there, and named and ended by their person", async () => {
    const other = (
      await fixture.request("POST", "/api/v1/sign-in", { body: { name: "bob", password: "correct horse" } })
    ).body as { token: string };
    const first = await subscribe(other.token, "first", "text");
    for (let at = 0; at < 9; at += 1) await subscribe(bob, `more-${at}`);
    const refused = await fixture.request("POST", "/api/v1/me/push", {
      token: bob,
      body: { ...createBrowser(`${service.origin}/x`).place, name: "x" },
    });
    expect(refused.body).to.have.nested.property("error.code", "LIMIT_REACHED");
    const list = async () => ((await as(bob)("GET", "/me/push")) as PushView).devices;
    expect((await list()).map(({ name }) => name)).to.include.members(["first", "more-0"]);
    expect(JSON.stringify(await list())).to.not.include(service.origin);
    // The same browser again is no further one.
    await as(bob)("POST", "/me/push", { ...first.place, name: "first again" });
    expect((await list()).at(-1)?.name).to.equal("first again");
    await as(other.token)("POST", "/me/push", { ...first.place, name: "first", content: "text" });
    await as(other.token)("POST", "/sign-out");
    const left = await list();
    expect(left.map(({ name }) => name)).to.not.include("first");
    for (const { id } of left) await as(bob)("DELETE", `/me/push/${id}`);
    expect(await list()).to.deep.equal([]);
    await post(ada, "den", "@bob nobody is told");
    const last = await subscribe(bob, "text", "text");
    expect(await afterAll(last, "text")).to.not.include("@bob nobody is told");
    expect(pushedTo("first")).to.deep.equal([]);
  });

  it("are not sent, nor offered, where an admin has turned them off", async () => {
    const browser = await subscribe(bob, "text", "text");
    settings.webPush = "off";
    await post(ada, "den", "@bob turned off");
    expect((await as(bob)("GET", "/me/push")) as PushView).to.not.have.property("publicKey");
    const refused = await fixture.request("POST", "/api/v1/me/push", {
      token: bob,
      body: { ...createBrowser(`${service.origin}/x`).place, name: "x" },
    });
    expect(refused.body).to.have.nested.property("error.code", "PUSH_OFF");
    // The account is looked at, as when its node starts.
    await as(bob)("PUT", `/me/push/${browser.id}`, { content: "text" });
    await as(bob)("PUT", "/rooms/den/read", { seq: 1 });
    settings.webPush = "on";
    expect(await afterAll(browser, "text")).to.deep.equal([]);
  });
});

describe("what a browser decrypts", () => {
  it("is what RFC 8291 says of its example", () => {
    const browser = createBrowser("https://push.example.net/x", {
      key: "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
      auth: "BTBZMqHH6r4Tts7J_aSIgg",
    });
    const body =
      "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y" +
      "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    expect(browser.open(Buffer.from(body, "base64url"))).to.equal("When I grow up, I want to be a watermelon");
  });
});

describe("posts to addresses that strangers name", () => {
  const headers = {};
  const timeoutMs = 10_000;
  const body = Buffer.from("x");
  const failed = (url: string, more: object = {}): Promise<string> =>
    postGuarded(url, body, { headers, timeoutMs, ca: tlsPair.cert, ...more }).then(
      ({ status }) => `answered ${status}`,
      (error: Error) => error.message,
    );

  it("go to the internet alone, whatever a name stands for, by https alone, and follow nothing", async () => {
    const service = await startPushService();
    const { port } = new URL(service.origin);
    const forbidden = "its address is not one of the internet";
    for (const host of ["localhost", "127.0.0.1", "[::1]", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"])
      expect(await failed(`https://${host}:${port}/`), host).to.equal(forbidden);
    expect(await failed(`http://localhost:${port}/`)).to.equal(forbidden);
    expect(await failed(`https://ada:secret@localhost:${port}/`, { mayReach: isHere })).to.equal(forbidden);
    expect(service.pushed).to.deep.equal([]);
    service.answers.push({ status: 307, headers: { location: `${service.origin}/elsewhere` } });
    expect(await failed(service.origin, { mayReach: isHere })).to.equal("answered 307");
    expect(service.pushed).to.have.length(1);
    await service.close();
  });

  it("know the networks that are nobody else's", () => {
    const own = ["10.1.2.3", "100.64.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "192.168.1.1", "0.0.0.0"];
    const reserved = ["192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1"];
    const carried = ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:7f00:1::", "2001::1", "2001:db8::1", "ff02::1", "x"];
    for (const address of [...own, ...reserved, ...carried]) expect(isPublicAddress(address), address).to.equal(false);
    for (const address of ["8.8.8.8", "193.99.144.80", "2606:4700::1111", "2a00:1450::1"])
      expect(isPublicAddress(address), address).to.equal(true);
    expect(isPublicAddress("8.8.8.8", ["10.0.0.1", "8.8.8.8"]), "this machine's own").to.equal(false);
    expect(isPublicAddress("168.63.129.16"), "a cloud's host").to.equal(false);
  });
});
