import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import type { EmojiView } from "../../../../protocols/index.ts";
import { noHabits } from "../../model/index.ts";
import { askAgainInMs } from "../../model/own-emoji.ts";
import { at } from "../../wire/index.ts";
import { ownEmojiKey, textsStaleMs, useOwnEmoji } from "./lists.ts";
import "./own-emoji.css";

/** The cluster's own emoji, and standard ones by their names, in texts and reactions. Loaded with the first name
 *  between colons that is shown. */

// Names of standard emoji may be longer than those of the cluster, and three that people type begin otherwise.
const named = /(?<![\p{L}\p{N}]):([a-z][a-z0-9_+-]{1,59}|[+-]1|100):(?![\p{L}\p{N}])/gu;

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
      loading="lazy"
      draggable={false}
      onError={() => setMissing(hash)}
    />
  );
}

/** Asks for all of them again where a name is not among them. */
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
      askAgainInMs(knownAtMs, Date.now(), Math.random()),
    );
    return () => clearTimeout(timer);
    // One time for each text that is shown: a name that is no emoji is not asked for for ever.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [isMissing, queries, knownAtMs === 0]);
}

const loadStandard = () => import("../writing/emoji-list.tsx");
type Standard = Awaited<ReturnType<typeof loadStandard>>;

/** The standard emoji by their names, loaded with the first name that is not of the cluster; undefined until they are
 *  there, and null where they do not come. */
function useStandard(isNeeded: boolean): Standard | null | undefined {
  const [standard, setStandard] = useState<Standard | null>();
  const isMissing = isNeeded && standard === undefined;
  useEffect(() => {
    if (isMissing) loadStandard().then(setStandard, () => setStandard(null));
  }, [isMissing]);
  return standard;
}

/** A text with pictures in the places of the emoji that it names, and the signs of standard ones. A name that is none,
 *  or none any more, stays. */
export default function WithOwnEmoji({
  text,
  isAlone,
}: {
  readonly text: string;
  /** Nothing else is in its paragraph. */
  readonly isAlone: boolean;
}): ReactNode {
  const { data, dataUpdatedAt } = useOwnEmoji(true, textsStaleMs);
  const found = [...text.matchAll(named)].map(({ 0: said, 1: name = "", index }) => ({
    said,
    name,
    index,
    own: data?.emoji.find((one) => one.name === name),
  }));
  const others = found.filter(({ own }) => own === undefined);
  const standard = useStandard(data !== undefined && others.length > 0);
  const signOf = (name: string) => standard?.emojiNamed(name, noHabits);
  useAskedAgain(standard !== undefined && others.some(({ name }) => signOf(name) === undefined), dataUpdatedAt);
  const parts: ReactNode[] = [];
  let past = 0;
  for (const { said, name, index, own } of found) {
    const sign = own === undefined ? signOf(name) : undefined;
    if (own === undefined && sign === undefined) continue;
    parts.push(
      text.slice(past, index),
      own === undefined ? (
        <span key={index} title={said}>
          {sign}
        </span>
      ) : (
        <OwnEmojiPicture key={index} name={own.name} hash={own.hash} large={isAlone && text.trim() === said} />
      ),
    );
    past = index + said.length;
  }
  return [...parts, text.slice(past)];
}
