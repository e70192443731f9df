import { Button, PasswordInput } from "@mantine/core";
import { useState, type SubmitEvent } from "react";
import { wireLimits } from "../../../protocols/limits.ts";
import { explain } from "../live/index.ts";
import { request } from "../wire/index.ts";
import { formText } from "./form-text.ts";
import { Mark } from "./icons.tsx";
import { Note } from "./note.tsx";

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
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const password = formText(event.target as HTMLFormElement, "password");
    setBusy(true);
    const result = await request("POST", "/api/v1/sign-in/reset", { user, secret, password });
    setBusy(false);
    setTrouble(result.ok ? undefined : explain(result.error));
    setDone(result.ok);
  };
  return (
    <main className="entrance">
      <form onSubmit={(event) => void submit(event)} aria-labelledby="entrance-title">
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
              description={`At least ${wireLimits.passwordCharsMin} characters. It ends all your sessions and API keys.`}
              autoComplete="new-password"
              minLength={wireLimits.passwordCharsMin}
              maxLength={wireLimits.passwordCharsMax}
              visibilityToggleButtonProps={{ "aria-label": "Show the new password" }}
              required
              autoFocus
            />
          </>
        )}
        {trouble !== undefined && <Note tone="bad">{trouble}</Note>}
        {done ? (
          <Button type="button" fullWidth onClick={onDone}>
            Sign in
          </Button>
        ) : (
          <Button type="submit" loading={busy} fullWidth>
            Set the password
          </Button>
        )}
      </form>
    </main>
  );
}
