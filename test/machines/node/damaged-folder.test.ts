import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  chmodSync,
  writeFileSync,
  truncateSync,
} from "node:fs";
import { basename, join } from "node:path";
import { expect } from "chai";
import { readHome, writeHome } from "../../../node/data-folder/home.ts";
import { openLevelStore } from "../../../node/platform/index.ts";
import { depth } from "../../depth.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

/** Why a node does not start: the code it ends with, and what it says. */
const refusalOf = (node: NodeProcess): Promise<string> => node.start().then(() => "it is ready", String);

/** Every file of the journal with its bytes, but for what LevelDB writes about itself. */
const filesOf = (data: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(data, "journal"))
      .filter((name) => name !== "LOG" && name !== "LOG.old" && name !== "LOCK")
      .map((name) => [name, readFileSync(join(data, "journal", name)).toString("base64")]),
  );

const remove = (data: string, pattern: RegExp): void => {
  for (const name of readdirSync(join(data, "journal"))) if (pattern.test(name)) rmSync(join(data, "journal", name));
};

/** Posts numbered messages, and returns when each is acknowledged. */
async function post(node: NodeProcess, token: string, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1) {
    const { status } = await node.http("POST", "/api/v1/rooms/den/messages", { text: `m${number}` }, token);
    expect(status).to.be.below(300);
  }
}

async function messagesOf(node: NodeProcess, token: string): Promise<readonly string[]> {
  const { body } = await node.http("GET", "/api/v1/rooms/den/messages?limit=100", undefined, token);
  return JSON.stringify(body).match(/(?<=")m\d+(?=")/g) ?? [];
}

