import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import { plexusMark } from "../../../protocols/index.ts";
import { writeControlFile } from "../../../cli/cluster/control.ts";
import { controlToken, startClusterFixture, type ClusterFixture } from "../../unit/gateway/cluster-fixture.ts";
import { status, summary } from "../../unit/cli/fixture.ts";

const root = join(import.meta.dirname, "../../..");

/** Notes every file and every part of Node that a process loads. */
const watcher = `
import { registerHooks } from "node:module";
import { writeFileSync } from "node:fs";
const urls = [];
registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
process.on("exit", () => writeFileSync(process.env.LOADED, JSON.stringify([urls, process.moduleLoadList])));
`;

interface Loaded {
  /** Relative to the repository, each once. */
  readonly own: readonly string[];
  /** Names of packages. */
  readonly packages: readonly string[];
  /** Parts of Node that were loaded from outside its snapshot. */
  readonly builtin: readonly string[];
}

// What a command costs is nearly all loading: on a busy machine, seconds. So it is what is loaded that is looked at,
// and no clock.
describe("a command of plexus loads", function () {
  let fixture: ClusterFixture;
  let folder: string;
  let lone: string;
  // What a node says of itself comes from a whole node; here only the answer counts.
  const node = createServer((_, response) => void response.setHeader(plexusMark, "1").end(JSON.stringify(status)));
  before(async () => {
    await once(node.listen(0, "127.0.0.1"), "listening");
    lone = mkdtempSync(join(tmpdir(), "plexus-loading-"));
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    await writeControlFile(lone, { url, controlToken, pid: process.pid });
    fixture = await startClusterFixture();
    fixture.summaries = [summary];
    folder = mkdtempSync(join(tmpdir(), "plexus-loading-"));
    writeFileSync(join(folder, "watch.mjs"), watcher);
    await writeControlFile(folder, { url: fixture.gateway.url, controlToken, pid: process.pid });
  });
  after(async () => {
    await fixture.stop();
    node.close();
    for (const each of [folder, lone]) rmSync(each, { recursive: true });
  });

  async function load(words: readonly string[], codes: readonly number[] = [0]): Promise<Loaded> {
    const place = join(folder, "loaded.json");
    const watching = [`--import=${pathToFileURL(join(folder, "watch.mjs")).href}`];
    const child = spawn(process.execPath, [...watching, join(root, "cli/main.ts"), ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], HOME: folder, LOADED: place },
    });
    const [, err, [code]] = await Promise.all([
      readAll(child.stdout),
      readAll(child.stderr),
      once(child, "exit") as Promise<[number | null]>,
    ]);
    expect(codes, err).to.include(code);
    const [urls, parts] = JSON.parse(readFileSync(place, "utf8")) as [string[], string[]];
    const files = urls
      .filter((url) => url.startsWith("file:"))
      .map((url) => relative(root, fileURLToPath(url)))
      .filter((file) => !file.endsWith("watch.mjs"));
    return {
      own: [...new Set(files.filter((file) => !file.startsWith("node_modules/")))],
      packages: [...new Set(files.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []))],
      builtin: parts.filter((part) => part.includes("undici")),
    };
  }

  it("what it uses and nothing of a node, where it only asks one", async () => {
    const status = await load(["status", "--data", lone]);
    expect(status.packages).to.deep.equal(["commander"]);
    expect(status.builtin, "fetch").to.deep.equal([]);
    const beside = status.own.filter((file) => !/^cli\/|^protocols\/operations\/paths\//.test(file));
    expect(beside).to.have.members([
      "protocols/errors.ts",
      "protocols/text/printable.ts",
      "protocols/words/amounts.ts",
      "protocols/ids.ts",
      "protocols/assert.ts",
      // Whether a node has answered, and at which address a session is.
      "protocols/wire/plexus-answer.ts",
      "protocols/admin/nodes.ts",
      "config/units.ts",
      // Typed calls: which operation, and which question to an actor, is at which path (short lists), and no row of them.
      "client/call.ts",
      "protocols/operations/routes.ts",
      "protocols/kinds/questions.ts",
      "protocols/wire/api.ts",
    ]);
    const small = status.own.filter((file) => !file.startsWith("protocols/operations/paths/"));
    expect(small, "files of its own, however small").to.have.lengthOf.at.most(32);
  });

  it("what tables are drawn with beside that, where it prints one", async () => {
    for (const words of [["nodes"], ["slots"], ["actors", "list"], ["top", "--once"]]) {
      const { packages, own } = await load([...words, "--data", folder]);
      expect(packages, words.join(" ")).to.have.members(["commander", "cli-table3", "string-width", "emoji-regex"]);
      const small = own.filter((file) => !file.startsWith("protocols/operations/paths/"));
      expect(small, words.join(" ")).to.have.lengthOf.at.most(42);
    }
  });

  it("the file of one command for its help, and for the help of all of them none", async () => {
    const inCommands = async (words: readonly string[]) =>
      (await load(words)).own.filter((file) => file.startsWith("cli/commands/"));
    expect(await inCommands(["--help"])).to.deep.equal(["cli/commands/index.ts"]);
    expect(await inCommands(["nodes", "drain", "--help"])).to.have.members([
      "cli/commands/index.ts",
      "cli/commands/nodes.ts",
    ]);
  });

  it("nothing that checks schemas where it talks to people", async () => {
    const chat = await load(["chat", "--url", "http://127.0.0.1:1", "--user", "ada"], [1, 3]);
    expect(chat.packages).to.have.members(["commander", "ws"]);
  });
});
