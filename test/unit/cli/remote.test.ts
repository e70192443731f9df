import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createClock } from "../../../node/platform/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import {
  allCommands,
  localCommands,
  typedFor,
  typing,
  withoutMachine,
  type Leaf,
} from "../../fixtures/every-command.ts";
import { ask } from "../gateway/control-client.ts";
import { everyPart } from "../gateway/permission-table.ts";
import { controlToken, startFixture, type Fixture } from "../gateway/fixture.ts";

describe("commands for another machine", function () {
  const authority = makeCertificate("localhost", Date.now());
  let fixture: Fixture;
  let folder: string;
  let url: string;
  let leaves: readonly Leaf[];
  let restore = (): void => undefined;
  const { run, lines } = typing();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-remote-"));
    fixture = await startFixture({
      ...everyPart,
      // By which OpenSSL takes certificates for good.
      clock: createClock(),
      controlListen: { host: "127.0.0.1", port: 0 },
      tls: { current: () => ({ cert: authority.pem, key: authority.keyPem }), onChange: () => () => undefined },
    });
    const { controlUrl = "" } = fixture.gateway;
    url = controlUrl.replace("127.0.0.1", "localhost");
    const made = await ask(controlUrl, "/api/v1/admin/control/tokens", {
      method: "POST",
      token: controlToken,
      body: { name: "ops", role: "owner" },
    });
    await writeFile(join(folder, "token"), `${made.body.token}\n`);
    await writeFile(join(folder, "ca.pem"), authority.pem);
    await writeFile(join(folder, "some.json"), "{}");
    restore = withoutMachine(folder);
    leaves = await allCommands();
  });
  after(async () => {
    restore();
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const remote = () => ["--endpoint", url, "--ca", join(folder, "ca.pem"), "--token-file", join(folder, "token")];

  it("those that act on this machine are these, and say so", async () => {
    const names = leaves.map(({ path }) => path);
    expect(
      localCommands.filter((path) => !names.includes(path)),
      "gone",
    ).to.deep.equal([]);
    for (const leaf of leaves.filter(({ path }) => localCommands.includes(path)))
      expect(await run(...remote(), ...typedFor(leaf, join(folder, "some.json"))), leaf.path).to.match(
        /acts on this one/,
      );
  });

  it("find node and token in the environment, and take the flags behind the command, too", async () => {
    expect(await run("control", ...remote())).to.equal("ok");
    expect(lines().join("\n")).to.match(/^You are control\/ops/);
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
    expect(lines()[0]).to.match(/^plxc_[\w-]{43}$/);
    expect(await run(...remote(), "control", "token", "list")).to.equal("ok");
    expect(lines().join("\n")).to.match(/night/).and.not.to.match(/plxc_/);
    expect(await run(...asOperator, "control", "token", "revoke", "night")).to.equal("ok");
    expect(await run(...asOperator, "control", "token", "revoke", "night")).to.match(/^NOT_FOUND/);
  });
});
