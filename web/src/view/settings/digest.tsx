import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { DigestSent, DigestView, MailDigest } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { call, seen } from "../../wire/index.ts";
import { Form } from "../parts/form.tsx";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { clockOf, minuteOf } from "./clock.ts";
import { Part } from "./part.tsx";

const key = ["digest"];

const whenOptions = [
  { value: "never", label: "Never" },
  { value: "unread", label: "Once something is unread for" },
  { value: "hourly", label: "Every hour" },
  { value: "daily", label: "Once a day" },
] as const;

const minuteOptions = [15, 30, 60, 120, 240, 480].map((minutes) => ({
  value: String(minutes),
  label: minutes < 60 ? `${minutes} minutes` : minutes === 60 ? "an hour" : `${minutes / 60} hours`,
}));

const contentOptions = [
  { value: "counts", label: "How much there is" },
  { value: "text", label: "Who wrote what, and where" },
] as const;

const outcomes: Readonly<Record<DigestSent["outcome"], string>> = {
  sent: "the mail server took it",
  refused: "the mail server refused it",
  away: "the mail server is away: it is sent later",
  unknown: "nobody knows whether it arrived; it is not sent again",
};

/** What the person gets by mail while they are away. */
export function Digest() {
  const { data } = useQuery({ queryKey: key, queryFn: () => seen("digest.show") });
  if (data === undefined) return null;
  const { allowed, to, last } = data;
  return (
    <Part
      title="By mail, while you are away"
      about="What concerns you and is unread: mentions, answers, direct messages, your words. Each is in one mail."
    >
      {allowed === "off" ? (
        <Note tone="plain">This cluster sends no such mail.</Note>
      ) : to === undefined ? (
        <Note tone="plain">
          Mail goes to the confirmed address of your account, and you have none.{" "}
          <Link to="/settings/$section" params={{ section: "account" }}>
            Set one
          </Link>
          .
        </Note>
      ) : (
        <DigestForm view={data} to={to} />
      )}
      {last !== undefined && (
        <p className="dim">
          The last one, {momentOf(last.atMs)}: {last.notices === 1 ? "1 message" : `${last.notices} messages`};{" "}
          {outcomes[last.outcome]}.
        </p>
      )}
    </Part>
  );
}

function DigestForm({ view, to }: { readonly view: DigestView; readonly to: string }) {
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<Partial<MailDigest>>({});
  const { when, afterMinutes, atMinute, content } = { ...view, ...chosen };
  const choose = (part: Partial<MailDigest>) => setChosen((before) => ({ ...before, ...part }));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const save = async () => {
    const said = await call("digest.set", { ...chosen, ...(when === "daily" && { zone }) });
    if (!said.ok) return notices.fail(said.error);
    queries.setQueryData(key, said.value);
    setChosen({});
    notices.show(when === "never" ? "You get no such mail." : `Mail goes to ${to} from now on.`);
  };
  return (
    <Form id="digest" className="stack" onSubmit={save}>
      <div className="row wrap field-row">
        <NativeSelect
          label="Mail"
          data={[...whenOptions]}
          value={when}
          onChange={(event) => choose({ when: event.currentTarget.value as MailDigest["when"] })}
        />
        {when === "unread" && (
          <NativeSelect
            aria-label="Unread for"
            data={minuteOptions}
            value={String(afterMinutes)}
            onChange={(event) => choose({ afterMinutes: Number(event.currentTarget.value) })}
          />
        )}
        {when === "daily" && (
          <TextInput
            type="time"
            label="At"
            required
            withAsterisk={false}
            value={clockOf(atMinute)}
            onChange={(event) => {
              const minute = minuteOf(event.currentTarget.value);
              if (minute !== undefined) choose({ atMinute: minute });
            }}
          />
        )}
        {when === "daily" && <span className="dim">{zone}</span>}
      </div>
      {view.allowed === "text" ? (
        <NativeSelect
          className="narrow"
          label="What it says"
          description="The servers on its way can read a mail."
          data={[...contentOptions]}
          value={content}
          onChange={(event) => choose({ content: event.currentTarget.value as MailDigest["content"] })}
        />
      ) : (
        <p className="dim">It says how much there is, and not what: an admin has decided so.</p>
      )}
      <div className="row">
        <Button type="submit">Save</Button>
      </div>
    </Form>
  );
}
