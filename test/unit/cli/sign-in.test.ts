import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { plexusMark } from "../../../protocols/wire/plexus-answer.ts";
import type { Screen } from "../../../cli/chat/screen.ts";
import { invitationIn, signIn, type SignInOptions } from "../../../cli/chat/sign-in.ts";
import { failure, failureOf, type Failure } from "../../../protocols/index.ts";

/** A screen with nobody at it. */
const piped: Screen = {
  interactive: false,
  print: () => undefined,
  question: () => Promise.resolve(undefined),
} as Partial<Screen> as Screen;

const session = { token: "plx_x", user: "ada", admin: false, expiresAtMs: Date.now() + 3_600_000 };

describe("signing in from a terminal", () => {
  const servers: Server[] = [];
  let folder = "";
  let before: string | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-sign-in-"));
    before = process.env["XDG_CONFIG_HOME"];
    process.env["XDG_CONFIG_HOME"] = folder;
  });
  afterEach(async () => {
    if (before === undefined) delete process.env["XDG_CONFIG_HOME"];
    else process.env["XDG_CONFIG_HOME"] = before;
    for (const server of servers.splice(0)) server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A node that answers each path with a status and a body, and remembers what it was asked. */
  async function node(answers: Readonly<Record<string, readonly [status: number, body: object]>>, isPlexus = true) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const [status, body] = answers[request.url ?? ""] ?? [404, { error: failure("NOT_FOUND") }];
      request.resume();
      response.writeHead(status, {
        "content-type": "application/json",
        connection: "close",
        ...(isPlexus && { [plexusMark]: "1" }),
      });
      response.end(JSON.stringify(body));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }
  const options = (urls: readonly string[], more: Partial<SignInOptions> = {}): SignInOptions => ({
    urls,
    user: "ada",
    password: "correct horse",
    signUp: false,
    adminCode: undefined,
    ...more,
  });
  const setup = (adminNeeded: boolean) => [200, { adminNeeded, signUp: "open" }] as const;
  const wrong = [401, { error: failure("SIGN_IN_FAILED") }] as const;

  it("asks nothing but for the session when name and password are given", async () => {
    const { asked, url } = await node({ "/api/v1/sign-in": [200, session] });
    expect(await signIn(options([url]), piped)).to.include({ token: session.token, keptFor: url });
    expect(asked).to.deep.equal(["POST /api/v1/sign-in"]);
  });

  it("takes an invitation as its link, with the node that it leads to, or as its code, and nothing else", () => {
    const code = "a1_-".padEnd(43, "x");
    expect(invitationIn(code)).to.deep.equal({ code });
    expect(invitationIn(` https://chat.example.org/#invitation=${code} `)).to.deep.equal({
      code,
      url: "https://chat.example.org",
    });
    expect(invitationIn(`http://10.0.0.5:7070/plexus/#invitation=${code}`)).to.deep.equal({
      code,
      url: "http://10.0.0.5:7070/plexus",
    });
    for (const text of [
      "",
      "https://chat.example.org/",
      `${code}x`,
      `https://a.test/#reset=${code}`,
      `#invitation=${code}`,
    ])
      expect(() => invitationIn(text), text)
        .to.throw()
        .with.nested.property("failure.details.field", "--invitation");
  });

  it("says that the page is the way in for who has an account at another server alone, to everybody who is refused", async () => {
    const providers = [{ name: "company", label: "Company\u001b[2J", kind: "oidc" }];
    const setup = [200, { adminNeeded: false, signUp: "open", providers }] as const;
    const { url } = await node({ "/api/v1/sign-in": wrong, "/api/v1/setup": setup });
    const refusal = (await signIn(options([url]), piped).catch(failureOf)) as Failure;
    expect(refusal).to.deep.include({ code: "SIGN_IN_FAILED" });
    const { details } = refusal;
    expect(details?.["reason"]).to.include("Company").and.not.include("\u001b");
    expect(details?.["hint"]).to.include(url);
    const needs = { attempt: "A".repeat(43), needs: ["identity"], setUp: false, expiresAtMs: 1 };
    const other = await node({ "/api/v1/sign-in": [202, needs] });
    const unfinished = (await signIn(options([other.url]), piped).catch(failureOf)) as Failure;
    expect(unfinished.details?.["reason"]).to.include("another server").and.include(other.url);
  });

  it("says that no Plexus answers there, whatever a 200 has in it", async () => {
    for (const body of [{}, [], { ok: true }, { adminNeeded: false, signUp: "open" }, session, { needs: [] }]) {
      const other = await node({ "/api/v1/setup": [200, body], "/api/v1/sign-in": [200, body] }, false);
      for (const more of [{}, { user: undefined }]) {
        const reason = await signIn(options([other.url], more), piped).then(() => undefined, failureOf);
        expect(reason, JSON.stringify(body)).to.include({ code: "UNREACHABLE" });
        expect(reason?.details).to.include({ reason: "HTTP 200, not from a Plexus node" }).and.have.property("hint");
      }
    }
  });

  it("goes to the next node when one cannot say, and not when the password is wrong", async () => {
    const busy = await node({ "/api/v1/sign-in": [503, { error: failure("SLOT_UNAVAILABLE") }] });
    const good = await node({ "/api/v1/sign-in": [200, session] });
    expect((await signIn(options([busy.url, good.url]), piped)).keptFor).to.equal(good.url);
    const strict = await node({ "/api/v1/sign-in": wrong, "/api/v1/setup": setup(false) });
    const { code } = await signIn(options([strict.url, good.url], { user: "eve" }), piped).then(
      () => ({ code: "none" }),
      failureOf,
    );
    expect(code).to.equal("SIGN_IN_FAILED");
  });

  it("makes the first account of a new node with the code, as it does without a password at hand", async () => {
    const fresh = await node({
      "/api/v1/sign-in": wrong,
      "/api/v1/setup": setup(true),
      "/api/v1/sign-up": [200, session],
    });
    await signIn(options([fresh.url], { adminCode: "ABCD" }), piped);
    expect(fresh.asked).to.deep.equal(["POST /api/v1/sign-in", "GET /api/v1/setup", "POST /api/v1/sign-up"]);
  });

  it("goes on with a code where the account has a second factor, and says so where nobody can give one", async () => {
    const needs = { attempt: "A".repeat(43), needs: ["totp", "recovery"], setUp: false, expiresAtMs: 1 };
    let codes = 0;
    const answers: Record<string, readonly [number, object]> = { "/api/v1/sign-in": [202, needs] };
    const { url, asked } = await node(
      new Proxy(answers, {
        get(known, path: string) {
          if (path !== "/api/v1/sign-in/code") return known[path];
          codes += 1;
          return codes === 1 ? [401, { error: failure("CODE_WRONG") }] : [200, session];
        },
      }),
    );
    const typed = ["000000", "123456"];
    const person = { ...piped, interactive: true, question: () => Promise.resolve(typed.shift()) } as Screen;
    expect(await signIn(options([url]), person)).to.deep.include({ user: "ada", token: "plx_x" });
    expect(asked.filter((one) => one === "POST /api/v1/sign-in/code")).to.have.length(2);

    const other = await node({ "/api/v1/sign-in": [202, needs] });
    const refusal = await signIn(options([other.url]), piped).catch(failureOf);
    expect(refusal).to.have.property("code", "SIGN_IN_UNFINISHED");
    const passkey = await node({ "/api/v1/sign-in": [202, { ...needs, needs: ["passkey"] }] });
    expect(await signIn(options([passkey.url]), person).catch(failureOf)).to.have.property(
      "code",
      "SIGN_IN_UNFINISHED",
    );
  });
});
