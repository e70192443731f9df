/** A real node in a process of its own, on a data folder that outlives it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { plexusMain } from "../phases.ts";
import { expireAfter, usualLimitMs } from "../waits.ts";

const root = join(import.meta.dirname, "..", "..");

/** Makes a data folder; `await using` removes it. */
export async function createDataFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "plexus-data-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Flags of a node that holds people and rooms, alone. Without the role ai it has no inference host, which costs a quarter of its start: for
 *  tests that start many, and ask no model. */
export const withoutAi: readonly string[] = ["--model", "echo", "--role", "manager,chat,gateway"];

export class NodeProcess {
  readonly data: string;
  url = "";
  /** By which its ready line calls it. */
  name = "";
  /** Where its control endpoint is, with the flag `--control`. */
  control = "";
  /** Where gRPC is, with the flag `--grpc`. */
  grpc = "";
  adminCode: string | undefined;
  readonly #flags: readonly string[];
  readonly #launcher: readonly string[];
  #child: ChildProcess | undefined;
  #port = 0;
  #isReady = false;

  /** The echo model serves unless `flags` say otherwise. The words of `launcher` go before the command: a program that becomes
   *  the node, for example `ip netns exec NAME`. */
  constructor(
    data: string,
    flags: readonly string[] = ["--model", "echo", "--context-tokens", "100000"],
    launcher: readonly string[] = [],
  ) {
    this.data = data;
    this.#flags = flags;
    this.#launcher = launcher;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether it has become ready and not ended since. */
  get isUp(): boolean {
    return this.#isReady && this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, again on the same port after the first time. Rejects with what it said when it does not get ready. */
  async start(): Promise<void> {
    // The one beside its own is any program's to take, once that is no more 0.
    const mesh = this.#flags.includes("--mesh-port") ? [] : ["--mesh-port", "0"];
    const own = ["--data", this.data, "--port", String(this.#port), ...mesh, ...this.#flags];
    const args = [plexusMain, "up", "--json", ...own];
    const [program, ...words] = [...this.#launcher, process.execPath, ...args];
    const child = spawn(program as string, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#isReady = false;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4_000)));
    const ready = new Promise<string>((resolve, reject) => {
      const stop = expireAfter(usualLimitMs, () => reject(new Error(`the node did not become ready: ${said}`)));
      createInterface(child.stdout).once("line", (line) => {
        stop();
        resolve(line);
      });
      child.once("exit", (code) => {
        stop();
        reject(new Error(`the node ended with ${code} before it was ready: ${said}`));
      });
    });
    const line = JSON.parse(await ready) as {
      url: string;
      controlUrl?: string;
      grpc?: string;
      name: string;
      adminCode?: string;
    };
    this.url = line.url;
    this.grpc = line.grpc ?? "";
    this.control = line.controlUrl ?? "";
    this.name = line.name;
    this.adminCode = line.adminCode;
    this.#port = Number(new URL(line.url).port);
    this.#isReady = true;
  }

  /** Ends it with `signal` and resolves with its exit code; null when the signal ended it. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Stops it in the middle of whatever it does, or lets it go on; or tells what a test has loaded into it. */
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGUSR2"): void {
    this.#child?.kill(signal);
  }

  /** The operator's secret of this life of the node. */
  async controlToken(): Promise<string> {
    const file = JSON.parse(await readFile(join(this.data, "control.json"), "utf8")) as { controlToken: string };
    return file.controlToken;
  }

  /** What it tells the operator of itself. */
  async metrics(): Promise<string> {
    const headers = { authorization: `Bearer ${await this.controlToken()}` };
    return (await fetch(`${this.url}/metrics`, { headers })).text();
  }

  /** A request with a JSON body; the answer's status and JSON. */
  async http(method: string, path: string, body?: unknown, token?: string): Promise<{ status: number; body: unknown }> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Makes an account and returns its token. The first account uses the admin code. */
  async signUp(name: string): Promise<string> {
    const body = { name, password: `password of ${name}`, ...(this.adminCode && { adminCode: this.adminCode }) };
    const answer = await this.http("POST", "/api/v1/sign-up", body);
    if (answer.status >= 300) throw new Error(`sign-up of ${name}: ${JSON.stringify(answer.body)}`);
    this.adminCode = undefined;
    return (answer.body as { token: string }).token;
  }
}
