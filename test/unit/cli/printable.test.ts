import { expect } from "chai";
import { accounts, Names } from "../../../cli/chat/names.ts";
import fc from "fast-check";
import { banner } from "../../../cli/up/banner.ts";
import { People, type Follower, type Link } from "../../../client/index.ts";
import { createConversation } from "../../../cli/chat/conversation.ts";
import { describeRoomEvent } from "../../../cli/chat/view.ts";
import { describeFailure, type Output } from "../../../cli/terminal/output.ts";
import { fitting, guarded, jsonLine, printable, withoutControls } from "../../../cli/terminal/printable.ts";
import { createProgram } from "../../../cli/program.ts";
import { topFrame } from "../../../cli/cluster/top.ts";
import { failure, failureOf, ok, refused, type RoomEvent } from "../../../protocols/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { asked, controls, hostile, poisoned, startHostileNode } from "../../fixtures/hostile.ts";
import { collected, model, summary } from "./fixture.ts";

const plain = { ...accounts, color: false };

const chunk = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.constantFrom("\u001b[31m", "\u001b[8m", "\u001b[1m", "\r\n", "\r", "\u009b", "\u202e", "👩‍🚀", "🏴‍☠️", "é", "字"),
);
const anyText = fc.array(chunk, { maxLength: 20 }).map((chunks) => chunks.join(""));

describe("text that is printed", () => {
  it("has no control character but line breaks and tabs, whatever it was", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).to.not.match(controls);
        expect(withoutControls(text))
          .to.not.match(controls)
          .and.not.match(/[\n\t]/);
        expect(guarded(text, false)).to.equal(printable(text));
        expect(printable(printable(text)), "nothing is left to be done").to.equal(printable(text));
        const colored = guarded(text, true).replaceAll(/\u001b\[(?:0|1|2|22|31|32|33|34|35|36|39|41|49|90)m/g, ""); // oxlint-disable-line no-control-regex -- as above
        expect(colored).to.not.match(controls);
      }),
    );
  });

  it("is as it was where people write", () => {
    for (const text of ["Grüße, 字 👩‍🚀 ❤️ किताब می‌خواهم", "a\n\tb", "שלום", "e\u0301\u0323"])
      expect(printable(text)).to.equal(text);
    expect(printable("one\r\ntwo")).to.equal("one\ntwo");
    expect(printable(`z${"\u0301".repeat(500)}`), "marks piled up").to.have.lengthOf(9);
  });

  it("says the same to programs, in signs that no terminal obeys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), anyText, (value, text) => {
        const line = jsonLine({ value, text });
        expect(line).to.not.match(controls);
        const wellFormed = JSON.parse(JSON.stringify({ value, text })) as unknown;
        expect(JSON.parse(line)).to.deep.equal(wellFormed);
      }),
    );
  });

  it("is cut by the columns it takes", () => {
    expect(fitting("字字字", 5)).to.deep.equal({ start: "字字", width: 4 });
    expect(fitting("👩‍🚀ab", 3)).to.deep.equal({ start: "👩‍🚀a", width: 3 });
    const nodes = summary.nodes.map((node) => ({ ...node, name: "字".repeat(40) }));
    const data = { summary: { ...summary, nodes }, slots: [], actors: [] };
    for (const line of topFrame(data, { columns: 60, rows: 50, color: false, nowMs: 0 }))
      expect(fitting(line, 60).start, line).to.equal(line);
  });
});

