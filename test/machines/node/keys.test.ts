import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { combineShares, openEpoch, rootKeysOf, shareFromText, type KitSheet } from "../../../node/keys/index.ts";
import { shareLines } from "../../../node/keys/kit.ts";
import { readDiskKey } from "../../../node/keys/disk-key.ts";
import type { KeysStatus } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { plexusMain } from "../../runner/phases.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { findSoftHsm, Tokens } from "../../fixtures/processes/softhsm.ts";

const root = join(import.meta.dirname, "../../..");

/** Everything that somebody at the machine, who is not the node's user, sees of processes: arguments; and what the
 *  node's user does, the environment. */
class Watched {
  readonly seen = new Set<string>();
  async look(pid: number): Promise<void> {
    for (const name of ["cmdline", "environ"])
      this.seen.add(await readFile(`/proc/${pid}/${name}`, "latin1").catch(() => ""));
  }
}

/** A command as somebody types it, with what is typed into it; the process is looked at while it runs. */
async function typed(
  node: NodeProcess,
  words: readonly string[],
  at: {
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly watched?: Watched;
    /** Absent: `backup`. */
    readonly command?: string;
  } = {},
) {
  const env = { ...process.env, ...at.env };
  const child = spawn(process.execPath, [plexusMain, at.command ?? "backup", ...words, "--data", node.data], {
    cwd: root,
    env,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    void at.watched?.look(child.pid!);
  });
  child.stdin.end(at.input ?? "");
  await at.watched?.look(child.pid!);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
const done = async (...given: Parameters<typeof typed>): Promise<string> => {
  const { code, stdout, stderr } = await typed(...given);
  expect(code, `plexus ${given[2]?.command ?? "backup"} ${given[1].join(" ")}: ${stdout}${stderr}`).to.equal(0);
  return stdout;
};

/** The files of a kit's shares. */
const sharesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder))
    .filter((name) => name.endsWith(".txt"))
    .toSorted()
    .map((name) => join(folder, name));

/** A secret in every form in which it could be written. */
const formsOf = (bytes: Uint8Array): readonly Buffer[] => {
  const all = Buffer.from(bytes);
  const texts = [all.toString("hex"), all.toString("hex").toUpperCase(), all.toString("base64").replace(/=+$/, ""), all.toString("base64url")]; // prettier-ignore
  return [all, ...texts.map((text) => Buffer.from(text))];
};

/** What a kit's shares make: themselves, their words, the root, and the keys of the epochs that it opens. */
async function secretsOf(folder: string): Promise<Record<string, readonly Buffer[]>> {
  const sheet = JSON.parse(await readFile(join(folder, "kit.json"), "utf8")) as KitSheet;
  const shares = await Promise.all(
    (await sharesIn(folder)).map(async (file) => {
      const share = shareFromText(await readFile(file, "utf8"));
      if (!share.ok) throw new Error(share.error.code);
      return share.value;
    }),
  );
  const joined = await combineShares(shares.slice(0, sheet.root.needed));
  if (!joined.ok) throw new Error(joined.error.code);
  const keys = rootKeysOf(joined.value);
  const epochs = sheet.epochs.map((record) => {
    const key = openEpoch(sheet.cluster, record, keys);
    if (!key.ok) throw new Error(key.error.code);
    return key.value;
  });
  return {
    root: formsOf(joined.value),
    ...Object.fromEntries(epochs.map((key, at) => [`epoch ${at + 1}`, formsOf(key)])),
    // The piece alone: before it are the form, numbers and the commitment, which is public.
    ...Object.fromEntries(shares.map((share, at) => [`share ${at + 1}`, formsOf(share.subarray(20, 53))])),
    words: shares.flatMap((share) => shareLines(share).map((line) => Buffer.from(line))),
  };
}

async function filesUnder(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = names.map((name) => join(folder, name));
  const files = await Promise.all(paths.map(async (path) => (await stat(path)).isFile()));
  return paths.filter((_, at) => files[at]);
}

