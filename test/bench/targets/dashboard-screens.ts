/** What screens of the dashboard ask for, and how often: the first twenty are open where a bench has open dashboards.
 *  `test/machines/browser/cluster.test.ts` compares this with what a browser asks for. */
export interface DashboardScreen {
  readonly page: string;
  readonly asks: readonly { readonly path: string; readonly everyMs: number }[];
}

const summary = { path: "/admin/cluster/summary", everyMs: 2_000 };
const overview: DashboardScreen = {
  page: "overview",
  asks: [
    summary,
    { path: "/admin/status", everyMs: 5_000 },
    { path: "/admin/actors?status=quarantined&limit=50", everyMs: 5_000 },
    { path: "/admin/alerts?state=open&limit=5", everyMs: 5_000 },
    { path: "/admin/audit?limit=8", everyMs: 5_000 },
  ],
};
const screen = (page: string, ...asks: DashboardScreen["asks"]): DashboardScreen => ({ page, asks });

/** Most look at the overview; the others are at a screen each. */
export const dashboardScreens: readonly DashboardScreen[] = [
  overview,
  screen("nodes", summary, { path: "/admin/cluster/directory/voters", everyMs: 2_000 }),
  overview,
  screen("slots", summary, { path: "/admin/cluster/slots?show=all&order=name&limit=50", everyMs: 3_000 }),
  overview,
  screen("actors", summary, { path: "/admin/actors?limit=50", everyMs: 3_000 }),
  overview,
  screen("rooms", { path: "/admin/rooms?limit=50", everyMs: 5_000 }),
  overview,
  screen(
    "metrics",
    summary,
    { path: "/admin/metrics/history?range=hour&points=240&per=cluster", everyMs: 15_000 },
    { path: "/admin/requests?by=route&range=hour&order=requests&limit=25&charts=5", everyMs: 15_000 },
  ),
  overview,
  screen("tasks", { path: "/admin/tasks", everyMs: 2_000 }),
  overview,
  screen("audit", { path: "/admin/audit?limit=50", everyMs: 5_000 }),
  overview,
  screen("alerts", { path: "/admin/alerts?state=open&limit=25", everyMs: 5_000 }),
  overview,
  screen("logs", summary, { path: "/admin/logs?limit=200", everyMs: 1_000 }),
  overview,
  screen("shards", { path: "/admin/shards", everyMs: 5_000 }),
];
