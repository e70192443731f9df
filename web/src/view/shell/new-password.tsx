import { Button, PasswordInput } from "@mantine/core";
import { useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import { call } from "../../wire/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Mark } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";

/** Sets a new password by the link of an admin. */
export default function NewPassword({
  user,
  secret,
  onDone,
}: {
  readonly user: string;
  readonly secret: string;
  readonly onDone: () => void;
}) {
  const faults = useFaults({ password: `At least ${wireLimits.passwordCharsMin} characters, and not a leaked one.` });
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    const password = formText(form, "password");
    setBusy(true);
    const result = await call("signIn.reset", { user, secret, password });
    setBusy(false);
    if (!result.ok) faults.take(result.error);
    setDone(result.ok);
  };
  return (
    <main className="entrance">
      <Form id="new-password" faults={faults} onSubmit={submit} labelledBy="entrance-title">
        <div className="row">
          <Mark size={36} />
          <h1 id="entrance-title">A new password for {user}</h1>
        </div>
        {done ? (
          <Note tone="good">Your password was set, and your other sessions have ended.</Note>
        ) : (
          <>
            <input type="hidden" name="name" autoComplete="username" value={user} readOnly />
            <PasswordInput
              name="password"
              label="New password"
              description={`At least ${wireLimits.passwordCharsMin} characters. Ends all your sessions and API keys.`}
              error={faults.of("password")}
              autoComplete="new-password"
              minLength={wireLimits.passwordCharsMin}
              maxLength={wireLimits.passwordCharsMax}
              visibilityToggleButtonProps={{ "aria-label": "Show the new password" }}
              required
              autoFocus
            />
          </>
        )}
        {done ? (
          <Button type="button" fullWidth onClick={onDone}>
            Sign in
          </Button>
        ) : (
          <Button type="submit" loading={busy} fullWidth>
            Set the password
          </Button>
        )}
      </Form>
    </main>
  );
}
