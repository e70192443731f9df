/** Two tabs, or two people, change one thing in any order: nothing is overwritten that its writer has not seen. What
 *  is written is found in the list of commands and in that of routes, so that none can be forgotten. */
import { expect } from "chai";
import { array, assert as property, asyncProperty, constantFrom, record } from "fast-check";
import { watchBudgets } from "../../../node/cluster/facts/budgets.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { allCommands, sameJson, type PeoplePage, type Result } from "../../../protocols/index.ts";
import routes from "../../../protocols/grpc/routes.json" with { type: "json" };
import { MemoryStore } from "../../conformance/directory-store.ts";
import { Fixture, fixtureWith } from "./fixture.ts";
import { inLobby, lobby, post, view } from "./lobby.ts";

/** A thing that is there, which two may change. */
interface Thing {
  /** What it is now; null: it is not there. */
  readonly now: () => unknown;
  /** What a writer who looks now has seen, where that is not the thing itself. */
  readonly mark?: () => unknown;
  readonly write: (value: unknown, seen: unknown) => Result<unknown> | Promise<Result<unknown>>;
}

/** What a command writes: one thing for each of its fields. */
interface Written {
  readonly values: readonly unknown[];
  readonly make: () => Thing | Promise<Thing>;
}

const ada = "user/ada";
const agent = "agent/ada.helper";
const watch = "watch/cluster";

/** A setting of an agent. */
const setting = (name: string, values: readonly unknown[]): Written => ({
  values,
  make() {
    const fixture = fixtureWith("ada");
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    return {
      now: () => fixture.ok<Record<string, unknown>>(ada, agent, { type: "describe" })[name],
      write: (value, seen) => fixture.do(ada, agent, { type: "update", [name]: value, seen: { [name]: seen } }),
    };
  },
});

/** A text of a room. */
const ofRoom = (field: "title" | "topic", type: string): Written => ({
  values: ["Hall", "Den", "Attic"],
  make() {
    const fixture = inLobby();
    const write: Thing["write"] = (value, seen) => fixture.do(ada, lobby, { type, [field]: value, seen });
    return { now: () => view(fixture)[field], write };
  },
});

/** What a gateway has written for admins: it is found under its name in a list of this actor. */
const named = (what: {
  readonly at: "watch/cluster" | "backup/cluster";
  readonly list: string;
  readonly shown: (row: Record<string, unknown>) => unknown;
  readonly message: (value: unknown) => { readonly type: string; readonly [field: string]: unknown };
  readonly values: readonly unknown[];
}): Written => ({
  values: what.values,
  make() {
    const fixture = new Fixture();
    return {
      now() {
        const all = fixture.ok<Record<string, Record<string, unknown>[]>>("gateway", what.at, { type: what.list });
        const { name } = what.message(what.values[0]);
        const row = all[what.list]?.find((one) => one["name"] === name);
        return row === undefined ? null : what.shown(row);
      },
      write: (value, seen) => fixture.do("gateway", what.at, { ...what.message(value), seen }),
    };
  },
});

const without = (row: Record<string, unknown>): unknown =>
  Object.fromEntries(Object.entries(row).filter(([name]) => name !== "name"));
const rule = (count: number) => ({
  severity: "warning",
  by: "user",
  steps: [{ action: "signIn", count }],
  withinMinutes: 5,
});
const thresholds = (settings: object) => ({ settings, off: false });
const playbook = (acts: readonly object[]) => ({ when: {}, acts });

