import { expect } from "chai";
import {
  allCommands,
  clientCommands,
  commandTables,
  maySend,
  permissions,
  type Command,
  type CommandFrom,
  type Holder,
  type PermissionRow,
} from "../../../protocols/index.ts";
import type { Message, Sender } from "../../../actors/behavior.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

describe("the rows of commands", () => {
  it("say for each command of clients what it is for and who may", () => {
    for (const { kind, name, row } of clientCommands) {
      expect(row.permission, `${kind}.${name}`).to.be.a("string");
      expect(row.summary, `${kind}.${name}`).to.match(/\w{3}/);
    }
  });

  it("have a GET for what reads and for nothing else, and no route twice", () => {
    const routes = allCommands.flatMap(({ kind, name, row }) =>
      (row.http ?? []).map((route) => ({ ...route, row, name: `${kind}.${name}` })),
    );
    for (const { method, name, row } of routes) expect(method === "GET", name).to.equal(row.effect === "reads");
    const places = routes.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, ":")}`);
    expect(new Set(places).size).to.equal(places.length);
  });

  it("open to REST what clients may send, and nothing else", () => {
    for (const { kind, name, row } of allCommands)
      if (row.http !== undefined) expect(row.from, `${kind}.${name}`).to.include("client");
  });

  it("bind their actors: a sender that a row does not name is refused", () => {
    const senders: readonly Sender[] = ["gateway", "node", "user/ada", "agent/ada.helper", "room/other"];
    let refused = 0;
    for (const { kind, name, row } of allCommands) {
      const fixture = fixtureWith("ada");
      fixture.ok("user/ada", "room/lobby", { type: "create" });
      for (const from of senders.filter((sender) => !maySend(row, sender))) {
        const code = fixture.code(from, `${kind}/ada`, { type: name });
        expect(code, `${kind}.${name} from ${from}`).to.equal("FORBIDDEN");
        refused += 1;
      }
    }
    expect(refused).to.be.above(100);
  });
});

type RoomCommand = CommandFrom<typeof commandTables.room, "client">["type"];

/** Each command to a room, so that only a right can be missing; message 1 and poll 2 are carol's. */
const asked: Readonly<Record<RoomCommand, Omit<Message, "type">>> = {
  create: {},
  join: {},
  leave: {},
  invite: { member: "user/fay" },
  remove: { member: "user/gil" },
  unban: { member: "user/noah" },
  bans: {},
  links: {},
  warnings: {},
  acknowledgeWarning: { id: "w1" },
  versions: { seq: 1 },
  fileText: { file: `${"0".repeat(32)}.lobby` },
  removePreviews: { seq: 1 },
  topics: {},
  moveTopic: { seq: 1, into: "other" },
  resolveTopic: { topic: "release", resolved: true },
  followTopic: { topic: "release", interest: "follow" },
  followThread: { seq: 3, follow: true },
  setArchived: { archived: true },
  setVisibility: { visibility: "private" },
  setRules: { posting: "moderators" },
  setAgents: { turns: 2 },
  stopAgents: {},
  agents: {},
  setRole: { member: "user/bert", role: "moderator" },
  setTitle: { title: "other" },
  setTopic: { topic: "other" },
  post: { text: "hi" },
  stop: { seq: 1 },
  edit: { seq: 1, text: "other" },
  delete: { seq: 1 },
  react: { seq: 1, emoji: "👍", on: true },
  pin: { seq: 1, on: true },
  poll: { question: "Which?", options: ["this", "that"] },
  vote: { seq: 2, choices: [0] },
  closePoll: { seq: 2 },
  pollResults: { seq: 2 },
  markRead: { seq: 1 },
  markUnread: { seq: 1 },
  typing: {},
  describe: {},
  summary: {},
  files: {},
  ownFiles: {},
  deleteOwn: { seq: 1 },
  history: {},
  threads: {},
};

/** Somebody of each sort, and as which holder of the table they count. Elle has a rank in another room; noah was banned
 *  from this one. */
const people: Readonly<Record<string, readonly Holder[]>> = {
  olga: ["person", "member", "moderator", "owner"],
  mona: ["person", "member", "moderator"],
  carol: ["person", "member", "author"],
  bert: ["person", "member"],
  dan: ["person"],
  elle: ["person"],
  noah: ["person"],
};

function privateRoom(): Fixture {
  const fixture = fixtureWith(...Object.keys(people), "fay", "gil");
  fixture.ok("user/olga", "room/den", { type: "create", visibility: "private" });
  for (const name of ["mona", "carol", "bert", "gil"])
    fixture.ok("user/olga", "room/den", { type: "invite", member: `user/${name}` });
  fixture.ok("user/olga", "room/den", { type: "setRole", member: "user/mona", role: "moderator" });
  fixture.ok("user/olga", "room/den", { type: "remove", member: "user/noah", ban: true });
  fixture.ok("user/elle", "room/attic", { type: "create", visibility: "private" });
  fixture.ok("user/olga", "room/cellar", { type: "create" });
  fixture.ok("user/elle", "room/cellar", { type: "join" });
  fixture.ok("user/olga", "room/cellar", { type: "setRole", member: "user/elle", role: "moderator" });
  fixture.ok("user/carol", "room/den", { type: "post", text: "hi", topic: "release" });
  fixture.ok("user/carol", "room/den", { type: "poll", question: "Which?", options: ["this", "that"] });
  fixture.ok("user/carol", "room/den", { type: "post", text: "a thread" });
  fixture.ok("user/carol", "room/den", { type: "post", text: "of one's own", replyTo: 3 });
  return fixture;
}

describe("the permissions in a room", () => {
  for (const [type, fields] of Object.entries(asked) as [RoomCommand, Message][])
    it(`are as the table has them, whoever asks: ${type}`, () => {
      const { permission = "cluster.own" }: Command = commandTables.room[type];
      const { has }: PermissionRow = permissions[permission];
      for (const [name, holders] of Object.entries(people)) {
        const fixture = privateRoom();
        if (type === "join") fixture.ok("user/fay", "room/open", { type: "create" });
        const place = type === "create" ? "room/new" : type === "join" ? "room/open" : "room/den";
        const code = fixture.code(`user/${name}`, place, { ...fields, type });
        // Of a private room outsiders do not learn that it exists.
        const refusals = ["FORBIDDEN", "NOT_A_MEMBER", "BANNED", ...(holders.includes("member") ? [] : ["NOT_FOUND"])];
        const may = !refusals.includes(code);
        expect(may, `${name}: ${code}`).to.equal(has.some((holder) => holders.includes(holder)));
      }
    });

  it("tell a stranger the same of a private room and of one that was never made, whatever is asked", () => {
    for (const [type, fields] of Object.entries(asked) as [RoomCommand, Message][]) {
      if (type === "create") continue;
      const fixture = privateRoom();
      const message = { ...fields, type };
      const of = (place: `room/${string}`) => JSON.stringify(fixture.do("user/dan", place, message));
      expect(of("room/den"), type).to.equal(of("room/never"));
    }
  });
});
