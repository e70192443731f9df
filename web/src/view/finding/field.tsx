import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { flushSync } from "react-dom";
import { useId, useState, type KeyboardEvent, type RefObject } from "react";
import { isOwnRoom } from "../../../../protocols/kinds/room-own.ts";
import { namesFound } from "../../../../protocols/text/names.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel, otherPerson } from "../../model/index.ts";
import { daysNear, filled, filterAt } from "../../model/finding.ts";
import { asked } from "../../wire/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useAgents, usePeople, useRooms, useRoomTitle } from "../parts/lists.ts";

const shownMax = 7;

/** A value that a filter may have. */
interface Choice {
  readonly value: string;
  readonly label: string;
}

/** The field for finding messages. What narrows a search is completed: arrows choose, Enter or Tab takes. */
export function FindingField(props: {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly field: RefObject<HTMLInputElement | null>;
  /** Enter, and the arrow down: to what was found. */
  readonly onDown: () => void;
  readonly onEscape: () => void;
}) {
  const { text, field } = props;
  const list = useId();
  const [caret, setCaret] = useState(text.length);
  const [active, setActive] = useState(0);
  const [dismissed, setDismissed] = useState<string>();
  const filter = filterAt(text, Math.min(caret, text.length));
  const offered = useChoices(filter?.name, filter?.value ?? "");
  // What is there in full needs no completing.
  const isWhole = offered.some(({ value }) => value === filter?.value);
  const choices = isWhole || dismissed === text ? [] : offered;
  const chosen = Math.min(active, choices.length - 1);
  const take = (choice: Choice | undefined) => {
    if (choice === undefined || filter === undefined) return;
    const next = filled(text, caret, filter, choice.value);
    flushSync(() => {
      props.onText(next.text);
      setCaret(next.caret);
    });
    field.current?.setSelectionRange(next.caret, next.caret);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const takes = event.key === "Enter" || event.key === "Tab";
    const done = () => {
      event.preventDefault();
      event.stopPropagation();
    };
    if (choices.length > 0) {
      if (step !== 0) setActive((chosen + step + choices.length) % choices.length);
      else if (takes) take(choices[chosen]);
      else if (event.key === "Escape") setDismissed(text);
      else return;
      return done();
    }
    if (event.key === "Enter" || step > 0) props.onDown();
    else if (event.key === "Escape") props.onEscape();
    else return;
    done();
  };
  return (
    <div className="finding-field">
      <TextInput
        ref={field}
        placeholder="Search messages"
        aria-label="Search messages"
        role="combobox"
        aria-expanded={choices.length > 0}
        aria-controls={list}
        aria-activedescendant={choices.length > 0 ? `${list}-${chosen}` : undefined}
        aria-autocomplete="list"
        autoComplete="off"
        enterKeyHint="search"
        leftSection={<Icon name="search" size={16} />}
        value={text}
        maxLength={wireLimits.searchCharsMax}
        onChange={({ currentTarget }) => {
          props.onText(currentTarget.value);
          setCaret(currentTarget.selectionStart ?? currentTarget.value.length);
          setActive(0);
        }}
        onSelect={({ currentTarget }) => setCaret(currentTarget.selectionStart ?? currentTarget.value.length)}
        onKeyDown={onKeyDown}
      />
      <div id={list} role="listbox" aria-label={`Values of ${filter?.name ?? "a filter"}`} className="finding-choices">
        {choices.map((choice, index) => (
          <div
            key={choice.value}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            className="pick"
            onPointerDown={(event) => {
              event.preventDefault();
              take(choice);
            }}
          >
            <bdi className="grow ellipsis">{choice.label}</bdi>
            <span className="dim">{choice.value}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

/** What the filter of a name may be, as far as it fits what is typed of it. */
function useChoices(name: string | undefined, typed: string): readonly Choice[] {
  const session = useSession();
  const titleOf = useRoomTitle();
  const rooms = (useRooms().data?.rooms ?? []).filter(({ room }) => !isOwnRoom(room));
  const agents = useAgents();
  const known = usePeople();
  const sought = typed.replace(/^[@#]/, "");
  const found = useQuery({
    queryKey: ["catalog", "people", sought],
    queryFn: () => asked("people", { text: sought }),
    enabled: name === "from" && sought !== "",
    placeholderData: (before) => before,
  }).data;
  const fitting = (all: readonly Choice[]): readonly Choice[] =>
    namesFound(all, sought, ({ value, label }) => [label, value.replace(/^@/, "")]).slice(0, shownMax);
  const named = agents.map(({ agent }) => ({ key: agent, label: agentLabel(agent, session.name) }));
  switch (name) {
    case "from": {
      const people = new Map([...known, ...(found?.rows ?? [])].map(({ key, title }) => [key, title || key]));
      const others = [...people].filter(([key]) => key !== session.name);
      return fitting([
        { value: "me", label: "Me" },
        ...others.map(([value, label]) => ({ value, label })),
        ...named.map(({ key, label }) => ({ value: key, label })),
      ]);
    }
    case "in":
      return fitting([
        ...rooms.map((room) => ({
          value: room.room,
          label: otherPerson(room.room, session.me) === undefined ? titleOf(room) : `Direct: ${titleOf(room)}`,
        })),
        ...named.map(({ key, label }) => ({ value: `@${key}`, label })),
      ]);
    case "before":
    case "after":
      return daysNear(Date.now()).filter(
        ({ value, label }) => value.startsWith(typed) || label.toLowerCase().startsWith(typed.toLowerCase()),
      );
    case "has":
      return fitting([
        { value: "link", label: "A link" },
        { value: "file", label: "A file" },
        { value: "reaction", label: "A reaction" },
      ]);
    case "mentions":
      return fitting([{ value: "me", label: "Me" }]);
    default:
      return [];
  }
}
