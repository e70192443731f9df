import { expect } from "chai";
import { mailSettings } from "../../../node/cluster/facts/mail.ts";
import { watchSecrets, type NamedSecrets } from "../../../node/cluster/facts/secrets.ts";
import { secretsControl } from "../../../node/cluster/facts/adopted-secrets.ts";
import { createOutbound } from "../../../node/mail/index.ts";
import type { KnownServer } from "../../../node/cluster/facts/mail.ts";
import { ok, type AuditEvent, type SecretsView } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Reply, type Fixture } from "./fixture.ts";

const publicUrl = "https://chat.example.org";
const value = "Tr0ub4dor-of-the-test";

describe("gateway: secrets", () => {
  let fixture: Fixture;
  let named: NamedSecrets;
  let mail: ReturnType<typeof mailSettings>;
  let rows: () => Promise<string>;
  const written: AuditEvent[] = [];
  const logged: unknown[] = [];
  const answers: string[] = [];
  const log = { debug: (...line: unknown[]) => void logged.push(line), info: (...line: unknown[]) => void logged.push(line), warn: (...line: unknown[]) => void logged.push(line), error: (...line: unknown[]) => void logged.push(line) }; // prettier-ignore

  before(async () => {
    fixture = await startFixture({
      log,
      audit: { write: async (event) => void written.push(event) },
      open(peer, at) {
        named = watchSecrets(peer.directory, at.secrets);
        mail = mailSettings(peer.directory, named);
        rows = async () =>
          JSON.stringify(
            await Promise.all(["", "keys/", "mail", "endpoint/"].map((prefix) => peer.directory.list(prefix))),
          );
        const outbound = createOutbound({ ...at, server: () => mail.current(), send: async () => ok({}), publicUrl, node: "test" }); // prettier-ignore
        return {
          secrets: named,
          namedSecrets: secretsControl(named, { peer, mail }),
          mail: { settings: mail, outbound, publicUrl },
        };
      },
    });
  });
  after(async () => {
    await fixture.stop();
    named.stop();
    mail.stop();
  });

  const call = async (method: string, path: string, body?: object): Promise<Reply> => {
    const reply = await fixture.request(method, `/api/v1/admin${path}`, { token: controlToken, ...(body && { body }) });
    answers.push(JSON.stringify(reply.body));
    return reply;
  };
  const list = async (): Promise<SecretsView> => (await call("GET", "/secrets")).body as SecretsView;
  const server = {
    host: "smtp.example.org",
    port: 587,
    security: "starttls",
    user: "plexus",
    from: "plexus@example.org",
  };
  const current = async (): Promise<KnownServer | undefined> => mail.current();

  it("are set, referred to by name, listed with what uses them, and never shown", async () => {
    const set = await call("PUT", "/secrets/smtp", { value, for: ["smtp.example.org:587"], note: "the mail server" });
    expect(set.status, JSON.stringify(set.body)).to.equal(200);
    expect((await call("PUT", "/mail", { ...server, password: "secret:smtp" })).status).to.equal(200);
    expect((await current())?.password).to.equal(value);
    const { secrets, own } = await list();
    expect(secrets).to.have.length(1);
    expect(secrets[0]).to.deep.include({ name: "smtp", for: ["smtp.example.org:587"], version: 1, by: "operator", usedBy: ["mail"] }); // prettier-ignore
    expect(own).to.deep.equal([]);
    expect(written.findLast(({ action }) => action === "setSecret")).to.deep.include({ target: "secret/smtp" });
  });

  it("are as they are where one's own write is sent again, and not overwritten by another", async () => {
    const body = { value: "one", for: ["api.example.org"] };
    const set = async (more: object) => {
      const { status, body: answer } = await call("PUT", "/secrets/again", { ...body, ...more });
      return status === 200 ? `version ${answer.version}` : answer.error.code;
    };
    expect(await set({ seen: 0 })).to.equal("version 1");
    expect(await set({ seen: 0 }), "its answer was lost").to.equal("version 1");
    expect(await set({ seen: 0, value: "two" })).to.equal("CHANGED_MEANWHILE");
    expect(await set({ seen: 0, for: ["api.example.com"] })).to.equal("CHANGED_MEANWHILE");
    expect(await set({ seen: 1, value: "two" })).to.equal("version 2");
    expect((await call("DELETE", "/secrets/again")).status).to.equal(200);
  });

  it("take another value without another word", async () => {
    expect((await call("POST", "/secrets/smtp/rotate", { value: `${value}-2` })).body).to.deep.include({ version: 2 });
    expect((await current())?.password).to.equal(`${value}-2`);
  });

  it("go nowhere but where they are for, whoever changes what refers to them", async () => {
    const elsewhere = await call("PUT", "/mail", { ...server, host: "evil.example.org", password: "secret:smtp" });
    expect(elsewhere.body.error).to.deep.include({ code: "BAD_REQUEST" });
    expect(elsewhere.body.error.details.problem).to.include("not for evil.example.org");
    expect((await call("PUT", "/mail", { ...server, password: "secret:none" })).body.error.code).to.equal(
      "BAD_REQUEST",
    );
    expect(await named.open("secret:smtp", [], { host: "evil.example.org", port: 587 })).to.equal(undefined);
    expect(await named.open("secret:smtp", [], { host: "smtp.example.org", port: 25 })).to.equal(undefined);
    expect(await named.open("secret:smtp", []), "a text that only looks like a name").to.equal(undefined);
    expect((await current())?.password, "and the setting stays").to.equal(`${value}-2`);
  });

  it("are not removed while something uses them", async () => {
    const used = await call("DELETE", "/secrets/smtp");
    expect(used.body.error).to.deep.include({ code: "FORBIDDEN" });
    expect(used.body.error.details.reason).to.include("mail");
    expect((await call("DELETE", "/mail")).status).to.equal(200);
    expect((await call("DELETE", "/secrets/smtp")).status).to.equal(200);
    expect((await call("POST", "/secrets/smtp/rotate", { value })).body.error.code).to.equal("NOT_FOUND");
  });

  it("come of what a setting has kept by itself, and nothing is lost on the way", async () => {
    await call("PUT", "/mail", { ...server, password: `${value}-old` });
    expect((await list()).own).to.deep.equal(["mail"]);
    const adopted = await call("POST", "/secrets/smtp/adopt", { from: "mail" });
    expect(adopted.body).to.deep.include({ name: "smtp", for: ["smtp.example.org:587"], usedBy: ["mail"] });
    expect((await current())?.password).to.equal(`${value}-old`);
    expect((await list()).own).to.deep.equal([]);
    expect((await call("POST", "/secrets/again/adopt", { from: "mail" })).body.error.code).to.equal("ALREADY_DONE");
    expect((await call("POST", "/secrets/again/adopt", { from: "audit-sink/none" })).body.error.code).to.equal(
      "NOT_FOUND",
    );
  });

  it("are in no answer, log line, audit entry or row", async () => {
    const places = {
      answers: answers.join("\n"),
      log: JSON.stringify(logged),
      audit: JSON.stringify(written),
      rows: await rows(),
    };
    for (const [place, text] of Object.entries(places)) {
      expect(text.length, place).to.be.greaterThan(2);
      expect(text.includes(value), place).to.equal(false);
    }
    // A refusal does not repeat what was given either.
    for (const body of [
      { value: `${value}\n`, for: ["x"] },
      { value, for: [] },
      { value, for: ["https://x/"] },
    ])
      expect(JSON.stringify((await call("PUT", "/secrets/bad", body)).body)).to.not.include(value);
  });
});
