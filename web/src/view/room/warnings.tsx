import { Button, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { RoomWarning } from "../../../../protocols/index.ts";
import { explain, useSession, type RoomStore } from "../../live/index.ts";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { Icon } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import "./moderating.css";

/** The warnings of a room that the person may read: for moderators all of them. */
export function useWarnings(store: RoomStore, enabled: boolean, staleTime: number) {
  return useQuery({
    queryKey: ["warnings", store.room],
    queryFn: async () => {
      const result = await store.warnings();
      if (result.ok) return result.value.warnings;
      throw new Error(explain(result.error, "look"));
    },
    enabled,
    staleTime,
    retry: false,
  });
}

/** A warning that the person has not said to have read, above the field to write in. */
export default function UnreadWarning({ store }: { readonly store: RoomStore }) {
  const session = useSession();
  const nameFor = useNames();
  const queries = useQueryClient();
  const { data } = useWarnings(store, true, Infinity);
  const unread = data?.findLast(({ member, readAtMs }) => member === session.me && readAtMs === undefined);
  if (unread === undefined) return null;
  const read = async () => {
    await store.change("acknowledgeWarning", { id: unread.id });
    await queries.invalidateQueries({ queryKey: ["warnings", store.room] });
  };
  return (
    <div className="warning-note" role="alert">
      <Icon name="warning" size={16} />
      <span className="grow">
        <bdi>{nameFor(unread.by)}</bdi> warned you on {momentOf(unread.atMs)}: <bdi>{unread.reason}</bdi>
      </span>
      <Button variant="default" size="xs" onClick={() => void read()}>
        I have read it
      </Button>
    </div>
  );
}

/** How often and why a member was warned: for moderators. */
export function WarningsOf({
  warnings,
  member,
  opened,
  onClose,
}: DialogProps & { readonly warnings: readonly RoomWarning[] | undefined; readonly member: string }) {
  const nameFor = useNames();
  const those = warnings?.filter((one) => one.member === member);
  return (
    <Dialog opened={opened} onClose={onClose} title={`Warnings of ${nameFor(member)}`}>
      {those === undefined && <Loader size="sm" aria-label="Loading" />}
      {those?.length === 0 && <Note tone="plain">Nobody has warned {nameFor(member)} here.</Note>}
      <ul className="members">
        {those?.map(({ id, by, atMs, reason, readAtMs }) => (
          <li key={id} className="member">
            <span className="grow">
              <span className="ban-terms" dir="auto">
                {reason}
              </span>
              <span className="dim ban-terms">
                {momentOf(atMs)} · by {nameFor(by)} ·{" "}
                {readAtMs === undefined ? "not read yet" : `read ${momentOf(readAtMs)}`}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
