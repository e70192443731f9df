import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSettings, noClusterValues, type Settings } from "../../../config/index.ts";
import { keptSettings } from "../../fixtures/kept-settings.ts";
import { openSettings, rememberedSettings } from "../../../node/cluster/facts/node-settings.ts";
import type { AuditEvent, SettingsPlan, SettingsView } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: configuration", () => {
  let data: string;
  let own: Settings;
  let opened: ReturnType<typeof openSettings>;
  let fixture: Fixture;
  const written: AuditEvent[] = [];

  before(async () => {
    data = await mkdtemp(join(tmpdir(), "plexus-settings-"));
    const context = { workFolder: "/", dataFolder: data, hostname: "test", models: [] };
    own = createSettings({ environment: { PLEXUS_GPU: "off" } }, context, noClusterValues);
    fixture = await startFixture({
      audit: { write: async (event) => void written.push(event) },
      open(peer, { log }) {
        opened = openSettings(own, { machine: { log }, node: "test", name: "test", peer, file: keptSettings(data) });
        return Object.defineProperty({ settings: opened.control }, "signUp", {
          enumerable: true,
          get: () => own.current().signUp,
        });
      },
    });
  });
  after(async () => {
    await fixture.stop();
    await opened.stop();
    await rm(data, { recursive: true, force: true });
  });

  const path = "/api/v1/admin/configuration";
  const ask = (method: string, below: string, body?: object, token = controlToken): Promise<Reply> =>
    fixture.request(method, `${path}${below}`, { token, ...(body && { body }) });
  const view = async (): Promise<SettingsView> => (await ask("GET", "")).body as SettingsView;
  const at = (of: SettingsView, key: string) => of.nodes[0]?.settings.find((one) => one.key === key);

  it("shows each key with its schema, its value and where that is from", async () => {
    const { keys, nodes, scopes } = await view();
    expect(keys.find(({ key }) => key === "signUp")).to.deep.include({ variable: "PLEXUS_SIGN_UP", live: true });
    expect(JSON.stringify(keys.find(({ key }) => key === "signUp")?.schema)).to.include("invitation");
    expect(keys.find(({ key }) => key === "port")?.own).to.be.a("string");
    expect(nodes.map(({ node, settings }) => [node, settings.length])).to.deep.equal([["test", keys.length]]);
    expect(scopes).to.deep.equal([{ revision: 0, values: {} }]);
    const own = (await ask("GET", "?own=true")).body as SettingsView;
    expect([own.names, own.nodes.length]).to.deep.equal([["test"], 1]);
    expect((await ask("GET", "?node=nobody")).body.error.code).to.equal("NOT_FOUND");
  });

  it("tells what a change would do, then does it: at once, remembered, in the history and in the audit", async () => {
    const wish = { set: { signUp: "closed", contextTokens: 512, gpu: "auto" } };
    const plan = (await ask("POST", "/plan", wish)).body as SettingsPlan;
    expect(plan.nodes[0]?.effects.map(({ key, takes }) => [key, takes])).to.deep.equal([
      ["signUp", "now"],
      ["contextTokens", "restart"],
      ["gpu", "none"],
    ]);
    expect(own.current().signUp, "nothing is changed by looking").to.equal("open");

    const done = await ask("PUT", "", { ...wish, revision: 0 });
    expect(done.status, JSON.stringify(done.body)).to.equal(200);
    expect((done.body as SettingsPlan).revision).to.equal(1);
    expect((await fixture.request("GET", "/api/v1/setup")).body.signUp).to.equal("closed");
    const seen = await view();
    expect(at(seen, "contextTokens")).to.deep.include({ value: 4096, next: { value: 512, source: "cluster" } });
    expect(at(seen, "gpu")?.notApplied).to.include("PLEXUS_GPU");
    expect(seen.scopes[0]?.values["signUp"]).to.deep.include({ value: "closed", by: "operator" });
    const entry = written.findLast(({ action }) => action === "setConfiguration");
    expect(entry?.facts).to.deep.include({
      scope: "all nodes",
      revision: 1,
      "before.signUp": "",
      "after.signUp": "closed",
    });

    const back = await ask("POST", "/rollback", { revision: 1, to: 0 });
    expect(back.status, JSON.stringify(back.body)).to.equal(200);
    expect(own.current().signUp).to.equal("open");
    const { changes } = (await ask("GET", "/history")).body as {
      readonly changes: readonly { readonly backTo?: number }[];
    };
    expect(changes.map(({ backTo }) => backTo)).to.deep.equal([0, undefined]);
    await opened.stop();
    expect(await rememberedSettings(keptSettings(data)), "for the next start").to.deep.equal(noClusterValues);
    expect(JSON.parse(await readFile(join(data, "settings.json"), "utf8"))).to.deep.equal(noClusterValues);
  });

  it("refuses what cannot be, and who has not seen the last change", async () => {
    const codeOf = ({ body }: Reply) => body.error?.code as string;
    const refusal = await ask("PUT", "", { set: { signUp: "sometimes" }, revision: 2 });
    expect(refusal.body.error).to.deep.include({ code: "BAD_REQUEST" });
    expect(refusal.body.error.details.problem).to.include("open, domain, invitation, closed");
    expect(codeOf(await ask("PUT", "", { set: { port: 1 }, revision: 2 }))).to.equal("BAD_REQUEST");
    expect(codeOf(await ask("PUT", "", { set: { nothing: 1 }, revision: 2 }))).to.equal("BAD_REQUEST");
    expect(codeOf(await ask("PUT", "", { node: "nobody", set: { weight: 1 }, revision: 0 }))).to.equal("NOT_FOUND");
    expect(codeOf(await ask("POST", "/rollback", { revision: 2, to: 7 }))).to.equal("NOT_FOUND");
    const late = await ask("PUT", "", { set: { weight: 2 }, revision: 1 });
    expect(late.status).to.equal(409);
    expect(late.body.error).to.deep.include({ code: "CONFIG_CHANGED" });
    expect(late.body.error.details).to.deep.include({ by: "operator", revision: 2 });
    const outside = await ask("PUT", "", { set: { adminAddresses: ["192.0.2.0/24"] }, revision: 2 });
    expect(outside.body.error.details.problem).to.include("lock you out");
  });

  it("lets only owners say where links of mail lead to", async () => {
    const { token } = await fixture.signUp("root");
    await ask("POST", "/rollback", { revision: 2, to: 0 });
    const admin = await fixture.signUp("adam");
    await fixture.request("PUT", "/api/v1/admin/users/adam/roles", { token: controlToken, body: { roles: ["admin"] } });
    const wish = { set: { publicUrl: "https://evil.example.org" } };
    expect((await ask("POST", "/plan", wish, admin.token)).body.error?.code).to.equal("FORBIDDEN");
    expect((await ask("PUT", "", { ...wish, revision: 2 }, admin.token)).body.error?.code).to.equal("FORBIDDEN");
    expect((await ask("POST", "/plan", wish, token)).status).to.equal(200);
  });
});
