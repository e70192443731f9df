import { expect } from "chai";
import { createConversation } from "../../../cli/chat/conversation.ts";
import { wayIn } from "../../../cli/chat/links.ts";
import { Names } from "../../../cli/chat/names.ts";
import type { Call } from "../../../client/call.ts";
import { describeMessage } from "../../../cli/chat/view.ts";
import { describeMail, mailOf, notifyOf } from "../../../cli/chat/notify.ts";
import type { Screen } from "../../../cli/chat/screen.ts";
import { People, type At, type Client, type Follower, type Link, type PeoplePorts } from "../../../client/index.ts";
import {
  failure,
  ok,
  refused,
  type CatchUp,
  type Degraded,
  type Failure,
  type Hello,
  type Later,
  type MessageSearch,
  type ModelInfo,
  type Result,
  type RoomMessage,
  type SearchPage,
  plainDigest,
} from "../../../protocols/index.ts";
import { plainNotifications } from "../../../protocols/telling/index.ts";
import { groupKey } from "../../../protocols/kinds/room-group.ts";
import { until } from "../../waits.ts";

const message = (seq: number): RoomMessage => ({
  seq,
  author: "user/bob",
  text: `message ${seq}`,
  atMs: 0,
  reactions: {},
});
const state = (from: number, to: number, members: readonly string[] = []) => ({
  title: "Den",
  topic: "",
  visibility: "public",
  members: Object.fromEntries(members.map((member) => [member, { role: "member" }])),
  messages: Array.from({ length: to - from + 1 }, (_, index) => message(from + index)),
});
const hello = (): Hello => ({ version: "1", node: "one", user: "ada", admin: false, heartbeatMs: 30_000 });

const nobody: PeoplePorts = {
  page: () => Promise.resolve(ok({ rows: [], more: false })),
  card: () => Promise.resolve(refused(failure("NOT_FOUND"))),
};

/** A conversation whose screen keeps what is printed, over a client that takes every command. */
function openFixture(at: At, interactive = true, people?: People) {
  const printed: string[] = [];
  const asked: unknown[] = [];
  const open: Link = { status: "open", hello: hello(), late: false, away: undefined, degraded: undefined };
  const world = { at, link: open as Link };
  const operations: unknown[] = [];
  const answers: {
    call: Result<unknown>;
    operation: Result<unknown>;
    follow: Failure | ReturnType<typeof state>;
  } = {
    call: ok({}),
    operation: ok({}),
    follow: state(1, 0),
  };
  let follower: Follower | undefined;
  let account: Follower | undefined;
  let prompt = "";
  const screen: Screen = {
    interactive,
    color: false,
    // Where one has come to is said each time.
    print: (text) => void (text.startsWith("—") || printed.push(text)),
    showDraft: () => {},
    onInterrupt: () => {},
    ring: () => printed.push("(bell)"),
    setPrompt: (text) => (prompt = text),
    question: () => Promise.resolve(undefined),
    async *lines() {},
    ended: new Promise(() => {}),
    close: () => {},
  };
  const client = {
    get at() {
      return world.at;
    },
    get link() {
      return world.link;
    },
    call(...command: readonly unknown[]) {
      if (command[0] === "user.later") return Promise.resolve(ok({ later: scheduled }));
      asked.push(command);
      return Promise.resolve(answers.call);
    },
    follow(topic: string, wanted: Follower) {
      if (topic === "user/ada") {
        account = wanted;
        return () => {};
      }
      follower = wanted;
      if ("code" in answers.follow) wanted.refused(answers.follow);
      else wanted.state(answers.follow, 0);
      return () => {};
    },
    look: async () => ok([]),
  } as unknown as Pick<Client, "at" | "call" | "follow" | "link" | "look">;
  const models: ModelInfo[] = [];
  const modelAsked: object[] = [];
  const searched: MessageSearch[] = [];
  const scheduled: Later[] = [];
  const finds: { page: Result<SearchPage> } = { page: ok({ found: [], covered: [] }) };
  const missed: { all: Result<CatchUp> } = { all: ok({ concerns: [], rooms: [], threads: [] }) };
  const conversation = createConversation({
    user: "ada",
    client,
    screen,
    json: false,
    names: new Names(people ?? new People(nobody), people === undefined, () => nobody.page(undefined)),
    files: {
      send: async (path) => ok(`${"0".repeat(20)}.${path}`),
      save: async ({ name }) => ok(name),
    },
    askModel: (body) => {
      modelAsked.push(body);
      return Promise.resolve(ok({ choices: [{ message: { content: "Yes." } }] }));
    },
    models: () => Promise.resolve(ok({ models })),
    search(fields) {
      searched.push(fields);
      return Promise.resolve(finds.page);
    },
    missed: () => Promise.resolve(missed.all),
    operation: ((...input: readonly unknown[]) => {
      operations.push(input);
      return Promise.resolve(answers.operation);
    }) as Call,
    publicRooms: () => Promise.resolve(ok({ rows: [{ key: "lobby", title: "", detail: "", atMs: 0 }] })),
  });
  /** The link becomes this, at this node. */
  const become = (link: Link, where = world.at): void => {
    Object.assign(world, { link, at: where });
    conversation.onLink(link);
  };
  const opened = (more: { readonly away?: string; readonly degraded?: Degraded } = {}): Link => ({ ...open, ...more });
  const topic = (): Follower => follower ?? expect.fail("nothing is followed");
  const owner = (): Follower => account ?? expect.fail("the account is not followed");
  return {
    conversation,
    models,
    modelAsked,
    scheduled,
    searched,
    finds,
    missed,
    printed,
    asked,
    operations,
    answers,
    become,
    opened,
    topic,
    owner,
    prompt: () => prompt,
  };
}

