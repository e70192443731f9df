import { namesIn, splitMentions } from "../../../protocols/mentions.ts";
import { folded } from "../../../protocols/names.ts";

/** Text with its mentions set apart, each by itself: `@` before a Latin name would change sides in Arabic text. */
export function Spoken({
  text,
  mentions,
}: {
  readonly text: string;
  readonly mentions: readonly string[] | undefined;
}) {
  const isMention = (part: string): boolean =>
    mentions !== undefined && [...namesIn(folded(part.slice(1)))].some((name) => mentions.includes(name));
  return splitMentions(text).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      <bdi key={index} className={isMention(part) ? "mention" : undefined}>
        {part}
      </bdi>
    ),
  );
}
