import type { SettingEffectAtNode, SettingsPlan } from "../../../../../protocols/index.ts";
import { Note } from "../../parts/note.tsx";
import { valueText } from "./words.ts";

/** Of so many nodes each is told. */
const shownMax = 50;
const when: Readonly<Record<string, string>> = { now: "at once", restart: "after its next start" };

function effectText({ key, before, after, takes, why }: SettingEffectAtNode): string {
  const what =
    takes === "none"
      ? `${key} stays as it is`
      : `${key}: ${valueText(before)} → ${valueText(after)}, ${when[takes] ?? takes}`;
  return why === undefined ? what : `${what} (${why})`;
}

/** What each node would make of a change. */
export function Effects({ plan: { nodes } }: { readonly plan: SettingsPlan }) {
  return (
    <Note tone="plain" title="What would change">
      <div role="status">
        <ul className="faults">
          {nodes.slice(0, shownMax).map(({ node, effects, unknown }) => (
            <li key={node} className="break">
              {node}: {unknown ?? (effects.map(effectText).join("; ") || "nothing")}
            </li>
          ))}
        </ul>
      </div>
      {nodes.length > shownMax && <p>And at {nodes.length - shownMax} more nodes.</p>}
    </Note>
  );
}
