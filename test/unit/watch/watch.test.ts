import { expect } from "chai";
import fc from "fast-check";
import type { Effect } from "../../../actors/behavior.ts";
import { watch } from "../../../actors/watch/index.ts";
import { found, initial, type WatchState } from "../../../actors/watch/state.ts";
import { isFor, runsOf } from "../../../actors/watch/playbooks.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { readPlaces } from "../../../node/threats/places.ts";
import { actOn, signatureOf, type ActingPorts } from "../../../node/watch/acting.ts";
import { createWatcher } from "../../../node/watch/watcher.ts";
import { detectorReaders, Fold } from "../../../node/watch/fold.ts";
import { tryRule } from "../../../node/watch/trial.ts"; // prettier-ignore
import { ruleDetector } from "../../../node/watch/rules.ts";
import {
  detectors,
  falseAlarmPeople,
  ok,
  playbookActs,
  refused,
  failure,
  sealedPageText,
  type Alert,
  type AuditEvent,
  type AuditRecord,
  type DetectorRow,
  type Finding,
  type Playbook,
  type PlaybookOrder,
  type WatchRule,
} from "../../../protocols/index.ts";
import { isAll } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { TestClock } from "../audit/fixture.ts";
import { compare } from "./compare.ts";
import { normalNodes, samplesOf } from "./counts.ts";
import { madeTable, readTable } from "./table.ts";
import { normalTraffic, numbered, placesText, startMs, type Said } from "./traffic.ts";

const minuteMs = 60_000;
const places = readPlaces(placesText);
const newFold = (): Fold => new Fold(detectorReaders(), { place: (address) => places.find(address) });
const findingsOf = (said: readonly Said[]): readonly Finding[] => {
  const fold = newFold();
  return numbered(said).flatMap((entry) => fold.take(entry));
};
const sources = (said: readonly Said[]): readonly string[] => [
  ...new Set(findingsOf(said).map(({ source }) => source)),
];

const act = (by: string, action: Said["action"], atMs: number, more: Partial<Said> = {}): Said => ({ by, action, outcome: "done", atMs: startMs + atMs, address: "10.0.1.1", ...more }); // prettier-ignore
const wrong = (target: string, atMs: number, address = "10.0.1.1"): Said =>
  act("stranger", "signIn", atMs, { target, outcome: "SIGN_IN_FAILED", address });
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

