import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { QuarantinedFile } from "../../../../protocols/index.ts";
import { describeBytes } from "../../../../protocols/words/amounts.ts";
import { notices } from "../../live/index.ts";
import { call, seen } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { Note } from "../parts/note.tsx";
import { useRights } from "../parts/rights.ts";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { Part } from "../settings/part.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import { AdminPage } from "./frame.tsx";
import { Pager, useTrail } from "./pages.tsx";
import { live } from "./look.ts";
import { Table, type Column } from "./table.tsx";

const all = ["quarantine"];
const lookMs = 10_000;
const pageFiles = 50;

/** The files in which a scanner has found something, and the scanners. */
export function QuarantinePage() {
  return (
    <AdminPage
      wide
      title="Quarantine"
      needs="audit.read"
      refusal="Only people with permission to read the audit see this page."
    >
      <Files />
      <Scanners />
    </AdminPage>
  );
}

function Files() {
  const { may } = useRights();
  const act = useActOn(all);
  const { ask } = useDialogs();
  const trail = useTrail();
  const { data, error, isPlaceholderData } = useQuery({
    ...live(lookMs),
    queryKey: [...all, trail.from],
    queryFn: () =>
      seen("quarantine.list", { limit: pageFiles, ...(trail.from !== undefined && { after: trail.from }) }),
    placeholderData: (kept) => kept,
  });
  const release = async ({ id, name, room }: QuarantinedFile) => {
    const body = <p>Everybody who reads the message in {room} can fetch the file from then on.</p>;
    if (!(await ask({ title: `Release ${name}?`, body, action: "Release", grave: true }))) return;
    if ((await act(() => call("quarantine.release", { file: id }))) !== undefined)
      notices.show(`${name} was released.`);
  };
  const remove = async ({ id, name }: QuarantinedFile) => {
    const body = <p>Its bytes are deleted; the message keeps its name. This cannot be undone.</p>;
    if (!(await ask({ title: `Delete ${name}?`, body, action: "Delete", grave: true }))) return;
    if ((await act(() => call("quarantine.remove", { file: id }))) !== undefined) notices.show(`${name} was deleted.`);
  };
  const deciding: Column<QuarantinedFile> = {
    head: "Decide",
    cell: (file) => (
      <span className="row wrap">
        <Button variant="default" size="xs" aria-label={`Release: ${file.name}`} onClick={() => void release(file)}>
          Release
        </Button>
        <Button variant="default" size="xs" aria-label={`Delete: ${file.name}`} onClick={() => void remove(file)}>
          Delete
        </Button>
      </span>
    ),
  };
  return (
    <Part
      title="Files in quarantine"
      about="Nobody can fetch these files. Release one that is harmless, or delete it; both are in the audit."
    >
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data?.unlisted !== undefined && (
        <Note tone="warn">
          {data.unlisted} more are in quarantine, for which the list of an earlier version had no room.
        </Note>
      )}
      <Table
        label="Files in quarantine"
        columns={may("files.quarantine") ? [...columns, deciding] : columns}
        rows={data?.files ?? []}
        keyOf={({ id }) => id}
        nothing={data === undefined ? "Loading …" : "No file is in quarantine."}
        busy={data === undefined || isPlaceholderData}
      />
      <Pager trail={trail} next={data?.next} waits={isPlaceholderData} back="Newer" on="Older" />
    </Part>
  );
}

const columns: readonly Column<QuarantinedFile>[] = [
  {
    head: "File",
    cell: ({ name, bytes }) => (
      <>
        <bdi className="break">{name}</bdi>
        <span className="dim block">{describeBytes(bytes)}</span>
      </>
    ),
  },
  { head: "Found", cell: ({ signature }) => <span className="break">{signature ?? "not checked: no scanner"}</span> },
  { head: "Room", cell: ({ room, seq }) => `${room} #${seq}` },
  { head: "Sender", cell: ({ sender }) => sender.replace(/^user\//, "") },
  { head: "Since", wide: true, cell: ({ sinceMs }) => momentOf(sinceMs) },
];

const withoutText = {
  allow: "Files that no scanner can check are let through.",
  hold: "Files that no scanner can check wait.",
  refuse: "No files are taken while no scanner answers.",
} as const;

function Scanners() {
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: [...all, "scanners"],
    queryFn: () => seen("quarantine.scanners"),
  });
  return (
    <Part title="Scanners" about="Nodes with the setting antivirus check files by clamd.">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data !== undefined && (
        <>
          <p className="flush">
            {data.scan ? withoutText[data.withoutScanner] : "Files are not checked: files.scan is false."}
          </p>
          {data.scanners.length > 0 && (
            <ul aria-label="Scanners">
              {data.scanners.map(({ node, state, reason }) => (
                <li key={node} className={state === "failed" ? "state-bad" : undefined}>
                  {node}: {state === "ready" ? "answers" : state === "failed" ? `does not answer: ${reason}` : "starts"}
                </li>
              ))}
            </ul>
          )}
          {data.scanners.length === 0 && (
            <p className="dim flush">
              No node has a scanner. Install clamd on the machine of a node, and start the node with{" "}
              <Told text="`plexus up --antivirus unix:/run/clamav/clamd.ctl`" />.
            </p>
          )}
        </>
      )}
    </Part>
  );
}
