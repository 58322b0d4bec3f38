/** Numbers and times as text. Dates and clock times follow the reader's locale and time zone. */

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const hourAndMinute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const fullDay = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const mediumDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const short = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** Nov 24, 04:30 @param {Date} date */
export const formatShort = (date) => short.format(date);

/** 09:05:07 @param {Date} date */
export const formatClock = (date) => clock.format(date);

/** 09:05 today, 26 Nov 2026, 09:05 on another day. @param {string} timestamp */
export function formatTime(timestamp) {
  const date = new Date(timestamp);
  return isToday(date) ? hourAndMinute.format(date) : formatDayAndTime(timestamp);
}

const isToday = (date) => date.toDateString() === new Date().toDateString();

/** Thursday, 26 November 2026 @param {Date} date */
export const formatFullDay = (date) => fullDay.format(date);

/** 26 Nov 2026 @param {string} timestamp */
export const formatDay = (timestamp) => mediumDay.format(new Date(timestamp));

/** 26 Nov 2026, 09:05 @param {string} timestamp */
export const formatDayAndTime = (timestamp) => dayAndTime.format(new Date(timestamp));

/** 09:05:07 today, 26 Nov 2026, 09:05 on another day. @param {string} timestamp */
export function formatMoment(timestamp) {
  const date = new Date(timestamp);
  return isToday(date) ? formatClock(date) : formatDayAndTime(timestamp);
}

/** 12,418 @param {number} count */
export const formatNumber = (count) => count.toLocaleString("en");

/**
 * "$0.42", "about $0.42" if it is estimated; "" if it is unknown.
 * @param {number} [cost] in US dollars
 * @param {boolean} [estimated]
 */
export function formatCost(cost, estimated = false) {
  if (cost === undefined) return "";
  const text =
    cost > 0 && cost < 0.005 ? "under $0.01" : cost.toLocaleString("en", { style: "currency", currency: "USD" });
  return estimated ? `about ${text}` : text;
}

/**
 * "1 agent", "12 agents".
 * @param {number} count
 * @param {string} noun
 * @param {string} [many]
 */
export function plural(count, noun, many = `${noun}s`) {
  return `${formatNumber(count)} ${count === 1 ? noun : many}`;
}

/** "25 s", "12 min", "1.5 h", "3 d". @param {number} seconds */
export function formatDuration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Number((seconds / 3_600).toFixed(1))} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/**
 * "42 %", with the tokens where they are known: "42 %, 84,000 of 200,000 tokens".
 * @param {{contextLevel: number | null, tokensUsed?: number, tokensLimit?: number}} context
 */
export function formatContext({ contextLevel, tokensUsed, tokensLimit }) {
  if (contextLevel === null) return "unknown";
  const amount =
    tokensUsed && tokensLimit ? `, ${formatNumber(tokensUsed)} of ${formatNumber(tokensLimit)} tokens` : "";
  return `${contextLevel} %${amount}`;
}
