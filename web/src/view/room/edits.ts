import { useState } from "react";
import type { RoomStore } from "../../live/index.ts";

/** Which messages of a room are being edited: those whose edit was left half done come back. */
export function useEdits(room: RoomStore): {
  readonly editing: ReadonlySet<number>;
  readonly setEditing: (seq: number, on: boolean) => void;
} {
  const [editing, set] = useState<ReadonlySet<number>>(() => new Set(room.halfEdits()));
  const [setEditing] = useState(
    () => (seq: number, on: boolean) =>
      set((before) => new Set(on ? [...before, seq] : [...before].filter((other) => other !== seq))),
  );
  return { editing, setEditing };
}
