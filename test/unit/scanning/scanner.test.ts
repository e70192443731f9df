import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect } from "chai";
import {
  failure,
  ok,
  refused,
  type EngineRequest,
  type Result,
  type ScanAnswer,
  type WithoutScanner,
} from "../../../protocols/index.ts";
import type { Clock } from "../../../node/ports/index.ts";
import { createClamd, createPolicy, createScanner, whyOf, withPolicy } from "../../../node/scanning/index.ts";
import { scanningLimits } from "../../../node/scanning/limits.ts";
import { type Clamd, verdictOf } from "../../../node/scanning/clamd.ts";
import { everyEngine, type LocalEngine } from "../../../runtimes/engine.ts";
import { createWorld, flowingWorld } from "../../fixtures/flowing.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { moment, until } from "../../waits.ts";

const request = (id: string, person: string): EngineRequest<"scan"> => ({
  id,
  model: "",
  person,
  key: "room/lobby",
  timeoutMs: 60_000,
  file: { id: `${id}.lobby`, name: id, bytes: 1, key: "", parts: [] },
});

/** A clamd whose answers the test gives. */
class Answering implements Clamd {
  isThere = true;
  isLate = false;
  readonly open: {
    readonly file: string;
    readonly ended: AbortSignal;
    readonly say: (said: Result<ScanAnswer>) => void;
  }[] = [];
  async works() {
    if (this.isLate) return refused(failure("SCAN_FAILED", { reason: "it takes too long", isLate: true }));
    return this.isThere ? ok("ClamAV 1.4.3") : refused(failure("SCAN_FAILED", { reason: "ENOENT" }));
  }
  async scan(bytes: AsyncIterable<Uint8Array>, ended: AbortSignal) {
    let file = "";
    for await (const piece of bytes) file += Buffer.from(piece).toString();
    return new Promise<Result<ScanAnswer>>((resolve) => void this.open.push({ file, ended, say: resolve }));
  }
}

const scannerOf = (clamd: Clamd, clock: Clock, limits: object = {}): LocalEngine<"scan"> =>
  createScanner({
    clamd,
    async *read({ name }) {
      yield Buffer.from(name);
    },
    clock,
    log: quietLog,
    meter: quietMeter,
    limits,
  });

