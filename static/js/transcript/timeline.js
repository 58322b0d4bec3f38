import { element, oncePerFrame } from "../lib/dom.js";
import { formatClock, formatDuration } from "../lib/format.js";
import { HIGH_CONTEXT, reasonText, statusText } from "../lib/status.js";
import { pages } from "./history.js";

const TYPES = ["agent:status", "agent:context"];
/** More segments than pixels would show nothing more. */
const MAX_SEGMENTS = 300;
const CHART_HEIGHT_PX = 130;
/** The margins of uPlot's drawing area, in pixels, so that the segments above it share its time axis. */
const MARGIN_PX = { left: 44, right: 12 };
/** Half the width of a time label below the chart. */
const HALF_LABEL_PX = 30;
const REDRAW_INTERVAL_MS = 10_000;

/** An agent's status and context level over time, as far back as is retained. Fetched and drawn when opened. */
export class Timeline {
  #panel;
  #agentId;
  #segments = element("ol", { class: "timeline", "aria-label": "Status over time" });
  #chart = element("div", { class: "context-chart", role: "img", "aria-label": chartLabel([]) });
  #value = element("p", { class: "context-value", "aria-hidden": "true" });
  #nothing = element("p", { class: "muted", hidden: true }, "Nothing reported yet");
  #events = new Map(); // by seq
  #fetched;
  #plot;
  #draw = oncePerFrame(() => this.#render());

