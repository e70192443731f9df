import { Link } from "@tanstack/react-router";
import { useLayoutEffect, useRef, type ReactNode } from "react";
import type { Permission } from "../../../../protocols/index.ts";
import { at } from "../../wire/index.ts";
import { MenuButton } from "../shell/dialogs.tsx";
import { Note } from "../parts/note.tsx";
import { useRights } from "../parts/rights.ts";
import { useAdminAreas } from "./places.ts";
import "../settings/settings.css";
import "./admin.css";

/** A page of the administration, beside the list of its pages. */
export function AdminPage(props: {
  readonly title: string;
  readonly needs: Permission;
  /** Said to a person who may not see it. */
  readonly refusal: string;
  /** Tables and charts have more room. */
  readonly wide?: boolean;
  readonly children: ReactNode;
}) {
  const { title, needs, refusal, wide, children } = props;
  const { known, may } = useRights();
  return (
    <AdminHeader title={title}>
      <div className={`settings-body admin-body${wide === true ? " wide" : ""}`}>
        {known && !may(needs) && <Note tone="warn">{refusal}</Note>}
        {may(needs) && children}
      </div>
    </AdminHeader>
  );
}

/** The title and the list of pages, with what belongs beside it. */
export function AdminHeader({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  const areas = useAdminAreas();
  const { may } = useRights();
  const nav = useRef<HTMLElement>(null);
  const command = areas.flatMap(({ places }) => places).find((place) => place.title === title)?.command;
  // On a phone the pages are a strip that is wider than the screen.
  useLayoutEffect(() => {
    nav.current?.querySelector(".active")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [areas.length]);
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow ellipsis">{title}</h1>
        {command !== undefined && (
          <Link
            to="/admin/$page"
            params={{ page: "terminal" }}
            search={{ run: command }}
            className="by-command"
            aria-label={`Type it in the terminal: plexus ${command}`}
          >
            plexus {command}
          </Link>
        )}
      </header>
      <div className="settings">
        {areas.length > 0 && (
          <nav ref={nav} aria-label="Administration" className="admin-nav">
            {areas.map((area) => (
              <div key={area.title} role="group" aria-label={area.title}>
                <div className="section" aria-hidden="true">
                  {area.title}
                </div>
                {area.places.map(({ page, title: name }) => (
                  <Link
                    key={page}
                    to="/admin/$page"
                    params={{ page }}
                    search={{}}
                    className="place"
                    activeOptions={{ includeSearch: false }}
                    activeProps={{ className: "place active" }}
                  >
                    {name}
                  </Link>
                ))}
              </div>
            ))}
            {may("cluster.see") && (
              <a className="place" href={at("/api-docs/")} target="_blank" rel="noopener">
                Interface for programs
              </a>
            )}
          </nav>
        )}
        {children}
      </div>
    </main>
  );
}

/** Where there is no screen: of this address, or for this person. */
export function NoPlace({ unknown }: { readonly unknown?: true }) {
  const { known } = useRights();
  return (
    <AdminHeader title="Administration">
      <div className="settings-body">
        {unknown === true ? (
          <Note tone="plain">No screen of the administration has this address.</Note>
        ) : (
          known && <Note tone="warn">Only admins see this.</Note>
        )}
      </div>
    </AdminHeader>
  );
}
