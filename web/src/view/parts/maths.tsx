import { useLayoutEffect, useRef, useState } from "react";
import temml from "temml";
import "temml/dist/Temml-Local.css";
import type { Formula } from "../../../../protocols/reading/index.ts";

/** Loaded with the first formula. */

/** No formula may reach for addresses, markup or styles, nor grow without end by what it defines. */
const bounds = { trust: false, strict: false, maxExpand: 200, maxSize: [20, 20], throwOnError: true, annotate: true };

/** A formula as MathML, which browsers draw and screen readers read; one that is none, as it was written. */
export function Maths({ text, formula }: { readonly text: string; readonly formula: Formula }) {
  const place = useRef<HTMLSpanElement>(null);
  const [broken, setBroken] = useState<string>();
  useLayoutEffect(() => {
    if (place.current === null) return;
    try {
      const options = { ...bounds, maxSize: bounds.maxSize as [number, number], displayMode: formula === "block" };
      temml.render(text, place.current, options);
      setBroken(undefined);
    } catch {
      // No TeX, or too deep.
      place.current.replaceChildren();
      setBroken(text);
    }
  }, [text, formula]);
  return (
    <>
      <span ref={place} className={`rich-formula ${formula}`} tabIndex={formula === "block" ? 0 : undefined} />
      {broken === text && <code dir="ltr">{text}</code>}
    </>
  );
}
