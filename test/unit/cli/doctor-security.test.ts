import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { securityChecks, securityDoctor, type SecurityFacts } from "../../../cli/doctor/doctor-security.ts";
import { readSettings } from "../../../cli/settings/settings.ts";
import { collected } from "./fixture.ts";

const nowMs = Date.UTC(2026, 10, 24);
const config: SecurityFacts["config"] = {
  host: "127.0.0.1",
  signUp: "closed",
  tls: {},
  trustedProxies: [],
  adminAddresses: [],
  blockLists: [],
  allowedOrigins: [],
  diskKey: "/keys/disk.key",
  leakedPasswords: "/etc/plexus/leaked.txt",
};
const good: SecurityFacts = {
  config,
  nowMs,
  isRoot: false,
  exposed: [],
  keys: { cluster: "c", root: { madeAtMs: nowMs }, epochs: [{ epoch: 1 }], here: [1], receiver: "" } as unknown as NonNullable<SecurityFacts["keys"]>, // prettier-ignore
  disk: { state: "sealed", keyFile: "/keys/disk.key" },
  quotas: [],
  apiKeys: { keys: [], partly: false },
  hasDiskKey: true,
  release: { type: "compared", fingerprint: "ab".repeat(32), same: 9, changed: [], missing: [], added: [] },
};

/** What the checklist finds that is not good: `Name state`. */
const findings = (change: Partial<SecurityFacts>): readonly string[] =>
  securityChecks({ ...good, ...change }).flatMap(({ name, state }) => (state === "good" ? [] : [`${name} ${state}`]));
const configured = (change: Partial<SecurityFacts["config"]>) => findings({ config: { ...config, ...change } });

