import { ok, refused, type ActorId, type Result, type UserCard } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { BlobHash, Files } from "../ports.ts";
import { createBlobCopies, type BlobCopies, type CopiesOptions } from "./copies.ts";
import { blobLimits } from "./limits.ts";
import { openBlobStore } from "./store.ts";

/** The blobs of a node's actors, on its disk and on those of the others: for now, pictures of people. Errors: the system's, DATA_DAMAGED. */
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
    refersTo: (actor) => pictureOf(kernel, actor),
  });
}

/** The picture that somebody has now. Who has no account has none. */
async function pictureOf(kernel: Pick<Kernel, "ask">, actor: ActorId): Promise<Result<BlobHash | undefined>> {
  const timeoutMs = blobLimits.askTimeoutMs;
  const answer = await kernel.ask({ to: actor, from: "node", message: { type: "card" }, timeoutMs });
  if (answer.ok) return ok((answer.value as UserCard).avatar?.hash);
  return answer.error.code === "NOT_FOUND" ? ok(undefined) : refused(answer.error);
}
