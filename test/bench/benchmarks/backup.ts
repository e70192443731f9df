/** Backups beside Debian's restic and borg: the same records, ours from a journal and its attachments into six folders
 *  of which two may be lost, theirs from files into one. Each operation is a process of its own. Of theirs all of it is
 *  counted, since each call starts one; of ours the operation alone, since a node runs already. restic comes as
 *  Debian's package, unpacked; borg needs Python: `apt-get install borgbackup`.
 *
 *  Memory is what the processes had for themselves at most (`RssAnon`): files that LevelDB has mapped are the system's
 *  to take away. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Benchmark, Figures, RowPlan, Target } from "../benchmark.ts";
import { familyOf } from "../proc.ts";
import { findProgram } from "../../fixtures/debian.ts";
import { nodeFlags, workspace } from "../processes.ts";

/** Of records; half as much of it cannot be compressed. */
const megabytes = Number(process.env["BENCH_BACKUP_MB"] ?? 500);
const program = fileURLToPath(new URL("../targets/backup-program.ts", import.meta.url));
const started = [process.execPath, ...nodeFlags, program];

/** The data that all are given, made once. */
let made: { readonly folder: string; readonly bytes: number } | undefined;

function data(): { readonly folder: string; readonly bytes: number } {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(workspace, "backup-"));
  const { status, stderr } = spawnSync(process.execPath, [program, folder, "make", String(megabytes)]);
  if (status !== 0) throw new Error(`the data was not made: ${String(stderr)}`);
  const size = spawnSync("du", ["-sb", join(folder, "files")], { encoding: "utf8" }).stdout;
  made = { folder, bytes: Number(size.split("\t")[0]) };
  return made;
}

