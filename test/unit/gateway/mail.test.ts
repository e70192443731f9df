import { expect } from "chai";
import { mailSettings } from "../../../node/cluster/facts/mail.ts";
import { createOutbound, sendBySmtp } from "../../../node/mail/index.ts";
import { failure, refused, type FactorsView, type MailView } from "../../../protocols/index.ts";
import { linkIn, startMailServer, type MailServerFixture } from "../../fixtures/mail-server.ts";
import { untilTrue } from "../../waits.ts";
import { createWorld, controlToken, password, startFixture, type Reply, type Fixture } from "./fixture.ts";

const publicUrl = "https://chat.example.org";

/** A clock that a test moves on. */
function movedClock() {
  const world = createWorld();
  const clock = world.clock();
  let shiftMs = 0;
  return {
    world,
    clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
    shift: (ms: number) => void (shiftMs += ms),
  };
}

describe("gateway: mail", () => {
  let fixture: Fixture;
  let server: MailServerFixture;
  const { world, clock, shift } = movedClock();
  before(async () => {
    server = await startMailServer();
    fixture = await startFixture({
      world,
      clock,
      signUp: "domain",
      signUpDomains: ["example.org"],
      limits: { mailAskedRate: { count: 1_000, windowMs: 1_000 } },
      openMail(at) {
        const settings = mailSettings(at.directory, at.secrets);
        const known = () => settings.current();
        return {
          settings,
          publicUrl,
          outbound: createOutbound({ ...at, server: known, send: sendBySmtp(), publicUrl, node: "test" }),
        };
      },
    });
  });
  after(async () => {
    await fixture.stop();
    await server.stop();
  });

  const call = (method: string, path: string, body?: object, token?: string): Promise<Reply> =>
    fixture.request(method, `/api/v1${path}`, { ...(body && { body }), ...(token !== undefined && { token }) });
  const post = (path: string, body: object, token?: string) => call("POST", path, body, token);
  const codeOf = ({ status, body }: Reply): string => (status < 300 ? "ok" : body.error.code);
  const setMail = (more: object = {}) =>
    call("PUT", "/admin/mail", { host: "127.0.0.1", port: server.port, security: "starttls", from: "plexus@example.org", ...more }, controlToken); // prettier-ignore

  /** Makes an account the way people do: an address, a link, a name. */
  async function join(name: string, mail = `${name}@example.org`): Promise<string> {
    expect(codeOf(await post("/sign-up/mail", { mail }))).to.equal("ok");
    const link = linkIn(await server.next(({ to }) => to === mail));
    const made = await post("/sign-up", { name, password, mail: link.replace("account=", "") });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    return made.body.token as string;
  }

  it("is off until an admin sets a server, whose password nobody reads again", async () => {
    await fixture.signUp("root");
    expect((await call("GET", "/setup")).body.mail).to.equal(false);
    expect(codeOf(await post("/sign-in/forgot", { account: "root" }))).to.equal("MAIL_OFF");
    expect(codeOf(await post("/admin/mail/test", { to: "x@example.org" }, controlToken))).to.equal("MAIL_OFF");
    expect(codeOf(await setMail({ user: "plexus" }))).to.equal("BAD_REQUEST");
    expect(codeOf(await setMail({ user: "plexus", password: "smtp secret" }))).to.equal("ok");
    const shown = await call("GET", "/admin/mail", undefined, controlToken);
    expect(shown.body as MailView).to.deep.include({ hasPassword: true, publicUrl, waiting: 0 });
    expect(JSON.stringify(shown.body)).to.not.include("secret");
    expect(codeOf(await setMail({ user: "plexus" })), "the password stays with server and user").to.equal("ok");
    expect(codeOf(await setMail({ user: "plexus", host: "localhost" })), "and goes to no other server").to.equal(
      "BAD_REQUEST",
    );
    expect(codeOf(await setMail())).to.equal("ok");
    expect((await call("GET", "/setup")).body.mail).to.equal(true);
    expect(codeOf(await post("/admin/mail/test", { to: "x@example.org" }, controlToken))).to.equal("ok");
    expect((await server.next()).text).to.include("can send mail");
    for (const to of ["x@example.org\r\nBcc: y@example.org", "a@example.org,b@example.org"])
      expect(codeOf(await post("/admin/mail/test", { to }, controlToken))).to.equal("BAD_REQUEST");
  });

  it("lets in who reads mail at a domain, once for each address, and nobody without", async () => {
    expect(codeOf(await post("/sign-up", { name: "eve", password }))).to.equal("SIGN_UP_NEEDS");
    expect(codeOf(await post("/sign-up", { name: "eve", password, mail: "made-up" }))).to.equal("LINK_INVALID");
    for (const mail of ["eve@example.com", "eve@notexample.org", "eve@example.org.evil.net"])
      expect(codeOf(await post("/sign-up/mail", { mail })), mail).to.equal("MAIL_DOMAIN_REFUSED");
    const token = await join("ada");
    const { mail } = (await call("GET", "/me/factors", undefined, token)).body as FactorsView;
    expect(mail?.address).to.equal("ada@example.org");

    // Whoever asks again for an address with an account gets the same answer, and its reader another letter.
    expect(codeOf(await post("/sign-up/mail", { mail: "ADA@example.org" }))).to.equal("ok");
    expect((await server.next()).text).to.include("You have one already: ada");

    await post("/sign-up/mail", { mail: "bob@example.org" });
    const proof = linkIn(await server.next(({ to }) => to === "bob@example.org")).replace("account=", "");
    expect(codeOf(await post("/sign-up", { name: "ada", password, mail: proof })), "the name is taken").to.equal(
      "NAME_TAKEN",
    );
    expect(
      codeOf(await post("/sign-up", { name: "bob", password, mail: proof })),
      "the address is still free",
    ).to.equal("ok");
    expect(codeOf(await post("/sign-up", { name: "bob2", password, mail: proof })), "the link is used up").to.equal(
      "MAIL_TAKEN",
    );
    await post("/sign-up/mail", { mail: "cyd@example.org" });
    const late = linkIn(await server.next(({ to }) => to === "cyd@example.org")).replace("account=", "");
    shift(25 * 3_600_000);
    expect(codeOf(await post("/sign-up", { name: "cyd", password, mail: late }))).to.equal("LINK_INVALID");
  });

  it("sets a forgotten password by a link to the confirmed address, and tells strangers nothing", async () => {
    await join("dan");
    const answers = [];
    for (const account of ["dan", "DAN@example.org", "nobody", "nobody@example.org", "root"])
      answers.push(await post("/sign-in/forgot", { account }));
    expect(answers.map(({ status, body }) => ({ status, body }))).to.deep.equal(
      answers.map(() => ({ status: 200, body: {} })),
    );
    const first = linkIn(await server.next(({ to }) => to === "dan@example.org"));
    const second = linkIn(await server.next(({ to }) => to === "dan@example.org"));
    expect(server.arrived, "nothing went anywhere else").to.deep.equal([]);
    const [, user = "", secret = ""] = /^reset=(\w+)\.(.+)$/.exec(first) ?? [];
    const next = "another password";
    expect(
      codeOf(await post("/sign-in/reset", { user, secret, password: next })),
      "the earlier link holds, too",
    ).to.equal("ok");
    expect((await server.next()).text).to.include("was changed with a link");
    expect(codeOf(await post("/sign-in/reset", { user, secret, password: next }))).to.equal("LINK_INVALID");
    const other = second.slice("reset=dan.".length);
    expect(codeOf(await post("/sign-in/reset", { user, secret: other, password: next }))).to.equal("LINK_INVALID");
    expect(codeOf(await post("/sign-in", { name: "dan", password }))).to.equal("SIGN_IN_FAILED");
    expect(codeOf(await post("/sign-in", { name: "dan", password: next }))).to.equal("ok");
  });

  it("lets neither of two owners in by mail: the other one says where mail goes", async () => {
    for (const name of ["oda", "moe"]) await join(name);
    const roles = (...held: readonly string[]) => call("PUT", "/admin/users/oda/roles", { roles: held }, controlToken);
    expect(codeOf(await roles("owner"))).to.equal("ok");
    for (const account of ["oda", "moe"]) expect(codeOf(await post("/sign-in/forgot", { account }))).to.equal("ok");
    await server.next(({ to }) => to === "moe@example.org");
    expect(server.arrived.map(({ to }) => to)).to.deep.equal([]);
    expect(codeOf(await roles("admin"))).to.equal("ok");
    expect(codeOf(await post("/sign-in/forgot", { account: "oda" }))).to.equal("ok");
    await server.next(({ to }) => to === "oda@example.org");
  });

  it("leads only to the public address, whatever a request calls the node", async () => {
    await join("hal");
    const headers = { "x-forwarded-host": "evil.example.net" };
    await fixture.request("POST", "/api/v1/sign-in/forgot", { body: { account: "hal" }, headers });
    const { raw, text } = await server.next(({ to }) => to === "hal@example.org");
    expect(text).to.include(`${publicUrl}/#reset=hal.`);
    expect(raw).to.not.include("evil").and.not.include("127.0.0.1:");
  });

  it("floods nobody: an address gets a few an hour, and links that were sent keep holding", async () => {
    await join("flo");
    for (let count = 0; count < 10; count += 1)
      expect(codeOf(await post("/sign-in/forgot", { account: count % 2 === 0 ? "flo" : "flo@example.org" }))).to.equal(
        "ok",
      );
    const links = [];
    // One was for the account itself.
    for (let count = 0; count < 2; count += 1)
      links.push(linkIn(await server.next(({ to }) => to === "flo@example.org")));
    await post("/sign-in/forgot", { account: "ada" });
    await server.next(({ to }) => to === "ada@example.org");
    expect(server.arrived.filter(({ to }) => to === "flo@example.org")).to.deep.equal([]);
    const secret = links[0]?.slice("reset=flo.".length);
    expect(
      codeOf(await post("/sign-in/reset", { user: "flo", secret: secret ?? "", password: "another password" })),
    ).to.equal("ok");
    await server.next(({ to }) => to === "flo@example.org");
  });

  it("changes an address when its reader confirms, tells the old one, and gives one address to one account", async () => {
    const gus = await join("gus");
    const ivy = await join("ivy");
    expect(codeOf(await call("PUT", "/me/mail", { mail: "new@example.com" }, gus))).to.equal("ok");
    const sent = linkIn(await server.next(({ to }) => to === "new@example.com"));
    expect(((await call("GET", "/me/factors", undefined, gus)).body as FactorsView).mail?.address, "not yet").to.equal(
      "gus@example.org",
    );
    const secret = sent.slice("mail=gus.".length);
    expect(codeOf(await post("/mail/confirm", { user: "ivy", secret })), "another's link").to.equal("LINK_INVALID");
    expect(codeOf(await post("/mail/confirm", { user: "gus", secret }))).to.equal("ok");
    expect(codeOf(await post("/mail/confirm", { user: "gus", secret })), "once").to.equal("LINK_INVALID");
    expect((await server.next(({ to }) => to === "gus@example.org")).text).to.include(
      "does not use this mail address any more",
    );

    await call("PUT", "/me/mail", { mail: "NEW@example.com" }, ivy);
    const taken = linkIn(await server.next(({ to }) => to === "NEW@example.com")).slice("mail=ivy.".length);
    expect(codeOf(await post("/mail/confirm", { user: "ivy", secret: taken }))).to.equal("MAIL_TAKEN");
    expect(codeOf(await call("DELETE", "/me/mail", undefined, gus))).to.equal("ok");
    await server.next(({ to }) => to === "new@example.com");
    expect(codeOf(await post("/mail/confirm", { user: "ivy", secret: taken })), "free again").to.equal("ok");
    shift(11 * 60_000);
    expect(codeOf(await call("PUT", "/me/mail", { mail: "x@example.org" }, gus)), "a proof is needed").to.equal(
      "SIGN_IN_AGAIN",
    );
  });

  it("tells of a deletion that has begun, and of none that was refused", async () => {
    const lea = await join("lea");
    await call("PUT", "/admin/users/lea/roles", { roles: ["admin"] }, controlToken);
    while ((await call("GET", "/me", undefined, lea)).body.admin !== true)
      await new Promise((resolve) => setImmediate(resolve));
    expect(codeOf(await post("/me/deletion", {}, lea))).to.equal("FORBIDDEN");
    const max = await join("max");
    expect(codeOf(await post("/me/deletion", {}, max))).to.equal("ok");
    const isToBe = ({ text }: { readonly text: string }): boolean => text.includes("will be deleted");
    await server.next((one) => one.to === "max@example.org" && isToBe(one));
    expect(server.arrived.filter((one) => one.to === "lea@example.org" && isToBe(one))).to.deep.equal([]);
  });

  it("has no address and no link in what the node says", () => {
    expect(fixture.troubles.join(" ")).to.not.match(/@example|#reset|#mail/);
  });
});

describe("gateway: mail that somebody waits for", () => {
  /** A node where the list of people cannot be asked for so often. */
  async function openDeaf(times: number) {
    const server = await startMailServer();
    let failures = 0;
    const fixture = await startFixture({
      limits: { mailRetryMs: 1 },
      openMail(at) {
        const settings = mailSettings(at.directory, at.secrets);
        const known = () => settings.current();
        return {
          settings,
          publicUrl,
          outbound: createOutbound({ ...at, server: known, send: sendBySmtp(), publicUrl, node: "test" }),
        };
      },
      open: ({ kernel }) => ({
        kernel: Object.create(kernel, {
          ask: {
            async value(request: Parameters<typeof kernel.ask>[0]) {
              const isList = request.to === "role-manager/cluster" && request.message.type === "people";
              if (!isList || failures >= times) return kernel.ask(request);
              failures += 1;
              return refused(failure("SLOT_UNAVAILABLE"));
            },
          },
        }),
      }),
    });
    const call = (method: string, path: string, body: object, token?: string) =>
      fixture.request(method, `/api/v1${path}`, { body, ...(token !== undefined && { token }) });
    const to = { host: "127.0.0.1", port: server.port, security: "starttls", from: "plexus@example.org" };
    expect((await call("PUT", "/admin/mail", to, controlToken)).status).to.equal(200);
    const { token } = await fixture.signUp("ada");
    expect((await call("PUT", "/me/mail", { mail: "ada@example.org" }, token)).status).to.equal(200);
    const secret = linkIn(await server.next()).slice("mail=ada.".length);
    expect((await call("POST", "/mail/confirm", { user: "ada", secret })).status).to.equal(200);
    expect((await call("POST", "/sign-in/forgot", { account: "ada" })).status).to.equal(200);
    const close = async () => {
      await fixture.stop();
      await server.stop();
    };
    return { server, fixture, close };
  }

  it("is sent when who owns the cluster can be asked again", async () => {
    const { server, fixture, close } = await openDeaf(3);
    expect((await server.next(({ to }) => to === "ada@example.org")).text).to.include("reset=ada.");
    expect(fixture.troubles).to.deep.equal([]);
    await close();
  });

  it("is spoken of in the log where nobody can say who owns the cluster", async () => {
    const { server, fixture, close } = await openDeaf(Infinity);
    await untilTrue("the log says so", () => fixture.troubles.length > 0);
    expect(fixture.troubles.join("\n")).to.match(/^mail\.lookup\.failed .*"what":"reset".*SLOT_UNAVAILABLE/);
    expect(server.arrived).to.deep.equal([]);
    await close();
  });
});
