/** The administration of the cluster, at `/admin`: everything of it is a part of the page that people who chat never
 *  load.
 *
 *      router.tsx ─ /admin, /admin/PAGE, /admin/PAGE/ITEM ─► index.tsx ─► one screen, loaded on its own
 *                                                                             │
 *      queries (TanStack Query) and `act` ◄───────────────────────────────────┘
 *                │
 *                └─► /api/v1/admin/…: the same routes that `plexus` and other programs use
 *
 *  A screen is a line of `places.ts`, one below, and a component in an `AdminPage` (frame.tsx). What it shows is part
 *  of the address, so back, links and reloading lead to it. Lists are pages, or have only what is on the screen in the
 *  document (`table.tsx`). What it changes asks first, says what comes of it, and asks for a fresh proof of who it is
 *  where the node wants one. */
import { Navigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, type ComponentType } from "react";
import { AdminHeader, NoPlace } from "./frame.tsx";
import { adminAreas, useAdminAreas } from "./places.ts";

const screen = <Name extends string>(load: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name) =>
  lazy(async () => ({ default: (await load())[name] }));

// Each is loaded when somebody goes there.
const screens: Readonly<Record<string, ComponentType>> = {
  overview: screen(() => import("./overview/overview-page.tsx"), "OverviewPage"),
  nodes: screen(() => import("./nodes-page.tsx"), "NodesPage"),
  slots: screen(() => import("./actors/slots-page.tsx"), "SlotsPage"),
  actors: screen(() => import("./actors/actors-page.tsx"), "ActorsPage"),
  rooms: screen(() => import("./rooms/rooms-page.tsx"), "RoomsPage"),
  models: screen(() => import("./models-page.tsx"), "ModelsPage"),
  shards: screen(() => import("./shards-page.tsx"), "ShardsPage"),
  backup: screen(() => import("./backup-page.tsx"), "BackupPage"),
  tasks: screen(() => import("./tasks/tasks-page.tsx"), "TasksPage"),
  configuration: screen(() => import("./configuration/configuration-page.tsx"), "ConfigurationPage"),
  people: screen(() => import("./people/people-page.tsx"), "PeoplePage"),
  roles: screen(() => import("./roles/roles-page.tsx"), "RolesPage"),
  audit: screen(() => import("./audit/audit-page.tsx"), "AuditPage"),
  quarantine: screen(() => import("./quarantine-page.tsx"), "QuarantinePage"),
  alerts: screen(() => import("./alerts/alerts-page.tsx"), "AlertsPage"),
  metrics: screen(() => import("./metrics/metrics-page.tsx"), "MetricsPage"),
  logs: screen(() => import("./logs/logs-page.tsx"), "LogsPage"),
  traces: screen(() => import("./traces/traces-page.tsx"), "TracesPage"),
  branding: screen(() => import("./branding-page.tsx"), "BrandingPage"),
  terminal: screen(() => import("./terminal-page.tsx"), "TerminalPage"),
  profiles: screen(() => import("./profiles/profiles-page.tsx"), "ProfilesPage"),
  usage: screen(() => import("./usage/usage-page.tsx"), "UsagePage"),
};
/** Screens below a screen: `/admin/PAGE/ITEM`. */
const items: Readonly<Record<string, ComponentType>> = {
  people: screen(() => import("./people/person-page.tsx"), "PersonPage"),
  profiles: screen(() => import("./profiles/profile-page.tsx"), "ProfilePage"),
};

/** The screen of an address below `/admin`. */
export function Administration() {
  const { page, item } = useParams({ strict: false });
  const [first] = useAdminAreas().flatMap(({ places }) => places);
  if (page === undefined)
    return first === undefined ? (
      <NoPlace />
    ) : (
      <Navigate to="/admin/$page" params={{ page: first.page }} search={{}} replace />
    );
  const place = adminAreas.flatMap(({ places }) => places).find((one) => one.page === page);
  const Screen = (item === undefined ? screens : items)[page];
  if (place === undefined || Screen === undefined) return <NoPlace unknown />;
  return (
    <Suspense fallback={<AdminHeader title={place.title} />}>
      <Screen />
    </Suspense>
  );
}
