import { Anchor, Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { explain } from "../../live/index.ts";
import { call, request } from "../../wire/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Mark } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";

/** What a signed-out person wants of mail. */
export type MailPurpose =
  | { readonly type: "forgot" }
  | { readonly type: "account" }
  | { readonly type: "unsubscribe"; readonly token: string }
  | { readonly type: "confirm"; readonly user: string; readonly secret: string };

const words = {
  forgot: {
    title: "Forgot your password?",
    label: "Name or mail address",
    about: "If the account has a mail address, a link for a new password is sent there.",
    done: "If there is such an account with a mail address, a link is on its way there. It works for one hour.",
  },
  account: {
    title: "Create an account",
    label: "Mail address",
    about:
      "New accounts need an address of this company or group. " +
      "We send a link there, with which you choose a name and a password.",
    done: "A link is on its way to this address. It works for one day.",
  },
} as const;

/** Asks for a link by mail, or confirms an address by one. */
export default function MailEntrance({
  purpose,
  onLeave,
}: {
  readonly purpose: MailPurpose;
  readonly onLeave: () => void;
}) {
  return (
    <main className="entrance">
      {purpose.type === "confirm" ? (
        <Confirm {...purpose} onLeave={onLeave} />
      ) : purpose.type === "unsubscribe" ? (
        <Unsubscribe token={purpose.token} onLeave={onLeave} />
      ) : (
        <Ask what={purpose.type} onLeave={onLeave} />
      )}
    </main>
  );
}

function Ask({ what, onLeave }: { readonly what: "forgot" | "account"; readonly onLeave: () => void }) {
  const { title, label, about, done } = words[what];
  const takes =
    what === "account" ? "A mail address, like ada@example.org." : "A name, or a mail address like ada@example.org.";
  const faults = useFaults({ mail: takes, account: takes });
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    const typed = formText(form, "who").trim();
    setBusy(true);
    const result = await (what === "forgot"
      ? call("signIn.forgot", { account: typed })
      : call("signIn.mailLink", { mail: typed }));
    setBusy(false);
    if (!result.ok) faults.take(result.error);
    setSent(result.ok);
  };
  return (
    <Form id="mail" faults={faults} onSubmit={submit} labelledBy="entrance-title">
      <div className="row">
        <Mark size={36} />
        <h1 id="entrance-title">{title}</h1>
      </div>
      {sent ? (
        <Note tone="good">{done}</Note>
      ) : (
        <TextInput
          name="who"
          type={what === "account" ? "email" : "text"}
          label={label}
          error={faults.of("mail") ?? faults.of("account")}
          description={about}
          autoComplete={what === "account" ? "email" : "username"}
          autoCapitalize="none"
          spellCheck={false}
          maxLength={254}
          required
          autoFocus
        />
      )}
      {!sent && (
        <Button type="submit" loading={busy} fullWidth>
          Send the link
        </Button>
      )}
      <Anchor component="button" type="button" onClick={onLeave}>
        Back to sign-in
      </Anchor>
    </Form>
  );
}

/** Ends mail of what was missed, when it is pressed: programs that only look at links end nothing. */
function Unsubscribe({ token, onLeave }: { readonly token: string; readonly onLeave: () => void }) {
  const [told, setTold] = useState<{ readonly trouble?: string }>();
  const [busy, setBusy] = useState(false);
  const isEnded = told !== undefined && told.trouble === undefined;
  const end = async () => {
    setBusy(true);
    const result = await request("POST", `/api/v1/mail/unsubscribe/${token}`, {});
    setBusy(false);
    setTold(result.ok ? {} : { trouble: explain(result.error) });
  };
  return (
    <Form id="unsubscribe" onSubmit={end} labelledBy="entrance-title">
      <div className="row">
        <Mark size={36} />
        <h1 id="entrance-title">No more of these mails?</h1>
      </div>
      {told === undefined && <p>You get no mail of what you have missed any more. All else stays as it is.</p>}
      {isEnded && (
        <Note tone="good">
          There is no more of this mail. You turn it on again in your settings, at “Notifications”.
        </Note>
      )}
      {told?.trouble !== undefined && <Note tone="bad">{told.trouble}</Note>}
      {!isEnded && (
        <Button type="submit" fullWidth loading={busy}>
          No more of them
        </Button>
      )}
      <Anchor component="button" type="button" onClick={onLeave}>
        Go on
      </Anchor>
    </Form>
  );
}

function Confirm({
  user,
  secret,
  onLeave,
}: {
  readonly user: string;
  readonly secret: string;
  readonly onLeave: () => void;
}) {
  const [told, setTold] = useState<{ readonly mail?: string; readonly trouble?: string }>();
  useEffect(() => {
    void call("signIn.confirmMail", { user, secret }).then((result) =>
      setTold(result.ok ? { mail: result.value.mail } : { trouble: explain(result.error) }),
    );
  }, [user, secret]);
  return (
    <Form id="mail-confirmed" onSubmit={onLeave} labelledBy="entrance-title">
      <div className="row">
        <Mark size={36} />
        <h1 id="entrance-title">The mail address of {user}</h1>
      </div>
      {told?.mail !== undefined && (
        <Note tone="good">
          {told.mail} is confirmed. If you forget your password, a link for a new one is sent there.
        </Note>
      )}
      {told?.trouble !== undefined && <Note tone="bad">{told.trouble}</Note>}
      <Button type="button" fullWidth loading={told === undefined} onClick={onLeave}>
        Go on
      </Button>
    </Form>
  );
}
