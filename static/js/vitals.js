import { element } from "./dom.js";
import { clockTime } from "./clock.js";
import { oncePerFrame } from "./follow-workspace.js";
import { reasonWords, statusWord } from "./status.js";

/** More points than there are pixels show nothing more. */
const MOST_SEGMENTS = 300;
const HEIGHT = 130;
/** Where uPlot's drawing area begins and ends, so that the segments above it share its time axis. */
const AXIS = { left: 44, right: 12 };

/** What an agent was doing, and how full its context was, over the time that is loaded: drawn once it is asked for. */
export class Vitals {
  #panel;
  #segments = element("ol", { class: "timeline", "aria-label": "Status over time" });
  #chart = element("div", { class: "context-chart", role: "img" });
  #statuses = [];
  #contexts = [];
  #plot;
  #draw = oncePerFrame(() => this.#render());

  constructor(panel) {
    this.#panel = panel;
    panel.append(this.#segments, this.#chart);
    new ResizeObserver(() => this.#draw()).observe(panel);
    setInterval(() => this.#draw(), 10_000);
  }

  get open() {
    return !this.#panel.hidden;
  }

  async toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    if (!this.open) return;
    const { default: Plot } = await import("../vendor/uplot/uplot.js");
    this.#plot ??= new Plot(options(Plot, this.#chart.clientWidth), [[], []], this.#chart);
    this.#draw();
  }

  reset() {
    this.#statuses = [];
    this.#contexts = [];
  }

  add(event) {
    this.#listFor(event)?.push(event);
    if (this.open) this.#draw();
  }

  addEarlier(events) {
    this.#statuses.unshift(...events.filter(({ type }) => type === "agent:status"));
    this.#contexts.unshift(...events.filter(({ type }) => type === "agent:context"));
    if (this.open) this.#draw();
  }

  #listFor({ type }) {
    return { "agent:status": this.#statuses, "agent:context": this.#contexts }[type];
  }

  #render() {
    if (!this.open || !this.#plot) return;
    const first = Math.min(...[this.#statuses[0], this.#contexts[0]].filter(Boolean).map(time), Date.now() - 60_000);
    const range = { min: first / 1000, max: Date.now() / 1000 };
    this.#renderStatuses(range);
    this.#plot.setSize({ width: this.#chart.clientWidth, height: HEIGHT });
    this.#plot.setData(this.#levels(range.max), false);
    this.#plot.setScale("x", range);
    this.#chart.setAttribute("aria-label", this.#words());
  }

  /** What was reported last still holds. */
  #levels(now) {
    const times = this.#contexts.map((event) => time(event) / 1000);
    const levels = this.#contexts.map(({ payload }) => payload.contextLevel);
    return levels.length ? [[...times, now], [...levels, levels.at(-1)]] : [[], []];
  }

  #renderStatuses({ min, max }) {
    const shown = this.#statuses.slice(-MOST_SEGMENTS);
    const pieces = shown.map((event, index) => segment(event, time(event) / 1000, index + 1 < shown.length ? time(shown[index + 1]) / 1000 : max));
    const start = shown.length ? time(shown[0]) / 1000 : max;
    this.#segments.replaceChildren(gap(start - min), ...pieces);
  }

  #words() {
    if (!this.#contexts.length) return "Context level over time: none reported";
    const levels = this.#contexts.map(({ payload }) => payload.contextLevel);
    return `Context level over time: from ${levels[0]} % to ${levels.at(-1)} %, at most ${Math.max(...levels)} %`;
  }
}

const time = ({ timestamp }) => Date.parse(timestamp);

function gap(seconds) {
  const empty = element("li", { class: "timeline-gap", "aria-hidden": "true" });
  empty.style.flexGrow = Math.max(0, seconds);
  return empty;
}

function segment({ payload: { status, reason }, timestamp }, from, to) {
  const what = `${statusWord(status)} ${reasonWords(reason)}`.trim();
  const words = `${what}, ${clockTime(new Date(timestamp))} for ${duration(to - from)}`;
  const item = element("li", { class: "timeline-segment", "data-status": status, title: words }, element("span", {}, statusWord(status)));
  item.append(element("span", { class: "visually-hidden" }, words.slice(statusWord(status).length)));
  item.style.flexGrow = Math.max(0.01, to - from);
  return item;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

function options(Plot, width) {
  const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ink = (name) => () => resolved(colour(name)());
  const axis = { stroke: ink("--muted"), font: "12px system-ui", grid: { stroke: ink("--border"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [10, AXIS.right, 0, 0],
    cursor: { drag: { x: false, y: false } },
    legend: { show: false },
    scales: { x: { time: true, auto: false }, y: { range: [0, 100] } },
    axes: [{ ...axis, size: 30, space: 90, values: (_, splits) => splits.map((seconds) => clockTime(new Date(seconds * 1000))) }, { ...axis, size: AXIS.left, splits: () => [0, 25, 50, 75, 100], values: (_, splits) => splits.map((level) => `${level} %`) }],
    series: [{}, { stroke: ink("--accent"), width: 2, points: { show: false }, paths: Plot.paths.stepped({ align: 1 }) }],
  };
}

/** A canvas does not know light-dark(); an element does. */
function resolved(value) {
  const probe = element("span");
  probe.style.color = value;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
