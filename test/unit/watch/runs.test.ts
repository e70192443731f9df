/** What playbooks do beside the reading of the audit: mails, pages, the queue of runs, what was seen. */
import { expect } from "chai";
import { runsOf } from "../../../actors/watch/playbooks.ts";
import { watch } from "../../../actors/watch/index.ts";
import { initial, type WatchState } from "../../../actors/watch/state.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Effect } from "../../../actors/behavior.ts";
import { letterOf } from "../../../node/mail/letters.ts";
import { actOn, type ActingPorts } from "../../../node/watch/acting.ts";
import { createRuns, type RunDone } from "../../../node/watch/runs.ts";
import {
  failure,
  ok,
  refused,
  sealedPageText,
  type Alert,
  type AuditEvent,
  type Finding,
  type Playbook,
  type PlaybookOrder,
  type SeenEntry,
} from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { startMs } from "./traffic.ts";

const alert: Alert = { id: "7", source: "detector/refused-person", severity: "warning", about: "user/ada", title: "10 sign-ins were refused within 15 minutes", evidence: ["1.aaaaaaaaaaaaaaaa-00000001.4"], count: 2, firstAtMs: startMs, lastAtMs: startMs }; // prettier-ignore
const seen: readonly SeenEntry[] = [{ atMs: startMs, action: "signIn", by: "stranger", target: "user/ada", address: "192.0.2.7", outcome: "SIGN_IN_FAILED" }]; // prettier-ignore
const order = (acts: Playbook["acts"], status: "planned" | "rehearsed" = "planned", id = "1"): PlaybookOrder => ({
  alert,
  acts,
  run: { id, playbook: "lock", alert: "7", about: "user/ada", mode: status === "planned" ? "on" : "dryRun", atMs: startMs, steps: acts.map(({ do: what }) => ({ do: what, status })) }, // prettier-ignore
});

function acting(more: Partial<ActingPorts> = {}) {
  const sent: string[] = [];
  const written: AuditEvent[] = [];
  const never = (): never => {
    throw new Error("nobody asked for this");
  };
  const ports: ActingPorts = {
    name: "a",
    holders: (role) => Promise.resolve(role === "owner" ? ["cid", "ada", "bob"] : []),
    addressOf: (user) => Promise.resolve(user === "bob" ? undefined : `${user}@example.org`),
    mail: {
      isSet: () => true,
      send: ({ to }) => (sent.push(to), Promise.resolve(ok({}))),
      post: ({ to }) => (sent.push(`later ${to}`), ok({})),
    },
    entries: () => Promise.resolve(seen),
    isSuspended: never,
    endSessions: never,
    suspend: never,
    drain: never,
    backup: never,
    post: never,
    open: () => Promise.resolve(sealedPageText({ url: "https://pager.example/hook/s3cret", secret: "key" })),
    write: (event) => (written.push(event), Promise.resolve()),
    nowMs: () => startMs,
    ...more,
  };
  return { ports, sent, written };
}
const owners: Playbook["acts"] = [{ do: "mail", role: "owner" }];
const named: Playbook["acts"] = [{ do: "mail", to: "ops@example.org" }];

describe("mails of playbooks", () => {
  it("go to an address, or to everybody with a role who has one, and the audit names no address", async () => {
    const one = acting();
    expect((await actOn(one.ports, order(named))).steps).to.eql([{ do: "mail", status: "done" }]);
    expect(one.sent).to.eql(["ops@example.org"]);
    const many = acting();
    const { steps } = await actOn(many.ports, order(owners));
    expect(many.sent).to.eql(["ada@example.org", "cid@example.org"]);
    expect(steps[0]).to.include({ status: "done", reason: "1 person with the role have no confirmed mail address" });
    expect(many.written.map(({ action }) => action)).to.eql(["runPlaybook"]);
    for (const { written } of [one, many]) expect(JSON.stringify(written)).to.not.include("example.org");
  });

  it("fail with what to do where the cluster sends no mail, and are tried again while the mail server is away", async () => {
    const mail = { isSet: () => false, send: () => Promise.resolve(ok({})), post: () => ok({}) };
    const off = await actOn(acting({ mail }).ports, order(named));
    expect(off.steps[0]?.reason).to.match(/^MAIL_OFF: .*plexus mail set/);
    expect(off.steps[0]?.status).to.equal("failed");
    const away = acting();
    const { ports } = acting({
      mail: { ...away.ports.mail, send: () => Promise.resolve(refused(failure("MAIL_AWAY", { reason: "silence" }))) },
    });
    expect((await actOn(ports, order(named))).steps[0]).to.include({ status: "done" });
    expect(away.sent).to.eql(["later ops@example.org"]);
    const no = acting({
      mail: { ...away.ports.mail, send: () => Promise.resolve(refused(failure("MAIL_REFUSED", { reason: "550" }))) },
    });
    expect((await actOn(no.ports, order(owners))).steps[0]).to.deep.include({
      status: "failed",
      reason: "MAIL_REFUSED",
    });
    const nobody = await actOn(acting().ports, order([{ do: "mail", role: "auditor" }]));
    expect(nobody.steps[0]).to.deep.include({ status: "failed", reason: "it has nobody to go to" });
  });

  it("are rehearsed: what would be sent is counted, and nothing is sent", async () => {
    const { ports, sent } = acting();
    const { steps } = await actOn(ports, order(owners, "rehearsed"));
    expect(steps[0]).to.include({ status: "rehearsed" });
    expect(steps[0]?.reason).to.match(/^the mail would be sent to 2 people; 1 person/);
    expect(sent).to.eql([]);
  });

  it("say what was found and seen, on one line each, whatever names are in it", () => {
    const bad = { ...alert, about: "user/x\r\nBcc: all@example.org", title: "<b>bold</b>" };
    const letter = letterOf(
      { what: "alert", to: "ops@example.org", alert: bad, seen, playbook: "lock" },
      { publicUrl: "https://chat.example.org", node: "a" },
    );
    expect(letter.subject).to.not.match(/[\r\n]/);
    expect(letter.html).to.not.include("<b>");
    expect(letter.text).to.include("https://chat.example.org/admin/alerts");
    expect(letter.text).to.include("signIn SIGN_IN_FAILED by stranger on user/ada from 192.0.2.7");
    const linkless = letterOf(
      { what: "alert", to: "o@example.org", alert, seen: [], playbook: "p" },
      { publicUrl: "", node: "a" },
    );
    expect(linkless.text).to.not.include("https:");
  });
});

