import type { RoomMessage } from "../../../../protocols/index.ts";
import { Face } from "../parts/here.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { withOwnEmoji } from "../parts/spoken.tsx";

/** The people who have reacted to a message, by emoji. A click on a name opens the card of its person. */
export default function Reacted({
  message,
  opened,
  onClose,
}: DialogProps & { readonly message: Pick<RoomMessage, "reactions"> }) {
  const nameFor = useNames();
  const reactions = Object.entries(message.reactions ?? {}).filter(([, people]) => people.length > 0);
  return (
    <Dialog opened={opened} onClose={onClose} title="Reactions">
      {reactions.length === 0 && <p className="dim flush">All of them were taken back.</p>}
      {reactions.map(([emoji, people]) => (
        <section key={emoji} aria-label={`${emoji}, ${people.length}`}>
          <h3 className="flush">
            {withOwnEmoji(emoji)} <span className="dim">{people.length}</span>
          </h3>
          <ul className="members">
            {people.map((principal) => (
              <li key={principal} className="member">
                <Face principal={principal} label={nameFor(principal)} size={32} />
                <button type="button" className="author ellipsis" dir="auto" data-person={principal}>
                  {nameFor(principal)}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </Dialog>
  );
}
