/** The wire between the page and its node: nothing else in the page opens a socket or calls `fetch`.
 *
 *  `openClient` is the client library (`client/`) on the browser: commands that are answered once, topics that go on
 *  where they were after any loss, and a `Link` that says how things stand. The page stays with its own node, because
 *  its session belongs to its origin; it remembers where else to go. `request` is for the few HTTP calls that belong to
 *  no actor: accounts, keys, search. */
import { Client, standardPorts } from "../../../client/index.ts";
import { pageLimits } from "./limits.ts";
import { ownPlace } from "./place.ts";
import { rememberNodes } from "./other-nodes.ts";

export { newOperationId, type Client, type Link } from "../../../client/index.ts";
export { refreshNodes, rememberedNodes } from "./other-nodes.ts";
export { watchModels } from "./models.ts";
export { at, mount } from "./mount.ts";
export { ownPath, ownPlace } from "./place.ts";
export { confirmByPasskey, hasPasskeys, makePasskey, signInByPasskey } from "./passkeys.ts";
export { exchange } from "./raw.ts";
export { askActor, asked, call, callWithin, Refused, request, seen } from "./rest.ts";
export { forgetSeen, forgetSeenOf, keepSeen, lastHere, readSeen, rememberHere, seenNames } from "./seen.ts";
export { startsWithoutNode, worker } from "./worker.ts";
export { uploadPicture, uploadSound } from "./uploads.ts";
export { hasUnkept, onShelfChanged, shelf, tabShelf } from "./storage.ts";

/** A client of the node that served the page, as the person who is signed in. */
export function openClient(): Client {
  const ports = standardPorts({ storage: { load: () => [], save: rememberNodes } });
  const { answerTimeoutMs } = pageLimits;
  return new Client(
    { urls: [ownPlace()], roams: false, answerTimeoutMs },
    { ...ports, online: () => navigator.onLine },
  );
}
