import { createHash } from "node:crypto";
import { expect } from "chai";
import type { FileLists } from "../../../node/scanning/listed.ts";
import type { Clock } from "../../../node/ports/index.ts";
import { createListedFiles, createPolicy, withPolicy } from "../../../node/scanning/index.ts";
import { scanningLimits } from "../../../node/scanning/limits.ts";
import { watchThreats } from "../../../node/threats/index.ts";
import { readIndicators } from "../../../node/threats/indicators.ts";
import {
  failure,
  ok,
  refused,
  type EngineRequest,
  type Failure,
  type Result,
  type ScanAnswer,
} from "../../../protocols/index.ts";
import type { Engine } from "../../../runtimes/engine.ts";
import { createWorld } from "../../fixtures/flowing.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { until } from "../../waits.ts";

const digestOf = (sort: string, text: string): string => createHash(sort).update(text).digest("hex");

const request = (text: string, person = "user/ada"): EngineRequest<"scan"> => ({
  id: text,
  model: "",
  person,
  key: "room/lobby",
  timeoutMs: 60_000,
  file: { id: `${text}.lobby`, name: text, bytes: text.length, key: "", parts: [] },
});

/** Lists of these digests; a file's bytes are its name, in two pieces. */
function listing(
  lists: FileLists | undefined,
  more: { readonly wait?: Promise<unknown>; readonly clock?: Pick<Clock, "after" | "nowMs"> } = {},
) {
  const { clock = createWorld().clock() } = more;
  const reads: string[] = [];
  const listed = createListedFiles({
    async *read({ name }) {
      reads.push(name);
      await more.wait;
      yield Buffer.from(name.slice(0, 3));
      yield Buffer.from(name.slice(3));
    },
    clock,
    log: quietLog,
    meter: quietMeter,
  });
  if (lists !== undefined) listed.open(lists);
  return { listed, reads };
}
const of = (...digests: readonly string[]): FileLists => {
  const { files } = readIndicators(digests.join("\n"), 0);
  const sorts = { 32: "md5", 40: "sha1", 64: "sha256", 128: "sha512" } as Readonly<Record<number, string>>;
  return {
    fileSorts: () => [...new Set(files.map(({ length }) => sorts[length] ?? ""))],
    hasFile: (one) => files.includes(one),
    isPending: () => false,
    isUnread: () => false,
  };
};
const never = new AbortController().signal;

describe("files that lists of threats name", () => {
  it("are found by each sort of digest, over all pieces, and others are not", async () => {
    for (const sort of ["md5", "sha1", "sha256", "sha512"]) {
      const { listed } = listing(of(digestOf(sort, "harmful")));
      const signature = `on a list of threats: ${sort} ${digestOf(sort, "harmful")}`;
      expect(await listed.look(request("harmful"), never)).to.deep.equal(ok({ signature }));
      expect(await listed.look(request("harmless"), never)).to.deep.equal(ok({}));
    }
  });

  it("are read only where some are listed", async () => {
    const { listed, reads } = listing(of("192.0.2.1", "bad.example"));
    expect(await listed.look(request("harmful"), never)).to.deep.equal(ok({}));
    expect([listed.any(), reads]).to.deep.equal([false, []]);
  });

  it("wait and are tried again while the lists were never read: nothing is said of them", async () => {
    const { listed, reads } = listing(undefined);
    const answer = await listed.look(request("harmful"), never);
    expect(answer.ok ? "ok" : answer.error.code).to.equal("UNREACHABLE");
    expect([listed.any(), reads]).to.deep.equal([true, []]);
    const pending = listing({ ...of(), isPending: () => true, isUnread: () => true });
    const later = await pending.listed.look(request("harmful"), never);
    expect(later.ok ? "ok" : later.error.code).to.equal("UNREACHABLE");
    // A room that waits is told to ask again soon, since lists are told within seconds where all members are there.
    for (const { ok: isOk, ...rest } of [answer, later])
      expect(!isOk && (rest as { error: Failure }).error.details?.["retryAfterMs"]).to.equal(
        scanningLimits.listsPendingMs,
      );
    expect([pending.listed.any(), pending.reads]).to.deep.equal([true, []]);
    // Those of other nodes are not told yet.
    expect(listing({ ...of(), isPending: () => true }).listed.any()).to.equal(true);
  });

  it("have two read at a time, in turns of people, and one that nobody waits for is not read", async () => {
    const { promise, resolve } = Promise.withResolvers();
    const { listed, reads } = listing(of(digestOf("sha256", "x")), { wait: promise });
    const gone = new AbortController();
    const all = [
      listed.look(request("a1"), never),
      listed.look(request("a2"), never),
      listed.look(request("a3"), never),
      listed.look(request("a4"), gone.signal),
      listed.look(request("b1", "user/bob"), never),
    ];
    await until("two are read", () => expect(reads).to.deep.equal(["a1", "a2"]));
    gone.abort();
    resolve(undefined);
    const codes = (await Promise.all(all)).map((one) => (one.ok ? "ok" : one.error.code));
    expect(codes).to.deep.equal(["ok", "ok", "ok", "CANCELLED", "ok"]);
    expect(reads).to.have.members(["a1", "a2", "a3", "b1"]);
    expect(reads.indexOf("b1")).to.be.below(4);
  });

  it("whose reading hangs leave their place in time, and that is a try", async () => {
    const after = (_ms: number, then: () => void): (() => void) => {
      const timer = setImmediate(then);
      return () => clearImmediate(timer);
    };
    const { listed, reads } = listing(of(digestOf("sha256", "x")), {
      wait: new Promise(() => undefined),
      clock: { nowMs: () => 0, after },
    });
    const short = (text: string) => listed.look(request(text), never);
    const said = await Promise.all([short("a1"), short("a2")]);
    expect(said.map((one) => (one.ok ? "ok" : one.error.code))).to.deep.equal(["SCAN_FAILED", "SCAN_FAILED"]);
    void short("b1");
    await until("there is a place again", () => expect(reads).to.include("b1"));
  });

  it("wait and are tried again where they cannot be read: nothing is said of them", async () => {
    const listed = createListedFiles({
      // oxlint-disable-next-line require-yield -- it fails before
      async *read() {
        throw new Error("the part is gone");
      },
      clock: createWorld().clock(),
      log: quietLog,
      meter: quietMeter,
    });
    listed.open(of(digestOf("sha256", "harmful")));
    const answer = await listed.look(request("harmful"), never);
    expect(answer.ok ? "ok" : answer.error.code).to.equal("UNREACHABLE");
  });
});

