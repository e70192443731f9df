import { Button } from "@mantine/core";
import { useCopy } from "./clipboard.ts";
import "./copyable.css";

/** A text with a button that copies it. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
  const { copied, copy } = useCopy();
  return (
    <div className="copyable">
      <pre tabIndex={0}>{text}</pre>
      <Button variant="default" size="xs" onClick={() => copy(text)} aria-label={label}>
        {copied ? "Copied" : "Copy"}
      </Button>
    </div>
  );
}
