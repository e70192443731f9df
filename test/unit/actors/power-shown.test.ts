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
import { actorLimits } from "../../../actors/limits.ts";
import { Fixture } from "./fixture.ts";

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
const passkey = { id: "p", publicKey: "key", counter: 0, host: "chat.example" };
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
  "user.create": [{ displayName: "Build" }],
  "user.openSession": [{ id: "k1", kind: "key", label: "x", tokenHash: "t" }],
  "user.linkIdentity": [{ provider: "company", issuer: "https://id.example", subject: "7" }],
  "user.unlinkIdentity": [{ issuer: "https://id.example", subject: "7" }],
  "user.beginTotp": [{ sealed: "seed" }],
  "user.confirmTotp": [{ step: 1 }],
  "user.removeTotp": [{}],
  "user.setRecovery": [{ hashes: [] }],
  "user.addPasskey": [{ ...passkey, name: "phone", transports: [], synced: false }],
  "user.removePasskey": [{ id: "p" }],
  "user.beginMail": [{ address: "ada@mail.example", claim: "c", secretHash: "s", lifeMs: 1_000 }],
  "user.removeMail": [{}],
  "user.makeReset": [{ secretHash: "s", lifeMs: 1_000 }],
  "user.setSuspended": [{ suspended: true }, { suspended: false }],
  "user.beginDeletion": [
    { waitMs: 0, byAdmin: false },
    { waitMs: 0, byAdmin: true },
  ],
  "user.endDeletion": [{}],
  "user.exportAccount": [{}, { byAdmin: true }],
  "user.endSession": [{}],
};
/** Commands by which a gateway changes something without a permission of power, and what speaks for each. */
const others: Readonly<Record<string, string>> = {
  "room.admitGuest": "brings in a guest whose invitation was used; the room asks whether its maker may",
  "room.upload": "a file of a member; the room asks whether they may post",
  "room.uploadTake": "the same",
  "room.uploadPart": "the same",
  "room.uploadDrop": "the same",
  "room.settleFile": "a permission without power",
  "quarantine.drop": "takes a row off the list whose file the room does not know any more",
  "room.addLink": "a link of a member; the room asks whether they may make one",
  "room.mute": "takes somebody's word in a room; the room asks whether the asker may",
  "room.unmute": "the same",
  "room.warn": "the same",
  "room.deleteMessages": "the same of messages",
  "room.joinByLink": "the hash of a link's secret",
  "room.removeLink": "the same as making one",
  "groups.set": "a permission without power",
  "groups.remove": "a permission without power",
  "emoji.add": "a permission without power",
  "emoji.remove": "a permission without power",
  "user.openSession": "a session: its proofs are compared with what the account asks for",
  "user.confirmSession": "its proofs are compared with what the account asks for",
  "user.sessionUsed": "a time and an address",
  "user.vouchIdentity": "takes a way in away, or notes that it is somebody else's",
  "user.useTotp": "uses a code up",
  "user.useRecovery": "uses a code up, by its hash",
  "user.usePasskey": "raises a counter",
  "user.resetPassword": "the hash of a link's secret",
  "user.confirmMail": "the hash of a link's secret",
  "user.keyUsed": "a time",
  "user.reserveStorage": "room for an upload, of which there are few, for two minutes",
  "user.freeStorage": "gives such room back",
  "user.setPassword": "the old password, in a session of the account",
  "user.signInsFailed": "a count",
  "user.setAvatar": "a picture",
  "user.addPush": "an address of a push service, in a session of the account",
  "user.setPush": "what the notices of a browser say",
  "user.removePush": "a browser is told nothing more; its push service says so as well, and has no session",
  "user.setDigest": "what the person gets by mail, in a session of the account",
  "user.endDigest": "a person gets no more of this mail; the link in one has no session",
  "user.awaitDigest": "a time",
  "user.takeDigest": "up to where a person was told",
  "user.settleDigest": "what became of a mail",
  "user.addShared": "a link to what its person may read, by the hash of its secret",
  "user.removeShared": "a link shows nothing any more",
  "activity.setReport": "sums that name no person",
  "activity.removeReport": "sums that name no person",
  "activity.sendReport": "sums that name no person",
  "activity.cancelReport": "sums that name no person",
  "activity.setUse": "counts that name no person",
  "activity.removeUse": "counts that name no person",
  "activity.giveFeedback": "words without a name",
  "activity.endFeedback": "words without a name",
  "agent.attach": "a picture of the person who asks",
  "agent.attachSound": "a sound of the person who asks",
  "role-manager.claimAdmin": "the hash of the code that the node printed",
  "role-manager.audit": "writes what was done",
  "claim.take": "says whose a name is; the account decides",
  "claim.release": "says whose a name is; the account decides",
  "watch.acknowledge": "a permission without power",
  "backup.removeSchedule": "a permission without power",
  "backup.cancel": "a permission without power",
  "backup.resume": "a permission without power",
};
/** The rows that a gateway sends and that may need a permission of power. */
const concerned = allCommands.filter(
  ({ row }) =>
    row.from.includes("gateway") &&
    (row.needsFor !== undefined || (row.permission !== undefined && permissionOf(row.permission).power !== "none")),
);