describe("detectors", () => {
  it("stay within their false alarms on months of normal traffic", function () {
    const days = 60;
    const seeds = isAll ? [11, 12] : [11];
    const perDay = new Map<string, number>();
    for (const seed of seeds) {
      const traffic = normalTraffic({ seed, people: falseAlarmPeople, admins: 20, days });
      // While an alert is open, which is a day here, what is found again is counted there.
      const alerts = new Set(
        findingsOf(traffic).map(({ source, about, atMs }) => `${source} ${about} ${Math.floor(atMs / 86_400_000)}`),
      );
      for (const alert of alerts) {
        const [source = ""] = alert.split(" ");
        perDay.set(source, (perDay.get(source) ?? 0) + 1 / (days * seeds.length));
      }
    }
    for (const seed of seeds)
      for (const node of normalNodes(seed, { days })) {
        const fold = newFold();
        const found = [...samplesOf(node)].flatMap((sample) => fold.takeCounts(sample));
        const alerts = new Set(found.map(({ source, atMs }) => `${source} ${Math.floor(atMs / 86_400_000)}`));
        for (const alert of alerts) {
          const [source = ""] = alert.split(" ");
          perDay.set(source, (perDay.get(source) ?? 0) + 1 / (days * seeds.length));
        }
      }
    for (const [name, { falseAlarmsPerDay }] of Object.entries(detectors) as [string, DetectorRow][])
      expect(perDay.get(`detector/${name}`) ?? 0, name).to.be.at.most(falseAlarmsPerDay);
  });

  it("find many refused sign-ins to an account, and from an address", () => {
    expect(sources(times(10, (at) => wrong("user/ada", at * minuteMs, `10.1.0.${at}`)))).to.eql([
      "detector/refused-person",
    ]);
    expect(sources(times(10, (at) => wrong(`user/p${at}`, at * minuteMs)))).to.eql(["detector/refused-address"]);
    expect(sources(times(9, (at) => wrong("user/ada", at * minuteMs)))).to.eql([]);
    expect(sources(times(12, (at) => wrong("user/ada", at * 20 * minuteMs)))).to.eql([]);
  });

  it("find sign-ins that are too far apart, but not between places where the person is every day", () => {
    const trip = [act("user/ada", "signIn", 0), act("user/ada", "signIn", 30 * minuteMs, { address: "10.4.0.1" })];
    expect(sources(trip)).to.eql(["detector/impossible-travel"]);
    expect(
      sources([act("user/ada", "signIn", 0), act("user/ada", "signIn", 15 * 60 * minuteMs, { address: "10.4.0.1" })]),
    ).to.eql([]);
    const daily = times(10, (day) => trip.map((one) => ({ ...one, atMs: one.atMs + day * 1_440 * minuteMs }))).flat();
    const found = findingsOf(daily).filter(({ source }) => source === "detector/impossible-travel");
    expect(found.length).to.be.within(1, 6);
  });

  it("find exports soon after a sign-in from a new address, and power that is used at once", () => {
    const exports = times(3, (at) => act("user/ada", "downloadBackup", (100 + at) * minuteMs, { address: "10.0.9.9" }));
    const before = act("user/ada", "signIn", 0);
    expect(sources([before, act("user/ada", "signIn", 99 * minuteMs, { address: "10.0.9.9" }), ...exports])).to.include(
      "detector/new-place-exports",
    );
    expect(sources([before, act("user/ada", "signIn", 99 * minuteMs), ...exports])).to.not.include(
      "detector/new-place-exports",
    );
    const gain = act("user/eve", "setRoles", 0, { target: "user/bob", facts: { roles: "admin" } });
    const uses = times(2, (at) => act("user/bob", "endSession", (at + 1) * minuteMs));
    expect(sources([gain, ...uses])).to.eql(["detector/power-used-at-once"]);
    expect(sources([{ ...gain, facts: { roles: "member" } }, ...uses])).to.eql([]);
    const first = {
      ...gain,
      by: "user/bob",
      facts: { "before.roles": "", "after.roles": "owner", reason: "admin code" },
    };
    expect(sources([first, ...uses]), "who sets the cluster up").to.eql([]);
  });

  it("find the same whether they go on from kept rows or not, entry by entry", () => {
    const entries = numbered(normalTraffic({ seed: 3, people: 40, admins: 5, days: 20 }));
    const whole = newFold();
    let part = newFold();
    const rows = new Map<string, string>();
    for (const [at, entry] of entries.entries()) {
      expect(part.take(entry)).to.eql(whole.take(entry));
      if (at % 37 !== 0) continue;
      for (const { key, value } of part.changes())
        if (value === null) rows.delete(key);
        else rows.set(key, value);
      part = newFold();
      part.load([...rows].map(([key, value]) => ({ key, value })));
    }
  });

  it("keep robust z-scores because they find more than simple thresholds, at equal false alarms", function () {
    // One seed alone may suit a threshold by chance: both budgets of two.
    const all = [1, 2].flatMap((seed) => compare(seed, 10));
    const mean = (way: string): number => {
      const found = all.filter((one) => one.way.startsWith(way)).flatMap((one) => Object.values(one.found));
      return found.reduce((total, one) => total + one, 0) / found.length;
    };
    for (const simple of ["acts in an hour", "acts on power", "acts outside"])
      expect(mean("robust")).to.be.above(mean(simple));
  });
});

describe("the table of detectors", () => {
  it("is in docs/operate/security.md as it is (node test/unit/watch/table.ts --write)", () => {
    expect(readTable().table.split(/\s+/)).to.eql(madeTable().split(/\s+/));
  });
});

