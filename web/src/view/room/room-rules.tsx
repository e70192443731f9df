import { Button, NativeSelect } from "@mantine/core";
import { useState } from "react";
import type { RoomPosting, RoomView } from "../../../../protocols/index.ts";
import { rulesText } from "../../../../protocols/kinds/room-settings.ts";
import { describeDuration } from "../../../../protocols/words/amounts.ts";
import type { RoomStore } from "../../live/index.ts";
import { closedFor, waitsFor, type Closed } from "../../model/index.ts";
import { Form } from "../parts/form.tsx";
import { useFaults } from "../parts/faults.ts";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";

const postings: Readonly<Record<RoomPosting, string>> = {
  members: "Every member",
  threads: "Moderators; members answer in threads",
  moderators: "Moderators; members read and react",
};
const postingOptions = Object.entries(postings).map(([value, label]) => ({ value, label }));
const second = 1_000;
const slowSteps = [0, 10, 30, 60, 300, 900, 3_600, 21_600].map((seconds) => seconds * second);
const slowText = (slowMs: number): string =>
  slowMs === 0 ? "As often as they like" : `Once in ${describeDuration(slowMs)}`;

const rulesOf = ({
  posting = "members",
  slowMs = 0,
}: RoomView): { readonly posting: RoomPosting; readonly slowMs: number } => ({
  posting,
  slowMs,
});

/** Who posts in a room and how often: for moderators. */
export function RoomRules({
  view,
  store,
  opened,
  onClose,
}: DialogProps & { readonly view: RoomView; readonly store: RoomStore }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Who posts here">
      {opened && <Rules view={view} store={store} onDone={onClose} />}
    </Dialog>
  );
}

function Rules({
  view,
  store,
  onDone,
}: {
  readonly view: RoomView;
  readonly store: RoomStore;
  readonly onDone: () => void;
}) {
  const [seen, setSeen] = useState(() => rulesOf(view));
  const [{ posting, slowMs }, setRules] = useState(seen);
  const faults = useFaults();
  const save = async () => {
    const result = await store.change("setRules", { posting, slowMs, seen }, (refusal) => {
      if (refusal.code !== "CHANGED_MEANWHILE") return faults.take(refusal);
      const now = { ...seen, ...(refusal.details?.["now"] as Partial<typeof seen>) };
      setSeen(now);
      faults.say(`Somebody else has set this meanwhile: ${rulesText(now)}. Save again to set yours instead.`);
      return true;
    });
    if (result.ok) onDone();
  };
  // A client may have set what is not offered here.
  const steps = [...new Set([...slowSteps, slowMs])].toSorted((a, b) => a - b);
  return (
    <Form id="room-rules" about={store.room} faults={faults} className="stack" onSubmit={save}>
      <NativeSelect
        label="Who posts"
        data={postingOptions}
        value={posting}
        onChange={(event) => setRules({ posting: event.currentTarget.value as RoomPosting, slowMs })}
        data-autofocus
      />
      <NativeSelect
        label="How often a member posts"
        description="Owners and moderators do not wait."
        data={steps.map((step) => ({ value: String(step), label: slowText(step) }))}
        value={String(slowMs)}
        onChange={(event) => setRules({ posting, slowMs: Number(event.currentTarget.value) })}
      />
      <Button type="submit">Save</Button>
    </Form>
  );
}

const closedTexts: Readonly<Record<Closed, string>> = {
  archived: "This room is archived. It can be read, and nobody writes in it.",
  moderators: "Only moderators post here. You can react to what they write.",
  threads: "Only moderators post here. You can react, and answer in threads.",
};

/** What stands in place of the field to write in where the room is closed for this person. */
export function Writing(props: {
  readonly view: RoomView;
  readonly me: string;
  readonly where: "room" | "thread";
  readonly children: React.ReactNode;
}) {
  const closed = closedFor(props.view, props.me, props.where);
  const slowMs = waitsFor(props.view, props.me);
  if (closed !== undefined)
    return (
      <p className="closed-note" role="note">
        <Icon name="lock" size={16} /> {closedTexts[closed]}
      </p>
    );
  return (
    <>
      {props.children}
      {slowMs > 0 && <p className="slow-note">Slow mode: you can send one message in {describeDuration(slowMs)}.</p>}
    </>
  );
}
