import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { start } from "../../runtimes/children.ts";
import { cliLimits } from "../limits.ts";
import { argumentsOf, environmentFor, type DemoNode } from "./plan.ts";

/** A node in a process of its own. */
export interface DemoChild {
  readonly node: DemoNode;
  readonly url: string;
  readonly pid: number;
  readonly adminCode: string | undefined;
}

/** How a node ended that nobody here asked to end. */
export interface DemoEnd {
  readonly node: DemoNode;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of its log. */
  readonly log: string;
}

/** The processes of the demonstration. */
export interface DemoChildren {
  /** Resolves when the node is ready. Errors: UNREACHABLE when it ends before, STOPPING. */
  start(node: DemoNode, token?: string): Promise<DemoChild>;
  /** Those that run. */
  alive(): number;
  /** Ends all: asks first, kills those that take too long. Resolves when none is left. */
  stop(): Promise<void>;
}

/** Makes the register of processes. `main` is the file that is `plexus`; `onEnd` hears of every end that was not asked
 *  for here, once a node was ready. */
export function createDemoChildren(main: string, onEnd: (end: DemoEnd) => void): DemoChildren {
  const children = new Set<ChildProcess>();
  let stopping = false;

  async function endOf(node: DemoNode, child: ChildProcess): Promise<DemoEnd> {
    return { node, code: child.exitCode, signal: child.signalCode, log: await lastOf(node.log) };
  }

  return {
    async start(node, token) {
      if (stopping) throw new PlexusError(failure("STOPPING"));
      const log = await open(node.log, "a", 0o600);
      // The channel is never written to: a node that loses it stops, so that none outlives the demonstration.
      const child = start(process.execPath, [main, ...argumentsOf(node, token), "--json"], {
        streams: ["ignore", "pipe", log.fd],
        env: environmentFor(process.env),
        channel: true,
      });
      children.add(child);
      const exited = once(child, "exit").finally(() => children.delete(child));
      await log.close();
      const line = new Promise<string>((resolve) => {
        if (child.stdout !== null) createInterface(child.stdout).once("line", resolve);
      });
      const said = await Promise.race([
        line,
        exited.then(
          () => undefined,
          () => undefined,
        ),
      ]);
      if (said === undefined) {
        const { code, signal, log: words } = await endOf(node, child);
        const reason = `${node.name} ended with ${signal ?? code ?? "no code"} before it was ready`;
        throw new PlexusError(failure("UNREACHABLE", { reason, log: words }));
      }
      void exited.then(async () => {
        if (!stopping) onEnd(await endOf(node, child));
      });
      const { url, adminCode } = JSON.parse(said) as { url: string; adminCode?: string };
      return { node, url, pid: child.pid ?? 0, adminCode };
    },
    alive: () => children.size,
    async stop() {
      stopping = true;
      const ended = [...children].map((child) => {
        child.kill("SIGTERM");
        return once(child, "exit");
      });
      const overdue = new AbortController();
      void delay(cliLimits.demoStopMs, undefined, { signal: overdue.signal }).then(
        () => [...children].map((child) => child.kill("SIGKILL")),
        () => undefined,
      );
      await Promise.all(ended);
      overdue.abort();
    },
  };
}

async function lastOf(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.slice(-cliLimits.demoLogBytes);
}
