import { useEffect, useState, type ReactNode } from "react";
import { namesFound } from "../../../../protocols/text/names.ts";
import { useHabits, useSession } from "../../live/index.ts";
import {
  isProse,
  mayBecome,
  mentionAt,
  nameOf,
  roomAt,
  shortcodeAt,
  type Mentionable,
  type Typed,
} from "../../model/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Icon } from "../parts/icons.tsx";
import { useGroups, useNamedRooms, useOwnEmoji } from "../parts/lists.ts";
import { useRead } from "../parts/reader.ts";
import { mayBeMarked } from "../pasting/choice.ts";

const shownMax = 6;

/** One of the things that what is typed may become. */
export interface Option {
  readonly key: string;
  /** What is written in the place of what was typed. */
  readonly text: string;
  readonly icon: ReactNode;
  readonly label: string;
  readonly hint: string;
}

/** What may stand in the place of what is typed at the caret. */
interface Completions {
  readonly start: number;
  readonly name: string;
  readonly options: readonly Option[];
}

const loadEmoji = () => import("./emoji-list.tsx");
type EmojiList = Awaited<ReturnType<typeof loadEmoji>>;

/** The emoji and their names, once they are wanted and there. Without them, names stay as they were typed. */
function useEmojiList(wanted: boolean): EmojiList | undefined {
  const [list, setList] = useState<EmojiList>();
  const isMissing = wanted && list === undefined;
  useEffect(() => {
    if (isMissing) loadEmoji().then(setList, () => undefined);
  }, [isMissing]);
  return list;
}

/** What may be completed at the caret: `@` people, `#` rooms, `:` emoji. */
export function useCompletions(
  text: string,
  caret: number,
  mentionable: readonly Mentionable[],
): {
  readonly completions: Completions | undefined;
  /** The emoji of a name that has both its colons. */
  readonly closed: (Typed & { readonly sign: string }) | undefined;
} {
  const { me } = useSession();
  const [habits] = useHabits();
  const inCode = !mayBeMarked(text, caret);
  // Fetched with the colon, so that it is there when the name is.
  const emoji = useEmojiList(!inCode && /(?:^|\P{L}):\S{0,20}$/u.test(text.slice(Math.max(0, caret - 24), caret)));
  const shortcode = inCode ? undefined : shortcodeAt(text, caret);
  const own = useOwnEmoji(shortcode !== undefined).data?.emoji ?? [];
  const room = inCode ? undefined : roomAt(text, caret);
  const rooms = useNamedRooms(room !== undefined);

  const blocks = useRead(text);
  const candidates = mentionable.filter(({ principal }) => principal !== me);
  const at = candidates.length === 0 ? undefined : mentionAt(text, caret);
  const mention = at === undefined || blocks === undefined || isProse(blocks, at.start) ? at : undefined;
  const groups = useGroups(mention !== undefined).data?.groups ?? [];

  if (shortcode !== undefined && emoji !== undefined) {
    const { start, part, closed } = shortcode;
    const sign = closed ? emoji.emojiNamed(part, habits) : undefined;
    const options = closed ? [] : emoji.emojiOptions(part, habits, shownMax, own);
    return {
      completions: { start, name: "Emoji", options },
      closed: sign === undefined ? undefined : { start, part, sign },
    };
  }
  if (room !== undefined) {
    const options = namesFound(rooms, room.part, ({ key, title }) => [key, title])
      .slice(0, shownMax)
      .map(({ key, title }) => ({ key, text: `#${key} `, icon: <Icon name="hash" />, label: title, hint: `#${key}` }));
    return { completions: { start: room.start, name: "Rooms", options }, closed: undefined };
  }
  if (mention === undefined) return { completions: undefined, closed: undefined };
  const people: readonly Option[] = namesFound(
    mayBecome(candidates, mention.part),
    mention.part,
    ({ principal, label }) => [nameOf(principal), label],
  )
    .slice(0, shownMax)
    .map(({ principal, label }) => ({
      key: principal,
      text: `@${nameOf(principal)} `,
      icon: <Avatar principal={principal} label={label} size={24} />,
      label,
      hint: `@${nameOf(principal)}`,
    }));
  const called = namesFound(groups, mention.part, ({ group, title }) => [group, title]).map(
    ({ group, title, members }): Option => ({
      key: `group/${group}`,
      text: `@${group} `,
      icon: <Icon name="people" />,
      label: title,
      hint: `@${group}, ${members.length} people`,
    }),
  );
  const options = [...people, ...called].slice(0, shownMax);
  return { completions: { start: mention.start, name: "Mention", options }, closed: undefined };
}

/** What may be chosen; the field says which of them is. */
export function Suggestions(props: {
  readonly id: string;
  readonly name: string | undefined;
  readonly options: readonly Option[];
  readonly active: number;
  readonly onPick: (option: Option) => void;
}) {
  return (
    <div className="suggestions" role="listbox" id={props.id} aria-label={props.name}>
      {props.options.map((option, index) => (
        <div
          key={option.key}
          id={`suggestion-${index}`}
          role="option"
          aria-selected={index === props.active}
          className="pick"
          onPointerDown={(event) => {
            event.preventDefault();
            props.onPick(option);
          }}
        >
          {option.icon}
          <bdi className="ellipsis">{option.label}</bdi>
          <span className="dim">{option.hint}</span>
        </div>
      ))}
    </div>
  );
}
