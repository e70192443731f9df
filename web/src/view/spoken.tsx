import { splitMentions } from "../model/index.ts";

/** Text with its mentions set apart, each by itself: `@` before a Latin name would change sides in Arabic text. */
export function Spoken({
  text,
  mentions,
}: {
  readonly text: string;
  readonly mentions: readonly string[] | undefined;
}) {
  if (!text.includes("@")) return text;
  return splitMentions(text).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      <bdi key={index} className={mentions?.includes(part) === true ? "mention" : undefined}>
        @{part}
      </bdi>
    ),
  );
}
