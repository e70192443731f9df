import { Menu, Modal } from "@mantine/core";
import { createContext, useContext, useLayoutEffect, useRef, useState, type ReactElement, type ReactNode } from "react";

/** What lies over the page, dialogs and menus: one at a time. What opens closes what was open, and when nothing is open
 *  any more the focus goes back to where it was before the first of them. */
class Layers {
  #open: { readonly close: () => void } | undefined;
  /** What had the focus before, and what stands around it: what opened a dialog may be gone when the dialog closes. */
  #trail: readonly HTMLElement[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Returns how to say that it is no longer open. */
  enter(close: () => void): () => void {
    const layer = { close };
    const before = this.#open;
    this.#open = layer;
    // A menu's entry that opens a dialog closes the menu first: that is still the same visit.
    if (before === undefined && this.#timer === undefined) this.#trail = trailOf(document.activeElement);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    before?.close();
    return () => {
      if (this.#open !== layer) return;
      this.#open = undefined;
      this.#timer = setTimeout(() => this.#giveBack());
    };
  }

  #giveBack(): void {
    this.#timer = undefined;
    const { activeElement } = document;
    // Somebody took it on purpose: the field of the room that was gone to.
    const isFree =
      activeElement === null || activeElement === document.body || activeElement.closest("[data-portal]") !== null;
    if (isFree) this.#trail.find((place) => place.isConnected)?.focus({ preventScroll: true });
    this.#trail = [];
  }
}

const layers = new Layers();

function trailOf(place: Element | null): readonly HTMLElement[] {
  const trail: HTMLElement[] = [];
  for (let at = place; at instanceof HTMLElement && at !== document.body; at = at.parentElement)
    if (at === place || at.hasAttribute("tabindex")) trail.push(at);
  return trail;
}

/** Makes something that opens over the page the only one. */
export function useLayer(opened: boolean, close: () => void): void {
  const current = useRef(close);
  current.current = close;
  useLayoutEffect(() => {
    if (opened) return layers.enter(() => current.current());
    return;
  }, [opened]);
}

/** What every dialog takes. */
export interface DialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** A dialog with a title. */
export function Dialog(props: DialogProps & { readonly title: string; readonly children: ReactNode }) {
  useLayer(props.opened, props.onClose);
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      returnFocus={false}
      classNames={{ title: "dialog-title" }}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {props.children}
    </Modal>
  );
}

/** Whether this stands in something that lies over the page. A menu in it belongs to it, and does not close it. */
export const InLayer = createContext(false);

/** A button with a menu of actions. */
export function Actions(props: {
  readonly button: ReactElement;
  readonly children: ReactNode;
  readonly width?: number;
  readonly position?: "bottom-end" | "top-start" | "top-end";
  readonly onOpen?: (open: boolean) => void;
}) {
  const [opened, setOpened] = useState(false);
  const change = (open: boolean) => {
    setOpened(open);
    props.onOpen?.(open);
  };
  const isWithin = useContext(InLayer);
  useLayer(opened && !isWithin, () => change(false));
  return (
    <Menu
      opened={opened}
      onChange={change}
      position={props.position ?? "bottom-end"}
      {...(props.width !== undefined && { width: props.width })}
      withinPortal
      returnFocus={isWithin}
      transitionProps={{ duration: 0 }}
    >
      <Menu.Target>{props.button}</Menu.Target>
      <Menu.Dropdown>{props.children}</Menu.Dropdown>
    </Menu>
  );
}
