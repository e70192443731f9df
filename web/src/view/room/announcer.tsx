import { useRef } from "react";
import { stageWords } from "../../../../protocols/answering/words.ts";
import { useNow, useShown } from "../../live/index.ts";
import { namedFiles, newestLine, type RoomModel } from "../../model/index.ts";
import type { MessageActions } from "./message-actions.ts";

/** What lines about the room need. */
interface Line {
  readonly actions: Pick<MessageActions, "room" | "nameFor" | "me">;
}

/** Says which people are writing. */
export function TypingLine({ actions }: Line) {
  const { room, nameFor, me } = actions;
  const typing = useShown(room.store, (model: RoomModel) => model.typing);
  const others = Object.entries(typing).filter(([member]) => member !== me);
  const nowMs = useNow(1_000, others.length > 0);
  const names = others.filter(([, untilMs]) => untilMs > nowMs).map(([member]) => nameFor(member));
  return (
    <div className="under">
      {names.length > 2 ? (
        `${names.length} people are typing …`
      ) : names.length > 0 ? (
        <>
          <bdi>{names[0]}</bdi>
          {names.length === 2 && (
            <>
              {" and "}
              <bdi>{names[1]}</bdi>
            </>
          )}
          {names.length === 2 ? " are typing …" : " is typing …"}
        </>
      ) : null}
    </div>
  );
}

/** Tells screen readers about new messages; the list itself only holds what is in view. */
export function Announcer({ actions }: Line) {
  const { room, nameFor, me } = actions;
  const newest = useShown(room.store, newestLine);
  // How far the answers are that one has asked for.
  const stages = useShown(room.store, (model: RoomModel) => stagesFor(model, me, nameFor));
  const first = useRef(newest?.seq);
  const told = newest !== undefined && newest.seq !== first.current && newest.author !== me;
  return (
    <>
      <div className="hidden-text" role="status">
        {stages}
      </div>
      <div className="hidden-text" role="log" aria-live="polite">
        {told && (
          <p key={newest.seq}>
            <bdi>{nameFor(newest.author)}</bdi>: <bdi>{newest.text.slice(0, 300)}</bdi> {namedFiles(newest.files)}
          </p>
        )}
      </div>
    </>
  );
}

/** What a screen reader says of the answers that a person has asked for. */
const stagesFor = (model: RoomModel, me: string, nameFor: (principal: string) => string): string =>
  Object.values(model.drafts)
    .filter(({ by }) => by === me)
    .map((draft) => `${nameFor(draft.agent)} is ${stageWords(draft)}.`)
    .join(" ");
