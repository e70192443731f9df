import { expect } from "chai";
import { accounts } from "../../../cli/chat/names.ts";
import fc from "fast-check";
import { describeActor } from "../../../cli/cluster/actors.ts";
import { describeStatus } from "../../../cli/cluster/status.ts";
import { banner } from "../../../cli/up/banner.ts";
import { commands, describeCommands, parseLine } from "../../../cli/chat/commands.ts";
import {
  describeMessage,
  describeResults,
  describeRoom,
  describeRoomEvent,
  describeAgentEvent,
  describeTurn,
  growDraft,
  describeThread,
} from "../../../cli/chat/view.ts";
import { scannerCheck } from "../../../cli/doctor/doctor-scanner.ts";
import { describeCheck, gpuCheck, machineChecks } from "../../../cli/doctor/index.ts";
import {
  describeBytes,
  describeDuration,
  describeFailure,
  describeRefusal,
  exitCodes,
  reportFailure,
  wrap,
} from "../../../cli/terminal/output.ts";
import {
  errorTable,
  failure,
  PlexusError,
  type ErrorCode,
  type ModelInfo,
  type NodeStatus,
  type RoomMessage,
} from "../../../protocols/index.ts";
import { withoutControls } from "../../../cli/terminal/printable.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { collected, model, status } from "./fixture.ts";

const plain = { ...accounts, color: false };

const message: RoomMessage = { seq: 7, author: "user/ada", text: "hi", atMs: 0 };

describe("a line of chat", () => {
  it("without a slash is said as it is", () => {
    expect(parseLine("  hello  there ")).to.deep.equal({ type: "say", text: "  hello  there " });
    expect(parseLine("    // in code")).to.deep.equal({ type: "say", text: "    // in code" });
    expect(parseLine("/quit ")).to.include({ type: "command", name: "quit" });
    expect(parseLine("/edit 3     if (a)")).to.include({ name: "edit", rest: "    if (a)" });
    expect(parseLine("//etc is a folder")).to.deep.equal({ type: "say", text: "/etc is a folder" });
    expect(parseLine("   ")).to.deep.equal({ type: "nothing" });
  });

  it("with a slash is a command with its words and the rest as typed", () => {
    expect(parseLine("/reply 12 two  spaces")).to.deep.equal({
      type: "command",
      name: "reply",
      words: ["12"],
      rest: "two  spaces",
    });
    expect(parseLine("/create den  The Den")).to.include({ name: "create", rest: "The Den" });
    expect(parseLine("/join den")).to.include({ name: "join", rest: "" });
    expect(parseLine("/topic all things")).to.include({ name: "topic", rest: "all things" });
  });

  it("takes a poll as the rest of the line, and needs what is not in brackets", () => {
    const rest = "Lunch? | Pizza | Soup";
    expect(parseLine(`/poll ${rest}`)).to.include({ name: "poll", rest });
    expect(parseLine("/vote 7 1, 3")).to.deep.include({ name: "vote", words: ["7"], rest: "1, 3" });
    expect(parseLine("/vote 7")).to.include({ name: "vote", rest: "" });
    expect(parseLine("/poll")).to.deep.equal({ type: "wrong", reason: "Usage: /poll QUESTION | OPTION | OPTION …" });
    expect(parseLine("/vote")).to.deep.equal({ type: "wrong", reason: "Usage: /vote N [OPTION …]" });
  });

  it("that is no command says what there is, also for names every object has", () => {
    for (const line of ["/jion den", "/constructor", "/", "/toString x"])
      expect(parseLine(line).type).to.equal("wrong");
    expect(parseLine("/reply 12")).to.deep.equal({ type: "wrong", reason: "Usage: /reply N TEXT" });
    expect(parseLine("/join")).to.deep.equal({ type: "wrong", reason: "Usage: /join ROOM" });
  });

  it("of any kind is understood or refused", () => {
    fc.assert(fc.property(fc.string({ unit: anyCharacter }), (text) => void parseLine(text)));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(commands)), fc.string(), (name, rest) => {
        expect(["command", "wrong"]).to.include(parseLine(`/${name} ${rest}`).type);
      }),
    );
  });

  it("is explained by /help, every one", () => {
    for (const name of Object.keys(commands)) expect(describeCommands()).to.include(`/${name}`);
  });
});