describe("what a node tells reaches no terminal that obeys it", () => {
  let node: Awaited<ReturnType<typeof startHostileNode>>;
  before(async () => void (node = await startHostileNode()));
  after(() => node.stop());

  it("by any command, not even as a colour", async () => {
    for (const words of asked)
      for (const more of [[], ["--json"]])
        for (const columns of [Infinity, 60]) {
          const output: Output & { readonly out: string[]; readonly err: string[] } = collected(columns);
          const argv = [...words, "--data", node.folder, ...more];
          const program = await createProgram("1", { output, onExit: () => {} }, argv);
          const thrown = await program.parseAsync(argv, { from: "user" }).catch((error: unknown) => error);
          const failed = thrown instanceof Error ? [describeFailure(failureOf(thrown), false)] : [];
          const said = [...output.out, ...output.err, ...failed].join("\n");
          expect(said, argv.join(" ")).to.not.equal("").and.not.match(controls);
          if (more.length === 0) expect(said, argv.join(" ")).to.not.match(/^error: not yours/m);
        }
  });

  it("by a conversation: titles, topics, names, messages, events, activity", async () => {
    const said: string[] = [];
    const screen = {
      interactive: true,
      color: false,
      print: (text: string) => void said.push(text),
      showDraft: () => {},
      onInterrupt: () => {},
      ring: () => {},
      setPrompt: () => {},
    } as unknown as Parameters<typeof createConversation>[0]["screen"];
    const message = { seq: 1, author: "user/ada", text: "hi", atMs: 0, reactions: { "👍": ["user/bob"] } };
    const answers: Record<string, unknown> = {
      "user.rooms": { rooms: [{ room: "x", title: "t", memberCount: 1, unread: 1 }], unreachable: ["room/y"] },
      "room.describe": { members: { "user/ada": { role: "owner" } } },
      "room.history": { messages: [message] },
      "user.describe": { agents: ["agent/ada.x"] },
    };
    const facts = { budget: "b", whose: "w", measure: "calls", per: "day", instead: "i", ending: "instead" };
    const states: Record<string, unknown> = {
      "user/ada": {
        notices: [{ action: "budgetUsedUp", facts, atMs: 1 }],
        notifications: { level: "all", rooms: [{ room: "r", level: "nothing" }], keywords: ["k"], quiet: { days: [1], fromMinute: 0, toMinute: 1, zone: "z" } },
      },
      "room/lobby": { title: "t", topic: "about", visibility: "public", members: {}, messages: [message] },
      "agent/ada.helper": { conversation: [{ turn: 1, role: "assistant", text: "x", atMs: 0, end: "failed", error: "e" }], model: "m" },
    };
    let follower: Follower | undefined;
    const open = { status: "open", hello: {} } as unknown as Link;
    const client = {
      at: { name: `n${hostile}`, url: "", amongMany: true },
      link: open,
      call: async (command: string) => ok(poisoned(answers[command] ?? {})),
      look: async () => ok(poisoned([{ user: "ben", here: "away", status: { text: "t", emoji: "😀" } }])),
      follow(topic: string, wanted: Follower) {
        follower = wanted;
        wanted.state(poisoned(states[topic] as object), 1);
        return () => {};
      },
    } as unknown as Parameters<typeof createConversation>[0]["client"];
    const conversation = createConversation({
      operation: () => Promise.reject(new Error("nothing is called")),
      user: "ada",
      client,
      screen,
      json: false,
      names: new Names(new People({ page: async () => ok({ rows: [], more: false }), card: async () => refused(failure("NOT_FOUND")) }), true, async () => ok({ rows: [], more: false })),
      search: () => expect.fail("nothing is searched"),
      missed: () => expect.fail("nothing is missed"),
      files: { send: async () => expect.fail("nothing is sent"), save: async ({ name }) => ok(name) },
    publicRooms: async () => ok(poisoned({ rows: [{ key: "z", title: "t" }] })) as never,
      askModel: () => { throw new Error("no model is asked"); },
      models: async () => ok(poisoned({ rows: [{ key: "z", title: "t" }] })) as never,
    });
    await conversation.begin({ room: "lobby", agent: undefined });
    for (const line of ["/rooms", "/who", "/history", "/agents", "/notify"]) await conversation.take(line);
    const by = "user/eve";
    const events = [
      { type: "posted", message },
      { type: "edited", message, by },
      { type: "deleted", message, by },
      { type: "reacted", message, by, emoji: "👍", on: true },
      { type: "pinned", message, by, on: true },
      { type: "joined", member: by },
      { type: "left", member: by, by: "user/bob" },
      { type: "banned", member: by, by: "user/bob", reason: "x" },
      { type: "roleSet", member: by, role: "owner" },
      { type: "titled", title: "t", by },
      { type: "topicSet", topic: "t", by },
    ];
    for (const event of events) follower?.event(poisoned(event), 2);
    conversation.onActivity(poisoned({ room: "room/y", author: by, mentioned: true }) as never);
    conversation.onLink({ ...open, away: `n${hostile}` } as Link);
    const reason = { ...failure("PEER_LOST"), code: `why${hostile}` } as never;
    conversation.onLink({ status: "waiting", retryAtMs: 0, attempt: 1, tried: false, reason });
    conversation.onLink({ ...open, hello: {}, degraded: { reason: failure("NODE_DEGRADED", { away: [`n${hostile}`] }), nodes: [] } } as unknown as Link);
    follower?.refused(poisoned(failure("FORBIDDEN")));
    await conversation.begin({ room: undefined, agent: "helper" });
    expect(said.join("\n")).to.have.lengthOf.above(200).and.not.match(controls).and.not.match(/^error: not yours/m);
    for (const event of events) expect(describeRoomEvent(poisoned(event) as RoomEvent, plain) ?? "").to.not.match(controls);
  }); // prettier-ignore

  it("by the first text of a node, which tells models of others", () => {
    const started = { version: "1", url: "http://x", hasPage: true, dataFolder: "/d", color: false, startCommand: "plexus up", nodesMissing: 0, joined: true, ai: true }; // prettier-ignore
    for (const state of ["ready", "failed", "loading"] as const)
      expect(
        banner({ ...started, node: `n${hostile}`, models: [poisoned({ ...model, state, reason: "r", node: "n" })] }),
      ).to.not.match(controls);
  });
});
