import { Textarea } from "@mantine/core";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode, type Ref } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import { asWritten } from "../../../../protocols/text/text.ts";
import { isText, useKept, useSession } from "../../live/index.ts";
import type { Mentionable } from "../../model/index.ts";
import { Icon } from "./icons.tsx";
import { LaterButton, type SaidLater } from "./later-button.tsx";
import { pastingInto } from "../pasting/index.ts";
import { loadReader, toSend, useRead } from "./reader.ts";
import { useClosedNames } from "../writing/closed-names.ts";
import { Suggestions, useCompletions, type Option } from "../writing/completions.tsx";
import { formatByKey, ShownFormatBar, WritingTools } from "../writing/tools.tsx";
import { replaceIn } from "../writing/insert.ts";
import "./composer.css";

// Nobody counts before.
const lengthToldBelow = 500;

const counted = new Intl.NumberFormat("en");
const lengthText = (left: number): string =>
  `${counted.format(Math.abs(left))} ${Math.abs(left) === 1 ? "character" : "characters"} ` +
  `${left < 0 ? "too long" : "left"}`;

const none: readonly never[] = [];

/** What a field to write in takes. */
interface ComposerProps {
  /** Names the place whose unsent text this is; it is kept there until it is sent. */
  readonly place: string;
  readonly label: string;
  readonly onSend: (text: string) => void;
  /** A text that somebody else keeps: that of an edit. */
  readonly edited?: { readonly text: string; readonly onText: (text: string) => void };
  readonly mentionable?: readonly Mentionable[];
  readonly onTyping?: () => void;
  readonly onUp?: () => void;
  readonly onEscape?: () => void;
  readonly head?: ReactNode;
  /** What is to be said about the text before it is sent. */
  readonly note?: (text: string) => ReactNode;
  /** What else can be sent from here, before the send button. */
  readonly beside?: ReactNode;
  /** What is beside it is worth sending by itself. */
  readonly mayBeEmpty?: boolean;
  /** Asked before anything is sent: true, and nothing is. Why not, it has said. */
  readonly hinders?: () => boolean;
  /** Takes files that are pasted or dropped. Where it is absent they are refused in words. */
  readonly onFiles?: ((files: readonly File[]) => void) | undefined;
  /** Where it may be said later. Absent: it is said now or not at all. */
  readonly later?: SaidLater["where"];
  /** In place of the send button. */
  readonly action?: ReactNode;
  readonly autoFocus?: boolean;
  readonly field?: Ref<HTMLTextAreaElement>;
}

/** The field one writes in. Enter sends, Shift+Enter breaks the line, ↑ in the empty field asks for the last
 *  message. */