/** By command, what it writes. */
const written: Readonly<Record<string, readonly Written[]>> = {
  "room.setTitle": [ofRoom("title", "setTitle")],
  "room.setTopic": [ofRoom("topic", "setTopic")],
  "groups.set": [
    {
      values: [["ada"], ["ada", "bob"], []],
      make() {
        const fixture = new Fixture();
        const to = "groups/cluster";
        type Row = { readonly group: string; readonly title: string; readonly members: readonly string[] };
        const row = () => fixture.ok<{ groups: Row[] }>(ada, to, { type: "list" }).groups[0];
        const settings = (members: unknown) => (members === null ? null : { title: "Ops", members });
        return {
          now: () => row()?.members ?? null,
          write: (members, seen) =>
            fixture.do("gateway", to, { type: "set", group: "ops", title: "Ops", members, seen: settings(seen) }),
        };
      },
    },
  ],
  "room.setRules": [
    {
      values: [5_000, 9_000, 0],
      make() {
        const fixture = inLobby();
        return {
          now: () => view(fixture).slowMs ?? 0,
          write: (slowMs, seen) => fixture.do(ada, lobby, { type: "setRules", slowMs, seen: { slowMs: seen } }),
        };
      },
    },
  ],
  "room.setAgents": [
    {
      values: [5, 9, 0],
      make() {
        const fixture = inLobby();
        return {
          now: () => view(fixture).agentRules?.turns ?? 0,
          write: (turns, seen) => fixture.do(ada, lobby, { type: "setAgents", turns, seen: { turns: seen } }),
        };
      },
    },
  ],
  "room.setRole": [
    {
      values: ["moderator", "member", "owner"],
      make() {
        const fixture = inLobby();
        return {
          now: () => view(fixture).members["user/bob"]?.role,
          write: (role, seen) => fixture.do(ada, lobby, { type: "setRole", member: "user/bob", role, seen }),
        };
      },
    },
  ],
  "room.edit": [
    {
      values: ["a", "b", "c"],
      make() {
        const fixture = inLobby();
        const { seq } = post(fixture, "ada", "first");
        const now = () =>
          fixture.ok<{ messages: { text: string; editedAtMs?: number }[] }>(ada, lobby, {
            type: "history",
            around: seq,
          }).messages[0];
        return {
          now: () => now()?.text,
          mark: () => now()?.editedAtMs ?? 0,
          write(text, seen) {
            fixture.pass(1);
            return fixture.do(ada, lobby, { type: "edit", seq, text, seen });
          },
        };
      },
    },
  ],
  "user.changeLater": [
    {
      values: [9_000_000, 9_500_000, 9_900_000],
      make() {
        const fixture = inLobby();
        fixture.ok(ada, ada, { type: "schedule", room: "lobby", text: "hi", atMs: 9_000_000 });
        return {
          now: () => fixture.ok<{ later: { atMs: number }[] }>(ada, ada, { type: "later" }).later[0]?.atMs,
          write: (atMs, seen) => fixture.do(ada, ada, { type: "changeLater", id: 1, atMs, seen }),
        };
      },
    },
  ],
  "user.setSidebar": [
    {
      values: [["a"], ["b"], ["a", "b"]],
      make() {
        const fixture = inLobby();
        return {
          now: () =>
            fixture.ok<{ sidebar?: { favourites: string[] } }>(ada, ada, { type: "describe" }).sidebar?.favourites ??
            [],
          write: (favourites, seen) =>
            fixture.do(ada, ada, { type: "setSidebar", favourites, seen: { favourites: seen } }),
        };
      },
    },
  ],
  "user.setNotifications": [
    {
      values: [["plexus"], ["deploy"], ["plexus", "deploy"]],
      make() {
        const fixture = inLobby();
        return {
          now: () =>
            fixture.ok<{ notifications?: { keywords: string[] } }>(ada, ada, { type: "describe" }).notifications
              ?.keywords ?? [],
          write: (keywords, seen) =>
            fixture.do(ada, ada, { type: "setNotifications", keywords, seen: { keywords: seen } }),
        };
      },
    },
  ],
  "user.setProfile": [
    {
      values: ["Ada", "Countess", "Ada L."],
      make() {
        const fixture = fixtureWith("ada");
        return {
          now: () => fixture.ok<{ displayName: string }>(ada, ada, { type: "describe" }).displayName,
          write: (displayName, seen) =>
            fixture.do(ada, ada, { type: "setProfile", displayName, seen: { displayName: seen } }),
        };
      },
    },
  ],
  "user.renamePasskey": [
    {
      values: ["Key", "Phone", "Laptop"],
      make() {
        const fixture = fixtureWith("ada");
        const passkey = {
          id: "k".repeat(22),
          publicKey: "p".repeat(60),
          counter: 0,
          host: "localhost",
          name: "First",
          synced: false,
        };
        const session = { id: "s1", kind: "session", label: "x", tokenHash: "s1" };
        fixture.ok("gateway", ada, { type: "openSession", ...session });
        fixture.ok("gateway", ada, { type: "addPasskey", ...passkey });
        return {
          now: () => fixture.ok<{ passkeys: { name: string }[] }>(ada, ada, { type: "factors" }).passkeys[0]?.name,
          write: (name, seen) => fixture.do(ada, ada, { type: "renamePasskey", id: passkey.id, name, seen }),
        };
      },
    },
  ],
  "agent.update": [
    setting("persona", ["You are kind.", "You are brief.", ""]),
    setting("model", ["echo", "tiny", "large"]),
    setting("sampling", [{ temperature: 0 }, { maxTokens: 5, temperature: 1 }, {}]),
    setting("tools", [["clock"], [], ["clock", "calculator"]]),
  ],
  "watch.setRule": [
    named({
      at: watch,
      list: "rules",
      shown: without,
      message: (value) => ({ type: "setRule", name: "r", rule: value }),
      values: [rule(1), rule(2), rule(3)],
    }),
  ],
  "watch.setDetector": [
    named({
      at: watch,
      list: "detectors",
      shown: ({ now, off }) => ({ settings: now, off }),
      message: (value) => ({ type: "setDetector", name: "refused-person", set: value }),
      values: [thresholds({}), thresholds({ count: 7 }), thresholds({ count: 9 })],
    }),
  ],
  "watch.setPlaybook": [
    named({
      at: watch,
      list: "playbooks",
      shown: ({ note, when, acts }) => ({ ...(note !== undefined && { note }), when, acts }),
      message: (value) => ({ type: "setPlaybook", name: "p", playbook: value, by: "ada" }),
      values: [playbook([{ do: "suspend" }]), playbook([{ do: "backup" }]), playbook([{ do: "revokeSessions" }])],
    }),
  ],
  "backup.putSchedule": [
    named({
      at: "backup/cluster",
      list: "schedules",
      shown: ({ cron, timeZone, wish }) => ({ cron, ...(timeZone !== undefined && { timeZone }), wish }),
      message: (value) => ({ type: "putSchedule", name: "nightly", by: "ada", ...(value as object) }),
      values: ["0 1 * * *", "0 2 * * *", "0 3 * * *"].map((cron) => ({ cron, wish: { sort: "run", kind: "auto" } })),
    }),
  ],
  "role-manager.setRoles": [
    {
      values: [["member"], ["moderator"], ["admin"]],
      make() {
        const fixture = fixtureWith("ada", "bob");
        const manager = "role-manager/cluster";
        fixture.ok("gateway", manager, { type: "setRoles", user: "ada", roles: ["owner"] });
        return {
          now: () =>
            fixture.ok<PeoplePage>("gateway", manager, { type: "people", user: "bob" }).people[0]?.roles ?? ["member"],
          write: (roles, before) => fixture.do("gateway", manager, { type: "setRoles", user: "bob", roles, before }),
        };
      },
    },
  ],
  "rows of the directory": [
    {
      values: [
        { input: 1, output: 1 },
        { input: 2, output: 1 },
        { input: 2, output: 2, call: 1 },
      ],
      async make() {
        const directory = createEmbeddedDirectory({ store: new MemoryStore() });
        await directory.opened();
        const { prices } = watchBudgets(directory);
        return {
          now: () => without((prices.current().find(({ name }) => name === "m") ?? {}) as Record<string, unknown>),
          write: (price, seen) =>
            prices.set(
              { name: "m", ...(price as { input: number; output: number }) },
              sameJson(seen, {}) ? null : (seen as never),
            ),
        };
      },
    },
  ],
};

