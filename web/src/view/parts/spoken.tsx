import { lazy, Suspense, type ReactNode } from "react";
import type { Prose } from "../../../../protocols/reading/tree.ts";
import type { Named } from "../../model/index.ts";

// Where it cannot be loaded, names stay as they were written.
const WithOwnEmoji = lazy(() => import("./own-emoji.tsx").catch(() => ({ default: AsWritten })));
const AsWritten = ({ text }: { readonly text: string }): ReactNode => text;

/** A text in which emoji that are named are shown. Most texts name none, and cost nothing. `isAlone`: it is all of its
 *  paragraph. */
export const withOwnEmoji = (text: string, key = 0, isAlone = false): ReactNode =>
  /:(?:[a-z][\w+-]+|[+-]1|100):/.test(text) ? (
    <Suspense key={key} fallback={text}>
      <WithOwnEmoji text={text} isAlone={isAlone} />
    </Suspense>
  ) : (
    text
  );

/** Words with their mentions set apart, each by itself: `@` before a Latin name would change sides in Arabic text.
 *  Mentioned people are shown by the name that they have now. */
export function Spoken({
  text,
  signs = [],
  named,
  isLink = false,
  isAlone = false,
}: Pick<Prose, "text" | "signs"> & {
  readonly named: Named | undefined;
  /** It stands in a link: no button can. */
  readonly isLink?: boolean;
  /** It is all of its paragraph. */
  readonly isAlone?: boolean;
}) {
  if (named === undefined || signs.length === 0) return withOwnEmoji(text, 0, isAlone);
  const parts = [];
  let past = 0;
  for (const [nth, { index }] of [...text.matchAll(/[@＠﹫]/g)].entries()) {
    const mention = named.get(signs[nth] ?? -1);
    if (mention === undefined) continue;
    parts.push(
      withOwnEmoji(text.slice(past, index), past),
      isLink || mention.who.startsWith("group/") ? (
        <bdi key={index} className="mention" title={mention.said}>
          {mention.name}
        </bdi>
      ) : (
        <button key={index} type="button" className="mention" title={mention.said} data-person={mention.who}>
          <bdi>{mention.name}</bdi>
        </button>
      ),
    );
    past = index + mention.said.length;
  }
  return [...parts, withOwnEmoji(text.slice(past), past)];
}
