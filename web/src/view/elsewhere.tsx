import { rememberedNodes } from "../wire/index.ts";

/** Links to the same place on the pages of other nodes, for when this one does not answer; nothing where there are none. A
 *  session holds at every node, but a browser keeps its cookie for each host: there one may have to sign in once. */
export function Elsewhere() {
  const nodes = rememberedNodes();
  if (nodes.length === 0) return null;
  return (
    <span>
      Go on at{" "}
      {nodes.map(({ name, url }, index) => (
        <span key={url}>
          {index > 0 && ", "}
          {/* A tab of its own: what waits to be sent on this page is not lost. */}
          <a
            className="link"
            target="_blank"
            rel="noopener"
            href={new URL(location.pathname + location.search, url).href}
          >
            {name}
          </a>
        </span>
      ))}
    </span>
  );
}
