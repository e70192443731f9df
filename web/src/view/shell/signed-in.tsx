import { useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { notices, Session, SessionContext, useLink } from "../../live/index.ts";
import { keepFilesOut } from "../pasting/index.ts";
import { joinMark } from "../../../../protocols/kinds/join-mark.ts";
import { secretIn, takeWay } from "./joining.ts";
import { router } from "./router.tsx";

// The next person does not begin where this one was: the address names a room.
let shownTo: string | undefined;

/** The chat of somebody who is signed in: everything but the screen for signing in. */
export function SignedIn({
  name,
  isGuess,
  onLeft,
}: {
  readonly name: string;
  /** The node has not said yet that it is this person. */
  readonly isGuess: boolean;
  readonly onLeft: (why: Failure) => void;
}) {
  const queries = useQueryClient();
  const [session, setSession] = useState<Session>();
  useEffect(() => {
    if (shownTo !== undefined && shownTo !== name) void router.navigate({ to: "/", replace: true });
    shownTo = name;
    const way = takeWay();
    if (way !== undefined && secretIn(location.hash) === undefined)
      void router.navigate({
        to: "/room/$room",
        params: { room: way.room },
        hash: joinMark + way.secret,
        replace: true,
      });
    const opened = new Session(name, queries);
    setSession(opened);
    if (isGuess) void opened.startIfSame(onLeft);
    else opened.start();
    return () => {
      opened.close();
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "start" });
    };
  }, [name, queries, isGuess, onLeft]);
  useEffect(() => keepFilesOut(window), []);
  useEffect(() => {
    tellUnused();
    addEventListener("hashchange", tellUnused);
    return () => removeEventListener("hashchange", tellUnused);
  }, []);
  useEffect(() => {
    if (session !== undefined && location.search.includes("signIn="))
      void import("./proof-elsewhere.tsx").then(({ backWithProof }) => backWithProof());
  }, [session]);
  if (session === undefined) return null;
  return (
    <SessionContext value={session}>
      <EndOfSession session={session} onLeft={onLeft} />
      <RouterProvider router={router} />
    </SessionContext>
  );
}

/** A link that makes an account, opened by somebody who has one: the page says why nothing happens. */
function tellUnused(): void {
  if (!/^#(?:invitation|account)=/.test(location.hash)) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  notices.show("This link creates an account. You are signed in already, so it was not used.", "plain");
}

/** A session that was revoked or has expired leads back to the sign-in screen, which says why. */
function EndOfSession({ session, onLeft }: { readonly session: Session; readonly onLeft: (why: Failure) => void }) {
  const link = useLink(session);
  const why = link.status === "ended" ? link.failure : undefined;
  useEffect(() => {
    if (why !== undefined) onLeft(why);
  }, [why, onLeft]);
  return null;
}
