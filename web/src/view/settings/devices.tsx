import { Button, PasswordInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { SignInsFailed } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { call, request, seen } from "../../wire/index.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { useProfile } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { dateOf, momentOf } from "../parts/time.ts";
import { Part } from "./part.tsx";
import { deviceName, storyOf } from "./session-words.ts";

/** Where the user is signed in, and the password. */
export function Devices() {
  const queries = useQueryClient();
  const { ask } = useDialogs();
  const failed = useProfile()?.signInsFailed;
  const loaded = useQuery({
    queryKey: ["sessions"],
    queryFn: () => seen("account.sessions"),
  });
  const end = async (id: string) => {
    const result = await request("DELETE", `/api/v1/me/sessions/${id}`);
    if (!result.ok) return notices.fail(result.error);
    await queries.invalidateQueries({ queryKey: ["sessions"] });
  };
  const others = loaded.data?.sessions.filter(({ id }) => id !== loaded.data.current) ?? [];
  const endOthers = async () => {
    const body = <p>They are signed out at once. This device stays signed in, and API keys go on.</p>;
    const title = others.length === 1 ? "End the other session?" : `End the ${others.length} other sessions?`;
    if (!(await ask({ title, body, action: "End the others", grave: true }))) return;
    for (const { id } of others) {
      const result = await request("DELETE", `/api/v1/me/sessions/${id}`);
      if (!result.ok && result.error.code !== "NOT_FOUND") {
        notices.fail(result.error);
        break;
      }
    }
    await queries.invalidateQueries({ queryKey: ["sessions"] });
  };
  return (
    <>
      {failed !== undefined && <Failed failed={failed} />}
      <Part
        title="Signed-in devices"
        about="You are signed in on these devices. End every session that you do not recognize."
      >
        <ul className="lines">
          {loaded.data?.sessions.map((session) => (
            <li key={session.id}>
              <span className="grow">
                <span className="ellipsis line-title">{deviceName(session.label)}</span>
                <span className="dim">{storyOf(session)}</span>
              </span>
              {session.id === loaded.data.current ? (
                <span className="dim">This device</span>
              ) : (
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`End the session on ${deviceName(session.label)}`}
                  onClick={() => void end(session.id)}
                >
                  End
                </Button>
              )}
            </li>
          ))}
        </ul>
        {loaded.error !== null && <Note tone="bad">{loaded.error.message}</Note>}
        {others.length > 0 && (
          <Button variant="default" onClick={() => void endOthers()}>
            End all others
          </Button>
        )}
      </Part>
      <Part title="Password" about="Changing the password ends all your other sessions.">
        <Password />
      </Part>
    </>
  );
}

/** Somebody tried passwords. */
function Failed({ failed: { count, firstAtMs, lastAtMs } }: { readonly failed: SignInsFailed }) {
  return (
    <Part title="Failed sign-ins">
      <Note tone="warn" title={`${count} attempts to sign in as you failed`}>
        The first was noticed on {dateOf(firstAtMs)}, the last on {momentOf(lastAtMs)}. If that was not you, somebody is
        guessing your password. A long password that you use nowhere else keeps them out. On devices where you signed in
        before you can still sign in as usual.
      </Note>
    </Part>
  );
}

function Password() {
  const faults = useFaults({
    current: "This is not your password.",
    password: `At least ${wireLimits.passwordCharsMin} characters, and not a leaked one.`,
  });
  const [busy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    const body = { current: formText(form, "current"), password: formText(form, "password") };
    setBusy(true);
    const result = await call("account.setPassword", body);
    setBusy(false);
    if (!result.ok) return void faults.take(result.error);
    form.reset();
    notices.show("Your password was changed.");
  };
  return (
    <Form id="password" faults={faults} className="stack narrow" onSubmit={submit}>
      <PasswordInput
        name="current"
        label="Current password"
        error={faults.of("current")}
        autoComplete="current-password"
        visibilityToggleButtonProps={{ "aria-label": "Show the current password" }}
        required
      />
      <PasswordInput
        name="password"
        label="New password"
        error={faults.of("password")}
        description={`At least ${wireLimits.passwordCharsMin} characters`}
        autoComplete="new-password"
        minLength={wireLimits.passwordCharsMin}
        maxLength={wireLimits.passwordCharsMax}
        visibilityToggleButtonProps={{ "aria-label": "Show the new password" }}
        required
      />
      <Button type="submit" loading={busy}>
        Change password
      </Button>
    </Form>
  );
}
