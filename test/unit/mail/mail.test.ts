import { expect } from "chai";
import fc from "fast-check";
import { createOutbound, sendBySmtp } from "../../../node/mail/index.ts";
import { faultOf, protectionOf, type SmtpServer } from "../../../node/mail/smtp.ts";
import { letterOf } from "../../../node/mail/letters.ts";
import { mailLimits } from "../../../node/mail/limits.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { Clock, Log } from "../../../node/ports/index.ts";
import {
  isMailAddress,
  ok,
  refused,
  failure,
  type MailServer,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import { startMailServer, type MailServerFixture } from "../../fixtures/mail-server.ts";
import { quietLog as quiet } from "../../fixtures/quiet.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { usualLimitMs } from "../../waits.ts";

const publicUrl = "https://chat.example.org";
const letter = letterOf(
  { what: "reset", to: "ada@example.org", user: "ada", secret: "s3cret", lifeMs: 3_600_000 },
  { publicUrl, node: "a" },
);

describe("letters", () => {
  it("lead to the public address, in text and in HTML, and escape what people chose", () => {
    expect(letter.text).to.include("https://chat.example.org/#reset=ada.s3cret");
    expect(letter.html).to.include('href="https://chat.example.org/#reset=ada.s3cret"');
    const odd = letterOf({ what: "known", to: "x@example.org", user: '<b>"&' }, { publicUrl, node: "a" });
    expect(odd.html).to.include("&lt;b&gt;&quot;&amp;").and.not.include("<b>");
    expect(odd.html).to.not.match(/src=|url\(|@import/);
  });
});

describe("mail addresses", () => {
  it("are such as end no header and name one receiver", () => {
    for (const good of ["ada@example.org", "a.b+c@mail.example.co.uk", "x_y-z@sub.example.org"])
      expect(isMailAddress(good), good).to.equal(true);
    for (const bad of [
      "ada",
      "ada@localhost",
      "a@b@example.org",
      "ada@example.org\r\nBcc: x@y.org",
      "ada@example.org,bob@example.org",
      "<ada@example.org>",
      '"a b"@example.org',
      ".a@example.org",
      "a..b@example.org",
      "ada@-x.org",
      "ada@example.org ",
    ])
      expect(isMailAddress(bad), JSON.stringify(bad)).to.equal(false);
  });

  it("never have a sign that ends a line, an address or a list", () => {
    fc.assert(fc.property(fc.string({ maxLength: 40 }), fc.constantFrom("\r", "\n", ",", ";", "<", ">", " ", "\0", '"'), fc.string({ maxLength: 40 }), (left, sign, right) => {
      expect(isMailAddress(`${left}${sign}${right}@example.org`)).to.equal(false);
      expect(isMailAddress(`ada@example.org${sign}${right}`)).to.equal(false);
    })); // prettier-ignore
  });
});

describe("the connection to a mail server", () => {
  const of = (host: string, security: MailServer["security"]) => protectionOf({ host, security });
  it("is encrypted and checked, but on this machine and where the settings say otherwise by name", () => {
    expect(of("smtp.example.org", "starttls")).to.deep.include({ secure: false, requireTLS: true, ignoreTLS: false });
    expect(of("smtp.example.org", "starttls").tls.rejectUnauthorized).to.equal(true);
    expect(of("smtp.example.org", "tls")).to.deep.include({ secure: true });
    expect(of("smtp.example.org", "plain")).to.deep.include({ secure: false, requireTLS: false, ignoreTLS: true });
    for (const here of ["127.0.0.1", "localhost", "::1"]) expect(of(here, "starttls").requireTLS).to.equal(false);
    for (const not of ["127.0.0.1.example.org", "notlocalhost", "10.0.0.1"])
      expect(of(not, "starttls").requireTLS, not).to.equal(true);
  });

  it("means by its end what was done: nothing, a refusal, or nobody knows", () => {
    const error = (more: object) => Object.assign(new Error("said to ada@example.org\r\nmore"), more);
    expect(faultOf(error({ responseCode: 550 }), true).code).to.equal("MAIL_REFUSED");
    expect(faultOf(error({ responseCode: 451 }), true).code).to.equal("MAIL_AWAY");
    expect(faultOf(error({ code: "ETIMEDOUT" }), false).code).to.equal("MAIL_AWAY");
    expect(faultOf(error({ code: "ETIMEDOUT" }), true).code).to.equal("MAIL_UNKNOWN");
    expect(faultOf(error({ code: "ETLS" }), false).code).to.equal("MAIL_REFUSED");
    expect(faultOf(error({ responseCode: 550 }), false).details?.["reason"]).to.equal("said to … more");
  });
});

describe("mail to a real SMTP server", () => {
  const clock = flowingWorld().clock();
  const servers: MailServerFixture[] = [];
  const server = async (options: Parameters<typeof startMailServer>[0] = {}) => {
    const one = await startMailServer(options);
    servers.push(one);
    return one;
  };
  after(async () => {
    for (const one of servers) await one.stop();
  });
  const to = ({ port }: MailServerFixture, more: Partial<SmtpServer> = {}): SmtpServer => ({ host: "127.0.0.1", port, security: "starttls", from: "plexus@example.org", fromName: 'Plexus "<x@y.org>', ...more }); // prettier-ignore
  // The library counts by the machine's clock: what is to arrive has as long as it takes, and what is never answered
  // ends soon.
  const send = sendBySmtp({ connectTimeoutMs: usualLimitMs, silenceTimeoutMs: usualLimitMs });
  const hastily = sendBySmtp({ connectTimeoutMs: usualLimitMs, silenceTimeoutMs: 1_000 });
  const code = (result: Result<unknown>) => (result.ok ? "sent" : result.error.code);

  it("arrives as text and HTML, encrypted where the server can, with one id and from nobody else", async () => {
    const one = await server();
    expect(code(await send(to(one), letter, "id1"))).to.equal("sent");
    const mail = await one.next();
    expect(mail).to.deep.include({ to: "ada@example.org", from: "plexus@example.org", secure: true });
    expect(mail.text).to.include("/#reset=ada.s3cret").and.include("text/html").and.include("text/plain");
    expect(mail.raw)
      .to.match(/^Message-ID: <id1@example.org>\r?$/im)
      .and.match(/^Auto-Submitted: auto-generated\r?$/m);
    expect(mail.raw.match(/^From:.*$/m)?.[0]).to.include("plexus@example.org");
  });

  it("signs in, and says so when it may not", async () => {
    const auth = { authOptional: false, onAuth: ({ username, password }: { username?: string | null | undefined; password?: string | null | undefined }, _session: unknown, done: (error: Error | null, answer?: { user: string }) => void) => (username === "plexus" && password === "right" ? done(null, { user: "plexus" }) : done(Object.assign(new Error("no"), { responseCode: 535 }))) }; // prettier-ignore
    const one = await server(auth);
    // Neither says anything of the address that a letter is for.
    for (const more of [{ user: "plexus", password: "wrong" }, {}]) {
      const { error } = (await send(to(one, more), letter, "i")) as { error: Failure };
      expect([error.code, error.details?.["at"]]).to.deep.equal(["MAIL_REFUSED", "server"]);
    }
    expect(code(await send(to(one, { user: "plexus", password: "right" }), letter, "i"))).to.equal("sent");
    expect((await one.next()).user).to.equal("plexus");
    const tls = await server({ ...auth, secure: true });
    expect(code(await send(to(tls, { security: "tls", user: "plexus", password: "right" }), letter, "i"))).to.equal(
      "sent",
    );
  });

  it("tells refusals for good, for now, silence and a cut apart", async () => {
    const one = await server();
    one.fates = [{ code: 550, text: "no such user <ada@example.org>" }, { code: 451, text: "later" }, "cut", "hang"];
    const refusal = await send(to(one), letter, "i");
    expect(refusal.ok ? {} : refusal.error).to.deep.include({
      code: "MAIL_REFUSED",
      details: { reason: "Message failed: 550 no such user …", at: "letter", answer: 550 },
    });
    expect(code(await send(to(one), letter, "i"))).to.equal("MAIL_AWAY");
    expect(code(await send(to(one), letter, "i")), "cut after all of it was sent").to.equal("MAIL_UNKNOWN");
    expect(code(await hastily(to(one), letter, "i")), "silent after all of it was sent").to.equal("MAIL_UNKNOWN");
    const { port } = await server();
    await servers.pop()?.stop();
    expect(code(await send(to({ port } as MailServerFixture), letter, "i")), "nobody listens").to.equal("MAIL_AWAY");
    const silent = await server({ onConnect: () => undefined });
    expect(
      code(await sendBySmtp({ connectTimeoutMs: 300, silenceTimeoutMs: 300 })(to(silent), letter, "i")),
      "no greeting",
    ).to.equal("MAIL_AWAY");
  });

  it("is tried again while the server asks for that, and not when it refuses", async () => {
    const one = await server();
    one.fates = [{ code: 451, text: "later" }, { code: 421, text: "later" }, "take"];
    const out = createOutbound({
      ...ports(clock),
      server: async () => to(one),
      send,
      limits: { ...mailLimits, retryMs: 5, retryMsMax: 5 },
    });
    expect(out.post({ what: "known", to: "ada@example.org", user: "ada" }).ok).to.equal(true);
    await one.next();
    expect(one.tries).to.equal(3);
    out.stop();
  });
});

function ports(clock: Clock) {
  const said: string[] = [];
  const note = (event: string, facts?: object) => void said.push(`${event} ${JSON.stringify(facts)}`);
  const log: Log = { ...quiet, info: note, warn: note, error: note };
  const counts: Record<string, number> = {};
  const meter = { count: (_name: string, _by?: number, labels?: Readonly<Record<string, string>>) => void (counts[labels?.["outcome"] ?? ""] = (counts[labels?.["outcome"] ?? ""] ?? 0) + 1), gauge() {}, observeMs() {} }; // prettier-ignore
  return { said, counts, log, meter, clock, random: createRandom(), publicUrl, node: "a" };
}

describe("what waits to be sent", () => {
  const clock = flowingWorld().clock();
  const wish = { what: "known", to: "ada@example.org", user: "ada" } as const;
  const server = async () => ({ host: "127.0.0.1", port: 1, security: "plain", from: "p@example.org" }) as const;

  it("is bounded, and each message has one outcome, which is told without addresses", async () => {
    const at = ports(clock);
    const { promise, resolve } = Promise.withResolvers<Result<unknown>>();
    const out = createOutbound({
      ...at,
      server,
      send: () => promise,
      limits: { ...mailLimits, waitingMax: 3, sendingMax: 1 },
    });
    const results = [1, 2, 3, 4].map(() => out.post(wish));
    expect(results.map((result) => (result.ok ? "in" : result.error.code))).to.deep.equal([
      "in",
      "in",
      "in",
      "OVERLOADED",
    ]);
    resolve(refused(failure("MAIL_UNKNOWN")));
    await drained(out);
    expect(at.counts).to.deep.equal({ dropped: 1, unknown: 3 });
    expect(at.said.join(" ")).to.not.include("example.org");
  });

  it("is given up after so many tries, and the last is told", async () => {
    const at = ports(clock);
    let tries = 0;
    const out = createOutbound({ ...at, server, send: async () => { tries += 1; return refused(failure("MAIL_AWAY")); }, limits: { ...mailLimits, triesMax: 3, retryMs: 1, retryMsMax: 1 } }); // prettier-ignore
    out.post(wish);
    await drained(out);
    expect({ tries, ...at.counts }).to.deep.equal({ tries: 3, givenUp: 1 });
  });

  it("is dropped, and told, when the node stops", async () => {
    const at = ports(clock);
    const out = createOutbound({ ...at, server, send: async () => refused(failure("MAIL_AWAY")) });
    out.post(wish);
    while (!at.said.some((line) => line.startsWith("mail.away"))) await new Promise((resolve) => setImmediate(resolve));
    out.stop();
    expect(at.counts).to.deep.equal({ dropped: 1 });
  });

  it("has no links without a public address, and is nothing without a server", async () => {
    const at = ports(clock);
    const out = createOutbound({
      ...at,
      publicUrl: undefined,
      server: async () => undefined,
      send: async () => ok({}),
    });
    const posted = out.post(wish);
    expect(posted.ok ? "" : posted.error.code).to.equal("MAIL_OFF");
    const sent = await out.send({ what: "test", to: "ada@example.org" });
    expect(sent.ok ? "" : sent.error.code).to.equal("MAIL_OFF");
  });
});

async function drained(out: { waiting(): number }): Promise<void> {
  while (out.waiting() > 0) await new Promise((resolve) => setImmediate(resolve));
}
