import { element } from "../lib/dom.js";
import { clockTime } from "../lib/format.js";
import { oncePerFrame } from "../lib/follow-workspace.js";
import { pages } from "./history.js";
import { reasonWords, statusWord } from "../lib/status.js";

const TYPES = ["agent:status", "agent:context"];
/** More points than there are pixels show nothing more. */
const MOST_SEGMENTS = 300;
const HEIGHT = 130;
/** Where uPlot's drawing area begins and ends, so that the segments above it share its time axis. */
const AXIS = { left: 44, right: 12 };
/** Half the width of a time below the chart. */
const HALF_TIME = 30;

/** What an agent was doing, and how full its context was, as long as is kept: fetched and drawn once it is asked for. */
export class Vitals {
  #panel;
  #agentId;
  #segments = element("ol", { class: "timeline", "aria-label": "Status over time" });
  #chart = element("div", { class: "context-chart", role: "img" });
  #events = new Map(); // by seq
  #whole;
  #plot;
  #draw = oncePerFrame(() => this.#render());

  constructor(panel, agentId) {
    this.#panel = panel;
    this.#agentId = agentId;
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
    const { default: Plot } = await import("../../vendor/uplot/uplot.js");
    this.#plot ??= new Plot(options(Plot, this.#chart.clientWidth), [[], []], this.#chart);
    this.#whole ??= this.#fetch().catch(() => (this.#whole = undefined));
    this.#draw();
  }

  reset() {
    this.#events.clear();
    this.#whole = undefined;
  }

  add(...events) {
    for (const event of events) if (TYPES.includes(event.type)) this.#events.set(event.seq, event);
    if (this.open) this.#draw();
  }

  async #fetch() {
    for await (const { events } of pages(this.#agentId, 0, TYPES)) this.add(...events);
  }

  #of(type) {
    return [...this.#events.values()].filter((event) => event.type === type).sort((one, other) => one.seq - other.seq);
  }

  #render() {
    if (!this.open || !this.#plot) return;
    const [statuses, contexts] = TYPES.map((type) => this.#of(type));
    const first = Math.min(...[statuses[0], contexts[0]].filter(Boolean).map(time), Date.now() - 60_000);
    const range = { min: first / 1000, max: Date.now() / 1000 };
    this.#renderStatuses(statuses, range);
    this.#plot.setSize({ width: this.#chart.clientWidth, height: HEIGHT });
    this.#plot.setData(chart(contexts, range.max), false);
    this.#plot.setScale("x", range);
    this.#chart.setAttribute("aria-label", words(contexts));
  }

  #renderStatuses(statuses, { min, max }) {
    const shown = statuses.slice(-MOST_SEGMENTS);
    const pieces = shown.map((event, index) => segment(event, time(event) / 1000, index + 1 < shown.length ? time(shown[index + 1]) / 1000 : max));
    const start = shown.length ? time(shown[0]) / 1000 : max;
    this.#segments.replaceChildren(gap(start - min), ...pieces);
  }
}

/** Times and levels; what was reported last still holds. */
function chart(contexts, now) {
  const times = contexts.map((event) => time(event) / 1000);
  const levels = contexts.map(({ payload }) => payload.contextLevel);
  return levels.length ? [[...times, now], [...levels, levels.at(-1)]] : [[], []];
}

function words(contexts) {
  if (!contexts.length) return "Context level over time: none reported";
  const levels = contexts.map(({ payload }) => payload.contextLevel);
  return `Context level over time: from ${levels[0]} % to ${levels.at(-1)} %, at most ${levels.reduce((one, other) => Math.max(one, other))} %`;
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
    axes: [{ ...axis, size: 30, space: 90, values: times }, { ...axis, size: AXIS.left, splits: () => [0, 25, 50, 75, 100], values: (_, splits) => splits.map((level) => `${level} %`) }],
    series: [{}, { stroke: ink("--accent"), width: 2, points: { show: false }, paths: Plot.paths.stepped({ align: 1 }) }],
  };
}

/** The time of each line; none where it would be cut off by the edge. */
function times(plot, splits) {
  const width = plot.width - AXIS.left - AXIS.right;
  const fits = (seconds) => plot.valToPos(seconds, "x") <= width - HALF_TIME + AXIS.right;
  return splits.map((seconds) => (fits(seconds) ? clockTime(new Date(seconds * 1000)) : ""));
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
