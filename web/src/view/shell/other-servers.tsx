import { Button } from "@mantine/core";
import { useEffect } from "react";
import { placeOf } from "../../../../protocols/admin/nodes.ts";
import type { SignInChoice, SignInNeeds } from "../../../../protocols/index.ts";
import { explain } from "../../live/index.ts";
import { at, call, ownPath, ownPlace } from "../../wire/index.ts";
import { secretIn } from "./joining.ts";
import { cameBack, failureOf, leaveOff } from "./came-back.ts";

/** Buttons of the other servers by which people sign in, and what came of it when somebody is back from one. */
export default function OtherServers({
  providers,
  publicUrl = ownPlace(),
  invitation,
  onNeeds,
  onTrouble,
}: {
  readonly providers: readonly SignInChoice[];
  /** Where those servers send people back to. A person who has the page at another address goes there first: a sign-in
   *  ends where it began. */
  readonly publicUrl: string | undefined;
  readonly invitation: string | undefined;
  readonly onNeeds: (needs: SignInNeeds) => void;
  readonly onTrouble: (trouble: string) => void;
}) {
  useEffect(() => {
    const back = cameBack();
    if (back === undefined) return;
    leaveOff();
    if (back.how !== "step") return onTrouble(explain(failureOf(back.how)));
    void call("signIn.standing").then((standing) =>
      standing.ok ? onNeeds(standing.value) : onTrouble(explain(standing.error)),
    );
  }, [onNeeds, onTrouble]);
  const query = new URLSearchParams({
    return: ownPath(),
    ...(invitation !== undefined && { invitation }),
  });
  const isThere = placeOf(publicUrl) === ownPlace();
  const joins = secretIn(location.hash) === undefined ? "" : location.hash;
  const page = `${publicUrl}${ownPath()}${invitation === undefined ? joins : `#invitation=${invitation}`}`;
  return (
    <>
      {providers.map(({ name, label }) => (
        <Button
          key={name}
          component="a"
          href={isThere ? at(`/api/v1/sign-in/with/${name}?${query}`) : page}
          variant="default"
          fullWidth
        >
          Sign in with {label}
        </Button>
      ))}
    </>
  );
}
