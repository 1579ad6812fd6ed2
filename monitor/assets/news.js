// What is said aloud of changes: that something failed, and that a receiver came or went. Figures are not: they change all the time.
import { batchTime, cut, number, several } from "/assets/format.js";

/** Milliseconds between two announcements: what happens meanwhile is said together. */
const PACE = 10000;

/** Characters of a reason. */
const REASON = 160;

const reason = (text) => cut(text.split("\n")[0], REASON);

/** What has happened from one overview to a later one, as sentences. */
export function news(before, after) {
  const told = [];
  const failures = after.statistics.numFailedBatches - before.statistics.numFailedBatches;
  const last = after.completed.find((batch) => batch.firstFailureReason !== null);
  if (failures > 0) {
    const said = failures === 1 ? "A batch failed" : `${number(failures)} batches failed`;
    told.push(last ? `${said}${failures === 1 ? "" : ", the last"} at ${batchTime(last.batchId, last.batchDuration, false)}: ${reason(last.firstFailureReason)}` : `${said}.`);
  }
  for (const stream of after.receivers) {
    const known = before.receivers.find((other) => other.streamId === stream.streamId);
    if (!known || stream.isActive === null) continue;
    if (stream.numErrors > known.numErrors) told.push(`Receiver ${stream.streamName}: ${reason(stream.lastError ?? "an error")}`);
    // They all end with the application.
    if (after.state === "RUNNING" && stream.isActive !== known.isActive) told.push(`Receiver ${stream.streamName} is ${stream.isActive ? "active" : "inactive"}.`);
  }
  const dropped = after.statistics.numDroppedEvents;
  if (dropped > 0 && before.statistics.numDroppedEvents === 0) told.push(missing(after.statistics));
  return told;
}

/** That events were dropped, and what is missing by that; nothing when none were. */
export function missing({ numDroppedEvents: dropped, numUntoldBatches: untold }) {
  if (!dropped && !untold) return "";
  const batches = untold ? ` The end of ${several(untold, "batch", "batches")} was not told.` : "";
  return `${several(dropped, "event")} ${dropped === 1 ? "was" : "were"} not told because the listeners were behind: figures are missing.${batches}`;
}

/** Says what is new in a place that screen readers watch. */
export class Announcer {
  constructor(place) { this.place = place; }

  told(overview, now = Date.now()) {
    if (this.before === undefined) this.before = overview;
    if (this.at !== undefined && now - this.at < PACE) return;
    const sentences = news(this.before, overview);
    this.before = overview;
    if (sentences.length === 0) return;
    this.at = now;
    // A sentence that is said again is another one.
    this.place.replaceChildren(...sentences.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
  }
}
