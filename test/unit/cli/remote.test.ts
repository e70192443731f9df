import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Command, Option } from "commander";
import { createProgram } from "../../../cli/program.ts";
import { createClock } from "../../../node/platform/index.ts";
import { createGateway, type Gateway } from "../../../node/gateway/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { ask } from "../gateway/control-client.ts";
import { everyPart } from "../gateway/permission-table.ts";
import { controlToken, startFixture, type Fixture } from "../gateway/fixture.ts";
import { expireAfter } from "../../waits.ts";

/** What acts on this machine, its files and its processes, and goes to no other node. */
const local = [
  "up",
  "chat",
  "models convert",
  "models quantise",
  "gpu",
  "gpu install",
  "gpu remove",
  "onnx",
  "onnx install",
  "onnx remove",
  "audit verify",
  "directory recover",
  "demo",
  "doctor",
  "service install",
  "service uninstall",
  "service status",
  "verify-release",
  "backup restore",
  "disk recover",
  "salvage",
  "completion",
];

/** What works with folders on the node's own machine: they are for its operator, who has them anyway, and no
 *  admin's. */
const ofOperator = ["backup copy"];

const disk = { state: "plain", keyFile: "/keys/disk.key" } as const;

/** What waits for the end of a task, which never comes here: one that has not ended by then was let in. */
const waiting = new Set(["models suggest", "backup drill", "backup run", "backup verify"]);
const waitMs = 60;
const stillWaits = (): Promise<string> => new Promise((resolve) => void expireAfter(waitMs, () => resolve("waits")));

/** Looks again and again until somebody ends it, and so is not run to its end here. */
const endless = new Set(["top", "logs"]);

/** Words that arguments and flags of that name are given; of files there is one. */
const words: Readonly<Record<string, string>> = {
  shell: "bash",
  actor: "room/lobby",
  slot: "chat/1",
  nodes: "node-b",
  roles: "chat",
  role: "moderator",
  measure: "messages",
  of: "person",
  address: "ops@example.org",
  to: "node-b",
  url: "https://siem.example.org",
  mode: "off",
  kind: "oidc",
  count: "3",
  hash: "0".repeat(64),
  words: "abandon ability able",
  amount: "1",
  times: "0 3 * * *",
  time: "2026-11-01",
  steps: "qwen",
};

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

function leavesOf(command: Command, path: string): readonly Leaf[] {
  const acts = (command as unknown as { _actionHandler: unknown })._actionHandler !== null;
  const own = acts && path !== "" ? [{ path, command }] : [];
  return [...own, ...command.commands.flatMap((inner) => leavesOf(inner, `${path} ${inner.name()}`.trim()))];
}