describe("a real node whose data folder has lost a file", function () {
  let folder: Awaited<ReturnType<typeof createDataFolder>>;
  let token: string;

  let whole: Awaited<ReturnType<typeof createDataFolder>>;

  /** Thirty messages that lie in a table, and thirty in the log. */
  before(async () => {
    whole = await createDataFolder();
    await using node = new NodeProcess(whole.path, withoutAi);
    await node.start();
    token = await node.signUp("ada");
    await node.http("POST", "/api/v1/rooms", { room: "den" }, token);
    await post(node, token, 1, 30);
    expect(await node.end("SIGTERM")).to.equal(0);
    await node.start();
    await post(node, token, 31, 60);
    expect(await node.end("SIGTERM")).to.equal(0);
  });
  beforeEach(async () => {
    folder = await createDataFolder();
    cpSync(whole.path, folder.path, { recursive: true });
  });
  after(() => whole[Symbol.asyncDispose]());
  afterEach(() => folder[Symbol.asyncDispose]());

  const expectRefused = async (...words: readonly RegExp[]): Promise<void> => {
    const before = filesOf(folder.path);
    await using node = new NodeProcess(folder.path, withoutAi);
    const said = await refusalOf(node);
    expect(said).to.match(/ended with 1.*DATA_DAMAGED.*plexus doctor/s);
    for (const word of words) expect(said).to.match(word);
    const doctor = await runPlexus("doctor", "--data", folder.path, "--port", "0", "--json");
    expect(doctor.code).to.equal(1);
    expect(doctor.stdout).to.include("damaged");
    expect(filesOf(folder.path)).to.deep.equal(before);
  };

  depth(undefined, it)?.("keeps every table when CURRENT is lost", async () => {
    remove(folder.path, /^CURRENT$/);
    await expectRefused(/CURRENT/);
  });

  it("keeps every table when nothing else is left", async () => {
    remove(folder.path, /^(?!.*\.ldb$)/);
    await expectRefused(/CURRENT/);
  });

  it("becomes no other node when the journal is gone", async () => {
    rmSync(join(folder.path, "journal"), { recursive: true });
    await using node = new NodeProcess(folder.path, withoutAi);
    expect(await refusalOf(node)).to.match(/ended with 1.*DATA_DAMAGED.*the journal is gone/s);
    expect(readdirSync(join(folder.path, "journal")).filter((name) => /ldb|CURRENT/.test(name))).to.deep.equal([]);
  });

  it("does not start with 30 of 60 messages when the log is lost, until it is told to", async () => {
    remove(folder.path, /\.log$/);
    await expectRefused(/\.log/, /--trust-data/);
    await using node = new NodeProcess(folder.path, [...withoutAi, "--trust-data"]);
    await node.start();
    expect(await messagesOf(node, token)).to.deep.equal(Array.from({ length: 30 }, (_, index) => `m${index + 1}`));
    await node.end("SIGTERM");
    await using again = new NodeProcess(folder.path, withoutAi);
    await again.start();
  });

  depth(undefined, it)?.("does not start when the log is shorter than it was", async () => {
    const log = readdirSync(join(folder.path, "journal")).find((name) => name.endsWith(".log")) ?? "";
    const path = join(folder.path, "journal", log);
    truncateSync(path, Math.floor(statSync(path).size / 2));
    await expectRefused(/ends at write \d+, and \d+ were stored/, /--trust-data/);
  });

  it("starts when it has no mark: a folder from before there was one", async () => {
    rmSync(join(folder.path, "journal.mark"));
    await using node = new NodeProcess(folder.path, withoutAi);
    await node.start();
    expect(await messagesOf(node, token)).to.have.length(60);
    await node.end("SIGTERM");
    expect(existsSync(join(folder.path, "journal.mark"))).to.equal(true);
  });

  it("says at once that its key is none, or that others can read it, before the journal is opened", async () => {
    const key = join(folder.path, "node.key");
    chmodSync(key, 0o644);
    const before = statSync(join(folder.path, "journal/LOG")).mtimeMs;
    await using node = new NodeProcess(folder.path, withoutAi);
    expect(await refusalOf(node)).to.match(/ended with 3.*CONFIG_INVALID.*chmod 600 .*node\.key/s);
    chmodSync(key, 0o600);
    writeFileSync(key, "garbage");
    expect(await refusalOf(node)).to.match(/ended with 1.*DATA_DAMAGED.*not a node key/s);
    expect(statSync(join(folder.path, "journal/LOG")).mtimeMs).to.equal(before);
  });

  depth(undefined, it)?.("closes a journal that others can read, and says so of the folder", async () => {
    chmodSync(folder.path, 0o755);
    chmodSync(join(folder.path, "journal"), 0o755);
    await using node = new NodeProcess(folder.path, withoutAi);
    await node.start();
    expect(statSync(join(folder.path, "journal")).mode & 0o777).to.equal(0o700);
    const doctor = await runPlexus("doctor", "--data", folder.path, "--port", "0");
    expect(doctor.stdout).to.include(`chmod 700 ${folder.path}`);
  });

  describe("and is salvaged", () => {
    let target: string;
    beforeEach(() => (target = join(folder.path, "..", `${basename(folder.path)}-salvaged`)));
    afterEach(() => rmSync(target, { recursive: true, force: true }));
    const sixty = Array.from({ length: 60 }, (_, index) => `m${index + 1}`);

    /** What the command says, as JSON; the damaged folder is as it was before. */
    async function salvage(): Promise<{
      readonly identity: string;
      readonly lost: readonly Record<string, unknown>[];
    }> {
      const before = filesOf(folder.path);
      const { code, stdout, stderr } = await runPlexus("salvage", "--data", folder.path, "--to", target, "--json");
      expect(code, stderr).to.equal(0);
      expect(filesOf(folder.path)).to.deep.equal(before);
      return JSON.parse(stdout) as Awaited<ReturnType<typeof salvage>>;
    }

    depth(undefined, it)?.("has all of it, and is who it was, where only CURRENT was lost", async () => {
      remove(folder.path, /^CURRENT$/);
      const { identity, lost } = await salvage();
      expect(identity).to.equal("kept");
      expect(lost).to.deep.equal([{ file: join(folder.path, "journal/CURRENT"), missing: true }]);
      await using node = new NodeProcess(target, withoutAi);
      await node.start();
      expect(node.adminCode).to.equal(undefined);
      expect(await messagesOf(node, token)).to.deep.equal(sixty);
      await post(node, token, 61, 61);
      expect(await messagesOf(node, token)).to.deep.equal([...sixty, "m61"]);
      expect(readFileSync(join(target, "node.key"))).to.deep.equal(readFileSync(join(folder.path, "node.key")));
    });

    it("has what tables alone still say", async () => {
      remove(folder.path, /^(?!.*\.ldb$)/);
      await salvage();
      await using node = new NodeProcess(target, withoutAi);
      await node.start();
      expect(await messagesOf(node, token)).to.deep.equal(sixty.slice(0, 30));
    });

    it("starts wherever a table is damaged, and says what is gone", async () => {
      const table = readdirSync(join(folder.path, "journal")).find((name) => name.endsWith(".ldb")) ?? "";
      const path = join(folder.path, "journal", table);
      const good = readFileSync(path);
      for (const part of [0, 5, 3, 7, 9].slice(0, depth(2, 5))) {
        const bad = Buffer.from(good);
        bad.fill(0xff, Math.floor((part / 10) * good.length), Math.floor(((part + 1) / 10) * good.length));
        writeFileSync(path, bad);
        rmSync(target, { recursive: true, force: true });
        const { lost } = await salvage();
        expect(lost.map(({ file }) => file)).to.include(path);
        expect(JSON.stringify(lost)).not.to.include("does not open");
        await using node = new NodeProcess(target, withoutAi);
        await node.start();
        expect((await node.http("GET", "/readyz")).status, `part ${part}`).to.equal(200);
        const doctor = await node.end("SIGTERM").then(() => runPlexus("doctor", "--data", target, "--port", "0"));
        expect(doctor.stdout).to.match(/✔ Journal/);
      }
    });

    it("becomes a cluster of its own where it was one of many", async () => {
      const store = await openLevelStore(join(folder.path, "journal"), { mark: join(folder.path, "journal.mark") });
      const home = await readHome(store);
      const [self] = home?.members ?? [];
      if (home === undefined || self === undefined) throw new Error("the folder has no home");
      await writeHome(store, { ...home, members: [self, { ...self, node: "other", name: "other", peer: "" }] });
      await store.close();
      expect((await salvage()).identity).to.equal("new");
      expect(existsSync(join(target, "node.key"))).to.equal(false);
      await using node = new NodeProcess(target, withoutAi);
      await node.start();
      expect(await messagesOf(node, token)).to.deep.equal(sixty);
      expect(await plexus(node, "nodes")).not.to.include("other");
    });

    it("takes no folder that has anything in it, none that is no node's, and none that a node has open", async () => {
      const refused = async (from: string, to: string, what: RegExp): Promise<void> => {
        const { code, stderr } = await runPlexus("salvage", "--data", from, "--to", to);
        expect(code).not.to.equal(0);
        expect(stderr).to.match(what);
      };
      await refused(folder.path, folder.path, /must be empty or absent/);
      await refused(target, target, /NOT_FOUND.*/);
      await using node = new NodeProcess(folder.path, withoutAi);
      await node.start();
      await refused(folder.path, target, /DATA_FOLDER_IN_USE/);
    });
  });
});