describe("what a reader sees", () => {
  const poll = {
    options: [
      { text: "Pizza", votes: 2 },
      { text: "So\u001bup", votes: 1 },
    ],
    voters: 3,
  };

  it("says where a link leads, whatever its page calls itself", () => {
    const previews = [{ url: "https://evil.example/x", title: "Sign in", site: "bank.example" }];
    const linked = { seq: 1, author: "user/ada", text: "x", atMs: 0, previews };
    const shown = describeMessage(linked, { color: false, who: String, said: () => "" });
    expect(shown).to.include("[page at evil.example: Sign in, bank.example]");
  });

  it("are polls with their options, counts, and how to vote", () => {
    const asked = { ...message, text: "Lunch?", poll };
    expect(describeMessage(asked, plain)).to.match(
      /ada: Lunch\?\n {6}1\) Pizza: 2\n {6}2\) So.?up: 1\n {6}3 people have voted; \/vote 7 N votes$/,
    );
    const closed = { ...asked, poll: { ...poll, multiple: true as const, closedAtMs: 1, voters: 1 } };
    expect(describeMessage(closed, plain)).to.match(/1 person has voted; the poll is closed$/);
    const several = { ...asked, poll: { ...poll, multiple: true as const } };
    expect(describeMessage(several, plain)).to.include("/vote 7 N N … votes");
    const by = "user/bob";
    expect(describeRoomEvent({ type: "voted", message: asked, by, choices: [0] }, plain)).to.match(
      /^\* bob voted for Pizza in #7 \(Pizza 2, So.?up 1\)$/,
    );
    expect(describeRoomEvent({ type: "voted", message: asked, by, choices: [] }, plain)).to.include(
      "took the vote back",
    );
    expect(describeRoomEvent({ type: "pollClosed", message: closed, by }, plain)).to.match(
      /^\* bob closed the poll #7\n/,
    );
    const results = describeResults({ seq: 7, question: "Lunch?", poll, choices: [0] }, plain);
    expect(results)
      .to.match(/^#7 Lunch\?\n/)
      .and.match(/You voted for Pizza\.$/);
    expect(`${results}${describeMessage(asked, plain)}`).to.not.include("\u001b");
  });

  it("are messages with number, author, what they answer and reactions", () => {
    const full = { ...message, replyTo: 3, editedAtMs: 1, reactions: { "👍": ["user/bob", "user/eve"], "🎉": [] } };
    expect(describeMessage(full, plain)).to.match(/^\d\d:\d\d #7 ada \(to #3\): hi \(edited\)\n {6}👍 2$/);
    expect(describeMessage({ ...message, text: "", deletedAtMs: 1 }, plain)).to.match(/ada: \(deleted\)$/);
    expect(describeMessage({ ...message, text: "one\ntwo" }, plain)).to.match(/one\n {6}two$/);
  });

  it("show above an agent's message what was called for it and what came of it, a line each, and nothing that moves the screen", () => {
    const calls = [
      { name: "calculator", arguments: '{"expression":"1 + 1"}', result: "2" },
      { name: "clock\u001b[2J", arguments: "{}", result: "Error: no", failed: true as const },
    ];
    const said = { ...message, author: "agent/ada.helper", text: "2.", rounds: [{ text: "Let me see.", calls }] };
    const lines = describeMessage(said, plain).split("\n");
    expect(lines.slice(0, 2)).to.deep.equal(["Let me see.", '* used calculator {"expression":"1 + 1"}: 2']);
    expect(lines[2])
      .to.match(/^\* could not use clock.*: Error: no$/)
      .and.not.include("\u001b");
    expect(lines[3]).to.match(/#7 ada\.helper: 2\.$/);
  });

  it("say which mention an agent answers, and that one will not be answered", () => {
    const said = { ...message, author: "agent/ada.helper", replyTo: 3, answers: 5 };
    expect(describeMessage({ ...said, text: "Yes." }, plain)).to.match(/#7 ada\.helper \(to #5\): Yes\.$/);
    const refused = { ...said, text: "Sorry, I am busy: 4 waiting already.", refused: "QUEUE_FULL" };
    expect(describeMessage(refused, plain)).to.match(/\(to #5\): Sorry, I am busy.* \(not answered: QUEUE_FULL\)$/);
  });

  it("keep the room quiet: an answer in a thread is one line with the count, and the thread has the rest", () => {
    const answer = { ...message, replyTo: 3, threadOnly: true as const, text: `first\nsecond ${"x".repeat(500)}` };
    const root = { ...message, seq: 3, replies: { count: 2, lastAtMs: 0 } };
    const line = describeRoomEvent({ type: "posted", message: answer, root }, plain) ?? "";
    expect(line).to.match(/#7 \w+ in the thread of #3, 2 replies: first second x+/);
    expect(line.split("\n")).to.have.length(1);
    expect(line.length).to.be.below(250);
    expect(describeMessage(root, plain)).to.include("(2 replies: /thread 3)");
    const thread = { root: 3, count: 2, last: { seq: 7, author: "user/bob", text: "so\nit is", atMs: 0 } };
    expect(describeThread(thread, plain)).to.equal("#3: 2 replies, the last of bob: so it is");
    const own = { readSeq: 3, unread: 2, mentioned: true };
    expect(describeThread({ ...thread, own }, plain)).to.equal("#3: 2 replies 2 new @you, the last of bob: so it is");
  });

  it("never lets other people's text steer the terminal", () => {
    const hostile = "\u001b[2Jgone\u0007\u009b1m\u202etxt";
    expect(withoutControls(hostile)).to.equal("�[2Jgone��1m�txt");
    for (const shown of [
      describeMessage({ ...message, text: hostile }, plain),
      describeRoomEvent({ type: "titled", title: hostile, by: "user/ada" }, plain) ?? "",
      describeTurn({ turn: 1, role: "assistant", text: hostile, atMs: 0 }, "agent/ada.x", false),
    ])
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      expect(shown).not.to.match(/[\u0000-\u0008\u001b\u009b\u202e]/);
  });

  it("are events as notes, and nothing for what needs none", () => {
    const by = "user/ada";
    expect(describeRoomEvent({ type: "left", member: by, atMs: 0, by }, plain)).to.equal("* ada left");
    expect(describeRoomEvent({ type: "left", member: "user/bob", atMs: 0, by }, plain)).to.equal("* ada removed bob");
    expect(describeRoomEvent({ type: "reacted", message, by, emoji: "👍", on: false }, plain)).to.match(/took 👍 back/);
  });

  it("are what scanners say of files, and nothing where they found nothing", () => {
    const file = { id: "0123456789abcdef.lobby", name: "a\u001b.exe", bytes: 5, type: "application/zip" } as const;
    const shown = (check?: "scanning" | "clean" | "quarantined" | "removed"): readonly string[] => {
      const files = [check === undefined ? file : { ...file, check }];
      const told = { type: "edited", message: { ...message, files }, by: "user/ada", checked: file.id } as const;
      return [describeMessage({ ...message, files }, plain), describeRoomEvent(told, plain) ?? "nothing"];
    };
    expect(shown()[0]).to.match(/\[a\ufffd\.exe, 5 B\]\n +\/save 7 saves it$/);
    expect(shown("clean")).to.deep.equal([shown()[0], "nothing"]);
    expect(shown("scanning")[0]).to.match(/\[a\ufffd\.exe, 5 B, being checked: nobody can fetch it yet\]$/);
    expect(shown("quarantined")[1]).to.equal("* a\ufffd.exe of #7: In quarantine");
    expect(shown("removed")[0]).not.to.include("/save");
  });

  it("says how an answer ended when it did not just end", () => {
    const turn = { turn: 2, role: "assistant", text: "Once", atMs: 0 } as const;
    expect(describeTurn({ ...turn, end: "stopped" }, "ada.x", false)).to.match(/Once \(stopped\)$/);
    expect(describeTurn({ ...turn, end: "failed", error: "QUEUE_FULL" }, "ada.x", false)).to.match(
      /failed: QUEUE_FULL/,
    );
    expect(describeTurn({ ...turn, end: "complete" }, "ada.x", false)).to.match(/Once$/);
    expect(describeTurn({ ...turn, end: "complete", again: true }, "ada.x", false)).to.match(/Once \(begun again/);
  });

  it("shows the tools that were called for an answer, before it or as they are called", () => {
    const call = { name: "clock", arguments: '{"timeZone":"x\u001b[2J"}', result: "Error: no", failed: true } as const;
    const round = { text: "Hm", calls: [call, { name: "calculator", arguments: "{}", result: "5" }] };
    const told = describeTurn(
      { turn: 2, role: "assistant", text: "Five", atMs: 0, end: "complete", rounds: [round] },
      "ada.x",
      false,
    );
    const [said, clock, calculator, answer] = told.split("\n");
    expect([said, calculator]).to.deep.equal(["Hm", "* used calculator {}: 5"]);
    expect(clock).to.match(/^\* could not use clock .*: Error: no$/);
    expect(told).to.not.include("\u001b");
    expect(answer).to.match(/ada\.x: Five$/);
    const event = { type: "generationStarted", generation: "g", turn: 2, attempt: 1, round } as const;
    expect(describeAgentEvent(event, false)).to.equal(told.split("\n").slice(0, 3).join("\n"));
  });

  it("counts unread messages and mentions of a room", () => {
    const room = {
      room: "den",
      title: "The Den",
      visibility: "public",
      memberCount: 2,
      messageSeq: 9,
      readSeq: 4,
      unread: 5,
      mentioned: true,
    } as const;
    expect(describeRoom(room, plain)).to.equal("den (The Den), 2 members 5 unread @you");
    const direct = { ...room, room: "dm.ada.bob", title: "" };
    const named = { ...plain, who: () => "Bob Müller" };
    expect(describeRoom(direct, named, "user/bob")).to.equal("dm.ada.bob (with Bob Müller), 2 members 5 unread @you");
  });
});

describe("a draft", () => {
  it("grows by its pieces, starts anew at offset 0, and is given up at a gap", () => {
    const one = growDraft(undefined, { generation: "g", offset: 0, text: "Hel" });
    const two = growDraft(one, { generation: "g", offset: 3, text: "lo" });
    expect(two).to.deep.equal({ generation: "g", text: "Hello" });
    expect(growDraft(two, { generation: "g", offset: 3, text: "p" })?.text).to.equal("Help");
    expect(growDraft(two, { generation: "g", offset: 9, text: "x" })).to.equal(undefined);
    expect(growDraft(two, { generation: "h", offset: 5, text: "x" })).to.equal(undefined);
    expect(growDraft(two, { generation: "h", offset: 0, text: "New" })?.text).to.equal("New");
  });

  it("is whole again from pieces that are each sent once, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (pieces) => {
        let offset = 0;
        let draft = growDraft(undefined, { generation: "g", offset, text: pieces[0] ?? "" });
        for (const text of pieces.slice(1)) {
          offset = draft?.text.length ?? 0;
          draft = growDraft(draft, { generation: "g", offset, text });
        }
        // A piece at offset 0 starts anew, so only what follows the last such piece counts.
        expect(pieces.join("").endsWith(draft?.text ?? "")).to.equal(true);
      }),
    );
  });

  it("wraps at spaces and loses no letter", () => {
    expect(wrap("one two three", 8)).to.deep.equal(["one two", "three"]);
    expect(wrap("abcdefghij", 4)).to.deep.equal(["abcd", "efgh", "ij"]);
    expect(wrap("ab", 0), "a terminal without a size").to.deep.equal(["a", "b"]);
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 30 }), (text, width) => {
        const rows = wrap(text, width);
        expect(rows.every((row) => row.length <= width)).to.equal(true);
        expect(rows.join("").replaceAll(/\s/g, "")).to.equal(text.replaceAll(/\s/g, ""));
      }),
    );
  });
});

