/** Clients that ask one HTTP server again and again, as cheaply as a socket can be read: what is measured is the
 *  server. */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";

const good = /^HTTP\/1\.1 20\d/;

/** A request as bytes. Without a body it has none to send. */
export function requestBytes(of: {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body?: object;
}): string {
  const body = of.body === undefined ? "" : JSON.stringify(of.body);
  const head = [`${of.method} ${of.path} HTTP/1.1`, "host: 127.0.0.1", `authorization: Bearer ${of.token}`];
  if (of.body !== undefined) head.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** Asks again and again on one connection, until `onAnswer` says that it is enough. `request` makes each one. */
export function lane(port: number, request: () => string, onAnswer: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let text = "";
    let left = -1;
    socket.on("error", reject);
    socket.on("data", (data: Buffer) => {
      // Whole answers say how long they are; streams end with an empty chunk.
      if (left < 0) {
        if (text === "" && !good.test(data.toString("latin1", 0, 16))) return reject(new Error(data.toString()));
        text = (text + data.toString("latin1")).slice(-65_536);
        const end = text.indexOf("\r\n\r\n");
        const length = /content-length: (\d+)/i.exec(text)?.[1];
        if (end >= 0 && length !== undefined) left = Number(length) - (text.length - end - 4);
        else if (text.endsWith("\r\n0\r\n\r\n")) left = 0;
        else return;
      } else left -= data.length;
      if (left > 0) return;
      text = "";
      left = -1;
      if (onAnswer()) socket.write(request());
      else {
        socket.destroy();
        resolve();
      }
    });
    socket.once("connect", () => socket.write(request()));
  });
}

/** Answers a second of so many lanes for so long. */
export async function answersPerSecond(
  port: number,
  lanes: number,
  durationMs: number,
  request: (lane: number) => string,
): Promise<number> {
  const startMs = performance.now();
  let answers = 0;
  const onAnswer = (): boolean => {
    answers += 1;
    return performance.now() < startMs + durationMs;
  };
  await Promise.all(Array.from({ length: lanes }, (_, at) => lane(port, () => request(at), onAnswer)));
  return (answers / (performance.now() - startMs)) * 1_000;
}
