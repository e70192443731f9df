import { Drawer, useMantineColorScheme } from "@mantine/core";
import { useHotkeys, useWindowEvent } from "@mantine/hooks";
import { Outlet, useLocation, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { unreachedNodes } from "../../../../protocols/errors.ts";
import { useLasting, useLink, useNow, useSession } from "../../live/index.ts";
import { Asking, type Asked } from "../parts/asking.tsx";
import { DialogsContext, MenuButton, type Dialogs, type Opened } from "./dialogs.tsx";
import { Elsewhere } from "./elsewhere.tsx";
import { FirstLetters, noLetters, type Letters } from "./first-letters.tsx";
import { FacesContext, useKnownFaces } from "../parts/faces.ts";
import { useFind } from "../parts/find.ts";
import { Icon } from "../parts/icons.tsx";
import { InLayer, useLayer } from "../parts/layers.tsx";
import { notLoaded, useLater } from "../parts/later.ts";
import { useProfile, useScheduled } from "../parts/lists.ts";
import { NoticeList } from "./notice-list.tsx";
import { useNotifying } from "./notifying.ts";
import { Sidebar } from "./sidebar.tsx";
import { useUnread } from "./unread.ts";
import "./shell.css";

/** What surrounds every screen of a signed-in person. */
export function Shell() {
  const [open, setOpen] = useState<Opened>();
  const [asked, setAsked] = useState<Asked>();
  const asking = useRef<Asked>(undefined);
  const { pathname } = useLocation();
  const close = () => setOpen(undefined);
  const creating = useLater(loadCreating, creates.has(open));
  const [switcher, letters] = useSwitcher(open === "switcher", setOpen);
  const help = useLater(loadHelp, open === "help");
  const { find, best } = useSearch({ strict: false });
  const finding = useLater(loadFinding, find !== undefined);
  const onFind = useFind();
  const due = useScheduled().data?.filter(({ status }) => status === "due") ?? [];
  const reminding = useLater(loadReminders, due.length > 0);
  const faces = useKnownFaces();
  const [cards, setCards] = useState<{ readonly part: CardsPart; readonly person?: string }>();
  useEffect(() => {
    setOpen(undefined);
    setCards(undefined);
    asking.current?.answer(false);
  }, [pathname]);
  // Whatever shows a person names them; their card opens wherever that is.
  useWindowEvent("click", ({ target }) => {
    const person = target instanceof Element && target.closest<HTMLElement>("[data-person]")?.dataset["person"];
    if (person) loadCards().then((part) => setCards({ part, person }), notLoaded);
  });
  const dialogs = useMemo<Dialogs>(
    () => ({
      open: setOpen,
      ask: (question) =>
        new Promise((resolve) => {
          asking.current?.answer(false);
          asking.current = {
            question,
            answer(yes) {
              asking.current = undefined;
              setAsked(undefined);
              resolve(yes);
            },
          };
          setAsked(asking.current);
        }),
    }),
    [],
  );
  useHotkeys([["mod+K", () => dialogs.open("switcher")]], [], true);
  // By the character and not by a key: where `?` is depends on the keyboard.
  useWindowEvent("keydown", (event) => {
    const writing = event.target instanceof Element && event.target.closest("input, textarea") !== null;
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") dialogs.open("help");
    if (event.key !== "/" || open !== undefined) return;
    event.preventDefault();
    onFind();
  });
  useLayer(open === "menu", close);
  useChosenTheme();
  useUnread();
  useNotifying();
  return (
    <DialogsContext value={dialogs}>
      <FacesContext value={faces}>
        <div className="shell">
          <Sidebar />
          <div className="main">
            <LinkBanner />
            <Outlet />
          </div>
          {find !== undefined && finding && <finding.FindingPanel find={find} isBest={best === "yes"} />}
        </div>
        <Drawer.Root opened={open === "menu"} onClose={close} size={300} returnFocus={false}>
          <Drawer.Overlay />
          <Drawer.Content aria-label="Rooms and agents">
            <Drawer.Body p={0} h="100%" onClick={byLink(close)}>
              <InLayer value>
                <Sidebar />
              </InLayer>
            </Drawer.Body>
          </Drawer.Content>
        </Drawer.Root>
        {switcher ? (
          <switcher.Switcher opened={open === "switcher"} letters={letters} onClose={close} />
        ) : (
          open === "switcher" && <FirstLetters letters={letters} onClose={close} />
        )}
        {help && <help.KeyboardHelp opened={open === "help"} onClose={close} />}
        {creating && <creating.Creating open={open} onClose={close} />}
        {cards && <cards.part.PersonCards person={cards.person} onClose={() => setCards({ part: cards.part })} />}
        <Asking asked={asked} />
        {reminding && <reminding.Reminders due={due} />}
        <NoticeList />
      </FacesContext>
    </DialogsContext>
  );
}

/** Closes what a link was pressed in. One to the screen that is there already changes no address. */
const byLink =
  (close: () => void) =>
  ({ target }: { readonly target: EventTarget }): void => {
    if (target instanceof Element && target.closest("a") !== null) close();
  };

/** For an address that leads nowhere. */
export function NothingHere() {
  return (
    <main className="screen-main">
      <header className="header menu-only">
        <MenuButton />
      </header>
      <div className="empty">
        <h2>There is nothing here</h2>
        <p>No room, agent or setting has this address.</p>
      </div>
    </main>
  );
}

// A node that restarts is back by then; a person who waits longer may want to go on elsewhere.
const elsewhereAfterMs = 3_000;

/** Says that there is no answer, and of which node, or that the connection is away and when it will be tried again. */
function LinkBanner() {
  const session = useSession();
  const link = useLink(session);
  const waiting = link.status === "waiting";
  const nowMs = useNow(250, waiting);
  const late = link.status === "open" && link.late;
  const away = link.status === "open" ? link.away : undefined;
  const cutOff = link.status === "open" && link.degraded !== undefined;
  // It does not say of a node that it is down: it may be itself that is cut off.
  const unreached = (cutOff && unreachedNodes(link.degraded.reason).join(", ")) || "the others";
  const held = late || away !== undefined || cutOff;
  const isLong = useLasting(waiting || link.status === "connecting", elsewhereAfterMs) || held;
  if ((link.status === "open" && !held) || link.status === "ended") return null;
  // The first connection of a page is a matter of milliseconds: a banner would only flash.
  if (link.status === "connecting" && link.attempt <= 1 && !session.isAsking) return null;
  const seconds = waiting ? Math.max(0, Math.ceil((link.retryAtMs - nowMs) / 1000)) : 0;
  return (
    <div className="link-banner" role="status" data-link={cutOff ? "degraded" : held ? "late" : link.status}>
      {cutOff && (
        <span>
          <Icon name="warning" size={15} /> This node cannot reach {unreached}, so most rooms do not answer here. What
          you send here waits until it can.
        </span>
      )}
      {!cutOff &&
        away !== undefined &&
        `The node ${away} does not answer, and some of your rooms and conversations are on it. What you send ` +
          "there waits."}
      {!cutOff && late && away === undefined && "No answer yet from the node. What you send waits until there is one."}
      {link.status === "offline" && "You are offline. Messages are sent when the network is back."}
      {link.status === "connecting" && (session.wasReached ? "Reconnecting …" : "Connecting …")}
      {waiting && (
        <>
          <span>
            {session.wasReached ? "Connection lost. Reconnecting" : "The node does not answer. Trying again"}{" "}
            <span aria-hidden="true">in {seconds} s</span>
          </span>
          <button type="button" className="link" onClick={() => session.client.wake()}>
            Try now
          </button>
        </>
      )}
      {!session.wasReached && <span>You see what this browser saw last. What you send waits.</span>}
      {isLong && <Elsewhere away={away} ask={held && !cutOff} />}
    </div>
  );
}

/** The theme belongs to the person, not to the browser: a change on one device arrives on the others. */
function useChosenTheme(): void {
  const theme = useProfile()?.theme;
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (theme !== undefined) setColorScheme(theme === "system" ? "auto" : theme);
  }, [theme, setColorScheme]);
}