describe("errors on the command line", () => {
  it("start with the code, then list the details", () => {
    const text = describeFailure(failure("CONFIG_INVALID", { field: "port", got: 1 }), false);
    expect(text).to.match(/^error CONFIG_INVALID: .+\n {2}field: port\n {2}got: 1$/);
  });

  it("end with a code by outcome", () => {
    const output = collected();
    expect(reportFailure(output, new PlexusError(failure("NOT_FOUND")), false)).to.equal(exitCodes.failed);
    expect(reportFailure(output, new PlexusError(failure("UNREACHABLE")), false)).to.equal(3);
    expect(reportFailure(output, new PlexusError(failure("ASK_TIMEOUT")), true)).to.equal(4);
    expect(JSON.parse(output.err[2] ?? "")).to.have.nested.property("error.code", "ASK_TIMEOUT");
    expect(output.out).to.have.length(0);
  });

  it("say nothing of operation ids, which nobody names at a terminal, and what to do instead", () => {
    for (const code of Object.keys(errorTable) as ErrorCode[])
      expect(describeFailure(failure(code), false), code).not.to.match(/operation ?id/i);
    const down = failure("SLOT_UNAVAILABLE", {
      slot: "manager/220",
      node: "b",
      reason: "the node that has it is down",
    });
    expect(describeFailure(down, false)).to.include(
      "Start b again, or wait until another node has taken over what it has.",
    );
    expect(describeFailure(down, false, false), "to who only chats").not.to.include("Start b");
    const stays = failure("SLOT_UNAVAILABLE", { ...down.details, because: "DIRECTORY_AWAY" });
    expect(describeFailure(stays, false))
      .to.include("Start b again. While the directory does not answer, no other node takes over what it has.")
      .and.not.include("or wait");
    const lost = describeFailure(failure("PEER_LOST", { node: "n2" }), false);
    expect(lost).to.match(/^error PEER_LOST: The connection to another node ended.*`plexus nodes`/);
    expect(lost).to.match(/^ {2}node: n2\n {2}hint: .*check before you repeat it/m);
    expect(describeFailure(failure("PEER_LOST"), false, false), "to who only chats").not.to.include("plexus nodes");
    const hinted = describeFailure(failure("PEER_LOST", { hint: "It may still arrive." }), false);
    expect(hinted)
      .to.match(/\n {2}hint: It may still arrive\.$/)
      .and.not.include("check before");
  });

  it("word what a refusal advises as commands, and leave out advice of a later version", () => {
    const said = (advice: unknown) => describeFailure(failure("FORBIDDEN", { reason: "no", advice }), false);
    expect(said({ code: "drain", node: "n\u001b2" }))
      .to.match(/^ {2}hint: `plexus nodes drain n\ufffd2 --wait` moves it away\..*--force/m)
      .and.not.include("advice");
    expect(said({ code: "startAndDrain", node: "n2" })).to.match(
      /^ {2}hint: If it is started again, .*drain n2 --wait/m,
    );
    expect(said({ code: "setRoles", node: "n2", roles: ["chat", "ai"] })).to.include("plexus nodes roles n2 chat,ai");
    expect(said({ code: "migrateDirectory" })).to.include("plexus directory migrate");
    expect(said({ code: "askAnotherNode" })).to.include("at another node");
    expect(said({ code: "waitForRain" })).to.equal("error FORBIDDEN: no.");
  });

  it("begin with the reason where there is one, and with the name of what is not there", () => {
    const said = (...given: Parameters<typeof failure>) => describeFailure(failure(...given), false);
    expect(said("FORBIDDEN", { reason: "API keys may not do this" })).to.equal(
      "error FORBIDDEN: API keys may not do this.",
    );
    expect(said("CONFIG_INVALID", { field: "port", reason: "must be a number", from: "flags" })).to.equal(
      "error CONFIG_INVALID: port: must be a number.\n  from: flags",
    );
    expect(said("NOT_FOUND", { node: "n9", hint: "See." })).to.equal(
      "error NOT_FOUND: There is no node n9.\n  hint: See.",
    );
    expect(said("CONFIG_INVALID", { field: "", from: "file /x", reason: "no such file" })).to.equal(
      "error CONFIG_INVALID: file /x: no such file.",
    );
    const own = { ...failure("FORBIDDEN", { reason: "it keeps it" }), message: "node-a was not evicted." };
    expect(describeFailure(own, false)).to.equal("error FORBIDDEN: node-a was not evicted.\n  reason: it keeps it");
  });

  it("leave out a detail that is empty", () => {
    expect(describeFailure(failure("CONFIG_INVALID", { field: "", from: "f" }), false)).to.match(
      /try again\.\n {2}from: f$/,
    );
  });

  it("say in words what the system refused, with its code", () => {
    expect(describeRefusal(Object.assign(new Error("x"), { code: "EADDRINUSE" }))).to.match(/--port.*\(EADDRINUSE\)$/);
    expect(describeRefusal(Object.assign(new Error("x"), { code: "EIO" }))).to.equal("EIO");
    expect(describeRefusal(new Error("as it is"))).to.equal("as it is");
  });

  it("show where a fault of our own happened", () => {
    const output = collected();
    expect(reportFailure(output, new Error("boom"), false)).to.equal(4);
    expect(output.err[0]).to.match(/INTERNAL[\s\S]*boom[\s\S]*text\.test/);
  });
});

