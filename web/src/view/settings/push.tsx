import { Button, NativeSelect } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { PushContent, PushDevice } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { canNotify } from "../../live/machine-notices.ts";
import { canPush, endPush, startPush } from "../../live/push.ts";
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

/** Browsers that take notices while the page is closed. */
export function PushDevices() {
  const loaded = useQuery({ queryKey: key, queryFn: () => seen("push.show") });
  const [content, setContent] = useState<PushContent>("sender");
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const queries = useQueryClient();
  const again = () => queries.invalidateQueries({ queryKey: key });
  if (loaded.data === undefined) return null;
  const { publicKey, devices } = loaded.data;
  const start = async (publicOne: string) => {
    setBusy(true);
    const said = await Notification.requestPermission();
    const isOn = said === "granted" && (await startPush(publicOne, browserName(), content));
    setFailed(!isOn);
    setBusy(false);
    await again();
  };
  return (
    <Part
      title="While the page is closed"
      about="The push service of your browser brings notices, encrypted: it sees when one comes, and not what it says."
    >
      {publicKey === undefined && <Note tone="plain">This node sends no notices to closed pages.</Note>}
      {publicKey !== undefined && !(canPush() && canNotify()) && (
        <Note tone="plain">
          This browser takes no notices of this page. It may do so where the page is opened by https.
        </Note>
      )}
      {publicKey !== undefined && canPush() && canNotify() && (
        <div className="row wrap">
          <NativeSelect
            label="What they say"
            data={[...contentOptions]}
            value={content}
            onChange={(event) => setContent(event.currentTarget.value as PushContent)}
          />
          <Button disabled={isBusy} onClick={() => void start(publicKey)}>
            Send notices to this browser
          </Button>
        </div>
      )}
      {failed && (
        <p role="alert">This browser did not take it: it was told to show no notices, or its push service is away.</p>
      )}
      {devices.length > 0 && (
        <ul className="plain" aria-label="Browsers that take notices">
          {devices.map((device) => (
            <Device key={device.id} device={device} onChanged={() => void again()} />
          ))}
        </ul>
      )}
    </Part>
  );
}

function Device({ device, onChanged }: { readonly device: PushDevice; readonly onChanged: () => void }) {
  const { id, name, content, addedAtMs } = device;
  const set = async (next: PushContent) => {
    const said = await call("push.set", { id, content: next });
    if (!said.ok) notices.fail(said.error);
    onChanged();
  };
  const remove = async () => {
    const said = await call("push.remove", { id });
    if (!said.ok) notices.fail(said.error);
    else if (name === browserName()) await endPush().catch(() => undefined);
    onChanged();
  };
  return (
    <li className="row wrap">
      <span className="grow">
        {name} <span className="dim">since {momentOf(addedAtMs)}</span>
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