/** What makes and finds things, and the list of keys, are loaded when somebody first asks for them. */
const loadCreating = () => import("./create.tsx");
const creates: ReadonlySet<Opened | undefined> = new Set([
  "findRoom",
  "createRoom",
  "findPerson",
  "createAgent",
  "arrange",
]);
const loadCards = () => import("./person-card.tsx");
type CardsPart = Awaited<ReturnType<typeof loadCards>>;
const loadHelp = () => import("./keyboard-help.tsx");
const loadReminders = () => import("../schedule/reminders.tsx");
const loadFinding = () => import("../finding/finding-panel.tsx");
const loadSwitcher = () => import("./switcher.tsx");
const calmMs = 1_000;

/** What is typed right after the key belongs into the switcher: so it is there before most people ask for it, and
 *  `FirstLetters` takes what is typed until then. It goes with the switcher, however that was closed. */
function useSwitcher(
  isOpen: boolean,
  setOpen: (change: (open: Opened | undefined) => Opened | undefined) => void,
): readonly [Awaited<ReturnType<typeof loadSwitcher>> | undefined, RefObject<Letters>] {
  const letters = useRef<Letters>(noLetters);
  useEffect(() => {
    if (!isOpen) letters.current = noLetters;
  }, [isOpen]);
  useEffect(() => {
    const timer = setTimeout(() => void loadSwitcher().catch(() => undefined), calmMs);
    return () => clearTimeout(timer);
  }, []);
  const load = useCallback(
    () =>
      loadSwitcher().catch((thrown: unknown) => {
        // What was opened meanwhile stays.
        setOpen((open) => (open === "switcher" ? undefined : open));
        throw thrown;
      }),
    [setOpen],
  );
  return [useLater(load, isOpen), letters];
}
