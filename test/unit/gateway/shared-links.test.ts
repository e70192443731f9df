import { expect } from "chai";
import type { AuditEvent, SharedLink, SharedLinkMade } from "../../../protocols/index.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { startFixture, type Fixture } from "./fixture.ts";

const lifeMs = 3_600_000;
const readMax = 5;

describe("gateway: read-only links to conversations", () => {
  const written: AuditEvent[] = [];
  const policy: { sharedLinks: "on" | "off" } = { sharedLinks: "on" };
  let fixture: Fixture;
  let root: string, ada: string, bob: string;
  before(async () => {
    fixture = await startFixture({
      audit: { write: async (event) => void written.push(event) },
      sharedLinks: () => policy.sharedLinks,
      limits: { sharedReadRate: { count: readMax, windowMs: 60_000 } },
    });
    root = (await fixture.signUp("root")).token;
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    await api(ada, "POST", "/agents", { name: "helper", persona: "a secret persona" });
  });
  after(() => fixture.stop());

  const api = (token: string, method: "GET" | "POST" | "DELETE", path: string, body?: object) =>
    fixture.request(method, `/api/v1${path}`, { token, ...(body && { body }) });
  const make = async (agent = "ada.helper", by = ada): Promise<SharedLinkMade> => {
    const made = await api(by, "POST", `/agents/${agent}/links`, { lifeMs });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    return made.body as unknown as SharedLinkMade;
  };
  const read = async (
    path: string,
  ): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> => {
    const response = await fetch(fixture.url + path);
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  /** Says something, and waits for the answer as people do: in the history. */
  const say = async (text: string, agent = "ada.helper", by = ada): Promise<void> => {
    await api(by, "POST", `/agents/${agent}/say`, { text });
    for (;;) {
      const { body } = await api(by, "GET", `/agents/${agent}/turns`);
      const { turns } = body as unknown as { turns: readonly { role: string }[] };
      if (turns.at(-1)?.role === "assistant") return;
    }
  };
  const links = async (): Promise<readonly SharedLink[]> =>
    ((await api(ada, "GET", "/me/shared-links")).body as unknown as { links: readonly SharedLink[] }).links;
  const codeOf = ({ body }: { readonly body: unknown }) => (body as { error?: { code: string } }).error?.code;

  it("show strangers what was shown when they were made, and nothing that was said later", async () => {
    expect(codeOf(await api(ada, "POST", "/agents/ada.helper/links", { lifeMs }))).to.equal("NOT_FOUND");
    await say("first <script>alert(1)</script> & words");
    const made = await make();
    expect(made.path).to.match(/^\/shared\/ada\/[A-Za-z0-9_-]{43}$/);
    await say("said later");
    const page = await read(made.path);
    expect(page.status).to.equal(200);
    expect(page.text).to.include("first &lt;script&gt;alert(1)&lt;/script&gt; &amp; words");
    expect(page.text).to.not.match(/said later|a secret persona|<script|src=|href=/);
    expect(page.headers.get("content-security-policy")).to.match(/^default-src 'none'; style-src 'sha256-/);
    expect(page.headers.get("x-robots-tag")).to.include("noindex");
    expect(page.headers.get("referrer-policy")).to.equal("no-referrer");
    expect(page.headers.get("cache-control")).to.include("no-store");
    const listed = await links();
    expect(listed).to.have.length(1);
    const secret = made.path.split("/").at(-1) ?? "";
    expect(JSON.stringify(listed)).to.not.include(secret);
    expect(JSON.stringify(written), "the audit knows no secret").to.not.include(secret);
  });

  it("show the branch that was shown then, whichever is shown now", async () => {
    const made = await make();
    const before = await read(made.path);
    await api(ada, "POST", "/agents/ada.helper/say", { text: "another beginning", parent: 0 });
    const after = await read(made.path);
    expect(after.text).to.equal(before.text);
    expect(after.text).to.include("said later");
  });

  it("lead nowhere once they are taken back, ended, or of somebody who is suspended", async () => {
    const made = await make();
    expect(codeOf(await api(bob, "DELETE", `/me/shared-links/${made.id}`))).to.equal("NOT_FOUND");
    expect((await read(made.path)).status).to.equal(200);
    await api(ada, "DELETE", `/me/shared-links/${made.id}`);
    const gone = await read(made.path);
    expect(gone.status).to.equal(404);
    const never = await read(`/shared/ada/${"x".repeat(43)}`);
    const nobody = await read(`/shared/nobody/${"x".repeat(43)}`);
    expect([never.text, nobody.text], "a stranger learns nothing by trying").to.deep.equal([gone.text, gone.text]);
    const gina = (await fixture.signUp("gina")).token;
    await api(gina, "POST", "/agents", { name: "helper" });
    await say("of gina", "gina.helper", gina);
    const other = await make("gina.helper", gina);
    const suspend = async (suspended: boolean) => {
      const set = { token: root, body: { suspended } };
      expect((await fixture.request("PUT", "/api/v1/admin/users/gina/suspended", set)).status).to.equal(200);
    };
    await suspend(true);
    expect((await read(other.path)).status).to.equal(404);
    await suspend(false);
    expect((await read(other.path)).status).to.equal(200);
  });

  it("lead nowhere while the node's policy has them off, and are made by nobody then", async () => {
    const made = await make();
    policy.sharedLinks = "off";
    expect((await read(made.path)).status).to.equal(404);
    expect(codeOf(await api(ada, "POST", "/agents/ada.helper/links", { lifeMs }))).to.equal("SHARING_OFF");
    policy.sharedLinks = "on";
    expect((await read(made.path)).status).to.equal(200);
  });

  it("are of one's own conversations alone", async () => {
    expect(codeOf(await api(bob, "POST", "/agents/ada.helper/links", { lifeMs }))).to.equal("FORBIDDEN");
  });

  it("die with the conversation: cleared, or deleted", async () => {
    const first = await make();
    await api(ada, "POST", "/agents/ada.helper/conversations", {});
    await say("in the other one", "ada.helper.1");
    const second = await make("ada.helper.1");
    expect((await read(second.path)).text).to.include("in the other one");
    await api(ada, "POST", "/agents/ada.helper/clear", {});
    expect((await read(first.path)).status).to.equal(404);
    await api(ada, "DELETE", "/agents/ada.helper/conversations/1");
    expect((await read(second.path)).status).to.equal(404);
  });

  it("show no words of another branch, and the list the title of now", async () => {
    await api(ada, "POST", "/agents/ada.helper/conversations", {});
    await say("private words", "ada.helper.2");
    await api(ada, "POST", "/agents/ada.helper.2/say", { text: "harmless", parent: 0 });
    const made = await make("ada.helper.2");
    const page = await read(made.path);
    expect(page.text)
      .to.match(/<h1>harmless<\/h1>/)
      .and.not.include("private words");
    expect((await links())[0]?.title).to.include("private words");
    await api(ada, "DELETE", "/agents/ada.helper/conversations/2");
    expect(JSON.stringify(await links())).to.not.include("private words");
  });

  it("hold only while their maker's roles allow agents; they are listed and taken back without", async () => {
    const { token } = await fixture.signUp("rita");
    await api(token, "POST", "/agents", { name: "helper" });
    await say("of rita", "rita.helper", token);
    const made = await make("rita.helper", token);
    expect((await read(made.path)).status).to.equal(200);
    const roles = { token: root, body: { roles: ["guest"] } };
    expect((await fixture.request("PUT", "/api/v1/admin/users/rita/roles", roles)).status).to.equal(200);
    expect((await read(made.path)).status).to.equal(404);
    expect((await api(token, "GET", "/me/shared-links")).status).to.equal(200);
    expect((await api(token, "DELETE", `/me/shared-links/${made.id}`)).status).to.equal(200);
  });

  it("are ended all at once, for good, by an admin who may manage their maker", async () => {
    const { token } = await fixture.signUp("sven");
    await api(token, "POST", "/agents", { name: "helper" });
    await say("of sven", "sven.helper", token);
    const made = [await make("sven.helper", token), await make("sven.helper", token)];
    const end = (by: string) => api(by, "DELETE", "/admin/users/sven/shared-links");
    expect((await end(bob)).status).to.equal(403);
    expect(await end(root)).to.deep.include({ status: 200, body: { ended: 2 } });
    for (const { path } of made) expect((await read(path)).status).to.equal(404);
    expect(await end(root)).to.deep.include({ status: 200, body: { ended: 0 } });
    const entries = written.filter(({ action, by }) => action === "endSharedLink" && by === "user/root");
    expect(entries.map(({ facts }) => facts)[0]).to.deep.equal({ user: "sven", id: "all", ended: 2 });
    expect((await api(root, "DELETE", "/admin/users/nobody/shared-links")).status).to.equal(404);
  });

  it("are read so often, each, and from each address", async () => {
    const made = await (await say("read often"), make());
    const statuses: number[] = [];
    for (let n = 0; n <= readMax; n += 1) statuses.push((await read(made.path)).status);
    expect(statuses.filter((status) => status === 200)).to.have.length(readMax);
    const refused = await read(made.path);
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get("retry-after"))).to.be.above(0);
    expect((await read((await make()).path)).status, "another one").to.equal(200);
  });

  it("are not found by trying: wrong ones are counted", async () => {
    const made = await (await say("once more"), make());
    for (let tries = 0; tries <= gatewayLimits.sharedLinkRate.count; tries += 1)
      await read(`/shared/ada/${"y".repeat(43)}`);
    const refused = await read(made.path);
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get("retry-after"))).to.be.above(0);
  });
});
