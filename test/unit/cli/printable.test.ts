import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect } from "chai";
import fc from "fast-check";
import { banner } from "../../../cli/banner.ts";
import type { Follower, Link } from "../../../client/index.ts";
import { createConversation } from "../../../cli/chat/conversation.ts";
import { describeRoomEvent } from "../../../cli/chat/view.ts";
import { writeControlFile } from "../../../cli/control.ts";
import { describeFailure, type Output } from "../../../cli/output.ts";
import { fitting, guarded, jsonLine, printable, withoutControls } from "../../../cli/printable.ts";
import { createProgram } from "../../../cli/program.ts";
import { topFrame } from "../../../cli/top.ts";
import { failure, failureOf, ok, type RoomEvent } from "../../../protocols/index.ts";
import { slotRow } from "../gateway/cluster-fixture.ts";
import { collected, model, status, summary } from "./fixture.ts";

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2060-\u206f\u200b\ud800-\udfff\ufeff]/u;

/** Clears, renames the window, hides, answers as the keyboard, goes back to the line's start, turns around, hides in nothing. */
const hostile =
  "\u001b[2J\u001b]0;owned\u0007\u001b[8m\u001b[31m\u001b[c\r\u009b2J\u202egnp.exe\u2066\u200b\u00ad\ufeff\u0000\u007f\ud800\nerror: not yours";

/** The same data with hostile text wherever somebody else chooses the text. */
function poisoned<T>(value: T, key = ""): T {
  const chosenByTheCode = ["type", "state", "status", "kind", "role", "roles", "code", "outcome", "end", "runtime"];
  if (typeof value === "string") return (chosenByTheCode.includes(key) ? value : `${value}${hostile}`) as T;
  if (Array.isArray(value)) return value.map((each) => poisoned(each, key) as unknown) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      ["labels", "members", "reactions", "facts", "details"].includes(key) ? `${name}${hostile}` : name,
      poisoned(each as unknown, name),
    ]),
  ) as T;
}

const chunk = fc.oneof(
  fc.string({ unit: "binary" }),
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
    for (const text of ["Grüße, 字 👩‍🚀 ❤️ किताब می‌خواهم", "a\n\tb", "שלום", "e\u0301\u0323"]) expect(printable(text)).to.equal(text);
    expect(printable("one\r\ntwo")).to.equal("one\ntwo");
    expect(printable(`z${"\u0301".repeat(500)}`), "marks piled up").to.have.lengthOf(9);
  }); // prettier-ignore

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

/** Answers every path as a node would, with hostile text in it. */
function answerTo(path: string): unknown {
  const slots = [slotRow("chat/17", "node-b", { learners: ["x"], status: "short" }), slotRow("room/x", "node-c")];
  if (path.startsWith("/api/v1/admin/status")) return { ...status, mesh: ["/ip4/x"], directoryAway: { because: "y" } };
  if (path.endsWith("/summary"))
    return { ...summary, busiest: [{ actor: "room/x", node: "n", turnsPerSecond: 1 }], directoryAway: { because: "y" } };
  if (path.endsWith("/slots")) return { slots };
  if (path.endsWith("/engines"))
    return { serving: [{ engine: "generate", model: "m", node: "b", state: "ready", runtime: "r", device: "d", because: "why" }] };
  if (path.includes("/audit"))
    return { entries: [{ seq: 1, atMs: 0, action: "evict", by: "ada", facts: { name: "x" } }], more: false };
  if (path.startsWith("/api/v1/admin/actors?"))
    return { rows: [{ actor: "room/x", slot: "chat/1", node: "b", status: "idle", mailbox: 0, restarts: 0 }], more: false, unanswered: ["c"] }; // prettier-ignore
  if (path.startsWith("/api/v1/admin/actors/"))
    return {
      actor: "room/x",
      slot: "chat/1",
      node: "b",
      status: "quarantined",
      mailbox: 0,
      restarts: 0,
      epoch: 1,
      entries: 1,
      stateBytes: 1,
      lastError: "e",
      reminders: [{ id: "r", dueMs: 0 }],
      deadLetters: [{ id: 1, type: "post", from: "user/x", atMs: 0, reason: "why" }],
    };
  if (path.includes("/invitations")) return { token: "t", roles: ["chat"], expiresAtMs: 9e12, addresses: ["/ip4/127.0.0.1"] };
  if (path.includes("/move")) return { slot: "chat/1", owner: "b", epoch: 2 };
  if (path.includes("/nodes/")) return { node: "id-of-node-b", lastCopies: 2 };
  return undefined;
} // prettier-ignore

