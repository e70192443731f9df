import { lazy, memo, Suspense } from "react";
import { needsMarkdown, splitMentions } from "../model/index.ts";
import "./rich-text.css";

const Markdown = lazy(() => import("./markdown.tsx"));

/** Message text. Most chat messages need no Markdown and cost nothing; the renderer is loaded with the first that does.
 *  `streaming` text may end in the middle of a construct. */
export const RichText = memo(function RichText({
  text,
  mentions,
  streaming = false,
}: {
  readonly text: string;
  /** Names (without `@`) to set apart, with the reader's own first. */
  readonly mentions?: readonly string[] | undefined;
  readonly streaming?: boolean;
}) {
  const plain = <PlainText text={text} mentions={mentions} />;
  if (!streaming && !needsMarkdown(text)) return plain;
  return (
    <Suspense fallback={plain}>
      <Markdown text={text} mentions={mentions} streaming={streaming} />
    </Suspense>
  );
});

function PlainText({ text, mentions }: { readonly text: string; readonly mentions: readonly string[] | undefined }) {
  return (
    <div className="rich">
      <p>
        {splitMentions(text).map((part, index) =>
          index % 2 === 0 ? (
            part
          ) : mentions?.includes(part) === true ? (
            <span key={index} className="mention">
              @{part}
            </span>
          ) : (
            `@${part}`
          ),
        )}
      </p>
    </div>
  );
}
