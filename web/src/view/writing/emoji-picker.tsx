import { Popover } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import { Icon } from "../parts/icons.tsx";
import { useLayer } from "../parts/layers.tsx";
import { atHand } from "./at-hand.ts";

// Where the others cannot be loaded, those at hand are enough.
const EmojiPanel = lazy(() => import("./emoji-panel.tsx").catch(() => ({ default: AtHand })));

/** A button that offers all emoji, by groups and by their names. */
export function EmojiPicker({
  label = "Add a reaction",
  onPick,
  onOpen,
}: {
  readonly label?: string;
  readonly onPick: (emoji: string) => void;
  readonly onOpen?: (open: boolean) => void;
}) {
  const [opened, setOpened] = useState(false);
  const change = (open: boolean) => {
    setOpened(open);
    onOpen?.(open);
  };
  useLayer(opened, () => change(false));
  const pick = (emoji: string) => {
    change(false);
    onPick(emoji);
  };
  return (
    <Popover opened={opened} onChange={change} position="top-end" withinPortal trapFocus shadow="md">
      <Popover.Target>
        <button type="button" className="tool" aria-label={label} title={label} onClick={() => change(!opened)}>
          <Icon name="smile" />
        </button>
      </Popover.Target>
      <Popover.Dropdown p={8} aria-label={label} className="emoji-panel">
        <Suspense fallback={<AtHand onPick={pick} />}>
          <EmojiPanel onPick={pick} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}

/** What every look at emoji takes. */
export interface EmojiPanelProps {
  readonly onPick: (emoji: string) => void;
}

function AtHand({ onPick }: EmojiPanelProps) {
  return (
    <div className="emoji-grid">
      {atHand.map((emoji) => (
        <button key={emoji} type="button" className="emoji" aria-label={emoji} onClick={() => onPick(emoji)}>
          {emoji}
        </button>
      ))}
    </div>
  );
}
