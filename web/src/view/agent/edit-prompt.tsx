import type { ConversationTurn } from "../../../../protocols/index.ts";
import { parentOf } from "../../../../protocols/answering/branches.ts";
import { isText, useKept, type AgentStore } from "../../live/index.ts";
import { Composer } from "../parts/composer.tsx";

/** The field in place of something that the owner said. Sent, it goes beside what was said, which stays with all that
 *  followed. What is typed is kept until then. */
export function EditPrompt({
  turn,
  store,
  onDone,
}: {
  readonly turn: ConversationTurn;
  readonly store: AgentStore;
  readonly onDone: () => void;
}) {
  const place = `agent/${store.agent}/edit/${turn.turn}`;
  const [text, keep] = useKept(place, isText, turn.text);
  const leave = () => {
    keep(undefined);
    onDone();
  };
  return (
    <Composer
      place={place}
      label="Edit the message"
      edited={{ text, onText: (next) => keep(next === turn.text ? undefined : next) }}
      autoFocus
      mayBeEmpty={turn.sounds !== undefined || turn.files !== undefined}
      onSend={(next) => {
        const { pictures, sounds, files: shown } = turn;
        const parent = parentOf(store.store.latest.branches, turn.turn);
        store.say(next, { ...(pictures && { pictures }), ...(sounds && { sounds }), ...(shown && { shown }), parent });
        leave();
      }}
      onEscape={leave}
      head={
        <div className="composer-head">
          <span className="grow">Edit — Enter asks again, Esc cancels. The old message stays as a branch.</span>
          <button type="button" className="link" onClick={leave}>
            Cancel
          </button>
        </div>
      }
    />
  );
}