describe("what a node tells reaches no terminal that obeys it", function () {
  let folder: string;
  let node: Server;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-hostile-"));
    node = createServer((request, response) => {
      const answer = poisoned(answerTo(request.url ?? ""));
      response.statusCode = answer === undefined ? 403 : 200;
      const refusal = { code: "FORBIDDEN", outcome: "failed", message: "m", details: { reason: "r", node: "n", more: [1] } };
      response.end(JSON.stringify(answer ?? { error: poisoned(refusal) }));
    }); // prettier-ignore
    await once(node.listen(0, "127.0.0.1"), "listening");
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    await writeControlFile(folder, { url, controlToken: "t", pid: process.pid });
  });
  after(() => {
    node.close();
    rmSync(folder, { recursive: true });
  });

  /** Nothing of the machine's but where commands are, and what is compiled. */
  const environment = (): NodeJS.ProcessEnv => {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    return { PATH, HOME: folder, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) };
  };

  const asked: readonly (readonly string[])[] = [
    ["status"],
    ["nodes"],
    ["nodes", "drain", "node-b"],
    ["nodes", "evict", "node-b", "--force"],
    ["nodes", "roles", "node-b", "chat"],
    ["slots"],
    ["slots", "--not-ok"],
    ["slots", "move", "chat/1", "--to", "b"],
    ["audit"],
    ["models"],
    ["actors", "list"],
    ["actors", "show", "room/x"],
    ["actors", "release", "room/x"],
    ["invite"],
    ["top", "--once"],
    ["directory", "migrate", "--etcd", "http://127.0.0.1:1"],
  ];

  it("by any command, not even as a colour", async () => {
    for (const words of asked)
      for (const more of [[], ["--json"]])
        for (const columns of [Infinity, 60]) {
          const output: Output & { readonly out: string[]; readonly err: string[] } = collected(columns);
          const argv = [...words, "--data", folder, ...more];
          const program = await createProgram("1", { output, onExit: () => {} }, argv);
          const thrown = await program.parseAsync(argv, { from: "user" }).catch((error: unknown) => error);
          const failed = thrown instanceof Error ? [describeFailure(failureOf(thrown), false)] : [];
          const said = [...output.out, ...output.err, ...failed].join("\n");
          expect(said, argv.join(" ")).to.not.equal("").and.not.match(controls);
          if (more.length === 0) expect(said, argv.join(" ")).to.not.match(/^error: not yours/m);
        }
  });

  it("by a process, whose bytes are what counts", async () => {
    for (const words of asked) {
      const child = spawn(process.execPath, ["cli/main.ts", ...words, "--data", folder], {
        stdio: ["ignore", "pipe", "pipe"],
        env: environment(),
      });
      const [out, err] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
      expect(`${out.toString()}${err.toString()}`, words.join(" ")).to.not.equal("").and.not.match(controls);
    }
  });

  it("by a terminal of its own, with colours, and while it is drawn again and again", async function () {
    if (spawnSync("script", ["--version"]).status !== 0) this.skip();
    /** What our own drawing consists of: colours, the other screen, places of the cursor. */
    const own =
      // oxlint-disable-next-line no-control-regex -- as above
      /\u001b\[(?:0|1|2|22|31|32|33|34|35|36|39|41|49|90)m|\u001b\[\?(?:1049|25)[hl]|\u001b\[(?:H|K|J|\d+;1H)|\r+\n/g;
    for (const words of [...asked, ["top"]]) {
      const line = [process.execPath, "cli/main.ts", ...words, "--data", folder].map((word) => `'${word}'`).join(" ");
      const child = spawn("script", ["-qec", line, "/dev/null"], {
        env: { ...environment(), TERM: "xterm-256color", COLUMNS: "100", LINES: "40" },
      });
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        // The live view ends by a key, once it has been drawn.
        if (words[0] === "top" && words.length === 1 && said.includes("q quits")) child.stdin.end("q");
      });
      if (words[0] !== "top" || words.length > 1) child.stdin.end();
      await once(child, "close");
      expect(said.replaceAll(own, ""), words.join(" ")).to.not.equal("").and.not.match(controls);
    }
  });

  it("by a conversation: titles, topics, names, messages, events, activity", async () => {
    const said: string[] = [];
    const screen = {
      interactive: true,
      color: false,
      print: (text: string) => void said.push(text),
      showDraft: () => {},
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
      "user/ada": { notices: [{ action: "budgetUsedUp", facts, atMs: 1 }] },
      "room/lobby": { title: "t", topic: "about", messages: [message] },
      "agent/ada.helper": { conversation: [{ turn: 1, role: "assistant", text: "x", atMs: 0, end: "failed", error: "e" }], model: "m" },
    };
    let follower: Follower | undefined;
    const open = { status: "open", hello: {} } as unknown as Link;
    const client = {
      at: { name: `n${hostile}`, url: "", amongMany: true },
      link: open,
      call: async (command: string) => ok(poisoned(answers[command] ?? {})),
      follow(topic: string, wanted: Follower) {
        follower = wanted;
        wanted.state(poisoned(states[topic] as object), 1);
        return () => {};
      },
    } as unknown as Parameters<typeof createConversation>[0]["client"];
    const conversation = createConversation({
      user: "ada",
      client,
      screen,
      json: false,
      publicRooms: async () => ok(poisoned({ rows: [{ key: "z", title: "t" }] })) as never,
    });
    await conversation.begin({ room: "lobby", agent: undefined });
    for (const line of ["/rooms", "/who", "/history", "/agents"]) await conversation.take(line);
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
    for (const event of events) expect(describeRoomEvent(poisoned(event) as RoomEvent, false) ?? "").to.not.match(controls);
  }); // prettier-ignore

  it("by the first text of a node, which tells models of others", () => {
    const started = { version: "1", url: "http://x", hasPage: true, dataFolder: "/d", color: false, startCommand: "plexus up", nodesMissing: 0, ai: true }; // prettier-ignore
    for (const state of ["ready", "failed", "loading"] as const)
      expect(banner({ ...started, node: `n${hostile}`, models: [poisoned({ ...model, state, reason: "r", node: "n" })] })).to.not.match(controls); // prettier-ignore
  });
});
