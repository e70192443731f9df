/** Makes of this process one that reaches nobody. A restored node has the cluster's settings: mail servers, webhooks,
 *  servers with models. What it is started for in a rehearsal must not be felt by any of them. */
import { Socket as Datagrams } from "node:dgram";
import { Socket } from "node:net";

const refusal = (): NodeJS.ErrnoException =>
  Object.assign(new Error("a rehearsed node reaches nobody"), { code: "ENETUNREACH" });

/** From now on each connection that this process begins fails, and each datagram. It may be connected to. */
export function closeOutward(): void {
  Socket.prototype.connect = function refused(this: Socket): Socket {
    process.nextTick(() => this.destroy(refusal()));
    return this;
  };
  Datagrams.prototype.send = function refused(this: Datagrams, ...words: readonly unknown[]): void {
    const answer = words.at(-1);
    if (typeof answer === "function") process.nextTick(() => void answer(refusal(), 0));
  };
}