export function Composer(props: ComposerProps) {
  const { edited } = props;
  const session = useSession();
  const [kept, keep] = useKept(props.place, isText, "");
  const text = edited?.text ?? kept;
  const setText = (next: string) => (edited === undefined ? keep(next === "" ? undefined : next) : edited.onText(next));
  const own = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(0);
  const [active, setActive] = useState(0);
  const [dismissed, setDismissed] = useState(-1);

  const blocks = useRead(text);
  const { completions, closed } = useCompletions(text, caret, props.mentionable ?? none);
  const suggestions = completions === undefined || completions.start === dismissed ? none : completions.options;

  const onColon = useClosedNames(own, closed);

  // A person who goes on with a text goes on at its end.
  useEffect(() => {
    const { current } = own;
    if (current === null || document.activeElement !== current) return;
    current.setSelectionRange(current.value.length, current.value.length);
    current.scrollTop = current.scrollHeight;
  }, []);
  const onFiles = useRef(props.onFiles);
  onFiles.current = props.onFiles;
  const takesFiles = props.onFiles !== undefined;
  const pasting = useMemo(
    () => pastingInto(() => own.current, takesFiles ? (files) => onFiles.current?.(files) : undefined),
    [takesFiles],
  );

  const ready = toSend(text, props.mentionable) ?? asWritten(text);
  // What is sent is counted.
  const left = wireLimits.messageCharsMax - ready.length;
  const waits = useRef(false);
  const isNothing = ready === "" && props.mayBeEmpty !== true;
  // What another tab has put there since stays.
  const taken = () => session.kept.finish(props.place, text);
  const sendAs = (sent: string) => {
    waits.current = false;
    props.onSend(sent);
    if (edited === undefined) taken();
  };
  /** Where the parser cannot be loaded, names stay as they were typed. */
  const textToSend = async (): Promise<string> => {
    if (blocks === undefined) await loadReader().catch(() => undefined);
    return toSend(text, props.mentionable) ?? ready;
  };
  const send = () => {
    if (isNothing || left < 0 || waits.current || props.hinders?.() === true) return;
    if (blocks !== undefined) return sendAs(ready);
    waits.current = true;
    void textToSend().then(sendAs);
  };
  const complete = (option: Option | undefined) => {
    if (option === undefined || completions === undefined || own.current === null) return;
    replaceIn(own.current, completions.start, caret, option.text);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    pasting.onKeyDown(event);
    if (formatByKey(event)) return;
    if (suggestions.length > 0) {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step !== 0) {
        event.preventDefault();
        return setActive((active + step + suggestions.length) % suggestions.length);
      }
      if (event.key === "Enter" || event.key === "Tab") {
        event.preventDefault();
        return complete(suggestions[active]);
      }
      if (event.key === "Escape") {
        event.stopPropagation();
        return setDismissed(completions?.start ?? -1);
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && props.onUp !== undefined) {
      event.preventDefault();
      props.onUp();
    } else if (event.key === "Escape" && props.onEscape !== undefined) {
      event.stopPropagation();
      props.onEscape();
    }
  };
  return (
    <div className="composer" onDragOver={pasting.onDragOver} onDrop={pasting.onDrop}>
      {suggestions.length > 0 && (
        <Suggestions
          id={`suggestions-${props.place}`}
          name={completions?.name}
          options={suggestions}
          active={active}
          onPick={complete}
        />
      )}
      {props.head}
      {text !== "" && props.note?.(text)}
      <ShownFormatBar field={own} />
      <div className="composer-row">
        <Textarea
          ref={(element) => {
            own.current = element;
            if (typeof props.field === "function") props.field(element);
            else if (props.field) props.field.current = element;
          }}
          className="grow"
          variant="unstyled"
          autosize
          minRows={1}
          maxRows={12}
          value={text}
          placeholder={props.label}
          aria-label={props.label}
          aria-controls={suggestions.length > 0 ? `suggestions-${props.place}` : undefined}
          aria-activedescendant={suggestions.length > 0 ? `suggestion-${active}` : undefined}
          autoFocus={props.autoFocus === true}
          data-autofocus={props.autoFocus === true ? true : undefined}
          enterKeyHint="send"
          onChange={(event) => {
            setText(event.currentTarget.value);
            setCaret(event.currentTarget.selectionStart);
            setActive(0);
            setDismissed(-1);
            onColon(event.nativeEvent);
            if (event.currentTarget.value !== "") props.onTyping?.();
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
          onPaste={pasting.onPaste}
        />
        <WritingTools field={own} />
        {props.beside}
        {props.action ?? <SendButton isEdit={edited !== undefined} isOff={isNothing || left < 0} send={send} />}
        {props.later && props.mayBeEmpty !== true && (
          <LaterButton where={props.later} isOff={isNothing || left < 0} text={textToSend} onDone={taken} />
        )}
      </div>
      {left < lengthToldBelow && (
        <div className={left < 0 ? "composer-length bad-text" : "composer-length dim"} role="status">
          {lengthText(left)}
        </div>
      )}
    </div>
  );
}

function SendButton(props: { readonly isEdit: boolean; readonly isOff: boolean; readonly send: () => void }) {
  return (
    <button
      type="button"
      className="tool send"
      aria-label={props.isEdit ? "Save" : "Send"}
      title={props.isEdit ? "Save (Enter)" : "Send (Enter)"}
      disabled={props.isOff}
      onClick={props.send}
    >
      <Icon name={props.isEdit ? "check" : "send"} />
    </button>
  );
}
