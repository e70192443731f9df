import { Anchor, Button, PasswordInput, TextInput } from "@mantine/core";
import { useState, type SubmitEvent } from "react";
import { wireLimits } from "../../../protocols/limits.ts";
import { explain } from "../live/index.ts";
import { request } from "../wire/index.ts";
import { formText } from "./form-text.ts";
import { Mark } from "./icons.tsx";
import { Note } from "./note.tsx";

/** What `GET /api/v1/setup` says before anybody is signed in. */
export interface Setup {
  readonly adminNeeded: boolean;
  readonly signUp: "open" | "closed";
  readonly version: string;
  readonly demonstrationModel: boolean;
  readonly node: string;
}

/** The server's rule, but for capitals: those are lowered before they are sent. */
const nameRule = "Lower-case letters, digits, _ and -";

/** Sign in, or create an account; the first account of a node becomes its admin and needs the code the node printed. */
export function SignIn({
  setup,
  ended,
  onSignedIn,
}: {
  readonly setup: Setup;
  readonly ended: boolean;
  readonly onSignedIn: () => void;
}) {
  const [creating, setCreating] = useState(setup.adminNeeded);
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const field = (name: string) => formText(event.target as HTMLFormElement, name);
    const name = field("name").trim().toLowerCase();
    const displayName = field("displayName").trim();
    const adminCode = field("adminCode").trim();
    const body = {
      name,
      password: field("password"),
      ...(creating && displayName !== "" ? { displayName } : {}),
      ...(creating && adminCode !== "" ? { adminCode } : {}),
    };
    setBusy(true);
    setTrouble(undefined);
    const result = await request("POST", creating ? "/api/v1/sign-up" : "/api/v1/sign-in", body);
    setBusy(false);
    if (result.ok) onSignedIn();
    else setTrouble(explain(result.error));
  };
  return (
    <main className="entrance">
      <form onSubmit={(event) => void submit(event)} aria-labelledby="entrance-title">
        <div className="row">
          <Mark size={36} />
          <div>
            <h1 id="entrance-title">{creating ? "Create an account" : "Sign in to Plexus"}</h1>
            <div className="dim ellipsis">
              {location.host} · version {setup.version}
            </div>
          </div>
        </div>
        {ended && !creating && <Note tone="warn">Your session ended. Please sign in again.</Note>}
        {setup.adminNeeded && creating && (
          <Note tone="plain" title="Welcome to your new node">
            The first account becomes its admin. It needs the one-time admin code that the node printed in its terminal
            when it started.
          </Note>
        )}
        <TextInput
          name="name"
          label="Name"
          description={creating ? nameRule : undefined}
          autoComplete="username"
          {...(creating && { pattern: "[A-Za-z0-9][A-Za-z0-9_\\-]*", title: nameRule })}
          autoCapitalize="none"
          spellCheck={false}
          maxLength={wireLimits.nameCharsMax}
          required
          autoFocus
          data-autofocus
        />
        {creating && (
          <TextInput
            name="displayName"
            label="Display name"
            description="How others see you; you can change it later"
            autoComplete="name"
            maxLength={wireLimits.titleCharsMax}
          />
        )}
        <PasswordInput
          name="password"
          label="Password"
          description={creating ? `At least ${wireLimits.passwordCharsMin} characters` : undefined}
          autoComplete={creating ? "new-password" : "current-password"}
          minLength={creating ? wireLimits.passwordCharsMin : 1}
          maxLength={wireLimits.passwordCharsMax}
          visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
          required
        />
        {creating && setup.adminNeeded && (
          <TextInput
            name="adminCode"
            label="Admin code"
            description="In the terminal of the node, beside “Admin code”"
            autoComplete="one-time-code"
            autoCapitalize="none"
            spellCheck={false}
            required
          />
        )}
        {trouble !== undefined && <Note tone="bad">{trouble}</Note>}
        <Button type="submit" loading={busy} fullWidth>
          {creating ? "Create account" : "Sign in"}
        </Button>
        {/* A node without an account has nobody who could sign in. */}
        {setup.signUp === "open" && !setup.adminNeeded && (
          <div className="dim">
            {creating ? "Already have an account?" : "New here?"}{" "}
            <Anchor component="button" type="button" onClick={() => setCreating(!creating)}>
              {creating ? "Sign in" : "Create an account"}
            </Anchor>
          </div>
        )}
      </form>
    </main>
  );
}
