/** Whether nodes can look for each other by multicast on this machine. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { patience } from "./waits.ts";

/** What is sent to a group comes back within so long, or never. */
const backMs = patience * 1_000;

/** Whether what is sent to a group on this machine comes back to it; in some containers it does not. */
export async function multicastWorks(): Promise<boolean> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  try {
    socket.bind(0);
    await once(socket, "listening");
    const came = once(socket, "message", { signal: AbortSignal.timeout(backMs) });
    socket.addMembership("224.0.0.251");
    socket.send("plexus", socket.address().port, "224.0.0.251");
    await came;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
