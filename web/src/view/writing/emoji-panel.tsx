import { TextInput } from "@mantine/core";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { normalEmoji } from "../../../../protocols/text/emoji.ts";
import { isOwnEmoji } from "../../../../protocols/text/own-emoji.ts";
import { useHabits } from "../../live/index.ts";
import { afterPick, withTone, type Emoji } from "../../model/emoji.ts";
import { tones, type Tone } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useOwnEmoji } from "../parts/lists.ts";
import { atHand } from "./at-hand.ts";
import { emojiByGroup, found, ownAmong, Sign } from "./emoji-list.tsx";
import type { EmojiPanelProps } from "./emoji-picker.tsx";
import "./emoji-panel.css";

/** The groups of Unicode, each with the sign on its tab. */
const groups = [
  ["Often used", "🕘"],
  ["Faces", "😀"],
  ["People", "👋"],
  ["Nature", "🐻"],
  ["Food", "🍎"],
  ["Places", "🚗"],
  ["Activities", "⚽"],
  ["Objects", "💡"],
  ["Symbols", "💛"],
  ["Flags", "🏁"],
  ["Of this cluster", "✨"],
] as const;

const columns = 8;
// What is drawn of a search; who looks for one types more letters.
const foundMax = columns * 12;
const bySign = new Map(emojiByGroup.flat().map((emoji) => [emoji.sign, emoji]));

/** All emoji: a field that finds them, a tab for each group, and the colour of skin they have. */
export default function EmojiPanel({ onPick }: EmojiPanelProps) {
  const [habits, setHabits] = useHabits();
  const [text, setText] = useState("");
  const [group, setGroup] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // On a phone its keyboard would cover what one has come for.
    const isTouch = matchMedia("(pointer: coarse)").matches;
    (isTouch ? grid.current?.querySelector("button") : field.current)?.focus();
  }, []);
  useEffect(() => grid.current?.scrollTo(0, 0), [group, text]);

  const own = useOwnEmoji().data?.emoji ?? none;
  const ownNamed = ownAmong(own);
  const often = [...new Set([...habits.recent, ...atHand])].flatMap((sign) =>
    // One of the cluster that was removed is offered no more.
    isOwnEmoji(sign) ? (ownNamed.find((one) => one.sign === sign) ?? []) : [bySign.get(sign) ?? plain(sign)],
  );
  // One that is typed or pasted is meant itself.
  const itself = normalEmoji(text.trim());
  const shown =
    itself !== undefined
      ? [bySign.get(itself) ?? plain(itself)]
      : text.trim() !== ""
        ? found(text, habits, own).slice(0, foundMax)
        : group === 0
          ? often
          : (emojiByGroup[group - 1] ?? ownNamed);
  const pick = ({ sign }: Emoji) => {
    setHabits(afterPick(habits, sign));
    onPick(itself ?? withTone(sign, habits.tone));
  };
  const onFieldKey = (event: KeyboardEvent) => {
    const [first] = shown;
    if (event.key === "Enter" && first !== undefined && text.trim() !== "") {
      event.preventDefault();
      pick(first);
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      grid.current?.querySelector("button")?.focus();
    }
  };
  const onGridKey = (event: KeyboardEvent) => {
    const all = [...(grid.current?.querySelectorAll("button") ?? [])];
    const at = all.findIndex((button) => button === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    (at + step < 0 ? field.current : all[Math.min(at + step, all.length - 1)])?.focus();
  };
  const isSearch = text.trim() !== "";
  return (
    <>
      <TextInput
        ref={field}
        size="xs"
        type="search"
        placeholder="Find an emoji"
        aria-label="Find an emoji"
        leftSection={<Icon name="search" size={14} />}
        value={text}
        maxLength={60}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onFieldKey}
      />
      <div className="emoji-groups" role="group" aria-label="Groups">
        {groups.slice(0, own.length === 0 ? -1 : undefined).map(([name, sign], index) => (
          <button
            key={name}
            type="button"
            className="emoji"
            aria-label={name}
            title={name}
            aria-pressed={!isSearch && index === group}
            onClick={() => {
              setText("");
              setGroup(index);
            }}
          >
            {sign}
          </button>
        ))}
      </div>
      <div
        ref={grid}
        className="emoji-grid"
        role="group"
        aria-label={isSearch ? "Found" : groups[group]?.[0]}
        onKeyDown={onGridKey}
      >
        {shown.map((emoji, index) => (
          <button
            key={emoji.sign}
            type="button"
            className="emoji"
            // One stop for Tab; the arrows lead on.
            tabIndex={index === 0 ? 0 : -1}
            aria-label={emoji.names[0]?.replaceAll("_", " ") ?? emoji.sign}
            title={emoji.names[0] === undefined ? undefined : `:${emoji.names[0]}:`}
            onClick={() => pick(emoji)}
          >
            {itself ?? <Sign sign={emoji.sign} tone={habits.tone} own={own} />}
          </button>
        ))}
      </div>
      {shown.length === 0 && (
        <p className="dim emoji-none" role="status">
          No emoji is called that.
        </p>
      )}
      <div className="emoji-tones" role="group" aria-label="Skin tone">
        {tones.map((_, tone) => (
          <button
            key={tone}
            type="button"
            className="emoji"
            aria-label={toneNames[tone]}
            title={toneNames[tone]}
            aria-pressed={habits.tone === tone}
            onClick={() => setHabits({ ...habits, tone: tone as Tone })}
          >
            {withTone("✋", tone as Tone)}
          </button>
        ))}
      </div>
    </>
  );
}

const none: readonly never[] = [];

const toneNames = ["No skin tone", "Light", "Medium-light", "Medium", "Medium-dark", "Dark"];

/** An emoji that the list does not know, such as one of a newer Unicode. */
const plain = (sign: string): Emoji => ({ sign, names: [], words: [] });
