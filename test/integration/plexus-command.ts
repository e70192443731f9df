/** The command line, in a process of its own, as somebody types it at a machine. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { plexusMain } from "../phases.ts";
import type { NodeProcess } from "./node-process.ts";
import { patience } from "../waits.ts";

const root = join(import.meta.dirname, "..", "..");
/** A command that hangs ends here. */
const limitMs = patience * 120_000;

/** The end of a command: its exit code, and all that it said. */
export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, with whichever code that is. */
export function runPlexus(...words: readonly string[]): Promise<CommandEnd> {
  const options = { cwd: root, encoding: "utf8", timeout: limitMs } as const;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [plexusMain, ...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(new Error(`plexus ${words.join(" ")} did not end by itself: ${stdout}${stderr}`, { cause: error }));
    });
  });
}

/** What a command says that is typed at the machine of one node; rejects when it ends with another code than 0. */
export async function plexus(node: NodeProcess, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPlexus(...words, "--data", node.data);
  if (code !== 0) throw new Error(`plexus ${words.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** The words behind `plexus` in the line that `plexus invite` prints for the newcomer. */
export async function invitedBy(node: NodeProcess, ...terms: readonly string[]): Promise<readonly string[]> {
  const said = await plexus(node, "invite", ...terms);
  const line = /^ +\S+ (up .*--join \S+)$/m.exec(said)?.[1];
  if (line === undefined) throw new Error(`no line that starts a node: ${said}`);
  return line.split(" ");
}