describe("a node's scanner", () => {
  const clock = flowingWorld().clock();
  /** Answers by the id of the call. */
  const heard = new Map<string, Result<unknown>>();
  const call = (scanner: LocalEngine<"scan">, id: string, person: string) =>
    scanner.call(request(id, person), (said) => said.type === "answered" && heard.set(id, said.result));
  const codeOf = (id: string): string => {
    const answer = heard.get(id);
    return answer === undefined ? "none" : answer.ok ? "ok" : answer.error.code;
  };
  beforeEach(() => heard.clear());

  it("looks at two files at a time, and people take turns", async () => {
    const clamd = new Answering();
    const scanner = scannerOf(clamd, clock);
    for (const id of ["a1", "a2", "a3", "a4"]) call(scanner, id, "user/ada");
    call(scanner, "b1", "user/bob");
    await until("two are looked at", () => expect(clamd.open.map(({ file }) => file)).to.deep.equal(["a1", "a2"]));
    clamd.open[0]?.say(ok({ signature: "Eicar" }));
    await until("the next is", () => expect(clamd.open).to.have.length(3));
    clamd.open[1]?.say(ok({}));
    await until("the next is", () => expect(clamd.open).to.have.length(4));
    expect(clamd.open.map(({ file }) => file).slice(2)).to.have.members(["a3", "b1"]);
    await until("both are answered", () => expect([codeOf("a1"), codeOf("a2")]).to.deep.equal(["ok", "ok"]));
    expect(heard.get("a1")).to.deep.equal(ok({ signature: "Eicar" }));
    await scanner.stop(0);
    await until("all are answered", () =>
      expect(["a3", "a4", "b1"].map(codeOf)).to.deep.equal(["STOPPING", "STOPPING", "STOPPING"]),
    );
    expect(clamd.open[3]?.ended.aborted).to.equal(true);
  });

  it("has few places to wait, and gives up what nobody wants any more", async () => {
    const clamd = new Answering();
    const scanner = scannerOf(clamd, clock, { scansMax: 1, scansWaitingMax: 2, scansWaitingPerPersonMax: 2 });
    const calls = ["1", "2", "3", "4"].map((id) => call(scanner, id, "user/ada"));
    await until("the last finds no place", () => expect(codeOf("4")).to.equal("QUEUE_FULL"));
    calls[1]?.cancel();
    calls[0]?.cancel();
    await until("they end", () => expect([codeOf("1"), codeOf("2")]).to.deep.equal(["CANCELLED", "CANCELLED"]));
    expect(clamd.open[0]?.ended.aborted).to.equal(true);
    clamd.open[0]?.say(refused(failure("SCAN_FAILED")));
    await until("the third has its turn", () => expect(clamd.open.map(({ file }) => file)).to.deep.equal(["1", "3"]));
    await scanner.stop(0);
  });

  it("has as long for a file as was given from its turn on, and what had none was not looked at", async () => {
    const world = createWorld();
    const pass = async (forMs: number): Promise<void> => {
      const untilMs = world.nowMs + forMs;
      world.after(forMs, () => undefined);
      await world.run(() => world.nowMs >= untilMs, untilMs);
    };
    const clamd = new Answering();
    const scanner = scannerOf(clamd, world.clock(), { scansMax: 1 });
    for (const id of ["1", "2", "3"]) call(scanner, id, "user/ada");
    await moment();
    await pass(59_000);
    clamd.open[0]?.say(ok({}));
    await moment();
    await pass(2_000);
    expect(["1", "2", "3"].map(codeOf)).to.deep.equal(["ok", "none", "QUEUE_FULL"]);
    await pass(56_000);
    expect(codeOf("2")).to.equal("none");
    await pass(4_000);
    expect(codeOf("2")).to.equal("SCAN_FAILED");
    await scanner.stop(0);
  });

  it("says in its offer whether it answers, so that others are asked", async () => {
    const clamd = new Answering();
    const scanner = scannerOf(clamd, clock, { scannerLookMs: 5 });
    const state = () => scanner.models()[0];
    let changes = 0;
    scanner.watch(() => (changes += 1));
    await until("it answers", () =>
      expect(state()).to.include({ model: "clamd", state: "ready", version: "ClamAV 1.4.3" }),
    );
    clamd.isThere = false;
    await until("it does not", () => expect(state()).to.include({ state: "failed", reason: "ENOENT" }));
    clamd.isThere = true;
    await until("it does again", () => expect(state()?.state).to.equal("ready"));
    expect(changes).to.equal(3);
    // What people send keeps it busy: that must not be a way to have files let through.
    call(scanner, "large", "user/ada");
    await until("it is looked at", () => expect(clamd.open).to.have.length(1));
    clamd.isLate = true;
    await moment();
    await moment();
    expect(state()?.state).to.equal("ready");
    clamd.open[0]?.say(ok({}));
    await until("nothing keeps it busy", () => expect(state()?.state).to.equal("failed"));
    await scanner.stop(0);
  });
});

