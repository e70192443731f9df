import { useRef, type KeyboardEvent, type ReactNode } from "react";
import { formats, type Format } from "../../model/formatting.ts";
import { format } from "./format.ts";
import "./format-bar.css";

const chain =
  "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1.500 1.500" +
  "M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.500-1.500";

const said: Readonly<Record<Format, readonly [name: string, sign: ReactNode, key?: string]>> = {
  bold: ["Bold", <b key="b">B</b>, "Ctrl+B"],
  italic: ["Italic", <i key="i">I</i>, "Ctrl+I"],
  strike: ["Strikethrough", <s key="s">S</s>],
  code: ["Code", <Shape key="c" path="M9 7l-5 5 5 5M15 7l5 5-5 5" />],
  quote: ["Quotation", <Shape key="q" path="M5 5v14M10 8h9M10 12h9M10 16h6" />],
  list: ["List", <Shape key="l" path="M5 7v.1M5 12v.1M5 17v.1M10 7h9M10 12h9M10 17h9" />],
  link: ["Link", <Shape key="k" path={chain} />, "Ctrl+K"],
};

function Shape({ path }: { readonly path: string }) {
  return (
    <svg
      width={16}
      height={16}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}

/** Buttons that format what is selected in a field. One stop for Tab; the arrows lead on. */
export function FormatBar({ field }: { readonly field: () => HTMLTextAreaElement | null }) {
  const bar = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(bar.current?.querySelectorAll("button") ?? [])];
    const at = all.findIndex((button) => button === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    all[(at + step + all.length) % all.length]?.focus();
  };
  return (
    <div ref={bar} role="toolbar" aria-label="Formatting" className="format-bar" onKeyDown={onKeyDown}>
      {formats.map((how, index) => {
        const [name, sign, key] = said[how];
        return (
          <button
            key={how}
            type="button"
            className="tool"
            tabIndex={index === 0 ? 0 : -1}
            aria-label={name}
            title={key === undefined ? name : `${name} (${key})`}
            // What is selected stays selected, and on a phone its keyboard stays open.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => {
              const place = field();
              if (place !== null) format(place, how);
            }}
          >
            {sign}
          </button>
        );
      })}
    </div>
  );
}
