import { Button, NativeSelect } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { PushContent, PushPlaced } from "../../../../protocols/index.ts";
import { explain, notices } from "../../live/index.ts";
import { canNotify } from "../../live/machine-notices.ts";
import { canPush, endPush, ownPlace, startPush } from "../../live/push.ts";
import { call, seen } from "../../wire/index.ts";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { Part } from "./part.tsx";

const key = ["push"];

const contentOptions = [
  { value: "nothing", label: "That there is something" },
  { value: "sender", label: "Who wrote, and where" },
  { value: "text", label: "How the message begins, too" },
] as const;

const noService =
  "The push service of this browser does not answer, or is turned off in the browser. Look whether the machine is " +
  "on the internet and the browser lets pages use it, and try again.";
const notAnswered = "The browser has asked whether it may show notices, and was not told. Press again, and allow it.";

/** Whether this browser may show notices of this page, also when that changes in its settings. */
function usePermission(): readonly [NotificationPermission, (now: NotificationPermission) => void] {
  const [permission, setPermission] = useState(() => (canNotify() ? Notification.permission : "default"));
  useEffect(() => {
    if (!canNotify()) return;
    const look = () => setPermission(Notification.permission);
    let asked: PermissionStatus | undefined;
    // A browser that cannot say is looked at when the person comes back from its settings.
    void navigator.permissions?.query({ name: "notifications" }).then(
      (status) => {
        asked = status;
        status.addEventListener("change", look);
      },
      () => undefined,
    );
    addEventListener("focus", look);
    return () => {
      asked?.removeEventListener("change", look);
      removeEventListener("focus", look);
    };
  }, []);
  return [permission, setPermission];
}

/** Browsers that take notices while the page is closed. */
export function PushDevices() {
  const loaded = useQuery({ queryKey: key, queryFn: () => seen("push.show") });
  const here = useQuery({ queryKey: [...key, "here"], queryFn: () => (canPush() ? ownPlace() : null) });
  const queries = useQueryClient();
  const again = () => queries.invalidateQueries({ queryKey: key });
  if (loaded.data === undefined) return null;
  const { publicKey, devices } = loaded.data;
  const own = devices.find(({ place }) => place === here.data);
  return (
    <Part
      title="While the page is closed"
      about="The push service of your browser brings notices, encrypted: it sees when one comes, and not what it says."
    >
      {publicKey === undefined ? (
        <Note tone="plain">This node sends no notices to closed pages.</Note>
      ) : canPush() && canNotify() ? (
        <Start publicKey={publicKey} isOn={own !== undefined} onChanged={() => void again()} />
      ) : (
        <Note tone="plain">
          This browser takes no notices of this page. It may do so where the page is opened by https.
        </Note>
      )}
      {devices.length > 0 && (
        <ul className="plain" aria-label="Browsers that take notices">
          {devices.map((device) => (
            <Device key={device.id} device={device} isHere={device === own} onChanged={() => void again()} />
          ))}
        </ul>
      )}
    </Part>
  );
}

function Start({
  publicKey,
  isOn,
  onChanged,
}: {
  readonly publicKey: string;
  readonly isOn: boolean;
  readonly onChanged: () => void;
}) {
  const [permission, setPermission] = usePermission();
  const [content, setContent] = useState<PushContent>("sender");
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const start = async () => {
    setBusy(true);
    const said = await Notification.requestPermission();
    setPermission(said);
    const done = said === "granted" ? await startPush(publicKey, browserName(), content) : undefined;
    if (done === undefined) setTrouble(said === "default" ? notAnswered : undefined);
    else setTrouble(done === "on" ? undefined : done === "noService" ? noService : explain(done));
    setBusy(false);
    onChanged();
  };
  if (permission === "denied")
    return (
      <Note tone="plain">
        This browser was told to show no notices of this page. Press the sign before its address, allow notifications
        there, and come back.
        {isOn && " Until then it shows none, though it stands in the list."}
      </Note>
    );
  if (isOn) return <p role="status">This browser takes notices.</p>;
  return (
    <>
      <div className="row wrap">
        <NativeSelect
          label="What they say"
          data={[...contentOptions]}
          value={content}
          onChange={(event) => setContent(event.currentTarget.value as PushContent)}
        />
        <Button disabled={isBusy} onClick={() => void start()}>
          Send notices to this browser
        </Button>
      </div>
      {trouble !== undefined && <p role="alert">{trouble}</p>}
    </>
  );
}

function Device({
  device,
  isHere,
  onChanged,
}: {
  readonly device: PushPlaced;
  readonly isHere: boolean;
  readonly onChanged: () => void;
}) {
  const { id, name, content, addedAtMs } = device;
  const set = async (next: PushContent) => {
    const said = await call("push.set", { id, content: next });
    if (!said.ok) notices.fail(said.error);
    onChanged();
  };
  const remove = async () => {
    const said = await call("push.remove", { id });
    if (!said.ok) notices.fail(said.error);
    else if (isHere) await endPush().catch(() => undefined);
    onChanged();
  };
  return (
    <li className="row wrap">
      <span className="grow">
        {name}
        {isHere && " (this browser)"} <span className="dim">since {momentOf(addedAtMs)}</span>
      </span>
      <NativeSelect
        aria-label={`What ${name} is told`}
        data={[...contentOptions]}
        value={content}
        onChange={(event) => void set(event.currentTarget.value as PushContent)}
      />
      <Button variant="default" aria-label={`Send no more notices to ${name}`} onClick={() => void remove()}>
        Remove
      </Button>
    </li>
  );
}

/** What this browser is called in the list. */
function browserName(): string {
  const { userAgent } = navigator;
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(userAgent)?.[1] ?? "Browser";
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const called = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system === undefined ? called : `${called} on ${system}`;
}
