import type { Permission } from "../../../../protocols/index.ts";
import { useRights } from "../parts/rights.ts";

/** A screen of the administration: `/admin/PAGE`. */
interface AdminPlace {
  readonly page: string;
  readonly title: string;
  readonly needs: Permission;
  /** The command that shows the same. */
  readonly command?: string;
}

/** Screens that belong together, under one heading. */
interface AdminArea {
  readonly title: string;
  readonly places: readonly AdminPlace[];
}

/** Every screen. One that is added is a line here and one of `index.tsx`. */
export const adminAreas: readonly AdminArea[] = [
  {
    title: "Cluster",
    places: [
      { needs: "cluster.see", page: "overview", title: "Overview", command: "nodes" },
      { needs: "cluster.see", page: "nodes", title: "Nodes", command: "nodes" },
      { needs: "cluster.see", page: "slots", title: "Slots", command: "slots" },
      { needs: "cluster.see", page: "actors", title: "Actors", command: "actors list" },
      { needs: "cluster.see", page: "rooms", title: "Rooms" },
      { needs: "cluster.see", page: "models", title: "Models", command: "models" },
      { needs: "cluster.see", page: "shards", title: "Shards", command: "shards" },
      { needs: "cluster.see", page: "backup", title: "Backups", command: "backup list" },
      { needs: "cluster.see", page: "tasks", title: "Tasks", command: "tasks" },
      { needs: "config.read", page: "configuration", title: "Configuration", command: "config" },
      { needs: "config.read", page: "branding", title: "Branding", command: "branding" },
      { needs: "cluster.see", page: "terminal", title: "Terminal" },
    ],
  },
  {
    title: "What happens",
    places: [
      { needs: "cluster.see", page: "metrics", title: "Metrics", command: "requests" },
      { needs: "logs.read", page: "logs", title: "Logs", command: "logs --follow" },
      { needs: "traces.read", page: "traces", title: "Traces", command: "traces" },
      { needs: "cluster.administer", page: "profiles", title: "Profiles", command: "profile list" },
      { needs: "cluster.see", page: "usage", title: "Usage", command: "usage" },
    ],
  },
  {
    title: "People and power",
    places: [
      { needs: "people.see", page: "people", title: "People", command: "users list" },
      { needs: "people.see", page: "roles", title: "Roles", command: "roles" },
      { needs: "audit.read", page: "audit", title: "Audit", command: "audit" },
      { needs: "alerts.read", page: "alerts", title: "Alerts", command: "alerts" },
      { needs: "audit.read", page: "quarantine", title: "Quarantine", command: "files quarantine list" },
    ],
  },
];

/** Those that the person may see; areas without one are left out. */
export function useAdminAreas(): readonly AdminArea[] {
  const { may } = useRights();
  return adminAreas
    .map((area) => ({ ...area, places: area.places.filter(({ needs }) => may(needs)) }))
    .filter(({ places }) => places.length > 0);
}
