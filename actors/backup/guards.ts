/** What the actor of the backups remembers of holds and of recalls that needed an approval. */
import { unreachable, type BackupHold, type RecallRequest } from "../../protocols/index.ts";

/** A request as it is kept; how it stands follows from the time. */
export interface KeptRequest extends Pick<
  RecallRequest,
  "id" | "wish" | "reason" | "by" | "askedAtMs" | "approvers" | "task"
> {
  readonly answer?: { readonly approved: boolean; readonly by: string; readonly atMs: number };
}

export interface GuardState {
  /** The oldest first. */
  readonly holds: readonly BackupHold[];
  /** The oldest first. */
  readonly recalls: readonly KeptRequest[];
  /** Whose keys somebody is about to destroy, and until when that is waited for. */
  readonly erasing?: readonly Erasing[];
}

export interface Erasing {
  readonly tenant: string;
  readonly untilMs: number;
}

/** What is persisted. */
export type GuardChange =
  | { readonly type: "held"; readonly hold: BackupHold }
  | { readonly type: "lifted"; readonly id: string }
  | { readonly type: "erasing"; readonly erasing: readonly Erasing[] }
  | { readonly type: "recallAsked"; readonly request: KeptRequest; readonly gone?: string }
  | { readonly type: "recallAnswered"; readonly id: string; readonly answer: NonNullable<KeptRequest["answer"]> }
  | { readonly type: "recallBegun"; readonly id: string; readonly task: string };

export const noGuards: GuardState = { holds: [], recalls: [] };

export function evolveGuards<State extends GuardState>(state: State, change: GuardChange): State {
  const withRequest = (id: string, more: Partial<KeptRequest>): State => ({
    ...state,
    recalls: state.recalls.map((one) => (one.id === id ? { ...one, ...more } : one)),
  });
  switch (change.type) {
    case "held":
      return { ...state, holds: [...state.holds, change.hold] };
    case "lifted":
      return { ...state, holds: state.holds.filter(({ id }) => id !== change.id) };
    case "erasing":
      return { ...state, erasing: change.erasing };
    case "recallAsked":
      return { ...state, recalls: [...state.recalls.filter(({ id }) => id !== change.gone), change.request] };
    case "recallAnswered":
      return withRequest(change.id, { answer: change.answer });
    case "recallBegun":
      return withRequest(change.id, { task: change.task });
    default:
      return unreachable(change);
  }
}
