// How figures are written for people.

export function number(value, digits = 0) {
  if (value === null || value === undefined) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

export const rate = (value) => (value === null || value === undefined ? "-" : number(value, value < 10 ? 2 : value < 100 ? 1 : 0));

export const several = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;

/** The beginning of a text, of no more characters than that. */
export const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${number(value, unit === 0 ? 0 : 1)} ${units[unit]}`;
}

const UNITS = [["days", 86400000], ["hrs", 3600000], ["min", 60000], ["sec", 1000], ["ms", 1]];

/** The largest unit of time, with its milliseconds, of which so many milliseconds are at least one. */
export const unitOf = (ms) => UNITS.find(([, length]) => ms >= length) ?? UNITS[UNITS.length - 1];

/** Milliseconds in a unit, to the hundredth, or to two digits where that would be nothing. */
export function inUnit(ms, [name, length]) {
  if (ms === null || ms === undefined) return "-";
  const value = ms / length;
  const digits = value > 0 && value < 0.01 ? Math.min(20, 1 - Math.floor(Math.log10(value))) : 2;
  return `${number(value, digits)} ${name}`;
}

/** A duration in milliseconds, in the largest unit of which it is at least one. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "-";
  const [unit, length] = unitOf(ms);
  return `${number(ms / length, ms / length < 100 && !Number.isInteger(ms / length) ? 2 : 0)} ${unit}`;
}

const WORDS = [["day", 86400000], ["hour", 3600000], ["minute", 60000], ["second", 1000]];

/** An interval, in words: `500 ms`, `1.5 seconds`, `2 minutes`. In the largest unit of which it is a short number. */
export function interval(ms) {
  const [name, length] = WORDS.find(([, length]) => ms >= length && Number.isInteger((ms * 10) / length)) ?? (ms > 1000 ? WORDS[3] : ["ms", 1]);
  const count = number(ms / length, 3);
  return `${count} ${name}${name === "ms" || count === "1" ? "" : "s"}`;
}

/** How long something has lasted, in words: `2 hours 5 minutes`. */
export function uptime(ms) {
  const words = [];
  let left = Math.max(0, ms);
  for (const [name, length] of WORDS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) words.push(several(count, name));
  }
  return words.slice(0, 2).join(" ") || "0 seconds";
}

const two = (value, digits = 2) => String(value).padStart(digits, "0");

/** A batch's time here; with milliseconds only where batches do not come at whole seconds. */
export function batchTime(ms, interval, withDate = true) {
  const time = new Date(ms);
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const fraction = interval % 1000 === 0 ? "" : `.${two(time.getMilliseconds(), 3)}`;
  const date = withDate ? `${time.getFullYear()}/${two(time.getMonth() + 1)}/${two(time.getDate())} ` : "";
  return `${date}${clock}${fraction}`;
}
