import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Home } from "./home.tsx";
import { messagePanels, roomPanels, type RoomSearch } from "../room/address.ts";
import { RoomPage } from "../room/room-page.tsx";
import { BrokenScreen } from "./broken-screen.tsx";
import { NothingHere, Shell } from "./shell.tsx";
import { mount } from "../../wire/index.ts";

/** What a screen of the administration shows; part of the address, so that back and links lead to it. Each screen knows
 *  its own names. */
type AdminSearch = Readonly<Record<string, string>>;

const texts = (search: Record<string, unknown>): AdminSearch =>
  Object.fromEntries(
    Object.entries(search).flatMap(([name, value]) =>
      (typeof value === "string" && value !== "") || typeof value === "number" ? [[name, String(value)]] : [],
    ),
  );

const administration = lazyRouteComponent(() => import("../admin/index.tsx"), "Administration");

/** A search of messages lies beside every screen: what was typed, and its order. */
interface ShellSearch {
  readonly find?: string;
  readonly best?: "yes";
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NothingHere,
  validateSearch: ({ find, best }: Record<string, unknown>): ShellSearch => {
    // A number that was typed is read as one.
    const text = typeof find === "number" ? String(find) : find;
    return typeof text === "string" ? { find: text, ...(best === "yes" && { best }) } : {};
  },
});

const positionIn = (value: unknown): number | undefined => {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
};

/** What of it is shown beside what was missed. */
const catchUpViews = ["threads", "mentions", "reactions", "drafts"] as const;
interface CatchUpSearch {
  readonly of?: (typeof catchUpViews)[number];
}

const routes = root.addChildren([
  createRoute({ getParentRoute: () => root, path: "/", component: Home }),
  createRoute({
    getParentRoute: () => root,
    path: "/room/$room",
    component: RoomPage,
    validateSearch: (search: Record<string, unknown>): RoomSearch => {
      const { panel, topic } = search;
      const seq = positionIn(search["seq"]);
      const at = positionIn(search["at"]);
      return {
        ...(roomPanels.some((one) => one === panel) || (messagePanels.some((one) => one === panel) && seq !== undefined)
          ? { panel: panel as NonNullable<RoomSearch["panel"]> }
          : {}),
        ...(seq === undefined ? {} : { seq }),
        ...(at === undefined ? {} : { at }),
        // A name that is only digits comes as a number.
        ...(typeof topic === "string" || typeof topic === "number" ? { topic: String(topic) } : {}),
      };
    },
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/agent/$agent",
    component: lazyRouteComponent(() => import("../agent/agent-page.tsx"), "AgentPage"),
    validateSearch: (search: Record<string, unknown>): { readonly at?: number } => {
      const at = positionIn(search["at"]);
      return at === undefined ? {} : { at };
    },
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/compare/$first/$second",
    component: lazyRouteComponent(() => import("../agent/compare-page.tsx"), "ComparePage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/temporary/$agent",
    component: lazyRouteComponent(() => import("../agent/temporary-page.tsx"), "TemporaryPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings/$section",
    component: lazyRouteComponent(() => import("../settings/settings-page.tsx"), "SettingsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/catchup",
    component: lazyRouteComponent(() => import("../catching/catch-up-page.tsx"), "CatchUpPage"),
    validateSearch: ({ of }: Record<string, unknown>): CatchUpSearch =>
      catchUpViews.some((one) => one === of) ? { of: of as NonNullable<CatchUpSearch["of"]> } : {},
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/later",
    component: lazyRouteComponent(() => import("../schedule/later-page.tsx"), "LaterPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/saved",
    component: lazyRouteComponent(() => import("../schedule/saved-page.tsx"), "SavedPage"),
  }),
  // Everything of the administration is loaded when somebody goes there, its addresses included (admin/index.tsx).
  createRoute({ getParentRoute: () => root, path: "/admin", component: administration, validateSearch: texts }),
  createRoute({ getParentRoute: () => root, path: "/admin/$page", component: administration, validateSearch: texts }),
  createRoute({
    getParentRoute: () => root,
    path: "/admin/$page/$item",
    component: administration,
    validateSearch: texts,
  }),
]);

/** The page's addresses. */
export const router = createRouter({
  routeTree: routes,
  basepath: mount === "" ? "/" : mount,
  defaultPreload: "intent",
  defaultErrorComponent: BrokenScreen,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
