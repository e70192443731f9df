import { lazy, memo, Suspense, useMemo, type ReactNode } from "react";
import { isPlain, readPlain } from "../../../../protocols/reading/plain.ts";
import { namedIn, type Calling } from "../../model/index.ts";
import { Spoken } from "./spoken.tsx";
import { fullTime } from "./time.ts";
import "./rich-text.css";

// Where it can not be loaded, a text is shown as it was written: better than no text.
const Markdown = lazy(() => import("./markdown.tsx").catch(() => ({ default: PlainText })));

/** Message text. Most chat messages need no Markdown and cost nothing; the renderer is loaded with the first that does.
 *  `streaming` text may end in the middle of a construct. */
export const RichText = memo(function RichText({
  text,
  calling,
  streaming = false,
  editedAtMs,
  onEdited,
}: {
  readonly text: string;
  /** The people who are mentioned in it, to be set apart. */
  readonly calling?: Calling | undefined;
  readonly streaming?: boolean;
  /** When it was changed; said behind the last word, so that it takes no line. */
  readonly editedAtMs?: number | undefined;
  /** Shows what it said before. Absent: that is not kept. */
  readonly onEdited?: (() => void) | undefined;
}) {
  const last = editedAtMs !== undefined && (
    <bdi className="edited" title={fullTime(editedAtMs)}>
      {" "}
      {onEdited === undefined ? (
        "(edited)"
      ) : (
        <button
          type="button"
          className="edited-button"
          aria-label="Edited: show what it said before"
          onClick={onEdited}
        >
          (edited)
        </button>
      )}
    </bdi>
  );
  const plain = <PlainText text={text} calling={calling} last={last} />;
  if (!streaming && isPlain(text)) return plain;
  return (
    <Suspense fallback={plain}>
      <Markdown text={text} calling={calling} streaming={streaming} last={last} />
    </Suspense>
  );
});

function PlainText({
  text,
  calling,
  last,
}: {
  readonly text: string;
  readonly calling: Calling | undefined;
  readonly last: ReactNode;
}) {
  const blocks = useMemo(() => readPlain(text), [text]);
  const named = useMemo(() => calling && namedIn(blocks, calling), [blocks, calling]);
  return (
    <div className="rich">
      {blocks.map(({ children }, index) => (
        <p key={index} dir="auto">
          {children.map((prose) => (
            <Spoken key={0} {...prose} named={named} isAlone={children.length === 1} />
          ))}
          {index === blocks.length - 1 && last}
        </p>
      ))}
    </div>
  );
}
