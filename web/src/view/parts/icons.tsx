import { logoUrl, useBrand } from "../shell/brand.ts";

/** The page's icons: 24 × 24 outlines drawn for it, so that no icon package is needed. */
const shapes = {
  hash: "M5 9h14M5 15h14M10 4 8 20M16 4l-2 16",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  plus: "M12 5v14M5 12h14",
  send: "M5 12 4 4l17 8-17 8 1-8zm0 0h8",
  stop: "M7 7h10v10H7z",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM20 20l-4.8-4.8",
  people:
    "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3 19c.6-3.4 2.8-5 6-5s5.4 1.6 6 5M15.5 5a3 3 0 0 1 0 " +
    "5.800M17.5 14.300c2 .5 3.2 2 3.6 4.7",
  pin: "M9 4h6l-.8 6 3.3 3.5h-11L9.8 10zM12 13.5V20",
  reply: "M10 6 4 12l6 6M4 12h9c4 0 6.5 2 7 6",
  quote: "M5 6v12M9 8h10M9 12h10M9 16h6",
  forward: "M14 6l6 6-6 6M20 12h-9c-4 0-6.500 2-7 6",
  thread: "M4 5h16v11H11l-5 4v-4H4zM8 9h8M8 12.5h5",
  smile: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM8.5 14c.9 1.3 2 2 3.5 2s2.6-.7 3.5-2M9 9.5v.1M15 9.5v.1",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  more: "M6 12v.1M12 12v.1M18 12v.1",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  refresh: "M19 8a8 8 0 1 0 1 6M20 4v4.5h-4.5",
  settings:
    "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 " +
    "0 0 0 0 5z",
  good:
    "M7 10.5 11 4c1.600 0 2.200 1 2 2.300L12.500 9.500H18c1.200 0 2 1 1.700 2.200l-1.500 6c-.2 1-1 1.600-2 " +
    "1.600H7zM7 10.500H4v8.800h3",
  bad:
    "M7 13.5 11 20c1.600 0 2.200-1 2-2.300l-.5-3.200H18c1.200 0 2-1 " +
    "1.700-2.200l-1.500-6c-.2-1-1-1.600-2-1.600H7zM7 13.500H4V4.700h3",
  check: "M5 12.5 10 17l9-10",
  spark: "M12 4l1.8 5.200L19 11l-5.2 1.800L12 18l-1.8-5.200L5 11l5.2-1.800zM19 16.5v4M17 18.5h4",
  key: "M14.5 13a4.5 4.5 0 1 0-4.2-3L4 16.300V20h3.700v-2.5h2.5V15l1.8-1.800c.8-.1 1.6-.2 2.5-.2zM16 7.5v.1",
  leave: "M14 4H5v16h9M10 12h10M16.5 8.5 20 12l-3.5 3.5",
  sun:
    "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.400M5.6 18.4 7 " +
    "17M17 7l1.4-1.4",
  warning: "M12 4 2.5 20h19zM12 10v4.5M12 17.5v.1",
  keyboard: "M3 6h18v12H3zM7 10v.1M12 10v.1M17 10v.1M8 14h8",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-4 3.5-6 7.5-6s6.7 2 7.5 6",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M8.500 9.500v.1",
  sound: "M4 10v4h4l5 4.5v-13L8 10zM16.5 9a4 4 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11",
  microphone: "M12 15a3 3 0 0 0 3-3V7a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 12a6 6 0 0 0 12 0M12 18v3",
  poll: "M6 20v-7M12 20V4M18 20V9",
  star: "M12 4l2.500 5.200 5.700.800-4.100 4 1 5.700L12 17l-5.100 2.700 1-5.700-4.100-4 5.700-.8z",
  mute: "M6 16.500V11a6 6 0 0 1 9.500-4.900M18 10v6.500H8M10 19.500a2.200 2.200 0 0 0 4 0M4 4l16 16",
  bell: "M6 16.500V11a6 6 0 0 1 12 0v5.500zM4.500 16.500h15M10 19.500a2.200 2.200 0 0 0 4 0",
  archive: "M4 5h16v4H4zM5.500 9v10h13V9M10 13h4",
  back: "M14 6l-6 6 6 6",
  clip: "M8 12.500l6-6a2.500 2.500 0 0 1 4 3.500l-8 8a4 4 0 0 1-6-5.500l8-8.500",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.500V12l3.200 2",
  format: "M3 18l5-12 5 12M4.800 14h6.400M21 18v-7M21 14.500a3 3 0 1 0-6 0 3 3 0 0 0 6 0z",
} as const;

export type IconName = keyof typeof shapes;

/** One icon, as tall as `size`; decorative, so the control around it carries the name. */
export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={name === "stop" ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth={name === "more" ? 3 : 1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={shapes[name]} />
    </svg>
  );
}

/** The logo of the cluster, or the mark of Plexus: actors and the lines between them. */
export function Mark({ size = 28 }: { readonly size?: number }) {
  const { logo } = useBrand();
  if (logo !== undefined)
    return (
      <img src={logoUrl(logo)} width={size} height={size} alt="" className="mark" style={{ objectFit: "contain" }} />
    );
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="mark">
      <rect width="32" height="32" rx="8" fill="#4f46e5" />
      <path
        d="M10 10 22 10M10 10 10 22M22 10 16 17M10 22 16 17M16 17 23 23"
        stroke="#fff"
        strokeWidth="2"
        strokeLinecap="round"
        opacity=".75"
      />
      <g fill="#fff">
        <circle cx="10" cy="10" r="3" />
        <circle cx="22" cy="10" r="3" />
        <circle cx="10" cy="22" r="3" />
        <circle cx="16" cy="17" r="2.4" />
        <circle cx="23" cy="23" r="3" />
      </g>
    </svg>
  );
}
