import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { FactorsView } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { askActor, asked, call, hasPasskeys, makePasskey } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { useCopy } from "../parts/clipboard.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { formText } from "../parts/form-text.ts";
import { Note } from "../parts/note.tsx";
import { dateOf } from "../parts/time.ts";
import { Identities } from "./identities.tsx";
import { Part } from "./part.tsx";

const all = ["factors"];
const useSend = () => useActOn(all);

/** Passkeys, one-time codes and recovery codes. */
export function Factors() {
  const loaded = useQuery({ queryKey: ["factors"], queryFn: () => asked("factors") });
  const [sheet, setSheet] = useState<readonly string[]>();
  const factors = loaded.data;
  if (factors === undefined)
    return <Part title="Passkeys">{loaded.error !== null && <Note tone="bad">{loaded.error.message}</Note>}</Part>;
  return (
    <>
      {sheet !== undefined && <Sheet codes={sheet} onClose={() => setSheet(undefined)} />}
      <Passkeys factors={factors} />
      <Identities factors={factors} />
      <Codes factors={factors} onSheet={setSheet} />
      {(factors.totp !== undefined || factors.passkeys.length > 0) && (
        <Recovery left={factors.recovery} onSheet={setSheet} />
      )}
    </>
  );
}

function Passkeys({ factors: { passkeys } }: { readonly factors: FactorsView }) {
  const send = useSend();
  const { ask } = useDialogs();
  const [name, setName] = useState("");
  const faults = useFaults({ name: "This name is too long." });
  const add = async () => {
    const added = await send(() => makePasskey(name.trim()), faults.take);
    if (added === undefined) return;
    setName("");
    notices.show("The passkey was added.");
  };
  const remove = async (id: string, called: string) => {
    const body = <p>You can no longer sign in with it. You can also remove it from your device.</p>;
    if (await ask({ title: `Remove the passkey “${called}”?`, body, action: "Remove", grave: true }))
      await send(() => call("factors.removePasskey", { id }));
  };
  return (
    <Part
      title="Passkeys"
      about={
        "A passkey is your fingerprint, face or PIN on this device, or a security key. " +
        "You sign in with it instead of a password, and nobody can trick you into giving it away."
      }
    >
      {passkeys.length > 0 && (
        <ul className="lines">
          {passkeys.map((passkey) => (
            <li key={passkey.id}>
              <span className="grow">
                <span className="ellipsis line-title">{passkey.name}</span>
                <span className="dim">
                  Added on {dateOf(passkey.addedAtMs)} for {passkey.host}
                  {passkey.usedAtMs !== undefined && ` · used on ${dateOf(passkey.usedAtMs)}`}
                  {passkey.synced && " · on several devices"}
                </span>
              </span>
              <Button
                variant="default"
                size="xs"
                aria-label={`Remove the passkey ${passkey.name}`}
                onClick={() => void remove(passkey.id, passkey.name)}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
      {hasPasskeys() ? (
        <Form id="passkey" faults={faults} className="row field-row" onSubmit={add}>
          <TextInput
            className="grow"
            label="What is it called?"
            placeholder="My laptop"
            value={name}
            maxLength={wireLimits.passkeyNameCharsMax}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faults.of("name")}
            required
          />
          <Button type="submit">Add a passkey</Button>
        </Form>
      ) : (
        <Note tone="plain">
          Browsers allow passkeys only on pages that have a host name and HTTPS, or at localhost.
        </Note>
      )}
    </Part>
  );
}

function Codes({
  factors,
  onSheet,
}: {
  readonly factors: FactorsView;
  readonly onSheet: (codes: readonly string[]) => void;
}) {
  const send = useSend();
  const { ask } = useDialogs();
  const [begun, setBegun] = useState<{ readonly secret: string; readonly qr: string }>();
  const faults = useFaults({ code: "The six digits that your authenticator shows now." });
  const begin = async () => setBegun(await send(() => call("factors.beginTotp")));
  const confirm = async (form: HTMLFormElement) => {
    const code = formText(form, "code");
    const result = await call("factors.confirmTotp", { code });
    if (!result.ok) return void faults.take(result.error);
    setBegun(undefined);
    onSheet(result.value.recovery);
    await send(() => askActor("factors"));
  };
  const remove = async () => {
    const body = <p>Then your password alone is enough to sign in, unless you have a passkey.</p>;
    if (await ask({ title: "Remove one-time codes?", body, action: "Remove", grave: true }))
      await send(() => call("factors.removeTotp"));
  };
  return (
    <Part
      title="One-time codes"
      about="An authenticator app shows a code that changes every 30 seconds. You enter it after your password."
    >
      {factors.totp !== undefined ? (
        <div className="row">
          <span className="grow">Set up on {dateOf(factors.totp.sinceMs)}</span>
          <Button variant="default" size="xs" onClick={() => void remove()}>
            Remove one-time codes
          </Button>
        </div>
      ) : begun === undefined ? (
        <Button onClick={() => void begin()}>Set up one-time codes</Button>
      ) : (
        <Form id="codes" faults={faults} className="stack narrow" onSubmit={confirm}>
          <p>Scan this with your authenticator app, then type the code that it shows.</p>
          <img className="qr" alt="The seed as a QR code" src={`data:image/svg+xml,${encodeURIComponent(begun.qr)}`} />
          <p className="dim">
            Cannot scan it? Type this: <code className="seed">{begun.secret.match(/.{1,4}/g)?.join(" ")}</code>
          </p>
          <TextInput
            name="code"
            label="Code"
            error={faults.of("code")}
            autoComplete="one-time-code"
            inputMode="numeric"
            maxLength={8}
            required
            autoFocus
          />
          <Button type="submit">Turn on</Button>
        </Form>
      )}
    </Part>
  );
}

function Recovery({ left, onSheet }: { readonly left: number; readonly onSheet: (codes: readonly string[]) => void }) {
  const send = useSend();
  const renew = async () => {
    const made = await send(() => call("factors.makeRecovery"));
    if (made !== undefined) onSheet(made.recovery);
  };
  return (
    <Part
      title="Recovery codes"
      about="Each code works once. Use one when you have lost your authenticator or passkey."
    >
      {left === 0 && (
        <Note tone="warn">
          You have none. If you lose your authenticator or passkey, you may not be able to sign in without them.
        </Note>
      )}
      <div className="row">
        <span className="grow">{left === 1 ? "1 code is left" : `${left} codes are left`}</span>
        <Button variant="default" size="xs" onClick={() => void renew()}>
          Make new ones
        </Button>
      </div>
    </Part>
  );
}

function Sheet({ codes, onClose }: { readonly codes: readonly string[]; readonly onClose: () => void }) {
  const { copied, copy } = useCopy();
  return (
    <Note tone="good" title="Your recovery codes" onClose={onClose}>
      <p>Keep them where your authenticator is not. They are shown only now. Older recovery codes no longer work.</p>
      <div className="sheet">
        <p className="printed">Recovery codes of Plexus at {location.host}</p>
        <pre className="codes">{codes.join("\n")}</pre>
      </div>
      <div className="row">
        <Button variant="default" size="xs" onClick={() => copy(codes.join("\n"))}>
          {copied ? "Copied" : "Copy"}
        </Button>
        <Button
          component="a"
          variant="default"
          size="xs"
          download="plexus-recovery-codes.txt"
          href={
            "data:text/plain;charset=utf-8," +
            `${encodeURIComponent(`Recovery codes of Plexus at ${location.host}\n\n${codes.join("\n")}\n`)}`
          }
        >
          Save as a file
        </Button>
        <Button variant="default" size="xs" onClick={() => print()}>
          Print
        </Button>
      </div>
    </Note>
  );
}
