/** Passkeys of this browser and its devices. The library that speaks to them is loaded when somebody uses one. */
import type { Failure, PasskeyRequest, Result, SignInProgress } from "../../../protocols/index.ts";
import { failure } from "../../../protocols/errors.ts";
import { call } from "./rest.ts";

/** Whether this page may have passkeys: browsers give them to secure pages only, and not to addresses. */
export const hasPasskeys = (): boolean => "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);

const load = () => import("@simplewebauthn/browser");

/** The person closed the browser's window, or has no passkey here. It is no error of the node. */
const given = (thrown: unknown): { readonly ok: false; readonly error: Failure } => ({
  ok: false,
  error: failure("PASSKEY_REFUSED", { problem: (thrown as Error).name }),
});

/** Asks the browser for a passkey by what the node asks with, and sends its answer. */
async function prove<Answer>(
  asking: Promise<Result<{ readonly options: PasskeyRequest; readonly attempt: string }>>,
  send: (proof: { readonly attempt: string; readonly passkey: Credential }) => Promise<Result<Answer>>,
): Promise<Result<Answer>> {
  const asked = await asking;
  if (!asked.ok) return asked;
  const { options: optionsJSON, attempt } = asked.value;
  try {
    const { startAuthentication } = await load();
    return await send({ attempt, passkey: pick(await startAuthentication({ optionsJSON })) });
  } catch (thrown) {
    return given(thrown);
  }
}

/** Begins or goes on with a sign-in. */
export const signInByPasskey = (): Promise<Result<SignInProgress>> =>
  prove(call("signIn.passkeyOptions"), (proof) => call("signIn.passkey", proof));

/** Proves again who the person is. */
export const confirmByPasskey = (): Promise<Result<unknown>> =>
  prove(call("factors.confirmOptions"), (proof) => call("factors.confirm", proof));

/** Has the browser make a passkey, and the node take it. */
export async function makePasskey(name: string): Promise<Result<unknown>> {
  const asked = await call("factors.passkeyOptions");
  if (!asked.ok) return asked;
  const { options: optionsJSON, attempt } = asked.value;
  try {
    const { startRegistration } = await load();
    return await call("factors.addPasskey", { attempt, name, passkey: pick(await startRegistration({ optionsJSON })) });
  } catch (thrown) {
    return given(thrown);
  }
}

/** What the node reads of an answer. */
const pick = ({ id, rawId, type, response, clientExtensionResults }: Credential): Credential => ({
  id,
  rawId,
  type,
  response,
  clientExtensionResults,
});

interface Credential {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly response: object;
  readonly clientExtensionResults: object;
}
