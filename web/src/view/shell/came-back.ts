/** What the address says of somebody who is back from another server: see `told` of the gateway. */
import { errorTable, failure, type ErrorCode, type Failure } from "../../../../protocols/errors.ts";

/** `how`: `step`, `link`, `confirm`, or a code of the error table. */
export function cameBack(): { readonly how: string; readonly provider: string } | undefined {
  const said = new URLSearchParams(location.search);
  const how = said.get("signIn");
  return how === null ? undefined : { how, provider: said.get("with") ?? "" };
}

/** Takes it out of the address: loaded again, the page does not say it again. */
export function leaveOff(): void {
  const said = new URLSearchParams(location.search);
  said.delete("signIn");
  said.delete("with");
  const query = said.toString();
  history.replaceState(null, "", location.pathname + (query === "" ? "" : `?${query}`) + location.hash);
}

/** A code of the address as a failure. The address is anybody's to write: what is no code of ours is nothing more than
 *  a failure. */
export const failureOf = (code: string): Failure =>
  failure(Object.hasOwn(errorTable, code) ? (code as ErrorCode) : "INTERNAL");
