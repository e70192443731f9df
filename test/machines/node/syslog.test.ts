/** The audit is sent to a real rsyslog, by RFC 5424 over TCP with octet counting. In the long tests only: the program
 *  is fetched from Debian. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import type { Audit } from "../../../node/audit/index.ts";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { Membership } from "../../../node/ports/index.ts";
import { createClock, deliver } from "../../../node/platform/index.ts";
import { unpackPackage } from "../../fixtures/debian.ts";
import { depth } from "../../depth.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { event, idOf, openAudit } from "../../unit/audit/fixture.ts";
import { RowStore } from "../../unit/storage/fixture.ts";
import { sleep, untilTrue } from "../../waits.ts";

interface Rsyslog {
  readonly path: string;
  readonly modules: string;
  readonly libraries: string;
}

/** Where it is, or why there is none. */
function findRsyslog(): Rsyslog | { readonly missing: string } {
  const libraries: string[] = [];
  for (const name of ["libestr0", "libfastjson4"]) {
    const found = unpackPackage(name);
    if ("missing" in found) return found;
    const [library] = globSync(join(found.path, "usr", "lib", "*", "*.so.*"));
    if (library === undefined) return { missing: `the package ${name} has no library` };
    libraries.push(dirname(library));
  }
  const own = unpackPackage("rsyslog");
  if ("missing" in own) return own;
  const [module] = globSync(join(own.path, "usr", "lib", "*", "rsyslog", "imtcp.so"));
  if (module === undefined) return { missing: "the package rsyslog has no imtcp" };
  const found = {
    path: join(own.path, "usr", "sbin", "rsyslogd"),
    modules: dirname(module),
    libraries: libraries.join(":"),
  };
  const { status, error, stderr } = spawnSync(found.path, ["-v"], {
    encoding: "utf8",
    env: { LD_LIBRARY_PATH: found.libraries },
  });
  return status === 0 ? found : { missing: `rsyslogd does not run here: ${error?.message ?? stderr.trim()}` };
}

/** Lives of one rsyslog, on one port, into one file. `queued`: as it is by default, with what it has read in memory for
 *  a moment; else each message is in the file before the next is read. */
class Receiver {
  readonly folder = mkdtempSync(join(tmpdir(), "plexus-rsyslog-"));
  readonly #program: Rsyslog;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(program: Rsyslog, port: number, queued: boolean) {
    this.#program = program;
    this.#port = port;
    const lines = [
      `global(workDirectory="${this.folder}" maxMessageSize="64k")`,
      ...(queued ? [] : [`main_queue(queue.type="Direct")`]),
      `module(load="imtcp")`,
      // What came, as it came: the frame's count is not part of it.
      `template(name="whole" type="string" string="%rawmsg%\\n")`,
      `input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="taken")`,
      `ruleset(name="taken") { action(type="omfile" file="${join(this.folder, "taken")}" template="whole" flushOnTXEnd="on") }`,
    ];
    writeFileSync(join(this.folder, "conf"), `${lines.join("\n")}\n`);
  }

  async start(): Promise<void> {
    const { path, modules, libraries } = this.#program;
    const words = ["-n", "-f", join(this.folder, "conf"), "-i", join(this.folder, "pid"), "-M", modules];
    this.#child = spawn(path, words, { env: { LD_LIBRARY_PATH: libraries }, stdio: "ignore" });
    await untilTrue("it takes connections", () => this.#answers());
  }

  #answers(): Promise<boolean> {
    if (this.#child?.exitCode !== null) throw new Error("rsyslogd does not start");
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1");
      socket.once("connect", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  taken(): readonly string[] {
    try {
      return readFileSync(join(this.folder, "taken"), "utf8").trimEnd().split("\n");
    } catch {
      return [];
    }
  }
}

const found = depth<() => Rsyslog | { readonly missing: string }>(
  () => ({ missing: "it is for the long tests (npm run test:long)" }),
  findRsyslog,
)();

describe("audit: sent to a real rsyslog", function () {
  if ("missing" in found) {
    it.skip(`is not tested: ${found.missing}`, () => undefined);
    return;
  }
  const cleanup: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const one of cleanup.splice(0).reverse()) await one();
  });

  async function sender(port: number): Promise<Audit> {
    const limits = { pushPauseMs: 1, pushRetryMs: 20, pushRetryMaxMs: 100, pushEveryMs: 50, pushEntries: 50 };
    const audit = await openAudit({ store: new RowStore(), clock: createClock(), limits });
    const membership: Membership = {
      self: idOf("a"),
      members: () => ({ view: 1, members: [] }),
      isUp: () => true,
      isSlow: () => false,
      isStaying: () => true,
      onChange: () => () => undefined,
    };
    const url = `syslog+tcp://127.0.0.1:${port}`;
    audit.join({
      exchange: { node: idOf("a"), on: () => undefined, send: () => true } as unknown as Exchange,
      membership,
      forked: () => undefined,
      tell: () => undefined,
      push: {
        sinks: () => [{ name: "siem", id: "00000000000000a1", url, format: "syslog", sinceMs: 0 }],
        onChange: () => () => undefined,
        deliver,
        secret: () => Promise.resolve(undefined),
        version: "1.2.3",
      },
    });
    cleanup.push(() => audit.stop());
    return audit;
  }

  const seqsIn = (messages: readonly string[]): ReadonlySet<number> =>
    new Set(messages.map((message) => Number(/ seq="(\d+)"/.exec(message)?.[1])));

  for (const [signal, queued] of [
    ["SIGTERM", true],
    ["SIGKILL", false],
  ] as const)
    it(`loses no entry while it is ended by ${signal} again and again, and cuts none`, async () => {
      const port = await lastingPort();
      const receiver = new Receiver(found, port, queued);
      cleanup.push(async () => {
        await receiver.end("SIGKILL");
        rmSync(receiver.folder, { recursive: true, force: true });
      });
      await receiver.start();
      const audit = await sender(port);
      const rounds = 6;
      const each = 400;
      // Characters of several bytes: the count is of bytes.
      const target = "role/ä→𝄞";
      for (let round = 0; round < rounds; round += 1) {
        const written = Array.from({ length: each }, (_, at) =>
          audit.write(event({ action: "setRole", target, facts: { round, at, text: "line one\nline two" } })),
        );
        await Promise.all(written);
        // In the middle of what it takes, or at its end: both happen in so many rounds.
        while (seqsIn(receiver.taken()).size < round * each + (round % 3) * 100) await sleep(5);
        await receiver.end(signal);
        await receiver.start();
      }
      await untilTrue("it has taken all", () => seqsIn(receiver.taken()).size >= rounds * each);
      const messages = receiver.taken();
      const seqs = [...seqsIn(messages)].toSorted((one, other) => one - other);
      expect(seqs).to.deep.equal(Array.from({ length: rounds * each }, (_, at) => at + 1));
      for (const message of messages) expect(message).to.match(/^<\d+>1 \S+Z a plexus - setRole \[plexus@32473 .*\]/u);
      expect(messages.some((message) => message.includes(target))).to.equal(true);
    });
});