describe("rules over events", () => {
  const rule = (more: Partial<WatchRule>): WatchRule => ({ name: "r", severity: "warning", withinMinutes: 10, by: "user", steps: [{ action: "signIn" }], ...more }); // prettier-ignore

  it("in order find exactly what a search of all choices finds", () => {
    const actions = ["signIn", "createKey", "exportAudit"] as const;
    const entry = fc.record({ action: fc.constantFrom(...actions), gap: fc.integer({ min: 0, max: 6 }) });
    const step = fc.record({ action: fc.constantFrom(...actions), count: fc.integer({ min: 1, max: 2 }) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.array(step, { minLength: 1, maxLength: 3 }), (made, steps) => {
        const detector = ruleDetector(rule({ steps, ordered: true }));
        const single = steps.flatMap(({ action, count }) => times(count, () => action));
        let [atMs, row] = [startMs, undefined as unknown];
        let since: Said[] = [];
        for (const { action, gap } of made) {
          atMs += gap * minuteMs;
          const said = { action, by: "user/ada", outcome: "done", atMs };
          since.push(said);
          const ends = (upTo: number, left: number, fromMs: number): boolean =>
            left < 0
              ? atMs - fromMs <= 10 * minuteMs
              : since.slice(0, upTo).some((one, at) => one.action === single[left] && ends(at, left - 1, one.atMs));
          const last = single.length - 1;
          const expected = action === single[last] && ends(since.length - 1, last - 1, atMs);
          const got = detector.step(row, numbered([said])[0] as AuditRecord, {
            subject: "user/ada",
            settings: {},
            place: () => undefined,
          });
          expect(got.found !== undefined).to.equal(expected);
          row = got.row === null ? undefined : got.row;
          if (expected) since = [];
        }
      }),
      { numRuns: 200 },
    );
  });

  it("are tried on the past, and say what they would have found", async () => {
    const entries = numbered([
      ...times(3, (at) => wrong("user/bob", at * minuteMs)),
      act("user/bob", "signIn", 4 * minuteMs),
    ]);
    async function* past(): AsyncGenerator<AuditRecord> {
      yield* entries;
    }
    const guessed = rule({ ordered: true, steps: [{ action: "signIn", outcome: "refused", count: 3 }, { action: "signIn", outcome: "done" }] }); // prettier-ignore
    const tried = await tryRule(guessed, past(), startMs);
    expect(tried).to.include({ found: 1, looked: 4, cut: false });
    expect(tried.findings[0]).to.include({ about: "user/bob" });
    expect(await tryRule(guessed, past(), startMs, { triedEntries: 2, triedFindings: 1 })).to.include({ cut: true });
  });
});

const finding = (about: string, more: Partial<Finding> = {}): Finding => ({ source: "detector/refused-person", severity: "warning", about, title: "t", atMs: startMs, evidence: [`${startMs}.aaaaaaaaaaaaaaaa-00000001.1`], ...more }); // prettier-ignore

/** The actor, with the records that it would read left out. */
function openFixture() {
  let state: WatchState = initial;
  const send = (message: Record<string, unknown>, from: "node" | "gateway" = "node", nowMs = startMs) => {
    const said = { ...message, ...(from === "gateway" && { shown: { as: "operator" } }) };
    const turn = { self: "watch/cluster", key: "cluster", nowMs, from, notes: undefined } as const;
    const effects = watch.decide(state, said as never, turn) as readonly Effect[];
    for (const effect of effects) if (effect.type === "persist") state = watch.evolve(state, effect.event as never);
    const refusal = effects.find((effect) => effect.type === "refuse");
    const answer = effects.find((effect) => effect.type === "reply");
    return refusal?.type === "refuse"
      ? { code: refusal.code as string, value: undefined }
      : { code: undefined, value: (answer?.type === "reply" ? answer.value : undefined) as Record<string, unknown> };
  };
  return { send, state: () => state };
}
const advance = (turn: number, step: number, findings: readonly Finding[], seq = step) => ({ type: "advance", turn, step, version: 0, cursors: [{ log: "aaaaaaaaaaaaaaaa-00000001", seq }], rows: [], findings }); // prettier-ignore

