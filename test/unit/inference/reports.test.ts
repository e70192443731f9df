import { expect } from "chai";
import { extractText, getDocumentProxy } from "unpdf";
import { createReports } from "../../../node/inference/usage/reports.ts";
import { pdfOfDays } from "../../../node/inference/usage/report-pdf.ts";
import { createOutbound, sendBySmtp } from "../../../node/mail/index.ts";
import { handleUsage } from "../../../node/inference/usage/index.ts";
import { failure } from "../../../protocols/index.ts";
import type { ActivityDay, AdminTasks, ReportTaken, ReportsView } from "../../../protocols/index.ts";
import { startMailServer, type Arrived, type MailServerFixture } from "../../fixtures/mail-server.ts";
import { controlToken, createWorld, startFixture, type Fixture, type Reply } from "../gateway/fixture.ts";

const dayMs = 24 * 3_600_000;
const zeros = { people: 0, messages: 0, calls: 0, tokens: 0, cost: 0 };

/** The texts of a PDF, as another program reads it. */
const textsOf = async (pdf: Uint8Array): Promise<string> => {
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(pdf)), { mergePages: true });
  return text;
};

/** The files of a mail. */
const filesOf = ({ raw }: Arrived): ReadonlyMap<string, Buffer> =>
  new Map(
    raw.split(/^--.*$/m).flatMap((part): readonly (readonly [string, Buffer])[] => {
      const name = /filename="?([^"\r\n]+)"?/.exec(part)?.[1];
      const body = part.split("\r\n\r\n").slice(1).join("\r\n\r\n");
      return name === undefined ? [] : [[name, Buffer.from(body, "base64")]];
    }),
  );

