import type { Link } from "../../client/index.ts";
import { unreachedNodes } from "../../protocols/errors.ts";
import { withoutControls } from "../terminal/printable.ts";

/** A link, and the name of the node that it is to, or was to last. */
export interface LinkAt {
  readonly link: Link;
  readonly node: string;
}

/** What a change of the link says to a person: a line for each thing that is other than before. */
export function linkNews(before: LinkAt, now: LinkAt): readonly string[] {
  const { link } = now;
  const node = withoutControls(now.node);
  if (link.status !== "open")
    return before.link.status === "open" && link.status === "waiting"
      ? [`the connection was lost (${withoutControls(link.reason.code)}); trying again`]
      : [];
  const known = before.link.status === "open" && before.link.hello === link.hello ? before.link : undefined;
  const news: string[] = [];
  if (known === undefined)
    news.push(`connected ${now.node === before.node ? "again" : `to ${node}`}; nothing was missed`);
  if (link.degraded !== undefined && link.degraded !== known?.degraded) {
    const unreached = unreachedNodes(link.degraded.reason);
    const others = unreached.length === 0 ? "the other nodes" : withoutControls(unreached.join(", "));
    news.push(`${node} cannot reach ${others}; looking for a node that can`);
  }
  if (link.away !== undefined && link.away !== known?.away)
    news.push(`${withoutControls(link.away)}, which serves this, does not answer; trying again`);
  return news;
}
