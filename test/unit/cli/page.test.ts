import { expect } from "chai";
import { runInNewContext } from "node:vm";
import { isRoute } from "../../../cli/page/machine/request.ts";
import type { PageAnswer, PageCommands, PageTerminal } from "../../../cli/page/terminal.ts";
import { wordsOf } from "../../../cli/page/words.ts";
import { bundleCommands } from "../../../web/commands.ts";
import { failure, ok, type Result } from "../../../protocols/index.ts";

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

describe("the words of a line in the page's terminal", () => {
  const words = (line: string) => {
    const found = wordsOf(line);
    return found.ok ? found.value : found.error.details?.["reason"];
  };

  it("are held together by quotes and backslashes, and nothing in them is expanded", () => {
    expect(words("plexus nodes drain a")).to.deep.equal(["nodes", "drain", "a"]);
    expect(words(`a "b c" 'd $(id) e' f\\ g ""`)).to.deep.equal(["a", "b c", "d $(id) e", "f g", ""]);
    expect(words(`"a \\" \\n"`)).to.deep.equal([`a " \\n`]);
    expect(words("  ")).to.deep.equal([]);
  });

  it("refuse what a shell would do more, and what has no end", () => {
    for (const line of [
      "nodes | grep a",
      "nodes; nodes",
      "nodes > /x",
      "nodes $(id)",
      "nodes `id`",
      "nodes & nodes",
      "a\nb",
    ])
      expect(words(line), line).to.match(/^this is not a shell/);
    expect(words("a 'b")).to.match(/not closed/);
    expect(words("a \\")).to.match(/backslash/);
  });
});

describe("the door of the commands in a page", () => {
  it("leads to routes that are read as they are written, and nowhere else", () => {
    for (const path of ["/api/v1/admin/nodes?x=../..", "/healthz", "/api/v1/rooms/a%2Fb"])
      expect(isRoute(path), path).to.equal(true);
    for (const path of [
      "/api/v1/admin/users/../setup",
      "/api/v1/admin/users/%2e%2E/setup",
      "/api/v1/./x",
      "//evil.example/api/v1/",
      "https://evil.example/api/v1/",
      "/metrics",
      "/api/v1/a\\..\\b",
      "/api/v1/a#b",
    ])
      expect(isRoute(path), path).to.equal(false);
  });
});

