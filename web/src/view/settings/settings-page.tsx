import { getRouteApi, Link } from "@tanstack/react-router";
import { useLayoutEffect, useRef } from "react";
import { MenuButton } from "../dialogs.tsx";
import { useProfile } from "../lists.ts";
import { Devices } from "./devices.tsx";
import { Keys } from "./keys.tsx";
import { Profile } from "./profile.tsx";
import { Usage } from "./usage.tsx";
import "./settings.css";

const route = getRouteApi("/settings/$section");

const sections = [
  { section: "profile", title: "Profile and theme" },
  { section: "devices", title: "Devices and password" },
  { section: "keys", title: "API keys" },
  { section: "usage", title: "Usage and budgets" },
] as const;

/** The user's own settings. */
export function SettingsPage() {
  const { section } = route.useParams();
  const isAdmin = useProfile()?.admin === true;
  const nav = useRef<HTMLElement>(null);
  // On a phone the sections are a strip that is wider than the screen.
  useLayoutEffect(() => {
    nav.current?.querySelector(".active")?.scrollIntoView({ block: "nearest", inline: "nearest" });
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
            <>
              <Link to="/admin/models" className="place">
                Models of this node
              </Link>
              <Link to="/admin/shards" className="place">
                Shards of the cluster
              </Link>
              <Link to="/admin/backup" className="place">
                Backups
              </Link>
            </>
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
    case "devices":
      return <Devices />;
    case "keys":
      return <Keys />;
    case "usage":
      return <Usage />;
    default:
      return <Profile />;
  }
}
