import type { ReactNode, SubmitEvent } from "react";
import type { Faults } from "./faults.ts";
import { Note } from "./note.tsx";

/** A form: the only way to one. What was wrong goes when somebody types or tries again; a refusal stands at its field, or below the form.
 *  `id` is its own among all forms of the page: by it a test finds each, and provokes what it refuses. */
export function Form(props: {
  readonly id: string;
  /** Of a form that only searches there are none: what it finds says it. */
  readonly faults?: Faults;
  readonly className?: string;
  readonly label?: string;
  readonly labelledBy?: string;
  readonly onSubmit: (form: HTMLFormElement) => unknown;
  readonly children: ReactNode;
}) {
  const { id, faults, className, label, labelledBy, onSubmit, children } = props;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    // A form in a layer is the child of what has opened it, which may be in a form of its own.
    event.stopPropagation();
    faults?.clear();
    onSubmit(event.currentTarget);
  };
  return (
    <form
      data-form={id}
      className={className}
      aria-label={label}
      aria-labelledby={labelledBy}
      onInput={faults?.clear}
      onSubmit={submit}
    >
      {children}
      {faults?.whole !== undefined && (
        <div className="form-fault">
          <Note tone="bad">{faults.whole}</Note>
        </div>
      )}
    </form>
  );
}
