/** etcd for tests. Clusters run on free loopback ports in temporary folders, and end with the test process at the latest. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findProgram, type Found } from "../debian.ts";

/** Where etcd is, or why there is none that runs. */
export function findEtcd(): Found {
  const found = findProgram("etcd", "etcd-server");
  if ("missing" in found) return found;
  const { status, error, stderr } = spawnSync(found.path, ["--version"], { encoding: "utf8" });
  return status === 0 ? found : { missing: `etcd does not run here: ${error?.message ?? stderr.trim()}` };
}

export interface EtcdMember {
  readonly endpoint: string;
  /** kill -9, or stop and go on. */
  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  /** The member that leads now, as the others see it. */
  leader(): Promise<EtcdMember>;
  /** Throws away what happened before now. */
  compact(): Promise<void>;
  /** Deletes every key that begins so. */
  erase(prefix: string): Promise<void>;
  /** Where the members are reached by TLS, if they have a certificate. */
  readonly secure: readonly string[];
  /** Asks the first member by etcd's own way for those who have no gRPC: bytes are base64, long numbers are text. */
  ask(path: string, body: object): Promise<unknown>;
  /** Kills all members and starts them with their data. */
  restart(): Promise<void>;
  /** Kills all members, whose data is lost until `restore`, and starts them with none. */
  lose(): Promise<void>;
  /** Kills all members and starts them with the data that they had before `lose`. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts that many members and waits until all serve; by TLS as well with a certificate (PEM). */
export async function startEtcd(
  path: string,
  count: number,
  certificate?: { readonly key: string; readonly cert: string },
): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), "plexus-etcd-"));
  const ports = await freePorts(count * 3);
  const url = (index: number): string => `http://127.0.0.1:${ports[index]}`;
  const cluster = Array.from({ length: count }, (_, index) => `m${index}=${url(count + index)}`).join();
  const secure =
    certificate === undefined
      ? []
      : Array.from({ length: count }, (_, index) => `https://127.0.0.1:${ports[2 * count + index]}`);
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  if (certificate !== undefined) {
    writeFileSync(keyFile, certificate.key);
    writeFileSync(certFile, certificate.cert);
  }
  const processes: ChildProcess[] = [];
  const killAll = (): void => {
    for (const child of processes) child.kill("SIGKILL");
  };
  process.once("exit", killAll);
  const end = async (): Promise<void> => {
    const ends = processes.filter(isAlive).map((child) => new Promise((resolve) => child.once("exit", resolve)));
    killAll();
    await Promise.all(ends);
  };
  const stop = async (): Promise<void> => {
    await end();
    process.off("exit", killAll);
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (index: number): Promise<void> => {
    const child = spawn(
      path,
      [
        ["--name", `m${index}`],
        ["--data-dir", join(folder, `m${index}`)],
        ["--listen-client-urls", [url(index), ...secure.slice(index, index + 1)].join()],
        certificate === undefined ? [] : ["--cert-file", certFile, "--key-file", keyFile],
        ["--advertise-client-urls", url(index)],
        ["--listen-peer-urls", url(count + index)],
        ["--initial-advertise-peer-urls", url(count + index)],
        ["--initial-cluster", cluster],
        ["--initial-cluster-token", folder],
        ["--logger", "zap"],
      ].flat(),
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    processes[index] = child;
    await serves(child);
  };
  const startAll = async (): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, index) => start(index)));
  };
  const lost = join(folder, "lost");
  try {
    await startAll();
  } catch (error) {
    await stop();
    throw error;
  }

  const members = processes.map((child, index) => ({
    endpoint: url(index),
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
  }));
  const at = async <T>(index: number, path: string, body: object): Promise<T> => {
    const answer = await fetch(`${url(index)}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answered ${path} with ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    secure,
    ask: (path, body) => at(0, path, body),
    async leader() {
      for (const [index, member] of members.entries()) {
        if (!isAlive(processes[index] as ChildProcess)) continue;
        type Status = { readonly header: { readonly member_id: string }; readonly leader: string };
        const { header, leader } = await at<Status>(index, "maintenance/status", {});
        if (header.member_id === leader) return member;
      }
      throw new Error("no member leads");
    },
    async compact() {
      const alive = processes.findIndex(isAlive);
      type Answer = { readonly header: { readonly revision: string } };
      const { header } = await at<Answer>(alive, "kv/range", { key: base64("x") });
      await at(alive, "kv/compaction", { revision: header.revision, physical: true });
    },
    async erase(prefix) {
      // The key after all that begin so: prefixes are ASCII.
      const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
      const body = { key: base64(prefix), range_end: base64(end) };
      await at(processes.findIndex(isAlive), "kv/deleterange", body);
    },
    async restart() {
      await end();
      await startAll();
    },
    async lose() {
      await end();
      mkdirSync(lost);
      for (let index = 0; index < count; index += 1) renameSync(join(folder, `m${index}`), join(lost, `m${index}`));
      await startAll();
    },
    async restore() {
      await end();
      for (let index = 0; index < count; index += 1) {
        rmSync(join(folder, `m${index}`), { recursive: true });
        renameSync(join(lost, `m${index}`), join(folder, `m${index}`));
      }
      rmSync(lost, { recursive: true });
      await startAll();
    },
    stop,
  };
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/** Resolves with etcd's own word that it serves; rejects with its last words. */
function serves(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let last = "";
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`etcd ended with ${code}: ${last}`)));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      last = line;
      if (line.includes("serving client traffic") || line.includes("serving insecure client requests")) resolve();
    });
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Server>((resolve) => {
          const server = createServer();
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A way to a server that can be cut: connections end, and new ones are refused. */
export interface Cable {
  readonly endpoint: string;
  cut(): void;
  mend(): void;
  /** What is connected stays so, and nothing passes through it any more; new connections are as before. */
  silence(): void;
  /** From now on it leads to another endpoint. */
  lead(endpoint: string): void;
  close(): Promise<void>;
}

/** Lays a cable to an endpoint. */
export async function layCable(endpoint: string): Promise<Cable> {
  let { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    cut,
    mend: () => void (isCut = false),
    lead(next) {
      ({ hostname, port } = new URL(next));
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      cut();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
