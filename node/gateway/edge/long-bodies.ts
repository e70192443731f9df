/** Connections whose request may take longer than requests may: its body is read as it comes, and the reader ends it
 *  when nothing comes any more. */
import type { Duplex } from "node:stream";

const going = new WeakSet<Duplex>();

/** Whether a connection has such a request now. */
export const goesOn = (socket: Duplex): boolean => going.has(socket);

/** Has the connection of a request stay as long as the work takes. */
export async function whileItGoesOn<T>(socket: Duplex, work: () => Promise<T>): Promise<T> {
  going.add(socket);
  try {
    return await work();
  } finally {
    going.delete(socket);
  }
}
