// The page of an application: it is told of everything that changes, and shows it.
import { application, ask, batchTime, byId, duration, figures, number, rate, say, uptime } from "/assets/dom.js";
import { Charts, DRAWN, History } from "/assets/charts.js";
import { Graph } from "/assets/graph.js";
import { queues } from "/assets/queues.js";
import { active, completed, operators, receivers, states } from "/assets/tables.js";

const PAGE = 20;
const charts = new Charts(byId("charts"));
const graph = new Graph(byId("graph"));
let here, history = new History(), latest, offset = 0, fetching = false;

function trouble(text) {
  const place = byId("trouble");
  place.hidden = !text;
  say(place, text ?? "");
}

function header(overview) {
  const { statistics } = overview;
  const badge = byId("state");
  say(badge, overview.state);
  badge.className = `badge ${overview.state === "RUNNING" ? "good" : overview.state === "STOPPED" ? "bad" : ""}`;
  say(byId("name"), overview.name);
  if (document.title !== overview.name) document.title = overview.name;
  const verb = overview.state === "STOPPED" ? "Ran" : "Running";
  const counts = `${number(statistics.numTotalCompletedBatches)} completed batches, ${number(statistics.numProcessedRecords)} records`;
  say(byId("summary"), `${verb} batches of ${overview.interval} for ${uptime(overview.now - overview.started)} since ${batchTime(overview.started, 1000)} (${counts})`);
  const [busiest] = [...overview.operators].sort((one, other) => other.busyShare - one.busyShare);
  say(byId("busiest"), busiest?.busyShare > 0 ? `Most time goes into ${busiest.definedBy}: ${number(busiest.busyShare * 100)} % of that of all operators` : "");
  byId("stop").hidden = !overview.canStop;
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
  if (statistics.numDroppedEvents > 0) trouble(`${number(statistics.numDroppedEvents)} events were not told because the listeners were behind: figures are missing.`);
}

async function catchUp() {
  if (fetching) return;
  fetching = true;
  try {
    const whole = await ask(`${here.path}/timelines?limit=${DRAWN}`);
    history = new History();
    history.take(whole);
    if (latest) show(latest);
  } catch (error) {
    trouble(error.message);
  } finally {
    fetching = false;
  }
}

function show(overview) {
  latest = overview;
  const { statistics } = overview;
  header(overview);
  if (!history.take(overview.timelines)) catchUp();
  const counts = `${number(statistics.numActiveBatches)} active, ${number(statistics.numTotalCompletedBatches)} completed`;
  say(byId("timelines-title"), `Timelines (last ${number(history.ids.length)} batches, ${counts})`);
  charts.update(history, overview);
  graph.update(overview.operators, overview.receivers);
  operators(overview.operators);
  receivers(overview.receivers);
  queues(overview.receivers, overview.queues);
  const state = overview.stateOperators;
  byId("state-section").hidden = byId("state-link").hidden = state.numCommits === 0 && state.operators.length === 0;
  states(state);
  say(byId("commits"), `${number(state.numCommits)} commits, the last took ${duration(state.lastCommitTime)}, the mean is ${duration(state.avgCommitTime)}`);
  say(byId("active-title"), `Active batches (${number(statistics.numActiveBatches)})`);
  active(overview.active);
  if (offset === 0) page(overview.completed);
  else paging();
}

function page(batches) {
  completed(batches);
  paging();
}

function paging() {
  const retained = latest.statistics.numRetainedCompletedBatches;
  say(byId("completed-title"), `Completed batches (last ${number(retained)} out of ${number(latest.statistics.numTotalCompletedBatches)})`);
  say(byId("place"), retained === 0 ? "" : `${number(offset + 1)} to ${number(Math.min(offset + PAGE, retained))}`);
  byId("newer").disabled = offset === 0;
  byId("older").disabled = offset + PAGE >= retained;
}

async function turn(to) {
  offset = Math.max(0, to);
  if (offset === 0) return page(latest.completed);
  try {
    page(await ask(`${here.path}/batches?status=COMPLETED&limit=${PAGE}&offset=${offset}`));
  } catch (error) {
    trouble(error.message);
  }
}

byId("newer").addEventListener("click", () => turn(offset - PAGE));
byId("older").addEventListener("click", () => turn(offset + PAGE));
byId("stop").addEventListener("click", async () => {
  if (!confirm("Stop the application? What was received is processed first.")) return;
  try {
    await ask(`${here.path}/stop`, { method: "POST" });
  } catch (error) {
    trouble(error.message);
  }
});

function listen() {
  const source = new EventSource(`${here.path}/live`);
  let lost;
  source.addEventListener("overview", (event) => {
    clearTimeout(lost);
    lost = undefined;
    const overview = JSON.parse(event.data);
    trouble(null);
    if (document.visibilityState === "visible" || !latest) show(overview);
  });
  source.addEventListener("error", () => {
    // The stream ends after some minutes, and the browser asks for the next: that is no news.
    lost ??= setTimeout(() => {
      say(byId("state"), "NO ANSWER");
      byId("state").className = "badge bad";
    }, 2500);
    // Another program may be here by now; a browser gives up when its answer is not a stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(begin, 2000);
  });
}

async function begin() {
  try {
    const found = await application();
    if (here && here.id !== found.id) return location.reload();
    here = found;
    await catchUp();
    listen();
  } catch (error) {
    trouble(`There is no answer: ${error.message}`);
    setTimeout(begin, 2000);
  }
}

begin();
