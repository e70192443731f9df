import { Anchor, Button, TextInput } from "@mantine/core";
import { useState, type SubmitEvent } from "react";
import type { Result, SignedIn, SignInNeeds } from "../../../protocols/index.ts";
import { explain } from "../live/index.ts";
import { provePasskey, request } from "../wire/index.ts";
import { formText } from "./form-text.ts";
import { Mark } from "./icons.tsx";
import { Note } from "./note.tsx";

/** A sign-in goes on: what else the account needs. */
export default function SecondStep({
  needs: { needs, attempt },
  onProven,
  onLeave,
}: {
  readonly needs: SignInNeeds;
  readonly onProven: (answer: SignedIn | SignInNeeds) => void;
  readonly onLeave: () => void;
}) {
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  const takesCode = needs.includes("totp") || needs.includes("recovery");
  const takesPasskey = needs.includes("passkey");
  const send = async (sending: Promise<Result<SignedIn | SignInNeeds>>) => {
    setBusy(true);
    setTrouble(undefined);
    const result = await sending;
    setBusy(false);
    if (result.ok) return onProven(result.value);
    if (result.error.code === "SIGN_IN_EXPIRED") return onLeave();
    setTrouble(explain(result.error));
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = formText(event.target as HTMLFormElement, "code").trim();
    void send(request("POST", "/api/v1/sign-in/code", { attempt, code }));
  };
  return (
    <main className="entrance">
      <form onSubmit={submit} aria-labelledby="entrance-title">
        <div className="row">
          <Mark size={36} />
          <h1 id="entrance-title">One more proof that it is you</h1>
        </div>
        {takesCode && (
          <TextInput
            name="code"
            label="One-time code"
            description={
              needs.includes("recovery") ? "From your authenticator, or a recovery code" : "From your authenticator"
            }
            autoComplete="one-time-code"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={64}
            required
            autoFocus
          />
        )}
        {trouble !== undefined && <Note tone="bad">{trouble}</Note>}
        {takesCode && (
          <Button type="submit" loading={busy} fullWidth>
            Go on
          </Button>
        )}
        {takesPasskey && (
          <Button
            type="button"
            variant={takesCode ? "default" : "filled"}
            fullWidth
            disabled={busy}
            onClick={() => void send(provePasskey("/api/v1/sign-in/passkey"))}
          >
            Use your passkey
          </Button>
        )}
        <div className="dim">
          <Anchor component="button" type="button" onClick={onLeave}>
            Begin again
          </Anchor>
        </div>
      </form>
    </main>
  );
}
