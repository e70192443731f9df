import { Button } from "@mantine/core";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { BackupPlaces } from "../../../../../protocols/index.ts";
import { useNow } from "../../../live/index.ts";
import { Refused } from "../../../wire/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { bytes } from "../bytes.ts";
import { changes, useAct, useFolder, usePlaces } from "./queries.tsx";
import { SnapshotText } from "./snapshots.tsx";
import { inPlace } from "./where.ts";

/** So many snapshots of a folder are shown. */
const shownMax = 6;

/** Backups in folders on the machines of nodes: those that this node's operator has named, and what else has any. */
export function Folders() {
  const { data: places } = usePlaces();
  if (places === undefined) return null;
  const { node, offered, folders } = places;
  const others = folders.filter((one) => one.node !== node.id || !offered.includes(one.path));
  if (offered.length + others.length === 0) return null;
  return (
    <Part
      title="Folders"
      about={
        "Folders on the machines of nodes. To bring data back from a folder, run this in a terminal on that " +
        "machine: `plexus backup recall --from FOLDER`"
      }
    >
      {offered.map((path) => (
        <Folder key={path} path={path} places={places} />
      ))}
      {others.length > 0 && (
        <ul className="lines">
          {others.map(({ node: of, path, name, snapshots, newest }) => (
            <li key={`${of}:${path}`}>
              <span className="grow">
                <span className="line-title break">{path}</span>
                <span className="dim break">
                  on the machine of {name} ·{" "}
                  {newest === undefined
                    ? "no snapshots left"
                    : `${counted(snapshots, "snapshot")}, the newest of ${momentOf(newest.atMs)}, ` +
                      `${bytes(newest.bytes)}`}
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}

/** A folder that admins may use: what is in it, and its check. */
function Folder({ path, places }: { readonly path: string; readonly places: BackupPlaces }) {
  const act = useAct();
  const nowMs = useNow(10_000, true);
  const { data, error } = useFolder(path);
  // Its folder is made by the first backup.
  const isNew = error instanceof Refused && !places.folders.some((one) => one.path === path);
  const newestFirst = data?.snapshots.toReversed() ?? [];
  const verify = () => act(() => changes.start({ sort: "verify", depth: "shards", ...inPlace(path, places) }));
  return (
    <div className="model-row">
      <div className="row">
        <h3 className="grow break">{path}</h3>
        {newestFirst.length > 0 && (
          <Button variant="default" size="xs" aria-label={`Check the backups in ${path}`} onClick={() => void verify()}>
            Check
          </Button>
        )}
      </div>
      {error !== null && !isNew && <Note tone="bad">{error.message}</Note>}
      {(isNew || data?.snapshots.length === 0) && <p className="dim flush">It has no backup yet.</p>}
      {newestFirst.length > 0 && (
        <ul className="lines">
          {newestFirst.slice(0, shownMax).map((one) => (
            <li key={one.number}>
              <SnapshotText of={one} nowMs={nowMs} />
            </li>
          ))}
        </ul>
      )}
      {newestFirst.length > shownMax && <p className="dim">and {newestFirst.length - shownMax} older</p>}
    </div>
  );
}
