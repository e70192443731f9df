import { lazy, memo, Suspense, type ReactNode } from "react";
import { needsMarkdown, paragraphsOf } from "../model/index.ts";
import { Spoken } from "./spoken.tsx";
import { fullTime } from "./time.ts";
import "./rich-text.css";

// Where it can not be loaded, a text is shown as it was written: better than no text.
const Markdown = lazy(() => import("./markdown.tsx").catch(() => ({ default: PlainText })));

/** Message text. Most chat messages need no Markdown and cost nothing; the renderer is loaded with the first that does.
 *  `streaming` text may end in the middle of a construct. */
export const RichText = memo(function RichText({
  text,
  mentions,
  streaming = false,
  editedAtMs,
}: {
  readonly text: string;
  /** Names (without `@`) to set apart, with the reader's own first. */
  readonly mentions?: readonly string[] | undefined;
  readonly streaming?: boolean;
  /** When it was changed; said behind the last word, so that it takes no line. */
  readonly editedAtMs?: number | undefined;
}) {
  const last = editedAtMs !== undefined && (
    <bdi className="edited" title={fullTime(editedAtMs)}>
      {" "}
      (edited)
    </bdi>
  );
  const plain = <PlainText text={text} mentions={mentions} last={last} />;
  if (!streaming && !needsMarkdown(text)) return plain;
  return (
    <Suspense fallback={plain}>
      <Markdown text={text} mentions={mentions} streaming={streaming} last={last} />
    </Suspense>
  );
});

function PlainText({
  text,
  mentions,
  last,
}: {
  readonly text: string;
  readonly mentions: readonly string[] | undefined;
  readonly last: ReactNode;
}) {
  const paragraphs = paragraphsOf(text);
  return (
    <div className="rich">
      {paragraphs.map((paragraph, index) => (
        <p key={index} dir="auto">
          <Spoken text={paragraph} mentions={mentions} />
          {index === paragraphs.length - 1 && last}
        </p>
      ))}
    </div>
  );
}
