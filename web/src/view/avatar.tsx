import { memo } from "react";
import { hash32 } from "../../../protocols/ids.ts";
import { initials, isAgent, nameOf } from "../model/index.ts";

// Dark enough for white letters (contrast 4.5 or more), far enough apart to tell ten people from each other.
const colours = [
  "#4f46e5", "#0f766e", "#b0372c", "#8a5200", "#1d66b8", "#9333a8", "#3f6f1c", "#b3256b", "#4a5a73", "#7a4bc2",
]; // prettier-ignore

/** Letters on a colour that belongs to the name; round for agents. Decorative: the name stands beside it. */
export const Avatar = memo(function Avatar({
  principal,
  label,
  size = 36,
}: {
  readonly principal: string;
  readonly label?: string;
  readonly size?: number;
}) {
  const colour = colours[hash32(principal) % colours.length] ?? "#4f46e5";
  return (
    <span
      className={isAgent(principal) ? "avatar agent" : "avatar"}
      style={{ width: size, height: size, fontSize: size * 0.38, background: colour }}
      aria-hidden="true"
    >
      {initials(label ?? nameOf(principal))}
    </span>
  );
});
