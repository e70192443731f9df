import { Button, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { explain, notices, type RoomStore } from "../../live/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";

/** The people who are kept out of the room, for moderators who can let them in again. */
export default function Bans({ store, opened, onClose }: DialogProps & { readonly store: RoomStore }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Bans">
      {opened && <BanList store={store} />}
    </Dialog>
  );
}

function BanList({ store }: { readonly store: RoomStore }) {
  const nameFor = useNames();
  const queries = useQueryClient();
  const key = ["bans", store.room];
  const loaded = useQuery({
    queryKey: key,
    queryFn: async () => {
      const result = await store.bans();
      if (result.ok) return result.value.bans;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: 0,
    retry: false,
  });
  const lift = async (member: string) => {
    const result = await store.change("unban", { member });
    if (result.ok) notices.show(`${nameFor(member)} can come back.`);
    await queries.invalidateQueries({ queryKey: key });
  };
  if (loaded.error !== null) return <Note tone="bad">{loaded.error.message}</Note>;
  if (loaded.data === undefined) return <Loader size="sm" aria-label="Loading" />;
  if (loaded.data.length === 0)
    return <p className="dim flush">Nobody is banned. A member can be banned when you remove them.</p>;
  return (
    <ul className="members">
      {loaded.data.map(({ member, by, untilMs, reason }) => (
        <li key={member} className="member">
          <Avatar principal={member} label={nameFor(member)} size={32} />
          <span className="grow">
            <b>{nameFor(member)}</b>
            <span className="dim ban-terms">
              {untilMs === undefined ? "Until it is lifted" : `Until ${momentOf(untilMs)}`} · by {nameFor(by)}
            </span>
            {reason !== undefined && (
              <span className="ban-terms" dir="auto">
                {reason}
              </span>
            )}
          </span>
          <Button
            variant="default"
            size="xs"
            aria-label={`Lift the ban of ${nameFor(member)}`}
            onClick={() => void lift(member)}
          >
            Lift
          </Button>
        </li>
      ))}
    </ul>
  );
}
