import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import type { EmojiView } from "../../../../protocols/index.ts";
import { ownEmojiNameText } from "../../../../protocols/text/own-emoji.ts";
import { at } from "../../wire/index.ts";
import { ownEmojiKey, useOwnEmoji } from "./lists.ts";
import "./own-emoji.css";

/** The cluster's own emoji in texts and reactions; loaded with the first name between colons that is shown. */

const named = new RegExp(`(?<![\\p{L}\\p{N}]):(${ownEmojiNameText}):(?![\\p{L}\\p{N}])`, "gu");

/** A name that is not known is asked for again after so long: it may have been added since. */
const askAgainMs = 10_000;

/** Where the picture of an emoji is. What has an address never changes, so browsers keep it. */
export const ownEmojiUrl = (hash: string): string => at(`/api/v1/emoji/${hash}`);

/** The picture of one, or its name where the picture does not come. */
export function OwnEmojiPicture({
  name,
  hash,
  large = false,
}: {
  readonly name: string;
  readonly hash: string;
  readonly large?: boolean;
}) {
  const [missing, setMissing] = useState<string>();
  const said = `:${name}:`;
  return missing === hash ? (
    said
  ) : (
    <img
      className={large ? "own-emoji large" : "own-emoji"}
      src={ownEmojiUrl(hash)}
      alt={said}
      title={said}
      decoding="async"
      draggable={false}
      onError={() => setMissing(hash)}
    />
  );
}

/** Asks for all of them again, once the answer is old enough, where a name is not among them. */
function useAskedAgain(isMissing: boolean, knownAtMs: number): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!isMissing || knownAtMs === 0) return;
    // Of many that wait for the same answer, the first asks.
    const timer = setTimeout(
      () => {
        if (queries.getQueryState<EmojiView>(ownEmojiKey)?.dataUpdatedAt === knownAtMs)
          void queries.refetchQueries({ queryKey: ownEmojiKey, exact: true });
      },
      Math.max(0, knownAtMs + askAgainMs - Date.now()),
    );
    return () => clearTimeout(timer);
    // One time for each text that is shown: a name that is no emoji is not asked for for ever.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [isMissing, queries, knownAtMs === 0]);
}

/** A text with pictures in the places of the emoji that it names. A name that is none, or none any more, stays. */
export default function WithOwnEmoji({ text }: { readonly text: string }): ReactNode {
  const { data, dataUpdatedAt } = useOwnEmoji();
  const found = [...text.matchAll(named)].map(({ 0: said, 1: name = "", index }) => ({
    said,
    index,
    emoji: data?.emoji.find((one) => one.name === name),
  }));
  useAskedAgain(
    found.some(({ emoji }) => emoji === undefined),
    dataUpdatedAt,
  );
  const parts: ReactNode[] = [];
  let past = 0;
  for (const { said, index, emoji } of found) {
    if (emoji === undefined) continue;
    parts.push(
      text.slice(past, index),
      <OwnEmojiPicture key={index} name={emoji.name} hash={emoji.hash} large={text.trim() === said} />,
    );
    past = index + said.length;
  }
  return [...parts, text.slice(past)];
}
