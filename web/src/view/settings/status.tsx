import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure, PersonStatus, UserView } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { normalEmoji } from "../../../../protocols/text/emoji.ts";
import { liveStatus, notices, useSession } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useProfile } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";
import { Part } from "./part.tsx";

const hourMs = 3_600_000;
const lengths = [
  { value: "", label: "Until I clear it" },
  { value: "30", label: "30 minutes" },
  { value: "60", label: "1 hour" },
  { value: "240", label: "4 hours" },
  { value: "today", label: "Today" },
  { value: "week", label: "A week" },
] as const;

/** When a status ends that is set now; undefined: when it is cleared. */
function endOf(length: string, nowMs: number): number | undefined {
  if (length === "") return undefined;
  if (length === "week") return nowMs + 7 * 24 * hourMs;
  if (length === "today") return new Date(nowMs).setHours(24, 0, 0, 0);
  return nowMs + Number(length) * 60_000;
}

/** What the person says of themselves to others, and whether those see that they are there. */
export function Status() {
  const profile = useProfile();
  if (profile === undefined) return null;
  return (
    <Part title="Status" about="Others see it beside your name while you are here.">
      <StatusForm profile={profile} />
    </Part>
  );
}

function StatusForm({ profile }: { readonly profile: UserView }) {
  const session = useSession();
  const held = profile.status;
  const now = held?.hidden === true ? held : liveStatus(held, Date.now());
  const [text, setText] = useState(now?.text ?? "");
  const [emoji, setEmoji] = useState(now?.emoji ?? "");
  const [length, setLength] = useState<string>("");
  const [quiet, setQuiet] = useState(now?.doNotDisturb ?? false);
  const [hidden, setHidden] = useState(held?.hidden ?? false);
  const faults = useFaults({ text: "This status is too long, or has signs that cannot be shown." });
  const set = async (status: PersonStatus, said: string) => {
    const refused = (refusal: Failure) => faults.take(refusal);
    const result = await session.change("setStatus", status, refused);
    if (result.ok) notices.show(said);
    return result;
  };
  const save = async () => {
    const one = normalEmoji(emoji.trim());
    if (emoji.trim() !== "" && one === undefined) return faults.say("This is not one emoji.", "emoji");
    const untilMs = endOf(length, Date.now());
    await set(
      {
        ...(text.trim() !== "" && { text: text.trim() }),
        ...(one !== undefined && { emoji: one }),
        ...(untilMs !== undefined && { untilMs }),
        ...(quiet && { doNotDisturb: true }),
        ...(hidden && { hidden: true }),
      },
      hidden ? "Others see you as offline." : "Your status was set.",
    );
  };
  const clear = async () => {
    const result = await set({}, "Your status was cleared.");
    if (!result.ok) return;
    setText("");
    setEmoji("");
    setQuiet(false);
    setHidden(false);
  };
  return (
    <Form id="status" faults={faults} className="stack" onSubmit={save}>
      <div className="row field-row">
        <TextInput
          label="Emoji"
          value={emoji}
          maxLength={32}
          style={{ width: 84 }}
          onChange={(event) => setEmoji(event.currentTarget.value)}
          error={faults.of("emoji")}
        />
        <TextInput
          className="grow"
          label="What you are doing"
          placeholder="On a train"
          value={text}
          maxLength={wireLimits.statusCharsMax}
          onChange={(event) => setText(event.currentTarget.value)}
          error={faults.of("text")}
        />
        <NativeSelect
          label="For"
          data={[...lengths]}
          value={length}
          onChange={(event) => setLength(event.currentTarget.value)}
        />
      </div>
      {now?.untilMs !== undefined && <p className="dim">It ends on {momentOf(now.untilMs)}.</p>}
      <label className="check">
        <input type="checkbox" checked={quiet} onChange={(event) => setQuiet(event.currentTarget.checked)} />
        Do not disturb: others see that you do not expect to answer now
      </label>
      <label className="check">
        <input type="checkbox" checked={hidden} onChange={(event) => setHidden(event.currentTarget.checked)} />
        Show me as offline: others see neither that you are here nor this status
      </label>
      <div className="row">
        <Button type="submit">Set status</Button>
        {held !== undefined && (
          <Button variant="default" onClick={() => void clear()}>
            Clear
          </Button>
        )}
      </div>
    </Form>
  );
}