describe("the doctor's checklist of security", () => {
  it("finds nothing where nothing is wrong, and says what to do about everything else", () => {
    expect(findings({})).to.deep.equal([]);
    const { diskKey: _, leakedPasswords: __, ...beside } = config;
    const worst = securityChecks({ ...good, isRoot: true, exposed: [{ path: "/d", mode: 0o40777 }], keys: undefined, apiKeys: undefined, disk: undefined, hasDiskKey: false, release: { type: "unsigned", reason: "x" }, config: { ...beside, host: "0.0.0.0", signUp: "open", trustedProxies: ["0.0.0.0/1"], blockLists: ["http://x.example/"], metricsListen: "0.0.0.0:9464", allowedOrigins: ["*"]} }); // prettier-ignore
    for (const check of worst)
      if (check.state === "bad" || check.state === "warning") expect(check.hint, check.name).to.be.a("string");
    expect(worst.filter(({ state }) => state === "good")).to.deep.equal([]);
  });

  it("finds an installation that is not what was signed", () => {
    const compared = good.release as Extract<SecurityFacts["release"], { type: "compared" }>;
    expect(findings({ release: { type: "unsigned", reason: "git" } })).to.deep.equal(["Installation warning"]);
    expect(findings({ release: { type: "forged", reason: "other key" } })).to.deep.equal(["Installation bad"]);
    for (const what of ["changed", "missing", "added"] as const)
      expect(findings({ release: { ...compared, [what]: ["cli/main.ts"] } }), what).to.deep.equal(["Installation bad"]);
  });

  it("finds what is open on an address that others reach", () => {
    expect(configured({ signUp: "open" })).to.deep.equal([]);
    expect(configured({ host: "0.0.0.0", signUp: "open" })).to.deep.equal([
      "Sign-up warning",
      "Quotas warning",
      "Transport bad",
      "Admins warning",
    ]);
    expect(
      configured({ host: "10.0.0.5", trustedProxies: ["10.0.0.1"], adminAddresses: ["10.0.0.0/24"] }),
    ).to.deep.equal(["Transport warning"]);
    expect(configured({ trustedProxies: ["10.0.0.0/8"] })).to.deep.equal(["Proxies bad"]);
    expect(configured({ trustedProxies: ["fd00::/8"] })).to.deep.equal(["Proxies bad"]);
    expect(configured({ trustedProxies: ["127.0.0.1", "10.0.0.0/24"] })).to.deep.equal([]);
    expect(configured({ metricsListen: "[::]:9464" })).to.deep.equal(["Metrics warning"]);
    expect(configured({ metricsListen: "127.0.0.1:9464" })).to.deep.equal([]);
    expect(configured({ allowedOrigins: ["*"] })).to.deep.equal(["Origins warning"]);
    expect(configured({ blockLists: ["http://a.example/x", "https://a.example/x", "/etc/x"] })).to.deep.equal([
      "Block list warning",
    ]);
  });

  it("finds what strangers may use up and guess on an address that others reach", () => {
    const tls = { cert: "/c", key: "/k" };
    const adminAddresses = ["10.0.0.0/24"];
    const open: SecurityFacts["config"] = { ...config, host: "10.0.0.5", signUp: "open", tls, adminAddresses };
    const quotasOf = (...measures: readonly ("tokens" | "bytes" | "messages" | "stored")[]) =>
      measures.map((measure) => ({ role: "member", measure }));
    const found = (change: Partial<SecurityFacts>) => findings({ config: open, ...change });
    expect(found({ quotas: quotasOf("tokens", "bytes", "messages", "stored") })).to.deep.equal(["Sign-up warning"]);
    expect(found({ quotas: quotasOf("tokens", "bytes", "messages") })).to.deep.equal([
      "Sign-up warning",
      "Quotas warning",
    ]);
    expect(found({ quotas: [{ role: "guest", measure: "tokens" }] })).to.include("Quotas warning");
    expect(found({ quotas: undefined })).to.include("Quotas skipped");
    expect(findings({ config: { ...open, signUp: "invitation" } })).to.deep.equal([]);
    const { leakedPasswords: _, ...without } = open;
    expect(findings({ config: { ...without, signUp: "closed" } })).to.deep.equal(["Passwords warning"]);
    expect(findings({ config: { ...without, host: "127.0.0.1", signUp: "closed" } })).to.deep.equal([]);
  });

  it("finds API keys that are old, that nothing uses, and that have no end, and says how to end them", () => {
    const day = 86_400_000;
    const key = (id: string, change: object) => ({
      user: "ada",
      id,
      label: `key ${id}`,
      createdAtMs: nowMs - 10 * day,
      expiresAtMs: nowMs + day,
      ...change,
    });
    const found = (...keys: readonly ReturnType<typeof key>[]) => findings({ apiKeys: { keys, partly: false } });
    expect(found(key("new", {}))).to.deep.equal([]);
    expect(found(key("used", { createdAtMs: nowMs - 300 * day, usedAtMs: nowMs - 80 * day }))).to.deep.equal([]);
    const old = { createdAtMs: nowMs - 366 * day, usedAtMs: nowMs };
    expect(found(key("old", old))).to.deep.equal(["API keys' age warning"]);
    expect(found(key("over", { ...old, expiresAtMs: nowMs }))).to.deep.equal([]);
    expect(found(key("never", { createdAtMs: nowMs - 91 * day }))).to.deep.equal(["Unused keys warning"]);
    expect(found(key("idle", { createdAtMs: nowMs - 300 * day, usedAtMs: nowMs - 91 * day }))).to.deep.equal([
      "Unused keys warning",
    ]);
    const { expiresAtMs: _, ...endless } = key("endless", {});
    expect(findings({ apiKeys: { keys: [endless], partly: false } })).to.deep.equal(["Endless keys warning"]);
    expect(findings({ apiKeys: { keys: [key("new", {})], partly: true } })).to.deep.equal(["API keys skipped"]);
    expect(findings({ apiKeys: undefined })).to.deep.equal(["API keys skipped"]);
    const said = securityChecks({ ...good, apiKeys: { keys: [key("3f2a", old)], partly: false } });
    const { says, hint } = said.find(({ name }) => name === "API keys' age")!;
    expect(says).to.include("ada: key 3f2a (3f2a)");
    expect(hint).to.include("plexus users revoke ada 3f2a");
  });

  it("finds keys that are missing, old, or beside what they open", () => {
    expect(findings({ keys: undefined })).to.deep.equal(["Recovery kit skipped"]);
    const { root: _, ...without } = good.keys!;
    expect(findings({ keys: without })).to.deep.equal(["Recovery kit bad"]);
    const old = { ...good.keys!, root: { ...good.keys!.root!, madeAtMs: nowMs - 400 * 86_400_000 } };
    expect(findings({ keys: old })).to.deep.equal(["Keys' age warning"]);
    const rotated = { ...old, epochs: [...old.epochs, ...old.epochs] };
    expect(findings({ keys: rotated })).to.deep.equal(["Keys' age skipped"]);
    expect(findings({ disk: { state: "plain", keyFile: "/x" } })).to.deep.equal(["Disk warning"]);
    const { diskKey: __, ...beside } = config;
    expect(findings({ config: beside })).to.deep.equal(["Disk warning"]);
    expect(findings({ disk: undefined, hasDiskKey: false, config: beside })).to.deep.equal(["Disk warning"]);
  });

  it("looks at the folder as it is, and ends with 1 when something is bad", async () => {
    const data = await mkdtemp(join(tmpdir(), "plexus-security-"));
    try {
      const settings = await readSettings({ data }, undefined, {});
      const permissions = async (): Promise<{
        readonly code: number;
        readonly says: string;
        readonly state: string;
      }> => {
        const output = collected();
        const code = await securityDoctor(settings, { json: true }, output);
        const { checks } = JSON.parse(output.out[0]!) as { checks: { name: string; state: string; says: string }[] };
        return { code, ...checks.find(({ name }) => name === "Permissions")! };
      };
      await mkdir(join(data, "keys"));
      await writeFile(join(data, "node.key"), "secret");
      await chmod(join(data, "node.key"), 0o606);
      expect((await permissions()).state).to.equal("good");
      await chmod(data, 0o755);
      const open = await permissions();
      expect(open).to.include({ code: 1, state: "bad" });
      expect(open.says).to.include("change").and.include("node.key");
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  });
});