describe("sizes and durations", () => {
  it("are said with the unit that fits", () => {
    expect([0, 1, 1023, 1536, 2_340_992, 3 * 1024 ** 3].map(describeBytes)).to.deep.equal([
      "0 B",
      "1 B",
      "1023 B",
      "1.5 KiB",
      "2.2 MiB",
      "3.0 GiB",
    ]);
    expect([0, 999, 61_000, 3_725_000, 86_400_000].map(describeDuration)).to.deep.equal([
      "0 s",
      "0 s",
      "1 min 1 s",
      "1 h 2 min",
      "1 d",
    ]);
  });
});

describe("the banner", () => {
  const started = {
    nodesMissing: 0,
    joined: true,
    version: "1.2.3",
    url: "http://127.0.0.1:7070",
    hasPage: true,
    dataFolder: "/data",
    color: false,
    startCommand: "plexus up",
    ai: true,
  };

  it("says address, data folder, and the admin code with what it is for while there is one", () => {
    const text = banner({ ...started, models: [model], adminCode: "ABCD-EFGH" });
    for (const part of ["Plexus 1.2.3", "http://127.0.0.1:7070", "/data", "ABCD-EFGH", "first account"])
      expect(text).to.include(part);
    expect(banner({ ...started, models: [model] })).not.to.include("Admin code");
    expect(text).to.match(/Open +http/);
    const bare = banner({ ...started, models: [model], hasPage: false });
    expect(bare)
      .to.match(/API +http.*\n.*npm run build:web/)
      .and.not.include("Open");
    const early = banner({ ...started, models: [model], nodesMissing: 2 });
    expect(early).to.include("for 2 more nodes: minInSync requires them").and.include("plexus invite");
  });

  it("calls no node ready that serves nothing, and says why and where to look", () => {
    const text = banner({ ...started, joined: false, models: [model] });
    expect(text).to.not.include("is ready");
    expect(text).to.include("serves nothing yet: the cluster's directory has not answered. `plexus nodes` says why.");
  });

  it("says plainly what a demonstration model is, that a model failed, and that there is none", () => {
    const label = { short: "tiny demonstration model", says: "A tiny demonstration model: it greets." };
    expect(banner({ ...started, models: [{ ...model, label }] })).to.match(/tiny demonstration.*\n.*--model/);
    expect(banner({ ...started, models: [{ ...model, state: "failed", reason: "cut off" }] })).to.include("cut off");
    const echo: ModelInfo = {
      ...model,
      model: "echo",
      sizeBytes: 0,
      label: { short: "repeats", says: "No model: it repeats." },
    };
    expect(banner({ ...started, models: [echo] })).to.match(/echo \(context 1024 tokens\)\n +No model: it repeats/);
    const elsewhere: ModelInfo = { ...model, contextTokens: 0, sizeBytes: 0, node: "node-c" };
    expect(banner({ ...started, models: [elsewhere] }))
      .to.include("m (on node-c)")
      .and.not.include("0 B");
    expect(banner({ ...started, models: [] })).to.match(/Model +none, so agents will not answer/);
    expect(banner({ ...started, models: [], ai: false })).to.match(/Model +none here/);
  });
});

