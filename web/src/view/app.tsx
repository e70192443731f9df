import { Button, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { UserView } from "../../../protocols/index.ts";
import { explain, Session, SessionContext, useLink } from "../live/index.ts";
import { nameOf } from "../model/index.ts";
import { request } from "../wire/index.ts";
import { Elsewhere } from "./elsewhere.tsx";
import { router } from "./router.tsx";
import { SignIn, type Setup } from "./sign-in.tsx";

/** Decides which of the three faces the page shows: no node, nobody signed in, or the chat itself. */
export function App() {
  const [ended, setEnded] = useState(false);
  const start = useQuery({ queryKey: ["start"], queryFn: askWhoIsHere, retry: false, staleTime: Infinity });
  if (start.data === undefined)
    return (
      <main className="empty" style={{ height: "100dvh" }}>
        {start.error === null ? (
          <Loader aria-label="Loading" />
        ) : (
          <>
            <h1>The node does not answer</h1>
            <p>{start.error.message}</p>
            <p>
              <Elsewhere />
            </p>
            <Button onClick={() => void start.refetch()} loading={start.isFetching}>
              Try again
            </Button>
          </>
        )}
      </main>
    );
  if ("setup" in start.data)
    return <SignIn setup={start.data.setup} ended={ended} onSignedIn={() => void start.refetch()} />;
  const leave = (byItself: boolean) => {
    setEnded(byItself);
    void start.refetch();
  };
  return <SignedIn key={start.data.user} name={start.data.user} onLeft={leave} />;
}

/** Who is signed in, or what the sign-in screen needs to know. */
async function askWhoIsHere(): Promise<{ readonly user: string } | { readonly setup: Setup }> {
  const me = await request<Pick<UserView, "user">>("GET", "/api/me");
  if (me.ok) return { user: nameOf(me.value.user) };
  if (me.error.code !== "UNAUTHENTICATED") throw new Error(explain(me.error, "look"));
  const setup = await request<Setup>("GET", "/api/setup");
  if (!setup.ok) throw new Error(explain(setup.error, "look"));
  return { setup: setup.value };
}

function SignedIn({ name, onLeft }: { readonly name: string; readonly onLeft: (byItself: boolean) => void }) {
  const queries = useQueryClient();
  const [session, setSession] = useState<Session>();
  useEffect(() => {
    const opened = new Session(name, queries);
    setSession(opened);
    return () => {
      opened.close();
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "start" });
    };
  }, [name, queries]);
  if (session === undefined) return null;
  return (
    <SessionContext value={session}>
      <EndOfSession session={session} onLeft={onLeft} />
      <RouterProvider router={router} />
    </SessionContext>
  );
}

/** A session that was revoked or has expired leads back to the sign-in screen. */
function EndOfSession({
  session,
  onLeft,
}: {
  readonly session: Session;
  readonly onLeft: (byItself: boolean) => void;
}) {
  const ended = useLink(session).status === "ended";
  useEffect(() => {
    if (ended) onLeft(true);
  }, [ended, onLeft]);
  return null;
}
