// The head of the page: what runs, since when, how it fares.
import { byId, figures, say, tell } from "/assets/dom.js";
import { batchTime, duration, interval, number, rate, uptime } from "/assets/format.js";
import { missing } from "/assets/news.js";

/** What runs, and since when. */
export function summary({ state, statistics, now, started }) {
  const verb = state === "STOPPED" ? "Ran" : "Running";
  const counts = `${number(statistics.numTotalCompletedBatches)} completed batches, ${number(statistics.numProcessedRecords)} records`;
  return `${verb} batches of ${interval(statistics.batchDuration)} for ${uptime(now - started)} since ${batchTime(started, 1000)} (${counts})`;
}

export function header(overview) {
  const { statistics } = overview;
  say(byId("name"), overview.name);
  if (document.title !== overview.name) document.title = overview.name;
  say(byId("summary"), summary(overview));
  const [busiest] = [...overview.operators].sort((one, other) => other.busyShare - one.busyShare);
  say(byId("busiest"), busiest?.busyShare > 0 ? `Most time goes into ${busiest.definedBy}: ${number(busiest.busyShare * 100)} % of that of all operators` : "");
  const stop = byId("stop");
  // Whoever pressed it is not sent to the top of the page.
  if (!overview.canStop && document.activeElement === stop) byId("main").focus({ preventScroll: true });
  stop.hidden = !overview.canStop;
  figures(byId("figures"), [
    ["Input rate, mean", `${rate(statistics.avgInputRate)}/s`],
    ["Processing time, mean", duration(statistics.avgProcessingTime)],
    ["Total delay, mean", duration(statistics.avgTotalDelay)],
    ["Completed batches", number(statistics.numTotalCompletedBatches)],
    ["Records processed", number(statistics.numProcessedRecords)],
    ["Active batches", number(statistics.numActiveBatches)],
    ["Failed batches", number(statistics.numFailedBatches)],
    ["Receivers active", `${statistics.numActiveReceivers}/${statistics.numReceivers}`],
  ]);
  tell(byId("dropped"), missing(statistics));
}

/** The badge and the message of a condition. */
export function showCondition(badge, message, { badge: [text, kind], message: told }) {
  say(badge, text);
  badge.className = `badge ${kind}`;
  tell(message, told);
}
