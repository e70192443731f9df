/** Owners look at power themselves, whatever a gateway of an older version lets in by its own permissions. */
import { expect } from "chai";
import { behaviors } from "../../../actors/index.ts";
import type { Effect } from "../../../actors/behavior.ts";
import {
  allCommands,
  isForTokens,
  permissionOf,
  powerNeeded,
  wireLimits,
  type Permission,
  type Shown,
} from "../../../protocols/index.ts";

/** What is asked of backups. */
const asks = (task: object) => ({ wish: task, by: "ada" });
const place = asks({ sort: "place", query: { person: "user/bob" }, recall: "recall000001", existing: "again" });
const prune = asks({ sort: "prune", keep: { last: 1 } });
const rule = {
  severity: "warning",
  by: "user",
  steps: [{ action: "signIn" }],
  withinMinutes: 5,
  on: true,
};
/** One frame of each command of power, as a gateway of the last version sends it. */
const frames: Readonly<Record<string, readonly object[]>> = {
  "role-manager.setAdmin": [{ user: "bob", admin: true }],
  "role-manager.setRoles": [{ user: "bob", roles: ["admin"] }],
  "backup.putSchedule": [{ name: "n", cron: "0 3 * * *", ...prune }],
  "backup.start": [place, prune],
  "backup.hold": [{ id: "h", on: { snapshot: 1 }, reason: "case", by: "ada" }],
  "backup.lift": [{ id: "h", by: "ada" }],
  "backup.mayErase": [{ tenant: "user/bob" }],
  "backup.erased": [{ tenant: "user/bob" }],
  "backup.askRecall": [{ id: "r", ...place, reason: "lost", approvers: ["bob"] }],
  "backup.answerRecall": [{ id: "r", approve: true, by: "bob" }],
  "backup.beginRecall": [{ id: "r", by: "ada" }],
  "backup.mayRecall": [{ id: "r", by: "ada" }],
  "watch.setDetector": [{ name: "refused-person", set: {} }],
  "watch.setRule": [{ name: "r", rule }],
  "watch.removeRule": [{ name: "r" }],
  "watch.setPlaybook": [{ name: "p", playbook: { when: {}, acts: [{ do: "suspend" }] }, by: "ada" }],
  "watch.switchPlaybook": [{ name: "p", mode: "on", acts: [{ do: "suspend" }], by: "ada" }],
  "watch.removePlaybook": [{ name: "p" }],
};
/** The rows that a gateway sends and that may need a permission of power. */
const concerned = allCommands.filter(
  ({ row }) =>
    row.from.includes("gateway") &&
    (row.needsFor !== undefined || (row.permission !== undefined && permissionOf(row.permission).power !== "none")),
);

/** What the owner of the state answers: `in`, or the code of its refusal with the details. */
function answered(
  what: string,
  frame: object,
  from: "gateway" | "node",
  said?: Shown,
): readonly [string, (object | undefined)?] {
  const [kind, type] = what.split(".") as [string, string];
  const behavior = behaviors.find((one) => one.kind === kind);
  if (behavior?.accepts === undefined) throw new Error(`there is no kind ${kind}`);
  const self = `${kind}/cluster` as const;
  const turn = { self, key: "cluster", nowMs: 1_000, from, notes: behavior.notes?.initial() };
  const message = { type, ...frame, ...(said && { shown: said }) };
  if (!behavior.accepts(message)) return ["BAD_REQUEST"];
  const effects = behavior.decide(behavior.initial(self), message, turn as never) as readonly Effect[];
  const refusal = effects.find((effect) => effect.type === "refuse");
  if (refusal === undefined) return ["in"];
  const { permission } = refusal.details ?? {};
  // What is refused for what is asked, and not for who asks, was let in.
  if (permission === undefined) return ["in"];
  return [`${refusal.code}${effects.length === 1 ? "" : " and more"}`, refusal.details];
}

describe("what gives or takes power, at the owner of the state", () => {
  const each = concerned.flatMap(({ kind, name, row }) =>
    (frames[`${kind}.${name}`] ?? []).map((frame) => ({
      what: `${kind}.${name}`,
      frame,
      row,
      needed: powerNeeded(row, { type: name, ...frame }) as Permission,
    })),
  );

  it("has a frame for each row of the table, and the field in each row", () => {
    const rows = concerned.map(({ kind, name }) => `${kind}.${name}`);
    expect(Object.keys(frames).toSorted()).to.deep.equal(rows.toSorted());
    for (const { what, row, needed } of each) {
      expect(Object.keys(row.params.properties), what).to.include("shown");
      expect(needed, what).to.be.a("string");
    }
  });

  it("is refused as an older gateway sends it, with the true cause, and nothing is written down", () => {
    for (const { what, frame, needed } of each) {
      const [code, details] = answered(what, frame, "gateway");
      expect(code, what).to.equal("FORBIDDEN");
      expect(details, what).to.include({ permission: needed });
      expect(JSON.stringify(details), what).to.contain("node of an older version");
    }
  });

  it("is refused to an API key, an old sign-in, and a token where it gives; let in when enough was shown", () => {
    const { freshSignInMs } = wireLimits;
    for (const { what, frame, needed } of each) {
      const code = (said: Shown): string => answered(what, frame, "gateway", said)[0];
      expect(code({ as: "key" }), what).to.equal("FORBIDDEN");
      expect(code({ as: "key", provedAgoMs: 0 }), what).to.equal("FORBIDDEN");
      expect(code({ as: "later-word", provedAgoMs: 0 }), what).to.equal("FORBIDDEN");
      expect(code({ as: "session" }), what).to.equal("SIGN_IN_AGAIN");
      expect(code({ as: "session", provedAgoMs: freshSignInMs + 1 }), what).to.equal("SIGN_IN_AGAIN");
      expect(code({ as: "session", provedAgoMs: freshSignInMs }), what).to.equal("in");
      expect(code({ as: "token" }), what).to.equal(isForTokens(needed) ? "in" : "FORBIDDEN");
      expect(code({ as: "operator" }), what).to.equal("in");
    }
  });

  it("leaves alone what needs no power: a backup that a key or an older gateway begins", () => {
    expect(answered("backup.start", asks({ sort: "run" }), "gateway")).to.deep.equal(["in"]);
    expect(answered("backup.mayErase", { tenant: "user/bob" }, "node"), "a node acts for itself").to.deep.equal(["in"]);
  });
});