/** An account with a fresh session `s1`, one that was opened long ago, and a key. */
function account(): { readonly state: unknown; readonly nowMs: number } {
  const fixture = new Fixture();
  const to = "user/cluster";
  fixture.ok("gateway", to, { type: "create", passwordHash: "argon" });
  const open = (id: string, kind: string) =>
    fixture.ok("gateway", to, { type: "openSession", id, kind, label: "x", tokenHash: id });
  open("old", "session");
  open("key", "key");
  fixture.pass(3 * wireLimits.freshSignInMs + 1);
  open("s1", "session");
  return { state: fixture.stateOf(to), nowMs: fixture.nowMs };
}
const held = account();

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
  const hasAccount = kind === "user" && type !== "create";
  const turn = { self, key: "cluster", nowMs: held.nowMs, from, notes: behavior.notes?.initial() };
  const message = { type, ...frame, ...(said && { shown: said }) };
  if (!behavior.accepts(message)) return ["BAD_REQUEST"];
  const effects = behavior.decide(
    hasAccount ? held.state : behavior.initial(self),
    message,
    turn as never,
  ) as readonly Effect[];
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
      const session = "s1";
      expect(code({ as: "session", session }), what).to.equal("SIGN_IN_AGAIN");
      expect(code({ as: "session", session, provedAgoMs: freshSignInMs + 1 }), what).to.equal("SIGN_IN_AGAIN");
      expect(code({ as: "session", session, provedAgoMs: freshSignInMs }), what).to.equal("in");
      expect(code({ as: "token" }), what).to.equal(isForTokens(needed) ? "in" : "FORBIDDEN");
      expect(code({ as: "operator" }), what).to.equal(needed === "account.secure" ? "FORBIDDEN" : "in");
    }
  });

  it("is looked at by the account where it is a way in: the session is its own, and fresh by its own clock", () => {
    const ways = each.filter(({ needed }) => needed === "account.secure");
    expect(ways).to.have.length(13);
    for (const { what, frame } of ways) {
      const code = (said: Shown): string => answered(what, frame, "gateway", { provedAgoMs: 0, ...said })[0];
      expect(code({ as: "session", session: "nobody" }), what).to.equal("FORBIDDEN");
      expect(code({ as: "session" }), what).to.equal("FORBIDDEN");
      expect(code({ as: "session", session: "key" }), what).to.equal("FORBIDDEN");
      expect(code({ as: "session", session: "old" }), what).to.equal("SIGN_IN_AGAIN");
      expect(code({ as: "rule" }), what).to.equal("FORBIDDEN");
    }
  });

  it("lets an identity be linked as long after the sign-in as the way to its server and back may take", () => {
    const link = { type: "linkIdentity", provider: "company", issuer: "https://id.example", subject: "7" };
    const shownBy = { shown: { as: "session", session: "s1", provedAgoMs: 0 } };
    const after = (passedMs: number): string => {
      const fixture = new Fixture();
      fixture.ok("gateway", "user/ada", { type: "create", passwordHash: "argon" });
      fixture.ok("gateway", "user/ada", { type: "openSession", id: "s1", kind: "session", label: "x", tokenHash: "h" });
      fixture.pass(passedMs);
      return fixture.code("gateway", "user/ada", { ...link, ...shownBy });
    };
    // Ten minutes since the sign-in, ten at the server, ten until the yes: as long as each may take.
    expect(after(3 * wireLimits.freshSignInMs)).to.equal("accepted");
    expect(after(3 * wireLimits.freshSignInMs + 1)).to.equal("SIGN_IN_AGAIN");
  });

  it("is everything by which a gateway changes something, but for a written list", () => {
    const isOfPower = (what: string) => what !== "user.openSession" && Object.hasOwn(frames, what);
    const rest = allCommands
      .filter(({ row }) => row.from.includes("gateway") && row.effect === "changes")
      .map(({ kind, name }) => `${kind}.${name}`)
      .filter((what) => !isOfPower(what));
    expect(rest.toSorted()).to.deep.equal(Object.keys(others).toSorted());
  });

  it("is no link by mail where none goes, no key for a person, no password without a session", () => {
    const fixture = new Fixture();
    const to = "user/ada";
    const link = { type: "makeReset", secretHash: "s", lifeMs: 1_000, byMail: true };
    fixture.ok("gateway", to, { type: "create", passwordHash: "argon" });
    expect(fixture.code("gateway", to, link)).to.equal("FORBIDDEN");
    const contact = { address: "ada@mail.example", claim: "c" };
    fixture.ok("gateway", "user/bob", { type: "create", passwordHash: "argon", contact });
    expect(fixture.code("gateway", "user/bob", link)).to.equal("accepted");
    const key = { type: "openSession", id: "k1", kind: "key", label: "x", tokenHash: "t", byAdmin: true };
    expect(fixture.code("gateway", to, key), "a person's").to.equal("FORBIDDEN");
    fixture.ok("gateway", "user/build", { type: "create" });
    expect(fixture.code("gateway", "user/build", key), "a program's").to.equal("accepted");
    const set = (keepSession?: string) => ({ type: "setPassword", passwordHash: "next", keepSession });
    expect(fixture.code("gateway", to, { type: "setPassword", passwordHash: "next" })).to.equal("FORBIDDEN");
    fixture.ok("gateway", to, { type: "openSession", id: "s1", kind: "session", label: "x", tokenHash: "s" });
    fixture.ok("gateway", to, { type: "openSession", id: "k2", kind: "key", label: "x", tokenHash: "k" });
    expect(fixture.code("gateway", to, set("k2")), "a key").to.equal("FORBIDDEN");
    fixture.pass(actorLimits.sessionLifeMsMax);
    expect(fixture.code("gateway", to, set("s1")), "as a node of the last release says it").to.equal("accepted");
  });

  it("leaves alone what needs no power: a backup that a key or an older gateway begins", () => {
    expect(answered("backup.start", asks({ sort: "run" }), "gateway")).to.deep.equal(["in"]);
    expect(answered("backup.mayErase", { tenant: "user/bob" }, "node"), "a node acts for itself").to.deep.equal(["in"]);
  });
});
