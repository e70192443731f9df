import { Button, Loader, NativeSelect } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { RoomLink, RoomLinkMade } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { asked, call } from "../../wire/index.ts";
import { Copyable } from "../parts/copyable.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { OnlyHere, placeForOthers, useSetup } from "../shell/newcomers.tsx";

const hour = 3_600_000;
const lives = [hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour, 90 * 24 * hour];
const uses = [1, 5, 10, 50, 100, 1_000];

const lifeText = (ms: number): string => {
  const days = ms / (24 * hour);
  return days < 1 ? "1 hour" : days === 1 ? "1 day" : `${days} days`;
};
const people = (count: number): string => (count === 1 ? "1 person" : `${count.toLocaleString("en")} people`);
const options = (values: readonly number[], words: (value: number) => string) =>
  values.map((value) => ({ value: String(value), label: words(value) }));

/** Links by which people come into the room: for its owners. */
export default function JoinLinks({ room, opened, onClose }: DialogProps & { readonly room: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Join links">
      {opened && <Links room={room} />}
    </Dialog>
  );
}

function Links({ room }: { readonly room: string }) {
  const queries = useQueryClient();
  const key = ["links", room];
  const { data, error } = useQuery({
    queryKey: key,
    queryFn: () => asked("links", { room }),
    staleTime: 0,
    retry: false,
  });
  const [made, setMade] = useState<RoomLinkMade>();
  const again = () => queries.invalidateQueries({ queryKey: key });
  const takeBack = async ({ id }: RoomLink) => {
    const result = await call("rooms.removeLink", { room, id });
    if (!result.ok && result.error.code !== "NOT_FOUND") notices.fail(result.error);
    if (made?.id === id) setMade(undefined);
    await again();
  };
  return (
    <div className="stack">
      <p className="dim flush">
        Everybody who has the link and an account here can join by it. People without an account make one first, where
        this node lets them. Banned people stay out.
      </p>
      <MakeLink
        room={room}
        onMade={async (link) => {
          setMade(link);
          await again();
        }}
      />
      {made !== undefined && <Made link={made} onClose={() => setMade(undefined)} />}
      {error !== null && (
        <Note tone="bad">
          <Told text={error.message} />
        </Note>
      )}
      {data === undefined && error === null && <Loader size="sm" aria-label="Loading" />}
      {data?.links.length === 0 && <p className="dim">No link leads into this room now.</p>}
      {data !== undefined && <LinkList links={data.links} onTakeBack={takeBack} />}
    </div>
  );
}

function MakeLink({ room, onMade }: { readonly room: string; readonly onMade: (link: RoomLinkMade) => unknown }) {
  const [terms, setTerms] = useState({ uses: 10, lifeMs: 7 * 24 * hour });
  const faults = useFaults();
  const make = async () => {
    const result = await call("rooms.addLink", { room, ...terms });
    if (result.ok) await onMade(result.value);
    else faults.take(result.error);
  };
  return (
    <Form id="join-link" about={room} faults={faults} className="stack" onSubmit={make}>
      <NativeSelect
        label="For how many people"
        data={options(uses, people)}
        value={String(terms.uses)}
        onChange={(event) => setTerms({ ...terms, uses: Number(event.currentTarget.value) })}
        data-autofocus
      />
      <NativeSelect
        label="For how long"
        data={options(lives, lifeText)}
        value={String(terms.lifeMs)}
        onChange={(event) => setTerms({ ...terms, lifeMs: Number(event.currentTarget.value) })}
      />
      <Button type="submit">Make a link</Button>
    </Form>
  );
}

function Made({ link, onClose }: { readonly link: RoomLinkMade; readonly onClose: () => void }) {
  const url = placeForOthers(useSetup()) + link.path;
  return (
    <Note tone="good" title="Copy the link now: it is not shown again" onClose={onClose}>
      <p>
        It lets in {people(link.usesLeft)} until {momentOf(link.untilMs)}.
      </p>
      <Copyable text={url} label="Copy the link" />
      <OnlyHere address={url} />
    </Note>
  );
}

function LinkList(props: {
  readonly links: readonly RoomLink[];
  readonly onTakeBack: (link: RoomLink) => Promise<unknown>;
}) {
  const nameFor = useNames();
  if (props.links.length === 0) return null;
  return (
    <ul className="members">
      {props.links.map((link) => {
        const left = `${people(link.usesLeft)} left`;
        return (
          <li key={link.id} className="member">
            <span className="grow">
              <b>{left}</b>
              <span className="dim ban-terms">
                Until {momentOf(link.untilMs)} · by {nameFor(link.by)}
              </span>
            </span>
            <Button
              variant="default"
              size="xs"
              aria-label={`Take back the link for ${left}, made by ${nameFor(link.by)}`}
              onClick={() => void props.onTakeBack(link)}
            >
              Take back
            </Button>
          </li>
        );
      })}
    </ul>
  );
}
