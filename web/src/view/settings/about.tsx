import { Button, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Failure, UserAbout } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices, useSession } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { aboutKey, useAbout } from "../parts/about.ts";
import { Note } from "../parts/note.tsx";
import { Told } from "../parts/told.tsx";

const { aboutCharsMax, aboutLineCharsMax } = wireLimits;

/** The time zones that this browser knows. */
const zones = (): readonly string[] => Intl.supportedValuesOf("timeZone");

/** What the person tells of themselves on their card. */
export function About() {
  const session = useSession();
  const { data, error } = useAbout(session.name);
  if (error !== null)
    return (
      <Note tone="bad">
        <Told text={error.message} />
      </Note>
    );
  return data === undefined ? null : <AboutForm before={data} />;
}

function AboutForm({ before }: { readonly before: UserAbout }) {
  const session = useSession();
  const queries = useQueryClient();
  const [title, setTitle] = useState(before.title ?? "");
  const [pronouns, setPronouns] = useState(before.pronouns ?? "");
  const [about, setAbout] = useState(before.about ?? "");
  const [timeZone, setTimeZone] = useState(before.timeZone ?? "");
  const faults = useFaults({
    title: `At most ${aboutLineCharsMax} characters, and no signs that cannot be shown.`,
    pronouns: `At most ${aboutLineCharsMax} characters, and no signs that cannot be shown.`,
    about: `One paragraph of at most ${aboutCharsMax} characters.`,
    timeZone: "A name like Europe/Paris.",
  });
  const save = async () => {
    const typed = { title, pronouns, about: about.replaceAll(/\s+/g, " "), timeZone };
    const told = Object.entries(typed).flatMap(([name, text]) => (text.trim() === "" ? [] : [[name, text.trim()]]));
    const refused = (refusal: Failure) => faults.take(refusal);
    const result = await session.change("setAbout", Object.fromEntries(told) as Partial<typeof typed>, refused);
    if (!result.ok) return;
    queries.setQueryData(aboutKey(session.name), result.value);
    notices.show("Your card was changed.");
  };
  return (
    <Form id="about" faults={faults} className="stack" onSubmit={save} label="Your card">
      <TextInput
        label="Title"
        placeholder="Head of operations"
        value={title}
        maxLength={aboutLineCharsMax}
        w={420}
        maw="100%"
        error={faults.of("title")}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <TextInput
        label="Pronouns"
        value={pronouns}
        maxLength={aboutLineCharsMax}
        error={faults.of("pronouns")}
        onChange={(event) => setPronouns(event.currentTarget.value)}
      />
      <TextInput
        label="Time zone"
        description={`Here it is ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
        value={timeZone}
        maxLength={64}
        list="time-zones"
        error={faults.of("timeZone")}
        onChange={(event) => setTimeZone(event.currentTarget.value)}
      />
      <datalist id="time-zones">
        {zones().map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <Textarea
        label="About"
        value={about}
        maxLength={aboutCharsMax}
        autosize
        w={420}
        maw="100%"
        error={faults.of("about")}
        onChange={(event) => setAbout(event.currentTarget.value)}
      />
      <div className="row">
        <Button type="submit">Save</Button>
      </div>
    </Form>
  );
}
