import { queryOptions, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type {
  AgentView,
  CatalogPage,
  CatalogRow,
  Later,
  ModelInfo,
  NotificationRules,
  RoomSummary,
  SavedMessage,
  Sidebar,
  UserRooms,
  UserView,
} from "../../../../protocols/index.ts";
import { plainNotifications, told } from "../../../../protocols/telling/rooms.ts";
import { explain, queryKeys, useNow, useSession, type Session } from "../../live/index.ts";
import { agentLabel, isAgent, nameOf, plainSidebar, roomTitle } from "../../model/index.ts";
import { asked, seen } from "../../wire/index.ts";

/** Lists that are loaded as a whole, and the names on them. */

/** How soon the list of rooms is asked for again while some of them do not answer. */
const unreachableRetryMs = 5_000;

export const useRooms = (): UseQueryResult<UserRooms> => useQuery(roomsOf(useSession()));

/** What is sent later and what the person is reminded of, the next one first. The account tells when it changes. */
export function useScheduled(): UseQueryResult<readonly Later[]> {
  const session = useSession();
  return useQuery({
    queryKey: queryKeys.later,
    queryFn: async () => {
      const result = await session.client.call("user.later", session.name, {});
      if (result.ok) return result.value.later;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: Infinity,
  });
}

/** Messages that the person has saved for later, the newest first. */
export function useSaved(): UseQueryResult<readonly SavedMessage[]> {
  const session = useSession();
  return useQuery({
    queryKey: queryKeys.saved,
    queryFn: async () => {
      const result = await session.client.call("user.saved", session.name, {});
      if (result.ok) return result.value.saved;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: Infinity,
  });
}

/** Whether a room is in the list; renders again only when that changes, and not with everything that is unread. */
export function useIsListed(room: string): boolean {
  const isIn = useCallback(({ rooms }: UserRooms) => rooms.some((listed) => listed.room === room), [room]);
  return useQuery({ ...roomsOf(useSession()), select: isIn }).data === true;
}

const roomsOf = (session: Session) =>
  queryOptions({
    queryKey: queryKeys.rooms,
    queryFn: async () => {
      const result = await session.client.call("user.rooms", session.name, {});
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    // A room whose node was away comes back without a word, and so does the user's own.
    refetchInterval: ({ state }) =>
      state.status === "error" || (state.data?.unreachable.length ?? 0) > 0 ? unreachableRetryMs : false,
  });

/** A room by its name in addresses, and what it is called. */
interface NamedRoom {
  readonly key: string;
  readonly title: string;
}

const namedIn = ({ rooms }: UserRooms): readonly NamedRoom[] =>
  rooms.flatMap(({ room, title, visibility }) =>
    visibility === "direct" ? [] : [{ key: room, title: title || room }],
  );

const titlesOf = ({ rows }: CatalogPage): readonly NamedRoom[] =>
  rows.map(({ key, title }) => ({ key, title: title || key }));

/** Rooms that this person can open by their name: those they are in, and public ones, of which the first page is
 *  enough. Nothing is asked before it is `wanted`. */
export function useNamedRooms(wanted: boolean): readonly NamedRoom[] {
  const own = useQuery({ ...roomsOf(useSession()), select: namedIn }).data ?? none;
  const publicRooms = useQuery({
    queryKey: ["catalog", "rooms", "named"],
    queryFn: () => asked("rooms", { limit: 200 }),
    select: titlesOf,
    enabled: wanted,
    staleTime: 60_000,
  }).data;
  return useMemo(() => {
    const known = new Set(own.map(({ key }) => key));
    return [...own, ...(publicRooms ?? none).filter(({ key }) => !known.has(key))];
  }, [own, publicRooms]);
}

/** The signed-in user's profile; filled by the user's own topic. */
export function useProfile(): UserView | undefined {
  return useQuery<UserView>({ queryKey: queryKeys.me, queryFn: () => seen("account.show") }).data;
}

/** How soon the end of a mute shows. */
const muteEndMs = 30_000;

/** What of a room is told in its line, in the title of the page and on the button of the menu. */
export function useTold(): (room: RoomSummary) => RoomSummary {
  const profile = useProfile();
  const { notifications, sidebar } = profile ?? {};
  const isMuted = notifications?.rooms.some(({ mutedUntilMs = 0 }) => mutedUntilMs > Date.now()) === true;
  const nowMs = useNow(muteEndMs, isMuted);
  return useCallback(
    (room: RoomSummary) => told(room, { notifications, sidebar }, Math.max(nowMs, Date.now())),
    [notifications, sidebar, nowMs],
  );
}

/** What the user wants to be told of. */
export const useNotificationRules = (): NotificationRules => useProfile()?.notifications ?? plainNotifications;

/** How the user has arranged their rooms. */
export const useSidebar = (): Sidebar => useProfile()?.sidebar ?? plainSidebar;

export function useAgents(): readonly AgentView[] {
  const loaded = useQuery({
    queryKey: queryKeys.agents,
    queryFn: () => seen("agents.list"),
  });
  return loaded.data?.agents ?? none;
}

export function useModels(): readonly ModelInfo[] {
  const loaded = useQuery({
    queryKey: queryKeys.models,
    queryFn: () => seen("models.list"),
  });
  return loaded.data?.models ?? none;
}

const none: readonly never[] = [];

/** People of the node, the first page of its catalogue: enough for names and for picking; search asks for more. */
export function usePeople(): readonly CatalogRow[] {
  const { people } = useSession();
  const loaded = useQuery({
    queryKey: queryKeys.people,
    queryFn: async () => {
      const page = await asked("people", { limit: 200 });
      people.learn(page.rows);
      return page;
    },
  });
  return loaded.data?.rows ?? none;
}

/** Public rooms or people that fit a text. */
export function useCatalog(kind: "rooms" | "people", text: string): UseQueryResult<CatalogPage> {
  return useQuery({
    queryKey: ["catalog", kind, text],
    queryFn: () => asked(kind, { text }),
    placeholderData: (previous) => previous,
    staleTime: 5_000,
  });
}

/** Under which the groups are kept. */
export const groupsKey = ["groups"];

/** The groups that can be mentioned. */
export const useGroups = (enabled = true) =>
  useQuery({ queryKey: groupsKey, queryFn: () => asked("groups", {}), enabled, staleTime: 60_000, retry: false });

/** Under which the cluster's own emoji are kept. */
export const ownEmojiKey = ["emoji"];

/** Texts are content with an answer of so long ago, each page with another: ten thousand that show one new message do
 *  not ask all at once. What was added since is a name that they do not know. */
export const textsStaleMs = 600_000 * (1 + Math.random());

/** The cluster's own emoji. */
export const useOwnEmoji = (enabled = true, staleTime = 60_000) =>
  useQuery({ queryKey: ownEmojiKey, queryFn: () => asked("emoji", {}), enabled, staleTime, retry: false });

/** How people and agents are called on this page. A missing name is asked for, once. */
export function useNames(): (principal: string) => string {
  const session = useSession();
  const own = useProfile();
  const people = usePeople();
  const known = useSyncExternalStore(session.people.subscribe, session.people.version);
  const missed = useRef(new Set<string>());
  useEffect(() => {
    const { current } = missed;
    // A person whose name is missing is on the first page, most often.
    if (current.size === 0 || people.length === 0) return;
    void session.people.want(current);
    current.clear();
  });
  return useMemo(() => {
    // A new function for each change of what is known: whatever shows a name is drawn anew.
    void known;
    return (principal: string) => {
      const name = nameOf(principal);
      if (isAgent(principal)) return agentLabel(name, session.name);
      const title = name === session.name ? own?.displayName : session.people.get(name)?.title;
      if (title === undefined) missed.current.add(name);
      return title || name;
    };
  }, [known, own, session.name, session.people]);
}

/** The title of a room as this user sees it. */
export function useRoomTitle(): (room: Parameters<typeof roomTitle>[0]) => string {
  const session = useSession();
  const nameFor = useNames();
  return (room) => roomTitle(room, session.me, nameFor);
}
