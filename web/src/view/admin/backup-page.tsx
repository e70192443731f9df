import { AdminPage } from "./frame.tsx";
import { Approvals } from "./backup/approvals.tsx";
import { BackupKeys } from "./backup/keys.tsx";
import { Folders } from "./backup/folders.tsx";
import { Prune } from "./backup/prune.tsx";
import { Recall } from "./backup/recall.tsx";
import { Schedules } from "./backup/schedules.tsx";
import { Holds, Snapshots } from "./backup/snapshots.tsx";
import { State } from "./backup/state.tsx";
import { Tasks } from "./backup/tasks.tsx";
import "./backup/backup.css";

/** The backups of the cluster, for admins: how they stand, what is in them, and all that is done with them. */
export function BackupPage() {
  return (
    <AdminPage title="Backups" needs="cluster.see" refusal="Only admins see and make backups.">
      <State />
      <Approvals />
      <Tasks />
      <Folders />
      <Snapshots />
      <Recall />
      <Schedules />
      <Prune />
      <Holds />
      <BackupKeys />
    </AdminPage>
  );
}
