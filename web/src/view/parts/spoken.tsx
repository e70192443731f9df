import type { Prose } from "../../../../protocols/reading/tree.ts";
import type { Named } from "../../model/index.ts";

/** Words with their mentions set apart, each by itself: `@` before a Latin name would change sides in Arabic text.
 *  Mentioned people are shown by the name that they have now. */
export function Spoken({
  text,
  signs = [],
  named,
}: Pick<Prose, "text" | "signs"> & { readonly named: Named | undefined }) {
  if (named === undefined || signs.length === 0) return text;
  const parts = [];
  let past = 0;
  for (const [nth, { index }] of [...text.matchAll(/[@＠﹫]/g)].entries()) {
    const mention = named.get(signs[nth] ?? -1);
    if (mention === undefined) continue;
    parts.push(
      text.slice(past, index),
      <bdi key={index} className="mention" title={mention.said}>
        {mention.name}
      </bdi>,
    );
    past = index + mention.said.length;
  }
  return [...parts, text.slice(past)];
}
