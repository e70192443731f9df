import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { standardPorts, type ClientPorts } from "../../client/index.ts";
import { failure, type Failure } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import { urlAt } from "../../protocols/admin/nodes.ts";
import { lookupHere } from "../node/here.ts";
import { plexusMark, readAnswer, stranger } from "../../protocols/wire/plexus-answer.ts";
import { cliLimits } from "../limits.ts";

/** The ports of a client on `ws`: unlike the WebSocket that Node has built in, it shows what a node answers instead of
 *  the upgrade, and so why it does not have us. */
export function terminalPorts(token: string): ClientPorts {
  return {
    ...standardPorts({ token }),
    open(url, on) {
      const address = urlAt(url, "/ws");
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      let reason: Failure | undefined;
      const socket = new WebSocket(address, {
        headers: { authorization: `Bearer ${token}` },
        perMessageDeflate: false,
        lookup: lookupHere,
      });
      socket.on("unexpected-response", (_request, response) => {
        void refusalIn(response, url).then((refusal) => {
          reason = refusal;
          response.destroy();
          socket.terminate();
        });
      });
      socket.on("error", (error: NodeJS.ErrnoException) => {
        reason ??= failure("UNREACHABLE", { url, reason: error.code ?? error.message });
      });
      socket.on("open", () => on.opened());
      socket.on("message", (data: Buffer) => on.frame(data.toString("utf8")));
      socket.on("close", () => on.closed(reason ?? failure("UNREACHABLE", { url })));
      const close = (): void => {
        socket.close(1000);
        // A node that is gone answers nothing, and the process would wait for it.
        setTimeout(() => socket.terminate(), cliLimits.closeTimeoutMs).unref();
      };
      return { send: (text) => socket.send(text), close };
    },
  };
}

/** What a node answered instead of the upgrade. */
async function refusalIn(response: IncomingMessage, url: string): Promise<Failure> {
  const { statusCode: status = 0 } = response;
  let text = "";
  try {
    for await (const piece of response) {
      text += String(piece);
      if (text.length > wireLimits.frameBytesMax) break;
    }
  } catch {
    // Cut off: what has come is all there is.
  }
  const answer = readAnswer<unknown>(url, { status, text, isMarked: plexusMark in response.headers });
  return answer.ok ? stranger(url, status) : answer.error;
}
