import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** One batch for a system of others. */
interface Delivery {
  /** `syslog+tcp:`, `syslog+tls:`, `http:` or `https:`. */
  readonly url: string;
  readonly body: Uint8Array;
  /** Over HTTP. */
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates that the receiver's is signed with; absent: those that the machine trusts. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

/** How long a receiver that was sent everything may still end by itself, which says that it did not take all of it. */
const settleMs = 100;

/** Resolves when the receiver has confirmed a batch; rejects with the reason why it is not known to have it. The reason
 *  names no secret and nothing that the receiver said. */
export function deliver(delivery: Delivery): Promise<void> {
  return /^https?:/.test(delivery.url) ? post(delivery) : stream(delivery);
}

/** Over HTTP a 2xx confirms. Redirects are not followed: they would take the secret elsewhere. */
function post({ url, body, headers, ca, timeoutMs }: Delivery): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const signal = AbortSignal.timeout(timeoutMs);
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  const asked = request(
    url,
    { method: "POST", agent: false, signal, headers: { ...headers, "content-length": body.length }, ...(ca && { ca }) },
    (response) => {
      const { statusCode = 0 } = response;
      // What it says is not kept, and need not come.
      response.destroy();
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`the receiver answers ${statusCode}`));
    },
  );
  asked.on("error", (error) => reject(signal.aborted ? new Error("no answer in time") : error));
  asked.end(body);
  return promise;
}

/** Syslog confirms nothing, so the end of the connection does (RFC 6587 has no other sign):
 *
 *      everything is written ─► a moment: a receiver that ends or resets now did not take it ─► we end our half
 *                                                               ─► the receiver has read to the end, and ends
 *
 *  A receiver that goes away with unread bytes resets the connection, which is an error here. */
function stream({ url, body, ca, timeoutMs }: Delivery): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const isTls = protocol === "syslog+tls:";
  const socket: Socket = isTls
    ? connectTls({
        host,
        port: Number(port || 6514),
        ...(ca && { ca }),
        ...(!/^[\d.]+$|:/.test(host) && { servername: host }),
      })
    : connect({ host, port: Number(port || 514) });
  let phase: "sends" | "settles" | "ends" | "over" = "sends";
  let settling: NodeJS.Timeout | undefined;
  const over = (error?: Error): void => {
    if (phase === "over") return;
    phase = "over";
    clearTimeout(settling);
    clearTimeout(late);
    socket.destroy();
    if (error === undefined) resolve();
    else reject(error);
  };
  const late = setTimeout(
    () => over(new Error(phase === "ends" ? "the receiver does not end the connection" : "not taken in time")),
    timeoutMs,
  );
  socket.on("error", over);
  socket.on("end", () => over(phase === "ends" ? undefined : new Error("the receiver ended the connection early")));
  socket.on("close", () => over(new Error("the connection was cut")));
  // Whatever it says is of no interest, but must be read for its end to be seen.
  socket.resume();
  socket.once(isTls ? "secureConnect" : "connect", () => {
    socket.write(body, (error) => {
      if (error !== null || phase !== "sends") return;
      phase = "settles";
      settling = setTimeout(() => {
        phase = "ends";
        socket.end();
      }, settleMs);
    });
  });
  return promise;
}