describe("pages of playbooks", () => {
  it("carry what was seen, and say nothing of their address when it fails", async () => {
    let body = "";
    const page: Playbook["acts"] = [{ do: "page", host: "pager.example", sealed: "x" }];
    const good = acting({ post: (_url, text) => ((body = text), Promise.resolve(204)) });
    expect((await actOn(good.ports, order(page))).seen).to.eql(seen);
    expect(JSON.parse(body).seen).to.eql(seen);
    const bad = acting({ post: (url) => Promise.reject(new Error(`cannot reach ${url}`)) });
    const { steps } = await actOn(bad.ports, order(page));
    expect(steps[0]).to.include({ status: "failed", reason: "cannot reach https://pager.example/…" });
    expect(JSON.stringify([steps, bad.written])).to.not.include("s3cret");
  });
});

describe("the queue of runs", () => {
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const done: RunDone = { steps: [{ do: "page", status: "done" }], seen: [] };

  it("does so many at once, waits for none, and tells what is over again until it is heard", async () => {
    const acted: string[] = [];
    const ends = new Map<string, () => void>();
    const told: string[] = [];
    let hears = false;
    const runs = createRuns({
      act: ({ run }) => (acted.push(run.id), new Promise((resolve) => ends.set(run.id, () => resolve(done)))),
      ran: (_turn, id) => (told.push(id), Promise.resolve(hears)),
      log: quietLog,
      meter: quietMeter,
      atOnceMax: 2,
    });
    const orders = ["1", "2", "3"].map((id) => order([{ do: "backup" }], "planned", id));
    runs.take(1, orders);
    runs.take(1, orders);
    expect(acted).to.eql(["1", "2"]);
    ends.get("1")?.();
    await settle();
    expect(told).to.eql(["1"]);
    // The actor did not hear of it: it is told, and not done, again.
    hears = true;
    runs.take(1, orders);
    await settle();
    expect([acted, told]).to.eql([
      ["1", "2"],
      ["1", "1"],
    ]);
    runs.take(1, orders.slice(1));
    expect(acted).to.eql(["1", "2", "3"]);
    for (const end of ends.values()) end();
    await runs.settled();
    expect(told).to.eql(["1", "1", "2", "3"]);
  });

  const finding = (about: string): Finding => ({ source: "detector/refused-person", severity: "warning", about, title: "t", atMs: startMs, evidence: [] }); // prettier-ignore

  it("is bounded: what finds no room is counted, and is an alert in the same append", () => {
    let state: WatchState = {
      ...initial,
      playbooks: [{ name: "lock", when: {}, acts: named, mode: "on", setBy: "ada", switchedBy: "eve" }],
    };
    const send = (message: object): Record<string, unknown> => {
      const effects = watch.decide(state, message as never, { self: "watch/cluster", key: "cluster", nowMs: startMs, from: "node", notes: undefined }) as readonly Effect[]; // prettier-ignore
      for (const effect of effects) if (effect.type === "persist") state = watch.evolve(state, effect.event as never);
      return (
        effects.flatMap((effect) => (effect.type === "reply" ? [effect.value as Record<string, unknown>] : []))[0] ?? {}
      );
    };
    send({ type: "take", runner: "a", ends: [] });
    const step = (number: number, about: string) =>
      send({ type: "advance", turn: 1, step: number, version: 0, cursors: [], rows: [], findings: [finding(about)] });
    for (let at = 1; at <= actorLimits.playbookRunsOpenMax; at += 1)
      expect(step(at, `user/p${at}`)).to.include({ dropped: 0 });
    expect(state.runs[0]?.run).to.deep.include({
      switchedBy: "eve",
      steps: [{ do: "mail", to: "@example.org", status: "planned" }],
    });
    const beyond = actorLimits.playbookRunsOpenMax + 1;
    expect(step(beyond, "user/late")).to.include({ dropped: 1 });
    expect(step(beyond, "user/late")).to.include({ dropped: 0 });
    expect(state.open.at(-1)).to.deep.include({ source: "watch/playbooks", count: 1, facts: { notRun: 1 } });
    expect(state.runs).to.have.length(actorLimits.playbookRunsOpenMax);
    step(beyond + 1, "user/later");
    expect(state.open.find(({ source }) => source === "watch/playbooks")).to.include({ count: 2 });
    const { runs, dropped } = runsOf(
      { playbooks: state.playbooks, acted: [], runs: 0, open: 63 },
      [alert, alert, alert],
      startMs,
    );
    expect([runs.length, dropped]).to.eql([1, 2]);
  });
});
