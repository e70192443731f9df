/** Ten thousand clients whose node dies: each tries again after the waits that `client/` has, until it is let in and
 *  all that it follows is answered. Sockets as those of `load.ts`, which read no more than they must. */
import { connect, type Socket } from "node:net";
import { backoffMs } from "../../../client/backoff.ts";
import { clientLimits } from "../../../client/limits.ts";
import { serve } from "./serve.ts";

interface Plan {
  readonly port: number;
  readonly tokens: readonly string[];
  readonly connections: number;
  /** Sent when it is let in; an answer to each is waited for. */
  readonly first: readonly string[];
}

/** How it went for everybody. */
export interface Stormed {
  /** From the death, sorted. */
  readonly backMs: readonly number[];
  /** Tries that found nobody, and those that a node turned away. */
  readonly unreached: number;
  readonly refused: number;
}

const addresses = 16;
const frameOf = (text: string): Buffer => {
  const body = Buffer.from(text);
  const header = Buffer.alloc(body.length < 126 ? 6 : 8);
  header[0] = 0x81;
  header[1] = 0x80 | Math.min(body.length, 126);
  if (body.length >= 126) header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
};

let open: Socket[] = [];
let counts = { unreached: 0, refused: 0 };

/** One try; true: it is in, and what it follows is answered. */
function attempt(plan: Plan, index: number): Promise<boolean> {
  return new Promise((resolve) => {
    const localAddress = `127.0.0.${1 + (index % addresses)}`;
    const socket = connect({ host: "127.0.0.1", port: plan.port, noDelay: true, localAddress });
    let [isConnected, isIn, text] = [false, false, ""];
    socket.setTimeout(clientLimits.handshakeTimeoutMs, () => isIn || socket.destroy());
    socket.once("connect", () => (isConnected = true));
    socket.on("data", (data) => {
      if (isIn) return;
      text += data.toString("latin1");
      if (text.length > 12 && !text.startsWith("HTTP/1.1 101")) return void socket.destroy();
      if (!plan.first.every((_, at) => text.includes(`"re":${at + 1},"ok"`))) return;
      [isIn, text] = [true, ""];
      open.push(socket);
      resolve(true);
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (isIn) return;
      if (isConnected) counts.refused += 1;
      else counts.unreached += 1;
      resolve(false);
    });
    const token = plan.tokens[index % plan.tokens.length] ?? "";
    socket.write(
      "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        `Sec-WebSocket-Key: ${Buffer.alloc(16, "bench").toString("base64")}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    for (const one of plan.first) socket.write(frameOf(one));
  });
}

async function comeBack(plan: Plan, index: number, sinceMs: number): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    if (await attempt(plan, index)) return performance.now() - sinceMs;
    await new Promise((resolve) => setTimeout(resolve, backoffMs(tries, Math.random())));
  }
}

serve({
  /** Resolves when everybody is in. */
  async storm(plan: Plan): Promise<Stormed> {
    for (const socket of open) socket.destroy();
    [open, counts] = [[], { unreached: 0, refused: 0 }];
    const sinceMs = performance.now();
    const all = Array.from({ length: plan.connections }, (_, index) => comeBack(plan, index, sinceMs));
    const backMs = (await Promise.all(all)).sort((one, other) => one - other);
    return { backMs, ...counts };
  },
  stop() {
    for (const socket of open) socket.destroy();
  },
});
