/** The lines between voters, over the mesh. What is too large for one message goes in parts, beside the others: a part
 *  that is lost loses the whole. */
import { failure } from "../../../../protocols/index.ts";
import type { Exchange } from "../../exchange/index.ts";
import type { Clock, NodeId } from "../../../ports/index.ts";
import { directoryLimits, type DirectoryLimits } from "../limits.ts";
import { LeavingParts } from "./parts.ts";
import { voterMessageIn, voterMessageOut } from "./shape.ts";
import type { VoterLines, VoterListener } from "./voter.ts";
import type { VoterMessage } from "./voter-message.ts";

/** The first parts of a message, as far as they have come. */
interface Partial {
  readonly pieces: Uint8Array[];
  readonly size: number;
  bytes: number;
}

/** All lines of a node: made once for an exchange. */
interface VoterWire {
  /** The lines among the voters of a generation. Those of one generation do not hear those of another. */
  lines(generation: number): VoterLines;
  /** Takes the messages of no generation any more. */
  close(): void;
}

/** `unheard` is told of messages that no voter of this node listens to. */
export function createVoterWire(
  exchange: Exchange,
  clock: Pick<Clock, "after">,
  unheard: (from: NodeId, generation: number) => void = () => undefined,
  limits: DirectoryLimits = directoryLimits,
): VoterWire {
  let listening: { readonly generation: number; readonly voter: VoterListener } | undefined;
  const partial = new Map<NodeId, Partial>();
  const leaving = new LeavingParts(exchange, clock, limits);
  const receive = (from: NodeId, generation: number, bytes: Uint8Array): void => {
    if (listening?.generation !== generation) return unheard(from, generation);
    // The sender is the node that the mesh names, whatever the message says.
    const message = voterMessageIn(bytes);
    if (message !== undefined) listening.voter.receive(from, message);
    else exchange.disconnect(from, failure("BAD_FRAME", { reason: "not a voter's message" }));
  };

  exchange.on("directory.vote", ({ generation, bytes }, from) => receive(from, generation, bytes));
  exchange.on("directory.part", ({ generation, bytes, start, size }, from) => {
    if (start === 0) partial.set(from, { pieces: [], size, bytes: 0 });
    const known = partial.get(from);
    // Of another message, or behind a part that was lost.
    if (known?.size !== size || known.bytes !== start || start + bytes.length > limits.imageBytesMax) {
      partial.delete(from);
      return;
    }
    known.pieces.push(Uint8Array.from(bytes));
    known.bytes += bytes.length;
    if (known.bytes < size) return;
    partial.delete(from);
    receive(from, generation, Buffer.concat(known.pieces));
  });
  exchange.onPeer({
    disconnected(peer) {
      partial.delete(peer);
      leaving.forget(peer);
      listening?.voter.lost(peer);
    },
  });

  const send = (to: NodeId, generation: number, message: VoterMessage): void => {
    // What the other lacks is on its way, however long that takes.
    if (message.type === "install" && leaving.has(to, "install")) return;
    const bytes = voterMessageOut(message);
    if (bytes.length <= limits.pageBytesMax) {
      // Somebody waits for each of them: they leave now, not after the other work of this turn of the event loop.
      if (exchange.send(to, "directory.vote", { generation, bytes })) exchange.flush(to, "directory.vote");
      return;
    }
    leaving.add(to, { generation, type: message.type, bytes });
  };
  return {
    lines: (generation) => ({
      send: (to, message) => send(to, generation, message),
      listen: (voter) => void (listening = { generation, voter }),
    }),
    close() {
      listening = undefined;
      leaving.close();
    },
  };
}