describe("the actor of the watch", () => {
  it("counts what is found again of an open alert, and makes another one once it is acknowledged", () => {
    const { send, state } = openFixture();
    send({ type: "take", runner: "a", ends: [] });
    send(advance(1, 1, [finding("user/ada"), finding("user/bob"), finding("user/ada")]));
    expect(state().open.map(({ id, about, count }) => [id, about, count])).to.eql([
      ["1", "user/ada", 2],
      ["2", "user/bob", 1],
    ]);
    send({ type: "acknowledge", id: "1", by: "ada", note: "it was me" }, "gateway");
    send(advance(1, 2, [finding("user/ada")]));
    expect(state().open.map(({ id }) => id)).to.eql(["2", "3"]);
  });

  it("takes each step once, and of the newest runner only", () => {
    const { send, state } = openFixture();
    send({ type: "take", runner: "a", ends: [{ log: "aaaaaaaaaaaaaaaa-00000001", seq: 7 }] });
    send(advance(1, 1, [finding("user/ada")], 8));
    send(advance(1, 1, [finding("user/ada")], 8));
    expect(state().open[0]).to.include({ count: 1 });
    const taken = send({ type: "take", runner: "b", ends: [{ log: "aaaaaaaaaaaaaaaa-00000001", seq: 99 }] });
    expect(taken.value).to.deep.include({ turn: 2, step: 1, cursors: [{ log: "aaaaaaaaaaaaaaaa-00000001", seq: 8 }] });
    expect(send(advance(1, 2, [finding("user/eve")])).code).to.equal("TASK_TAKEN");
    expect(state().open).to.have.length(1);
  });

  it("tells nobody of an alert that somebody has taken note of, and keeps nothing of it", () => {
    const { send, state } = openFixture();
    send({ type: "take", runner: "a", ends: [] });
    send(advance(1, 1, [finding("user/ada")]));
    send({ type: "acknowledge", id: "1", by: "ada" }, "gateway");
    expect(state()).to.deep.include({ open: [], untold: [] });
  });

  it("has no more open alerts than its limit, and loses nothing that was found", () => {
    const many = times(actorLimits.alertsOpenMax + 50, (at) => finding(`user/p${at}`));
    const { alerts } = found(initial, many);
    expect(alerts).to.have.length(actorLimits.alertsOpenMax + 1);
    expect(alerts.reduce((total, { count }) => total + count, 0)).to.equal(many.length);
    expect(alerts.at(-1)).to.include({ source: "watch/overflow", count: 50 });
  });

  it("has playbooks rehearse until they are switched on, and again when they are changed", () => {
    const { send, state } = openFixture();
    send({ type: "take", runner: "a", ends: [] });
    const body = { when: {}, acts: [{ do: "suspend" }] };
    send({ type: "setPlaybook", name: "lock", playbook: body, by: "ada" }, "gateway");
    const told = send(advance(1, 1, [finding("user/ada")])).value as { orders: PlaybookOrder[] };
    expect(told.orders[0]?.run.steps).to.eql([{ do: "suspend", status: "rehearsed" }]);
    const other = [{ do: "backup" }];
    expect(send({ type: "switchPlaybook", name: "lock", mode: "on", acts: other, by: "ada" }, "gateway").code).to.equal(
      "ALREADY_DONE",
    );
    send({ type: "switchPlaybook", name: "lock", mode: "on", acts: body.acts, by: "ada" }, "gateway");
    expect(state().playbooks[0]?.mode).to.equal("on");
    send({ type: "setPlaybook", name: "lock", playbook: body, by: "ada" }, "gateway");
    expect(state().playbooks[0]?.mode).to.equal("dryRun");
  });
});

const alertOf = (one: Finding, id = "1"): Alert => ({ ...one, id, count: 1, firstAtMs: startMs, lastAtMs: startMs });
const playbook = (more: Partial<Playbook> = {}): Playbook => ({ name: "lock", when: {}, acts: [{ do: "suspend" }], mode: "on", setBy: "ada", ...more }); // prettier-ignore

