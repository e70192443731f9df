import { Button, NativeSelect } from "@mantine/core";
import { useState } from "react";
import type { RoomPosting, RoomView } from "../../../../protocols/index.ts";
import { rulesText } from "../../../../protocols/kinds/room-settings.ts";
import { describeDuration } from "../../../../protocols/words/amounts.ts";
import type { RoomStore } from "../../live/index.ts";
import { Form } from "../parts/form.tsx";
import { useFaults } from "../parts/faults.ts";
import { Dialog, type DialogProps } from "../parts/layers.tsx";

const postings: Readonly<Record<RoomPosting, string>> = {
  members: "Every member",
  threads: "Moderators; members answer in threads",
  moderators: "Moderators; members read and react",
};
const postingOptions = Object.entries(postings).map(([value, label]) => ({ value, label }));
const versionOptions = [
  { value: "kept", label: "Members can read it" },
  { value: "not", label: "It is not kept" },
];
const topicOptions = [
  { value: "optional", label: "As members like" },
  { value: "needed", label: "Each new message needs one" },
];
const second = 1_000;
const slowSteps = [0, 10, 30, 60, 300, 900, 3_600, 21_600].map((seconds) => seconds * second);
const slowText = (slowMs: number): string =>
  slowMs === 0 ? "As often as they like" : `Once in ${describeDuration(slowMs)}`;

const rulesOf = ({
  posting = "members",
  slowMs = 0,
  keepsVersions = true,
  topicsNeeded = false,
}: RoomView): Required<Pick<RoomView, "posting" | "slowMs" | "keepsVersions" | "topicsNeeded">> => ({
  posting,
  slowMs,
  keepsVersions,
  topicsNeeded,
});

/** Who posts in a room and how often: for moderators. */
export default function RoomRules({
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
  const [rules, setRules] = useState(seen);
  const { posting, slowMs, keepsVersions, topicsNeeded } = rules;
  const faults = useFaults();
  const save = async () => {
    const result = await store.change("setRules", { ...rules, seen }, (refusal) => {
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
        onChange={(event) => setRules({ ...rules, posting: event.currentTarget.value as RoomPosting })}
        data-autofocus
      />
      <NativeSelect
        label="How often a member posts"
        description="Owners and moderators do not wait."
        data={steps.map((step) => ({ value: String(step), label: slowText(step) }))}
        value={String(slowMs)}
        onChange={(event) => setRules({ ...rules, slowMs: Number(event.currentTarget.value) })}
      />
      <NativeSelect
        label="What edited messages said before"
        description={seen.keepsVersions && !keepsVersions ? "What was kept is forgotten when you save." : undefined}
        data={versionOptions}
        value={keepsVersions ? "kept" : "not"}
        onChange={(event) => setRules({ ...rules, keepsVersions: event.currentTarget.value === "kept" })}
      />
      <NativeSelect
        label="Topics"
        description="An answer in a thread has the topic of its thread."
        data={topicOptions}
        value={topicsNeeded ? "needed" : "optional"}
        onChange={(event) => setRules({ ...rules, topicsNeeded: event.currentTarget.value === "needed" })}
      />
      <Button type="submit">Save</Button>
    </Form>
  );
}
