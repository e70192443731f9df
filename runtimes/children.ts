/** Starts other programs so that nothing of this process is open in them but what they are given.
 *
 *  Node closes its own descriptors when another program begins; native libraries do not: LevelDB's lock, log and
 *  manifest stay open in every child, and a child that reads files of strangers could write there. Every child process
 *  is started here. Each descriptor that would stay open is replaced by the null device in the child, before its
 *  program begins; a child of ours closes those, too (`closed.ts`).
 *
 *  Only Linux says which descriptors stay open. Elsewhere a child is started as the system does it. */
import { fork, spawn, spawnSync, type ChildProcess, type StdioOptions } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One of the first three descriptors of a child. A number: an open file. */
type Stream = "ignore" | "pipe" | "inherit" | number;
/** The first three descriptors. */
type Streams = readonly [input: Stream, output: Stream, errors: Stream];

/** What a child is started with. */
interface ChildSettings {
  readonly env?: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly streams: Streams;
  /** Milliseconds after which it is killed. */
  readonly timeoutMs?: number;
}

/** Starts one of our own programs in a process, with a channel of structured values to it. `flags`: of Node. */
export const forkOurs = (
  program: URL,
  words: readonly string[],
  { env, streams, flags = [] }: Pick<ChildSettings, "env" | "streams"> & { readonly flags?: readonly string[] },
): ChildProcess =>
  withNull(
    (stdio) =>
      // Flags of this process (an inspector port, a loader) are not the child's.
      fork(fileURLToPath(program), [...words], { execArgv: [...flags], env, serialization: "advanced", stdio }),
    [...streams, "ipc"],
  );

/** When the system is short of memory, this process ends first. Where it cannot be told, it decides by itself. */
export function sacrifice(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // No Linux.
  }
}

/** Starts a program. `channel`: it gets one, by which it notices that this process has ended. */
export const start = (
  program: string,
  words: readonly string[],
  { env, folder, streams, timeoutMs, channel = false }: ChildSettings & { readonly channel?: boolean },
): ChildProcess =>
  withNull(
    (stdio) => spawn(program, [...words], { env, cwd: folder, stdio, timeout: timeoutMs }),
    channel ? [...streams, "ipc"] : streams,
  );

/** Runs a program to its end. */
export const runWhole = (
  program: string,
  words: readonly string[],
  { env, folder, timeoutMs }: Omit<ChildSettings, "streams">,
) =>
  withNull(
    (stdio) => spawnSync(program, [...words], { encoding: "utf8", env, cwd: folder, stdio, timeout: timeoutMs }),
    ["ignore", "pipe", "pipe"],
  );

let isClosed = false;

/** From now on this process begins no other program: each start throws. */
export function closePrograms(): void {
  isClosed = true;
}

/** Calls `begin` with the descriptors of a child: those that it is given, and the null device in place of each that
 *  would stay open. */
function withNull<Begun>(begin: (stdio: StdioOptions) => Begun, given: readonly (Stream | "ipc")[]): Begun {
  if (isClosed) throw new Error("this process begins no programs");
  const open = staysOpen().filter((descriptor) => descriptor >= given.length);
  if (open.length === 0) return begin([...given]);
  const nothing = openSync("/dev/null", "r+");
  try {
    const stdio: (Stream | "ipc")[] = [...given];
    while (stdio.length <= Math.max(...open)) stdio.push("ignore");
    for (const descriptor of open) stdio[descriptor] = nothing;
    return begin(stdio);
  } finally {
    closeSync(nothing);
  }
}

/** Of the flags of a descriptor, that it ends when another program begins (`O_CLOEXEC`). */
const endsAtProgram = 0o2_000_000;

/** The descriptors of this process that stay open in a child. Those below three are given to it. */
function staysOpen(): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return [];
  }
  return names.map(Number).filter((descriptor) => {
    try {
      const [, flags = ""] =
        /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1")) ?? [];
      return descriptor > 2 && (Number.parseInt(flags, 8) & endsAtProgram) === 0;
    } catch {
      // It was closed meanwhile; the one by which the folder was read always is.
      return false;
    }
  });
}