describe("playbooks", () => {
  it("do no more of an act in an hour than its row says, whatever alerts come", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 }), (gaps) => {
        let acted: Parameters<typeof runsOf>[0]["acted"] = [];
        let nowMs = startMs;
        const done: number[] = [];
        for (const [at, gap] of gaps.entries()) {
          nowMs += gap * minuteMs;
          const began = runsOf(
            { playbooks: [playbook()], acted, runs: at, open: 0 },
            [alertOf(finding(`user/p${at}`))],
            nowMs,
          );
          ({ acted } = began);
          if (began.runs[0]?.steps[0]?.status === "planned") done.push(nowMs);
        }
        for (const from of done)
          expect(done.filter((one) => one >= from && one < from + 60 * minuteMs).length).to.be.at.most(
            playbookActs.suspend.perHourMax,
          );
      }),
    );
  });

  it("are for the sources and severities that they name, and act on nobody whom the alert is not about", () => {
    const alert = alertOf(finding("user/ada"));
    expect(isFor(playbook({ when: { sources: ["detector/*"], severity: "warning" } }), alert)).to.equal(true);
    expect(isFor(playbook({ when: { sources: ["rule/*"] } }), alert)).to.equal(false);
    expect(isFor(playbook({ when: { severity: "critical" } }), alert)).to.equal(false);
    const [run] = runsOf(
      { playbooks: [playbook()], acted: [], runs: 0, open: 0 },
      [alertOf(finding("address/192.0.2.7"))],
      startMs,
    ).runs;
    expect(run?.steps[0]).to.include({ status: "skipped" });
  });

  const order = (acts: Playbook["acts"], about = "user/ada"): PlaybookOrder => ({
    alert: alertOf(finding(about)),
    acts,
    run: { id: "1", playbook: "lock", alert: "1", about, mode: "on", atMs: startMs, steps: acts.map(({ do: what }) => ({ do: what, status: "planned" })) }, // prettier-ignore
  });
  const acting = (more: Partial<ActingPorts> = {}) => {
    const calls: string[] = [];
    const written: AuditEvent[] = [];
    const call = (name: string) => (one: string) => (calls.push(`${name} ${one}`), Promise.resolve(ok({})));
    const ports: ActingPorts = {
      name: "a",
      holders: () => Promise.resolve(["ada", "bob"]),
      addressOf: (user) => Promise.resolve(user === "bob" ? undefined : `${user}@example.org`),
      mail: {
        isSet: () => true,
        send: ({ what, to }) => (calls.push(`mail ${what} ${to}`), Promise.resolve(ok({}))),
        post: ({ what, to }) => (calls.push(`later ${what} ${to}`), ok({})),
      },
      entries: () => Promise.resolve([]),
      isSuspended: (user) => Promise.resolve(user === "bob"),
      endSessions: call("end"),
      suspend: call("suspend"),
      drain: call("drain"),
      backup: call("backup"),
      post: (url, body, headers) => (
        calls.push(`post ${url} ${headers["x-plexus-signature"] === signatureOf("secret", startMs, body)}`),
        Promise.resolve(204)
      ),
      open: () => Promise.resolve(sealedPageText({ url: "https://pager.example/a/secret/path", secret: "secret" })),
      write: (event) => (written.push(event), Promise.resolve()),
      nowMs: () => startMs,
      ...more,
    };
    return { ports, calls, written };
  };

  it("never touch the last owner who can sign in", async () => {
    const { ports, calls } = acting();
    const { steps } = await actOn(ports, order([{ do: "suspend" }, { do: "revokeSessions" }]));
    expect(steps.map(({ status }) => status)).to.eql(["skipped", "skipped"]);
    expect(calls).to.eql([]);
    const unknown = acting({ holders: () => Promise.reject(new Error("nobody answers")) });
    expect((await actOn(unknown.ports, order([{ do: "suspend" }]))).steps[0]).to.include({ status: "failed" });
    expect(unknown.calls).to.eql([]);
    const two = acting({ isSuspended: () => Promise.resolve(false) });
    expect((await actOn(two.ports, order([{ do: "suspend" }]))).steps[0]).to.eql({ do: "suspend", status: "done" });
    expect(two.calls).to.eql(["suspend ada"]);
  });

  it("go on when an act fails, sign their pages, and write each run into the audit", async () => {
    const { ports, calls, written } = acting({ drain: () => Promise.resolve(refused(failure("NO_CANDIDATE"))) });
    const acts: Playbook["acts"] = [{ do: "isolate" }, { do: "page", host: "pager.example", sealed: "x" }];
    const { steps } = await actOn(ports, order(acts, "node/b"));
    expect(steps).to.eql([
      { do: "isolate", status: "failed", reason: "NO_CANDIDATE" },
      { do: "page", status: "done" },
    ]);
    expect(calls).to.eql(["post https://pager.example/a/secret/path true"]);
    expect(written.map(({ action, outcome }) => [action, outcome])).to.eql([
      ["isolate", "NO_CANDIDATE"],
      ["runPlaybook", "failed"],
    ]);
    expect(JSON.stringify(written)).to.not.include("secret");
  });
});

