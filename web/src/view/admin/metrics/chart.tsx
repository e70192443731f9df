import { useEffect, useRef } from "react";
import { locale } from "../../../model/locale.ts";
import UPlot from "uplot";
import { clockTime } from "../../parts/time.ts";
import "uplot/dist/uPlot.min.css";

/** One line, or one row of bars, of a chart. */
interface ChartLine {
  readonly label: string;
  /** Null where nothing is known. */
  readonly values: readonly (number | null)[];
}

// Told apart by people who see few colours, and against both backgrounds.
const colours = {
  light: ["#4f46e5", "#c2410c", "#0f766e", "#a21caf", "#a16207", "#0369a1", "#be123c", "#4d7c0f", "#6b7280", "#7c3aed"],
  dark: ["#8a90f5", "#fb923c", "#2dd4bf", "#e879f9", "#facc15", "#38bdf8", "#fb7185", "#a3e635", "#9ca3af", "#c4b5fd"],
} as const;
const heightPx = 168;

/** Lines or bars over time, with the values under the pointer in its legend. A person who cannot see it hears the
 *  newest and the highest value. */
export function Chart(props: {
  readonly title: string;
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly text: (value: number) => string;
  readonly bars?: boolean;
}) {
  const { title, times, lines, text, bars } = props;
  const frame = useRef<HTMLDivElement>(null);
  const shown = useRef<UPlot>(undefined);
  const data = useRef<UPlot.AlignedData>([[]]);
  data.current = [times, ...lines.map(({ values }) => values)] as unknown as UPlot.AlignedData;
  const say = useRef(text);
  say.current = text;
  const labels = JSON.stringify(lines.map(({ label }) => label));
  useEffect(() => {
    const at = frame.current;
    if (at === null) return undefined;
    const root = document.documentElement;
    let isNear = false;
    const make = () => {
      if (!isNear) return;
      shown.current?.destroy();
      shown.current = new UPlot(
        optionsOf(JSON.parse(labels) as string[], { at, bars: bars === true, say }),
        data.current,
        at,
      );
    };
    // One that nobody has scrolled to is not drawn: a screen has two dozen of them.
    const near = new IntersectionObserver(
      (entries) => {
        if (isNear || !entries.some((entry) => entry.isIntersecting)) return;
        isNear = true;
        near.disconnect();
        make();
      },
      { rootMargin: "200px" },
    );
    near.observe(at);
    const resized = new ResizeObserver(() => shown.current?.setSize({ width: at.clientWidth, height: heightPx }));
    resized.observe(at);
    const recoloured = new MutationObserver(make);
    recoloured.observe(root, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => {
      near.disconnect();
      resized.disconnect();
      recoloured.disconnect();
      shown.current?.destroy();
      shown.current = undefined;
    };
  }, [labels, bars]);
  useEffect(() => shown.current?.setData(data.current), [times, lines]);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={frame} role="img" aria-label={`${title}. ${spoken(lines, text)}`} />
    </figure>
  );
}

/** The newest and the highest value of each line, in words. */
function spoken(lines: readonly ChartLine[], text: (value: number) => string): string {
  return lines
    .map(({ label, values }) => {
      const known = values.filter((value) => value !== null);
      const newest = known.at(-1);
      if (newest === undefined) return `${label}: nothing is known`;
      return `${label}: ${text(newest)}, at most ${text(known.reduce((most, value) => Math.max(most, value), newest))}`;
    })
    .join("; ");
}

const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
const dayOf = (atMs: number): string => day.format(atMs);

/** Whether a figure is of a whole day. */
const isOfDays = (times: ArrayLike<number>): boolean => (times[1] ?? 0) - (times[0] ?? 0) >= 86_400;

const wholeSteps = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** The steps between marks. Whole things have no halves: a mark there would say the next whole number. */
const stepsFor = (say: (value: number) => string): { readonly incrs?: number[] } =>
  say(0.5) === say(0) || say(0.5) === say(1) ? { incrs: wholeSteps } : {};

/** A mark that says the same as the one before says nothing. */
const distinct = (texts: readonly string[]): string[] => texts.map((text, at) => (text === texts[at - 1] ? "" : text));

function newestOf(values: UPlot.AlignedData[number] | undefined): number | undefined {
  for (let at = (values?.length ?? 0) - 1; at >= 0; at -= 1)
    if (typeof values?.[at] === "number") return values[at] ?? undefined;
  return undefined;
}

function optionsOf(
  labels: readonly string[],
  {
    at,
    bars,
    say,
  }: {
    readonly at: HTMLElement;
    readonly bars: boolean;
    readonly say: { readonly current: (value: number) => string };
  },
): UPlot.Options {
  const scheme = document.documentElement.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";
  const css = getComputedStyle(document.documentElement);
  const [dim, line] = [css.getPropertyValue("--dim"), css.getPropertyValue("--line")];
  const font = `12px ${getComputedStyle(at).fontFamily}`;
  const axis = { stroke: dim, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const paths = bars ? UPlot.paths.bars?.({ size: [0.7, 60] }) : undefined;
  return {
    width: Math.max(160, at.clientWidth),
    height: heightPx,
    legend: { live: true },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_chart, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        space: 64,
        values: (chart, ticks) =>
          ticks.map((tick) => (bars || isOfDays(chart.data[0]) ? dayOf : clockTime)(tick * 1_000)),
      },
      {
        ...axis,
        ...stepsFor(say.current),
        size: 64,
        values: (_chart, ticks) => distinct(ticks.map((tick) => say.current(tick))),
      },
    ],
    series: [
      {},
      ...labels.map((label, index): UPlot.Series => {
        const colour = colours[scheme][index % colours[scheme].length] ?? dim;
        return {
          label,
          stroke: colour,
          width: bars ? 0 : 1.6,
          spanGaps: false,
          points: { show: false },
          // Without a pointer on the chart, the newest.
          value: (chart, value: number | null, at, index) => {
            const told = index === null || index === undefined ? newestOf(chart.data[at]) : value;
            return told === null || told === undefined ? "–" : say.current(told);
          },
          ...(labels.length === 1 && !bars && { fill: `${colour}22` }),
          ...(bars && { fill: colour }),
          ...(paths && { paths }),
        };
      }),
    ],
  };
}
