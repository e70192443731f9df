import { createContext, useContext } from "react";
import { Icon } from "./icons.tsx";
import { useRooms } from "./lists.ts";

/** The dialogs that the shell owns. */
export interface Dialogs {
  readonly openMenu: () => void;
  readonly openSwitcher: () => void;
  readonly openHelp: () => void;
}

/** Carries them to the screens; the shell fills it. */
export const DialogsContext = createContext<Dialogs>({ openMenu() {}, openSwitcher() {}, openHelp() {} });

/** Opens what the shell owns: the drawer on a phone, the quick switcher, the list of keys. */
export const useDialogs = (): Dialogs => useContext(DialogsContext);

/** The button that opens the drawer on a phone. */
export function MenuButton() {
  const { openMenu } = useDialogs();
  const rooms = useRooms().data?.rooms ?? [];
  const unread = rooms.some((room) => room.unread > 0);
  return (
    <button
      type="button"
      className="tool menu-button"
      onClick={openMenu}
      aria-label={unread ? "Open the menu (unread messages)" : "Open the menu"}
    >
      <Icon name="menu" size={22} />
    </button>
  );
}
