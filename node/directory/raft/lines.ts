/** The lines between voters, over the mesh. What is too large for one message goes in parts, beside the others: a part that is lost loses the whole. */
import { decode, encode } from "../../../protocols/index.ts";
import type { Exchange } from "../../exchange/index.ts";
import type { NodeId } from "../../ports.ts";
import { directoryLimits, type DirectoryLimits } from "../limits.ts";
import type { VoterLines, VoterMessage } from "./voter.ts";

/** The first parts of a message, as far as they have come. */
interface Partial {
  readonly pieces: Uint8Array[];
  readonly size: number;
  bytes: number;
}

/** Made once for an exchange. */
export function createVoterLines(exchange: Exchange, limits: DirectoryLimits = directoryLimits): VoterLines {
  let receive: (from: NodeId, message: VoterMessage) => void = () => undefined;
  const partial = new Map<NodeId, Partial>();

  exchange.on("directory.vote", ({ bytes }, from) => receive(from, decode(bytes) as VoterMessage));
  exchange.on("directory.part", ({ bytes, start, size }, from) => {
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
    receive(from, decode(Buffer.concat(known.pieces)) as VoterMessage);
  });
  exchange.onPeer({ disconnected: (peer) => void partial.delete(peer) });

  return {
    send(to, message) {
      const bytes = encode(message);
      if (bytes.length <= limits.pageBytesMax) return void exchange.send(to, "directory.vote", { bytes });
      for (let start = 0; start < bytes.length; start += limits.pageBytesMax) {
        const part = bytes.subarray(start, start + limits.pageBytesMax);
        if (!exchange.send(to, "directory.part", { bytes: part, start, size: bytes.length })) return;
      }
    },
    listen(listener) {
      receive = listener;
    },
  };
}
