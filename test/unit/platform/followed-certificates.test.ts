import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { tlsChecks } from "../../../cli/doctor/index.ts";
import { openTls } from "../../../node/platform/followed-certificates.ts";
import type { Clock, Log } from "../../../node/ports/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";

describe("a node's certificates", function () {
  const nowMs = Date.now();
  const first = makeCertificate("localhost", nowMs);
  const second = makeCertificate("localhost", nowMs, { lifeMs: 40.5 * 86_400_000 });
  let folder: string;
  let logged: string[];
  let days: number | undefined;
  const log: Log = {
    debug() {},
    info: (event) => void logged.push(event),
    warn: (event) => void logged.push(event),
    error: (event, facts) => void logged.push(`${event} ${JSON.stringify(facts)}`),
  };
  const clock = { nowMs: () => nowMs, after: () => () => undefined } as unknown as Clock;
  const meter = { count() {}, gauge: (_: string, value: number) => void (days = value), observeMs() {} };
  const write = async (files: {
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string;
  }): Promise<void> => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  };
  const config = (more: object = {}) => ({ tls: { cert: join(folder, "cert"), key: join(folder, "key"), ...more } });
  const refusal = async (more?: object): Promise<string> => {
    const { field, value, reason } =
      failureOf(await openTls(config(more), { clock, log, meter }).catch((error: unknown) => error)).details ?? {};
    return `${String(field)} ${String(value).slice(folder.length + 1)}: ${String(reason)}`;
  };

  beforeEach(async () => {
    logged = [];
    folder = await mkdtemp(join(tmpdir(), "plexus-tls-"));
    await write({ cert: first.pem, key: first.keyPem });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("say at the start what is wrong, and never what is in a key", async () => {
    expect(await refusal({ clientCa: join(folder, "none") })).to.equal("tls.clientCa none: it cannot be read (ENOENT)");
    await write({ ca: "no certificate" });
    expect(await refusal({ clientCa: join(folder, "ca") })).to.match(/^tls.clientCa ca: it holds no certificate/);
    await write({ key: second.keyPem });
    expect(await refusal()).to.equal("tls.key key: it is the key of another certificate");
    await write({ key: "secret words" });
    expect(await refusal())
      .to.match(/^tls.key key: it holds no private key/)
      .and.not.to.include("secret words");
    await write({ cert: "" });
    expect(await refusal()).to.match(/^tls.cert cert: it holds no certificate/);
  });

  it("follow their files; what does not fit together changes nothing, and is told once", async () => {
    const tls = await openTls(config(), { clock, log, meter });
    if (tls === undefined) throw new Error("there are certificates");
    let changes = 0;
    tls.onChange(() => (changes += 1));
    expect(days, "ends within a day").to.equal(0);
    expect(logged).to.deep.equal(["tls.read", "tls.certificate.ends"]);
    await tls.look();
    await write({ cert: second.pem });
    await tls.look();
    await tls.look();
    expect(tls.current().cert).to.equal(first.pem);
    expect(logged.filter((line) => line.startsWith("tls.reload.refused"))).to.have.length(1);
    await rm(join(folder, "key"));
    await tls.look();
    expect(logged.at(-1)).to.match(/tls.reload.refused .*ENOENT/);
    await write({ key: second.keyPem });
    await tls.look();
    expect(tls.current()).to.include({ cert: second.pem, key: second.keyPem });
    expect({ changes, days }).to.deep.equal({ changes: 1, days: 40 });
    expect(logged.at(-1)).to.equal("tls.reloaded");
    tls.stop();
  });

  it("take an authority of clients that is named while the node runs, and let it go again", async () => {
    let clientCa: string | undefined;
    const tls = await openTls(config(), { clock, log, meter }, () => clientCa);
    if (tls === undefined) throw new Error("there are certificates");
    let changes = 0;
    tls.onChange(() => (changes += 1));
    clientCa = join(folder, "ca");
    await tls.look();
    expect(tls.current().clientCa).to.equal(undefined);
    expect(logged.at(-1)).to.match(/tls.reload.refused .*ENOENT/);
    await write({ ca: second.pem });
    await tls.look();
    expect(tls.current().clientCa).to.equal(second.pem);
    clientCa = undefined;
    await tls.look();
    expect(tls.current().clientCa).to.equal(undefined);
    expect(changes).to.equal(2);
    tls.stop();
  });

  it("are judged by plexus doctor", async () => {
    const states = async (atMs: number) => (await tlsChecks(config().tls, atMs)).map(({ state }) => state);
    expect(await tlsChecks({}, nowMs)).to.deep.equal([]);
    expect(await states(nowMs)).to.deep.equal(["warning"]);
    expect(await states(nowMs + 3 * 86_400_000)).to.deep.equal(["bad"]);
    await write({ cert: second.pem });
    expect(await states(nowMs)).to.deep.equal(["bad"]);
    await write({ key: second.keyPem });
    expect(await states(nowMs)).to.deep.equal(["good"]);
  });
});
