/** What is alive in the page: one `Session` for the person who is signed in, one store for each room and agent on show.
 *
 *  A store folds what the wire brings into a model and shows it once per frame; screens read parts of it with
 *  `useShown` and call the store's methods. Lists that are loaded as a whole (rooms, agents, models, keys) are
 *  queries. */
export { AgentStore } from "./agent-store.ts";
export { editIn, explain, isChosen, nameUnsent, startedEdit, type Chosen, type HalfEdit } from "../model/index.ts";
export { isFlag, isText, useHabits, useKept } from "./kept.ts";
export { notices, useNotices, type Notice } from "./notices.ts";
export { liveStatus } from "./presence.ts";
export { RoomStore } from "./room-store.ts";
export { queryKeys, Session, SessionContext, useLasting, useLink, useNow, useSession } from "./session.ts";
export { undoSendPlace, undoSendSeconds } from "./undo-send.ts";
export { useShown } from "./topic-store.ts";
