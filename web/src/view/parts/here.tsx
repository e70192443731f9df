import type { Presence, ShownStatus } from "../../../../protocols/index.ts";
import { liveStatus, usePresence } from "../../live/index.ts";
import { isAgent, nameOf } from "../../model/index.ts";

const words = { active: "Active", away: "Away", offline: "Offline" } as const;

/** How somebody is, in words: `Away, on a train`. */
export function hereText(presence: Presence | undefined, nowMs = Date.now()): string {
  const status = liveStatus(presence?.status, nowMs);
  const quiet = status?.doNotDisturb === true ? "do not disturb" : undefined;
  return [words[presence?.here ?? "offline"], quiet, status?.text].filter((part) => part !== undefined).join(", ");
}

/** Whether a person is there: a mark beside their picture, with words for those who do not see it. Of agents
 *  nothing. */
export function Here({ of: principal, silent }: { readonly of: string; readonly silent?: boolean }) {
  const presence = usePresence(isAgent(principal) ? undefined : nameOf(principal));
  if (isAgent(principal)) return null;
  const status = liveStatus(presence?.status, Date.now());
  const quiet = status?.doNotDisturb === true && presence !== undefined ? " quiet" : "";
  const text = hereText(presence);
  return (
    <span className={`here ${presence?.here ?? "offline"}${quiet}`} title={text}>
      {silent !== true && <span className="hidden-text">{text}</span>}
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
