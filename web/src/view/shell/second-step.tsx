import { Anchor, Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Result, SignInNeeds, SignInProgress } from "../../../../protocols/index.ts";
import { call, signInByPasskey } from "../../wire/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Mark } from "../parts/icons.tsx";

/** A sign-in goes on: what else the account needs. */
export default function SecondStep({
  needs: { needs, attempt },
  onProven,
  onLeave,
}: {
  readonly needs: SignInNeeds;
  readonly onProven: (answer: SignInProgress) => void;
  readonly onLeave: () => void;
}) {
  const faults = useFaults({ code: "The six digits that your authenticator shows now, or a recovery code." });
  const [busy, setBusy] = useState(false);
  const takesCode = needs.includes("totp") || needs.includes("recovery");
  const takesPasskey = needs.includes("passkey");
  const send = async (sending: Promise<Result<SignInProgress>>) => {
    setBusy(true);
    faults.clear();
    const result = await sending;
    setBusy(false);
    if (result.ok) return onProven(result.value);
    if (result.error.code === "SIGN_IN_EXPIRED") return onLeave();
    faults.take(result.error);
  };
  const submit = (form: HTMLFormElement) => {
    const code = formText(form, "code").trim();
    void send(call("signIn.code", { attempt, code }));
  };
  return (
    <main className="entrance">
      <Form id="second-step" faults={faults} onSubmit={submit} labelledBy="entrance-title">
        <div className="row">
          <Mark size={36} />
          <h1 id="entrance-title">One more proof that it is you</h1>
        </div>
        {takesCode && (
          <TextInput
            name="code"
            label="One-time code"
            error={faults.of("code")}
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
            onClick={() => void send(signInByPasskey())}
          >
            Use your passkey
          </Button>
        )}
        <div className="dim">
          <Anchor component="button" type="button" onClick={onLeave}>
            Begin again
          </Anchor>
        </div>
      </Form>
    </main>
  );
}
