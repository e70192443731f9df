import { expect } from "chai";
import {
  allCommands,
  clientCommands,
  maySend,
  permissions,
  type Holder,
  type Permission,
  type PermissionRow,
} from "../../../protocols/index.ts";
import type { Message, Sender } from "../../../actors/behavior.ts";
import { stageWith, type Stage } from "./stage.ts";

const keys = {
  room: "lobby",
  user: "ada",
  agent: "ada.helper",
  catalog: "rooms",
  "role-manager": "cluster",
  ledger: "ada",
  "shard-holder": "g1.0",
  backup: "cluster",
} as const;

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
      const stage = stageWith("ada");
      stage.ok("user/ada", "room/lobby", { type: "create" });
      for (const from of senders.filter((sender) => !maySend(row, sender))) {
        const code = stage.code(from, `${kind}/${keys[kind]}`, { type: name });
        expect(code, `${kind}.${name} from ${from}`).to.equal("FORBIDDEN");
        refused += 1;
      }
    }
    expect(refused).to.be.above(100);
  });
});

type RoomPermission = Extract<Permission, `room.${string}`>;

/** For each permission in a room a command that needs it; message 1 and poll 2 are carol's. */
const needing: Readonly<Record<RoomPermission, Message>> = {
  "room.create": { type: "create" },
  "room.join": { type: "join" },
  "room.see": { type: "describe" },
  "room.read": { type: "history" },
  "room.leave": { type: "leave" },
  "room.post": { type: "post", text: "hi" },
  "room.edit": { type: "edit", seq: 1, text: "other" },
  "room.delete": { type: "delete", seq: 1 },
  "room.close": { type: "closePoll", seq: 2 },
  "room.pin": { type: "pin", seq: 1, on: true },
  "room.invite": { type: "invite", member: "user/fay" },
  "room.remove": { type: "bans" },
  "room.rename": { type: "setTitle", title: "other" },
  "room.rank": { type: "setRole", member: "user/bert", role: "moderator" },
};

/** Somebody of each sort, and as which holder of the table they count. */
const people: Readonly<Record<string, readonly Holder[]>> = {
  olga: ["person", "member", "moderator", "owner"],
  mona: ["person", "member", "moderator"],
  carol: ["person", "member", "author"],
  bert: ["person", "member"],
  dan: ["person"],
};

function privateRoom(): Stage {
  const stage = stageWith(...Object.keys(people), "fay");
  stage.ok("user/olga", "room/den", { type: "create", visibility: "private" });
  for (const name of ["mona", "carol", "bert"])
    stage.ok("user/olga", "room/den", { type: "invite", member: `user/${name}` });
  stage.ok("user/olga", "room/den", { type: "setRole", member: "user/mona", role: "moderator" });
  stage.ok("user/carol", "room/den", { type: "post", text: "hi" });
  stage.ok("user/carol", "room/den", { type: "poll", question: "Which?", options: ["this", "that"] });
  return stage;
}

describe("the permissions in a room", () => {
  for (const [permission, message] of Object.entries(needing) as [RoomPermission, Message][])
    it(`are as the table has them: ${permission}`, () => {
      const { has }: PermissionRow = permissions[permission];
      for (const [name, holders] of Object.entries(people)) {
        const stage = privateRoom();
        if (message.type === "join") stage.ok("user/dan", "room/open", { type: "create" });
        const place = message.type === "create" ? "room/new" : message.type === "join" ? "room/open" : "room/den";
        const code = stage.code(`user/${name}`, place, message);
        const may = !["FORBIDDEN", "NOT_A_MEMBER"].includes(code);
        expect(may, `${name}: ${code}`).to.equal(has.some((holder) => holders.includes(holder)));
      }
    });
});