describe("the watcher", () => {
  it("goes on at another node after each step, with answers lost: every finding is there once", async () => {
    const logs = ["aaaaaaaaaaaaaaaa-00000001", "bbbbbbbbbbbbbbbb-00000001"];
    const entries = logs.map((log, at) => numbered(times(60, (index) => wrong("user/ada", index * 10_000 + at * 5_000)), log)); // prettier-ignore
    const { send, state } = openFixture();
    send({ type: "take", runner: "before", ends: [] });
    let asked = 0;
    let open = 1;
    const told: string[] = [];
    const watcherOf = (runner: string) =>
      createWatcher({
        runner,
        owns: () => true,
        ask(message) {
          const { code, value } = send(message as never);
          asked += 1;
          // Each third answer is lost on its way.
          if (asked % 3 === 0) return Promise.resolve(refused(failure("ASK_TIMEOUT")));
          // Rows are records, which this fixture has none of: the fold that takes over begins with none.
          if (message.type === "rows") return Promise.resolve(ok({ rows: [], more: false }));
          return Promise.resolve(code === undefined ? ok(value) : refused(failure(code as "TASK_TAKEN")));
        },
        audit: {
          logs: () => Promise.resolve(logs.map((log) => ({ log, from: 1, seq: Math.min(open, 60) }))),
          readLog: (log, after, limit) =>
            Promise.resolve((entries[logs.indexOf(log)] ?? []).slice(after, Math.min(after + limit, open))),
        },
        tell: ({ id }) => (told.push(id), Promise.resolve()),
        act: () => Promise.resolve({ steps: [], seen: [] }),
        clock: new TestClock(),
        log: quietLog,
        meter: quietMeter,
      });
    const one = watcherOf("one");
    for (; open < 64; open += 4) for (let look = 0; look < 4; look += 1) await one.look();
    for (let look = 0; look < 6; look += 1) await one.look();
    await one.stop();
    expect(state().cursors).to.eql(Object.fromEntries(logs.map((log) => [log, 60])));
    // 120 refusals are 12 times 10.
    expect(state().open[0]).to.include({ about: "user/ada", count: 12 });
    expect(told).to.eql(["1"]);
    const two = watcherOf("two");
    for (let look = 0; look < 6; look += 1) await two.look();
    await two.stop();
    expect(state().open[0]).to.include({ count: 12 });
  });
});

