import { useLayoutEffect, useRef, useState } from "react";
import temml from "temml";
import "temml/dist/Temml-Local.css";
import type { Formula } from "../../../../protocols/reading/index.ts";

/** Loaded with the first formula. */

/** No formula may reach for addresses, markup or styles, nor grow without end by what it defines. */
const bounds = { trust: false, strict: false, maxExpand: 200, throwOnError: true, annotate: true };
const maxSize: [number, number] = [20, 20];

/** Commands that hide what was written, or put it where something else stands: such a text is shown as it was
 *  written. */
const refusedWords = (
  "phantom hphantom vphantom def gdef edef xdef let futurelet newcommand renewcommand providecommand " +
  "definecolor color textcolor colorbox fcolorbox kern mkern hskip mskip hspace raisebox smash rlap " +
  "llap clap mathrlap mathllap mathclap rule label ref eqref tag href url class id style data " +
  "includegraphics transparent mathchoice"
).split(" ");
const refused = new RegExp(String.raw`\\(?:${refusedWords.join("|")})(?![A-Za-z])`);
/** A remark of TeX would take the rest of its line away. */
const withoutRemarks = (text: string): string => text.replaceAll(/\\[^]|%/g, (sign) => (sign === "%" ? "\\%" : sign));

/** A formula as MathML, which browsers draw and screen readers read; one that is none, as it was written. */
export function Maths({ text, formula }: { readonly text: string; readonly formula: Formula }) {
  const place = useRef<HTMLSpanElement>(null);
  const [broken, setBroken] = useState<string>();
  useLayoutEffect(() => {
    if (place.current === null) return;
    try {
      if (refused.test(text)) throw new Error("a command that is not drawn");
      temml.render(withoutRemarks(text), place.current, { ...bounds, maxSize, displayMode: formula === "block" });
      setBroken(undefined);
    } catch {
      // No TeX, or too deep.
      place.current.replaceChildren();
      setBroken(text);
    }
  }, [text, formula]);
  const isBroken = broken === text;
  return (
    <>
      <span
        ref={place}
        hidden={isBroken}
        className={`rich-formula ${formula}`}
        title={text}
        tabIndex={formula === "block" && !isBroken ? 0 : undefined}
      />
      {isBroken && <code dir="ltr">{text}</code>}
    </>
  );
}
