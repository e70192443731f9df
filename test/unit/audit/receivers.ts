/** Systems that take the audit, for tests: real servers on this machine, which can be told to cut. */
import { createServer as createHttp, type IncomingHttpHeaders } from "node:http";
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";

/** What one of them has taken. */
export interface Receiver {
  readonly port: number;
  /** Messages, as they came; the same one may be there several times. */
  readonly messages: string[];
  /** Connections that were begun. */
  readonly connections: () => number;
  /** Cuts the next connections after so many bytes each. */
  cutAfter(...bytes: readonly number[]): void;
  stop(): Promise<void>;
}

/** Messages of octet counting, from the beginning of a stream; `rest`: what is not whole. */
function framesOf(bytes: Buffer): { readonly frames: readonly string[]; readonly rest: Buffer } {
  const frames: string[] = [];
  let rest = bytes;
  for (;;) {
    const space = rest.indexOf(0x20);
    const length = space < 0 ? Number.NaN : Number(rest.subarray(0, space).toString());
    if (!(length >= 0) || rest.length < space + 1 + length) return { frames, rest };
    frames.push(rest.subarray(space + 1, space + 1 + length).toString());
    rest = rest.subarray(space + 1 + length);
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Takes syslog by octet counting; with key and certificate over TLS. */
export async function startSyslog(tls?: { readonly key: string; readonly cert: string }): Promise<Receiver> {
  const messages: string[] = [];
  const cuts: number[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const taken = (socket: Socket): void => {
    connections += 1;
    open.add(socket);
    let left = cuts.shift() ?? Infinity;
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      const here = bytes.subarray(0, Math.min(bytes.length, left));
      left -= here.length;
      const found = framesOf(Buffer.concat([rest, here]));
      rest = Buffer.from(found.rest);
      messages.push(...found.frames);
      if (left <= 0) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  };
  const server = tls === undefined ? createTcp(taken) : createTls(tls, taken);
  server.on("tlsClientError", () => undefined);
  return {
    port: await listen(server),
    messages,
    connections: () => connections,
    cutAfter: (...bytes) => void cuts.push(...bytes),
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Takes batches over HTTP, and answers as it is told: a status, or `cut`. */
export async function startCollector(): Promise<
  Omit<Receiver, "cutAfter"> & {
    readonly heads: IncomingHttpHeaders[];
    readonly bodies: string[];
    answer(...answers: readonly (number | "cut")[]): void;
  }
> {
  const messages: string[] = [];
  const heads: IncomingHttpHeaders[] = [];
  const bodies: string[] = [];
  const answers: (number | "cut")[] = [];
  const server = createHttp((request, response) => {
    heads.push(request.headers);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString();
      bodies.push(body);
      const answer = answers.shift() ?? 204;
      if (answer === "cut") return void request.socket.destroy();
      if (answer < 300) messages.push(...body.trimEnd().split("\n"));
      response.writeHead(answer).end("what the receiver says");
    });
  });
  return {
    port: await listen(server),
    messages,
    heads,
    bodies,
    connections: () => heads.length,
    answer: (...next) => void answers.push(...next),
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
