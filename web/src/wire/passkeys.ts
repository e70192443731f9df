/** Passkeys of this browser and its devices. The library that speaks to them is loaded when somebody uses one. */
import type { Failure, Result } from "../../../protocols/index.ts";
import { failure } from "../../../protocols/errors.ts";
import { request } from "./rest.ts";

/** Whether this page may have passkeys: browsers give them to secure pages only, and not to addresses. */
export const hasPasskeys = (): boolean => "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);

const load = () => import("@simplewebauthn/browser");

interface Asked<Options> {
  readonly options: Options;
  readonly attempt: string;
}

/** The person closed the browser's window, or has no passkey here. It is no error of the node. */
const given = (thrown: unknown): { readonly ok: false; readonly error: Failure } => ({
  ok: false,
  error: failure("PASSKEY_REFUSED", { problem: (thrown as Error).name }),
});

/** Asks the browser for a passkey, and sends its answer to `to`, which is asked for the challenge at `to/options`. */
export async function provePasskey<Answer>(to: string, options = `${to}/options`): Promise<Result<Answer>> {
  const asked = await request<Asked<never>>("POST", options, {});
  if (!asked.ok) return asked;
  try {
    const { startAuthentication } = await load();
    const passkey = pick(await startAuthentication({ optionsJSON: asked.value.options }));
    return await request<Answer>("POST", to, { attempt: asked.value.attempt, passkey });
  } catch (thrown) {
    return given(thrown);
  }
}

/** Has the browser make a passkey, and the node take it. */
export async function makePasskey(name: string): Promise<Result<unknown>> {
  const asked = await request<Asked<never>>("POST", "/api/v1/me/passkeys/options", {});
  if (!asked.ok) return asked;
  try {
    const { startRegistration } = await load();
    const passkey = pick(await startRegistration({ optionsJSON: asked.value.options }));
    return await request("POST", "/api/v1/me/passkeys", { attempt: asked.value.attempt, name, passkey });
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
