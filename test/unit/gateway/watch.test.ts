import { expect } from "chai";
import type { GatewayOptions } from "../../../node/gateway/options.ts";
import type { createSecrets } from "../../../node/keys/index.ts";
import { readSealedPage, type AuditEvent, type RuleTried } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: detectors, rules and playbooks", () => {
  const written: AuditEvent[] = [];
  const secretUrl = "https://hooks.example.net:8443/services/T0/s3cret?key=42";
  let fixture: Fixture;
  let secrets: ReturnType<typeof createSecrets>;
  let mailIsSet = false;
  let trial: PromiseWithResolvers<RuleTried>;
  let tried = 0;
  const tokens: Record<string, string> = { operator: controlToken };
  const tryNow: RuleTried = { findings: [], found: 0, looked: 0, sinceMs: 0, untilMs: 0, cut: false };

  before(async () => {
    trial = Promise.withResolvers();
    fixture = await startFixture({
      audit: { write: (event) => (written.push(event), Promise.resolve()) },
      watch: { tryRule: () => ((tried += 1), trial.promise) },
      limits: { ruleTrialRate: { count: 3, windowMs: 3_600_000 } },
      secrets: {
        seal: (text, context) => secrets.seal(text, context),
        open: (sealed, context) => secrets.open(sealed, context),
      } as NonNullable<GatewayOptions["secrets"]>,
      openMail(at) {
        secrets = at.secrets;
        return {
          settings: { isSet: () => mailIsSet },
          outbound: {},
          publicUrl: undefined,
        } as unknown as GatewayOptions["mail"];
      },
    });
    for (const name of ["ada", "aud"]) tokens[name] = (await fixture.signUp(name)).token;
    await call("ada", "PUT", "/roles/auditor", { grants: [{ permission: "alerts.read" }] });
    await call("ada", "PUT", "/users/aud/roles", { roles: ["member", "auditor"] });
  });
  after(() => fixture.stop());

  const call = (by: string, method: string, path: string, body?: object): Promise<Reply> =>
    fixture.request(method, `/api/v1/admin${path}`, { token: tokens[by] as string, ...(body && { body }) });
  const codeOf = ({ status, body }: Reply): string => (status < 300 ? "ok" : body.error.code);
  const newest = (): AuditEvent => written.at(-1) as AuditEvent;

  it("set thresholds within bounds, and the audit has what differs, before and after", async () => {
    expect(codeOf(await call("ada", "PUT", "/detectors/refused-person", { settings: { count: 20 } }))).to.equal("ok");
    expect(newest()).to.deep.include({ action: "setRule", target: "detector/refused-person" });
    expect(newest().facts).to.include({ "before.settings.count": 10, "after.settings.count": 20 });
    expect(newest().facts).to.not.have.property("before.settings.minutes");
    const view = (await call("aud", "GET", "/detectors")).body.detectors.find(
      ({ name }: { name: string }) => name === "refused-person",
    );
    expect(view).to.deep.include({ now: { count: 20, minutes: 15 }, settings: { count: 10, minutes: 15 }, off: false });
    for (const [settings, problem] of [
      [{ count: 101 }, /from 1 to 100/],
      [{ count: 2.5 }, /whole number/],
      [{ counts: 5 }, /there is no threshold counts; it has count, minutes/],
    ] as const) {
      const { body } = await call("ada", "PUT", "/detectors/refused-person", { settings });
      expect(body.error.code).to.equal("BAD_REQUEST");
      expect(body.error.details.problem).to.match(problem);
    }
    expect(codeOf(await call("aud", "PUT", "/detectors/refused-person", {}))).to.equal("FORBIDDEN");
  });

  it("keep a rule that somebody else has changed since it was looked at", async () => {
    const rule = { severity: "notice", withinMinutes: 5, by: "user", steps: [{ action: "signIn" }] };
    const set = (more: object) => call("ada", "PUT", "/rules/late", { ...rule, ...more });
    expect(codeOf(await set({ seen: rule })), "there is none").to.equal("CHANGED_MEANWHILE");
    expect(codeOf(await set({ seen: null }))).to.equal("ok");
    expect(codeOf(await set({ seen: rule, withinMinutes: 9 }))).to.equal("ok");
    const late = await set({ seen: rule, on: true });
    expect(late.body.error).to.deep.include({
      code: "CHANGED_MEANWHILE",
      details: { rule: "late", now: { name: "late", ...rule, withinMinutes: 9 } },
    });
  });

  it("let one person try so many rules, and a node one at a time, and refuse before any entry is read", async () => {
    const rule = { severity: "notice", withinMinutes: 5, by: "user", steps: [{ action: "signIn" }] };
    const attempt = (by: string) => call(by, "POST", "/rules/try", { rule });
    const first = attempt("ada");
    while (tried === 0) await new Promise((resolve) => void setImmediate(resolve));
    expect(codeOf(await attempt("operator"))).to.equal("OVERLOADED");
    trial.resolve(tryNow);
    expect(codeOf(await first)).to.equal("ok");
    for (let at = 0; at < 2; at += 1) expect(codeOf(await attempt("ada"))).to.equal("ok");
    const refused = await attempt("ada");
    expect(refused.status).to.equal(429);
    expect(refused.body.error.details).to.have.property("retryAfterMs").that.is.above(0);
    expect(tried).to.equal(3);
    expect(codeOf(await attempt("operator")), "another one has their own").to.equal("ok");
  });

  const body = (acts: readonly object[]): object => ({ when: {}, acts });

  it("show the address of a page to nobody, and write it nowhere", async () => {
    const set = await call("ada", "PUT", "/playbooks/tell", body([{ do: "page", url: secretUrl }]));
    expect(codeOf(set)).to.equal("ok");
    expect(set.body.acts).to.eql([{ do: "page", host: "hooks.example.net:8443" }]);
    expect(set.body.secret).to.be.a("string");
    const answers = [set, await call("ada", "GET", "/playbooks"), await call("aud", "GET", "/playbooks")];
    expect(JSON.stringify([answers.map((one) => one.body), written])).to.not.include("s3cret");
    expect(JSON.stringify(written)).to.not.include(set.body.secret);
    expect(newest().facts?.["after.acts"]).to.include("hooks.example.net");
    expect(codeOf(await call("ada", "PUT", "/playbooks/bad", body([{ do: "page", url: "https://[/x" }])))).to.equal(
      "BAD_REQUEST",
    );
  });

  it("keep the address of a page of which the host alone is given, with its secret", async () => {
    const kept = await call("ada", "PUT", "/playbooks/tell", {
      ...body([{ do: "page", host: "hooks.example.net:8443" }, { do: "backup" }]),
      note: "x",
    });
    expect(codeOf(kept)).to.equal("ok");
    expect(kept.body).to.not.have.property("secret");
    const all = await fixture.kernel.ask({ to: "watch/cluster", from: "gateway", message: { type: "playbooks" }, timeoutMs: 5_000 }); // prettier-ignore
    const [one] = (all as unknown as { value: { playbooks: { acts: { sealed: string }[] }[] } }).value.playbooks;
    const opened = readSealedPage(await secrets.open(one?.acts[0]?.sealed ?? "", ["playbook", "tell"]));
    expect(opened?.url).to.equal(secretUrl);
    const other = await call("ada", "PUT", "/playbooks/tell", body([{ do: "page", host: "evil.example" }]));
    expect(other.body.error).to.deep.include({ code: "BAD_REQUEST" });
  });

  it("have a mail only where the cluster sends mail, to a role that somebody chose to have; whoever only looks sees its domain", async () => {
    const set = (act: object) => call("ada", "PUT", "/playbooks/mail", body([{ do: "mail", ...act }]));
    expect(codeOf(await set({ to: "ops@example.org" }))).to.equal("MAIL_OFF");
    mailIsSet = true;
    expect(codeOf(await set({ role: "member" }))).to.equal("BAD_REQUEST");
    expect(codeOf(await set({ role: "nobody" }))).to.equal("BAD_REQUEST");
    expect(codeOf(await set({ role: "owner" }))).to.equal("ok");
    expect((await set({ to: "ops@example.org" })).body.acts).to.eql([{ do: "mail", to: "ops@example.org" }]);
    const seen = (await call("aud", "GET", "/playbooks")).body.playbooks.find(
      ({ name }: { name: string }) => name === "mail",
    );
    expect(seen.acts).to.eql([{ do: "mail", to: "@example.org" }]);
    expect(JSON.stringify(written)).to.not.include("ops@");
    mailIsSet = false;
    expect(codeOf(await call("operator", "POST", "/playbooks/mail/mode", { mode: "on" }))).to.equal("MAIL_OFF");
    mailIsSet = true;
  });

  it("are switched on with the acts that were seen, and not with others", async () => {
    const mode = (acts: readonly object[]) => call("operator", "POST", "/playbooks/mail/mode", { mode: "on", acts });
    expect(codeOf(await mode([{ do: "backup" }]))).to.equal("ALREADY_DONE");
    expect((await mode([{ do: "mail", to: "ops@example.org" }])).body).to.include({
      mode: "on",
      switchedBy: "operator",
    });
    expect(newest().facts).to.include({ "before.mode": "dryRun", "after.mode": "on" });
    const acts = [{ do: "mail", to: "ops@example.org" }];
    const set = (more: object) => call("ada", "PUT", "/playbooks/mail", { ...body(acts), seen: null, ...more });
    const again = await set({});
    expect(codeOf(again), "its own write, sent again").to.equal("ok");
    expect(again.body.mode, "who has switched it on has seen it").to.equal("on");
    expect(codeOf(await set({ note: "another" }))).to.equal("CHANGED_MEANWHILE");
  });
});