describe("plexus in a page", function () {
  let commands: PageCommands;
  let out = "";
  let sent: Sent[] = [];
  let confirmed = 0;
  let answer: (one: Sent) => PageAnswer | Promise<PageAnswer>;

  const terminal: PageTerminal = {
    columns: 100,
    write: (text) => void (out += text),
    ask: () => Promise.resolve(undefined),
    confirm: (): Promise<Result<unknown>> => {
      confirmed += 1;
      return Promise.resolve(ok({}));
    },
    send: async (method, path, body) => {
      sent.push({ method, path, body });
      return answer({ method, path, body });
    },
  };
  const says = (status: number, value: unknown): PageAnswer => ({ status, text: JSON.stringify(value) });
  const run = async (line: string): Promise<number> => {
    out = "";
    sent = [];
    return commands.run(line, terminal);
  };

  before(async () => {
    const code = await bundleCommands();
    expect(code).to.not.match(/^import |\bfrom"node:/m);
    const script = code
      .replaceAll("import.meta", "({})")
      .replace(/export\s*\{\s*(\w+) as commands\s*\};?\s*$/, "globalThis.found = $1;");
    // All that a browser has and these commands use. No process, no require, no fetch.
    const world: { found?: PageCommands } & Record<string, unknown> = {
      URL, URLSearchParams, AbortController, AbortSignal, DOMException, setTimeout, clearTimeout, performance, TextEncoder, TextDecoder, crypto, queueMicrotask, Event, window: { dispatchEvent: () => true },
    }; // prettier-ignore
    runInNewContext(script, world);
    commands = world.found as PageCommands;
  });
  beforeEach(() => (answer = () => says(404, { error: failure("NOT_FOUND") })));

  it("runs where there is nothing of Node, and asks the routes that plexus asks", async () => {
    answer = () => says(200, { tasks: [], silent: [] });
    expect(await run("plexus tasks list --open")).to.equal(0);
    expect(sent).to.deep.equal([{ method: "GET", path: "/api/v1/admin/tasks?open=true", body: undefined }]);
    expect(out).to.equal("Nothing that takes long is under way.\n");
    expect(await run("--version")).to.equal(0);
    expect(await run("nodes drain --help")).to.equal(0);
    expect(out).to.include("Usage: plexus nodes drain");
    expect(await run("nodess")).to.equal(2);
    expect(out).to.include("Did you mean nodes");
  });

  it("has no file, no other node and no authority that is typed", async () => {
    const attacks = [
      "nodes --data /etc",
      "nodes --url http://evil.example",
      "--endpoint https://evil.example nodes",
      "--endpoint https://evil.example --token-file /etc/passwd nodes",
      "nodes --token-file /etc/passwd",
      "--ca /etc/passwd --endpoint https://evil.example nodes",
      "secrets set a --for b:1 --file /etc/passwd",
      "rules set /etc/passwd",
      "audit verify /etc/passwd",
      "backup kit make --to /root",
      "config set data ../../etc --data ../..",
      "up --port 1",
      "doctor --data /",
      "salvage --to /x",
      "models convert /etc/passwd",
      "users suspend ..",
      "nodes $(cat /etc/passwd)",
    ];
    for (const line of attacks) {
      // oxlint-disable-next-line no-await-in-loop -- one command at a time
      expect(await run(line), `${line}: ${out}`).to.be.oneOf([1, 2]);
      expect(sent, line).to.deep.equal([]);
      expect(out, line).to.match(/error/);
      expect(out, line).to.not.match(/root:|INTERNAL|is not a function|is not defined/);
    }
  });

  it("asks for a fresh proof where the node does, and takes a refusal as it is", async () => {
    let asked = 0;
    answer = () =>
      ++asked === 1 ? says(403, { error: failure("SIGN_IN_AGAIN") }) : says(403, { error: failure("FORBIDDEN") });
    expect(await run("tasks cancel backup.1")).to.equal(1);
    expect(confirmed).to.equal(1);
    expect(out).to.include("FORBIDDEN");
  });

  it("shows no control characters of what the cluster says", async () => {
    answer = () =>
      says(404, { error: { ...failure("NOT_FOUND"), message: "\u001b[2J\u001b]0;title\u0007\u009b1A\u202e" } });
    await run("tasks show backup.1");
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(out.replaceAll(/\u001b\[(?:31|39)m/g, "")).to.not.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it("ends what follows a log when the session is revoked in the middle of it", async () => {
    let asked = 0;
    answer = () =>
      ++asked < 3
        ? says(200, { lines: [], silent: [], next: String(asked) })
        : says(401, { error: failure("UNAUTHENTICATED") });
    expect(await run("logs --follow")).to.equal(1);
    expect(asked).to.equal(3);
    expect(out).to.include("Sign in again");
  });

  it("ends a command at Ctrl-C, which then neither asks nor shows anything", async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: late, resolve: arrive } = Promise.withResolvers<PageAnswer>();
    answer = () => {
      begin();
      return late;
    };
    const ended = run("logs --follow");
    await begun;
    expect(commands.interrupt()).to.equal(true);
    expect(await ended).to.equal(130);
    const told = out;
    arrive(says(200, { lines: [{ atMs: 0, node: "n", level: "info", event: "late", facts: {}, seq: 1 }], silent: [], next: "1" })); // prettier-ignore
    answer = () => says(200, { tasks: [], silent: [] });
    expect(await run("tasks")).to.equal(0);
    expect(told).to.equal("");
    expect(out).to.not.include("late");
    expect(sent.map(({ path }) => path)).to.deep.equal(["/api/v1/admin/tasks"]);
    expect(commands.interrupt()).to.equal(false);
  });

  it("completes commands, flags and what may follow them", async () => {
    expect(await commands.complete("nodes dr")).to.deep.equal({ from: 6, choices: ["drain"] });
    expect((await commands.complete("plexus logs --le")).choices).to.deep.equal(["--level"]);
    expect((await commands.complete("logs --level ")).choices).to.include.members(["warn", "error"]);
    expect((await commands.complete("nod")).choices).to.deep.equal(["nodes"]);
    expect((await commands.complete("nodes 'x ")).choices).to.deep.equal([]);
  });
});
