import { createContext, useContext, type ReactNode } from "react";
import { Icon } from "../parts/icons.tsx";
import { useRooms, useTold } from "../parts/lists.ts";

/** What the shell can open: the drawer on a phone, the quick switcher, the list of keys, and what makes or finds
 *  something. */
export type Opened =
  | "menu"
  | "switcher"
  | "help"
  | "findRoom"
  | "createRoom"
  | "findPerson"
  | "createAgent"
  | "arrange";

/** Something that is asked before it is done. */
export interface Question {
  readonly title: string;
  /** What will happen, and whether it can be undone. */
  readonly body: ReactNode;
  /** What the button that does it says. */
  readonly action: string;
  /** It destroys something. */
  readonly grave?: boolean;
}

/** The dialogs that the shell owns. */
export interface Dialogs {
  readonly open: (what: Opened) => void;
  /** Asks; false also when something else was opened instead of an answer. */
  readonly ask: (question: Question) => Promise<boolean>;
}

/** Carries them to the screens; the shell fills it. */
export const DialogsContext = createContext<Dialogs>({ open() {}, ask: () => Promise.resolve(false) });

export const useDialogs = (): Dialogs => useContext(DialogsContext);

/** The button that opens the drawer on a phone. */
export function MenuButton() {
  const { open } = useDialogs();
  const rooms = useRooms().data?.rooms ?? [];
  const told = useTold();
  const unread = rooms.some((room) => told(room).unread > 0);
  return (
    <button
      type="button"
      className="tool menu-button"
      onClick={() => open("menu")}
      aria-label={unread ? "Open the menu (unread messages)" : "Open the menu"}
    >
      <Icon name="menu" size={22} />
    </button>
  );
}
