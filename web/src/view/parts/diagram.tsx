import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { draw, known, type Picture } from "./drawing.ts";
import "./diagram.css";

/** Loaded with the first diagram. */

/** A diagram as a picture, with its source below it; `source` alone until it is drawn, and where it cannot be. */
export function Diagram({ text, source }: { readonly text: string; readonly source: ReactNode }) {
  const dark = useComputedColorScheme("light") === "dark";
  const [drawn, setDrawn] = useState<{ readonly of: string; readonly picture: Picture; readonly dark: boolean }>();
  useEffect(() => {
    let isOver = false;
    void draw(text, dark).then((picture) => isOver || setDrawn({ of: text, picture, dark }));
    return () => void (isOver = true);
  }, [text, dark]);
  const own = drawn?.of === text ? drawn : undefined;
  const picture = known(text, dark) ?? own?.picture;
  if (picture !== undefined && "svg" in picture)
    return (
      <figure className="diagram">
        <div className="diagram-place" tabIndex={0} role="group" aria-label="Diagram">
          <img
            src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture.svg)}`}
            width={picture.width}
            height={picture.height}
            alt={`A diagram, drawn from this source: ${text.slice(0, altCharsMax)}`}
          />
        </div>
        <details className="diagram-source">
          <summary>Source of the diagram</summary>
          {source}
        </details>
      </figure>
    );
  const why = own && (own.picture !== undefined && "wrong" in own.picture ? firstLine(own.picture.wrong) : tooLong);
  return (
    <>
      {source}
      {why !== undefined && (
        <p className="diagram-wrong dim" role="note">
          Not drawn. {why}
        </p>
      )}
    </>
  );
}

const tooLong = "It took too long to draw.";
/** All of it is in the source below. */
const altCharsMax = 400;

const firstLine = (wrong: string): string => wrong.split("\n", 1)[0] ?? "";
