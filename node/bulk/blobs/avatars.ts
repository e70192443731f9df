import { ok, refused, type ActorId, type Result, type UserCard } from "../../../protocols/index.ts";
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
    refersTo: (actor) => picturesOf(kernel, actor),
  });
}

/** What somebody shows now, or an agent keeps. A name without an account has nothing, nor has an agent that was
 *  deleted. */
async function picturesOf(kernel: Pick<Kernel, "ask">, actor: ActorId): Promise<Result<readonly BlobHash[]>> {
  const timeoutMs = blobLimits.askTimeoutMs;
  const isAgent = actor.startsWith("agent/");
  const message = { type: isAgent ? "pictures" : "card" };
  const answer = await kernel.ask({ to: actor, from: "node", message, timeoutMs });
  if (!answer.ok) return answer.error.code === "NOT_FOUND" ? ok([]) : refused(answer.error);
  if (isAgent) return ok((answer.value as { readonly hashes: readonly BlobHash[] }).hashes);
  const { avatar } = answer.value as UserCard;
  return ok(avatar === undefined ? [] : [avatar.hash]);
}