describe("the policy of files beside lists of threats", () => {
  const settings = { scan: true, withoutScanner: "allow" as "allow" | "hold" | "refuse" };
  const asked: string[] = [];
  const engineOf = (scanners: number): Engine<"scan"> => ({
    models: () => Array.from({ length: scanners }, () => ({ state: "ready" })) as never,
    watch: () => () => undefined,
    call({ id }, hear) {
      asked.push(id);
      const result: Result<ScanAnswer> = scanners > 0 ? ok({}) : refused(failure("MODEL_NOT_FOUND"));
      queueMicrotask(() => hear({ type: "answered", result }));
      return { cancel: () => undefined };
    },
  });
  const scanned = (engine: Engine<"scan">, text: string, lists = of(digestOf("sha256", "harmful"))) =>
    new Promise<string>((resolve) => {
      const { listed } = listing(lists);
      withPolicy(engine, () => settings, listed).call(request(text), (said) => {
        if (said.type !== "answered") return;
        resolve(said.result.ok ? (said.result.value.signature ?? "clean") : said.result.error.code);
      });
    });
  beforeEach(() => {
    Object.assign(settings, { scan: true, withoutScanner: "allow" });
    asked.length = 0;
  });

  it("finds a listed file without any scanner, and lets others through where nobody asks for one", async () => {
    expect(await scanned(engineOf(0), "harmful")).to.include("on a list of threats");
    expect(await scanned(engineOf(0), "harmless")).to.equal("clean");
    expect(asked).to.deep.equal([]);
  });

  it("asks a scanner for what is not listed, and for no more", async () => {
    expect(await scanned(engineOf(1), "harmful")).to.include("on a list of threats");
    expect(await scanned(engineOf(1), "harmless")).to.equal("clean");
    expect(asked).to.deep.equal(["harmless"]);
  });

  it("lets nothing through because of lists that waits for a scanner", async () => {
    for (const withoutScanner of ["hold", "refuse"] as const) {
      settings.withoutScanner = withoutScanner;
      expect(await scanned(engineOf(0), "harmless")).to.equal("MODEL_NOT_FOUND");
    }
  });

  it("looks at no file where the setting says so, and takes files to look at where some are listed", async () => {
    const listed = { any: () => true };
    const must = (any = listed) => {
      const answer = createPolicy(() => settings, engineOf(0), any).mustScan();
      return answer.ok ? answer.value : answer.error.code;
    };
    expect([must(), must({ any: () => false })]).to.deep.equal([true, false]);
    settings.scan = false;
    expect(must()).to.equal(false);
    expect(await scanned(engineOf(1), "harmful")).to.equal("clean");
  });
});

describe("sorts of digests on lists", () => {
  it("are those of the lists that are in force", async () => {
    let text = `${"a".repeat(64)}\n${"b".repeat(32)}`;
    const threats = watchThreats({
      sources: ["list"],
      read: async () => text,
      clock: createWorld().clock(),
      log: quietLog,
      meter: quietMeter,
    });
    expect([threats.isPending(), threats.isUnread()]).to.deep.equal([true, true]);
    await threats.first;
    expect([threats.isPending(), threats.isUnread()]).to.deep.equal([false, false]);
    expect(threats.fileSorts()).to.deep.equal(["md5", "sha256"]);
    text = "192.0.2.1";
    await threats.reload();
    expect(threats.fileSorts()).to.deep.equal([]);
    threats.stop();
  });
});
