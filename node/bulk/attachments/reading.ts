/** Reads blobs of actors wherever they lie: here, in a stripe, or at the nodes of the actor's slot. */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type FilePiece,
  type Result,
  type StripeRef,
} from "../../../protocols/index.ts";
import { hashOf } from "../blobs/tree.ts";
import type { ActorBlobs, BlobHash } from "../../ports/index.ts";
import { isRoom, type AttachmentPorts } from "./ports.ts";

type Striped = FilePiece & Required<Pick<FilePiece, "stripe">>;

const isStriped = (piece: FilePiece | undefined): piece is Striped => piece?.stripe !== undefined;

/** Makes it. */
export function createReading({ copies, owned, stripes, ask, clock, limits }: AttachmentPorts): {
  readonly read: ActorBlobs["read"];
  /** See `Attachments.readStripe`. */
  readonly whole: (stripe: StripeRef) => Promise<Result<Uint8Array>>;
  stop(): void;
} {
  /** Where blobs are of which that does not change: their stripes are settled, or they are all of their piece. */
  const known = new Map<BlobHash, FilePiece>();
  const held = new Map<string, { readonly bytes: Uint8Array; readonly cancel: () => void }>();
  const underWay = new Map<string, Promise<Result<Uint8Array>>>();
  let heldBytes = 0;
  /** Of a node's room for stripes all readers have one share: more at once would find no place there. */
  const turns: (() => void)[] = [];
  let reading = 0;

  async function inTurn(stripe: StripeRef): Promise<Result<Uint8Array>> {
    if (reading >= limits.readsAtOnce) {
      if (turns.length >= limits.readsWaitingMax) return refused(failure("OVERLOADED", { limit: "readsWaitingMax" }));
      // Whose turn it is has the place of the one that is over.
      await new Promise<void>((resolve) => void turns.push(resolve));
    } else reading += 1;
    try {
      return await stripes.read(stripe);
    } finally {
      const next = turns.shift();
      if (next === undefined) reading -= 1;
      else next();
    }
  }

  function drop(id: string): void {
    const one = held.get(id);
    if (one === undefined) return;
    one.cancel();
    held.delete(id);
    heldBytes -= one.bytes.length;
  }

  function hold(id: string, bytes: Uint8Array): void {
    if (held.has(id) || bytes.length > limits.heldBytes) return;
    held.set(id, { bytes, cancel: clock.after(limits.heldMs, () => drop(id)) });
    heldBytes += bytes.length;
    for (const oldest of held.keys()) {
      if (heldBytes <= limits.heldBytes) return;
      drop(oldest);
    }
  }

  /** The bytes of a stripe, read once for all who wait. */
  function whole(stripe: StripeRef): Promise<Result<Uint8Array>> {
    const { id } = stripe;
    const here = held.get(id);
    if (here !== undefined) return Promise.resolve(ok(here.bytes));
    const waiting = underWay.get(id);
    if (waiting !== undefined) return waiting;
    const work = inTurn(stripe)
      .then((read) => {
        if (read.ok) hold(id, read.value);
        return read;
      })
      .finally(() => underWay.delete(id));
    underWay.set(id, work);
    return work;
  }

  async function pieceOf(actor: ActorId, hash: BlobHash): Promise<FilePiece | undefined> {
    const before = known.get(hash);
    if (before !== undefined) return before;
    const answer = await ask(actor, { type: "filePiece", hash }, limits.askTimeoutMs);
    if (!answer.ok) return undefined;
    const piece = answer.value as FilePiece;
    if (piece.stripe?.settled === true || (piece.id !== undefined && piece.parts.length === 1))
      for (const part of piece.parts) {
        known.set(part, piece);
        const [oldest = ""] = known.keys();
        if (known.size > limits.knownMax) known.delete(oldest);
      }
    return piece;
  }

  /** Cuts a part out of the stripe that it is in. */
  async function cutOut(
    hash: BlobHash,
    { parts, stripe: { stripe, partBytes } }: Striped,
  ): Promise<Result<Uint8Array>> {
    const read = await whole(stripe);
    if (!read.ok) return read;
    const start = parts.indexOf(hash) * partBytes;
    const bytes = read.value.subarray(start, start + partBytes);
    return hashOf(bytes) === hash ? ok(bytes) : refused(failure("DATA_DAMAGED", { blob: hash, stripe: stripe.id }));
  }

  return {
    whole,
    async read(actor, hash) {
      if (!isRoom(actor) || owned.isFor(hash, actor)) {
        const here = await copies.read(actor, hash);
        if (here.ok || !isRoom(actor)) return here;
      }
      const piece = await pieceOf(actor, hash);
      if (!isStriped(piece)) return copies.read(actor, hash);
      const fromStripe = () => cutOut(hash, piece);
      const fromCopies = () => copies.read(actor, hash);
      // Copies that are still there are nearer; once they are dropped nobody is asked for them first.
      const ways = piece.stripe.settled === true ? [fromStripe, fromCopies] : [fromCopies, fromStripe];
      const failed: Result<Uint8Array>[] = [];
      for (const way of ways) {
        const read = await way();
        if (read.ok) return read;
        failed.push(read);
      }
      // Why the stripe cannot be read says more than that there is no copy.
      return failed[ways.indexOf(fromStripe)] as Result<Uint8Array>;
    },
    stop() {
      for (const id of held.keys()) drop(id);
    },
  };
}
