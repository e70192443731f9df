import { useShown, type RoomStore } from "../../live/index.ts";
import type { RoomModel } from "../../model/index.ts";
import { useRoomTitle } from "../parts/lists.ts";
import MuteMember from "./mute-member.tsx";
import { RemoveMember } from "./remove-member.tsx";

/** What is decided about a member of a room. */
export interface Decision {
  readonly store: RoomStore;
  readonly member: string;
  readonly as: "mute" | "warn" | "remove";
}

/** Asks about a decision that was begun at a card. */
export default function Deciding({ store, member, as, onClose }: Decision & { readonly onClose: () => void }) {
  const view = useShown(store.store, (model: RoomModel) => model.view);
  const titleOf = useRoomTitle();
  if (view === undefined) return null;
  return as === "remove" ? (
    <RemoveMember {...{ store, view, member, onClose }} title={titleOf(view)} />
  ) : (
    <MuteMember {...{ view, member, as, onClose }} />
  );
}
