/** The program of the frame that draws diagrams (docs/decisions/0244-diagrams.md). The frame is of no origin and has no
 *  network: what a text can make Mermaid do stays in it. It takes a text, and gives the picture as SVG.
 *
 *      page ─ { number, text, dark } ─► frame ─ { number, svg, width, height } or { number, wrong } ─► page
 *
 *  The page shows what it is given as a picture, in which a browser runs and loads nothing. */
import mermaid from "mermaid";
import { drawingEdgesMax, drawingCharsMax, isWanted, type Drawn } from "./diagram-words.ts";

/** What a text may not set for itself. */
const secure = [
  "secure",
  "securityLevel",
  "startOnLoad",
  "maxTextSize",
  "maxEdges",
  "suppressErrorRendering",
  "htmlLabels",
  "flowchart",
  "themeCSS",
  "fontFamily",
  "altFontFamily",
  "dompurifyConfig",
];

async function draw(number: number, text: string, dark: boolean): Promise<Drawn> {
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    suppressErrorRendering: true,
    maxTextSize: drawingCharsMax,
    maxEdges: drawingEdgesMax,
    deterministicIds: true,
    theme: dark ? "dark" : "default",
    fontFamily: "system-ui, sans-serif",
    // In a picture, text of HTML has no place.
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    secure,
  });
  const { svg } = await mermaid.render(`drawn${number}`, text);
  const root = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  const [, , width = 0, height = 0] = (root?.getAttribute("viewBox") ?? "").split(/\s+/).map(Number);
  if (root === null || !(width > 0 && height > 0)) throw new Error("nothing was drawn");
  root.setAttribute("width", String(Math.ceil(width)));
  root.setAttribute("height", String(Math.ceil(height)));
  root.style.removeProperty("max-width");
  stand(root);
  const picture = new XMLSerializer().serializeToString(root);
  return { number, svg: picture, width: Math.ceil(width), height: Math.ceil(height) };
}

/** Nothing in a picture moves: nobody can stop it there. */
function stand(root: Element): void {
  const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = "*, *::before, *::after { animation: none !important }";
  root.append(style);
  for (const own of root.querySelectorAll<SVGElement>("[style*=animation i]"))
    for (const name of [...own.style].filter((one) => one.startsWith("animation"))) own.style.removeProperty(name);
}

window.addEventListener("message", ({ data, source }) => {
  if (source !== window.parent || !isWanted(data)) return;
  const { number, text, dark } = data;
  const tell = (drawn: Drawn): void => window.parent.postMessage(drawn, "*");
  draw(number, text, dark).then(tell, (error: unknown) =>
    tell({ number, wrong: (error instanceof Error ? error.message : String(error)).slice(0, 500) }),
  );
});
window.parent.postMessage("ready", "*");
