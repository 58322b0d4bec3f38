const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

/** 09:05:07, in the reader's time zone. */
export function clockTime(date) {
  return clock.format(date);
}

export function dayName(date) {
  return day.format(date);
}
