import { PasswordInput, TextInput } from "@mantine/core";
import type { KeyboardEvent } from "react";
import type { Failure, Result } from "../../../../protocols/index.ts";
import { explain, useSession } from "../../live/index.ts";
import { askActor, call, confirmByPasskey } from "../../wire/index.ts";
import type { Dialogs } from "./dialogs.tsx";
import { Form } from "../parts/form.tsx";
import { Note } from "../parts/note.tsx";

/** Has the person prove again who it is, by the strongest way that the account has, until it is right; false: it was
 *  not proven. */
export async function proveAgain(ask: Dialogs["ask"]): Promise<boolean> {
  const found = await askActor("factors");
  const factors = found.ok ? found.value : undefined;
  const hasPasskey = (factors?.passkeys.length ?? 0) > 0;
  const way = factors?.totp !== undefined ? "code" : hasPasskey ? "passkey" : "password";
  const elsewhere = factors?.identities[0]?.provider;
  if (way === "password" && factors?.password === false && elsewhere !== undefined)
    return (await import("./proof-elsewhere.tsx")).proveElsewhere(ask, elsewhere);
  for (let fault: string | undefined; ;) {
    let typed = "";
    const body = <Proof way={way} hasPasskey={hasPasskey} fault={fault} onType={(text) => (typed = text)} />;
    if (!(await ask({ title: titles[way], body, action: "Go on" }))) return false;
    const result = await prove(way, typed);
    if (result.ok) return true;
    fault = faultOf(result.error);
  }
}

type Way = "code" | "passkey" | "password";

const titles: Readonly<Record<Way, string>> = {
  code: "A one-time code",
  passkey: "Your passkey again",
  password: "Your password again",
};

const prove = (way: Way, typed: string): Promise<Result<unknown>> =>
  way === "password"
    ? call("factors.confirm", { password: typed })
    : typed === ""
      ? confirmByPasskey()
      : call("factors.confirm", { code: typed });

const faultOf = (reason: Failure): string =>
  reason.code === "SIGN_IN_FAILED" ? "This is not your password." : explain(reason);

/** Enter answers the shell's question with yes. */
function answer(event: KeyboardEvent<HTMLInputElement>): void {
  if (event.key !== "Enter") return;
  event.currentTarget.closest("[role=dialog]")?.querySelector<HTMLElement>(".answers button:last-child")?.click();
}

/** Asks within a question of the shell's. */
function Proof(props: {
  readonly way: Way;
  readonly hasPasskey: boolean;
  readonly fault: string | undefined;
  readonly onType: (text: string) => void;
}) {
  const { way, hasPasskey, fault, onType } = props;
  const { name } = useSession();
  const field = {
    error: fault,
    "data-autofocus": true,
    onChange: (event: { readonly currentTarget: { readonly value: string } }) => onType(event.currentTarget.value),
    onKeyDown: answer,
  };
  return (
    <Form id="proof" keepsNothing onSubmit={() => undefined}>
      <p>
        This needs a fresh proof that it is you, because it concerns sign-in, roles, nodes, keys, settings, or what
        others wrote.
      </p>
      {way === "passkey" &&
        (fault === undefined ? <p>Your browser asks for your passkey next.</p> : <Note tone="bad">{fault}</Note>)}
      {way === "password" && (
        <>
          {/* For the browser's keeper of passwords. */}
          <input type="text" autoComplete="username" value={name} readOnly hidden />
          <PasswordInput label="Password" autoComplete="current-password" {...field} />
        </>
      )}
      {way === "code" && (
        <TextInput
          label="One-time code"
          description={hasPasskey ? "Or a recovery code; leave it empty to use your passkey" : "Or a recovery code"}
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          {...field}
        />
      )}
    </Form>
  );
}
