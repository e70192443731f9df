import { useEffect, useReducer } from "react";
import { ownPath, refreshNodes, rememberedNodes } from "../../wire/index.ts";
import { urlAt } from "../../../../protocols/admin/nodes.ts";

/** Links to the same place on the pages of other nodes, for when this one does not answer; nothing where there are
 *  none. A session holds at every node, but a browser keeps its cookie for each host: there one may have to sign in
 *  once.
 *
 *  `away`: a node that is known not to answer. `ask`: this node may, and says then which others are up by now. */
export function Elsewhere({ away, ask = false }: { readonly away?: string | undefined; readonly ask?: boolean }) {
  const [, showAnew] = useReducer((times: number) => times + 1, 0);
  useEffect(() => {
    if (ask) void refreshNodes().then(showAnew);
  }, [ask]);
  const nodes = rememberedNodes().filter(({ name }) => name !== away);
  if (nodes.length === 0) return null;
  return (
    <span>
      Continue at{" "}
      {nodes.map(({ name, url }, index) => (
        <span key={url}>
          {index > 0 && ", "}
          {/* A tab of its own: what waits to be sent on this page is not lost. */}
          <a className="link" target="_blank" rel="noopener" href={urlAt(url, ownPath() + location.search).href}>
            {name}
          </a>
        </span>
      ))}
    </span>
  );
}
