import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import type { Picture } from "./drawing-queue.ts";
import { drawings } from "./drawing.ts";
import "./diagram.css";

/** Loaded with the first diagram. */

/** A diagram as a picture, with its source below it; `source` alone until it is drawn, and where it cannot be. */
export function Diagram({ text, source }: { readonly text: string; readonly source: ReactNode }) {
  const dark = useComputedColorScheme("light") === "dark";
  const [drawn, setDrawn] = useState<{ readonly of: string; readonly picture: Picture | "ask" }>();
  const [pressed, setPressed] = useState<string>();
  const isPressed = pressed === text;
  useEffect(() => {
    const over = new AbortController();
    const { signal } = over;
    void drawings
      .draw(text, dark, { pressed: isPressed, signal })
      .then((picture) => picture === undefined || signal.aborted || setDrawn({ of: text, picture }));
    return () => over.abort();
  }, [text, dark, isPressed]);
  const picture = drawings.known(text, dark) ?? (drawn?.of === text ? drawn.picture : undefined);
  if (picture === "ask" && !isPressed)
    return (
      <>
        {source}
        <p className="diagram-wrong dim" role="note">
          It may take long to draw.{" "}
          <button type="button" className="link" onClick={() => setPressed(text)}>
            Draw the diagram
          </button>
        </p>
      </>
    );
  if (typeof picture === "object" && "svg" in picture)
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
  const why = typeof picture === "object" ? firstLine(picture.wrong) : undefined;
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

/** All of it is in the source below. */
const altCharsMax = 400;

const firstLine = (wrong: string): string => wrong.split("\n", 1)[0] ?? "";
