// The page of an application: it is told of everything that changes, and shows it.
import { ask, byId, say, tell } from "/assets/dom.js";
import { duration, number } from "/assets/format.js";
import { Charts, DRAWN, History } from "/assets/charts.js";
import { Graph } from "/assets/graph.js";
import { header, showCondition } from "/assets/header.js";
import { Link, condition } from "/assets/link.js";
import { Announcer } from "/assets/news.js";
import { Pager } from "/assets/pager.js";
import { queues } from "/assets/queues.js";
import { active, completed, operators, receivers, states } from "/assets/tables.js";

const charts = new Charts(byId("charts"));
const graph = new Graph(byId("graph"));
const announcer = new Announcer(byId("news"));
const link = new Link({ found: catchUp, heard, changed: showState });
const pager = new Pager(
  (before, limit) => ask(`${link.here.path}/batches?status=COMPLETED&limit=${limit}${before === undefined ? "" : `&before=${before}`}`),
  (batches) => {
    completed(batches);
    paging();
  },
);
let history = new History(), latest, fetching = false;

const trouble = (text) => tell(byId("trouble"), text);

function showState() {
  showCondition(byId("state"), byId("condition"), condition(latest?.state, link.how, link.since));
}

/** Asks for what the charts show, from the beginning. */
async function catchUp() {
  if (fetching) return;
  fetching = true;
  try {
    const whole = await ask(`${link.here.path}/timelines?limit=${DRAWN}`);
    history = new History();
    history.take(whole);
    if (latest) show();
  } finally {
    fetching = false;
  }
}

function heard(overview) {
  latest = overview;
  showState();
  announcer.told(overview);
  if (!history.take(overview.timelines)) catchUp().catch(() => {});
  // A page that nobody sees draws nothing.
  if (document.visibilityState === "visible") show();
}

function show() {
  const { statistics, stateOperators: state } = latest;
  header(latest);
  const counts = `${number(statistics.numActiveBatches)} active, ${number(statistics.numTotalCompletedBatches)} completed`;
  say(byId("timelines-title"), `Timelines (Last ${number(history.ids.length)} batches, ${counts})`);
  charts.update(history, latest);
  graph.update(latest.operators, latest.receivers);
  operators(latest.operators);
  receivers(latest.receivers);
  queues(latest.receivers, latest.queues);
  byId("state-section").hidden = byId("state-link").hidden = state.numCommits === 0 && state.operators.length === 0;
  states(state);
  say(byId("commits"), `${number(state.numCommits)} commits, the last took ${duration(state.lastCommitTime)}, the mean is ${duration(state.avgCommitTime)}`);
  say(byId("active-title"), `Active Batches (${number(statistics.numActiveBatches)})`);
  active(latest.active, statistics.numActiveBatches);
  pager.update(latest.completed, statistics.numRetainedCompletedBatches);
  const retained = number(statistics.numRetainedCompletedBatches);
  say(byId("completed-title"), `Completed Batches (last ${retained} out of ${number(statistics.numTotalCompletedBatches)})`);
}

function paging() {
  say(byId("place"), pager.place);
  // Not disabled: that would take the focus from whoever pressed it.
  for (const [id, can] of [["newest", !pager.newest], ["newer", !pager.newest], ["older", pager.more]]) {
    byId(id).setAttribute("aria-disabled", String(!can));
  }
}

for (const [id, turn] of [["newest", () => pager.first()], ["newer", () => pager.newer()], ["older", () => pager.older()]]) {
  byId(id).addEventListener("click", () => turn().then(() => trouble(null), (error) => trouble(`The batches cannot be had: ${error.message}`)));
}
byId("stop").addEventListener("click", async () => {
  if (!confirm("Stop the application? What was received is processed first.")) return;
  try {
    await ask(`${link.here.path}/stop`, { method: "POST" });
    trouble(null);
  } catch (error) {
    trouble(`The application cannot be stopped: ${error.message}`);
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && latest) show();
});

link.begin();
