import { Children, Fragment, type ReactNode } from "react";
import { useCopy } from "./clipboard.ts";
import { Icon } from "./icons.tsx";

/** A sentence as refusals and advice have it: what stands between backquotes is code, and a command can be copied. */
export function Told({ text }: { readonly text: string }) {
  return text.split("`").map((piece, index) => {
    // A sign without its other one says nothing.
    if (index % 2 === 0) return piece;
    return piece.startsWith("plexus ") ? <Command key={index} text={piece} /> : <code key={index}>{piece}</code>;
  });
}

/** The same of whatever stands in an element: what is text is told, what is none stays. */
export const told = (children: ReactNode): ReactNode =>
  Children.map(children, (one) => (typeof one === "string" ? <Told text={one} /> : one));

/** A command for a terminal, within a sentence. */
function Command({ text }: { readonly text: string }) {
  const { copied, copy } = useCopy();
  return (
    <span className="command">
      <code>
        {text.split(" ").map((word, index) => (
          <Fragment key={index}>
            {index > 0 && " "}
            <span>{word}</span>
          </Fragment>
        ))}
      </code>
      <button
        type="button"
        className="tool"
        aria-live="off"
        aria-label={`Copy: ${text}`}
        title="Copy"
        onClick={() => copy(text)}
      >
        <Icon name={copied ? "check" : "copy"} size={14} />
      </button>
    </span>
  );
}