describe("a playbook whose address answers slowly", () => {
  it("delays no reading of the audit, and no alert", async () => {
    const log = "aaaaaaaaaaaaaaaa-00000001";
    const entries = numbered(
      times(40, (at) => wrong(`user/${at < 20 ? "ada" : "bob"}`, at * 1_000, `10.1.0.${at}`)),
      log,
    );
    const { send, state } = openFixture();
    send({ type: "take", runner: "before", ends: [] });
    send({ type: "setPlaybook", name: "tell", playbook: { when: {}, acts: [{ do: "backup" }] }, by: "ada" }, "gateway");
    send({ type: "switchPlaybook", name: "tell", mode: "on", acts: [{ do: "backup" }], by: "ada" }, "gateway");
    const slow = Promise.withResolvers<void>();
    let there = 20;
    let begun = 0;
    const watcher = createWatcher({
      runner: "one",
      owns: () => true,
      ask(message) {
        if (message.type === "rows") return Promise.resolve(ok({ rows: [], more: false }));
        const { code, value } = send(message as never);
        return Promise.resolve(code === undefined ? ok(value) : refused(failure(code as "TASK_TAKEN")));
      },
      audit: {
        logs: () => Promise.resolve([{ log, from: 1, seq: there }]),
        readLog: (_, after, limit) => Promise.resolve(entries.slice(after, Math.min(after + limit, there))),
      },
      tell: () => Promise.resolve(),
      act: async ({ run }) => {
        begun += 1;
        await slow.promise;
        return { steps: run.steps.map(({ do: what }) => ({ do: what, status: "done" as const })), seen: [] };
      },
      clock: new TestClock(),
      log: quietLog,
      meter: quietMeter,
    });
    await watcher.look();
    expect(begun).to.equal(1);
    there = entries.length;
    await watcher.look();
    await watcher.look();
    expect(state().open.map(({ about, count }) => [about, count])).to.eql([
      ["user/ada", 2],
      ["user/bob", 2],
    ]);
    expect(state().runs.map(({ run }) => run.id)).to.eql(["1", "2"]);
    slow.resolve();
    await watcher.stop();
    expect(state().runs).to.eql([]);
  });
});

describe("the beginning of the watch", () => {
  const log = "aaaaaaaaaaaaaaaa-00000001";

  it("is when its node first asks for it, however late that is answered", async () => {
    const clock = new TestClock();
    clock.ms = startMs;
    const entries = numbered(
      [...times(3, () => wrong("user/old", -minuteMs)), ...times(12, (at) => wrong("user/ada", at * 1_000))],
      log,
    );
    let there = 3;
    let isAway = true;
    const { send, state } = openFixture();
    const watcher = createWatcher({
      runner: "one",
      owns: () => true,
      ask(message) {
        if (isAway) return Promise.resolve(refused(failure("ASK_TIMEOUT")));
        if (message.type === "rows") return Promise.resolve(ok({ rows: [], more: false }));
        const { code, value } = send(message as never, "node", clock.ms);
        return Promise.resolve(code === undefined ? ok(value) : refused(failure(code as "TASK_TAKEN")));
      },
      audit: {
        logs: () => Promise.resolve([{ log, from: 1, seq: there }]),
        readLog: (_, after, limit) => Promise.resolve(entries.slice(after, Math.min(after + limit, there))),
      },
      tell: () => Promise.resolve(),
      act: () => Promise.resolve({ steps: [], seen: [] }),
      clock,
      log: quietLog,
      meter: quietMeter,
    });
    // It asks by itself, before any time has passed.
    await watcher.look();
    there = entries.length;
    clock.ms += 12_000;
    await watcher.look();
    isAway = false;
    await watcher.look();
    await watcher.stop();
    expect(state()).to.include({ beganAtMs: startMs });
    expect(state().open.map(({ about }) => about)).to.eql(["user/ada"]);
  });

  it("is not moved to the future by a clock that is ahead", () => {
    const { send, state } = openFixture();
    send({ type: "take", runner: "a", ends: [], sinceMs: startMs + minuteMs });
    expect(state()).to.include({ beganAtMs: startMs });
  });
});

describe("places of addresses", () => {
  it("are those of the longest prefix", () => {
    const read = readPlaces(
      '10.0.0.0/8,1,2,All\n# a comment\n10.1.0.0/16,3,4,"Some, where"\n2001:db8::/32,5,6,Six\nnonsense\n10.0.0.0/8,99,0,Nowhere',
    );
    expect(read).to.include({ ranges: 3, skipped: 2 });
    expect(read.find("10.1.2.3")?.name).to.equal("Some, where");
    expect(read.find("10.2.2.3")?.name).to.equal("All");
    expect(read.find("::ffff:10.2.2.3")?.name).to.equal("All");
    expect(read.find("2001:db8::1")?.name).to.equal("Six");
    expect(read.find("192.0.2.1")).to.equal(undefined);
  });
});