describe("the client of clamd", () => {
  const clock = flowingWorld().clock();
  it("takes no answer for clean but the one that says so", () => {
    const code = (said: string): string => {
      const verdict = verdictOf(said);
      return verdict.ok ? (verdict.value.signature ?? "clean") : verdict.error.code;
    };
    expect(code("stream: OK")).to.equal("clean");
    expect(code("stream: Win.Test.EICAR_HDB-1 FOUND")).to.equal("Win.Test.EICAR_HDB-1");
    expect(code("INSTREAM size limit exceeded. ERROR")).to.equal("SCAN_TOO_LARGE");
    for (const said of ["", "OK", "stream: ", "stream: OK ", "stream: OK\n", "stream: Can't allocate memory ERROR"])
      expect(code(said), said).to.equal("SCAN_FAILED");
  });

  /** A server at a socket that takes everything and says this. */
  async function serverOf(say: (socket: Socket) => void) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.resume();
      say(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      place: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    };
  }
  const bytes = async function* (length = 100_000) {
    yield Buffer.alloc(length);
  };

  it("ends where the scanner says nothing, does not end its answer, or closes without one", async () => {
    const quick: Pick<Clock, "after" | "soon"> = {
      after: (_delayMs, then) => clock.after(50, then),
      soon: (then) => clock.soon(then),
    };
    const signal = new AbortController().signal;
    for (const [say, reason] of [
      [() => undefined, "it says nothing"],
      [(socket: Socket) => void socket.write("x".repeat(5_000)), "its answer has no end"],
      [(socket: Socket) => void socket.end(), /closed|ended|EPIPE|ECONNRESET/],
    ] as const) {
      await using server = await serverOf(say);
      const answer = await createClamd(server.place, quick).scan(bytes(), signal);
      expect(answer.ok || answer.error.code).to.equal("SCAN_FAILED");
      expect(String(answer.ok || answer.error.details?.["reason"])).to.match(new RegExp(reason));
    }
  });

  it("hears an answer that comes before all is sent, and stops reading the file then", async () => {
    await using server = await serverOf((socket) => void socket.write("INSTREAM size limit exceeded. ERROR\0"));
    let read = 0;
    const endless = async function* () {
      for (;;) {
        read += 1;
        yield Buffer.alloc(100_000);
      }
    };
    const answer = await createClamd(server.place, clock).scan(endless(), new AbortController().signal);
    expect(answer.ok || answer.error.code).to.equal("SCAN_TOO_LARGE");
    const had = read;
    await moment();
    expect(read - had, "nothing is read on").to.be.lessThan(3);
  });

  it("says that a file cannot be read, which is no failure of the scanner", async () => {
    await using server = await serverOf(() => undefined);
    const broken = async function* () {
      yield Buffer.alloc(10);
      throw new Error("no node has the part");
    };
    const answer = await createClamd(server.place, clock).scan(broken(), new AbortController().signal);
    expect(answer).to.deep.include({ ok: false });
    expect(answer.ok || answer.error.code).to.equal("UNREACHABLE");
    expect(answer.ok || answer.error.details?.["reason"]).to.include("no node has the part");
  });

  it("works when it has looked at something harmless, and not when it only says its version", async () => {
    const answers = (looked: string | undefined) => (socket: Socket) =>
      void socket.on("data", (asked) => {
        if (String(asked).includes("zVERSION")) socket.write("ClamAV 1.4.3\0");
        else if (looked !== undefined) socket.write(`${looked}\0`);
      });
    const worksAt = async (looked: string | undefined, limits = {}) => {
      await using server = await serverOf(answers(looked));
      const said = await createClamd(server.place, clock, { ...scanningLimits, ...limits }).works();
      return said.ok ? said.value : `${whyOf(said.error)}${said.error.details?.["isLate"] === true ? ", late" : ""}`;
    };
    expect(await worksAt("stream: OK")).to.equal("ClamAV 1.4.3");
    expect(await worksAt("stream: Can't create temporary file ERROR")).to.match(
      /^it fails at a harmless file: it said/,
    );
    expect(await worksAt("stream: Everything FOUND")).to.equal("it takes a harmless file for Everything");
    expect(await worksAt(undefined, { scannerTrialMs: 50 })).to.equal("it takes too long, late");
  });

  it("ends when nobody wants the answer any more", async () => {
    await using server = await serverOf(() => undefined);
    const ended = new AbortController();
    const answer = createClamd(server.place, clock).scan(bytes(), ended.signal);
    ended.abort();
    expect((await answer).ok).to.equal(false);
  });
});

describe("the policy of files", () => {
  const engineWith = (...states: readonly ("ready" | "failed" | "loading")[]) => ({
    models: () =>
      states.map((state) => ({
        model: "clamd",
        runtime: "clamd",
        capabilities: [],
        contextTokens: 0,
        sizeBytes: 0,
        demonstration: false,
        state,
      })),
  });
  const must = (withoutScanner: WithoutScanner, engine: Parameters<typeof createPolicy>[1], scan = true) => {
    const answer = createPolicy(() => ({ scan, withoutScanner }), engine, { any: () => false }).mustScan();
    return answer.ok ? answer.value : answer.error.code;
  };

  it("has files as they come where no node has a scanner, unless it says otherwise", () => {
    expect(must("allow", engineWith())).to.equal(false);
    expect(must("hold", engineWith())).to.equal(true);
    expect(must("refuse", engineWith())).to.equal("SCANNER_MISSING");
    for (const policy of ["allow", "hold", "refuse"] as const) {
      expect(must(policy, engineWith("failed", "ready")), policy).to.equal(true);
      expect(must(policy, engineWith(), false), policy).to.equal(false);
    }
    expect(must("allow", engineWith("failed"))).to.equal(true);
    expect(must("refuse", engineWith("failed"))).to.equal("SCANNER_MISSING");
  });

  it("stands in every failure, as it is at that moment", async () => {
    let settings = { scan: true, withoutScanner: "hold" as WithoutScanner };
    const engine = withPolicy(everyEngine({}).scan, () => settings);
    const fail = (): Promise<unknown> =>
      new Promise((resolve) =>
        engine.call(request("1", "user/ada"), (said) =>
          resolve(said.type === "answered" && !said.result.ok && said.result.error.details?.["withoutScanner"]),
        ),
      );
    expect(await fail()).to.equal("hold");
    settings = { scan: true, withoutScanner: "refuse" };
    expect(await fail()).to.equal("refuse");
    settings = { scan: false, withoutScanner: "refuse" };
    expect(await fail()).to.equal("allow");
  });
});
