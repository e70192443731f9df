import { memo, useState } from "react";
import { hash32 } from "../../../../protocols/ids.ts";
import { initials, isAgent, nameOf } from "../../model/index.ts";
import { useFaces } from "./faces.ts";

// Dark enough for white letters (contrast 4.5 or more), far enough apart to tell ten people from each other.
const colours = [
  "#4f46e5",
  "#0f766e",
  "#b0372c",
  "#8a5200",
  "#1d66b8",
  "#9333a8",
  "#3f6f1c",
  "#b3256b",
  "#4a5a73",
  "#7a4bc2",
];

/** A picture, or letters on a colour that belongs to the name; round for agents. Decorative where the name stands
 *  beside it. */
export const Avatar = memo(function Avatar({
  principal,
  label,
  size = 36,
  says,
}: {
  readonly principal: string;
  readonly label?: string;
  readonly size?: number;
  /** What it is called, where it stands for itself. */
  readonly says?: string | undefined;
}) {
  const face = useFaces()(principal);
  // Its node is away, or it was replaced since the list of people was loaded: the letters do.
  const [missing, setMissing] = useState<string>();
  const colour = colours[hash32(principal) % colours.length] ?? "#4f46e5";
  return (
    <span
      className={isAgent(principal) ? "avatar agent" : "avatar"}
      style={{ width: size, height: size, fontSize: size * 0.38, background: colour }}
      aria-hidden={says === undefined}
    >
      <span aria-hidden="true">{initials(label ?? nameOf(principal))}</span>
      {face !== undefined && face !== missing && (
        <img
          src={face}
          alt={says ?? ""}
          width={size}
          height={size}
          loading="lazy"
          decoding="async"
          draggable={false}
          onError={() => setMissing(face)}
        />
      )}
    </span>
  );
});
