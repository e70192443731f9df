import { Anchor, Button, PasswordInput, TextInput } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import type { Failure, Setup, SignInNeeds, SignInProgress } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { registrationState } from "../../../../protocols/authority/registration.ts";
import { call, hasPasskeys, signInByPasskey } from "../../wire/index.ts";
import { brandName, useBrand } from "./brand.ts";
import { nameRule, shownNameRule, useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Mark } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";
import { keepWay } from "./joining.ts";

// Most people never see them.
const SecondStep = lazy(() => import("./second-step.tsx"));
const OtherServers = lazy(() => import("./other-servers.tsx"));
const MailEntrance = lazy(() => import("./mail-entrance.tsx"));

/** The invitation of an admin, as a link has it: `#invitation=CODE`. */
const invitationIn = (hash: string): string | undefined => /^#invitation=([A-Za-z0-9_-]{43})$/.exec(hash)?.[1];

/** The proof that a link by mail carries for a person who makes an account: `#account=PROOF`. */
const proofIn = (hash: string): string | undefined => /^#account=([A-Za-z0-9_-]{1,1024})$/.exec(hash)?.[1];

/** Sign in, or create an account; the first account of a node becomes its admin and needs the code the node printed. */
export function SignIn({
  setup,
  ended,
  onSignedIn,
}: {
  readonly setup: Setup;
  /** Why the session here ended by itself; undefined: none did. */
  readonly ended: Failure | undefined;
  readonly onSignedIn: () => void;
}) {
  const [invitation] = useState(() => invitationIn(location.hash));
  const [proof] = useState(() => proofIn(location.hash));
  const [creating, setCreating] = useState(
    setup.adminNeeded || ((invitation ?? proof) !== undefined && setup.signUp !== "closed"),
  );
  const brand = useBrand();
  const [asking, setAsking] = useState<"forgot" | "account">();
  const faults = useFaults({
    name: nameRule,
    displayName: shownNameRule,
    password: `At least ${wireLimits.passwordCharsMin} characters, and not a leaked one.`,
    adminCode: "This is not the admin code that the node printed at its latest start.",
  });
  const [busy, setBusy] = useState(false);
  const [hasTried, setHasTried] = useState(false);
  const [needs, setNeeds] = useState<SignInNeeds>();
  const rules = { rule: setup.signUp, domains: [] };
  const state = registrationState(rules, { invited: invitation !== undefined });
  // With a link by mail the node says whether it is good; else a mail address is asked for where that is of use.
  const mayBegin = state.type === "may" || proof !== undefined;
  const byMail = !mayBegin && state.type === "needs" && state.of.includes("mail") && setup.mail === true;
  const go = (answer: SignInProgress) => ("needs" in answer ? setNeeds(answer) : onSignedIn());
  const byPasskey = async () => {
    setBusy(true);
    faults.clear();
    const result = await signInByPasskey();
    setBusy(false);
    if (result.ok) go(result.value);
    else faults.take(result.error);
  };
  const submit = async (form: HTMLFormElement) => {
    const field = (name: string) => formText(form, name);
    const name = field("name").trim().toLowerCase();
    const displayName = field("displayName").trim();
    const adminCode = field("adminCode").trim();
    const body = {
      name,
      password: field("password"),
      ...(creating && displayName !== "" ? { displayName } : {}),
      ...(creating && adminCode !== "" ? { adminCode } : {}),
      ...(creating && invitation !== undefined ? { invitation } : {}),
      ...(creating && proof !== undefined ? { mail: proof } : {}),
    };
    setBusy(true);
    const result = await call(creating ? "signIn.signUp" : "signIn.byPassword", body);
    setBusy(false);
    setHasTried(true);
    if (result.ok && (invitation ?? proof) !== undefined) history.replaceState(null, "", location.pathname);
    if (result.ok) go(result.value);
    else faults.take(result.error);
  };
  if (asking !== undefined)
    return (
      <Suspense>
        <MailEntrance purpose={{ type: asking }} onLeave={() => setAsking(undefined)} />
      </Suspense>
    );
  if (needs !== undefined)
    return (
      <Suspense>
        <SecondStep needs={needs} onProven={go} onLeave={() => setNeeds(undefined)} />
      </Suspense>
    );
  return (
    <main className="entrance">
      <Form id="sign-in" faults={faults} onSubmit={submit} labelledBy="entrance-title">
        <div className="row">
          <Mark size={36} />
          <div>
            <h1 id="entrance-title">{creating ? "Create an account" : `Sign in to ${brandName(brand)}`}</h1>
            <div className="dim ellipsis">
              {location.host} · version {setup.version}
            </div>
          </div>
        </div>
        <Before why={creating || hasTried ? undefined : ended} />
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
          error={faults.of("name")}
          autoComplete="username"
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
            error={faults.of("displayName")}
            autoComplete="name"
            maxLength={wireLimits.titleCharsMax}
          />
        )}
        <PasswordInput
          name="password"
          label="Password"
          description={creating ? `At least ${wireLimits.passwordCharsMin} characters` : undefined}
          error={faults.of("password")}
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
            error={faults.of("adminCode")}
            autoComplete="one-time-code"
            autoCapitalize="none"
            spellCheck={false}
            required
          />
        )}
        <Button type="submit" loading={busy} fullWidth>
          {creating ? "Create account" : "Sign in"}
        </Button>
        {!creating && hasPasskeys() && (
          <Button type="button" variant="default" fullWidth disabled={busy} onClick={() => void byPasskey()}>
            Sign in with a passkey
          </Button>
        )}
        {(setup.providers ?? []).length > 0 && !setup.adminNeeded && (
          <Suspense>
            <OtherServers
              providers={setup.providers ?? []}
              publicUrl={setup.publicUrl}
              invitation={invitation}
              onNeeds={setNeeds}
              onTrouble={faults.say}
            />
          </Suspense>
        )}
        {/* A node without an account has nobody who could sign in. */}
        {!creating && setup.mail === true && (
          <Anchor component="button" type="button" onClick={() => setAsking("forgot")}>
            Forgot your password?
          </Anchor>
        )}
        {byMail && !setup.adminNeeded && (
          <div className="dim">
            New here?{" "}
            <Anchor component="button" type="button" onClick={() => setAsking("account")}>
              Create an account
            </Anchor>
          </div>
        )}
        {mayBegin && !setup.adminNeeded && (
          <div className="dim">
            {creating ? "Already have an account?" : "New here?"}{" "}
            <Anchor component="button" type="button" onClick={() => setCreating(!creating)}>
              {creating ? "Sign in" : "Create an account"}
            </Anchor>
          </div>
        )}
      </Form>
    </main>
  );
}

/** What led here: a link into a room, the end of a session. */
function Before({ why }: { readonly why: Failure | undefined }) {
  const [joins] = useState(keepWay);
  const says = "You were given a link into a room. Sign in, and the page asks whether you want to join.";
  return (
    <>
      {joins && <Note tone="plain">{says}</Note>}
      {why !== undefined && <Ended why={why} />}
    </>
  );
}

/** Why the session here ended by itself. The answer to an attempt to sign in is newer than that. */
const Ended = ({ why }: { readonly why: Failure }) => (
  <Note tone="warn">
    Your session ended. {why.details?.["because"] === "SUSPENDED" ? why.message : "Please sign in again."}
  </Note>
);
