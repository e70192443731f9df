import { getRouteApi, Link } from "@tanstack/react-router";
import { useLayoutEffect, useRef } from "react";
import { MenuButton } from "../shell/dialogs.tsx";
import { useIsAdmin } from "../parts/rights.ts";
import { AccountSettings } from "./account.tsx";
import { Devices } from "./devices.tsx";
import { OwnEmojiSettings } from "./emoji.tsx";
import { Factors } from "./factors.tsx";
import { Groups } from "./groups.tsx";
import { Keys } from "./keys.tsx";
import { Notifications } from "./notifications.tsx";
import { Profile } from "./profile.tsx";
import { SharedLinks } from "./shared-links.tsx";
import { Status } from "./status.tsx";
import { Usage } from "./usage.tsx";
import "./settings.css";

const route = getRouteApi("/settings/$section");

const sections = [
  { section: "profile", title: "Profile and theme" },
  { section: "status", title: "Status" },
  { section: "notifications", title: "Notifications" },
  { section: "groups", title: "Groups" },
  { section: "emoji", title: "Emoji" },
  { section: "devices", title: "Devices and password" },
  { section: "factors", title: "Passkeys and codes" },
  { section: "account", title: "Mail and account" },
  { section: "keys", title: "API keys" },
  { section: "links", title: "Shared conversations" },
  { section: "usage", title: "Usage and budgets" },
] as const;

/** The user's own settings. */
export function SettingsPage() {
  const { section } = route.useParams();
  const isAdmin = useIsAdmin();
  const nav = useRef<HTMLElement>(null);
  // On a phone the sections are a strip that is wider than the screen.
  useLayoutEffect(() => {
    nav.current?.querySelector(".active")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [section]);
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">Settings</h1>
      </header>
      <div className="settings">
        <nav ref={nav} aria-label="Settings">
          {sections.map((entry) => (
            <Link
              key={entry.section}
              to="/settings/$section"
              params={{ section: entry.section }}
              className="place"
              activeProps={{ className: "place active" }}
            >
              {entry.title}
            </Link>
          ))}
          {isAdmin && (
            <Link to="/admin" className="place">
              Administration
            </Link>
          )}
        </nav>
        <div className="settings-body">
          <Section section={section} />
        </div>
      </div>
    </main>
  );
}

function Section({ section }: { readonly section: string }) {
  switch (section) {
    case "status":
      return <Status />;
    case "links":
      return <SharedLinks />;
    case "notifications":
      return <Notifications />;
    case "groups":
      return <Groups />;
    case "emoji":
      return <OwnEmojiSettings />;
    case "devices":
      return <Devices />;
    case "factors":
      return <Factors />;
    case "account":
      return <AccountSettings />;
    case "keys":
      return <Keys />;
    case "usage":
      return <Usage />;
    default:
      return <Profile />;
  }
}
