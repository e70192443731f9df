/** What one command costs the machine that it is typed on. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createNodeFolder } from "../server.ts";
import type { Target, Benchmark } from "../benchmark.ts";

const run = promisify(execFile);
const launcher = fileURLToPath(new URL("../../../bin/plexus", import.meta.url));

/** User and system time of a program and of all that it started; on a busy machine a clock tells of its neighbours. Of
 *  ten runs, because the system counts in hundredths of a second. */
async function timed(program: string, args: readonly string[]): Promise<{ readonly cpuMs: number }> {
  const each = 'i=0; while [ $i -lt 10 ]; do "$@" >/dev/null || exit; i=$((i + 1)); done; times';
  const { stdout } = await run("sh", ["-c", each, "sh", program, ...args]);
  // The shell's own times, then those of what it ran: `0m0.050000s 0m0.010000s`.
  const [, children = ""] = stdout.trim().split("\n");
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  return { cpuMs: (seconds.reduce((sum, some) => sum + some, 0) / 10) * 1_000 };
}

async function status(): Promise<Target> {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start();
  return {
    round: () => timed(launcher, ["status", "--data", folder.data]),
    async stop() {
      await server.stop();
      await folder.remove();
    },
  };
}

const nothing = async (): Promise<Target> => ({
  round: () => timed(process.execPath, ["-e", "0"]),
  stop: () => Promise.resolve(),
});

export const command: Benchmark = {
  name: "command",
  about: "processor time of `plexus status` on a running node; the peer is `node -e 0`",
  // The first one compiles.
  warmUps: 1,
  rounds: 7,
  targets: { "plexus status": status, node: nothing },
  rows: [
    { row: "command/node/status", unit: "ms", better: "lower", figure: "cpuMs", ours: "plexus status", peers: ["node"], aimRatio: 4 },
  ],
}; // prettier-ignore
