import { siblingsOf } from "../../../../protocols/answering/branches.ts";
import { useShown, type AgentStore } from "../../live/index.ts";
import type { AgentModel } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";

/** Which of the turns that stand at this place is shown, and the way to the others; nothing where there is one. */
export function Versions({ turn, store }: { readonly turn: number; readonly store: AgentStore }) {
  const branches = useShown(store.store, (model: AgentModel) => model.branches);
  if (branches.forks.length === 0) return null;
  const all = siblingsOf(branches, turn);
  if (all.length < 2) return null;
  const at = all.indexOf(turn);
  const step = (by: number, label: string) => {
    const to = all[at + by];
    return (
      <button
        type="button"
        className={by > 0 ? "tool next" : "tool"}
        aria-label={label}
        title={label}
        disabled={to === undefined}
        onClick={() => to !== undefined && void store.choose(to)}
      >
        <Icon name="back" size={16} />
      </button>
    );
  };
  return (
    <span className="versions" role="group" aria-label="Versions">
      {step(-1, "Previous version")}
      <span>
        {at + 1} / {all.length}
      </span>
      {step(1, "Next version")}
    </span>
  );
}
