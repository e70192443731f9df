import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure, LinkPreviewChoice, UserView } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { isText, notices, undoSendPlace, undoSendSeconds, useKept, useSession } from "../../live/index.ts";
import { shownNameRule, useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useProfile } from "../parts/lists.ts";
import { useMeanwhile } from "../parts/meanwhile.tsx";
import { useOpensAt, type OpensAt } from "../room/opening.ts";
import { useSignOut } from "../shell/sign-out.ts";
import { Part } from "./part.tsx";
import { About } from "./about.tsx";
import { Picture } from "./picture.tsx";

/** How the user is called, and how the page looks. */
export function Profile() {
  const profile = useProfile();
  const signOut = useSignOut();
  if (profile === undefined) return null;
  return (
    <>
      <Part title="Profile">
        <DisplayName profile={profile} />
      </Part>
      <Part
        title="Picture"
        about="Everybody with an account here can see your picture. It is cut to a square around its middle."
      >
        <Picture />
      </Part>
      <Part
        title="Your card"
        about="What others see who click your name. All of it is up to you; everybody with an account here can see it."
      >
        <About />
      </Part>
      <Part title="Theme" about="The theme applies on all your devices.">
        <Theme theme={profile.theme} />
      </Part>
      <Part title="Links" about="The node reads the pages that messages link to, and shows their titles and pictures.">
        <LinkPreviews choice={profile.linkPreviews ?? { own: true, shown: true }} />
      </Part>
      <Part
        title="Where rooms open"
        about="A room with unread messages opens there. The choice is kept in this browser."
      >
        <Opening />
      </Part>
      <Part
        title="Undo send"
        about="A message waits that long, and can be taken back. The choice is kept in this browser."
      >
        <UndoSend />
      </Part>
      <Part title="This device">
        <Button variant="default" onClick={() => void signOut()}>
          Sign out
        </Button>
      </Part>
    </>
  );
}

function DisplayName({ profile }: { readonly profile: UserView }) {
  const session = useSession();
  const [name, setName] = useState(profile.displayName);
  const faults = useFaults({ displayName: shownNameRule });
  const meanwhile = useMeanwhile({
    displayName: { label: "Display name", now: profile.displayName, mine: name, take: setName },
  });
  const save = async () => {
    if (meanwhile.stands) return;
    const parameters = { displayName: name.trim(), seen: meanwhile.seen };
    const refused = (refusal: Failure) => meanwhile.take(refusal, ["displayName"]) || faults.take(refusal);
    const result = await session.change("setProfile", parameters, refused);
    if (result.ok) notices.show("Your display name was changed.");
  };
  return (
    <Form id="profile" faults={faults} className="row field-row" onSubmit={save}>
      <TextInput
        className="grow"
        label="Display name"
        description={`Your name for signing in and mentions stays @${session.name}`}
        value={name}
        maxLength={wireLimits.titleCharsMax}
        onChange={(event) => setName(event.currentTarget.value)}
        error={faults.of("displayName")}
        required
      />
      <Button
        type="submit"
        disabled={meanwhile.stands || name.trim() === "" || name.trim() === meanwhile.seen.displayName}
      >
        Save
      </Button>
      {meanwhile.notes}
    </Form>
  );
}

function Opening() {
  const [opensAt, choose] = useOpensAt();
  return (
    <SegmentedControl
      aria-label="Rooms open at"
      value={opensAt}
      onChange={(value) => choose(value as OpensAt)}
      data={[
        { value: "unread", label: "First unread message" },
        { value: "newest", label: "Newest message" },
      ]}
    />
  );
}

function UndoSend() {
  const [seconds, choose] = useKept(undoSendPlace, isText, undoSendSeconds[0]);
  return (
    <SegmentedControl
      aria-label="Messages can be taken back for"
      value={seconds}
      onChange={(value) => choose(value === undoSendSeconds[0] ? undefined : value)}
      data={undoSendSeconds.map((value) => ({ value, label: value === "0" ? "Send at once" : `${value} seconds` }))}
    />
  );
}

function LinkPreviews({ choice }: { readonly choice: LinkPreviewChoice }) {
  const session = useSession();
  const [chosen, setChosen] = useState(choice);
  const set = (linkPreviews: Partial<LinkPreviewChoice>) => {
    setChosen({ ...chosen, ...linkPreviews });
    void session.change("setProfile", { linkPreviews });
  };
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={chosen.shown}
          onChange={(event) => set({ shown: event.currentTarget.checked })}
        />
        Show previews of links
      </label>
      <label className="check">
        <input type="checkbox" checked={chosen.own} onChange={(event) => set({ own: event.currentTarget.checked })} />
        Make previews of the links in my messages
      </label>
    </>
  );
}

function Theme({ theme }: { readonly theme: UserView["theme"] }) {
  const session = useSession();
  const [chosen, setChosen] = useState(theme);
  return (
    <SegmentedControl
      aria-label="Theme"
      value={chosen}
      onChange={(value) => {
        const next = value as UserView["theme"];
        setChosen(next);
        void session.change("setProfile", { theme: next });
      }}
      data={[
        { value: "system", label: "System" },
        { value: "light", label: "Light" },
        { value: "dark", label: "Dark" },
      ]}
    />
  );
}
