/** Backups beside Debian's restic and borg: the same records, ours from a journal into six folders of which two may be lost, theirs from files into
 *  one. Each operation is a process of its own, by its processor time. They are not installed by the bench: `apt-get install restic borgbackup`. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Benchmark, Figures, RowPlan, Target } from "../benchmark.ts";
import { familyOf } from "../proc.ts";
import { workspace } from "../processes.ts";

/** Of records; half as much of it cannot be compressed. */
const megabytes = Number(process.env["BENCH_BACKUP_MB"] ?? 500);
const program = fileURLToPath(new URL("../targets/backup-program.ts", import.meta.url));

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

interface Cost {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakMegabytes: number;
}

/** What a command costs, with all that it starts. */
async function costOf(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Cost> {
  const script = 'TIMEFORMAT="%U %S %R"; time "$@" > /dev/null';
  const child = spawn("bash", ["-c", script, "cost", ...command], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const peaks = new Map<number, number>();
  const looking = setInterval(() => {
    try {
      for (const pid of familyOf(child.pid as number)) {
        const [, peak = "0"] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        peaks.set(pid, Number(peak) / 1_024);
      }
    } catch {
      // It has ended.
    }
  }, 50);
  const code = await new Promise<number | null>((resolve) => void child.on("close", resolve));
  clearInterval(looking);
  if (code !== 0) throw new Error(`${command.slice(0, 2).join(" ")} ended with ${code}: ${said}`);
  const [user = 0, system = 0, wall = 0] = (said.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  const peakMegabytes = [...peaks.values()].reduce((most, one) => Math.max(most, one), 0);
  return { cpuSeconds: user + system, wallSeconds: wall, peakMegabytes };
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
    if (tool !== "ours" && spawnSync(tool, ["--version"]).error !== undefined)
      throw new Error(`${tool} is not installed: apt-get install restic borgbackup`);
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
        const peaks = [backup, verify, restore].map(({ peakMegabytes }) => peakMegabytes);
        return {
          backup: rate(backup),
          unchanged: rate(unchanged),
          verify: rate(verify),
          restore: rate(restore),
          oneSeconds: one.wallSeconds,
          wallSeconds: backup.wallSeconds,
          peakMegabytes: Math.max(...peaks),
        };
      },
      stop: async () => undefined,
    };
  };
}

const ours: Operations = {
  fresh: async (folder) => rmSync(join(folder, "holders"), { recursive: true, force: true }),
  command(operation, folder) {
    const what = { backup: ["backup"], verify: ["verify"], restore: ["restore", join(folder, "out")], one: ["thread", "room/r3", join(folder, "one")] }; // prettier-ignore
    return [process.execPath, program, folder, ...what[operation]];
  },
};

const restic: Operations = {
  async fresh(folder) {
    rmSync(join(folder, "restic"), { recursive: true, force: true });
    await costOf(["restic", "-q", "-r", join(folder, "restic"), "init"], restic.env?.(folder));
  },
  env: (folder) => ({ RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: join(folder, "restic-cache") }),
  command(operation, folder) {
    const what = {
      backup: ["backup", join(folder, "files")],
      verify: ["check", "--read-data"],
      restore: ["restore", "latest", "--target", join(folder, "out")],
      one: ["restore", "latest", "--target", join(folder, "one"), "--include", "rooms/3.jsonl"],
    };
    return ["restic", "-q", "-r", join(folder, "restic"), ...what[operation]];
  },
};

const borg: Operations = {
  async fresh(folder) {
    rmSync(join(folder, "borg"), { recursive: true, force: true });
    await costOf(["borg", "init", "-e", "repokey-blake2", join(folder, "borg")], borg.env?.(folder));
  },
  env: (folder) => ({ BORG_PASSPHRASE: "bench", BORG_BASE_DIR: join(folder, "borg-base"), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes" }), // prettier-ignore
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

const lower = (figure: string, unit: string): RowPlan[] =>
  ["restic", "borg"].map((peer) => ({
    row: `backup/${peer}/${figure}`,
    unit,
    better: "lower",
    figure,
    ours: "ours",
    peers: [peer],
  }));

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
    ...lower("wallSeconds", "s"),
    ...lower("peakMegabytes", "MB"),
  ],
};
