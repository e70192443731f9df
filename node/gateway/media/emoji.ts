/** The cluster's own emoji (docs/decisions/0275-emoji-of-the-cluster.md).
 *
 *      a file ─► how large it says it is ─► drawn anew in the process of the opener ─► blob ─► `emoji/cluster` has it
 *
 *  Nothing of the file is in what is kept: no words, no second picture, no program. The row says what the caller
 *  may. */
import type { FastifyInstance } from "fastify";
import {
  failure,
  ok,
  PlexusError,
  refused,
  removed,
  schema,
  wireLimits,
  type EmojiView,
  type OwnEmoji,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { pictureIn, sizeOfGif, type Opener } from "../../../runtimes/opened/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { demand } from "../edge/refusals.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";
import { ownEmojiActor } from "./own-emoji.ts";
import { addKept } from "./picture-bodies.ts";

type Asks = Pick<GatewayContext, "kernel" | "limits" | "ownEmoji">;

const asks =
  ({ kernel, limits }: Asks) =>
  (message: Message): Promise<Result<unknown>> =>
    kernel.ask({ to: ownEmojiActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs });

/** Whether a file may be drawn, by its size and its first and last bytes. Errors: BAD_REQUEST, TOO_LARGE. */
function mayDraw(bytes: Buffer): Result<unknown> {
  const { emojiFileBytesMax, emojiFileSideMax } = wireLimits;
  if (bytes.length > emojiFileBytesMax)
    return refused(failure("TOO_LARGE", { bytes: bytes.length, emojiFileBytesMax }));
  const size = pictureIn(bytes) ?? sizeOfGif(bytes);
  if (size === undefined || size.width < 1 || size.height < 1)
    return refused(failure("BAD_REQUEST", { path: "/picture", problem: "not a whole PNG, JPEG, WebP or GIF picture" }));
  const { width, height } = size;
  if (Math.max(width, height) > emojiFileSideMax)
    return refused(failure("TOO_LARGE", { width, height, emojiFileSideMax }));
  return ok(undefined);
}

/** The picture as it is kept. Errors: BAD_REQUEST, OVERLOADED. */
async function drawn(opener: Pick<Opener, "tried">, bytes: Buffer, person: string): Promise<Result<Uint8Array>> {
  const box = { width: wireLimits.emojiSideMax, height: wireLimits.emojiSideMax };
  const opened = await opener.tried("picture", async () => ({ bytes, box }), { person, lane: "emoji" });
  if (opened.type === "told") return ok(opened.told.bytes);
  return refused(
    opened.why === "refused" || opened.why === "time" || opened.why === "memory"
      ? failure("BAD_REQUEST", { path: "/picture", problem: "this picture cannot be drawn" })
      : failure("OVERLOADED", { reason: "the node draws too many pictures now" }),
  );
}

/** The handlers. */
export function handleEmoji(
  at: Asks & Pick<GatewayContext, "rates">,
  { blobs, opener }: { readonly blobs: ActorBlobs; readonly opener: Pick<Opener, "tried"> },
): Pick<OwnHandlers, "emoji.list" | "emoji.add" | "emoji.remove"> {
  const ask = asks(at);
  const change = (message: Message): Promise<Result<unknown>> => ask(message).finally(() => at.ownEmoji.changed());
  const rate = at.rates.limit("emoji", at.limits.emojiRate);
  return {
    "emoji.list": async () => (await ask({ type: "list" })) as Result<EmojiView>,
    "emoji.add": async ({ name, picture }, asker) => {
      const retryAfterMs = rate.take(asker.by);
      if (retryAfterMs > 0) return { result: refused(failure("RATE_LIMITED", { retryAfterMs })) };
      const { isStandardName } = await import("./standard-emoji.ts");
      if (isStandardName(name)) return { result: refused(failure("NAME_TAKEN", { field: "name" })) };
      const bytes = Buffer.from(picture, "base64");
      const allowed = mayDraw(bytes);
      if (!allowed.ok) return { result: allowed };
      const small = await drawn(opener, bytes, asker.by);
      if (!small.ok) return { result: small };
      const by = asker.actor?.startsWith("user/") === true ? { by: asker.by } : {};
      const add = (hash: string) => change({ type: "add", name, hash, size: small.value.length, ...by });
      const result = (await blobs.put(ownEmojiActor, small.value, add)) as Result<OwnEmoji>;
      return { result, after: result.ok ? result.value : undefined };
    },
    "emoji.remove": async ({ name }) => removed((await change({ type: "remove", name })) as Result<OwnEmoji>),
  };
}

/** Adds the route of the pictures, each by its hash, as long as an emoji has it. */
export function addEmojiPictures(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  addKept<{ params: { hash: string } }>(
    app,
    "/emoji/:hash",
    {
      permission: "account.see",
      summary: "The picture of an emoji of the cluster, by its hash",
      tags: ["emoji"],
      params: schema.object({ hash: schema.blobHash }),
      produces: ["image/webp"],
    },
    {
      at,
      blobs,
      async find(request) {
        const { hash } = request.params;
        const found = demand(await at.ownEmoji.find((one) => one.hash === hash));
        if (found === undefined) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
        return { of: ownEmojiActor, hash, size: found.size, mediaType: "image/webp", name: `${found.name}.webp` };
      },
    },
  );
}
