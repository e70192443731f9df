/** A proxy in front of each node's mesh port, which the node announces as its own. It asks the kernel which process is at the
 *  other end of a connection, so it knows both nodes of a link; a direction that is cut it reads no more. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Links } from "./links.ts";
import type { NodeProcess } from "./node-process.ts";

/** Why there are none here. */
export const missingForProxies = (): string | undefined =>
  process.platform === "linux" ? undefined : "only Linux tells to which process a connection belongs";

/** One direction of one connection. */
interface Lane {
  readonly from: string;
  readonly to: string;
  stop(): void;
  go(): void;
}

export function layProxies(): Promise<Links> {
  const seats = new Map<string, () => NodeProcess | undefined>();
  const lanes = new Set<Lane>();
  const cuts = new Set<string>();
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  const pass = (near: Socket, far: Socket, from: string, to: string): void => {
    const lane: Lane = {
      from,
      to,
      stop() {
        near.unpipe(far);
        near.pause();
      },
      go: () => void near.pipe(far, { end: false }),
    };
    lanes.add(lane);
    near.once("close", () => {
      lanes.delete(lane);
      // A cut link does not even tell that the other end is gone.
      const end = (): void => {
        if (cuts.has(`${from} ${to}`)) waiting.push(end);
        else far.destroy();
      };
      end();
    });
    if (cuts.has(`${from} ${to}`)) lane.stop();
    else lane.go();
  };
  const waiting: (() => void)[] = [];

  const accept = (near: Socket, name: string, port: number): void => {
    sockets.add(near);
    near.once("close", () => sockets.delete(near));
    near.on("error", () => near.destroy());
    const from = ownerOf(near, seats);
    // A connection whose process is not known is not let through: it might be on a cut link.
    if (from === undefined) return void near.destroy();
    const open = (): void => {
      if (near.destroyed) return;
      if (cuts.has(`${from} ${name}`) || cuts.has(`${name} ${from}`)) return void waiting.push(open);
      const far = connect(port, "127.0.0.1");
      sockets.add(far);
      far.once("close", () => sockets.delete(far));
      far.on("error", () => far.destroy());
      pass(near, far, from, name);
      pass(far, near, name, from);
    };
    near.pause();
    open();
  };

  return Promise.resolve({
    async seat(name, process) {
      seats.set(name, process);
      const port = await freePort();
      const server = createServer((near) => accept(near, name, port));
      servers.push(server);
      const proxyPort = await listen(server);
      return {
        launcher: [],
        flags: ["--mesh-port", String(port), "--announce", `/ip4/127.0.0.1/tcp/${proxyPort}`],
      };
    },
    cut(from, to) {
      cuts.add(`${from} ${to}`);
      for (const lane of lanes) if (lane.from === from && lane.to === to) lane.stop();
    },
    mend() {
      const mended = [...lanes].filter(({ from, to }) => cuts.has(`${from} ${to}`));
      cuts.clear();
      for (const lane of mended) lane.go();
      for (const go of waiting.splice(0)) go();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  });
}

/** The node whose process is at the other end of a loopback connection. */
function ownerOf(socket: Socket, seats: ReadonlyMap<string, () => NodeProcess | undefined>): string | undefined {
  const at = (port: number | undefined): string =>
    `0100007F:${(port ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const [local, remote] = [at(socket.remotePort), at(socket.localPort)];
  const line = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((text) => text.trim().split(/\s+/))
    .find((words) => words[1] === local && words[2] === remote);
  if (line === undefined) return undefined;
  const inode = `socket:[${line[9]}]`;
  for (const [name, process] of seats) if (hasOpen(process()?.pid ?? 0, inode)) return name;
  return undefined;
}

function hasOpen(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((file) => linkOf(`${folder}/${file}`) === inode);
  } catch {
    // It ended.
    return false;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // Closed in the meantime.
    return undefined;
  }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
