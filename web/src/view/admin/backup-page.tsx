import { MenuButton } from "../dialogs.tsx";
import { useProfile } from "../lists.ts";
import { Note } from "../note.tsx";
import { Approvals } from "./backup/approvals.tsx";
import { BackupKeys } from "./backup/keys.tsx";
import { Prune } from "./backup/prune.tsx";
import { Recall } from "./backup/recall.tsx";
import { Schedules } from "./backup/schedules.tsx";
import { Holds, Snapshots } from "./backup/snapshots.tsx";
import { State } from "./backup/state.tsx";
import { Tasks } from "./backup/tasks.tsx";
import "../settings/settings.css";
import "./admin.css";
import "./backup/backup.css";

/** The backups of the cluster, for admins: how they stand, what is in them, and all that is done with them. */
export function BackupPage() {
  const admin = useProfile()?.admin;
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">Backups</h1>
      </header>
      <div className="settings">
        <div className="settings-body admin-body">
          {admin === false && <Note tone="warn">Only admins see and make backups.</Note>}
          {admin === true && (
            <>
              <State />
              <Approvals />
              <Tasks />
              <Snapshots />
              <Recall />
              <Schedules />
              <Prune />
              <Holds />
              <BackupKeys />
            </>
          )}
        </div>
      </div>
    </main>
  );
}