describe("the keys of a real node", function () {
  it("are in no log, metric, answer, argument, environment or file but their own, whatever is done with them", async () => {
    await using data = await createDataFolder();
    await using outside = await createDataFolder();
    const log = join(outside.path, "node.log");
    const launcher = ["sh", "-c", `exec "$0" "$@" 2>"${log}"`];
    await using node = new NodeProcess(data.path, ["--model", "echo", "--log-level", "debug"], launcher);
    await node.start();
    const ada = await node.signUp("ada");
    await node.http("POST", "/api/v1/rooms", { room: "harbour" }, ada);
    await node.http("POST", "/api/v1/rooms/harbour/messages", { text: "hello" }, ada);
    const watched = new Watched();
    const [first, second, folder] = ["kit", "kit-2", "backups"].map((name) => join(outside.path, name)) as [
      string,
      string,
      string,
    ];
    await done(node, ["kit", "make", "--to", first], { watched });
    await done(node, ["run", "--to", folder], { watched });
    await done(node, ["rotate", "--compromised"], { watched });
    await done(node, ["run", "--to", folder], { watched });
    await done(node, ["recall", "--from", folder, "--to", join(outside.path, "recalled")], { watched });
    // Typed, with a mistake first, as code and as words.
    const pages = await Promise.all((await sharesIn(first)).map((file) => readFile(file, "utf8")));
    const shares = pages.map((page) => {
      const share = shareFromText(page);
      if (!share.ok) throw new Error(share.error.code);
      return share.value;
    });
    const lines = shares.slice(0, 3).flatMap((share) => shareLines(share));
    const mistaken = lines[0]!.split(" ").toReversed().join(" ");
    await done(node, ["kit", "restore"], { watched, input: [mistaken, ...lines, ""].join("\n") });
    // The kit that there is signs for the one that takes its place; without it nothing is made.
    const unsigned = await typed(node, ["kit", "make", "--to", join(outside.path, "none"), "--yes"], { watched });
    expect(unsigned.stderr).to.match(/SHARES_TOO_FEW/);
    await done(node, ["kit", "make", "--to", second, "--yes", "--former", ...(await sharesIn(first)).slice(0, 3)], {
      watched,
    });
    const wrong = await typed(node, ["kit", "check", ...(await sharesIn(first))], { watched });
    expect(wrong.stderr)
      .to.match(/SHARE_WRONG/)
      .and.match(/another kit/);
    const words = /\(([a-z-]+)\)/.exec(
      await done(node, ["kit", "check", ...(await sharesIn(second))], { watched }),
    )?.[1];
    expect(await done(node, ["keys"], { watched })).to.contain(words);
    expect(await done(node, ["kit", "trust", words!], { watched })).to.contain(words);
    expect((await typed(node, ["kit", "trust", "angle-tiger"], { watched })).stderr).to.match(/NOT_FOUND/);
    const refusal = await typed(node, ["erase", "--person", "ada"], { watched });
    expect(refusal.stderr).to.match(/nothing was destroyed: confirm it/);
    expect(await done(node, ["erase", "--person", "ada", "--yes"], { watched })).to.match(/destroyed/);
    const control = await node.controlToken();
    const answers: unknown[] = [];
    const ask = async (method: string, path: string, body?: unknown): Promise<void> => {
      answers.push((await node.http(method, path, body, control)).body);
    };
    await ask("PUT", "/api/v1/admin/disk", { encrypted: true });
    for (let state = ""; state !== "sealed";) {
      const { body } = await node.http("GET", "/api/v1/admin/disk", undefined, control);
      ({ state } = body as { state: string });
      answers.push(body);
    }
    await ask("GET", "/api/v1/admin/keys");
    await ask("PUT", "/api/v1/admin/keys/restore", { root: 7 });
    await ask("PUT", "/api/v1/admin/keys/kit", { root: {} });
    await ask("POST", "/api/v1/admin/keys/erase", { tenant: "" });
    await ask("GET", "/api/v1/admin/cluster/audit");
    // A secret with a name: set from standard input, used, replaced, and shown without itself.
    const named = "Zx9-of-a-mail-server";
    const set = (words: readonly string[], input = "") => done(node, words, { watched, input, command: "secrets" });
    await set(["set", "smtp", "--for", "smtp.example.org"], named);
    await set(["rotate", "smtp"], `${named}-2`);
    const server = { host: "smtp.example.org", port: 587, security: "starttls", user: "plexus", from: "plexus@example.org" }; // prettier-ignore
    await ask("PUT", "/api/v1/admin/mail", { ...server, password: "secret:smtp" });
    // One that is the key of a server with models: the node holds it while it runs.
    await set(["set", "models", "--for", "127.0.0.1:9"], named);
    await ask("PUT", "/api/v1/admin/endpoints/box", {
      adapter: "openai",
      url: "http://127.0.0.1:9/v1",
      key: { secret: "models" },
    });
    await ask("POST", "/api/v1/admin/endpoints/test", { name: "box", speed: false });
    await ask("GET", "/api/v1/admin/endpoints");
    await ask("GET", "/api/v1/admin/mail");
    await ask("GET", "/api/v1/admin/secrets");
    await ask("GET", "/api/v1/admin/audit/entries");
    expect(await set(["list"])).to.match(/smtp.*mail/s);
    await watched.look(node.pid);
    const disk = (await readDiskKey(join(node.data, "disk.key")))!;
    const texts: Record<string, Buffer> = {
      "the log": await readFile(log),
      metrics: Buffer.from(await node.metrics()),
      answers: Buffer.from(JSON.stringify(answers)),
      processes: Buffer.from([...watched.seen].join("\n"), "latin1"),
    };
    // Elsewhere there is no /proc to look into.
    if (process.platform === "linux") expect(watched.seen.size).to.be.above(10);
    await node.end("SIGTERM");
    // The operator's secret of this life of the node has a file of its own, and so has each key.
    const own = new Set(["disk.key", "node.key", "control.json"].map((name) => join(node.data, name)));
    for (const path of await filesUnder(node.data)) if (!own.has(path)) texts[path] = await readFile(path);
    for (const path of await filesUnder(folder)) texts[path] = await readFile(path);

    const secrets: Record<string, readonly Buffer[]> = {
      ...(await secretsOf(second)),
      ...Object.fromEntries(Object.entries(await secretsOf(first)).map(([name, forms]) => [`first ${name}`, forms])),
      disk: formsOf(disk.bytes),
      control: [Buffer.from(control)],
      password: [Buffer.from("password of ada")],
      "a secret with a name": formsOf(Buffer.from(named)),
    };
    for (const [place, bytes] of Object.entries(texts))
      for (const [name, forms] of Object.entries(secrets))
        for (const form of forms) expect(bytes.includes(form), `${name} in ${place}`).to.equal(false);
    // The search finds what is there.
    const diskFile = await readFile(join(node.data, "disk.key"));
    expect(secrets["disk"]!.some((form) => diskFile.includes(form))).to.equal(true);
  });

  // Building the binding to tokens takes a minute.
  const inDepth = depth(undefined, it);
  if (inDepth === undefined) return;
  const softHsm = findSoftHsm();
  if ("missing" in softHsm) it.skip(`are not tested in a token: ${softHsm.missing}`, () => undefined);
  else
    inDepth("lie in a token: it opens them with its PIN, and says what is wrong without", async () => {
      await using data = await createDataFolder();
      await using outside = await createDataFolder();
      await using node = new NodeProcess(data.path);
      using tokens = new Tokens(softHsm);
      await node.start();
      const pin = "1905-of-the-test";
      tokens.make("plexus", pin);
      tokens.make("elsewhere", pin);
      const watched = new Watched();
      const at = { env: tokens.env, watched };
      const pins = tokens.pinFile("pin", pin);
      const by = (label = "plexus", pinFile = pins, module = softHsm.module) =>
        ["--pkcs11", module, "--token", label, "--pin-file", pinFile] as const;
      const kit = join(outside.path, "kit");
      await done(node, ["kit", "make", "--to", kit, ...by()], at);
      expect(await done(node, ["keys"])).to.match(/any 3 of 5 shares, or the token plexus/);
      expect(await done(node, ["kit", "check", ...by()], at)).to.match(/This is the key of kit/);
      await done(node, ["kit", "restore", ...by()], at);
      const failing = async (words: readonly string[], env = tokens.env): Promise<string> => {
        const { code, stderr } = await typed(node, words, { env, watched });
        expect(code, stderr).to.equal(1);
        return stderr;
      };
      const bad = tokens.pinFile("bad", "0000");
      expect(await failing(["kit", "check", ...by("plexus", bad)]))
        .to.match(/TOKEN_UNUSABLE/)
        .and.match(/PIN is wrong/);
      expect(await failing(["kit", "check", ...by("absent")]))
        .to.match(/no such token/)
        .and.match(/plexus/);
      expect(await failing(["kit", "check", ...by("plexus", pins, "/nowhere.so")])).to.match(/module cannot be used/);
      expect(await failing(["kit", "check", ...by("elsewhere")])).to.match(/no key of a recovery kit/);
      expect(await failing(["kit", "check", ...by()], { ...tokens.env, NODE_PATH: "" })).to.match(
        /npm install --no-save/,
      );
      // No terminal, and no file: it is not taken from anywhere else.
      expect(await failing(["kit", "check", ...by().slice(0, 4)])).to.match(/--pin-file/);

      // Another cluster has its kit in that token.
      await using other = await createDataFolder();
      await using stranger = new NodeProcess(other.path);
      await stranger.start();
      const theirs = join(outside.path, "theirs");
      await done(stranger, ["kit", "make", "--to", theirs, "--token-only", ...by("elsewhere")], at);
      expect(await readdir(theirs)).to.deep.equal(["kit.json"]);
      const said = await failing(["kit", "check", ...by("elsewhere")]);
      const status = (await stranger.http("GET", "/api/v1/admin/keys", undefined, await stranger.controlToken()))
        .body as KeysStatus;
      expect(said)
        .to.match(/it has another key/)
        .and.contain(status.cluster);

      // The token signs for the kit that takes its place, and shares alone open nothing of the one that has none.
      const next = join(outside.path, "next");
      await done(stranger, ["kit", "make", "--to", next, "--yes", ...by("elsewhere")], at);
      expect(await done(stranger, ["kit", "check", ...(await sharesIn(next)).slice(0, 3)])).to.match(/This is the key/);
      expect(await done(stranger, ["kit", "restore", ...by("elsewhere")], at)).to.match(
        /This node has the key of every epoch/,
      );

      for (const seen of watched.seen) expect(seen).not.to.contain(pin);
      const secret = await secretsOf(kit);
      for (const path of await filesUnder(join(tokens.folder, "tokens"))) {
        const bytes = await readFile(path);
        for (const form of secret["root"]!) expect(bytes.includes(form), path).to.equal(false);
      }
    });
});
