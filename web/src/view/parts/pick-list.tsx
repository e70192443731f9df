import { TextInput } from "@mantine/core";
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Icon } from "./icons.tsx";

/** A field, and below it what fits the text: arrow keys choose, Enter takes.
 *
 *  Enter takes what is chosen; without a choice, the only one that is left. One that comes while the list for this text
 *  is still on its way counts when the list is there, if it leaves no doubt. */
export function PickList<Item>(props: {
  readonly label: string;
  readonly listLabel: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  readonly row: (item: Item) => ReactNode;
  readonly onPick: (item: Item) => void;
  /** The first is chosen from the start, also before anything is typed. */
  readonly eager?: boolean;
  /** The items are those for another text than the one in the field. */
  readonly behind?: boolean;
  /** The item that is meant without a doubt by the text, also where others fit. */
  readonly isExact?: (item: Item) => boolean;
  readonly beside?: ReactNode;
  /** Said in place of an empty list. */
  readonly nothing: ReactNode;
}) {
  const { items, behind = false } = props;
  const list = useId();
  const [chosen, setChosen] = useState<number>();
  const [entered, setEntered] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  // A dialog would focus it a moment later, and the letters until then would be said in the room behind.
  useLayoutEffect(() => field.current?.focus(), []);
  const first = props.eager === true || props.text.trim() !== "" || items.length === 1 ? 0 : undefined;
  const active = chosen ?? first;
  const pick = (item: Item | undefined) => {
    setEntered(false);
    if (item !== undefined) props.onPick(item);
  };
  useEffect(() => {
    if (!entered || behind) return;
    pick(items.find((item) => props.isExact?.(item) === true) ?? (items.length === 1 ? items[0] : undefined));
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (items.length > 0) setChosen(((active ?? (step > 0 ? -1 : 0)) + step + items.length) % items.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (behind) setEntered(true);
      else if (active !== undefined) pick(items[active]);
    }
  };
  const idOf = (index: number) => `${list}-${index}`;
  return (
    <>
      <div className="row">
        <TextInput
          ref={field}
          className="grow"
          data-autofocus
          placeholder={props.label}
          aria-label={props.label}
          role="combobox"
          aria-expanded={items.length > 0}
          aria-controls={list}
          aria-activedescendant={active === undefined || items[active] === undefined ? undefined : idOf(active)}
          aria-autocomplete="list"
          leftSection={<Icon name="search" size={16} />}
          value={props.text}
          maxLength={100}
          onChange={(event) => {
            props.onText(event.currentTarget.value);
            setChosen(undefined);
            setEntered(false);
          }}
          onKeyDown={onKeyDown}
        />
        {props.beside}
      </div>
      <div id={list} role="listbox" aria-label={props.listLabel} className="picks under-field">
        {items.map((item, index) => (
          <div
            key={props.keyOf(item)}
            id={idOf(index)}
            role="option"
            aria-selected={index === active}
            className="pick"
            ref={index === chosen ? scrollToChosen : undefined}
            onClick={() => pick(item)}
          >
            {props.row(item)}
          </div>
        ))}
      </div>
      {items.length === 0 && props.nothing}
    </>
  );
}

const scrollToChosen = (place: HTMLElement | null): void => place?.scrollIntoView({ block: "nearest" });