const step = record({ tab: constantFrom(0, 1), does: constantFrom("look", "write"), value: constantFrom(0, 1, 2) });

/** Why a command overwrites nothing that its writer has not seen, though it does not say what they saw. */
const reasons = {
  "adds something, or takes part": [
    "activity.sendReport activity.giveFeedback emoji.add",
    "user.schedule user.remindMe user.saveMessage room.create room.join room.invite room.post room.poll room.warn room.admitGuest room.addLink room.joinByLink user.create user.openSession",
    "user.linkIdentity user.createAgent user.addPush",
    "user.addPasskey user.beginTotp user.setRecovery user.makeReset user.beginMail agent.say",
    "agent.regenerate agent.attach agent.attachSound agent.open user.addShared",
    "backup.start backup.hold backup.askRecall claim.take role-manager.claimAdmin role-manager.audit",
  ],
  "ends or removes what it names": [
    "room.leave room.remove room.removeLink groups.remove emoji.remove room.unban room.unmute room.deleteMessages room.stop room.stopAgents room.delete room.deleteOwn room.removePreviews room.closePoll user.unlinkIdentity",
    "user.removeTotp user.removePasskey user.removeMail user.removePush activity.removeReport activity.cancelReport activity.removeUse activity.endFeedback quarantine.drop",
    "user.sendNow user.cancelLater user.unsaveMessage user.endSession user.revokeSession user.removeAvatar user.deleteAgent user.beginDeletion",
    "user.endDeletion agent.stop agent.clear agent.drop user.removeShared claim.release",
    "user.endDigest backup.removeSchedule backup.cancel backup.lift watch.removeRule watch.removePlaybook",
  ],
  "is a switch, or one's own choice: it says what shall be, and every tab shows it at once": [
    "room.mute room.acknowledgeWarning room.setArchived room.setVisibility room.followThread room.react room.pin room.vote room.resolveTopic room.followTopic room.moveTopic room.markRead room.markUnread agent.rate agent.branch agent.arrange user.setSuspended",
    "user.vouchIdentity user.setStatus user.setAbout user.setRoomNotifications user.setPush activity.setReport activity.setUse user.setDigest role-manager.setAdmin",
  ],
  "goes on from a step that it names, or that nobody else can take": [
    "user.confirmSession user.confirmTotp user.useTotp user.useRecovery user.usePasskey",
    "user.resetPassword user.confirmMail user.setPassword user.setDraft",
    "user.sessionUsed user.keyUsed user.signInsFailed user.awaitDigest user.takeDigest user.settleDigest backup.resume backup.mayErase backup.erased",
    "backup.answerRecall backup.beginRecall",
    "watch.acknowledge watch.switchPlaybook",
    "user.reserveStorage user.freeStorage room.upload room.uploadTake room.uploadPart room.uploadDrop room.settleFile",
  ],
  "is a picture, which is no text that somebody wrote: the newest is shown everywhere": ["user.setAvatar"],
} as const;

