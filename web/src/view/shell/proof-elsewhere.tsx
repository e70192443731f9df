/** A fresh proof at another server: there and back. Loaded when somebody needs it. */
import { notices } from "../../live/index.ts";
import { call, ownPath } from "../../wire/index.ts";
import type { Dialogs } from "./dialogs.tsx";
import { cameBack, failureOf, leaveOff } from "./came-back.ts";

/** The person proves it at the other server, which sends them back to this place; false: nothing is proven yet. */
export async function proveElsewhere(ask: Dialogs["ask"], provider: string): Promise<false> {
  const body = (
    <p>
      You sign in with another server. Sign in there again, and you come back here. Then repeat what you wanted to do.
    </p>
  );
  if (!(await ask({ title: "Sign in there again", body, action: "Go on" }))) return false;
  const begun = await call("factors.confirmWith", { provider, return: ownPath() });
  if (begun.ok) location.assign(begun.value.url);
  else notices.fail(begun.error);
  return false;
}

/** A person who is back from another server has proven again who they are, or not. */
export async function backWithProof(): Promise<void> {
  const how = cameBack()?.how;
  // A link waits for a yes in the settings.
  if (how === undefined || how === "link") return;
  leaveOff();
  if (how !== "confirm") return notices.fail(failureOf(how));
  const proven = await call("factors.acceptProven");
  if (proven.ok) notices.show("You have proven that it is you. Now repeat what you wanted to do.");
  else notices.fail(proven.error);
}
