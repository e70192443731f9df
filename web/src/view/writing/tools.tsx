import type { KeyboardEvent, RefObject } from "react";
import { isFlag, useKept } from "../../live/index.ts";
import type { Format } from "../../model/formatting.ts";
import { Icon } from "../parts/icons.tsx";
import { useLater } from "../parts/later.ts";
import { EmojiPicker } from "./emoji-picker.tsx";
import { insert } from "./insert.ts";

const loadFormatBar = () => import("./format-bar.tsx");

interface ToolsProps {
  readonly field: RefObject<HTMLTextAreaElement | null>;
}

/** Whether somebody wants the bar above the field; for all fields of this browser. */
const useFormatting = () => useKept("formatting", isFlag, false);

/** The formatting bar, where it is wanted. */
export function ShownFormatBar({ field }: ToolsProps) {
  const [isWanted] = useFormatting();
  const bar = useLater(loadFormatBar, isWanted);
  return bar !== undefined && isWanted && <bar.FormatBar field={() => field.current} />;
}

/** What stands beside every field one writes in: the switch of the formatting bar, and emoji. */
export function WritingTools({ field }: ToolsProps) {
  const [isWanted, want] = useFormatting();
  return (
    <>
      <button
        type="button"
        className="tool"
        aria-label="Formatting"
        title="Formatting"
        aria-pressed={isWanted}
        onClick={() => want(isWanted ? undefined : true)}
      >
        <Icon name="format" />
      </button>
      <EmojiPicker label="Emoji" onPick={(emoji) => field.current && insert(field.current, emoji)} />
    </>
  );
}

/** What the keys of other editors format. A link needs words: without any, the same keys go to another place. */
function formatOf(event: KeyboardEvent<HTMLTextAreaElement>): Format | undefined {
  const { selectionStart, selectionEnd } = event.currentTarget;
  if ((!event.ctrlKey && !event.metaKey) || event.altKey || event.shiftKey) return undefined;
  const key = event.key.toLowerCase();
  if (key === "k" && selectionStart !== selectionEnd) return "link";
  return key === "b" ? "bold" : key === "i" ? "italic" : undefined;
}

/** Formats what is selected, where a key asks for it. */
export function formatByKey(event: KeyboardEvent<HTMLTextAreaElement>): boolean {
  const how = formatOf(event);
  if (how === undefined) return false;
  event.preventDefault();
  event.stopPropagation();
  const field = event.currentTarget;
  // Without it the text stays as it was typed.
  void import("./format.ts").then(
    ({ format }) => format(field, how),
    () => undefined,
  );
  return true;
}
