import { Textarea } from "@mantine/core";
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
} from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import { namesFound } from "../../../../protocols/text/names.ts";
import { asWritten } from "../../../../protocols/text/text.ts";
import { isText, useKept, useSession } from "../../live/index.ts";
import { isProse, mayBecome, mentionAt, nameOf, type Mentionable } from "../../model/index.ts";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { pastingInto } from "../pasting/index.ts";
import { loadReader, toSend, useRead } from "./reader.ts";
import "./composer.css";

const suggestionsShown = 6;
// Nobody counts before.
const lengthToldBelow = 500;

const counted = new Intl.NumberFormat("en");
const lengthText = (left: number): string =>
  `${counted.format(Math.abs(left))} ${Math.abs(left) === 1 ? "character" : "characters"} ` +
  `${left < 0 ? "too long" : "left"}`;

/** The field one writes in. Enter sends, Shift+Enter breaks the line, ↑ in the empty field asks for the last
 *  message. */
export function Composer(props: {
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
  /** Takes files that are pasted or dropped. Where it is absent they are refused in words. */
  readonly onFiles?: ((files: readonly File[]) => void) | undefined;
  /** In place of the send button. */
  readonly action?: ReactNode;
  readonly autoFocus?: boolean;
  readonly field?: Ref<HTMLTextAreaElement>;
}) {
  const { edited } = props;
  const session = useSession();
  const [kept, keep] = useKept(props.place, isText, "");
  const text = edited?.text ?? kept;
  const setText = (next: string) => (edited === undefined ? keep(next === "" ? undefined : next) : edited.onText(next));
  const own = useRef<HTMLTextAreaElement>(null);
  const caretWanted = useRef<number>(undefined);
  const [caret, setCaret] = useState(0);
  const [active, setActive] = useState(0);
  const [dismissed, setDismissed] = useState(-1);

  const blocks = useRead(text);
  const candidates = props.mentionable?.filter(({ principal }) => principal !== session.me) ?? [];
  const at = candidates.length === 0 ? undefined : mentionAt(text, caret);
  const typed = at === undefined || blocks === undefined || isProse(blocks, at.start) ? at : undefined;
  const suggestions =
    typed === undefined || typed.start === dismissed
      ? []
      : namesFound(mayBecome(candidates, typed.part), typed.part, ({ principal, label }) => [
          nameOf(principal),
          label,
        ]).slice(0, suggestionsShown);

  useLayoutEffect(() => {
    if (caretWanted.current === undefined) return;
    own.current?.setSelectionRange(caretWanted.current, caretWanted.current);
    caretWanted.current = undefined;
  });

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
  const sendAs = (sent: string) => {
    waits.current = false;
    props.onSend(sent);
    // What another tab has put there since stays.
    if (edited === undefined) session.kept.finish(props.place, text);
  };
  const send = () => {
    if (isNothing || left < 0 || waits.current) return;
    if (blocks !== undefined) return sendAs(ready);
    // Where the parser cannot be loaded, names stay as they were typed.
    waits.current = true;
    void loadReader().then(
      () => sendAs(toSend(text, props.mentionable) ?? ready),
      () => sendAs(ready),
    );
  };
  const complete = (entry: Mentionable | undefined) => {
    if (entry === undefined || typed === undefined) return;
    const name = `@${nameOf(entry.principal)} `;
    const next = text.slice(0, typed.start) + name + text.slice(caret);
    caretWanted.current = typed.start + name.length;
    setText(next);
    setCaret(caretWanted.current);
    own.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    pasting.onKeyDown(event);
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
        return setDismissed(typed?.start ?? -1);
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
        <div className="suggestions" role="listbox" id={`suggestions-${props.place}`} aria-label="Mention">
          {suggestions.map((entry, index) => (
            <div
              key={entry.principal}
              id={`suggestion-${index}`}
              role="option"
              aria-selected={index === active}
              className="pick"
              onPointerDown={(event) => {
                event.preventDefault();
                complete(entry);
              }}
            >
              <Avatar principal={entry.principal} label={entry.label} size={24} />
              <bdi>{entry.label}</bdi>
              <span className="dim">@{nameOf(entry.principal)}</span>
            </div>
          ))}
        </div>
      )}
      {props.head}
      {text !== "" && props.note?.(text)}
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
            if (event.currentTarget.value !== "") props.onTyping?.();
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
          onPaste={pasting.onPaste}
        />
        {props.beside}
        {props.action ?? (
          <button
            type="button"
            className="tool send"
            aria-label={edited ? "Save" : "Send"}
            title={edited ? "Save (Enter)" : "Send (Enter)"}
            disabled={isNothing || left < 0}
            onClick={send}
          >
            <Icon name={edited ? "check" : "send"} />
          </button>
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
