import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { failure, type Failure } from "../../../../protocols/errors.ts";
import type { Result } from "../../../../protocols/index.ts";
import { asked, at, call } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Note } from "../parts/note.tsx";
import { dateOf } from "../parts/time.ts";
import { GiveFeedback } from "./feedback.tsx";
import { Part } from "./part.tsx";

/** What all here hangs on. */
const all = ["factors"];

/** The mail address, what the account has as a file, and its end. */
export function AccountSettings() {
  return (
    <>
      <Part
        title="Mail address"
        about={
          "If you forget your password, a link to set a new one is sent to this address. " +
          "Other people do not see it."
        }
      >
        <MailAddress />
      </Part>
      <Part
        title="Your data"
        about={
          "Downloads a file with everything of your account: profile, devices, agents with their conversations, " +
          "and your messages in the rooms you are in."
        }
      >
        <Download />
      </Part>
      <GiveFeedback />
      <Part
        title="Delete the account"
        about={
          "Signs out all your devices, and deletes your agents, keys, picture and mail address. " +
          "Your messages in rooms stay, marked as from a deleted account. Nobody can take your name again."
        }
      >
        <Delete />
      </Part>
    </>
  );
}

function MailAddress() {
  const act = useActOn(all);
  const faults = useFaults({ mail: "A mail address, like ada@example.org." });
  const [busy, setBusy] = useState(false);
  const { data } = useQuery({ queryKey: all, queryFn: () => asked("factors") });
  const send = async (work: () => Promise<Result<unknown>>): Promise<boolean> => {
    setBusy(true);
    faults.clear();
    const done = await act(work, faults.take);
    setBusy(false);
    return done !== undefined;
  };
  const submit = async (form: HTMLFormElement) => {
    const mail = formText(form, "mail").trim();
    if (await send(() => call("account.setMail", { mail }))) form.reset();
  };
  const remove = () => send(() => call("account.removeMail"));
  const { mail, mailBegun } = data ?? {};
  return (
    <>
      <p>{mail === undefined ? "Your account has none." : `${mail.address}, since ${dateOf(mail.confirmedAtMs)}`}</p>
      {mailBegun !== undefined && (
        <Note tone="plain">A link was sent to {mailBegun.address}. Open it to confirm the address.</Note>
      )}
      <Form id="mail-address" faults={faults} className="stack narrow" onSubmit={submit}>
        <TextInput
          name="mail"
          type="email"
          error={faults.of("mail")}
          label={mail === undefined ? "Mail address" : "Another mail address"}
          autoComplete="email"
          maxLength={254}
          required
        />
        <Button type="submit" loading={busy}>
          Send a link to confirm
        </Button>
        {mail !== undefined && (
          <Button type="button" variant="default" disabled={busy} onClick={() => void remove()}>
            Remove the address
          </Button>
        )}
      </Form>
    </>
  );
}

/** Fetched, and not opened as a link: a refusal is to be seen here. */
async function fetchExport(): Promise<Result<Blob>> {
  try {
    const answer = await fetch(at("/api/v1/me/export"));
    if (answer.ok) return { ok: true, value: await answer.blob() };
    return { ok: false, error: ((await answer.json()) as { readonly error: Failure }).error };
  } catch {
    return { ok: false, error: failure("UNREACHABLE") };
  }
}

function Download() {
  const act = useActOn(all);
  const [busy, setBusy] = useState(false);
  const begin = async () => {
    setBusy(true);
    const file = await act(fetchExport);
    setBusy(false);
    if (file === undefined) return;
    const url = URL.createObjectURL(file);
    const link = document.createElement("a");
    link.href = url;
    link.download = "plexus-account.jsonl";
    link.click();
    // The browser has begun with it by then.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };
  return (
    <Button variant="default" loading={busy} onClick={() => void begin()}>
      Download my data
    </Button>
  );
}

function Delete() {
  const act = useActOn(all);
  const { ask } = useDialogs();
  const [busy, setBusy] = useState(false);
  const begin = async (atOnce: boolean) => {
    const about = atOnce
      ? "It is deleted at once, and nobody can bring it back."
      : "It is deleted in two weeks. If you sign in before that, it stays.";
    if (!(await ask({ title: "Delete your account?", body: <p>{about}</p>, action: "Delete", grave: true }))) return;
    setBusy(true);
    await act(() => call("account.delete", { atOnce }));
    setBusy(false);
  };
  return (
    <div className="stack narrow">
      <Button variant="default" loading={busy} onClick={() => void begin(false)}>
        Delete my account in two weeks
      </Button>
      <Button variant="default" loading={busy} onClick={() => void begin(true)}>
        Delete my account now
      </Button>
    </div>
  );
}
