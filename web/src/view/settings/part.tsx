import type { ReactNode } from "react";
import { Told } from "../parts/told.tsx";

/** A titled part of a settings screen. */
export function Part({
  title,
  about,
  children,
}: {
  readonly title: string;
  readonly about?: string;
  readonly children: ReactNode;
}) {
  return (
    <section className="part" aria-label={title}>
      <h2>{title}</h2>
      {about !== undefined && (
        <p className="dim">
          <Told text={about} />
        </p>
      )}
      {children}
    </section>
  );
}
