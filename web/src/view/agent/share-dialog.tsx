import { Button, NativeSelect } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SharedLinkMade } from "../../../../protocols/index.ts";
import { call } from "../../wire/index.ts";
import { Copyable } from "../parts/copyable.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { OnlyHere, placeForOthers, useSetup } from "../shell/newcomers.tsx";

const day = 24 * 3_600_000;
const lives = [1, 7, 30, 90].map((days) => ({
  value: String(days * day),
  label: days === 1 ? "1 day" : `${days} days`,
}));

/** Makes a read-only link to a conversation, as it is shown now. */
export default function ShareDialog({ agent, opened, onClose }: DialogProps & { readonly agent: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Share a read-only link">
      {opened && <Share agent={agent} onClose={onClose} />}
    </Dialog>
  );
}

function Share({ agent, onClose }: { readonly agent: string; readonly onClose: () => void }) {
  const [lifeMs, setLifeMs] = useState(7 * day);
  const [made, setMade] = useState<SharedLinkMade>();
  const faults = useFaults();
  const queries = useQueryClient();
  const setup = useSetup();
  const make = async () => {
    const result = await call("sharedLinks.make", { agent, lifeMs });
    if (!result.ok) return void faults.take(result.error);
    setMade(result.value);
    await queries.invalidateQueries({ queryKey: ["sharedLinks"] });
  };
  const url = made === undefined ? "" : placeForOthers(setup) + made.path;
  return (
    <div className="stack">
      <p className="dim flush">
        Everybody who has the link reads the conversation as it is shown now, without an account: your messages and the
        answers, up to the last one that is whole. Not what is said later, no other branch, no instructions of the
        agent, no pictures and sounds. Your account name is in the address.
      </p>
      <Form id="share" about={agent} keepsNothing faults={faults} className="stack" onSubmit={make}>
        <NativeSelect
          label="For how long"
          data={lives}
          value={String(lifeMs)}
          onChange={(event) => setLifeMs(Number(event.currentTarget.value))}
          data-autofocus
        />
        <Button type="submit">Make a link</Button>
      </Form>
      {made !== undefined && (
        <Note tone="good" title="Copy the link now: it is not shown again" onClose={() => setMade(undefined)}>
          <p>It shows this conversation until {momentOf(made.untilMs)}.</p>
          <Copyable text={url} label="Copy the link" />
          <OnlyHere address={url} />
        </Note>
      )}
      <p className="dim flush">
        All your links are in{" "}
        <Link to="/settings/$section" params={{ section: "links" }} className="link" onClick={onClose}>
          Settings
        </Link>
        , where you take them back.
      </p>
    </div>
  );
}