describe("a conversation in the terminal", () => {
  const two: At = { name: "two", url: "http://two", amongMany: true };

  it("tells what concerns the person, wherever they are, as long as it is so", () => {
    const { owner, printed } = openFixture({ url: "http://one", name: "one", amongMany: false });
    const notice = (resets: number, spent: string) => ({ action: "budgetWarned", atMs: 1, facts: { budget: "daily", whose: "ada", measure: "tokens", per: "day", limit: "1000", spent, resets: new Date(resets).toISOString() } });
    const later = Date.now() + 3_600_000;
    owner().state({ notices: [notice(Date.now() - 1, "800"), notice(later, "810")] }, 3);
    owner().event({ type: "noticed", notice: notice(later, "900") }, 4);
    owner().event({ type: "roomJoined", room: "den" }, 5);
    owner().event({ type: "noticed", notice: { ...notice(later, "1"), action: "ofALaterVersion" } }, 6);
    expect(printed.map((line) => /"daily" is nearly used up: (\d+) of 1,000/u.exec(line)?.[1])).to.deep.equal(["810", "900"]);
  }); // prettier-ignore

  it("does nothing to the kept conversation behind a temporary one", async () => {
    const fixture = openFixture({ url: "http://one", name: "one", amongMany: false });
    const { conversation, asked, operations, modelAsked } = fixture;
    Object.assign(fixture.answers.follow, { conversation: [], model: "", persona: "", turns: 0 });
    await conversation.take("/agent helper");
    await conversation.take("/temporary");
    await conversation.take("one");
    const before = [asked.length, operations.length];
    const refused = [
      "/share",
      "/resend two",
      "/regenerate",
      "/drop 1",
      "/rename New",
      "/stop",
      "/history",
      "/compare a b c",
    ];
    for (const line of refused) expect((await conversation.take(line)).failure?.message, line).to.match(/\/done first/);
    expect(await conversation.take("/clear")).to.deep.equal({});
    expect([asked.length, operations.length]).to.deep.equal(before);
    await conversation.take("two");
    expect(modelAsked.at(-1)).to.deep.equal({
      model: "agent:ada.helper",
      messages: [{ role: "user", content: "two" }],
    });
    await conversation.take("/done");
    await conversation.take("/clear");
    expect(asked.at(-1)).to.deep.equal(["agent.clear", "ada.helper", {}]);
  });

  it("opens the conversation of several people, whose key is theirs, or the next where that one is a room", async () => {
    const { conversation, asked, answers } = openFixture({ url: "http://one", name: "one", amongMany: false });
    await conversation.take("/direct bob, @cleo");
    const people = ["user/bob", "user/cleo"];
    const all = ["user/ada", ...people];
    expect(asked).to.deep.equal([["room.create", groupKey(all), { visibility: "direct", people }]]);
    answers.call = refused(failure("NAME_TAKEN"));
    await conversation.take("/direct bob,cleo");
    expect(asked.at(-1)).to.deep.equal(["room.create", groupKey(all, 9), { visibility: "direct", people }]);
  });

  it("sends a file as a message of its own, and saves those of a message", async () => {
    const { conversation, asked, answers, printed } = openFixture({ url: "http://one", name: "one", amongMany: false });
    expect((await conversation.take("/attach a b.png")).failure?.message).to.match(/room first/);
    await conversation.take("/join den");
    await conversation.take("/attach a b.png");
    const id = `${"0".repeat(20)}.a b.png`;
    expect(asked.at(-1)).to.deep.equal(["room.post", "den", { text: "", files: [id] }]);
    const file = { id, name: "b\u001b.png", bytes: 1_536, type: "image/png" };
    answers.call = ok({ messages: [{ ...message(7), files: [file] }], more: false });
    await conversation.take("/save 7");
    expect(printed.at(-1)).to.match(/^Saved b.*\.png$/);
    expect(printed.at(-1)).not.to.include("\u001b");
    expect((await conversation.take("/save 8")).failure?.message).to.equal("Message #8 has no files.");
    expect(
      describeMessage({ ...message(7), text: "", files: [file] }, { color: false, who: String, said: () => "" }),
    ).to.match(/\[b.*\.png, 1\.5 KiB\]\n {6}\/save 7 saves it$/);
  });

  it("makes, lists and takes back links into a room, and comes in by one", async () => {
    const fixture = openFixture({ url: "http://one", name: "one", amongMany: false });
    const { conversation, asked, operations, answers, printed } = fixture;
    expect((await conversation.take("/link")).failure?.message).to.match(/room first/);
    await conversation.take("/join den");
    const link = { id: "l1", by: "user/bob", atMs: 0, untilMs: 86_400_000, usesLeft: 3 };
    const path = `/room/den#join=${"S".repeat(43)}`;
    answers.operation = ok({ ...link, path });
    await conversation.take("/link 3 1");
    expect(operations[0]).to.deep.equal(["rooms.addLink", { room: "den", uses: 3, lifeMs: 86_400_000 }]);
    expect(printed.at(-1)).to.match(/^http:\/\/one\/room\/den#join=S{43}\nFor 3 people, until .*not shown again/);
    await conversation.take("/link");
    expect(operations.at(-2)).to.deep.equal(["rooms.addLink", { room: "den", uses: 10, lifeMs: 7 * 86_400_000 }]);
    expect((await conversation.take("/link many")).failure?.message).to.match(/for how many people and days/);
    expect((await conversation.take("/unlink 1")).failure?.message).to.match(/no number 1: \/links/);
    answers.call = ok({ links: [link] });
    await conversation.take("/links");
    expect(asked.at(-1)).to.deep.equal(["room.links", "den", {}]);
    expect(printed.at(-1)).to.match(/^1\. 3 people left, until .*, by bob$/);
    await conversation.take("/unlink 1");
    expect(operations.at(-1)).to.deep.equal(["rooms.removeLink", { room: "den", id: "l1" }]);
    answers.operation = refused(failure("JOIN_LINK_ENDED"));
    const step = await conversation.take(`/join http://one/room/den#join=${"S".repeat(43)}`);
    expect(operations.at(-1)).to.deep.equal(["rooms.joinByLink", { room: "den", secret: "S".repeat(43) }]);
    expect(step.failure?.message).to.match(/Ask the person who gave it to you/);
    // The secret goes to no other server, and an address of no room is a name.
    const brought = () => operations.filter((one) => Array.isArray(one) && one[0] === "rooms.joinByLink").length;
    expect(brought()).to.equal(1);
    const other = await conversation.take(`/join https://other.example/room/den#join=${"S".repeat(43)}`);
    expect(other.failure?.message).to.match(/leads to https:\/\/other\.example, another server/);
    expect(brought()).to.equal(1);
    expect(wayIn(`/room/%#join=${"S".repeat(43)}`)).to.equal(undefined);
  });

  it("shows what a message said before it was edited", async () => {
    const { conversation, asked, answers, printed } = openFixture({ url: "http://one", name: "one", amongMany: false });
    await conversation.take("/join den");
    answers.call = ok({ versions: [{ text: "a\u001b\nb", atMs: 0 }] });
    await conversation.take("/before #7");
    expect(asked.at(-1)).to.deep.equal(["room.versions", "den", { seq: 7 }]);
    expect(printed.at(-1)).to.match(/^.*\n {2}a.*\n {2}b$/);
    expect(printed.at(-1)).not.to.include("\u001b");
    answers.call = ok({ versions: [] });
    await conversation.take("/before 7");
    expect(printed.at(-1)).to.equal("Nothing of what message #7 said before is kept.");
  });

  it("says at which node it is, and when it is at none or at another", async () => {
    const { conversation, printed, become, opened, prompt } = openFixture({
      name: "one",
      url: "http://one",
      amongMany: true,
    });
    const degraded = { reason: failure("NODE_DEGRADED", { away: ["one", "three"] }), nodes: [] };
    await conversation.begin({ room: "den", agent: undefined });
    expect(prompt()).to.equal("[one] den> ");
    become({ status: "waiting", retryAtMs: 0, attempt: 1, tried: false, reason: failure("UNREACHABLE") });
    expect(prompt()).to.equal("[no node] den> ");
    become({ status: "connecting", attempt: 1 });
    become(opened(), two);
    expect(prompt()).to.equal("[two] den> ");
    const another = { ...opened(), hello: hello() } as Link;
    become(another);
    become({ ...another, degraded } as Link);
    expect(printed).to.deep.equal([
      "Signed in as ada, at the node one. /help lists the commands.",
      "* the connection was lost (UNREACHABLE); trying again",
      "* connected to two; nothing was missed",
      "* connected again; nothing was missed",
      "* two cannot reach one, three; looking for a node that can",
    ]);
  });

  it("shows why a model cannot be used below an answer that failed, where the node tells it", async () => {
    const { conversation, models, printed, topic } = openFixture(two);
    await conversation.begin({ room: "den", agent: undefined });
    const refusal = (seq: number) => ({
      type: "posted",
      message: { ...message(seq), author: "agent/ada.helper", refused: "MODEL_LOAD_FAILED" },
    });
    const broken: ModelInfo = { model: "big", node: "one", runtime: "llama.cpp", capabilities: ["chat"], contextTokens: 1, sizeBytes: 0, demonstration: false, state: "failed" }; // prettier-ignore
    // As the node tells it to somebody who may not see the cluster.
    models.push(broken);
    topic().event(refusal(1), 1);
    await Promise.resolve();
    models.splice(0, 1, { ...broken, reason: "there is no such file: /m/big.gguf" });
    topic().event(refusal(2), 2);
    await Promise.resolve();
    await Promise.resolve();
    expect(printed.filter((line) => line.includes("big"))).to.deep.equal([
      "      big on one: there is no such file: /m/big.gguf",
    ]);
  });

  it("asks, votes, closes and shows results by the numbers that are printed", async () => {
    const { conversation, printed, asked, answers } = openFixture(two);
    await conversation.begin({ room: "den", agent: undefined });
    asked.splice(0);
    for (const line of [
      "/poll Lunch? | Pizza |  Soup of the day ",
      "/multipoll Which? | this | that",
      "/vote #7 2",
      "/vote 7 1, 3 1",
      "/vote 7",
      "/close 7",
    ])
      expect((await conversation.take(line)).failure, line).to.equal(undefined);
    expect(asked).to.deep.equal([
      ["room.poll", "den", { question: "Lunch?", options: ["Pizza", "Soup of the day"] }],
      ["room.poll", "den", { question: "Which?", options: ["this", "that"], multiple: true }],
      ["room.vote", "den", { seq: 7, choices: [1] }],
      ["room.vote", "den", { seq: 7, choices: [0, 2] }],
      ["room.vote", "den", { seq: 7, choices: [] }],
      ["room.closePoll", "den", { seq: 7 }],
    ]);
    for (const line of ["/poll Lunch? | Pizza", "/vote x 1", "/vote 7 0", "/vote 7 one"])
      expect((await conversation.take(line)).failure?.code, line).to.equal("BAD_REQUEST");
    const poll = { options: [{ text: "Pizza", votes: 1 }], voters: 1 };
    answers.call = ok({ seq: 7, question: "Lunch?", poll, choices: [0] });
    await conversation.take("/results 7");
    expect(printed.at(-1)).to.include("You voted for Pizza.");
  });

  it("names the node that a line waits for, where that is another one", () => {
    const { printed, become, opened } = openFixture(two);
    for (const away of ["three", "three", undefined]) become(opened(away === undefined ? {} : { away }));
    expect(printed).to.deep.equal(["* three, which serves this, does not answer; trying again"]);
  });

  it("says nothing of nodes where there is one", async () => {
    const { conversation, printed, prompt } = openFixture({ name: "one", url: "http://one", amongMany: false });
    await conversation.begin({ room: "den", agent: undefined });
    expect([prompt(), ...printed]).to.deep.equal(["den> ", "Signed in as ada. /help lists the commands."]);
  });

  it("names the room or agent that is not there, and how it comes to be", async () => {
    const { conversation, answers } = openFixture(two);
    answers.call = refused(failure("NOT_FOUND"));
    answers.follow = failure("NOT_FOUND");
    const room = await conversation.begin({ room: "nosuch", agent: undefined });
    expect(room).to.include({ code: "NOT_FOUND", message: "There is no room nosuch. /create nosuch creates it." });
    expect((await conversation.take("/join other")).failure?.message).to.include("There is no room other.");
    const meant = "There is no room lobyb. Did you mean lobby? /create lobyb creates it.";
    expect((await conversation.take("/join lobyb")).failure?.message).to.equal(meant);
    const command = "There is no command /jion. Did you mean /join? /help lists the commands.";
    expect((await conversation.take("/jion lobby")).failure?.message).to.equal(command);
    const own = await conversation.begin({ room: undefined, agent: "nosuch" });
    expect(own?.message).to.equal("You have no agent nosuch. /agent nosuch PERSONA creates it.");
    expect((await conversation.take("/agent bob.helper")).failure?.message).to.equal("There is no agent bob.helper.");
    answers.call = refused(failure("FORBIDDEN"));
    expect((await conversation.take("/join other")).failure?.message).to.equal(failure("FORBIDDEN").message);
  });

  it("says that a place can no longer be followed, but not to who leaves it", async () => {
    for (const leaves of [false, true]) {
      const { conversation, printed, topic, prompt } = openFixture(two);
      await conversation.begin({ room: "den", agent: undefined });
      const step = leaves ? conversation.take("/leave") : undefined;
      topic().refused(failure("NOT_A_MEMBER"));
      expect(await step).to.be.oneOf([undefined, await conversation.take("")]);
      expect(printed.slice(1)).to.deep.equal(leaves ? [] : ["* You can no longer follow den (NOT_A_MEMBER)"]);
      expect(prompt()).to.equal("[two] > ");
    }
  });

  it("shows of a state that was loaded anew only what it has not shown", async () => {
    const { conversation, printed, answers, topic } = openFixture(two);
    answers.follow = state(1, 30);
    await conversation.begin({ room: "den", agent: undefined });
    printed.splice(
      0,
      printed.findIndex((line) => line.includes("message")),
    );
    topic().event({ type: "posted", message: message(31) }, 40);
    topic().state(state(20, 60), 70);
    const seqs = printed.flatMap((line) => /message (\d+)/.exec(line)?.[1] ?? []).map(Number);
    expect(seqs).to.deep.equal(Array.from({ length: 50 }, (_, index) => index + 11));
  });

  it("shows people by the names that they have, asks for each once, and sends accounts for the names that are typed", async () => {
    const titles: Record<string, string> = { bob: "Hans Müller", eve: "健太", ann: "bob", ben: "Sam", dan: "Sam" };
    const questions: string[] = [];
    const people = new People({
      page: () => Promise.resolve(ok({ rows: [], more: false })),
      card: (user) => {
        questions.push(user);
        const title = titles[user];
        return Promise.resolve(title === undefined ? refused(failure("NOT_FOUND")) : ok({ key: user, title }));
      },
    });
    const fixture = openFixture({ url: "http://one", name: "one", amongMany: false }, true, people);
    const { conversation, printed, asked, answers, topic } = fixture;
    answers.follow = state(1, 1, ["user/ada", "user/bob", "user/eve", "user/ann", "user/ben", "user/dan"]);
    await conversation.begin({ room: "den", agent: undefined });
    topic().event({ type: "joined", member: "user/eve", role: "member", atMs: 0 }, 1);
    topic().event({ type: "posted", message: { ...message(2), author: "user/eve", text: "@bob hi", mentions: ["user/bob"] } }, 2);
    topic().event({ type: "posted", message: { ...message(3), author: "user/ann", text: "**@bob** `x`", mentions: ["user/bob"] } }, 3);
    topic().event({ type: "left", member: "user/gone", by: "user/bob", atMs: 0 }, 4);
    await conversation.settled(false);
    const shown = printed.filter((line) => !/Signed in/.test(line)).map((line) => line.replace(/^\d\d:\d\d /, ""));
    expect(shown).to.deep.equal([
      "#1 Hans Müller: message 1",
      "* 健太 joined",
      "#2 健太: @Hans Müller hi",
      // Whoever calls themselves as somebody's account is called, stands beside their own.
      "#3 bob (ann): **@Hans Müller** `x`",
      "* Hans Müller removed gone",
    ]);
    expect(questions).to.deep.equal([...new Set(questions)]);
    const posted = async (text: string): Promise<unknown> => {
      asked.length = 0;
      await conversation.take(text);
      return (asked[0] as [string, string, { text: string }])[2].text;
    };
    expect(await posted("请@健太 and @hans müller")).to.equal("请@eve and @bob");
    expect(await posted("`@健太` stays")).to.equal("`@健太` stays");
    expect(await posted("/reply 1 @Hans Müller, yes")).to.equal("@bob, yes");
    expect(await posted("/edit 1 @健太!")).to.equal("@eve!");
    expect(await posted("@Sam!")).to.equal("@Sam!");
    expect(printed.at(-1)).to.equal(
      "* Several people here are called Sam, so none of them is mentioned. Mention one by the account: @ben, @dan.",
    );
  }); // prettier-ignore

  it("prints into a pipe only what came after it began, and all of that", async () => {
    const { conversation, printed, topic } = openFixture(two, false);
    await conversation.begin({ room: "den", agent: undefined });
    topic().state(state(1, 2), 2);
    const late = openFixture(two, false);
    late.answers.follow = state(1, 30);
    await late.conversation.begin({ room: "den", agent: undefined });
    late.topic().event({ type: "posted", message: message(31) }, 40);
    late.topic().state(state(20, 33), 50);
    const numbers = (lines: readonly string[]) => lines.map((line) => Number(/message (\d+)$/.exec(line)?.[1]));
    expect(numbers(printed)).to.deep.equal([1, 2]);
    expect(numbers(late.printed)).to.deep.equal([31, 32, 33]);
  });

  it("says at the first /topic that /about sets the topic of the room itself", async () => {
    const { conversation, printed } = openFixture(two);
    await conversation.begin({ room: "den", agent: undefined });
    const told = async (line: string) => {
      printed.length = 0;
      await conversation.take(line);
      return printed.join(" ");
    };
    expect(await told("/topic dice"))
      .to.include("You write in dice.")
      .and.include("/about TEXT sets");
    expect(await told("/topic games"))
      .to.include("You write in games.")
      .and.not.include("/about");
  });

  it("rings the bell for what concerns the person, as they have said, and for nothing else", async () => {
    const { conversation, printed, topic, owner, answers } = openFixture(two);
    await conversation.begin({ room: "den", agent: undefined });
    const news = (said: object) => ({ room: "attic", seq: 1, author: "user/bob", mentioned: false, ...said });
    const rung = async (act: () => void) => {
      printed.length = 0;
      act();
      // The names that a line has are there by then.
      await new Promise(setImmediate);
      return [printed.includes("(bell)"), printed.some((line) => line.includes("bob"))];
    };
    const elsewhere = (said: object) => rung(() => conversation.onActivity(news(said)));
    const here = (said: object) =>
      rung(() => topic().event({ type: "posted", message: { ...message(31), ...said } }, 40));
    expect(await elsewhere({})).to.deep.equal([false, true]);
    expect(await elsewhere({ thread: 7 })).to.deep.equal([false, true]);
    for (const why of [{ mentioned: true }, { reply: true, thread: 7 }, { keyword: true }, { room: "dm.ada.bob" }])
      expect(await elsewhere(why), JSON.stringify(why)).to.deep.equal([true, true]);
    expect((await here({}))[0]).to.equal(false);
    expect((await here({ mentions: ["user/ada"] }))[0]).to.equal(true);
    expect((await here({ author: "user/ada", mentions: ["user/ada"] }))[0]).to.equal(false);
    // What a topic is to them, the room says.
    answers.call = ok({ visibility: "public", topics: { Boats: "follow", Noise: "mute" } });
    expect(await elsewhere({ topic: "Boats" })).to.deep.equal([true, true]);
    expect(await elsewhere({ topic: "Noise", keyword: true })).to.deep.equal([false, false]);
    expect(await elsewhere({ topic: "Noise", mentioned: true })).to.deep.equal([true, true]);
    expect((await here({ topic: "Boats" }))[0]).to.equal(true);
    expect((await here({ topic: "Cars" }))[0]).to.equal(false);
    const notifications = { ...plainNotifications, keywords: ["zebra"], rooms: [{ room: "attic", level: "nothing" }] };
    owner().event({ type: "notificationsSet", notifications }, 7);
    expect(await elsewhere({ mentioned: true })).to.deep.equal([false, false]);
    expect((await here({ text: "a Zebra" }))[0]).to.equal(true);
    owner().event({ type: "profileSet", view: { notifications, status: { doNotDisturb: true } } }, 8);
    expect((await here({ text: "a Zebra" }))[0]).to.equal(false);
  });

  it("says and sets what the person is told of", async () => {
    const { conversation, printed, asked, owner } = openFixture(two);
    await conversation.begin({ room: "den", agent: undefined });
    const mutedUntilMs = Date.now() + 3_600_000;
    const notifications = {
      ...plainNotifications,
      keywords: ["deploy"],
      rooms: [
        { room: "den", level: "all", mutedUntilMs },
        { room: "attic\u001b[2J", level: "nothing" },
      ],
    };
    owner().state({ notifications }, 1);
    await conversation.take("/notify");
    expect(printed.at(-1)).to.match(
      /^You are told of: what concerns you.*\nden: every message; muted until .*\nattic.*: nothing\nYour words: deploy\nQuiet hours: none$/,
    );
    expect(printed.at(-1)).to.not.include("\u001b");
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const room = "user.setRoomNotifications";
    const rules = "user.setNotifications";
    for (const [line, command, said] of [
      ["mentions", room, { room: "den", level: "mentions", mutedUntilMs }],
      ["same", room, { room: "den", mutedUntilMs }],
      ["unmute", room, { room: "den", level: "all" }],
      ["others nothing", rules, { level: "nothing" }],
      ["words on call, deploy,", rules, { keywords: ["on call", "deploy"], seen: { keywords: ["deploy"] } }],
      ["quiet 22:00-7:30 fr mo", rules, { quiet: { days: [1, 5], fromMinute: 1_320, toMinute: 450, zone } }],
      ["quiet", rules, { quiet: plainNotifications.quiet }],
    ] as const) {
      expect(await conversation.take(`/notify ${line}`), line).to.deep.equal({});
      expect(asked.at(-1), line).to.deep.equal([command, "ada", said]);
    }
    const at = { room: "den", rules: { ...plainNotifications, rooms: [] }, nowMs: 1_000, zone };
    expect(notifyOf("mute 2h", at)).to.deep.equal({ name: room, fields: { room: "den", mutedUntilMs: 7_201_000 } });
    expect(notifyOf("all", { ...at, room: undefined })).to.have.property("wrong");
    expect(["never", "after 2h", "daily 7:05", "counts"].map((line) => mailOf(line.split(" "), "UTC"))).to.deep.equal([
      { when: "never" },
      { when: "unread", afterMinutes: 120 },
      { when: "daily", atMinute: 425, zone: "UTC" },
      { content: "counts" },
    ]);
    for (const line of ["daily 24:00", "after a while", "weekly"])
      expect(mailOf(line.split(" "), "UTC"), line).to.have.property("wrong");
    const view = { ...plainDigest, when: "daily", atMinute: 425, allowed: "counts", to: "ada@example.org" } as const;
    expect(describeMail(view)).to.deep.equal([
      "Mail of what you have missed: at 07:05 by the clock of UTC; it says how much there is.",
      "It goes to ada@example.org.",
    ]);
    const { length } = asked;
    for (const line of ["loud", "mute", "mute 0h", "others", "quiet 25:00-7:00", "quiet 22:00-7:00 someday"])
      expect((await conversation.take(`/notify ${line}`)).failure?.code, line).to.equal("BAD_REQUEST");
    expect(asked).to.have.length(length);
  });

  it("searches by words and what narrows them, and goes to what was found by its number", async () => {
    const { conversation, searched, finds, printed, asked, answers } = openFixture(two);
    const one = { author: "user/bob", atMs: 0, text: "the zebra\u001b[2J ran", marks: [[4, 9]] as const };
    const found = [
      { ...one, room: "den", seq: 7 },
      { ...one, room: "den", seq: 9, replyTo: 7, threadOnly: true as const },
      { ...one, agent: "ada.helper", seq: 2, cutFrom: 3, goesOn: true as const },
    ];
    finds.page = ok({ found, next: "x", unreachable: ["room/attic"], covered: [] });
    await conversation.take('/search zeb* "a b" in:den from:bob has:link to:me in: after:2026-11-01');
    expect(searched).to.deep.equal([
      {
        text: 'zeb* "a b"',
        room: "den",
        from: "user/bob",
        hasLink: true,
        mentionsMe: true,
        after: new Date(2026, 10, 1).getTime(),
        limit: 20,
      },
    ]);
    await conversation.take(
      "/search has:file has:reaction after:2026-02-01 before:2026-03-01 before:2026-99-99 has:it",
    );
    const days = { after: Date.parse("2026-02-01T00:00"), before: Date.parse("2026-03-01T00:00") };
    expect(searched.at(-1)).to.deep.equal({ hasFile: true, hasReaction: true, ...days, limit: 20 });
    expect(printed.join("\n")).to.match(/1\. den #7, .* bob: the zebra.* ran\n2\. den #9.*\n3\. @ada\.helper #2.*…/);
    expect(printed.join("\n"))
      .to.include("room/attic")
      .and.to.include("in: narrows nothing")
      .and.to.include("before:2026-99-99 narrows nothing")
      .and.to.include("There is more")
      .and.not.to.include("\u001b");
    answers.call = ok({ messages: [], more: false });
    await conversation.take("/found 2");
    expect(asked.at(-1)).to.deep.equal(["room.history", "den", { thread: 7, limit: 20 }]);
    await conversation.take("/found 1");
    expect(asked.at(-1)).to.deep.equal(["room.history", "den", { around: 7, limit: 20, roomOnly: true }]);
    expect((await conversation.take("/found 4")).failure?.message).to.include("has no number 4");
    const bare = { author: "user/bob", atMs: 0, text: "", marks: [] };
    finds.page = ok({
      found: [
        { ...bare, room: "den", seq: 8 },
        { ...bare, agent: "ada.helper", seq: 4 },
      ],
      covered: [],
    });
    await conversation.take("/search from:bob");
    expect(printed.slice(-3).join("\n")).to.match(
      /1\. den #8, .* bob: \(a file\)\n2\. @ada\.helper #4, .*: \(no text\)/,
    );
    finds.page = ok({ found: [], next: "x", covered: [] });
    await conversation.take("/search nothing");
    expect(printed.join("\n")).not.to.include("Nothing was found");
    finds.page = ok({ found: [], covered: [] });
    await conversation.take("/search nothing");
    expect(printed.at(-1)).to.equal("Nothing was found.");
  });

  it("shows what was missed, marks it as read up to there, and takes that back", async () => {
    const { conversation, missed, printed, asked, answers } = openFixture(two);
    await conversation.take("/catchup");
    expect(printed.at(-1)).to.include("You have missed nothing.");
    expect((await conversation.take("/catchup undo")).failure?.message).to.include("Nothing was marked");
    const line = { seq: 7, author: "user/bob", atMs: 0, text: "hello @ada\u001b[2J\nnow", goesOn: true } as const;
    const inThread = { ...line, seq: 9, replyTo: 3, threadOnly: true } as const;
    missed.all = ok({
      concerns: [
        { room: "den", why: "mention", ...line },
        { room: "den", why: "answer", ...inThread },
      ],
      rooms: [
        {
          room: "den",
          title: "Den",
          visibility: "public",
          readSeq: 5,
          messageSeq: 9,
          unread: 3,
          mentioned: true,
          lines: [line],
        },
      ],
      threads: [{ room: "den", root: 3, readSeq: 4, lastSeq: 9, unread: 1, mentioned: false, lines: [inThread] }],
      unseen: ["attic"],
      left: 2,
      unreachable: ["hall"],
    } satisfies CatchUp);
    await conversation.take("/catchup");
    const said = printed.join("\n");
    expect(said).to.match(/1\. den #7 .*bob: hello @ada.* now… \(mentions you\)\n2\. den #9 .*\(answers you\)/);
    expect(said).to.include("den: 3 unread").and.to.include("den, thread #3: 1 unread").and.not.to.include("\u001b");
    expect(said).to.match(/answer now: hall[^]*looked at of: attic[^]*something to read: 2/);
    answers.call = ok({ messages: [], more: false });
    await conversation.take("/found 2");
    expect(asked.at(-1)).to.deep.equal(["room.history", "den", { thread: 3, limit: 20 }]);
    await conversation.take("/catchup read");
    expect(asked.slice(-2)).to.deep.equal([
      ["room.markRead", "den", { seq: 9 }],
      ["room.markRead", "den", { seq: 9, thread: 3 }],
    ]);
    // What was not shown since is not marked.
    expect((await conversation.take("/catchup read")).failure?.message).to.include("Look first");
    await conversation.take("/catchup undo");
    expect(asked.slice(-2)).to.deep.equal([
      ["room.markUnread", "den", { seq: 6 }],
      ["room.markUnread", "den", { seq: 5, thread: 3 }],
    ]);
    expect((await conversation.take("/catchup all")).failure?.code).to.equal("BAD_REQUEST");
  });

  it("sends texts later, reminds of messages, and tells what is due, by times of the person's clock", async () => {
    const { conversation, scheduled, printed, asked, answers, owner } = openFixture(two);
    scheduled.push({ id: 3, room: "den", seq: 7, atMs: new Date(2026, 11, 24, 18, 30).getTime(), status: "due" });
    answers.call = ok({ messages: [{ ...message(7), text: "buy\ntea" }], more: false });
    await conversation.begin({ room: "den", agent: undefined });
    await until("the reminder is told", async () =>
      expect(printed.at(-1)).to.equal(
        "* Reminder: 3. 2026-12-24 18:30 reminder of den #7 (due: /unschedule 3 when it is done): buy tea",
      ),
    );
    const atMs = new Date(2100, 0, 1, 9).getTime();
    answers.call = ok({ id: 4, room: "den", text: "happy  new year", atMs, status: "waiting" });
    await conversation.take("/later 2100-01-01 happy  new year");
    expect(asked.at(-1)).to.deep.equal(["user.schedule", "ada", { room: "den", text: "happy  new year", atMs }]);
    expect(printed.at(-1)).to.equal("* this is sent on 2100-01-01 09:00; /unschedule 4 takes it back");
    await conversation.take("/remind 7 2100-01-01T9:00");
    expect(asked.at(-1)).to.deep.equal(["user.remindMe", "ada", { room: "den", seq: 7, atMs }]);
    expect((await conversation.take("/later soon tea")).failure?.message).to.include("soon is not a time: 20m");
    expect((await conversation.take("/remind x 2h")).failure?.message).to.include("number");
    await conversation.take("/unschedule 4");
    expect(asked.at(-1)).to.deep.equal(["user.cancelLater", "ada", { id: 4 }]);
    const failed = { id: 5, room: "den", text: "x\u001b[2J", atMs, status: "failed" as const };
    scheduled.splice(0, 1, { ...failed, failure: { code: "FORBIDDEN", reason: "only moderators post in this room" } });
    owner().event({ type: "laterSet", id: 5, status: "failed" }, 9);
    await until("the failure is told", async () =>
      expect(printed.at(-1)).to.match(/^\* Not sent: 5\. .* to den: x.*\(not sent: only moderators post/),
    );
    expect(printed.at(-1)).to.not.include("\u001b");
    // It is not called unsent where nobody knows: a person who believes it sends it twice.
    scheduled.splice(0, 1, { ...failed, text: "y", failure: { code: "ASK_TIMEOUT" } });
    owner().event({ type: "laterSet", id: 5, status: "failed" }, 10);
    await until("the doubt is told", async () =>
      expect(printed.at(-1)).to.match(/^\* Maybe not sent: 5\. .* to den: y \(it may have been sent: look in den/),
    );
    scheduled.splice(0, 1, { ...failed, failure: { code: "FORBIDDEN" } });
    await conversation.take("/scheduled");
    expect(printed.at(-1)).to.match(/^5\. 2100-01-01 09:00 to den: x/);
    scheduled.length = 0;
    await conversation.take("/scheduled");
    expect(printed.at(-1)).to.include("Nothing is scheduled");
  });
});
