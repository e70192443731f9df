import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { isFlag, queryKeys, useKept, useSession } from "../../live/index.ts";
import { canNotify, onNoticePressed } from "../../live/machine-notices.ts";
import type { Notifier, NotifierPorts } from "../../live/notifier.ts";
import type { UserRooms, UserView } from "../../../../protocols/index.ts";
import { useNames, useRooms, useRoomTitle } from "../parts/lists.ts";
import { iconUrl, useBrand } from "./brand.ts";

/** Where it is kept that this browser shows notices of the machine to this person. */
const noticesHere = "notices here";

/** Whether the person wants them here. The browser asks on its own, and only after a click in the settings. */
export const useNoticesHere = () => useKept(noticesHere, isFlag, false);

/** Shows notices of the machine while no tab is in sight, where the person has turned them on. */
export function useNotifying(): void {
  const session = useSession();
  const queries = useQueryClient();
  const { history } = useRouter();
  const [isOn] = useNoticesHere();
  // The list as it is drawn last: it says when something was read.
  useRooms();
  const nameOf = useNames();
  const titleOf = useRoomTitle();
  const icon = iconUrl(useBrand());
  const notifier = useRef<Notifier>(undefined);
  const ports: NotifierPorts = {
    person: () => queries.getQueryData<UserView>(queryKeys.me),
    room: (key) => queries.getQueryData<UserRooms>(queryKeys.rooms)?.rooms.find(({ room }) => room === key),
    nameOf,
    titleOf,
    icon,
  };
  const latest = useRef(ports);
  useEffect(() => {
    latest.current = ports;
    notifier.current?.listed();
  });
  useEffect(() => (canNotify() ? onNoticePressed((url) => history.push(url)) : undefined), [history]);
  useEffect(() => {
    if (!isOn || !canNotify() || Notification.permission !== "granted") return;
    let isOver = false;
    let stop = (): void => undefined;
    const start = async () => {
      const loaded = await import("../../live/notifier.ts");
      if (isOver) return;
      const made = new loaded.Notifier(session.name, {
        person: () => latest.current.person(),
        room: (key) => latest.current.room(key),
        nameOf: (principal) => latest.current.nameOf(principal),
        titleOf: (room) => latest.current.titleOf(room),
        get icon() {
          return latest.current.icon;
        },
      });
      notifier.current = made;
      const deaf = session.onHeard((heard) => made.heard(heard));
      stop = () => {
        deaf();
        made.close();
        notifier.current = undefined;
      };
    };
    // A build that is gone says so at the next reload.
    void start().catch(() => undefined);
    return () => {
      isOver = true;
      stop();
    };
  }, [isOn, session]);
}