interface Counted {
  readonly messages?: number;
  /** What a backup has stored. */
  readonly packBytes?: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Of messages to the same node meanwhile. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

interface Cost extends Counted {
  readonly peakMegabytes: number;
}

/** What a command costs, with all that it starts. */
async function costOf(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Cost> {
  const script = 'TIMEFORMAT="%U %S %R"; time "$@"';
  const child = spawn("bash", ["-c", script, "cost", ...command], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [said, printed] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed = `${printed}${text}`.slice(-1_000)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const peaks = new Map<number, number>();
  const looking = setInterval(() => {
    try {
      for (const pid of familyOf(child.pid as number)) {
        const [, own = "0"] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        peaks.set(pid, Math.max(peaks.get(pid) ?? 0, Number(own) / 1_024));
      }
    } catch {
      // It has ended.
    }
  }, 20);
  const code = await new Promise<number | null>((resolve) => void child.on("close", resolve));
  clearInterval(looking);
  if (code !== 0) throw new Error(`${command.slice(0, 2).join(" ")} ended with ${code}: ${said}`);
  const [user = 0, system = 0, wall = 0] = (said.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  const peakMegabytes = [...peaks.values()].reduce((most, one) => Math.max(most, one), 0);
  const counted: Counted = { cpuSeconds: user + system, wallSeconds: wall };
  const line = printed.trim().split("\n").at(-1) ?? "";
  // What ours says of itself.
  return { ...counted, ...(line.startsWith("{") && (JSON.parse(line) as Partial<Counted>)), peakMegabytes };
}

interface Operations {
  /** Begins anew: nothing is there. */
  fresh(folder: string): Promise<void>;
  command(operation: "backup" | "verify" | "restore" | "one", folder: string): readonly string[];
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
}

/** All operations one after the other, as figures. */
function targetOf(tool: string, operations: Operations): () => Promise<Target> {
  return async () => {
    if (tool === "borg" && spawnSync(tool, ["--version"]).error !== undefined)
      throw new Error("borg is not installed: apt-get install borgbackup");
    const { folder, bytes } = data();
    const env = operations.env?.(folder);
    const run = (operation: Parameters<Operations["command"]>[0]) => costOf(operations.command(operation, folder), env);
    const rate = ({ cpuSeconds }: Cost): number => bytes / 1e6 / cpuSeconds;
    return {
      async round(): Promise<Figures> {
        for (const name of ["out", "one"]) {
          rmSync(join(folder, name), { recursive: true, force: true });
          mkdirSync(join(folder, name));
        }
        await operations.fresh(folder);
        const backup = await run("backup");
        const unchanged = await run("backup");
        const verify = await run("verify");
        const restore = await run("restore");
        const one = await run("one");
        const walls = { restoreWallSeconds: restore.wallSeconds, verifyWallSeconds: verify.wallSeconds };
        const peaks = [backup, verify, restore].map(({ peakMegabytes }) => peakMegabytes);
        return {
          backup: rate(backup),
          unchanged: rate(unchanged),
          verify: rate(verify),
          restore: rate(restore),
          oneSeconds: one.wallSeconds,
          wallSeconds: backup.wallSeconds,
          ...walls,
          peakMegabytes: Math.max(...peaks),
        };
      },
      stop: async () => undefined,
    };
  };
}

const storedRuns = 8;
const storedKilobytes = { atOnce: 4_000, each: 100 } as const;

/** What is stored of a message that is a record, an event for followers and an entry of the log: in the first backup of
 *  many, and in small ones that follow one another. */
const storedOf = (how: "together" | "apart") => async (): Promise<Target> => {
  const folder = mkdtempSync(join(workspace, "stored-"));
  const run = (...args: readonly string[]) => costOf([...started, folder, ...args]);
  return {
    async round(): Promise<Figures> {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      await run("make", "1");
      const { packBytes: before = 0 } = await run("backup", how);
      const many = await run("more", String(storedKilobytes.atOnce));
      await ours.fresh(folder);
      const first = ((await run("backup", how)).packBytes ?? 0) - before;
      let [messages, bytes] = [0, 0];
      for (let n = 0; n < storedRuns; n += 1) {
        messages += (await run("more", String(storedKilobytes.each))).messages ?? 0;
        bytes += (await run("backup", how)).packBytes ?? 0;
      }
      return { firstBytes: first / (many.messages ?? 0), laterBytes: bytes / messages };
    },
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

/** Messages at a fixed rate to a node, while it makes a backup or not. */
const chatOf = (how: "alone" | "beside" | "unpaced") => async (): Promise<Target> => {
  const { folder } = data();
  return {
    async round(): Promise<Figures> {
      await ours.fresh(folder);
      const { p50Ms = NaN, p99Ms = NaN } = await costOf([...started, folder, "chat", how]);
      return { p50Ms, p99Ms };
    },
    stop: async () => undefined,
  };
};

const ours: Operations = {
  fresh: async (folder) => rmSync(join(folder, "holders"), { recursive: true, force: true }),
  // As `bin/plexus` has it.
  env: () => ({ NODE_COMPILE_CACHE: join(workspace, "compiled") }),
  command(operation, folder) {
    const what = { backup: ["backup"], verify: ["verify"], restore: ["restore", join(folder, "out")], one: ["thread", "room/r3", join(folder, "one")] }; // prettier-ignore
    return [...started, folder, ...what[operation]];
  },
};

/** The machine's own, or Debian's, unpacked. */
function resticPath(): string {
  const found = findProgram("restic", "restic");
  if ("missing" in found) throw new Error(found.missing);
  return found.path;
}

const restic: Operations = {
  async fresh(folder) {
    rmSync(join(folder, "restic"), { recursive: true, force: true });
    await costOf([resticPath(), "-q", "-r", join(folder, "restic"), "init"], restic.env?.(folder));
  },
  env: (folder) => ({ RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: join(folder, "restic-cache") }),
  command(operation, folder) {
    const what = {
      backup: ["backup", join(folder, "files")],
      verify: ["check", "--read-data"],
      restore: ["restore", "latest", "--target", join(folder, "out")],
      one: ["restore", "latest", "--target", join(folder, "one"), "--include", "rooms/3.jsonl"],
    };
    return [resticPath(), "-q", "-r", join(folder, "restic"), ...what[operation]];
  },
};

const borg: Operations = {
  async fresh(folder) {
    rmSync(join(folder, "borg"), { recursive: true, force: true });
    await costOf(["borg", "init", "-e", "repokey-blake2", join(folder, "borg")], borg.env?.(folder));
  },
  env: (folder) => ({
    BORG_PASSPHRASE: "bench",
    BORG_BASE_DIR: join(folder, "borg-base"),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  }),
  command(operation, folder) {
    const repository = join(folder, "borg");
    const inFolder = (name: string, ...paths: readonly string[]): readonly string[] =>
      ["bash", "-c", 'cd "$1" && borg extract "$2::$(borg list --short --last 1 "$2")" "${@:3}"', "extract", join(folder, name), repository, ...paths]; // prettier-ignore
    if (operation === "backup")
      return ["borg", "create", "-C", "zstd,3", `${repository}::{now:%s.%f}`, join(folder, "files")];
    if (operation === "verify") return ["borg", "check", "--verify-data", repository];
    return operation === "restore" ? inFolder("out") : inFolder("one", join(folder, "files/rooms/3.jsonl").slice(1));
  },
};

const perCpu = (figure: string, aimRatio?: number): RowPlan[] =>
  ["restic", "borg"].map((peer) => ({
    row: `backup/${peer}/${figure}`,
    unit: "MB/cpu-s",
    better: "higher",
    figure,
    ours: "ours",
    peers: [peer],
    // What is aimed at is said of restic.
    ...(aimRatio !== undefined && peer === "restic" && { aimRatio }),
  }));

const lower = (figure: string, unit: string, aimRatio?: number): RowPlan[] =>
  ["restic", "borg"].map((peer) => ({
    row: `backup/${peer}/${figure}`,
    unit,
    better: "lower",
    figure,
    ours: "ours",
    peers: [peer],
    ...(aimRatio !== undefined && peer === "restic" && { aimRatio }),
  }));

/** What people who write meanwhile notice of a backup: each message is in the journal, synced, as without one. */
export const chatBeside: Benchmark = {
  name: "beside",
  about:
    "200 messages a second into a node's journal while it makes a backup, beside the same without one, and beside one that does not step back",
  warmUps: 0,
  rounds: 5,
  targets: {
    "beside a backup": chatOf("beside"),
    alone: chatOf("alone"),
    "beside one that does not step back": chatOf("unpaced"),
  },
  rows: (["p50Ms", "p99Ms"] as const).flatMap((figure): RowPlan[] => {
    const common = { unit: "ms", better: "lower", figure } as const;
    return [
      { ...common, row: `beside/alone/${figure}`, ours: "beside a backup", peers: ["alone"], ...(figure === "p99Ms" && { aimRatio: 1.2 }) }, // prettier-ignore
      {
        ...common,
        row: `beside/unpaced/${figure}`,
        ours: "beside a backup",
        peers: ["beside one that does not step back"],
      },
    ];
  }),
};

/** How often a message is stored. */
export const backupStored: Benchmark = {
  name: "stored",
  about:
    "bytes that a backup stores of a message of 210 bytes that a room has as a record, an event and an entry of the log, beside units that are sealed each alone",
  warmUps: 0,
  rounds: 1,
  targets: { together: storedOf("together"), apart: storedOf("apart") },
  rows: (["firstBytes", "laterBytes"] as const).map((figure): RowPlan => ({
    row: `stored/${figure}`,
    unit: "B/message",
    better: "lower",
    figure,
    ours: "together",
    peers: ["apart"],
    aimRatio: 0.55,
  })),
};

export const backup: Benchmark = {
  name: "backup",
  about: "backup, the same again, verify, restore, and one thread, beside restic and borg on the same records",
  warmUps: 0,
  rounds: 3,
  targets: { ours: targetOf("ours", ours), restic: targetOf("restic", restic), borg: targetOf("borg", borg) },
  rows: [
    ...perCpu("backup", 1.2),
    ...perCpu("unchanged", 2),
    ...perCpu("verify", 5),
    ...perCpu("restore", 1),
    ...lower("oneSeconds", "s"),
    ...lower("wallSeconds", "s", 1 / 1.2),
    ...lower("verifyWallSeconds", "s"),
    ...lower("restoreWallSeconds", "s", 1),
    ...lower("peakMegabytes", "MB"),
  ],
};