describe("the doctor", () => {
  const machine = { cores: 4, memoryBytes: 8 * 1024 ** 3 };
  const facts = { nodeVersion: "26.1.0", platform: "linux x64", glibc: "2.36" };
  const states = (...given: Parameters<typeof machineChecks>) =>
    machineChecks(...given).map(({ name, state }) => `${name} ${state}`);

  it("finds nothing wrong with a usual machine", () => {
    expect(states(machine, facts)).to.deep.equal(["Node good", "C library good", "Cores good", "Memory good"]);
  });

  it("sees an old Node, a missing or old glibc, and what a control group takes away", () => {
    expect(states(machine, { ...facts, nodeVersion: "20.20.2" })).to.include("Node bad");
    expect(states(machine, { nodeVersion: "26.1.0", platform: "linux x64" })).to.include("C library warning");
    expect(states(machine, { ...facts, glibc: "2.9" })).to.include("C library warning");
    const small = { ...machine, quotaCores: 0.5, groupMemoryBytes: 256 * 1024 ** 2 };
    expect(states(small, facts)).to.include.members(["Cores warning", "Memory warning"]);
  });

  it("tells of graphics cards, and of one that is there and not used", () => {
    const card = { kind: "cuda" as const, cards: ["A"], memoryBytes: 2 ** 30, freeBytes: 2 ** 30 };
    expect(gpuCheck({ gpu: "auto" }, { interfaces: [card] })).to.include({
      state: "good",
      says: "cuda: A, 1.0 GiB of 1.0 GiB free",
    });
    expect(gpuCheck({ gpu: "off" }, { interfaces: [card] })).to.include({ state: "warning" });
    expect(gpuCheck({ gpu: "auto" }, { interfaces: [], because: "x" })).to.include({ state: "skipped" });
    const other = { ...card, kind: "vulkan" as const };
    const faults = new Map([["cuda", "too old"]] as const);
    expect(gpuCheck({ gpu: "auto" }, { interfaces: [card] }, faults)).to.include({
      state: "warning",
      says: "cuda: A, 1.0 GiB of 1.0 GiB free, but no model runs there",
      hint: "cuda: too old",
    });
    expect(gpuCheck({ gpu: "auto" }, { interfaces: [card, other] }, faults)).to.include({ state: "good" });
  });

  it("says whether the scanner of files answers, and how grave it is that it does not", async () => {
    const files = { scan: true, withoutScanner: "allow" } as const;
    expect((await scannerCheck({ files })).state).to.equal("skipped");
    const antivirus = "unix:/nowhere/clamd.ctl";
    const missing = await scannerCheck({ antivirus, files });
    expect(missing).to.deep.include({ name: "Antivirus", state: "warning" });
    expect(missing.says).to.match(/^clamd does not check files at unix:\/nowhere\/clamd\.ctl: connect ENOENT/);
    expect((await scannerCheck({ antivirus, files: { ...files, withoutScanner: "refuse" } })).state).to.equal("bad");
  });

  it("shows what to do below what is wrong", () => {
    const text = describeCheck({ name: "Port", state: "bad", says: "taken", hint: "Choose another." }, false);
    expect(text).to.equal("✖ Port           taken\n    Choose another.");
  });
});

