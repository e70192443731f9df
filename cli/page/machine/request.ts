/** `cli/node/node-request.ts` in a page: the only door of its commands. It leads to the interface of the node that
 *  served the page. */
import type { Method, Target } from "../../node/target.ts";
import type { Exchanged } from "../../node/node-request.ts";
import { failure, PlexusError } from "../../../protocols/errors.ts";
import { elsewhere } from "./folders.ts";
import { hereUrl } from "./control.ts";
import { never, running } from "./run.ts";

/** Whether a path is one of the interface, written as it is read: a name with `..` in it must not lead to another
 *  route. */
export const isRoute = (path: string): boolean => {
  const [place = ""] = path.split("?");
  const climbs = place.split("/").some((part) => /^(?:\.|%2e){1,2}$/i.test(part));
  return /^\/(?:api\/v1\/|healthz$|readyz$)/.test(place) && !/[\\#\s]/.test(path) && !climbs;
};

/** One request. */
export async function exchange(
  target: Target & { readonly timeoutMs: number },
  method: Method,
  path: string,
  body: unknown,
): Promise<Exchanged> {
  if (target.url !== hereUrl || target.token !== undefined || target.cert !== undefined) throw elsewhere("--endpoint");
  if (!isRoute(path))
    throw new PlexusError(failure("BAD_REQUEST", { field: "", reason: "a name in it would lead to another route" }));
  const { terminal, ended } = running();
  if (ended.signal.aborted) return never();
  const late = AbortSignal.timeout(target.timeoutMs);
  let answer;
  try {
    answer = await terminal.send(method, path, body, AbortSignal.any([ended.signal, late]), target.operation);
  } catch (thrown) {
    if (ended.signal.aborted) return never();
    if (late.aborted) return { type: "late" };
    return { type: "lost", wasSent: true, reason: (thrown as Error).message };
  }
  if (ended.signal.aborted) return never();
  if (answer.status === 401)
    throw new PlexusError(failure("UNAUTHENTICATED", { hint: "Your session on this page has ended. Sign in again." }));
  // The page came from there.
  return { type: "answered", ...answer, location: undefined, isMarked: true, isLikeOurs: true };
}

/** Files are not fetched here. */
export const openRequest = (): never => {
  throw elsewhere("--to");
};