  /**
   * @param {HTMLElement} panel
   * @param {string} agentId
   */
  constructor(panel, agentId) {
    this.#panel = panel;
    this.#agentId = agentId;
    panel.append(this.#segments, this.#chart, this.#value, this.#nothing);
    new ResizeObserver(() => this.#draw()).observe(panel);
    setInterval(() => this.#draw(), REDRAW_INTERVAL_MS);
  }

  get open() {
    return !this.#panel.hidden;
  }

  async toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    if (!this.open) return;
    const { default: Plot } = await import("../../vendor/uplot/uplot.js");
    this.#plot ??= new Plot(
      options(Plot, this.#chart.clientWidth, (text) => (this.#value.textContent = text)),
      [[], []],
      this.#chart,
    );
    this.#fetched ??= this.#fetch().catch(() => (this.#fetched = undefined));
    this.#draw();
  }

  /** Forgets all events, because the stream's history has changed. */
  reset() {
    this.#events.clear();
    this.#fetched = undefined;
  }

  /** @param {...any} events */
  add(...events) {
    for (const event of events) if (TYPES.includes(event.type)) this.#events.set(event.seq, event);
    if (this.open) this.#draw();
  }

  async #fetch() {
    for await (const { events } of pages(this.#agentId, 0, TYPES)) this.add(...events);
  }

  #eventsOf(type) {
    return [...this.#events.values()].filter((event) => event.type === type).sort((one, other) => one.seq - other.seq);
  }

  #render() {
    if (!this.open || !this.#plot) return;
    const [statuses, contexts] = TYPES.map((type) => this.#eventsOf(type));
    this.#segments.hidden = !statuses.length;
    this.#chart.hidden = this.#value.hidden = !contexts.length;
    this.#nothing.hidden = statuses.length + contexts.length > 0;
    const first = Math.min(...[statuses[0], contexts[0]].filter(Boolean).map(time), Date.now() - 60_000);
    const range = { min: first / 1000, max: Date.now() / 1000 };
    this.#renderStatuses(statuses, range);
    if (!contexts.length) return;
    this.#plot.setSize({ width: this.#chart.clientWidth, height: CHART_HEIGHT_PX });
    this.#plot.setData(chartData(contexts, range.max), false);
    this.#plot.setScale("x", range);
    this.#chart.setAttribute("aria-label", chartLabel(contexts));
  }

  #renderStatuses(statuses, { min, max }) {
    const shown = statuses.slice(-MAX_SEGMENTS);
    const ends = [...shown.slice(1).map((event) => time(event) / 1000), max];
    const segments = shown.map((event, index) => segment(event, time(event) / 1000, ends[index]));
    const start = shown.length ? time(shown[0]) / 1000 : max;
    this.#segments.replaceChildren(gap(start - min), ...segments);
  }
}

/** Times and levels; the last reported level still holds. */
function chartData(contexts, now) {
  const times = contexts.map((event) => time(event) / 1000);
  const levels = contexts.map(({ payload }) => payload.contextLevel);
  return levels.length
    ? [
        [...times, now],
        [...levels, levels.at(-1)],
      ]
    : [[], []];
}

function chartLabel(contexts) {
  const levels = contexts.map(({ payload }) => payload.contextLevel).filter((level) => level !== null);
  if (!levels.length) return "Context level over time: none reported";
  return `Context level over time: from ${levels[0]} % to ${levels.at(-1)} %, at most ${levels.reduce((one, other) => Math.max(one, other))} %`;
}

const time = ({ timestamp }) => Date.parse(timestamp);

function gap(seconds) {
  const empty = element("li", { class: "timeline-gap", "aria-hidden": "true" });
  empty.style.flexGrow = Math.max(0, seconds);
  return empty;
}

function segment({ payload: { status, reason }, timestamp }, from, to) {
  const label = `${statusText(status)} ${reasonText(reason)}`.trim();
  const title = `${label}, ${formatClock(new Date(timestamp))} for ${formatDuration(to - from)}`;
  const item = element(
    "li",
    { class: "timeline-segment", "data-status": status, title },
    element("span", {}, statusText(status)),
  );
  item.append(element("span", { class: "visually-hidden" }, title.slice(statusText(status).length)));
  item.style.flexGrow = Math.max(0.01, to - from);
  return item;
}

/** @returns {import("../../vendor/uplot/uplot.js").Options} */
function options(Plot, width, tell) {
  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const color = (name) => () => resolveColor(variable(name));
  const axis = {
    stroke: color("--muted"),
    font: "12px system-ui",
    grid: { stroke: color("--border"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: CHART_HEIGHT_PX,
    padding: [10, MARGIN_PX.right, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false },
    hooks: { setCursor: [(plot) => tell(valueAt(plot))], draw: [(plot) => drawLimit(plot, color("--waiting")())] },
    legend: { show: false },
    scales: { x: { time: true, auto: false }, y: { range: [0, 100] } },
    axes: [
      { ...axis, size: 30, space: 90, values: timeLabels },
      {
        ...axis,
        size: MARGIN_PX.left,
        splits: () => [0, 25, 50, 75, 100],
        values: (_, splits) => splits.map((level) => `${level} %`),
      },
    ],
    series: [
      {},
      { stroke: color("--accent"), width: 2, points: { show: false }, paths: Plot.paths.stepped({ align: 1 }) },
    ],
  };
}

/** What the chart shows under the pointer. @param {any} plot */
function valueAt({ cursor: { idx }, data: [times, levels] }) {
  const level = levels[idx];
  if (level === undefined || level === null) return "";
  return `${formatClock(new Date(times[idx] * 1000))} · context ${level} %`;
}

/** A line from which on the context is almost full. */
function drawLimit(plot, color) {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(HIGH_CONTEXT, "y", true);
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** A label for each grid line; none where the edge would cut it off. */
function timeLabels(plot, splits) {
  const width = plot.width - MARGIN_PX.left - MARGIN_PX.right;
  const fits = (seconds) => plot.valToPos(seconds, "x") <= width - HALF_LABEL_PX + MARGIN_PX.right;
  return splits.map((seconds) => (fits(seconds) ? formatClock(new Date(seconds * 1000)) : ""));
}

/** Resolves light-dark(), which a canvas doesn't support. */
function resolveColor(value) {
  const probe = element("span");
  probe.style.color = value;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
