import type { ReactNode } from "react";

/** A name that opens the card of its person. Browsers leave the text of a `<button>` out of what is copied,
 *  so it is none. */
export function PersonName({
  person,
  className,
  title,
  children,
}: {
  /** Absent: it opens nothing. */
  readonly person: string | undefined;
  readonly className: string;
  readonly title?: string | undefined;
  readonly children: ReactNode;
}) {
  if (person === undefined)
    return (
      <span className={className} title={title} dir="auto">
        {children}
      </span>
    );
  return (
    <span
      role="button"
      tabIndex={0}
      className={className}
      title={title}
      dir="auto"
      data-person={person}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        event.currentTarget.click();
      }}
    >
      {children}
    </span>
  );
}
