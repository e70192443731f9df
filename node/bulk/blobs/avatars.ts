import {
  ok,
  refused,
  type ActorId,
  type EmojiView,
  type FileHeld,
  type Result,
  type UserCard,
} from "../../../protocols/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { BlobHash, Files } from "../../ports/index.ts";
import { createBlobCopies, type BlobCopies, type CopiesOptions } from "./copies.ts";
import { blobLimits } from "./limits.ts";
import { openBlobStore } from "./store.ts";

/** The blobs of a node's actors, on its disk and on those of the others: pictures of people, and those that agents are
 *  shown. Errors: the system's, DATA_DAMAGED. */
export async function openActorBlobs({
  files,
  kernel,
  ...options
}: Omit<CopiesOptions, "blobs" | "slotOf" | "refersTo"> & {
  readonly files: Files;
  readonly kernel: Pick<Kernel, "ask" | "slotOf">;
}): Promise<BlobCopies> {
  return createBlobCopies({
    ...options,
    blobs: await openBlobStore({ files, meter: options.meter }),
    slotOf: (actor) => kernel.slotOf(actor),
    refersTo: (actor, hash) => refersTo(kernel, actor, hash),
  });
}

/** By kind, what says which blobs an actor refers to; of others their card does. */
const questionTo: Readonly<Record<string, string>> = { agent: "pictures", emoji: "list" };

/** Whether somebody shows a picture now, the cluster has an emoji, an agent keeps a file, or a room has a part of one.
 *  What does not exist, or no more, has nothing. */
async function refersTo(kernel: Pick<Kernel, "ask">, actor: ActorId, hash: BlobHash): Promise<Result<boolean>> {
  const timeoutMs = blobLimits.askTimeoutMs;
  const [kind] = actor.split("/", 1);
  const message = kind === "room" ? { type: "fileHeld", hash } : { type: questionTo[kind ?? ""] ?? "card" };
  const answer = await kernel.ask({ to: actor, from: "node", message, timeoutMs });
  if (!answer.ok) return answer.error.code === "NOT_FOUND" ? ok(false) : refused(answer.error);
  if (kind === "room") return ok((answer.value as FileHeld).held);
  if (kind === "emoji") return ok((answer.value as EmojiView).emoji.some((one) => one.hash === hash));
  if (kind === "agent") return ok((answer.value as { readonly hashes: readonly BlobHash[] }).hashes.includes(hash));
  return ok((answer.value as UserCard).avatar?.hash === hash);
}