describe("commands for another machine", function () {
  const authority = makeCertificate("localhost", Date.now());
  let fixture: Fixture;
  let plain: Gateway;
  let unprotected: readonly string[];
  let folder: string;
  let url: string;
  let leaves: readonly Leaf[];
  const environment = { ...process.env };
  let lines: string[] = [];
  const output = {
    print: (text: string) => void lines.push(text),
    printError: (text: string) => void lines.push(text),
    color: false,
    columns: 120,
    isTerminal: false,
  };

  async function run(...typed: readonly string[]): Promise<string> {
    lines = [];
    const context = { output: output as never, onExit: () => undefined };
    try {
      await (await createProgram("0", context, typed)).parseAsync([...typed], { from: "user" });
      return "ok";
    } catch (thrown) {
      const { code, message, details } = failureOf(thrown);
      const told = code === "INTERNAL" ? String((thrown as Error).message) : message;
      return `${code} ${told} ${JSON.stringify(details ?? {})} ${lines.join("\n")}`;
    }
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-remote-"));
    fixture = await startFixture({
      ...everyPart,
      // By which OpenSSL takes certificates for good.
      clock: createClock(),
      disk: { status: () => disk, set: async () => ({ ok: true, value: disk }) },
      controlListen: { host: "127.0.0.1", port: 0 },
      tls: { current: () => ({ cert: authority.pem, key: authority.keyPem }), onChange: () => () => undefined },
    });
    const { controlUrl = "" } = fixture.gateway;
    url = controlUrl.replace("127.0.0.1", "localhost");
    // Without TLS, which is shown below: a hundred handshakes take long.
    const { tls, ...settings } = fixture.settings;
    expect(tls).to.be.an("object");
    plain = await createGateway(settings);
    const plainUrl = plain.controlUrl ?? "";
    unprotected = ["--endpoint", plainUrl, "--token-file", join(folder, "token")];
    const made = await ask(controlUrl, "/api/v1/admin/control/tokens", {
      method: "POST",
      token: controlToken,
      body: { name: "ops", role: "owner" },
    });
    await writeFile(join(folder, "token"), `${made.body.token}\n`);
    await writeFile(join(folder, "ca.pem"), authority.pem);
    await writeFile(join(folder, "some.json"), "{}");
    for (const name of Object.keys(process.env)) if (name.startsWith("PLEXUS_")) delete process.env[name];
    // Nothing of this machine's own may help: no data folder, no session.
    Object.assign(process.env, {
      HOME: folder,
      XDG_DATA_HOME: join(folder, "none"),
      XDG_CONFIG_HOME: join(folder, "none"),
    });
    leaves = leavesOf(await createProgram("0", { output: output as never, onExit: () => undefined }), "");
  });
  after(async () => {
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
    await plain.stop(1_000);
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const remote = () => ["--endpoint", url, "--ca", join(folder, "ca.pem"), "--token-file", join(folder, "token")];
  const wordFor = (name: string, path: string): string =>
    /file|sheet|share/.test(name) || (path.startsWith("backup") && name === "to")
      ? join(folder, "some.json")
      : (words[name] ?? "nobody");
  function typedFor({ path, command }: Leaf): readonly string[] {
    const given = command.registeredArguments
      .filter(({ required }) => required)
      .map((one) => wordFor(one.name(), path));
    const flags = command.options
      .filter(({ mandatory }) => mandatory)
      .flatMap((one: Option) => [one.long as string, wordFor(/<(\w+)/.exec(one.flags)?.[1] ?? "", path)]);
    const yes = command.options.some(({ long }) => long === "--yes") ? ["--yes"] : [];
    return [...path.split(" "), ...given, ...flags, ...yes];
  }

  it("all reach it with a control token alone, but those that act on this machine", async () => {
    const failures: string[] = [];
    const outcomes: Record<string, number> = {};
    for (const leaf of leaves.filter(({ path }) => !local.includes(path) && !endless.has(path))) {
      const ended = run(...unprotected, ...typedFor(leaf));
      const outcome = await (waiting.has(leaf.path) ? Promise.race([ended, stillWaits()]) : ended);
      if (ofOperator.includes(leaf.path)) {
        expect(outcome, leaf.path).to.match(/^FORBIDDEN .*are for its operator/);
        continue;
      }
      // A part of the node that this one has not, and says so in no good way.
      if (outcome.includes("HTTP 500")) continue;
      const [code = ""] = outcome.split(" ");
      outcomes[code] = (outcomes[code] ?? 0) + 1;
      if (
        /data folder|no node runs|plexus chat --url|UNAUTHENTICATED|UNREACHABLE|commander|unknown option|acts on this one/.test(
          outcome,
        )
      )
        failures.push(`${leaf.path}: ${outcome.slice(0, 300)}`);
    }
    expect(failures).to.deep.equal([]);
    expect(outcomes["ok"], JSON.stringify(outcomes)).to.be.greaterThan(20);
  });

  it("those that act on this machine are these, and say so", async () => {
    const names = leaves.map(({ path }) => path);
    expect(
      local.filter((path) => !names.includes(path)),
      "gone",
    ).to.deep.equal([]);
    for (const leaf of leaves.filter(({ path }) => local.includes(path)))
      expect(await run(...remote(), ...typedFor(leaf)), leaf.path).to.match(/acts on this one/);
  });

  it("find node and token in the environment, and take the flags behind the command, too", async () => {
    expect(await run("control", ...remote())).to.equal("ok");
    expect(lines.join("\n")).to.match(/^You are control\/ops/);
    Object.assign(process.env, {
      PLEXUS_ENDPOINT: url,
      PLEXUS_TOKEN_FILE: join(folder, "token"),
      PLEXUS_CA: join(folder, "ca.pem"),
    });
    try {
      expect(await run("control")).to.equal("ok");
      // Whoever types a folder means its node.
      expect(await run("control", "--data", folder)).to.match(/^UNREACHABLE .*no node runs/);
    } finally {
      for (const name of ["PLEXUS_ENDPOINT", "PLEXUS_TOKEN_FILE", "PLEXUS_CA"]) delete process.env[name];
    }
  });

  it("trust no certificate of an authority that nobody named, send no token in the open, and say what is missing", async () => {
    const [, , , , ...token] = remote();
    expect(await run("--endpoint", url, ...token, "control")).to.match(/^UNREACHABLE .*(SELF_SIGNED|DEPTH_ZERO)/);
    expect(await run("--endpoint", "http://10.0.0.5:7072", ...token, "control")).to.match(
      /^BAD_REQUEST .*only over https/,
    );
    expect(await run(...token, "control")).to.match(/^BAD_REQUEST .*--endpoint https/);
    expect(await run("--endpoint", url, "--token-file", join(folder, "nowhere"), "control")).to.match(
      /^BAD_REQUEST .*nowhere/,
    );
    await writeFile(join(folder, "bad"), "plxc_wrong");
    expect(
      await run("--endpoint", url, "--ca", join(folder, "ca.pem"), "--token-file", join(folder, "bad"), "control"),
    ).to.match(/^UNAUTHENTICATED/);
  });

  it("make, list and revoke tokens; the secret is all that standard output gets, and no token makes another", async () => {
    const create = ["control", "token", "create", "night", "--scope", "cluster.see", "--expires", "1h"];
    expect(await run(...remote(), ...create)).to.match(/^FORBIDDEN .*needs a person/);
    await writeFile(join(folder, "operator"), controlToken);
    const asOperator = [...remote().slice(0, -1), join(folder, "operator")];
    expect(await run(...asOperator, ...create)).to.equal("ok");
    expect(lines[0]).to.match(/^plxc_[\w-]{43}$/);
    expect(await run(...remote(), "control", "token", "list")).to.equal("ok");
    expect(lines.join("\n")).to.match(/night/).and.not.to.match(/plxc_/);
    expect(await run(...asOperator, "control", "token", "revoke", "night")).to.equal("ok");
    expect(await run(...asOperator, "control", "token", "revoke", "night")).to.match(/^NOT_FOUND/);
  });
});
