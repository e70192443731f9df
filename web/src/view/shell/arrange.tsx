import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import type { RoomSummary, Sidebar } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { asWritten } from "../../../../protocols/text/text.ts";
import { useSession } from "../../live/index.ts";
import {
  arranged,
  inSection,
  withFavourite,
  withoutSection,
  withRoomMoved,
  withSection,
  withSectionMoved,
} from "../../model/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useRooms, useRoomTitle, useSidebar } from "../parts/lists.ts";

/** Favourites, sections and their order: the same on every device of the person. */
export const Arrange = ({ opened, onClose }: DialogProps) => (
  <Dialog opened={opened} onClose={onClose} title="Arrange your rooms">
    {opened && <Sections />}
  </Dialog>
);

type Change = (edit: (sidebar: Sidebar) => Sidebar) => void;

function Sections() {
  const session = useSession();
  const sidebar = useSidebar();
  const list = useRooms().data?.rooms ?? [];
  const { favourites, sections, rooms, direct } = arranged(list, sidebar);
  const change: Change = (edit) => void session.arrange(edit);
  const names = sections.map(({ name }) => name);
  const others = [...rooms, ...direct];
  return (
    <div className="stack">
      <RoomsOf title="Favourites" rooms={favourites} names={names} change={change} isFavourites />
      {favourites.length === 0 && <p className="dim flush">No favourites. The star of a room makes it one.</p>}
      {sections.map((section, index) => (
        <RoomsOf
          key={section.name}
          title={section.name}
          rooms={section.rooms}
          names={names}
          section={section.name}
          change={change}
          tools={
            <>
              <Step
                label={`Move section ${section.name}`}
                before={names[index - 1]}
                behind={names[index + 1]}
                onMove={(past) => change((now) => withSectionMoved(now, section.name, past))}
              />
              <button
                type="button"
                className="tool"
                aria-label={`Remove section ${section.name}`}
                title="Remove the section; its rooms stay"
                onClick={() => change((now) => withoutSection(now, section.name))}
              >
                <Icon name="trash" size={16} />
              </button>
            </>
          }
        />
      ))}
      <RoomsOf title="In no section" rooms={others} names={names} change={change} />
      <NewSection names={names} change={change} />
    </div>
  );
}

function NewSection({ names, change }: { readonly names: readonly string[]; readonly change: Change }) {
  const [name, setName] = useState("");
  const faults = useFaults();
  return (
    <Form
      id="section"
      faults={faults}
      className="row"
      onSubmit={() => {
        const written = asWritten(name).trim();
        if (written === "") return;
        if (names.includes(written)) return faults.say("There is a section of this name.", "name");
        if (names.length >= wireLimits.sidebarSectionsMax)
          return faults.say(`There are ${names.length} sections, and no more can be made.`, "name");
        change((now) => withSection(now, written));
        return setName("");
      }}
    >
      <TextInput
        className="grow"
        label="New section"
        value={name}
        maxLength={wireLimits.sectionNameCharsMax}
        error={faults.of("name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Button type="submit">Add</Button>
    </Form>
  );
}

function RoomsOf(props: {
  readonly title: string;
  readonly rooms: readonly RoomSummary[];
  readonly names: readonly string[];
  readonly section?: string;
  readonly isFavourites?: boolean;
  readonly change: Change;
  readonly tools?: React.ReactNode;
}) {
  const { title, rooms, names, section, isFavourites = false, change } = props;
  const titleOf = useRoomTitle();
  const isOrdered = isFavourites || section !== undefined;
  return (
    <section aria-label={title}>
      <div className="row">
        <b className="grow ellipsis" dir="auto">
          {title}
        </b>
        {props.tools}
      </div>
      <ul className="members">
        {rooms.map((room, index) => (
          <li key={room.room} className="member">
            <button
              type="button"
              className="tool"
              aria-pressed={isFavourites}
              aria-label={`Favourite: ${titleOf(room)}`}
              onClick={() => change((now) => withFavourite(now, room.room, !isFavourites))}
            >
              <Icon name="star" size={16} />
            </button>
            <span className="grow ellipsis" dir="auto">
              {titleOf(room)}
            </span>
            {isOrdered && (
              <Step
                label={`Move ${titleOf(room)}`}
                before={rooms[index - 1]?.room}
                behind={rooms[index + 1]?.room}
                onMove={(past) => change((now) => withRoomMoved(now, section, room.room, past))}
              />
            )}
            {!isFavourites && names.length > 0 && (
              <NativeSelect
                size="xs"
                aria-label={`Section of ${titleOf(room)}`}
                data={[{ value: "", label: "No section" }, ...names]}
                value={section ?? ""}
                onChange={({ currentTarget: { value } }) =>
                  change((now) => inSection(now, room.room, value === "" ? undefined : value))
                }
              />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Two buttons that move something past what is shown before and behind it. */
function Step(props: {
  readonly label: string;
  readonly before: string | undefined;
  readonly behind: string | undefined;
  readonly onMove: (past: string) => void;
}) {
  const { label, before, behind, onMove } = props;
  const button = (past: string | undefined, icon: "up" | "down") => (
    <button
      type="button"
      className="tool"
      aria-label={`${label} ${icon}`}
      // Not disabled: the focus would be lost at the end of the way.
      aria-disabled={past === undefined}
      onClick={() => past !== undefined && onMove(past)}
    >
      <Icon name={icon} size={16} />
    </button>
  );
  return (
    <>
      {button(before, "up")}
      {button(behind, "down")}
    </>
  );
}