describe("admin commands", () => {
  it("say which node is asked, and on which other one a model runs", () => {
    const text = describeStatus(status, false);
    expect(text).to.match(/^Node +node-b \(5f3c2a1b\), Plexus 1$/m);
    expect(text)
      .to.match(/^Models +m: ready on node-c$/m)
      .and.match(/^ +near: ready, tiny demonstration model$/m);
    const mesh = ["/ip4/10.0.0.5/tcp/7071/p2p/12D3KooW", "/ip4/127.0.0.1/tcp/7071/p2p/12D3KooW"];
    expect(describeStatus({ ...status, mesh }, false)).to.match(
      /^Mesh +\/ip4\/10.0.0.5\/tcp\/7071\/p2p\/12D3KooW\n +\/ip4\/127/m,
    );
    expect(describeStatus({ ...status, joined: true }, false)).not.to.match(/^(Cluster|Directory)/m);
    const away = { joined: false, directoryAway: { forMs: 3_000, because: "it is another etcd" } };
    expect(describeStatus({ ...status, ...away }, false))
      .to.match(/^Cluster +has not joined since it started/m)
      .and.match(/^Directory +has not answered for 3 s: it is another etcd$/m);
    const { name: _, ...older } = status;
    expect(describeStatus(older, false)).to.match(/^Node +5f3c2a1b, Plexus 1$/m);
    expect(describeStatus({ ...status, name: "\u001b[2J" }, false)).not.to.include("\u001b");
  });

  it("say in words why slots are not served, and what helps", () => {
    const describeSlots = (...quarantined: NodeStatus["slots"]["quarantined"]): string =>
      describeStatus({ ...status, slots: { open: 2, quarantined } }, false);
    const full = (slot: string, reason: string) => {
      const cause = failure("APPEND_FAILED", { reason, file: "/data/journal" });
      return { slot, reason: JSON.stringify({ because: cause.code, ...cause.details }), failure: cause };
    };
    const space = "ENOSPC: IO error: the journal/000009.log: No space left on device";
    const many = Array.from({ length: 20 }, (_, number) => full(`chat/${number}`, space));
    const text = describeSlots(
      { slot: "chat/40", reason: "{}", failure: failure("DATA_DAMAGED", { seq: 7, file: "/data/journal" }) },
      ...many,
    );
    expect(text).to.match(/^Slots +2 open, 1 quarantined, 20 refused for want of disk space$/m);
    expect(text).to.match(/^ +chat\/0, chat\/1, .* and \d+ more: the disk is full \(ENOSPC\), at \/data\/journal\./m);
    expect(text)
      .to.match(/Make room.*by themselves/)
      .and.match(/^ +chat\/40: .*damaged.*seq 7, file \/data\/journal/m);
    expect(text).to.not.match(/[{}]|quarantined.*chat\/0/);
    const limited = describeSlots(full("chat/1", "Error: EFBIG: IO error: 000009.log: File too large"));
    expect(limited)
      .to.match(/^Slots +2 open, 0 quarantined, 1 not served$/m)
      .and.include("ulimit -f");
    const waits = describeSlots({ slot: "chat/1", reason: "{}", failure: failure("NOT_IN_SYNC", { minInSync: 2 }) });
    expect(waits)
      .to.match(/^Slots .* 1 not served$/m)
      .and.match(/chat\/1: Too few copies.* \(minInSync 2\)/);
    expect(describeSlots({ slot: "chat/1", reason: "of an older node \u001b[2J" })).to.match(
      /^Slots +2 open, 1 quarantined\n +chat\/1: of an older node \ufffd/m,
    );
  });

  it("show quarantined slots and how to release an actor", () => {
    const status = describeStatus(
      {
        version: "1",
        node: "n1",
        url: "http://x",
        startedAtMs: 0,
        uptimeMs: 61_000,
        roles: ["chat"],
        models: [model],
        actors: { active: 1, quarantined: 1 },
        slots: { open: 1, quarantined: [{ slot: "chat/7", reason: "DATA_DAMAGED" }] },
        connections: 2,
        journal: { entries: 3, bytes: 4, location: "/data/journal" },
        eventLoopLagMs: 0.5,
        memoryBytes: 1024,
      },
      false,
    );
    expect(status).to.include("chat/7: DATA_DAMAGED").and.include("1 min 1 s").and.include("m: ready");
    const actor = describeActor(
      {
        actor: "room/den",
        slot: "chat/7",
        status: "quarantined",
        mailbox: 0,
        restarts: 6,
        epoch: 1,
        entries: 9,
        reminders: [{ id: "r", dueMs: 0 }],
        deadLetters: [{ id: 1, actor: "room/den", from: "user/ada", type: "post", atMs: 0, reason: "ACTOR_CRASHED" }],
        stateBytes: 10,
        lastError: "boom \u001b[2J",
      },
      false,
    );
    expect(actor).to.include("plexus actors release room/den").and.include("Dead letter 1: post from user/ada");
    expect(actor).not.to.include("\u001b");
  });
});
