import { expect } from "chai";
import type { At, Connection } from "../../../cli/chat/connection.ts";
import { createConversation } from "../../../cli/chat/conversation.ts";
import type { Screen } from "../../../cli/chat/screen.ts";
import { failure, ok, refused, type Result, type RoomMessage, type Subscribed } from "../../../protocols/index.ts";

const message = (seq: number): RoomMessage => ({
  seq,
  author: "user/bob",
  text: `message ${seq}`,
  atMs: 0,
  reactions: {},
});
const state = (from: number, to: number) => ({
  title: "Den",
  topic: "",
  messages: Array.from({ length: to - from + 1 }, (_, index) => message(from + index)),
});

/** A conversation whose screen keeps what is printed, over a connection that takes every command. */
function stage(at: At, interactive = true) {
  const printed: string[] = [];
  const asked: unknown[] = [];
  const link = { at, up: true };
  const answers: { ask: Result<unknown>; subscribe: Result<Subscribed> } = { ask: ok({}), subscribe: ok({ head: 0 }) };
  let prompt = "";
  const screen: Screen = {
    interactive,
    color: false,
    print: (text) => void printed.push(text),
    showDraft: () => {},
    setPrompt: (text) => (prompt = text),
    question: () => Promise.resolve(undefined),
    async *lines() {},
    ended: new Promise(() => {}),
    close: () => {},
  };
  const connection: Connection = {
    at: () => link.at,
    isUp: () => link.up,
    ask(command, to, parameters) {
      asked.push([command, to, parameters]);
      return Promise.resolve(answers.ask);
    },
    subscribe: () => Promise.resolve(answers.subscribe),
    unsubscribe: () => {},
    close: () => {},
  };
  const conversation = createConversation({
    user: "ada",
    connection,
    screen,
    json: false,
    publicRooms: () => Promise.resolve(ok({ rows: [{ key: "lobby", title: "", detail: "", atMs: 0 }] })),
  });
  return { conversation, printed, asked, link, answers, prompt: () => prompt };
}

describe("a conversation in the terminal", () => {
  const two: At = { name: "two", url: "http://two", amongMany: true };

  it("says at which node it is, and when it is at none or at another", async () => {
    const { conversation, printed, link, prompt } = stage({ name: "one", url: "http://one", amongMany: true });
    await conversation.begin({ room: "den", agent: undefined });
    expect(prompt()).to.equal("[one] den> ");
    link.up = false;
    conversation.onChange("down", "UNREACHABLE");
    expect(prompt()).to.equal("[no node] den> ");
    link.up = true;
    link.at = two;
    conversation.onChange("up", "two");
    expect(prompt()).to.equal("[two] den> ");
    conversation.onChange("up", "two");
    conversation.onDegraded("two", ["one", "three"]);
    expect(printed).to.deep.equal([
      "Signed in as ada, at the node one. /help lists the commands.",
      "* the connection was lost (UNREACHABLE); trying again",
      "* connected to two; nothing was missed",
      "* connected again; nothing was missed",
      "* two cannot reach one, three; looking for a node that can",
    ]);
  });

  it("asks, votes, closes and shows results by the numbers that are printed", async () => {
    const { conversation, printed, asked, answers } = stage(two);
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
    answers.ask = ok({ seq: 7, question: "Lunch?", poll, choices: [0] });
    await conversation.take("/results 7");
    expect(printed.at(-1)).to.include("You voted for Pizza.");
  });

  it("names the node that a line waits for, where that is another one", () => {
    const { conversation, printed } = stage(two);
    conversation.onHold(failure("SLOT_UNAVAILABLE", { node: "three", reason: "the node that has it is down" }));
    conversation.onHold(failure("NOT_IN_SYNC"));
    expect(printed).to.deep.equal(["* three, which serves this, does not answer; trying again"]);
  });

  it("says nothing of nodes where there is one", async () => {
    const { conversation, printed, prompt } = stage({ name: "one", url: "http://one", amongMany: false });
    await conversation.begin({ room: "den", agent: undefined });
    expect([prompt(), ...printed]).to.deep.equal(["den> ", "Signed in as ada. /help lists the commands."]);
  });

  it("names the room or agent that is not there, and how it comes to be", async () => {
    const { conversation, answers } = stage(two);
    answers.ask = refused(failure("NOT_FOUND"));
    answers.subscribe = refused(failure("NOT_FOUND"));
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
    answers.ask = refused(failure("FORBIDDEN"));
    expect((await conversation.take("/join other")).failure?.message).to.equal(failure("FORBIDDEN").message);
  });

  it("shows of a state that was loaded anew only what it has not shown", async () => {
    const { conversation, printed } = stage(two);
    await conversation.begin({ room: "den", agent: undefined });
    printed.splice(0);
    conversation.onState("room/den", state(1, 30));
    conversation.onEvent("room/den", { type: "posted", message: message(31) }, 40);
    conversation.onState("room/den", state(20, 60));
    const seqs = printed.flatMap((line) => /message (\d+)/.exec(line)?.[1] ?? []).map(Number);
    expect(seqs).to.deep.equal(Array.from({ length: 50 }, (_, index) => index + 11));
  });

  it("prints into a pipe only what came after it began, and all of that", async () => {
    const { conversation, printed } = stage(two, false);
    await conversation.begin({ room: "den", agent: undefined });
    conversation.onState("room/den", { title: "Den", topic: "", messages: [] });
    conversation.onState("room/den", state(1, 2));
    const late = stage(two, false);
    await late.conversation.begin({ room: "den", agent: undefined });
    late.conversation.onState("room/den", state(1, 30));
    late.conversation.onEvent("room/den", { type: "posted", message: message(31) }, 40);
    late.conversation.onState("room/den", state(20, 33));
    const numbers = (lines: readonly string[]) => lines.map((line) => Number(/message (\d+)$/.exec(line)?.[1]));
    expect(numbers(printed)).to.deep.equal([1, 2]);
    expect(numbers(late.printed)).to.deep.equal([31, 32, 33]);
  });
});