describe("reports by mail", () => {
  let fixture: Fixture;
  let server: MailServerFixture;
  let sender: ReturnType<typeof createReports>;
  let shiftMs: number;

  const call = (method: string, path: string, body?: object): Promise<Reply> =>
    fixture.request(method, `/api/v1/admin${path}`, { token: controlToken, ...(body && { body }) });
  const done = async (...asked: Parameters<typeof call>): Promise<Reply["body"]> => {
    const { status, body } = await call(...asked);
    expect(status, JSON.stringify(body)).to.be.within(200, 299);
    return body;
  };
  const view = (): Promise<ReportsView> => done("GET", "/reports");
  const weekly = { cron: "0 7 * * 1", timeZone: "Europe/Vienna", days: 7, formats: ["csv", "pdf"], to: ["ada@example.org"] }; // prettier-ignore
  const sum = { ...zeros, calls: 2, tokens: 30, cost: 1_500_000, messages: 4 };

  beforeEach(async () => {
    server = await startMailServer();
    shiftMs = 0;
    const world = createWorld();
    const real = world.clock();
    const clock = { ...real, nowMs: () => real.nowMs() + shiftMs };
    fixture = await startFixture({
      world,
      clock,
      open(peer, { random, log, meter }) {
        const smtp = async () => ({ host: "127.0.0.1", port: server.port, security: "starttls" as const, from: "plexus@example.org" }); // prettier-ignore
        const outbound = createOutbound({ server: smtp, send: sendBySmtp(), publicUrl: undefined, node: "test", clock, random, log, meter }); // prettier-ignore
        sender = createReports({
          kernel: peer.kernel,
          clock,
          log,
          meter,
          askTimeoutMs: 5_000,
          brand: () => "Plexus",
          onDue: () => () => undefined,
          send: (request) => outbound.send(request),
        });
        return {};
      },
    });
    const told = { type: "tell", reporter: "n1", seq: 1, people: [{ person: "ada", teams: ["sales"], messages: 4, calls: 2, tokens: 30, cost: 1_500_000 }] }; // prettier-ignore
    const answer = await fixture.kernel.ask({ to: "activity/cluster", from: "node", message: told, timeoutMs: 5_000 });
    expect(answer.ok).to.equal(true);
    shiftMs += dayMs;
  });
  afterEach(async () => {
    sender.stop();
    await fixture.stop();
    await server.stop();
  });

  it("are sent as CSV and PDF with the days that are over, as a task that is seen, and name no person", async () => {
    const set = await done("PUT", "/reports/weekly", weekly);
    expect(new Date(set.nextMs).toISOString()).to.match(/T0[56]:00:00/);
    const { task } = await done("POST", "/reports/weekly/send");
    const [waiting] = ((await done("GET", "/tasks?kind=report")) as AdminTasks).tasks;
    expect(waiting).to.deep.include({ id: task, state: "waiting", canCancel: true });
    await sender.look();
    const mail = await server.next();
    expect(mail.to).to.equal("ada@example.org");
    const files = filesOf(mail);
    const [csv, pdf] = [...files.values()];
    expect([...files.keys()].map((name) => name.split(".").at(-1))).to.deep.equal(["csv", "pdf"]);
    const rows = csv?.toString().trim().split("\r\n") ?? [];
    expect(rows[1]).to.match(/^\d{4}-\d\d-\d\d,,1,4,2,30,1.5,0$/);
    expect(rows[2]).to.include(",sales,1,4,2,30,1.5,");
    expect(rows).to.have.length(3);
    const read = await textsOf(pdf as Buffer);
    expect(read).to.include("By day").and.include("sales").and.include("1.50");
    expect(csv?.toString() + read).not.to.match(/\bada\b/);
    const looked = await done("GET", "/reports/weekly/file?format=csv");
    expect(Buffer.from(looked.base64, "base64").toString()).to.equal(csv?.toString());
    expect((await done("GET", `/tasks/${task}`)).state).to.equal("done");
    expect((await view()).runs[0]).to.deep.include({ state: "done", sent: 1, missed: 0 });
  });

  it("wait for a mail server that is away, for those who did not get one, and are given up at last", async () => {
    await done("PUT", "/reports/weekly", { ...weekly, formats: ["csv"], to: ["ada@example.org", "bob@example.org"] });
    await done("POST", "/reports/weekly/send");
    server.fates = ["take", { code: 451, text: "later" }];
    await sender.look();
    expect((await view()).runs[0]).to.deep.include({ state: "waiting", sent: 1, left: ["bob@example.org"] });
    expect((await call("POST", "/reports/weekly/send")).body.error.code, "beside itself").to.equal("LIMIT_REACHED");
    for (let tries = 1; tries < 6; tries += 1) {
      shiftMs += 16 * 60_000;
      await sender.look();
    }
    expect((await view()).runs[0]).to.deep.include({ state: "failed", sent: 1, missed: 1, left: ["bob@example.org"] });
    expect(server.arrived.map(({ to }) => to)).to.deep.equal(["ada@example.org"]);
    const [{ again, progress }] = (await done("GET", "/tasks?kind=report")).tasks;
    expect(progress).to.deep.equal({ sent: 1, mails: 2, missed: 1 });
    expect(again.path).to.equal("/api/v1/admin/reports/weekly/send");
    // Begun again it goes to the one alone who did not get it, and once.
    server.fates = ["take"];
    await done("POST", "/reports/weekly/send", again.body);
    await sender.look();
    expect(server.arrived.map(({ to }) => to)).to.deep.equal(["ada@example.org", "bob@example.org"]);
    expect((await call("POST", "/reports/weekly/send", again.body)).body.error.code).to.equal("NOT_FOUND");
  });

  it("go on though one was removed while it was being sent, and to nobody who was taken out", async () => {
    const ask = async (message: { readonly type: string }) => {
      const answer = await fixture.kernel.ask({ to: "activity/cluster", from: "node", message, timeoutMs: 5_000 });
      return answer.ok ? (answer.value as ReportTaken) : answer.error.code;
    };
    const away = (taken: ReportTaken | string) =>
      ask({ type: "settleReport", id: (taken as ReportTaken).run.id, sent: 0, left: ["ada@example.org"], code: "MAIL_AWAY" } as never); // prettier-ignore
    await done("PUT", "/reports/weekly", weekly);
    await done("POST", "/reports/weekly/send");
    const taken = await ask({ type: "takeReport" });
    await done("DELETE", "/reports/weekly");
    await away(taken);
    expect((await view()).runs[0]).to.deep.include({ state: "cancelled", left: [] });
    await done("PUT", "/reports/weekly", { ...weekly, to: ["ada@example.org", "bob@example.org"] });
    await done("PUT", "/reports/other", { ...weekly, to: ["eve@example.org"] });
    await done("POST", "/reports/weekly/send");
    await done("POST", "/reports/other/send");
    await done("PUT", "/reports/weekly", { ...weekly, to: ["bob@example.org"] });
    shiftMs += 16 * 60_000;
    await sender.look();
    expect(server.arrived.map(({ to }) => to)).to.deep.equal(["bob@example.org", "eve@example.org"]);
  });

  it("are sent by one node, and not again by another where nobody knows what became of the first", async () => {
    await done("PUT", "/reports/weekly", { ...weekly, cron: "0 0 * * *" });
    await done("POST", "/reports/weekly/send");
    const take = () => fixture.kernel.ask({ to: "activity/cluster", from: "node", message: { type: "takeReport" }, timeoutMs: 5_000 }); // prettier-ignore
    const [one, other] = await Promise.all([take(), take()]);
    expect([one.ok, other.ok].filter(Boolean)).to.have.length(1);
    // That node died. The next time of the report comes, and so does its reminder.
    shiftMs += 2 * dayMs;
    await sender.look();
    expect(server.arrived).to.deep.equal([]);
  });

  it("are cancelled as a task, removed with what waits, and refused with a schedule that is none", async () => {
    await done("PUT", "/reports/weekly", weekly);
    const { task } = await done("POST", "/reports/weekly/send");
    // Addresses are for those alone who may set them.
    const handlers = handleUsage(
      (to, message) => fixture.kernel.ask({ to, from: "gateway", message, timeoutMs: 5_000 }) as never,
      { nowMs: () => 0, brand: () => "Plexus", random: { bytes: (count) => new Uint8Array(count) } },
    );
    const may = (needed: string) => (needed === "cluster.see" ? undefined : failure("FORBIDDEN"));
    const seen = await handlers["reports.list"]({}, { by: "eve", may } as never);
    if (!seen.ok) throw new Error(seen.error.code);
    expect(JSON.stringify(seen.value)).not.to.include("ada@");
    expect([seen.value.reports[0]?.to, seen.value.runs[0]?.left]).to.deep.equal([["…"], ["…"]]);
    expect((await view()).reports[0]?.to).to.deep.equal(weekly.to);
    await done("DELETE", `/tasks/${task}`);
    await sender.look();
    expect((await view()).runs[0]?.state).to.equal("cancelled");
    await done("POST", "/reports/weekly/send");
    await done("DELETE", "/reports/weekly");
    await sender.look();
    expect(server.arrived).to.deep.equal([]);
    expect((await view()).reports).to.deep.equal([]);
    await done("PUT", "/reports/weekly", { ...weekly, isNew: true });
    expect((await call("PUT", "/reports/weekly", { ...weekly, isNew: true })).body.error.code).to.equal("NAME_TAKEN");
    for (const wrong of [{ cron: "often" }, { timeZone: "Nowhere/Else" }, { to: ["ada"] }, { formats: [] }])
      expect((await call("PUT", "/reports/weekly", { ...weekly, ...wrong })).status, JSON.stringify(wrong)).to.equal(
        400,
      );
    const why = async (wrong: object) =>
      (await call("PUT", "/reports/weekly", { ...weekly, ...wrong })).body.error.details;
    expect(await why({ cron: "often" })).to.deep.include({ field: "cron" });
    expect(await why({ timeZone: "Nowhere/Else" })).to.deep.include({ field: "timeZone" });
    for (const cron of ["* * * * *", "0,59 7 * * 1"])
      expect(await why({ cron }), cron).to.deep.include({ field: "cron" });
    await done("PUT", "/reports/weekly", { ...weekly, cron: "0 * * * *" });
    expect(await why({ cron: "0 0 30 2 *" })).to.deep.include({ field: "cron", reason: "no date fits this time" });
  });

  it("are made of a year with 64 teams, and of signs that no font of a reader has", async () => {
    const teams = Array.from({ length: 64 }, (_, at) => ({
      ...sum,
      people: 1,
      team: at === 0 ? "Gebühren (é, ő, –)" : `команда ${at}`,
    }));
    const days: ActivityDay[] = Array.from({ length: 366 }, (_, at) => ({ day: new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10), ...sum, people: 3, teams, storedBytes: 5_000_000 })); // prettier-ignore
    const pdf = pdfOfDays(days, { title: "weekly", brand: "Вести" });
    const document = await getDocumentProxy(new Uint8Array(pdf), { stopAtErrors: true });
    expect(document.numPages).to.be.within(50, 60);
    const { info } = await document.getMetadata();
    expect((info as { readonly Title: string }).Title).to.equal("weekly: usage of Вести");
    const { text } = await extractText(document, { mergePages: true });
    for (const said of [
      "Usage of ?????: weekly",
      "2026-01-01",
      "2027-01-01",
      "??????? 63",
      "Gebühren (é, o, –)",
      "2,000 of 23,424 rows",
    ])
      expect(text).to.include(said);
    expect(pdf.length).to.be.below(300_000);
  });
});