/** Routes that write rows of the directory, and take their body for the whole of what shall be, as a file or a command
 *  says it. The page has no form for them, or a switch. */
const wholes = new Set(
  [
    "audit/retention audit/sinks/{sink} budgets/{budget} cluster/nodes/{node}/draining disk identity-providers/{provider} keys/kit keys/restore keys/root mail model-routes/{route} models/wanted",
    "quotas/{role}/{measure}/{per} reports/{report} use threats/{list} emoji/{name} users/{user} users/{user}/deletion",
    "users/{user}/suspended",
  ].flatMap((list) => list.split(" ")),
);

describe("two tabs that change one thing", () => {
  it("are thought of at each command that changes something: it says what its writer saw, or needs not to", () => {
    const without = new Map(
      Object.entries(reasons).flatMap(([why, lists]) =>
        lists.flatMap((list) => list.split(" ").map((one) => [one, why] as const)),
      ),
    );
    const changing = allCommands.filter(
      ({ row }) => row.effect === "changes" && (row.from.includes("client") || row.from.includes("gateway")),
    );
    const names = changing.map(({ kind, name }) => `${kind}.${name}`);
    expect(
      names.filter((name) => (written[name] === undefined) === !without.has(name)),
      "neither or both",
    ).to.deep.equal([]);
    expect(
      [...without.keys()].filter((name) => !names.includes(name)),
      "gone",
    ).to.deep.equal([]);
    const says = changing.filter(({ row }) => ["seen", "before"].some((field) => field in row.params.properties));
    expect(says.map(({ kind, name }) => `${kind}.${name}`)).to.have.members(
      Object.keys(written).filter((name) => name.includes(".")),
    );
  });

  it("are thought of at each route of admins that puts something: it says what its writer saw, or is the whole", () => {
    const all: readonly { readonly method: string; readonly path: string; readonly body?: readonly string[] }[] =
      Object.values(routes);
    const puts = all.filter(({ method }) => method === "PUT");
    const silent = puts.filter(({ body = [] }) => !body.includes("seen") && !body.includes("revision"));
    expect(silent.map(({ path }) => path.replace("/api/v1/admin/", ""))).to.have.members([...wholes]);
  });

  for (const [command, things] of Object.entries(written))
    for (const [index, { values, make }] of things.entries())
      it(`overwrite nothing in silence: ${command}${things.length > 1 ? `, ${index + 1}` : ""}`, () =>
        property(
          asyncProperty(array(step, { maxLength: 12 }), async (steps) => {
            const thing = await make();
            const look = () => ({ seen: thing.mark?.() ?? thing.now(), is: thing.now() });
            const tabs = [look(), look()];
            for (const { tab, does, value } of steps) {
              if (does === "look") tabs[tab] = look();
              else {
                const before = thing.now();
                const done = await thing.write(values[value], tabs[tab]?.seen);
                const isSeen =
                  sameJson(tabs[tab]?.is, before) && (thing.mark === undefined || tabs[tab]?.seen === look().seen);
                if (done.ok && !sameJson(thing.now(), before))
                  expect(tabs[tab]?.is, "it was seen").to.deep.equal(before);
                if (!done.ok)
                  expect([done.error.code, thing.now()], "nothing is changed").to.deep.equal([
                    "CHANGED_MEANWHILE",
                    before,
                  ]);
                if (isSeen && thing.mark === undefined) expect(done.ok, "who has looked goes on").to.equal(true);
                if (done.ok) {
                  // The answer was lost, and it is sent again.
                  const after = thing.now();
                  const again = await thing.write(values[value], tabs[tab]?.seen);
                  expect(again.ok ? "answered" : again.error.code, "one's own write").to.equal("answered");
                  expect(thing.now()).to.deep.equal(after);
                }
                if (done.ok) tabs[tab] = look();
              }
            }
          }),
          { numRuns: 40 },
        ));
});
