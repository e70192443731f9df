import { Button, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import type { Failure, Setup } from "../../../../protocols/index.ts";
import { explain } from "../../live/index.ts";
import { nameOf } from "../../model/index.ts";
import { call, forgetSeen, lastHere, rememberHere, startsWithoutNode } from "../../wire/index.ts";
import { Elsewhere } from "./elsewhere.tsx";
import { Told } from "../parts/told.tsx";
import { SignIn } from "./sign-in.tsx";

const MailEntrance = lazy(() => import("./mail-entrance.tsx"));
const NewPassword = lazy(() => import("./new-password.tsx"));

/** Whose a link is, and its secret. */
interface Link {
  readonly user: string;
  readonly secret: string;
}

/** The person whose mail address a link confirms: `#mail=NAME.SECRET`. Somebody else may be signed in where it is
 *  opened. */
function confirmationIn(hash: string): Link | undefined {
  const [, user, secret] = /^#mail=([a-z0-9][a-z0-9_-]{0,31})\.([A-Za-z0-9_-]{43})$/.exec(hash) ?? [];
  return user === undefined || secret === undefined ? undefined : { user, secret };
}

/** What ends mail of what was missed, as the link in one says: `#unsubscribe=TOKEN`. */
const endingIn = (hash: string): string | undefined => /^#unsubscribe=([A-Za-z0-9_-]{16,1024})$/.exec(hash)?.[1];

/** The person who sets a new password, as the link of an admin says: `#reset=NAME.SECRET`. It is in the part of the
 *  address that browsers send to nobody. */
function resetIn(hash: string): Link | undefined {
  const [, user, secret] = /^#reset=([a-z0-9][a-z0-9_-]{0,31})\.([A-Za-z0-9_-]{43})$/.exec(hash) ?? [];
  return user === undefined || secret === undefined ? undefined : { user, secret };
}

const loadChat = () => import("./signed-in.tsx");
// Asked for at once: the screen for signing in does not wait for the chat, and the chat is there when somebody has
// signed in.
loadChat().catch(() => {
  // Asked for again, and told, when it is needed.
});

/** Decides which of the three faces the page shows: no node, nobody signed in, or the chat itself. */
export function App() {
  const [ended, setEnded] = useState<Failure>();
  const [confirming, setConfirming] = useState(() => confirmationIn(location.hash));
  const [reset, setReset] = useState(() => resetIn(location.hash));
  const [ending, setEnding] = useState(() => endingIn(location.hash));
  const [link, setLink] = useState(location.hash);
  // A link from a mail may be opened where the page is open already: then only the part behind `#` changes.
  useEffect(() => {
    const follow = () => {
      setConfirming(confirmationIn(location.hash));
      setReset(resetIn(location.hash));
      setEnding(endingIn(location.hash));
      setLink(location.hash);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const start = useQuery({ queryKey: ["start"], queryFn: askWhoIsHere, retry: false, staleTime: Infinity });
  const { refetch } = start;
  const leave = useCallback(
    (why: Failure) => {
      setEnded(why);
      void refetch();
    },
    [refetch],
  );
  // When nothing that was shown of a person is kept any more by what shows it.
  const isNobody = start.data !== undefined && "setup" in start.data;
  useEffect(() => {
    if (isNobody) void forgetSeen();
  }, [isNobody]);
  if (confirming !== undefined || ending !== undefined)
    return (
      <Suspense>
        <MailEntrance
          purpose={
            ending !== undefined ? { type: "unsubscribe", token: ending } : { type: "confirm", ...(confirming as Link) }
          }
          onLeave={() => {
            history.replaceState(null, "", location.pathname);
            setConfirming(undefined);
            setEnding(undefined);
          }}
        />
      </Suspense>
    );
  // Also where somebody is signed in, who may have forgotten their password: the link ends that session.
  if (reset !== undefined)
    return (
      <Suspense>
        <NewPassword
          {...reset}
          onDone={() => {
            history.replaceState(null, "", location.pathname);
            // The session of before has ended: nothing of it is shown, and its end is not heard after the next sign-in.
            void start.refetch().then(() => setReset(undefined));
          }}
        />
      </Suspense>
    );
  if (start.data === undefined)
    return (
      <main className="empty" style={{ height: "100dvh" }}>
        {start.error === null ? (
          <Loader aria-label="Loading" />
        ) : (
          <>
            <h1>The node does not answer</h1>
            <p>
              <Told text={start.error.message} />
            </p>
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
    return <SignIn key={link} setup={start.data.setup} ended={ended} onSignedIn={() => void start.refetch()} />;
  const { SignedIn, user, isGuess = false } = start.data;
  return <SignedIn key={user} name={user} isGuess={isGuess} onLeft={leave} />;
}

type Here = {
  readonly user: string;
  readonly SignedIn: Awaited<ReturnType<typeof loadChat>>["SignedIn"];
  /** The node did not say who it is. */
  readonly isGuess?: true;
};

/** The person who is signed in, with the chat to show them, or what the sign-in screen needs to know. */
async function askWhoIsHere(): Promise<Here | { readonly setup: Setup }> {
  const me = await call("account.show");
  if (me.ok) {
    const chat = await loadChat().catch(() => undefined);
    if (chat === undefined) throw new Error("A part of the page could not be loaded. Try again.");
    const user = nameOf(me.value.user);
    await rememberHere(user);
    void startsWithoutNode();
    return { user, SignedIn: chat.SignedIn };
  }
  if (me.error.code === "UNREACHABLE") {
    const user = await lastHere();
    const chat = user === undefined ? undefined : await loadChat().catch(() => undefined);
    if (user !== undefined && chat !== undefined) {
      await rememberHere(user);
      return { user, SignedIn: chat.SignedIn, isGuess: true };
    }
  }
  if (me.error.code !== "UNAUTHENTICATED") throw new Error(explain(me.error, "look"));
  const setup = await call("signIn.setup");
  if (!setup.ok) throw new Error(explain(setup.error, "look"));
  return { setup: setup.value };
}
