/** Reactions with the cluster's own emoji: whether there is such an emoji a room cannot know. */
import { failure, isOwnEmoji, ok, refused, type Result } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";

/** A reaction in a room. */
export const isReaction = (to: string, type: string): boolean => type === "react" && to.startsWith("room/");

/** Looks whether a reaction that has the form of an own emoji is one. At once for all else. Errors: BAD_REQUEST, those
 *  of the ask. */
export function admitReaction(
  { ownEmoji }: Pick<GatewayContext, "ownEmoji">,
  message: unknown,
): Result<undefined> | Promise<Result<undefined>> {
  const { emoji, on } = (message ?? {}) as { readonly emoji?: unknown; readonly on?: unknown };
  if (on !== true || typeof emoji !== "string" || !isOwnEmoji(emoji)) return ok(undefined);
  return ownEmoji
    .find(({ name }) => `:${name}:` === emoji)
    .then((found) => {
      if (!found.ok) return found;
      const reason = "no emoji has this name";
      return found.value === undefined ? refused(failure("BAD_REQUEST", { field: "emoji", reason })) : ok(undefined);
    });
}
