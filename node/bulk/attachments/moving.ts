/** Brings pieces of messages' files from copies into stripes. */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type ErrorCode,
  type FilePiece,
  type Result,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { ActorBlobs, BlobHash, Pair } from "../../ports/index.ts";
import { untilSo } from "../../waiting.ts";
import { countsOf, widthOf } from "../shards/coding/index.ts";
import { isRoom, type AttachmentPorts } from "./ports.ts";

/** What stripes of files are coded by. */
const attachmentClass = "attachment";

/** What stands against one file alone: its message or a part is gone, or another node has put the same piece. */
const ofOneFile: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["NOT_FOUND", "ALREADY_DONE", "CHANGED_MEANWHILE"]);

/** A piece that may go into a stripe. */
type Piece = Required<Pick<FilePiece, "id" | "first" | "parts">>;

const isWorth = (piece: FilePiece): piece is Piece & FilePiece => piece.id !== undefined && piece.parts.length > 1;

/** Gives the round. `read` finds a part wherever it is. */
export function createMoving(
  ports: AttachmentPorts,
  { isStopped, read }: { readonly isStopped: () => boolean; readonly read: ActorBlobs["read"] },
): () => Promise<void> {
  const { copies, owned, stripes, ask, clock, log, meter, limits } = ports;
  /** Blobs that are all of their piece: they stay copied. */
  const stays = new Set<BlobHash>();
  let first = 0;

  const patience = { triesMax: limits.wholeTriesMax, pauseMs: limits.wholePauseMs, isStopped };

  /** Whether a stripe that bears so many losses bears no fewer than the copies of what is in it do, or are to. */
  function bearsEnough(room: ActorId, losses: number): boolean {
    const places = ports.copiesOf(room);
    return places !== undefined && places - 1 <= losses;
  }

  /** Whether all shards of a new stripe are there, and each is kept without an end: a holder hears of that from this
   *  node, which may be lost before it does. */
  async function isWhole(stripe: StripeRef, room: ActorId): Promise<Result<boolean>> {
    const health = await stripes.inspect(stripe);
    const isThere = health.ok && health.value.well === health.value.shards.length;
    return ok(isThere && (await stripes.isKept(stripe, room)));
  }

  /** Errors: those of the stripes and of the room; HOLDERS_TOO_FEW (the stripe bears fewer losses than the copies);
   *  UNREACHABLE (not all shards are there yet). */
  async function move(room: ActorId, { id, first: start, parts }: Piece): Promise<Result<unknown>> {
    const sealed: Uint8Array[] = [];
    for (const hash of parts) {
      const part = await read(room, hash);
      if (!part.ok) return part;
      sealed.push(part.value);
    }
    const partBytes = sealed[0]?.length ?? 0;
    const put = await stripes.put(Buffer.concat(sealed), {
      class: attachmentClass,
      owner: room,
      lifeMs: limits.unfinishedMs,
      ...(ports.pacing && { pacing: ports.pacing }),
    });
    if (!put.ok) return put;
    const stripe = put.value;
    // Holders may have died since the round began, or the room may have got another copy. The put ends by itself.
    if (!bearsEnough(room, countsOf(stripe.scheme).m))
      return refused(failure("HOLDERS_TOO_FEW", { class: attachmentClass, holders: widthOf(stripe.scheme) }));
    const said = { type: "fileStriped", id, first: start, partBytes, stripe } as const;
    const told = await ask(room, said, limits.askTimeoutMs);
    if (!told.ok) return told;
    const kept = await stripes.keep(stripe, room);
    if (!kept.ok) return kept;
    const whole = await untilSo(clock, patience, () => isWhole(stripe, room));
    if (!whole.ok || !whole.value) return refused(failure("UNREACHABLE", { stripe: stripe.id }));
    const settled = await ask(room, { type: "fileSettled", stripe }, limits.askTimeoutMs);
    if (!settled.ok) return settled;
    meter.count("file_pieces_striped");
    await copies.forget(room, parts);
    return settled;
  }

  /** The blobs here that may be of pieces, from where the round before has ended. */
  function* candidates(losses: number): Generator<Pair> {
    const pairs = owned.pairs();
    const from = first;
    for (let at = 0; at < pairs.length; at += 1) {
      first = (from + at + 1) % pairs.length;
      const pair = pairs[(from + at) % pairs.length] as Pair;
      const [hash, actor] = pair;
      if (!isRoom(actor) || stays.has(hash)) continue;
      if (bearsEnough(actor, losses)) yield pair;
    }
  }

  /** Moves what may be moved, until so much is asked or done. A few failures one after the other end it: what stands
   *  against these mostly stands against the next. */
  async function round(losses: number): Promise<Result<unknown>> {
    const looked = new Set<BlobHash>();
    let [asked, moved, bad] = [0, 0, 0];
    for (const [hash, room] of candidates(losses)) {
      if (isStopped() || asked >= limits.askedPerRound || moved >= limits.movedPerRound) break;
      if (looked.has(hash)) continue;
      asked += 1;
      const answer = await ask(room, { type: "filePiece", hash }, limits.askTimeoutMs);
      if (!answer.ok) continue;
      const piece = answer.value as FilePiece;
      for (const part of piece.parts) looked.add(part);
      if (piece.stripe?.settled === true) {
        await copies.forget(room, piece.parts);
      } else if (isWorth(piece)) {
        moved += 1;
        const done = await move(room, piece);
        if (done.ok) bad = 0;
        if (done.ok) continue;
        log.warn("attachment.not.striped", { room, file: piece.id, piece: piece.first, failure: done.error });
        if (!ofOneFile.has(done.error.code)) bad += 1;
        if (bad === limits.failuresPerRound) return done;
      } else if (piece.id !== undefined) {
        if (stays.size >= limits.staysMax) stays.clear();
        stays.add(hash);
      }
    }
    return ok(null);
  }

  /** Rounds that failed one after the other, and those that are still left out for it. */
  let [failed, resting] = [0, 0];
  return async () => {
    const losses = ports.isReadByAll() ? ports.losses(attachmentClass) : undefined;
    if (losses === undefined) return;
    if (resting > 0) {
      resting -= 1;
      return;
    }
    const done = await round(losses);
    failed = done.ok ? 0 : failed + 1;
    resting = done.ok ? 0 : Math.min(2 ** failed, limits.restRoundsMax);
    if (!done.ok) meter.count("file_pieces_not_striped");
  };
}
