import { useEffect, useSyncExternalStore } from "react";
import type { Presence, ShownStatus } from "../../../../protocols/index.ts";
import { liveStatus, useSession } from "../../live/index.ts";
import { isAgent, nameOf } from "../../model/index.ts";
import { Avatar } from "./avatar.tsx";
import "./here.css";

const words = { active: "Active", away: "Away", offline: "Offline" } as const;

/** How a person is who stands in view; undefined: offline. Of agents and without a name nothing is asked. */
export function usePresence(user: string | undefined): Presence | undefined {
  const { presence } = useSession();
  useEffect(() => (user === undefined ? undefined : presence.want(user)), [presence, user]);
  return useSyncExternalStore(presence.subscribe, () => (user === undefined ? undefined : presence.get(user)));
}

/** How somebody is, in words: `Away, on a train`. */
export function hereText(presence: Presence | undefined, nowMs = Date.now()): string {
  const status = liveStatus(presence?.status, nowMs);
  const quiet = status?.doNotDisturb === true ? "do not disturb" : undefined;
  return [words[presence?.here ?? "offline"], quiet, status?.text].filter((part) => part !== undefined).join(", ");
}

/** A picture with a mark that says whether its person is there, and words for those who do not see the mark. Of agents
 *  the picture alone. */
export function Face(props: { readonly principal: string; readonly label: string; readonly size: number }) {
  return (
    <span className="there">
      <Avatar {...props} />
      {!isAgent(props.principal) && <Here of={nameOf(props.principal)} />}
    </span>
  );
}

function Here({ of: user }: { readonly of: string }) {
  const presence = usePresence(user);
  const status = liveStatus(presence?.status, Date.now());
  const quiet = status?.doNotDisturb === true && presence !== undefined ? " quiet" : "";
  const text = hereText(presence);
  return (
    <span className={`here ${presence?.here ?? "offline"}${quiet}`} title={text}>
      <span className="hidden-text">{text}</span>
    </span>
  );
}

/** What a person says of themselves, behind their name. */
export function StatusMark({ of: principal, nowMs = Date.now() }: { readonly of: string; readonly nowMs?: number }) {
  const presence = usePresence(isAgent(principal) ? undefined : nameOf(principal));
  const status = liveStatus(presence?.status, nowMs);
  return status === undefined ? null : <StatusText status={status} />;
}

export function StatusText({ status }: { readonly status: ShownStatus }) {
  const { emoji, text } = status;
  if (emoji === undefined && text === undefined) return null;
  return (
    <span className="status dim ellipsis" dir="auto" title={text}>
      {emoji}
      {emoji !== undefined && text !== undefined ? " " : ""}
      {text}
    </span>
  );
}
